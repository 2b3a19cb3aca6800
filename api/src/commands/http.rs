//! Commands over HTTP: one, or many with an outcome each.

pub use super::stories::Links;
use super::stories::stories;
use super::{Fault, NAMES, read};
use crate::asking::Asking;
use crate::engine::{Engine, Settled};
use crate::problem::Problem;
use crate::server::{BULK_BODY_BYTES_MAX, Caller, whole_body};
use crate::write::{Context, Done, Key};
use actix_web::http::header::{CONTENT_TYPE, ETAG, HeaderMap};
use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, Utc};
use futures_util::future::join_all;
use mizan_domain::id::{MerchantId, derived_uuid};
use mizan_domain::onchain::secret;
use mizan_domain::text::Text;
use mizan_domain::{Invalid, card_number};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use uuid::Uuid;

/// Commands in one request.
pub const BULK_COMMANDS_MAX: usize = 1_000;
const IDEMPOTENCY_KEY_LENGTH_MAX: usize = 255;
const NDJSON: &str = "application/x-ndjson";

/// What a command did.
#[derive(Serialize, ToSchema)]
pub struct CommandAnswer {
    /// Event ids derive from it.
    pub command_id: Uuid,
    /// The stream that decided, for example `order/o-1001`.
    #[schema(example = "order/o-1001")]
    pub stream: String,
    /// The stream's revision after the command: the ETag.
    #[schema(example = 1)]
    pub revision: i64,
    /// The position of the stream's last event then. A query with `min_position` shows it, and all that followed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 12)]
    pub position: Option<i64>,
    /// What happened; nothing when the same had been said before.
    pub events: Vec<EventAnswer>,
    /// In a dry run: what would follow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consequences: Option<Vec<Consequence>>,
}

/// An event that a command made, or would make.
#[derive(Serialize, ToSchema)]
pub struct EventAnswer {
    /// Its place in the history; none in a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<i64>,
    /// Its place in the stream.
    pub revision: i64,
    /// Its id.
    pub event_id: Uuid,
    /// What happened, with its version.
    #[schema(example = "order-placed.v1")]
    pub kind: String,
    /// The event itself.
    #[schema(value_type = Object)]
    pub data: Box<RawValue>,
}

/// What would follow from a command in another stream.
#[derive(Serialize, ToSchema)]
pub struct Consequence {
    /// The stream.
    pub stream: String,
    /// What would happen there.
    pub events: Vec<EventAnswer>,
}

/// One of many commands.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BulkItem {
    /// The command's name.
    #[schema(example = "place-order")]
    pub command: String,
    /// Its body.
    #[schema(value_type = Object)]
    pub data: Box<RawValue>,
    /// Its idempotency key.
    pub idempotency_key: Option<String>,
    /// The revision that the stream must have.
    pub if_match: Option<i64>,
}

/// What became of one of many commands.
#[derive(Serialize, ToSchema)]
pub struct BulkOutcome {
    /// Its place in the request, from 0.
    pub index: usize,
    /// The HTTP status that it would have had alone.
    pub status: u16,
    /// When it was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<CommandAnswer>,
    /// When it was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
}

/// `dry_run=true` decides and appends nothing.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Options {
    #[serde(default)]
    dry_run: bool,
}

/// `POST /v1/commands/{command}`
pub(crate) async fn one(
    engine: web::Data<Engine>,
    caller: Caller,
    request: HttpRequest,
    name: web::Path<String>,
    body: Result<web::Bytes, actix_web::Error>,
) -> Result<HttpResponse, Problem> {
    let options = options(&request)?;
    expect_type(&request, &["application/json"])?;
    let body = whole_body(body, crate::server::BODY_BYTES_MAX)?;
    let command = read(&name, &body, engine.now(&caller.merchant).await?)
        .ok_or_else(|| Problem::unknown_command(&name, NAMES))??;
    let mut context = context(&caller, request.headers(), options.dry_run)?;
    let key = idempotency_key(request.headers())?;
    if let Some(key) = key {
        context = keyed(context, &name, &body, &key)?;
    }
    context.expected = expected_revision(request.headers())?;
    caller.may_ask(&command)?;
    let command_id = context.command_id;
    let settled = engine.command(command, context).await?;
    let replayed = settled.done.replayed;
    let mut response = HttpResponse::Ok();
    response.insert_header((ETAG, format!("\"{}\"", settled.done.revision)));
    if replayed {
        response.insert_header(("Idempotency-Replayed", "true"));
    }
    Ok(response.json(answer(command_id, settled, options.dry_run)))
}

/// `POST /v1/commands`
pub(crate) async fn many(
    engine: web::Data<Engine>,
    caller: Caller,
    request: HttpRequest,
    body: Result<web::Bytes, actix_web::Error>,
) -> Result<HttpResponse, Problem> {
    let options = options(&request)?;
    let is_ndjson = expect_type(&request, &["application/json", NDJSON])? == NDJSON;
    let body = whole_body(body, BULK_BODY_BYTES_MAX)?;
    let items = if is_ndjson { lines(&body) } else { array(&body)? };
    if items.len() > BULK_COMMANDS_MAX {
        let message = format!("{} commands in one request; the limit is {BULK_COMMANDS_MAX}", items.len());
        return Err(Fault { code: "too_many_commands", pointer: None, message }.into());
    }
    let context = context(&caller, request.headers(), options.dry_run)?;
    let outcomes = bulk_of(&engine, &context, (items, &mut Links::default()), |command| caller.may_ask(command)).await;
    if !is_ndjson {
        return Ok(HttpResponse::Ok().json(outcomes));
    }
    let mut body = String::new();
    for outcome in &outcomes {
        let line = serde_json::to_string(outcome).map_err(|error| Problem::unavailable(error.to_string()))?;
        body.push_str(&line);
        body.push('\n');
    }
    Ok(HttpResponse::Ok().content_type(NDJSON).body(body))
}

/// An item, or why it is none.
pub type Item = Result<BulkItem, Fault>;

fn array(body: &[u8]) -> Result<Vec<Item>, Problem> {
    let items: Vec<&RawValue> = serde_json::from_slice(body).map_err(|error| Fault {
        code: "malformed_json",
        pointer: None,
        message: format!("the body is not a JSON array of commands: {error}"),
    })?;
    Ok(items.into_iter().map(|item| super::read::body(item.get().as_bytes())).collect())
}

/// Reads one command a line; empty lines are passed over.
pub fn lines(body: &[u8]) -> Vec<Item> {
    let lines = body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    lines.map(super::read::body).collect()
}

/// Does many commands. Those that name the same order, payment, plan or customer's credit are done one after the other;
/// the others side by side, so that they share commits.
pub async fn bulk(engine: &Engine, context: &Context, items: Vec<Item>, links: &mut Links) -> Vec<BulkOutcome> {
    bulk_of(engine, context, (items, links), |_| Ok(())).await
}

async fn bulk_of(
    engine: &Engine,
    context: &Context,
    (items, links): (Vec<Item>, &mut Links),
    may_ask: impl Fn(&Asking) -> Result<(), Problem>,
) -> Vec<BulkOutcome> {
    let now = match engine.now(&context.merchant).await {
        Ok(now) => now,
        Err(not_done) => {
            let refused = |index| BulkOutcome::refused(index, not_done.clone().into());
            return (0..items.len()).map(refused).collect();
        }
    };
    let mut prepared_items = Vec::new();
    let mut outcomes = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        let prepared = prepare(context, now, index, item);
        match prepared.and_then(|it| may_ask(&it.command).map(|()| it)) {
            Ok(prepared) => prepared_items.push(prepared),
            Err(problem) => outcomes.push(BulkOutcome::refused(index, problem)),
        }
    }
    let told =
        join_all(stories(prepared_items, links).into_iter().map(|story| tell(engine, story, context.dry_run))).await;
    outcomes.extend(told.into_iter().flatten());
    outcomes.sort_by_key(|outcome| outcome.index);
    outcomes
}

pub(super) struct Prepared {
    pub(super) index: usize,
    pub(super) command: Asking,
    context: Context,
}

fn prepare(context: &Context, now: DateTime<Utc>, index: usize, item: Item) -> Result<Prepared, Problem> {
    let item = item?;
    let body = item.data.get().as_bytes();
    let command = read(&item.command, body, now);
    let command = command.ok_or_else(|| Problem::unknown_command(&item.command, NAMES))??;
    let command_id = Uuid::now_v7();
    let mut context = Context { command_id, correlation_id: command_id, ..context.clone() };
    if let Some(key) = &item.idempotency_key {
        let key = checked_key(key).map_err(|detail| Fault {
            code: "bad_idempotency_key",
            pointer: Some("/idempotency_key".into()),
            message: detail.to_owned(),
        })?;
        context = keyed(context, &item.command, body, key)?;
    }
    context.expected = item.if_match;
    Ok(Prepared { index, command, context })
}

async fn tell(engine: &Engine, story: Vec<Prepared>, dry_run: bool) -> Vec<BulkOutcome> {
    let mut outcomes = Vec::with_capacity(story.len());
    for Prepared { index, command, context } in story {
        let command_id = context.command_id;
        outcomes.push(match engine.command(command, context).await {
            Ok(settled) => {
                BulkOutcome { index, status: 200, answer: Some(answer(command_id, settled, dry_run)), problem: None }
            }
            Err(not_done) => BulkOutcome::refused(index, not_done.into()),
        });
    }
    outcomes
}

impl BulkOutcome {
    fn refused(index: usize, problem: Problem) -> Self {
        Self { index, status: problem.status, answer: None, problem: Some(problem) }
    }
}

fn answer(command_id: Uuid, settled: Settled, dry_run: bool) -> CommandAnswer {
    let consequences = dry_run.then(|| {
        let each = settled.consequences.into_iter();
        each.map(|it| Consequence { stream: it.stream.to_string(), events: event_answers(it) }).collect()
    });
    CommandAnswer {
        command_id,
        stream: settled.done.stream.to_string(),
        revision: settled.done.revision,
        position: settled.done.position.map(mizan_store::Position::number),
        events: event_answers(settled.done),
        consequences,
    }
}

fn event_answers(done: Done) -> Vec<EventAnswer> {
    let each = done.events.into_iter().filter_map(|it| {
        let data = RawValue::from_string(String::from_utf8(it.payload.to_vec()).ok()?).ok()?;
        Some(EventAnswer {
            position: it.position.map(mizan_store::Position::number),
            revision: it.revision,
            event_id: it.event_id,
            kind: it.kind.to_owned(),
            data,
        })
    });
    each.collect()
}

/// The circumstances of a command that has no key and expects no revision.
#[must_use]
pub fn plain_context(merchant: MerchantId, actor: Text) -> Context {
    let command_id = Uuid::now_v7();
    Context {
        merchant,
        actor,
        command_id,
        correlation_id: command_id,
        causation_id: None,
        trace: None,
        key: None,
        expected: None,
        dry_run: false,
    }
}

fn context(caller: &Caller, headers: &HeaderMap, dry_run: bool) -> Result<Context, Problem> {
    let trace = header(headers, "traceparent")?.filter(|it| is_traceparent(it));
    let trace = trace.and_then(|it| Text::parse(it).ok());
    let plain = plain_context(caller.merchant.clone(), caller.actor.clone());
    let correlation_id = match header(headers, "correlation-id")? {
        Some(text) => Uuid::parse_str(text).map_err(|_| Problem::bad_header("Correlation-Id", "write a UUID"))?,
        None => plain.correlation_id,
    };
    Ok(Context { trace, correlation_id, dry_run, ..plain })
}

/// W3C trace context: version, trace id, parent id, flags.
fn is_traceparent(text: &str) -> bool {
    let is_hex = |part: &str, length: usize| part.len() == length && part.bytes().all(|b| b.is_ascii_hexdigit());
    let parts: Vec<&str> = text.split('-').collect();
    matches!(parts.as_slice(), [version, trace, parent, flags]
        if is_hex(version, 2) && is_hex(trace, 32) && is_hex(parent, 16) && is_hex(flags, 2))
}

/// The key makes the command's id, so that a retry makes the same events.
fn keyed(context: Context, name: &str, body: &[u8], key: &str) -> Result<Context, Problem> {
    // Not even its hash is kept: there are few enough card numbers to try them all.
    let number = card_number::found_in(key).then_some(Invalid::CardNumber);
    if let Some(invalid) = number.or_else(|| secret::refuse(key).err()) {
        return Err(Fault { code: invalid.code(), pointer: None, message: invalid.to_string() }.into());
    }
    // Parsed and written again: white space and the order of the fields are not content.
    let content: serde_json::Value = serde_json::from_slice(body).map_err(|_| Problem::broken_body())?;
    let fingerprint = Sha256::digest(format!("{name}\n{content}").as_bytes()).to_vec();
    let hash = Sha256::digest(key.as_bytes()).to_vec();
    let command_id = derived_uuid(&["key", context.merchant.as_str(), key]);
    let is_own_correlation = context.correlation_id == context.command_id;
    let correlation_id = if is_own_correlation { command_id } else { context.correlation_id };
    Ok(Context { command_id, correlation_id, key: Some(Key { hash, fingerprint }), ..context })
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(text) = header(headers, "idempotency-key")? else { return Ok(None) };
    // The draft asks for a quoted string; everybody sends it bare.
    let key = text.strip_prefix('"').and_then(|it| it.strip_suffix('"')).unwrap_or(text);
    let key = checked_key(key).map_err(|detail| Problem::bad_header("Idempotency-Key", detail))?;
    Ok(Some(key.to_owned()))
}

fn checked_key(key: &str) -> Result<&str, &'static str> {
    let is_plain = key.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
    if key.is_empty() || key.len() > IDEMPOTENCY_KEY_LENGTH_MAX || !is_plain {
        return Err("use 1 to 255 printable ASCII characters, for example a UUID");
    }
    Ok(key)
}

/// `If-Match: "3"`, or `If-None-Match: *` for a stream that must be new.
fn expected_revision(headers: &HeaderMap) -> Result<Option<i64>, Problem> {
    if let Some(text) = header(headers, "if-none-match")? {
        return match text {
            "*" => Ok(Some(0)),
            _other => Err(Problem::bad_header("If-None-Match", "only * is understood: the stream must be new")),
        };
    }
    let Some(text) = header(headers, "if-match")? else { return Ok(None) };
    let revision = text.strip_prefix('"').and_then(|it| it.strip_suffix('"')).and_then(|it| it.parse().ok());
    match revision {
        Some(revision) if revision >= 0 => Ok(Some(revision)),
        Some(_) | None => Err(Problem::bad_header("If-Match", "write the ETag that you were given, for example \"3\"")),
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Problem> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    value.to_str().map(Some).map_err(|_| Problem::bad_header(name, "only ASCII is allowed"))
}

fn options(request: &HttpRequest) -> Result<Options, Problem> {
    let read = web::Query::<Options>::from_query(request.query_string());
    read.map(web::Query::into_inner).map_err(|error| {
        Problem::bad_parameter(
            "bad_parameter",
            "dry_run",
            &format!("{error}; only dry_run=true or dry_run=false is known"),
        )
    })
}

/// The media type of the body; none is taken as JSON.
fn expect_type<'a>(request: &HttpRequest, known: &[&'a str]) -> Result<&'a str, Problem> {
    let sent = request.headers().get(CONTENT_TYPE).and_then(|it| it.to_str().ok()).unwrap_or("application/json");
    let sent = sent.split(';').next().unwrap_or_default().trim();
    let found = known.iter().find(|it| sent.eq_ignore_ascii_case(it));
    found.copied().ok_or_else(|| Problem::unsupported_media_type(&known.join(" or ")))
}

//! The history as auditors read it: every event of the merchant, in order, byte for byte.

use crate::engine::Engine;
use crate::problem::Problem;
use crate::queries::parameters;
use crate::server::Caller;
use actix_web::http::header::ACCEPT;
use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, Utc};
use futures_util::stream;
use mizan_store::{HistoryFilter, Log, LogError, Position, Stored};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;
use uuid::Uuid;

const PAGE_EVENTS: i64 = 100;
const PAGE_EVENTS_MAX: i64 = 1_000;
const STREAM_EVENTS: i64 = 1_000;

/// An event of the history.
#[derive(Serialize, ToSchema)]
pub struct EventView {
    /// Its place in the history; dense over all merchants.
    pub position: i64,
    /// Its stream, for example `order/o-1001`.
    pub stream: String,
    /// Its place in the stream, from 1.
    pub revision: i64,
    /// Derived from its command.
    pub event_id: Uuid,
    /// What happened, with its version.
    pub kind: String,
    /// When it was made durable.
    pub recorded_at: DateTime<Utc>,
    /// Who asked, and as part of what.
    #[schema(value_type = Object)]
    pub metadata: Box<RawValue>,
    /// What happened.
    #[schema(value_type = Object)]
    pub data: Box<RawValue>,
}

/// A page of the history.
#[derive(Serialize, ToSchema)]
pub struct EventPage {
    /// In order.
    pub data: Vec<EventView>,
    /// What to send as `after` for the next page; also at the end, to ask again later.
    pub next_after: i64,
    /// The position of the last event of all merchants when this was read.
    pub head: i64,
}

struct Asked {
    after: Position,
    limit: i64,
    filter: HistoryFilter,
}

fn asked(request: &HttpRequest) -> Result<Asked, Problem> {
    let mut asked = Asked { after: Position::START, limit: PAGE_EVENTS, filter: HistoryFilter::default() };
    for (name, value) in parameters(request)? {
        let bad = |message: &str| Problem::bad_parameter("bad_parameter", &name, message);
        match name.as_str() {
            "after" => match value.parse() {
                Ok(number) if number >= 0 => asked.after = Position::new(number),
                Ok(_) | Err(_) => return Err(bad("after is a position: 0 or a number from an answer")),
            },
            "limit" => match value.parse() {
                Ok(limit) if (1..=PAGE_EVENTS_MAX).contains(&limit) => asked.limit = limit,
                Ok(_) | Err(_) => return Err(bad("limit is a number from 1 to 1000")),
            },
            "kind" => asked.filter.kind = Some(value),
            "stream" => {
                let (category, id) =
                    value.split_once('/').ok_or_else(|| bad("stream is a category and an id: order/o-1"))?;
                asked.filter.category = Some(category.to_owned());
                asked.filter.name = Some(id.to_owned());
            }
            "category" => asked.filter.category = Some(value),
            _unknown => return Err(bad("the parameters are after, limit, kind, category and stream")),
        }
    }
    Ok(asked)
}

/// `GET /v1/events`: a page as JSON, or everything after a position as NDJSON (`Accept: application/x-ndjson`).
pub(crate) async fn list(
    engine: web::Data<Engine>,
    caller: Caller,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let asked = asked(&request)?;
    let accepts = request.headers().get(ACCEPT).and_then(|it| it.to_str().ok()).unwrap_or_default();
    if accepts.contains("application/x-ndjson") {
        return Ok(streamed(engine.log.clone(), caller, asked));
    }
    let head = engine.log.head().await.map_err(|error| unavailable(&error))?;
    let stored = engine.log.history(&caller.merchant, &asked.filter, asked.after, asked.limit).await;
    let stored = stored.map_err(|error| unavailable(&error))?;
    let is_full = i64::try_from(stored.len()).is_ok_and(|read| read == asked.limit);
    let reached = if is_full { stored.last().map_or(head, |last| last.position) } else { head };
    let next_after = reached.max(asked.after).number();
    let data = stored.into_iter().map(view).collect::<Result<_, _>>()?;
    Ok(HttpResponse::Ok().json(EventPage { data, next_after, head: head.number() }))
}

/// `GET /v1/events/{position}`
pub(crate) async fn one(
    engine: web::Data<Engine>,
    caller: Caller,
    position: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let number = position.parse().ok().filter(|it: &i64| *it > 0).ok_or_else(|| Problem::not_found("event"))?;
    let all = HistoryFilter::default();
    let stored = engine.log.history(&caller.merchant, &all, Position::new(number - 1), 1).await;
    let stored = stored.map_err(|error| unavailable(&error))?.into_iter().next();
    let found = stored.filter(|it| it.position.number() == number).ok_or_else(|| Problem::not_found("event"))?;
    Ok(HttpResponse::Ok().json(view(found)?))
}

/// One event a line, page by page, so that millions need no more memory than a page.
fn streamed(log: Log, caller: Caller, asked: Asked) -> HttpResponse {
    let start = (log, caller, asked.filter, Some(asked.after));
    let pages = stream::unfold(start, |(log, caller, filter, after)| async move {
        let after = after?;
        match log.history(&caller.merchant, &filter, after, STREAM_EVENTS).await {
            Ok(page) => {
                let last = page.last()?.position;
                let lines = page.into_iter().map(line).collect::<Result<Vec<u8>, Problem>>().map(web::Bytes::from);
                Some((lines, (log, caller, filter, Some(last))))
            }
            // The answer breaks off, which the client sees; it goes on after the last line it has.
            Err(error) => Some((Err(unavailable(&error)), (log, caller, filter, None))),
        }
    });
    HttpResponse::Ok().content_type("application/x-ndjson").streaming(pages)
}

struct Line(Vec<u8>);

impl FromIterator<Line> for Vec<u8> {
    fn from_iter<I: IntoIterator<Item = Line>>(lines: I) -> Self {
        lines.into_iter().flat_map(|line| line.0).collect()
    }
}

fn line(stored: Stored) -> Result<Line, Problem> {
    let mut line = serde_json::to_vec(&view(stored)?).map_err(|error| Problem::unavailable(error.to_string()))?;
    line.push(b'\n');
    Ok(Line(line))
}

fn view(it: Stored) -> Result<EventView, Problem> {
    let raw = |bytes: Vec<u8>| {
        let text = String::from_utf8(bytes).map_err(|error| Problem::unavailable(error.to_string()))?;
        RawValue::from_string(text).map_err(|error| Problem::unavailable(error.to_string()))
    };
    Ok(EventView {
        position: it.position.number(),
        stream: format!("{}/{}", it.category, it.name),
        revision: it.revision,
        event_id: it.event_id,
        kind: it.kind,
        recorded_at: it.recorded_at,
        metadata: raw(it.metadata)?,
        data: raw(it.payload)?,
    })
}

fn unavailable(error: &LogError) -> Problem {
    tracing::error!(%error, "the history could not be read");
    Problem::unavailable("the event log does not answer; ask again in a moment")
}

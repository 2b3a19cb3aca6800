//! Questions over HTTP: a handler reads the query string, waits where it was asked to, and hands it to the read model.

pub mod customers;
mod moment;
mod onchain;
mod periods;
mod plans;

use crate::engine::Engine;
use crate::problem::Problem;
use crate::server::{Caller, only};
use actix_web::http::header::{CONTENT_TYPE, ETAG, HeaderValue, LINK};
use actix_web::{HttpRequest, HttpResponse, web};
use metrics::Counter;
use mizan_projections::{
    Answer, Page, Reads, Source, Thing, Written, accounts, journal, orders, payments, statements, takings,
};
use serde::Serialize;
use std::sync::LazyLock;
use std::time::Duration;

/// How long a query with `min_position` waits for the read models.
const WAIT_MAX: Duration = Duration::from_secs(5);

type Answered = Result<HttpResponse, Problem>;

/// A question for one thing by its key, whose answers are kept in memory.
pub(crate) struct AskedByKey {
    pub(crate) thing: Thing,
    /// The whole address, as figures name it.
    pub(crate) route: &'static str,
    /// The part of the address before the id.
    place: &'static str,
    /// What it is called.
    name: &'static str,
}

/// Those asked most come first.
static BY_KEY: [AskedByKey; 4] = [
    AskedByKey { thing: Thing::Order, route: "/v1/queries/orders/{id}", place: "orders", name: "order" },
    AskedByKey { thing: Thing::Payment, route: "/v1/queries/payments/{id}", place: "payments", name: "payment" },
    AskedByKey { thing: Thing::Invoice, route: "/v1/queries/invoices/{id}", place: "invoices", name: "invoice" },
    AskedByKey { thing: Thing::Plan, route: "/v1/queries/plans/{id}", place: "plans", name: "plan" },
];

/// What is asked where.
pub(crate) fn routes(config: &mut web::ServiceConfig) {
    let get = |path: &str| web::resource(format!("/queries/{path}")).default_service(only("GET"));
    // What is asked most comes first: each address is tried in this order.
    for asked in &BY_KEY {
        let answer = move |engine, caller, request, id| by_key(engine, caller, request, id, asked);
        config.service(get(&format!("{}/{{id}}", asked.place)).route(web::get().to(answer)));
    }
    config
        .service(get("orders").route(web::get().to(orders_list)))
        .service(get("payments").route(web::get().to(payments_list)))
        .service(get("accounts").route(web::get().to(accounts_list)))
        .service(get("journal").route(web::get().to(journal_list)))
        .service(get("trial-balance").route(web::get().to(trial_balance)))
        .service(get("trial-balance/changes").route(web::get().to(trial_balance_changes)))
        .service(get("customers/{id}/statement").route(web::get().to(statement)))
        .service(get("daily-takings").route(web::get().to(daily_takings)))
        .configure(customers::routes)
        .configure(onchain::routes)
        .configure(periods::routes)
        .configure(plans::routes);
}

async fn orders_list(engine: web::Data<Engine>, caller: Caller, request: HttpRequest) -> Answered {
    let (reads, pairs) = ready(&engine, &request).await?;
    page(&request, &orders::search(&reads, &caller.merchant, &pairs).await?)
}

/// One thing by its key.
async fn by_key(
    engine: web::Data<Engine>,
    caller: Caller,
    request: HttpRequest,
    id: web::Path<String>,
    asked: &AskedByKey,
) -> Answered {
    let reads = alone(&engine, &request).await?;
    let found = reads.written(asked.thing, &caller.merchant, named(&id, asked.name)?).await?;
    let (written, source) = found.ok_or_else(|| Problem::not_found(asked.name))?;
    Ok(told(&written, source))
}

/// What an address asks for by key, and the id as it stands there; none where it is not such an address, or the id is
/// not written plainly.
pub(crate) fn asked_by_key(address: &str) -> Option<(&'static AskedByKey, &str)> {
    let (place, id) = address.strip_prefix("/v1/queries/")?.split_once('/')?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':');
    let asked = BY_KEY.iter().find(|it| it.place == place)?;
    (!id.is_empty() && id.bytes().all(is_plain)).then_some((asked, id))
}

/// One thing as it is sent, counted by where it was found.
pub(crate) fn told(written: &Written, source: Source) -> HttpResponse {
    static FROM_MEMORY: LazyLock<Counter> =
        LazyLock::new(|| metrics::counter!("mizan_query_answers_total", "source" => "memory"));
    static FROM_DATABASE: LazyLock<Counter> =
        LazyLock::new(|| metrics::counter!("mizan_query_answers_total", "source" => "database"));
    match source {
        Source::Memory => FROM_MEMORY.increment(1),
        Source::Database => FROM_DATABASE.increment(1),
    }
    HttpResponse::Ok()
        .insert_header((ETAG, etag(written.revision)))
        .insert_header((CONTENT_TYPE, HeaderValue::from_static("application/json")))
        .body(written.body())
}

/// A revision as `If-Match` takes it.
fn etag(revision: i64) -> String {
    format!("\"{revision}\"")
}

async fn payments_list(engine: web::Data<Engine>, caller: Caller, request: HttpRequest) -> Answered {
    let (reads, pairs) = ready(&engine, &request).await?;
    page(&request, &payments::search(&reads, &caller.merchant, &pairs).await?)
}

async fn accounts_list(engine: web::Data<Engine>, caller: Caller, request: HttpRequest) -> Answered {
    let (reads, pairs) = ready(&engine, &request).await?;
    page(&request, &accounts::search(&reads, &caller.merchant, &pairs).await?)
}

async fn journal_list(engine: web::Data<Engine>, caller: Caller, request: HttpRequest) -> Answered {
    let (reads, pairs) = ready(&engine, &request).await?;
    page(&request, &journal::search(&reads, &caller.merchant, &pairs).await?)
}

async fn trial_balance(engine: web::Data<Engine>, caller: Caller, request: HttpRequest) -> Answered {
    let (reads, pairs) = ready(&engine, &request).await?;
    Ok(HttpResponse::Ok().json(accounts::trial_balance(&reads, &caller.merchant, &pairs).await?))
}

async fn trial_balance_changes(engine: web::Data<Engine>, caller: Caller, request: HttpRequest) -> Answered {
    let (reads, pairs) = ready(&engine, &request).await?;
    let (since, pairs): (Vec<_>, Vec<_>) = pairs.into_iter().partition(|(name, _)| name == "since");
    let since = single(&since, "since")?.ok_or_else(|| {
        Problem::bad_parameter("missing_parameter", "since", "say since which position, or which time of recording")
    })?;
    let since = moment::recorded(&engine, "since", since).await?;
    Ok(HttpResponse::Ok().json(accounts::changes(&reads, &caller.merchant, since, &pairs).await?))
}

async fn statement(engine: web::Data<Engine>, caller: Caller, request: HttpRequest, id: web::Path<String>) -> Answered {
    let (reads, pairs) = ready(&engine, &request).await?;
    let id = named(&id, "customer")?;
    Ok(HttpResponse::Ok().json(statements::get(&reads, &caller.merchant, id, &pairs).await?))
}

async fn daily_takings(engine: web::Data<Engine>, caller: Caller, request: HttpRequest) -> Answered {
    let (reads, pairs) = ready(&engine, &request).await?;
    page(&request, &takings::daily(&reads, &caller.merchant, &pairs).await?)
}

/// The read models of the moment that is asked about, and the other parameters of the query, once they have come as far
/// as `min_position` and `as_of` ask.
///
/// With `min_position` they also show what the policies did about the command with that position, because that was
/// recorded before the command was answered: the wait is for the head of the log.
async fn ready(engine: &Engine, request: &HttpRequest) -> Result<(Reads, Vec<(String, String)>), Problem> {
    let (own, pairs): (Vec<_>, Vec<_>) = parameters(request)?
        .into_iter()
        .partition(|(name, _)| matches!(name.as_str(), "min_position" | "as_of" | "effective_at"));
    let value = |name: &str| single(&own, name);
    let moment = Box::pin(moment::read(engine, value("as_of")?, value("effective_at")?)).await?;
    let mut wanted = moment.and_then(|it| it.as_of);
    if let Some(text) = value("min_position")? {
        wanted = Some(Box::pin(moment::head_after(engine, "min_position", text)).await?);
    }
    if let Some(wanted) = wanted {
        let result = engine.projector.wait_for(wanted, WAIT_MAX).await;
        result.map_err(|lagging| Problem::lagging(wanted.number(), lagging.position.number()))?;
    }
    let reads = moment.map_or_else(|| engine.reads.clone(), |it| engine.reads.at(it));
    Ok((reads, pairs))
}

/// The same for a query for one thing, which takes no other parameters.
async fn alone(engine: &Engine, request: &HttpRequest) -> Result<Reads, Problem> {
    let (reads, pairs) = ready(engine, request).await?;
    no_more(&pairs)?;
    Ok(reads)
}

/// The one value of a parameter.
fn single<'a>(pairs: &'a [(String, String)], name: &str) -> Result<Option<&'a str>, Problem> {
    let mut values = pairs.iter().filter(|(known, _)| known == name);
    let value = values.next().map(|(_, text)| text.as_str());
    match values.next() {
        None => Ok(value),
        Some(_) => Err(Problem::bad_parameter("repeated_parameter", name, &format!("{name} stands twice"))),
    }
}

/// The parameters of a question. PostgreSQL has no text with a NUL in it, so none can be asked for.
pub(crate) fn parameters(request: &HttpRequest) -> Result<Vec<(String, String)>, Problem> {
    let pairs = web::Query::<Vec<(String, String)>>::from_query(request.query_string());
    let pairs = pairs.map_err(|error| Problem::bad_parameter("bad_parameter", "", &error.to_string()))?.into_inner();
    match pairs.iter().find(|(_, value)| value.contains('\0')) {
        Some((name, _)) => Err(Problem::bad_parameter("bad_value", name, "the value has a NUL in it")),
        None => Ok(pairs),
    }
}

/// The id in an address; nothing has a name with a NUL in it.
fn named<'a>(id: &'a web::Path<String>, what: &str) -> Result<&'a str, Problem> {
    if id.contains('\0') { Err(Problem::not_found(what)) } else { Ok(id.as_str()) }
}

/// A query for one thing takes no parameters.
fn no_more(pairs: &[(String, String)]) -> Result<(), Problem> {
    match pairs.first() {
        Some((name, _)) => Err(Problem::bad_parameter(
            "unknown_parameter",
            name,
            "only min_position, as_of and effective_at are known here",
        )),
        None => Ok(()),
    }
}

fn tagged<T: Serialize>(revision: i64, found: &Answer<T>) -> Answered {
    Ok(HttpResponse::Ok().insert_header((ETAG, etag(revision))).json(found))
}

/// A page, with the next one as a `Link` (RFC 8288) too.
fn page<T: Serialize>(request: &HttpRequest, page: &Page<T>) -> Answered {
    let mut response = HttpResponse::Ok();
    if let Some(cursor) = &page.next_cursor {
        let others = request.query_string().split('&').filter(|it| !it.is_empty() && !it.starts_with("cursor="));
        let query: Vec<String> = others.map(str::to_owned).chain([format!("cursor={cursor}")]).collect();
        response.insert_header((LINK, format!("<{}?{}>; rel=\"next\"", request.path(), query.join("&"))));
    }
    Ok(response.json(page))
}

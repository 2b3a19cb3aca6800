//! The history as auditors read it: every event of the merchant, in order, byte for byte.

pub mod cloud;
pub(crate) mod question;

use crate::engine::Engine;
use crate::problem::Problem;
use crate::queries::parameters;
use crate::server::Caller;
use actix_web::http::header::{ACCEPT, HeaderName, LINK};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use chrono::{DateTime, Utc};
use cloud::CloudEvent;
use futures_util::stream;
use mizan_store::{HistoryFilter, Log, LogError, Position, Stored, Unreadable};
use question::Question;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;
use uuid::Uuid;

/// How many events a stream reads at a time.
const STREAM_EVENTS: i64 = 1_000;
/// The position that an answer was served at.
const POSITION: HeaderName = HeaderName::from_static("mizan-position");
const LINES: &str = "application/x-ndjson";

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
    /// What to send as `after` for the next page; also at the end, to ask again later. Below `head`, there is more to
    /// look through, however few events are in the page.
    pub next_after: i64,
    /// The position that this was served at: that of the last event of all merchants.
    pub head: i64,
}

/// `GET /v1/events`: a page as JSON or as a batch of CloudEvents, or everything after a position as NDJSON, as the
/// `Accept` header says.
pub(crate) async fn list(
    engine: web::Data<Engine>,
    caller: Caller,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let question = Question::read(parameters(&request)?)?;
    let head = engine.log.head().await.map_err(|error| unavailable(&error))?;
    if accepts(&request, LINES) {
        return Ok(streamed(engine.log.clone(), caller, question, head));
    }
    let range = (question.after, head);
    let found = engine.log.history(&caller.merchant, &question.filter, range, question.limit).await;
    let found = found.map_err(|error| unavailable(&error))?;
    let next_after = found.reached.number();
    if accepts(&request, cloud::BATCH_MEDIA_TYPE) {
        let events: Vec<CloudEvent> = all(found.events)?;
        let mut response = at(head);
        response.content_type(cloud::BATCH_MEDIA_TYPE);
        if found.reached < head {
            response.insert_header((LINK, next_page(&request, next_after)));
        }
        return Ok(response.json(events));
    }
    Ok(at(head).json(EventPage { data: all(found.events)?, next_after, head: head.number() }))
}

/// `GET /v1/events/{position}`
pub(crate) async fn one(
    engine: web::Data<Engine>,
    caller: Caller,
    request: HttpRequest,
    position: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let number = position.parse().ok().filter(|it: &i64| *it > 0).ok_or_else(|| Problem::not_found("event"))?;
    let head = engine.log.head().await.map_err(|error| unavailable(&error))?;
    let found = single(&engine.log, &caller, number).await?.ok_or_else(|| Problem::not_found("event"))?;
    if accepts(&request, cloud::MEDIA_TYPE) {
        let event = CloudEvent::try_from(found).map_err(|error| unreadable(&error))?;
        return Ok(at(head).content_type(cloud::MEDIA_TYPE).json(event));
    }
    Ok(at(head).json(EventView::try_from(found).map_err(|error| unreadable(&error))?))
}

/// The caller's event at a position.
pub(crate) async fn single(log: &Log, caller: &Caller, position: i64) -> Result<Option<Stored>, Problem> {
    let range = (Position::new(position.saturating_sub(1)), Position::new(position));
    let found = log.history(&caller.merchant, &HistoryFilter::default(), range, 1).await;
    Ok(found.map_err(|error| unavailable(&error))?.events.into_iter().next())
}

/// One event a line up to the head, page by page, so that millions need no more memory than a page.
fn streamed(log: Log, caller: Caller, question: Question, head: Position) -> HttpResponse {
    let start = (log, caller, question.filter, question.after);
    let pages = stream::unfold(start, move |(log, caller, filter, mut after)| async move {
        // A chunk without bytes would end the answer, so the search goes on until there is something to say.
        while after < head {
            let page = match log.history(&caller.merchant, &filter, (after, head), STREAM_EVENTS).await {
                Ok(found) => {
                    after = found.reached;
                    lines(found.events)
                }
                Err(error) => Err(unavailable(&error)),
            };
            match page {
                Ok(lines) if lines.is_empty() => (),
                Ok(lines) => return Some((Ok(web::Bytes::from(lines)), (log, caller, filter, after))),
                // The answer breaks off, which the client sees; it goes on after the last line it has.
                Err(problem) => return Some((Err(problem), (log, caller, filter, head))),
            }
        }
        None
    });
    at(head).content_type(LINES).streaming(pages)
}

fn lines(events: Vec<Stored>) -> Result<Vec<u8>, Problem> {
    let mut lines = Vec::new();
    for event in events {
        let view = EventView::try_from(event).map_err(|error| unreadable(&error))?;
        serde_json::to_writer(&mut lines, &view).map_err(|error| Problem::unavailable(error.to_string()))?;
        lines.push(b'\n');
    }
    Ok(lines)
}

impl TryFrom<Stored> for EventView {
    type Error = Unreadable;

    fn try_from(it: Stored) -> Result<Self, Unreadable> {
        Ok(Self {
            position: it.position.number(),
            stream: format!("{}/{}", it.category, it.name),
            revision: it.revision,
            event_id: it.event_id,
            kind: it.kind,
            recorded_at: it.recorded_at,
            metadata: cloud::raw(it.position, it.metadata)?,
            data: cloud::raw(it.position, it.payload)?,
        })
    }
}

fn all<T: TryFrom<Stored, Error = Unreadable>>(events: Vec<Stored>) -> Result<Vec<T>, Problem> {
    events.into_iter().map(|it| T::try_from(it).map_err(|error| unreadable(&error))).collect()
}

fn at(head: Position) -> HttpResponseBuilder {
    let mut response = HttpResponse::Ok();
    response.insert_header((POSITION, head.to_string()));
    response
}

/// The next page as a `Link` (RFC 8288): the same question, further on.
fn next_page(request: &HttpRequest, after: i64) -> String {
    let others = request.query_string().split('&').filter(|it| !it.is_empty() && !it.starts_with("after="));
    let query: Vec<String> = others.map(str::to_owned).chain([format!("after={after}")]).collect();
    format!("<{}?{}>; rel=\"next\"", request.path(), query.join("&"))
}

fn accepts(request: &HttpRequest, media_type: &str) -> bool {
    let accept = request.headers().get(ACCEPT).and_then(|it| it.to_str().ok()).unwrap_or_default();
    accept.split(',').any(|it| it.split(';').next().is_some_and(|it| it.trim().eq_ignore_ascii_case(media_type)))
}

fn unreadable(error: &Unreadable) -> Problem {
    tracing::error!(%error, "the history could not be read");
    Problem::unavailable(error.to_string())
}

fn unavailable(error: &LogError) -> Problem {
    tracing::error!(%error, "the history could not be read");
    Problem::unavailable("the event log does not answer; ask again in a moment")
}

//! Whether the service lives, whether it can work, and its figures.

use crate::engine::Engine;
use crate::server::Settings;
use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde::Serialize;
use std::time::Duration;
use tokio::time::timeout;
use utoipa::ToSchema;

/// A log that takes longer to say where it ends does not answer.
const ANSWER_MAX: Duration = Duration::from_secs(2);

/// Whether the service can work, part by part.
#[derive(Serialize, ToSchema)]
pub struct Readiness {
    /// Whether everything below is well.
    pub ready: bool,
    /// The position of the last event; none when the log does not answer.
    pub head: Option<i64>,
    /// The position that the read models show.
    pub position: i64,
    /// Events between the two.
    pub lag_events: Option<i64>,
    /// Why the read models stand still, where they do.
    pub halted: Option<String>,
    /// How far the history is sealed. It has no say in whether the service is ready.
    pub seal: Sealing,
}

/// How far signed checkpoints cover the history.
#[derive(Serialize, ToSchema)]
pub struct Sealing {
    /// The last event that a checkpoint covers, as far as this process knows; none before the first checkpoint.
    pub position: Option<i64>,
    /// Events after it.
    pub lag_events: Option<i64>,
    /// Why nothing is sealed any more, where that is so.
    pub halted: Option<String>,
}

/// `GET /healthz`: the process lives.
pub(crate) async fn alive() -> HttpResponse {
    HttpResponse::Ok().json(serde_json::json!({ "status": "alive" }))
}

/// `GET /readyz`: the log answers and the read models follow.
pub(crate) async fn ready(engine: web::Data<Engine>) -> HttpResponse {
    let readiness = readiness(&engine).await;
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    HttpResponse::build(status).json(readiness)
}

/// `GET /metrics`: Prometheus text.
pub(crate) async fn metrics(engine: web::Data<Engine>, settings: web::Data<Settings>) -> HttpResponse {
    let readiness = readiness(&engine).await;
    let gauge =
        |name: &'static str, value: i64| metrics::gauge!(name).set(f64::from(i32::try_from(value).unwrap_or(i32::MAX)));
    gauge("mizan_read_models_position", readiness.position);
    gauge("mizan_log_head", readiness.head.unwrap_or(-1));
    gauge("mizan_read_models_lag_events", readiness.lag_events.unwrap_or(-1));
    gauge("mizan_seal_position", readiness.seal.position.unwrap_or(-1));
    gauge("mizan_seal_lag_events", readiness.seal.lag_events.unwrap_or(-1));
    gauge("mizan_seal_halted", i64::from(readiness.seal.halted.is_some()));
    gauge("mizan_ready", i64::from(readiness.ready));
    HttpResponse::Ok().content_type("text/plain; version=0.0.4").body(settings.metrics.render())
}

async fn readiness(engine: &Engine) -> Readiness {
    let head = timeout(ANSWER_MAX, engine.log.head_now()).await.ok().and_then(Result::ok);
    let head = head.map(mizan_store::Position::number);
    let state = engine.projector.state();
    let position = state.position.number();
    let halted = state.halted.map(|it| it.to_string());
    let seal = engine.seal.state();
    let sealed = seal.position.map(mizan_store::Position::number);
    let seal_lag = head.zip(sealed).map(|(head, sealed)| (head - sealed).max(0));
    Readiness {
        ready: head.is_some() && halted.is_none(),
        head,
        position,
        lag_events: head.map(|head| (head - position).max(0)),
        halted,
        seal: Sealing { position: sealed, lag_events: seal_lag, halted: seal.halted },
    }
}

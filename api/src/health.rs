//! Whether the service lives, whether it can work, and its figures.

use crate::chains::{ChainState, Standing};
use crate::engine::Engine;
use crate::server::Settings;
use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use serde::Serialize;
use std::time::Duration;
use tokio::time::{sleep, timeout};
use utoipa::ToSchema;

/// A log that takes longer to say where it ends does not answer.
const ANSWER_MAX: Duration = Duration::from_secs(2);

/// How often measurements are put into their buckets.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(1);
/// The upper ends of the buckets for times of requests, in seconds.
const REQUEST_SECONDS: [f64; 16] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];

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
    /// The chains that are watched. They have no say either.
    pub chains: Vec<Watching>,
}

/// How the watching of a chain goes.
#[derive(Serialize, ToSchema)]
pub struct Watching {
    /// The chain, by its CAIP-2 name.
    pub chain: String,
    /// `starting`, `watching`, `standing_by` where another process watches, or `halted`.
    pub standing: &'static str,
    /// The height of the node's newest block.
    pub node_height: Option<u64>,
    /// The height of the newest block that is recorded.
    pub height: Option<u64>,
    /// Blocks between the two.
    pub behind_blocks: Option<u64>,
    /// Payments whose last look the ledger does not know yet.
    pub untold: i64,
    /// Why the latest of them could not be told.
    pub untold_why: Option<String>,
    /// Why the chain cannot be looked at, where that is so; it is tried again by itself.
    pub halted: Option<String>,
}

impl From<ChainState> for Watching {
    fn from(it: ChainState) -> Self {
        let behind_blocks = it.behind();
        let (standing, halted) = match it.standing {
            Standing::Starting => ("starting", None),
            Standing::Watching => ("watching", None),
            Standing::StandingBy => ("standing_by", None),
            Standing::Halted(why) => ("halted", Some(why)),
        };
        Self {
            chain: it.chain.to_string(),
            standing,
            node_height: it.node_height,
            height: it.height,
            behind_blocks,
            untold: it.untold,
            untold_why: it.untold_why,
            halted,
        }
    }
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

/// What `/metrics` renders. Times of requests are counted in buckets, which take the same room however many there are.
///
/// # Errors
/// There is one already.
pub fn recorder() -> Result<PrometheusHandle, BuildError> {
    let times = Matcher::Full("mizan_request_seconds".to_owned());
    PrometheusBuilder::new().set_buckets_for_metric(times, &REQUEST_SECONDS)?.install_recorder()
}

/// Puts what was measured into its buckets, for as long as the service runs: where nobody scrapes `/metrics`, each
/// measurement would be kept until somebody does.
pub(crate) async fn keep_up(metrics: PrometheusHandle) {
    loop {
        sleep(UPKEEP_INTERVAL).await;
        metrics.run_upkeep();
    }
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
    for it in &readiness.chains {
        let gauge = |name: &'static str, value: Option<u64>| {
            let value = value.map_or(-1.0, |it| f64::from(u32::try_from(it).unwrap_or(u32::MAX)));
            metrics::gauge!(name, "chain" => it.chain.clone()).set(value);
        };
        gauge("mizan_chain_height", it.height);
        gauge("mizan_chain_blocks_behind", it.behind_blocks);
        gauge("mizan_chain_untold", Some(it.untold.unsigned_abs()));
        gauge("mizan_chain_halted", Some(it.halted.is_some().into()));
    }
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
        chains: engine.chains.states().into_iter().map(Watching::from).collect(),
    }
}

//! The seal as outsiders read it: checkpoints, proofs, tiles and the keys to check them with.
//!
//! What holds nothing but hashes needs no API key, so that anybody can keep a checkpoint and check the next one. With
//! `/v1` as its prefix the service is a C2SP tlog-tiles log: `/v1/checkpoint` and `/v1/tile/...`.

mod proofs;
mod tiles;

use crate::engine::Engine;
use crate::problem::Problem;
use crate::queries::parameters;
use crate::server::only;
use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, Utc};
use mizan_store::Position;
use mizan_store::seal::sealer::keys_text;
use mizan_store::seal::tables::{self, SignedCheckpoint};
use mizan_store::seal::{Hash, SealError, sealer};
use serde::Serialize;
use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, Postgres};
use utoipa::ToSchema;

pub use proofs::{ConsistencyView, ProofView};

const PAGE_CHECKPOINTS: i64 = 100;
const PAGE_CHECKPOINTS_MAX: i64 = 1_000;

type Answered = Result<HttpResponse, Problem>;

/// What is asked where.
pub(crate) fn routes(config: &mut web::ServiceConfig) {
    let get = |path: &str| web::resource(path).default_service(only("GET"));
    config
        .service(get("/checkpoint").route(web::get().to(checkpoint)))
        .service(get("/checkpoints").route(web::get().to(checkpoints)))
        .service(get("/verifier-key").route(web::get().to(verifier_key)))
        .service(get("/verifier-keys").route(web::get().to(verifier_keys)))
        .service(get("/consistency").route(web::get().to(proofs::consistency)))
        .service(get("/events/{position}/proof").route(web::get().to(proofs::inclusion)))
        .service(get("/tile/{path:.*}").route(web::get().to(tiles::one)));
}

/// A signed checkpoint.
#[derive(Serialize, ToSchema)]
pub struct CheckpointView {
    /// How many events it covers: those up to this position.
    pub size: i64,
    /// The root of the tree over them, base64.
    pub root: String,
    /// The signed note (C2SP tlog-checkpoint), as `/v1/checkpoint` gives it.
    pub note: String,
    /// When it was signed.
    pub signed_at: DateTime<Utc>,
}

/// A page of checkpoints.
#[derive(Serialize, ToSchema)]
pub struct CheckpointPage {
    /// From the smallest.
    pub data: Vec<CheckpointView>,
    /// What to send as `after` for the next page; also at the end, to ask again later.
    pub next_after: i64,
}

/// The keys that this history was ever sealed with.
#[derive(Serialize, ToSchema)]
pub struct VerifierKeys {
    /// The key that signs now (C2SP signed-note, name+hash+key).
    pub current: String,
    /// The key that the history began with.
    pub first: String,
    /// A note for each rotation, signed by the old key and the new one.
    pub rotations: Vec<String>,
}

/// `GET /v1/checkpoint`: the last one, or that of a `size`.
async fn checkpoint(engine: web::Data<Engine>, request: HttpRequest) -> Answered {
    let [size] = numbers(&request, ["size"])?;
    let mut connection = connect(&engine).await?;
    let found = match size {
        Some(size) => signed(&mut connection, size).await?,
        None => last(&mut connection).await?,
    };
    Ok(HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(found.note))
}

/// `GET /v1/checkpoints`: all of them, page by page.
async fn checkpoints(engine: web::Data<Engine>, request: HttpRequest) -> Answered {
    let [after, limit] = numbers(&request, ["after", "limit"])?;
    let limit = limit.unwrap_or(PAGE_CHECKPOINTS);
    if !(1..=PAGE_CHECKPOINTS_MAX).contains(&limit) {
        return Err(Problem::bad_parameter("bad_parameter", "limit", "limit is a number from 1 to 1000"));
    }
    let after = after.unwrap_or(-1);
    let mut connection = connect(&engine).await?;
    let found =
        tables::checkpoints(&mut connection, (after, i64::MAX), limit).await.map_err(|error| unavailable(&error))?;
    let next_after = found.last().map_or(after, |last| last.size.number());
    let data = found.into_iter().map(view).collect();
    Ok(HttpResponse::Ok().json(CheckpointPage { data, next_after }))
}

/// `GET /v1/verifier-key`: the key that signs now.
async fn verifier_key(engine: web::Data<Engine>) -> Answered {
    let mut connection = connect(&engine).await?;
    let keys = sealer::keys(&mut connection).await.map_err(|error| trouble(&error))?;
    let keys = keys.ok_or_else(|| Problem::not_sealed(0, None))?;
    Ok(HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(format!("{}\n", keys.current())))
}

/// `GET /v1/verifier-keys`: every key there ever was, and who endorsed it.
async fn verifier_keys(engine: web::Data<Engine>) -> Answered {
    let mut connection = connect(&engine).await?;
    let text = keys_text(&mut connection).await.map_err(|error| unavailable(&error))?;
    let keys = sealer::keys(&mut connection).await.map_err(|error| trouble(&error))?;
    let (text, keys) = text.zip(keys).ok_or_else(|| Problem::not_sealed(0, None))?;
    let current = keys.current().to_string();
    Ok(HttpResponse::Ok().json(VerifierKeys { current, first: text.first, rotations: text.rotations }))
}

fn view(it: SignedCheckpoint) -> CheckpointView {
    let root = Hash::of_bytes(&it.root).map_or_else(String::new, |root| root.to_string());
    CheckpointView { size: it.size.number(), root, note: it.note, signed_at: it.signed_at }
}

async fn connect(engine: &Engine) -> Result<PoolConnection<Postgres>, Problem> {
    engine.log.pool().acquire().await.map_err(|error| unavailable(&error))
}

/// The last checkpoint; before the first one there is something to wait for.
async fn last(connection: &mut PgConnection) -> Result<SignedCheckpoint, Problem> {
    let last = tables::last_checkpoint(connection).await.map_err(|error| unavailable(&error))?;
    last.ok_or_else(|| Problem::not_sealed(0, None))
}

/// The checkpoint of exactly this size.
async fn signed(connection: &mut PgConnection, size: i64) -> Result<SignedCheckpoint, Problem> {
    let found = tables::checkpoint(connection, Position::new(size)).await.map_err(|error| unavailable(&error))?;
    found.ok_or_else(|| Problem::not_found("checkpoint"))
}

/// Parameters that are all numbers from 0 up, each once.
fn numbers<const N: usize>(request: &HttpRequest, names: [&str; N]) -> Result<[Option<i64>; N], Problem> {
    let mut found = [None; N];
    for (name, value) in parameters(request)? {
        let bad = |message: &str| Problem::bad_parameter("bad_parameter", &name, message);
        let known = names.iter().position(|it| *it == name).and_then(|nth| found.get_mut(nth));
        let known = known.ok_or_else(|| bad(&format!("the parameters are {}", names.join(", "))))?;
        if known.is_some() {
            return Err(Problem::bad_parameter("repeated_parameter", &name, &format!("{name} stands twice")));
        }
        *known = Some(value.parse().ok().filter(|it| *it >= 0).ok_or_else(|| bad("write a number: 0 or more"))?);
    }
    Ok(found)
}

fn unavailable(error: &sqlx::Error) -> Problem {
    tracing::error!(%error, "the seal could not be read");
    Problem::unavailable("the seal's database does not answer; ask again in a moment")
}

fn trouble(error: &SealError) -> Problem {
    tracing::error!(%error, "the keys of the seal could not be read");
    Problem::unavailable(format!("the keys of the seal cannot be read: {error}"))
}

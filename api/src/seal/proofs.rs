//! Proofs over HTTP: that an event is in a checkpoint, and that a checkpoint grew out of another one.

use super::{Answered, connect, last, numbers, signed, unavailable};
use crate::engine::Engine;
use crate::events;
use crate::problem::Problem;
use crate::server::Caller;
use actix_web::{HttpRequest, HttpResponse, web};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mizan_store::seal::proof::{Span, tiles_of};
use mizan_store::seal::{Hash, Leaf, proof, tables};
use serde::Serialize;
use sqlx::PgConnection;
use utoipa::ToSchema;

/// That an event stands in a checkpoint (RFC 9162, 2.1.3). Hashes are base64.
#[derive(Serialize, ToSchema)]
pub struct ProofView {
    /// The event.
    pub position: i64,
    /// Its leaf's place in the tree: one less than the position.
    pub leaf_index: i64,
    /// How many leaves the tree has.
    pub tree_size: i64,
    /// The bytes that the leaf covers, base64; docs/audit.md says what is where.
    pub leaf: String,
    /// SHA-256 of a zero byte and the leaf.
    pub leaf_hash: String,
    /// From the leaf up.
    pub hashes: Vec<String>,
    /// The signed note whose root the proof leads to.
    pub checkpoint: String,
}

/// That a tree begins with another one (RFC 9162, 2.1.4). Hashes are base64.
#[derive(Serialize, ToSchema)]
pub struct ConsistencyView {
    /// How many leaves the smaller tree has.
    pub from: i64,
    /// How many the larger one has.
    pub to: i64,
    /// The proof; nothing where one of them is empty or both are the same.
    pub hashes: Vec<String>,
}

/// `GET /v1/events/{position}/proof`: in the last checkpoint, or in that of `checkpoint_size`.
pub(super) async fn inclusion(
    engine: web::Data<Engine>,
    caller: Caller,
    position: web::Path<String>,
    request: HttpRequest,
) -> Answered {
    let [size] = numbers(&request, ["checkpoint_size"])?;
    let number = position.parse().ok().filter(|it: &i64| *it > 0).ok_or_else(|| Problem::not_found("event"))?;
    let event = events::single(&engine.log, &caller, number).await?.ok_or_else(|| Problem::not_found("event"))?;
    let mut connection = connect(&engine).await?;
    let checkpoint = match size {
        Some(size) if size < number => {
            let message = format!("a checkpoint of {size} events does not cover position {number}");
            return Err(Problem::bad_parameter("bad_parameter", "checkpoint_size", &message));
        }
        Some(size) => signed(&mut connection, size).await?,
        None => last(&mut connection).await?,
    };
    let tree_size = checkpoint.size.number();
    let spans = proof::inclusion(number.unsigned_abs() - 1, tree_size.unsigned_abs());
    let spans = spans.ok_or_else(|| Problem::not_sealed(number, Some(tree_size)))?;
    let hashes = roots(&mut connection, &spans).await?;
    let mut leaf = Vec::new();
    Leaf::from(&event).encode(&mut leaf).map_err(|error| Problem::unavailable(error.to_string()))?;
    Ok(HttpResponse::Ok().json(ProofView {
        position: number,
        leaf_index: number - 1,
        tree_size,
        leaf_hash: Hash::leaf(&leaf).to_string(),
        leaf: STANDARD.encode(leaf),
        hashes,
        checkpoint: checkpoint.note,
    }))
}

/// `GET /v1/consistency`: from a size to another one, or to the last checkpoint.
pub(super) async fn consistency(engine: web::Data<Engine>, request: HttpRequest) -> Answered {
    let [from, to] = numbers(&request, ["from", "to"])?;
    let from = from.ok_or_else(|| Problem::bad_parameter("missing_parameter", "from", "write the smaller size"))?;
    let mut connection = connect(&engine).await?;
    let sealed = last(&mut connection).await?.size.number();
    let to = to.unwrap_or(sealed);
    if to > sealed {
        return Err(Problem::not_sealed(to, Some(sealed)));
    }
    let spans = proof::consistency(from.unsigned_abs(), to.unsigned_abs());
    let spans = spans.ok_or_else(|| {
        Problem::bad_parameter("bad_parameter", "from", &format!("a tree of {to} does not begin with one of {from}"))
    })?;
    let hashes = roots(&mut connection, &spans).await?;
    Ok(HttpResponse::Ok().json(ConsistencyView { from, to, hashes }))
}

async fn roots(connection: &mut PgConnection, spans: &[Span]) -> Result<Vec<String>, Problem> {
    let tiles = tables::tiles(connection, &tiles_of(spans)).await.map_err(|error| unavailable(&error))?;
    let roots = tiles.roots(spans).ok_or_else(|| {
        tracing::error!("tiles of the seal are missing");
        Problem::unavailable("tiles of the seal are missing; `mizan audit` says more")
    })?;
    Ok(roots.iter().map(Hash::to_string).collect())
}

//! The tree itself, piece by piece (C2SP tlog-tiles). A full tile never changes.

use super::{Answered, connect, last, unavailable};
use crate::engine::Engine;
use crate::problem::Problem;
use crate::server::Caller;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, web};
use mizan_store::seal::tile::{Shelf, TilePath};
use mizan_store::seal::tree::TILE_WIDTH;
use mizan_store::seal::{Leaf, tables};
use mizan_store::{Position, Stored};

const FOR_EVER: &str = "private, max-age=31536000, immutable";

/// `GET /v1/tile/{level}/{index}` and `GET /v1/tile/entries/{index}`, each with `.p/{width}` while it grows. Entries
/// hold names, and need the API key.
pub(super) async fn one(
    engine: web::Data<Engine>,
    caller: Result<Caller, Problem>,
    path: web::Path<String>,
) -> Answered {
    let path = TilePath::parse(&path).ok_or_else(|| Problem::not_found("tile"))?;
    let bytes = match path.shelf {
        Shelf::Hashes(_) => hashes(&engine, &path).await?,
        Shelf::Entries => {
            caller?;
            entries(&engine, &path).await?
        }
    };
    let mut response = HttpResponse::Ok();
    Ok(response.insert_header((CACHE_CONTROL, FOR_EVER)).content_type("application/octet-stream").body(bytes))
}

async fn hashes(engine: &Engine, path: &TilePath) -> Result<Vec<u8>, Problem> {
    let missing = || Problem::not_found("tile");
    let id = path.tile().ok_or_else(missing)?;
    let mut connection = connect(engine).await?;
    let tiles = tables::tiles(&mut connection, &[id].into()).await.map_err(|error| unavailable(&error))?;
    let hashes = tiles.get(id).and_then(|it| it.get(..path.width)).ok_or_else(missing)?;
    Ok(hashes.iter().flat_map(|hash| *hash.bytes()).collect())
}

/// Each entry with its length in two bytes before it.
async fn entries(engine: &Engine, path: &TilePath) -> Result<Vec<u8>, Problem> {
    let missing = || Problem::not_found("tile");
    let width = i64::try_from(TILE_WIDTH).map_err(|_| missing())?;
    let after = i64::try_from(path.index).ok().and_then(|it| it.checked_mul(width)).ok_or_else(missing)?;
    let wanted = i64::try_from(path.width).map_err(|_| missing())?;
    let sealed = last(&mut *connect(engine).await?).await?.size.number();
    if after.checked_add(wanted).is_none_or(|end| end > sealed) {
        return Err(missing());
    }
    let events = engine.log.read(Position::new(after), wanted).await;
    let events = events.map_err(|error| Problem::unavailable(error.to_string()))?;
    events.iter().try_fold(Vec::new(), with_entry)
}

fn with_entry(mut bundle: Vec<u8>, event: &Stored) -> Result<Vec<u8>, Problem> {
    let (mut entry, broken) = (Vec::new(), |reason: String| Problem::unavailable(reason));
    Leaf::from(event).encode(&mut entry).map_err(|error| broken(error.to_string()))?;
    let length = u16::try_from(entry.len()).map_err(|error| broken(error.to_string()))?;
    bundle.extend(length.to_be_bytes());
    bundle.extend(entry);
    Ok(bundle)
}

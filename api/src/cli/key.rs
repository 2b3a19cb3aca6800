//! `mizan key`: the API key, further ones with names, and the key that the history is sealed with.

use super::{Outcome, say};
use crate::engine::{Place, open_log};
use crate::key;
use clap::Subcommand;
use mizan_store::Log;
use mizan_store::seal::sealer::{keys, keys_text};
use mizan_store::seal::{SealError, Sealer};
use std::process::ExitCode;

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Subcommand)]
enum What {
    /// Make an API key with the name of a person or program and print it, once; events and approvals have the name.
    /// A running service knows it after a second
    Add {
        /// 1 to 32 small letters, digits and hyphens
        name: String,
    },
    /// Forget the API key of a name; a running service refuses it after a second
    Remove {
        /// The name
        name: String,
    },
    /// Print the names of all API keys, as events record them
    List,
    /// Print the verifier key of the seal: what signatures of checkpoints are checked with
    Show {
        /// Print every key there ever was, with the records in which each endorses the next, as JSON
        #[arg(long)]
        all: bool,
    },
    /// Make a new key for the seal, endorsed by the old one, which is forgotten; print its verifier key
    Rotate,
}

pub(super) async fn run(place: Place, args: Args) -> Outcome {
    match &args.what {
        None => say(key::load_or_make(&place.data_dir)?),
        Some(What::Add { name }) => say(key::add(&place.data_dir, name)?),
        Some(What::Remove { name }) => key::remove(&place.data_dir, name)?,
        Some(What::List) => key::actors(&place.data_dir)?.iter().for_each(say),
        Some(What::Show { all }) => return of_seal(place, SealKey::Show { all: *all }).await,
        Some(What::Rotate) => return of_seal(place, SealKey::Rotate).await,
    }
    Ok(ExitCode::SUCCESS)
}

/// What is asked of the key that the history is sealed with.
enum SealKey {
    Show { all: bool },
    Rotate,
}

async fn of_seal(place: Place, what: SealKey) -> Outcome {
    let (log, cluster) = open_log(&place).await?;
    let mut sealer = Sealer::new(log.clone(), &place.data_dir);
    let line = match what {
        SealKey::Show { all } => shown(&log, &mut sealer, all).await,
        SealKey::Rotate => sealer.rotate().await.map(|key| key.to_string()).map_err(Into::into),
    };
    log.pool().close().await;
    if let Some(cluster) = cluster {
        cluster.stop().await;
    }
    say(line?);
    Ok(ExitCode::SUCCESS)
}

/// A history that was never sealed gets its key now.
async fn shown(log: &Log, sealer: &mut Sealer, all: bool) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
    let mut connection = log.pool().acquire().await?;
    if keys_text(&mut connection).await?.is_none() {
        sealer.seal().await?;
    }
    if all {
        return Ok(serde_json::to_string(&keys_text(&mut connection).await?)?);
    }
    let keys = keys(&mut connection).await?.ok_or(SealError::Database(sqlx::Error::RowNotFound))?;
    Ok(keys.current().to_string())
}

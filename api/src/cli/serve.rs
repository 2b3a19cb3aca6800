//! `mizan serve`: the service in the foreground.

use super::{Outcome, say};
use crate::engine::{Engine, Place};
use crate::health;
use crate::key::{self, Keys};
use crate::outbound::Reach;
use crate::rates::{RATES_LOOPBACK_VARIABLE, RATES_VARIABLE, Rates};
use crate::server::{self, Settings};
use crate::watch::{self, Rpc};
use actix_web::web;
use mizan_domain::id::MerchantId;
use mizan_domain::onchain::Chain;
use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroU32;
use std::process::ExitCode;
use std::sync::Arc;

/// The one merchant, until accounts come.
pub(super) const LOCAL_MERCHANT: &str = "local";

#[derive(clap::Args)]
pub(super) struct Args {
    /// The address to serve on; port 0 takes a free one
    #[arg(long, env = "MIZAN_LISTEN", default_value = "127.0.0.1:7070", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// Requests that the API key may make in a second; more are answered 429
    #[arg(long, env = "MIZAN_REQUESTS_PER_SECOND", default_value = "10000", value_name = "NUMBER")]
    requests_per_second: NonZeroU32,
}

/// A service that listens and is ready to run.
pub(super) struct Ready {
    pub(super) engine: web::Data<Engine>,
    pub(super) key: String,
    pub(super) address: SocketAddr,
    listener: TcpListener,
    settings: Settings,
}

pub(super) async fn run(place: Place, args: Args) -> Outcome {
    let ready = prepare(&place, &args).await?;
    say(format_args!("mizan serves on http://{}   (data in {})", ready.address, place.data_dir.display()));
    until_stopped(ready).await
}

pub(super) async fn prepare(place: &Place, args: &Args) -> Result<Ready, Box<dyn std::error::Error + Send + Sync>> {
    // The address first: a second start on the same port must not touch the data.
    let listener = TcpListener::bind(args.listen)
        .map_err(|error| format!("cannot listen on {}: {error}; choose another address with --listen", args.listen))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let key = key::load_or_make(&place.data_dir).map_err(|error| {
        format!(
            "the API key in {} cannot be read or made: {error}; choose another --data-dir",
            place.data_dir.display()
        )
    })?;
    let settings = Settings {
        keys: Keys::load(&key, &place.data_dir)?,
        merchant: MerchantId::parse(LOCAL_MERCHANT)?,
        requests_per_second: args.requests_per_second,
        metrics: health::recorder()?,
    };
    let outside = Outside::of_environment()?;
    let mut engine = Engine::start(place).await?;
    if key::is_live(&key) && engine.clocks.own(&settings.merchant).await?.is_some() {
        return Err("the merchant of these data has a clock of its own, so they are for tests; \
                    use a test key, or another --data-dir for live"
            .into());
    }
    engine.rates = outside.rates.map(Arc::new);
    outside.nodes.into_iter().for_each(|(chain, node)| engine.watch(chain, node));
    let engine = web::Data::new(engine);
    settings.keys.follow(place.data_dir.clone());
    Ok(Ready { engine, key, address, listener, settings })
}

/// Who is asked outside: the nodes of chains, and the source of rates. From the environment and never from a flag: what
/// is written there opens doors, and flags are shown to everybody on the machine.
struct Outside {
    nodes: Vec<(Chain, Rpc)>,
    rates: Option<Rates>,
}

impl Outside {
    fn of_environment() -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let text = |name| std::env::var(name).unwrap_or_default();
        let reach = match text(RATES_LOOPBACK_VARIABLE).as_str() {
            "1" => Reach::PublicAndLoopback,
            _anything_else => Reach::Public,
        };
        let rates = Some(text(RATES_VARIABLE)).filter(|it| !it.trim().is_empty());
        let rates = rates.map(|it| Rates::parse(&it, reach)).transpose();
        let nodes = watch::nodes(&text(watch::NODES_VARIABLE))?;
        Ok(Self { nodes, rates: rates.map_err(|error| format!("{RATES_VARIABLE}: {error}"))? })
    }
}

/// Serves until a signal; then answers what is under way, and stops the cluster last.
pub(super) async fn until_stopped(ready: Ready) -> Outcome {
    let Ready { engine, listener, settings, .. } = ready;
    server::serve(engine.clone(), settings, listener)?.await?;
    match Arc::try_unwrap(engine.into_inner()) {
        Ok(engine) => engine.stop().await,
        Err(_still_used) => tracing::warn!("a request was still running at the end; the database stops by itself"),
    }
    Ok(ExitCode::SUCCESS)
}

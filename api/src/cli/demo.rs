//! `mizan demo`: the service with a few weeks of a small coffee shop in it.

use super::serve::{self, Args, LOCAL_MERCHANT};
use super::{Outcome, say};
use crate::commands::http::{Links, bulk, lines, plain_context};
use crate::engine::Place;
use mizan_domain::id::MerchantId;
use mizan_domain::text::Text;

/// The shop's commands, one a line: what `mizan import` takes.
const COMMANDS: &str = include_str!("demo.ndjson");

pub(super) async fn run(place: Place, args: Args) -> Outcome {
    say("Starting the database and loading the demonstration...");
    let ready = serve::prepare(&place, &args).await?;
    let context = plain_context(MerchantId::parse(LOCAL_MERCHANT)?, Text::parse("demo")?);
    let items = lines(COMMANDS.as_bytes());
    let outcomes = bulk(&ready.engine, &context, items, &mut Links::default()).await;
    if let Some(problem) = outcomes.iter().find_map(|outcome| outcome.problem.as_ref()) {
        return Err(format!("the demonstration could not be loaded: {problem}").into());
    }
    let head = ready.engine.log.head().await?;
    let (address, key) = (ready.address, &ready.key);
    say(format_args!(
        "
mizan serves on   http://{address}
your API key      {key}
read the API      http://{address}/docs/
data              {data} ({commands} demo commands, {head} events)

Try:

  curl -s http://{address}/v1/queries/orders?limit=3 -H 'Authorization: Bearer {key}'

  curl -s http://{address}/v1/commands/place-order -H 'Authorization: Bearer {key}' \\
       -H 'Content-Type: application/json' \\
       -d '{{\"order_id\":\"my-first\",\"currency\":\"EUR\",\"lines\":[{{\"sku\":\"coffee-1kg\",\"quantity\":3,\"unit_price\":\"19.90\"}}]}}'

Ctrl-C stops it; the data stays.",
        data = place.data_dir.display(),
        commands = outcomes.len(),
    ));
    serve::until_stopped(ready).await
}

//! Plans over their whole life: agreed, opened, and then month by month the clock goes forward and some customers pay:
//! most what is due, some less, some more, some nothing.

use crate::Outcome;
use crate::processes::own_peak_memory_mib;
use chrono::{DateTime, Months, Utc};
use futures_util::future::try_join_all;
use mizan::commands::http::plain_context;
use mizan::commands::read;
use mizan::engine::{Engine, Place};
use mizan_domain::id::MerchantId;
use mizan_domain::text::Text;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};

const MONTHS: u32 = 12;
/// Commands that are under way at a time.
const CONCURRENT: usize = 500;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// How many plans
    #[arg(long, default_value = "10000")]
    plans: usize,
    /// The seed of the random payments
    #[arg(long, default_value = "1")]
    seed: u64,
}

struct Shop {
    engine: Engine,
    merchant: MerchantId,
    actor: Text,
    now: DateTime<Utc>,
}

impl Shop {
    async fn ask(&self, name: &str, body: Value) -> Outcome {
        let command = read(name, body.to_string().as_bytes(), self.now).ok_or("no such command")?;
        let command = command.map_err(|fault| format!("{name}: {}", fault.message))?;
        self.engine.command(command, plain_context(self.merchant.clone(), self.actor.clone())).await?;
        Ok(())
    }

    async fn ask_all(&self, commands: Vec<(&str, Value)>) -> Outcome {
        let mut rest = commands.into_iter();
        loop {
            let some: Vec<_> = rest.by_ref().take(CONCURRENT).collect();
            if some.is_empty() {
                return Ok(());
            }
            try_join_all(some.into_iter().map(|(name, body)| self.ask(name, body))).await?;
        }
    }

    async fn advance(&mut self, to: DateTime<Utc>) -> Result<Duration, Box<dyn std::error::Error + Send + Sync>> {
        let begun = Instant::now();
        self.ask("advance-clock", json!({ "to": to })).await?;
        self.now = to;
        Ok(begun.elapsed())
    }

    async fn head(&self) -> Result<i64, Box<dyn std::error::Error + Send + Sync>> {
        Ok(self.engine.log.head().await?.number())
    }
}

pub(crate) async fn run(dir: &Path, args: &Args) -> Outcome {
    let start: DateTime<Utc> = "2024-01-01T12:00:00Z".parse()?;
    let engine = Engine::start(&Place { database_url: None, store: None, data_dir: dir.to_owned() }).await?;
    let mut shop = Shop { engine, merchant: MerchantId::parse("bench")?, actor: Text::parse("bench")?, now: start };
    let mut random = SmallRng::seed_from_u64(args.seed);
    shop.ask("start-clock", json!({ "at": start })).await?;
    let ids: Vec<String> = (0..args.plans).map(|nth| format!("n-{nth}")).collect();
    let begun = Instant::now();
    shop.ask_all(ids.iter().map(|id| ("set-credit-limit", limit(id))).collect()).await?;
    shop.ask_all(ids.iter().map(|id| ("approve-plan", approval(id))).collect()).await?;
    shop.ask_all(ids.iter().map(|id| ("open-plan", json!({ "plan_id": id }))).collect()).await?;
    let (opened, before) = (begun.elapsed(), shop.head().await?);
    println!("{} plans agreed and opened in {:.1} s: {before} events", args.plans, opened.as_secs_f64());
    let begun = Instant::now();
    let mut advancing = Duration::ZERO;
    for month in 1..=MONTHS {
        let to = start.checked_add_months(Months::new(month)).ok_or("the calendar ends")?;
        advancing += shop.advance(to).await?;
        let payments = ids.iter().filter_map(|id| Some(("receive-payment", payment(id, month, &mut random)?)));
        shop.ask_all(payments.collect()).await?;
    }
    let end = start.checked_add_months(Months::new(MONTHS + 3)).ok_or("the calendar ends")?;
    advancing += shop.advance(end).await?;
    let (elapsed, events) = (begun.elapsed(), shop.head().await? - before);
    let seconds = elapsed.as_secs_f64();
    println!(
        "{MONTHS} months with payments, advanced to the end in {seconds:.1} s ({:.1} s of it the clock's): {events} events, {:.0}/s, every read model followed",
        advancing.as_secs_f64(),
        events as f64 / seconds
    );
    println!("peak memory of the service: {} MiB", own_peak_memory_mib());
    let begun = Instant::now();
    shop.now = end;
    for (name, body) in [
        ("set-credit-limit", limit("one")),
        ("approve-plan", approval("one")),
        ("open-plan", json!({ "plan_id": "one" })),
    ] {
        shop.ask(name, body).await?;
    }
    for month in 1..=MONTHS {
        let to = end.checked_add_months(Months::new(month)).ok_or("the calendar ends")?;
        shop.advance(to).await?;
        if let Some(body) = payment("one", month, &mut random) {
            shop.ask("receive-payment", body).await?;
        }
    }
    println!("one plan more, from agreement to end beside them: {:.2} s", begun.elapsed().as_secs_f64());
    shop.engine.stop().await;
    Ok(())
}

fn limit(id: &str) -> Value {
    json!({ "customer_id": format!("c-{id}"), "limit": "2000.00", "currency": "EUR" })
}

fn approval(id: &str) -> Value {
    json!({
        "plan_id": id, "customer_id": format!("c-{id}"), "amount": "1000.00", "currency": "EUR",
        "terms": {
            "payments": MONTHS, "frequency": "monthly", "rate": "0.12", "merchant_discount": { "rate": "0.05" },
            "late_fees": [{ "grace_days": 5, "steps": [{ "amount": "5.00" }], "cap_amount": "30.00" }],
        },
    })
}

/// Of ten customers seven pay what is due, one pays less, one more, one nothing.
fn payment(id: &str, month: u32, random: &mut SmallRng) -> Option<Value> {
    let amount = match random.random_range(0..10) {
        0 => return None,
        1 => "40.00",
        2 => "120.00",
        _ => "88.85",
    };
    Some(json!({
        "payment_id": format!("p-{id}-{month}"), "plan_id": id, "customer_id": format!("c-{id}"),
        "method": "card", "amount": amount, "currency": "EUR",
    }))
}

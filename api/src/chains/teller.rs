//! Tells the ledger what was seen of payments, in the words of deposits, until it knows.
//!
//! The ledger decides what a look means, and says when it needs to know what the asset costs. A payment that cannot be told
//! now (there is no rate, its asset is not registered) waits for itself alone. To tell the same look twice does nothing.

use crate::clocks::Clocks;
use crate::commands::http::plain_context;
use crate::policies;
use crate::rates::Rates;
use crate::watch::retry_after;
use crate::write::{Context, NotDone, Writer};
use chrono::{DateTime, Utc};
use futures_util::future::join_all;
use mizan_domain::Money;
use mizan_domain::decider::Refused;
use mizan_domain::event::{Command, Refusal};
use mizan_domain::id::{MerchantId, derived_uuid};
use mizan_domain::onchain::asset::Token;
use mizan_domain::onchain::deposit::{self, Observation, Sighting, Watch};
use mizan_domain::onchain::{Asset, ExchangeRate, Spot};
use mizan_domain::text::Text;
use mizan_projections::Reads;
use mizan_projections::onchain::holdings::{self, RegisteredAsset};
use mizan_store::chains::{Delayed, Lead, Sight, Told, Untold};
use rand::RngExt;
use std::collections::HashMap;
use std::fmt::Display;
use std::sync::Arc;
use tokio::sync::Mutex;

/// Payments that are told at a time.
const AT_ONCE: i64 = 64;
/// Who tells, as events record it.
const ACTOR: &str = "watcher";

/// Tells the ledger.
#[derive(Clone)]
pub struct Teller {
    /// The way in.
    pub writer: Writer,
    /// How assets are taken.
    pub reads: Reads,
    /// What time it is for a merchant.
    pub clocks: Arc<Clocks>,
    /// What assets cost; without a source nothing is ever confirmed.
    pub rates: Option<Arc<Rates>>,
}

/// Why a payment could not be told now.
type Why = String;

impl Teller {
    /// Tells everything that can be told now.
    ///
    /// # Errors
    /// The tables of what was seen do not answer; what was told may be told again.
    pub async fn tell_all(&self, lead: &mut Lead) -> sqlx::Result<()> {
        loop {
            let untold = lead.untold(AT_ONCE).await?;
            if untold.is_empty() {
                return Ok(());
            }
            let assets = match holdings::registered(&self.reads, lead.chain()).await {
                Ok(assets) => assets,
                Err(error) => return Err(sqlx::Error::Protocol(error.to_string())),
            };
            let asked = Asked { assets, spots: Mutex::new(HashMap::new()) };
            let answers = join_all(untold.iter().map(|it| self.tell(it, &asked))).await;
            let (mut told, mut delayed) = (Vec::new(), Vec::new());
            for (of, answer) in untold.iter().zip(answers) {
                match answer {
                    Ok(is_final) => told.push(Told { of, is_final }),
                    Err(why) => delayed.push(put_off(of, why)),
                }
            }
            let number = u64::try_from(told.len()).unwrap_or(u64::MAX);
            metrics::counter!("mizan_chain_observations_total", "chain" => lead.chain().to_string()).increment(number);
            lead.told(&told).await?;
            lead.delay(&delayed).await?;
        }
    }

    /// Tells one payment; whether it needs no more looks.
    async fn tell(&self, it: &Untold, asked: &Asked) -> Result<bool, Why> {
        let settled = asked.about(it).ok_or("the merchant has not registered the asset; register it")?;
        let amount = Money::zero(settled.asset.into()).with_minor(it.amount_minor);
        let amount = amount.map_err(|error| error.to_string())?;
        let now = self.clocks.now(&it.merchant).await.map_err(|error| error.to_string())?;
        let mut observation = Observation {
            output: it.output.clone(),
            sequence: it.look,
            amount,
            to: it.to.clone(),
            is_replaceable: it.is_replaceable,
            watch: watch(it, settled),
            sighting: sighting(&it.sight),
            spot: None,
            first_seen_at: it.first_seen_at,
            at: now,
        };
        if it.is_new {
            // So that a payment that came late is known with what it was worth when it came. It does not wait for that.
            observation.spot = self.spot(settled, now, asked).await.ok();
        }
        let mut answer = self.ask(it, observation.clone()).await;
        if matches!(&answer, Err(NotDone::Refused(Refusal::Deposit(deposit::Refusal::RateMissing)))) {
            observation.spot = Some(self.spot(settled, now, asked).await?);
            answer = self.ask(it, observation.clone()).await;
        }
        match answer {
            Ok(()) => Ok(is_final(&observation)),
            Err(NotDone::Refused(refusal)) => {
                tracing::error!(%refusal, code = refusal.code(), output = ?it.output, "THE LEDGER REFUSES WHAT A CHAIN SAYS; it is told again when the chain changes");
                Ok(is_final(&observation))
            }
            Err(not_done) => Err(not_done.to_string()),
        }
    }

    /// Tells the ledger, and does what follows.
    async fn ask(&self, it: &Untold, observation: Observation) -> Result<(), NotDone> {
        let context = context(it)?;
        let command = Command::Deposit(deposit::Command::Observe(Box::new(observation)));
        let done = self.writer.ask(command, context.clone()).await?;
        if !done.events.is_empty() {
            policies::settle(&mut self.writer.clone(), &context, &done).await?;
        }
        Ok(())
    }

    /// What an asset costs in the currency of the merchant's books, asked once for all that is told together.
    async fn spot(&self, settled: &RegisteredAsset, now: DateTime<Utc>, asked: &Asked) -> Result<Spot, Why> {
        let rates = self.rates.as_ref().ok_or("there is no source of rates; set MIZAN_RATES")?;
        let (asset, money) = (settled.settings.symbol.to_string(), settled.settings.books);
        let key = (settled.merchant.clone(), asset.clone(), money.to_string());
        let mut spots = asked.spots.lock().await;
        if let Some(known) = spots.get(&key) {
            return known.clone();
        }
        let answer = async {
            let quoted = rates.quote(&asset, &key.2, now).await.map_err(|error| error.to_string())?;
            let unusable = |error: &dyn Display| format!("the rate of {asset} cannot be used: {error}");
            let rate = ExchangeRate::parse(&quoted.rate.normalize().to_string()).map_err(|error| unusable(&error))?;
            let source = Text::parse(&quoted.source).map_err(|error| unusable(&error))?;
            Ok(Spot { rate, currency: money, source, at: quoted.at })
        };
        let answer = answer.await;
        spots.insert(key.clone(), answer.clone());
        answer
    }
}

/// A merchant, an asset and a currency.
type SpotOf = (MerchantId, String, String);

/// What is asked once for all that is told together.
struct Asked {
    assets: Vec<RegisteredAsset>,
    spots: Mutex<HashMap<SpotOf, Result<Spot, Why>>>,
}

impl Asked {
    /// How the merchant takes what was paid. A chain's own coin has no contract: it is the coin that the merchant has
    /// registered there.
    fn about(&self, it: &Untold) -> Option<&RegisteredAsset> {
        let is_it = |asset: Asset| match (it.token, asset.id.token) {
            (Some(token), _) => asset.id == token,
            (None, Token::Coin(_)) => true,
            (None, Token::Erc20(_)) => false,
        };
        self.assets.iter().find(|known| known.merchant == it.merchant && is_it(known.asset))
    }
}

/// For what the address was watched. Something else than what was expected there is as deep as its own settings ask.
fn watch(it: &Untold, settled: &RegisteredAsset) -> Watch {
    if settled.asset.id == it.expected {
        return it.watch.clone();
    }
    Watch { confirming: settled.settings.terms.confirming.clone(), ..it.watch.clone() }
}

fn sighting(sight: &Sight) -> Sighting {
    match sight {
        Sight::Waiting => Sighting::Seen,
        Sight::Included { block, confirmations, is_finalized } => {
            Sighting::Included { block: block.clone(), confirmations: *confirmations, is_finalized: *is_finalized }
        }
        Sight::Orphaned => Sighting::Orphaned,
        Sight::Replaced(by) => Sighting::Replaced { by: Some(by.clone()) },
        // Whoever waits for it waits in vain; should it come again, it is seen again.
        Sight::Forgotten => Sighting::Replaced { by: None },
        Sight::Failed => Sighting::Failed,
    }
}

fn is_final(observation: &Observation) -> bool {
    match &observation.sighting {
        Sighting::Included { confirmations, is_finalized, .. } => {
            observation.watch.confirming.is_final(*confirmations, *is_finalized)
        }
        Sighting::Seen | Sighting::Orphaned | Sighting::Replaced { .. } | Sighting::Failed => false,
    }
}

/// The same look is the same command, however often it is told.
fn context(it: &Untold) -> Result<Context, NotDone> {
    let actor = Text::parse(ACTOR).map_err(|error| NotDone::Unavailable(error.to_string()))?;
    let deposit_id = it.output.deposit_id();
    let parts = ["look", it.merchant.as_str(), deposit_id.as_str(), &it.look.to_string()];
    let command_id = derived_uuid(&parts);
    Ok(Context { command_id, correlation_id: command_id, ..plain_context(it.merchant.clone(), actor) })
}

fn put_off(of: &Untold, why: Why) -> Delayed<'_> {
    let again_after = retry_after(of.tries.saturating_add(1), rand::rng().random_range(0..=100));
    if of.tries == 0 {
        tracing::warn!(chain = %of.output.chain, transaction = %of.output.transaction, place = %of.output.place, %why, "the ledger could not be told of a payment; it is tried again");
    }
    Delayed { of, why, again_after }
}

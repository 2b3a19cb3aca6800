//! What somebody saw on a chain: for those who run a watcher of their own.

use super::{Said, address, later};
use crate::asking::{Asking, Known, Needs, RateNeeded};
use crate::commands::Incomplete;
use crate::commands::read::{Amount, Checked, Fault, When, at, optional};
use chrono::{DateTime, Utc};
use mizan_domain::Decider;
use mizan_domain::event::{Command, StreamName};
use mizan_domain::onchain::deposit::{self, Deposit, Observation, Sighting, Watch};
use mizan_domain::onchain::{AssetId, Block, ExchangeRate, Output, Place, TransactionId};
use mizan_domain::text::Text;
use serde::Deserialize;
use utoipa::ToSchema;

/// Where in the transaction.
#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum In {
    Output,
    Log,
    Value,
}

/// What a look at the chain saw.
#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum Saw {
    Seen,
    Included,
    Orphaned,
    Replaced,
    Failed,
}

/// What a watcher of yours saw of an output or token transfer at one look at the chain. It may be told in any order and
/// any number of times: a look that is not newer than the last one (`sequence`) changes nothing. Where Mizan watches the
/// chain itself (`MIZAN_NODES`), leave this to it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::commands) struct RecordDeposit {
    /// What came, by its CAIP-19 name: it says the chain too. It has to be registered.
    #[schema(value_type = String, example = "bip122:000000000019d6689c085ae165831e93/slip44:0")]
    asset: Checked<AssetId>,
    /// The transaction.
    #[schema(value_type = String, example = "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b")]
    transaction: Checked<TransactionId>,
    /// Where in it: an output, the log of a token transfer, or the transaction's own value.
    #[schema(value_type = String, pattern = "^(output|log|value)$")]
    place: In,
    /// The number of the output or log.
    index: Option<u32>,
    /// What came, as text: of a token the change of the balance.
    #[schema(value_type = String, example = "0.00200000")]
    amount: Amount,
    /// Where to: an address that an invoice got.
    #[schema(value_type = String, example = "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu")]
    address: Checked<Text>,
    /// The number of the look, which only rises, also over restarts and reorganisations.
    sequence: u64,
    /// What was seen: it waits for a block, is in one, its block is gone, another transaction spent the same money, or
    /// it had no effect.
    #[schema(value_type = String, pattern = "^(seen|included|orphaned|replaced|failed)$")]
    state: Saw,
    /// For `seen`: whether its sender may still replace it.
    #[serde(default)]
    is_replaceable: bool,
    /// For `included`: the height of the block.
    block_height: Option<u64>,
    /// For `included`: the hash of the block.
    #[schema(value_type = Option<String>)]
    block_hash: Option<Checked<TransactionId>>,
    /// For `included`: how deep, the block itself counted.
    confirmations: Option<u32>,
    /// For `included`: whether the chain calls the block final.
    #[serde(default)]
    is_finalized: bool,
    /// For `replaced`: by which transaction, where known.
    #[schema(value_type = Option<String>)]
    replaced_by: Option<Checked<TransactionId>>,
    /// What one whole unit costs now, as text; asked of the source of rates, if left out.
    #[schema(value_type = Option<String>, example = "50500")]
    rate: Option<Checked<ExchangeRate>>,
    /// Whose rate it is, with the rate.
    #[schema(value_type = Option<String>)]
    source: Option<Checked<Text>>,
    /// When it was seen; now, if left out.
    #[schema(value_type = Option<String>, format = DateTime)]
    occurred_at: Option<When>,
}

impl Incomplete for RecordDeposit {
    const SUMMARY: &'static str = "Tell what a watcher of yours saw on a chain";

    fn into_asking(self, now: DateTime<Utc>) -> Result<Asking, Fault> {
        let at = at(self.occurred_at, now)?;
        let asset = self.asset.0;
        if i64::try_from(self.sequence).is_err() || self.block_height.is_some_and(|it| i64::try_from(it).is_err()) {
            let pointer = if i64::try_from(self.sequence).is_err() { "/sequence" } else { "/block_height" };
            return Err(Fault::new("invalid_value", pointer, "the number is too large"));
        }
        let place = match (self.place, self.index) {
            (In::Output, Some(index)) => Place::Output(index),
            (In::Log, Some(index)) => Place::Log(index),
            (In::Value, None) => Place::Value,
            (In::Output | In::Log, None) => return Err(Fault::new("missing_field", "/index", "say which one")),
            (In::Value, Some(_)) => return Err(Fault::new("unknown_field", "/index", "the value has no number")),
        };
        let output = Output { chain: asset.chain, transaction: self.transaction.0, place };
        let to = address(&self.address.0, asset.chain, "/address")?;
        let block = (self.block_height, optional(self.block_hash), self.confirmations);
        let sighting = sighting(self.state, block, self.is_finalized, optional(self.replaced_by))?;
        let said = Said { rate: self.rate, source: self.source }.needed(None, at)?;
        // The rules say where one is needed.
        let rate = RateNeeded { is_optional: !matches!(self.state, Saw::Included), ..said };
        let needs = Needs { assets: vec![asset], address: Some(to.clone()), rate: Some(rate), ..Needs::default() };
        let stream = StreamName { category: Deposit::CATEGORY, id: output.deposit_id().as_str().into() };
        let (sequence, is_replaceable, amount) = (self.sequence, self.is_replaceable, self.amount);
        Ok(later(stream, needs, move |known| {
            let amount = known.amount(asset, &amount, "/amount")?;
            let (watch, spot) = (watch(known, asset)?, known.spot.clone());
            let seen = Observation {
                output,
                sequence,
                amount,
                to,
                is_replaceable,
                watch,
                sighting,
                spot,
                first_seen_at: at,
                at,
            };
            Ok(Command::Deposit(deposit::Command::Observe(Box::new(seen))))
        }))
    }
}

/// The depth is what the invoice was agreed under; for another asset, what is settled about that.
fn watch(known: &Known, asset: AssetId) -> Result<Watch, Fault> {
    let nobody = || Fault::new("address_not_given_out", "/address", "no invoice of yours has this address");
    let given = known.address.as_ref().ok_or_else(nobody)?;
    if given.asset.id == asset {
        return Ok(given.watch());
    }
    Ok(Watch { confirming: known.settings(asset)?.settings.terms.confirming.clone(), ..given.watch() })
}

fn sighting(
    state: Saw,
    block: (Option<u64>, Option<TransactionId>, Option<u32>),
    is_finalized: bool,
    by: Option<TransactionId>,
) -> Result<Sighting, Fault> {
    let missing = |pointer: &str| Fault::new("missing_field", pointer, "say which block it is in, and how deep");
    Ok(match state {
        Saw::Seen => Sighting::Seen,
        Saw::Included => {
            let (height, hash, confirmations) = block;
            let height = height.ok_or_else(|| missing("/block_height"))?;
            let hash = hash.ok_or_else(|| missing("/block_hash"))?;
            let confirmations = confirmations.ok_or_else(|| missing("/confirmations"))?;
            Sighting::Included { block: Block { height, hash }, confirmations, is_finalized }
        }
        Saw::Orphaned => Sighting::Orphaned,
        Saw::Replaced => Sighting::Replaced { by },
        Saw::Failed => Sighting::Failed,
    })
}

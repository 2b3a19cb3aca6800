//! The commands of payments on chains, as clients write them.
//!
//! Amounts of an asset are text without their decimals, which come from what the merchant has registered; addresses are
//! text without their chain, which comes from the asset. Who asks for a payout and who approves it is never in a body:
//! it is the name of the API key.

pub(super) mod deposits;
pub(super) mod holdings;
pub(super) mod invoices;
pub(super) mod payouts;
pub(super) mod refunds;
pub(super) mod wallets;

use super::read::{Checked, Fault};
use crate::asking::{Asking, Known, Later, Needs, RateNeeded};
use chrono::{DateTime, Utc};
use mizan_domain::event::{Command, StreamName, holding_name};
use mizan_domain::onchain::holding::Holding;
use mizan_domain::onchain::{Address, AssetId, Chain, ExchangeRate};
use mizan_domain::text::Text;
use mizan_domain::{Currency, Decider};

/// A command that is read when what it needs is known.
fn later(
    stream: StreamName,
    needs: Needs,
    make: impl FnOnce(&Known) -> Result<Command, Fault> + Send + 'static,
) -> Asking {
    Asking::Later(Box::new(Later { stream, needs, make: Box::new(make) }))
}

/// The stream of what is held of an asset.
fn holding_of(asset: AssetId) -> StreamName {
    StreamName { category: Holding::CATEGORY, id: holding_name(asset).into() }
}

fn address(text: &Text, chain: Chain, pointer: &str) -> Result<Address, Fault> {
    Address::parse(text.as_str(), chain).map_err(|invalid| Fault::invalid(&invalid, pointer))
}

/// A rate with its source, as the client says them: both or neither.
struct Said {
    rate: Option<Checked<ExchangeRate>>,
    source: Option<Checked<Text>>,
}

impl Said {
    /// What is needed to know the rate.
    fn needed(self, currency: Option<Currency>, at: DateTime<Utc>) -> Result<RateNeeded, Fault> {
        let given = match (self.rate, self.source) {
            (Some(rate), Some(source)) => Some((rate.0, source.0)),
            (None, None) => None,
            (Some(_), None) => return Err(Fault::new("missing_field", "/source", "say whose rate it is")),
            (None, Some(_)) => return Err(Fault::new("missing_field", "/rate", "say the rate of that source")),
        };
        Ok(RateNeeded { given, currency, is_optional: false, at })
    }
}

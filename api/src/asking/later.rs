//! Commands about assets: the decimals of an amount, the settings of an asset, who an address was given to and today's
//! rate are known to the engine, not to the client.
//!
//! A body says what it needs; when that is there, the rest of its reading goes on as if it had been in the request, with
//! the same faults and pointers. Rates are asked for once and are facts in the command from then on.

use crate::commands::{Fault, read::Amount};
use crate::engine::Engine;
use crate::write::{Context, NotDone};
use chrono::{DateTime, Utc};
use mizan_domain::event::{Command, StreamName, holding_name};
use mizan_domain::id::{InvoiceId, MerchantId};
use mizan_domain::onchain::holding::{self, Holding};
use mizan_domain::onchain::invoice::{self, Invoice};
use mizan_domain::onchain::{Address, Asset, AssetId, ExchangeRate, Spot};
use mizan_domain::text::Text;
use mizan_domain::{Currency, Decider, Money};
use mizan_projections::onchain::addresses::{self, WatchedAddress};
use mizan_projections::onchain::holdings::{self, RegisteredAsset};
use mizan_projections::onchain::invoices::{self, InvoiceRow};
use sha2::{Digest, Sha256};
use std::time::Duration;

/// How long a command waits for the read models to show what was recorded before it.
const WAIT_MAX: Duration = Duration::from_secs(10);

type Make = Box<dyn FnOnce(&Known) -> Result<Command, Fault> + Send>;

/// A command that cannot be read before something is known.
pub struct Later {
    /// The stream that will decide it.
    pub(crate) stream: StreamName,
    /// What it needs.
    pub(crate) needs: Needs,
    /// Reads the rest.
    pub(crate) make: Make,
}

impl std::fmt::Debug for Later {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Later({})", self.stream)
    }
}

/// What a command needs to know.
#[derive(Debug, Default)]
pub(crate) struct Needs {
    /// What is settled about these assets.
    pub(crate) assets: Vec<AssetId>,
    /// The invoice that it is about; its asset is known too.
    pub(crate) invoice: Option<InvoiceId>,
    /// Who this address was given to.
    pub(crate) address: Option<Address>,
    /// What the first of the assets costs, for a command of this moment.
    pub(crate) rate: Option<RateNeeded>,
    /// What else it is about: in one request it is done after what was said of those before.
    pub(crate) links: Vec<StreamName>,
    /// Whether it matters who asks: then the same idempotency key of another caller is another command.
    pub(crate) is_personal: bool,
}

/// What an asset costs.
#[derive(Debug)]
pub(crate) struct RateNeeded {
    /// As the client says, and whose rate it is.
    pub(crate) given: Option<(ExchangeRate, Text)>,
    /// In which currency; that of the invoice or of the books, where it is none.
    pub(crate) currency: Option<Currency>,
    /// Whether there may be none.
    pub(crate) is_optional: bool,
    /// When.
    pub(crate) at: DateTime<Utc>,
}

/// What is known.
#[derive(Debug)]
pub(crate) struct Known {
    /// Who asks, as events record it.
    pub(crate) actor: Text,
    assets: Vec<RegisteredAsset>,
    /// The invoice.
    pub(crate) invoice: Option<InvoiceRow>,
    /// Who the address was given to.
    pub(crate) address: Option<WatchedAddress>,
    /// What the first of the assets costs.
    pub(crate) spot: Option<Spot>,
}

impl Known {
    /// What is settled about an asset.
    pub(crate) fn settings(&self, asset: AssetId) -> Result<&RegisteredAsset, Fault> {
        let found = self.assets.iter().find(|it| it.asset.id == asset);
        found.ok_or_else(|| Fault::new("asset_not_registered", "/asset", NOT_REGISTERED))
    }

    /// An amount of an asset, in its decimals.
    pub(crate) fn amount(&self, asset: AssetId, amount: &Amount, pointer: &str) -> Result<Money, Fault> {
        amount.of(self.asset(asset)?.into(), pointer)
    }

    /// An asset with its decimals.
    pub(crate) fn asset(&self, asset: AssetId) -> Result<Asset, Fault> {
        self.settings(asset).map(|it| it.asset)
    }

    /// What the first of the assets costs.
    pub(crate) fn spot(&self) -> Result<Spot, Fault> {
        self.spot.clone().ok_or_else(|| Fault::new("rate_missing", "/rate", RATE_MISSING))
    }
}

const NOT_REGISTERED: &str = "the asset is not registered; register-asset says how it is taken and with which decimals";
const RATE_MISSING: &str = "no source of rates is set up (MIZAN_RATES), so the command says rate and source";

impl Later {
    /// Everything that it is about, besides its own stream.
    pub(crate) fn about(&self) -> impl Iterator<Item = StreamName> {
        let assets = self.needs.assets.iter().map(|it| stream(Holding::CATEGORY, &holding_name(*it)));
        let invoice = self.needs.invoice.iter().map(|it| stream(Invoice::CATEGORY, it.as_str()));
        assets.chain(invoice).chain(self.needs.links.iter().cloned())
    }

    /// The command, when everything that it needs is known.
    pub(super) async fn complete(self, engine: &Engine, context: &mut Context) -> Result<Command, NotDone> {
        let Self { needs, make, .. } = self;
        if needs.is_personal
            && let Some(key) = &mut context.key
        {
            let personal = Sha256::new().chain_update(&key.fingerprint).chain_update(context.actor.as_str());
            key.fingerprint = personal.finalize().to_vec();
        }
        let known = needs.look(engine, &context.merchant, context.actor.clone()).await?;
        make(&known).map_err(NotDone::Misread)
    }
}

impl Needs {
    async fn look(self, engine: &Engine, merchant: &MerchantId, actor: Text) -> Result<Known, NotDone> {
        let mut known = Known { actor, assets: Vec::new(), invoice: None, address: None, spot: None };
        if self.assets.is_empty() && self.invoice.is_none() && self.address.is_none() {
            return Ok(known);
        }
        caught_up(engine).await?;
        let mut wanted = self.assets;
        if let Some(invoice_id) = self.invoice {
            let found = invoices::get(&engine.reads, merchant, invoice_id.as_str()).await.map_err(not_now)?;
            let found = found.ok_or_else(|| NotDone::Refused(invoice::Refusal::UnknownInvoice.into()))?;
            wanted.extend(found.data.asset.parse::<AssetId>());
            known.invoice = Some(found.data);
        }
        if let Some(address) = &self.address {
            known.address = addresses::given_out(&engine.reads, merchant, address).await.map_err(not_now)?;
        }
        for asset in wanted {
            let found = holdings::registered_asset(&engine.reads, merchant, asset).await.map_err(not_now)?;
            known.assets.extend(found);
            if known.assets.is_empty() {
                return Err(NotDone::Refused(holding::Refusal::NotRegistered.into()));
            }
        }
        if let Some(rate) = self.rate {
            known.spot = rate.look(engine, &known).await?;
        }
        Ok(known)
    }
}

impl RateNeeded {
    async fn look(self, engine: &Engine, known: &Known) -> Result<Option<Spot>, NotDone> {
        let Some(registered) = known.assets.first() else { return Ok(None) };
        let of_invoice = known.invoice.as_ref().and_then(|it| Currency::parse(&it.currency).ok());
        let currency = self.currency.or(of_invoice).unwrap_or(registered.settings.books);
        if let Some((rate, source)) = self.given {
            return Ok(Some(Spot { rate, currency, source, at: self.at }));
        }
        let Some(rates) = &engine.rates else { return Ok(None) };
        let symbol = &registered.settings.symbol;
        let quoted = match rates.quote(symbol.as_str(), &currency.code(), self.at).await {
            Ok(quoted) => quoted,
            Err(_) if self.is_optional => return Ok(None),
            Err(no_rate) => return Err(NotDone::NoRate(no_rate.to_string())),
        };
        let rate = ExchangeRate::parse(&quoted.rate.to_string());
        let source = Text::parse(&quoted.source);
        match (rate, source) {
            (Ok(rate), Ok(source)) => Ok(Some(Spot { rate, currency, source, at: quoted.at })),
            (Err(error), _) | (_, Err(error)) => Err(NotDone::NoRate(error.to_string())),
        }
    }
}

/// What was recorded before the command counts for it.
async fn caught_up(engine: &Engine) -> Result<(), NotDone> {
    let head = engine.log.head().await.map_err(not_now)?;
    engine.projector.wait_for(head, WAIT_MAX).await.map_err(not_now)?;
    Ok(())
}

fn stream(category: &'static str, id: &str) -> StreamName {
    StreamName { category, id: id.into() }
}

fn not_now(error: impl std::fmt::Display) -> NotDone {
    NotDone::Unavailable(error.to_string())
}

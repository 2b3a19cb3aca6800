//! Holdings: how an asset is taken and kept, what there is of it, and what it cost.

mod lots;
mod registered;

use super::never_begun;
use crate::amount::Amount;
use crate::apply::{Misfit, effective_at};
use crate::bulk::table_row;
use crate::past::{Room, Streams};
use crate::reads::{Answer, Page, QueryError, Reads};
use crate::search::{Field, Kind, Listing};
use crate::streams::{StreamRow, by_stream};
use chrono::{DateTime, NaiveDate, SubsecRound, Utc};
pub use lots::{HeldLot, PromisedPayout};
use mizan_domain::Currency;
use mizan_domain::event::{Event, holding_name};
use mizan_domain::id::MerchantId;
use mizan_domain::onchain::holding::{self, PayoutRules};
use mizan_domain::onchain::{AssetId, AssetSettings};
use mizan_store::{Position, Recorded};
pub use registered::{RegisteredAsset, registered, registered_asset};
use serde::{Deserialize, Serialize};
use sqlx::FromRow;
use sqlx::types::Json;
use utoipa::ToSchema;

/// What is held of an asset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, FromRow, ToSchema)]
pub struct HoldingRow {
    /// Its stream in the history, which derives from the asset's name.
    pub holding_id: String,
    /// The asset, by its CAIP-19 name.
    pub asset: String,
    /// Digits after its point.
    pub decimals: i32,
    /// What the merchant calls it; none where the asset came without being registered.
    pub symbol: Option<String>,
    /// The currency of the merchant's books, and so of costs and gains here.
    pub currency: Option<String>,
    /// Whether the merchant has registered it.
    pub is_registered: bool,
    /// How it is taken and kept. Money is text with its unit, as in events.
    #[schema(value_type = Object)]
    pub settings: Option<Json<AssetSettings>>,
    /// How payouts are decided; none where no rules are set, and so nothing can be paid out.
    #[schema(value_type = Object)]
    pub payout_rules: Option<Json<PayoutRules>>,
    /// Where payouts may go.
    #[schema(value_type = Vec<AllowedDestination>)]
    pub destinations: Json<Vec<AllowedDestination>>,
    /// All of it, less payouts that were approved; negative where the chain took back what was given away already.
    pub quantity: Amount,
    /// What can be sold or paid out.
    pub available: Amount,
    /// What the issuer has frozen.
    pub frozen: Amount,
    /// What is kept for payouts that wait for approvals.
    pub promised: Amount,
    /// Those payouts.
    #[schema(value_type = Vec<PromisedPayout>)]
    pub promises: Json<Vec<PromisedPayout>>,
    /// What all of it cost.
    pub cost: Option<Amount>,
    /// What giving some away has gained until now; losses are negative.
    pub realised: Option<Amount>,
    /// The day of the last valuation.
    pub valued_on: Option<NaiveDate>,
    /// What one whole unit cost then.
    pub valued_at_rate: Option<String>,
    /// What was held was worth so much then.
    pub value: Option<Amount>,
    /// Value less cost then; a loss is negative. The books have it for that day only.
    pub unrealised: Option<Amount>,
    /// The lots that are left; those that go first stand first.
    #[schema(value_type = Vec<HeldLot>)]
    pub lots: Json<Vec<HeldLot>>,
    /// When its last event happened.
    pub updated_at: DateTime<Utc>,
    /// How many events it has: what `If-Match` takes.
    pub revision: i64,
    /// Its last event's place in the history.
    #[schema(value_type = i64)]
    pub position: Position,
}

/// An address that payouts may go to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AllowedDestination {
    /// Where to.
    pub address: String,
    /// Whose it is.
    pub label: Option<String>,
    /// From when on it can be used.
    pub usable_from: DateTime<Utc>,
}

table_row!(
    HoldingRow,
    "holdings",
    key(holding_id),
    fixed(),
    rest(
        asset,
        decimals,
        symbol,
        currency,
        is_registered,
        settings,
        payout_rules,
        destinations,
        quantity,
        available,
        frozen,
        promised,
        promises,
        cost,
        realised,
        valued_on,
        valued_at_rate,
        value,
        unrealised,
        lots,
        updated_at,
        revision,
        position,
    )
);

impl StreamRow for HoldingRow {
    const LOAD: &'static str = by_stream!(holdings, holding_id);

    fn follows(recorded: &Recorded) -> bool {
        matches!(*recorded.event, Event::Holding(_))
    }

    fn stream_id(&self) -> &str {
        &self.holding_id
    }

    fn fold(row: &mut Option<Self>, recorded: &Recorded) -> Result<(), Misfit> {
        let Event::Holding(event) = &*recorded.event else { return Ok(()) };
        if row.is_none() {
            *row = Self::begun(recorded, event);
        }
        let Some(row) = row.as_mut() else { return Err(never_begun(recorded)) };
        row.updated_at = effective_at(&recorded.event);
        row.revision = recorded.revision;
        row.position = recorded.position;
        row.changed(event)?;
        row.moved(event)?;
        row.available = row.quantity.minus(row.frozen)?.minus(row.promised)?;
        Ok(())
    }
}

impl HoldingRow {
    /// A deposit of an asset that nobody has registered is held all the same.
    fn begun(recorded: &Recorded, event: &holding::Event) -> Option<Self> {
        use holding::Event as It;
        let unit: Currency = match event {
            It::AssetRegistered(it) => mizan_domain::onchain::Asset { id: it.asset, decimals: it.decimals }.into(),
            It::LotAcquired(it) | It::LotLost(it) => it.amount.currency(),
            It::PayoutRefused(it) => it.amount.currency(),
            It::Sold(it) => it.amount.currency(),
            It::FeePaid(it) => it.amount.currency(),
            It::FeeReturned(it) => it.amount.currency(),
            It::Frozen(it) | It::Unfrozen(it) => it.amount.currency(),
            It::PayoutReserved(it) | It::PayoutRepriced(it) => it.amount.currency(),
            It::PayoutTaken(it) | It::PayoutSettled(it) | It::PayoutUnsettled(it) | It::PayoutReturned(it) => {
                it.amount.currency()
            }
            It::Revalued(it) => it.held.amount.currency(),
            // These say no amount, and the asset was registered before.
            It::RevaluationReversed(_)
            | It::PayoutRulesSet(_)
            | It::DestinationAllowed(_)
            | It::DestinationRemoved(_)
            | It::PayoutWithheld(_) => return None,
        };
        let nothing = Amount::zero(unit);
        Some(Self {
            holding_id: recorded.stream.id.to_string(),
            asset: unit.to_string(),
            decimals: i32::try_from(unit.decimals()).ok()?,
            symbol: None,
            currency: None,
            is_registered: false,
            settings: None,
            payout_rules: None,
            destinations: Json(Vec::new()),
            quantity: nothing,
            available: nothing,
            frozen: nothing,
            promised: nothing,
            promises: Json(Vec::new()),
            cost: None,
            realised: None,
            valued_on: None,
            valued_at_rate: None,
            value: None,
            unrealised: None,
            lots: Json(Vec::new()),
            updated_at: effective_at(&recorded.event),
            revision: recorded.revision,
            position: recorded.position,
        })
    }

    /// What is settled, valued and frozen.
    fn changed(&mut self, event: &holding::Event) -> Result<(), Misfit> {
        use holding::Event as It;
        match event {
            It::AssetRegistered(it) => {
                self.symbol = Some(it.settings.symbol.to_string());
                self.keeps_books_in(it.settings.books);
                self.is_registered = true;
                self.settings = Some(Json(it.settings.clone()));
            }
            It::Revalued(it) => {
                self.valued_on = Some(it.on);
                self.valued_at_rate = Some(it.spot.rate.to_string());
                (self.value, self.unrealised) = (Some(it.value.into()), Some(it.unrealised.into()));
            }
            It::Frozen(it) => self.frozen.add(it.amount)?,
            It::Unfrozen(it) => self.frozen.take(it.amount)?,
            It::PayoutRulesSet(it) => self.payout_rules = Some(Json(it.rules.clone())),
            It::DestinationAllowed(it) => {
                let address = it.address.as_str().to_owned();
                self.destinations.retain(|known| known.address != address);
                let (label, usable_from) =
                    (it.label.as_ref().map(ToString::to_string), it.usable_from.trunc_subsecs(6));
                self.destinations.push(AllowedDestination { address, label, usable_from });
            }
            It::DestinationRemoved(it) => self.destinations.retain(|known| known.address != it.address.as_str()),
            It::LotAcquired(_)
            | It::LotLost(_)
            | It::Sold(_)
            | It::FeePaid(_)
            | It::FeeReturned(_)
            | It::RevaluationReversed(_)
            | It::PayoutReserved(_)
            | It::PayoutRefused(_)
            | It::PayoutRepriced(_)
            | It::PayoutTaken(_)
            | It::PayoutWithheld(_)
            | It::PayoutSettled(_)
            | It::PayoutUnsettled(_)
            | It::PayoutReturned(_) => (),
        }
        Ok(())
    }

    fn keeps_books_in(&mut self, currency: Currency) {
        if self.currency.as_deref() != Some(&*currency.code()) {
            self.currency = Some(currency.to_string());
            (self.cost, self.realised) = (Some(Amount::zero(currency)), Some(Amount::zero(currency)));
        }
    }
}

static LISTING: Listing = Listing {
    name: "holdings",
    fields: &[
        Field::sorted("asset", Kind::Text),
        Field::of("symbol", Kind::Text),
        Field::of("currency", Kind::Text),
        Field::of("is_registered", Kind::Flag),
        Field::sorted("quantity", Kind::Decimal),
        Field::sorted("available", Kind::Decimal),
        Field::of("frozen", Kind::Decimal),
        Field::of("promised", Kind::Decimal),
        Field::nullable("cost", Kind::Decimal),
        Field::nullable("realised", Kind::Decimal),
        Field::nullable("valued_on", Kind::Date),
        Field::nullable("value", Kind::Decimal),
        Field::nullable("unrealised", Kind::Decimal),
        Field::sorted("updated_at", Kind::Timestamp),
        Field::sorted("position", Kind::Integer),
    ],
    sort: "asset",
    key: &["asset"],
};

/// The fields that the list of holdings can be filtered by, for its documentation.
#[must_use]
pub fn fields() -> String {
    LISTING.all_names()
}

/// What the merchant holds, by asset.
///
/// # Errors
/// [`QueryError`].
pub async fn search(
    reads: &Reads,
    merchant: &MerchantId,
    pairs: &[(String, String)],
) -> Result<Page<HoldingRow>, QueryError> {
    reads.page(merchant, (Room::Of(Streams::Holdings), "holdings"), &LISTING, pairs).await
}

/// What is held of an asset; none where nothing is known of it.
///
/// # Errors
/// [`QueryError::Database`].
pub async fn get(
    reads: &Reads,
    merchant: &MerchantId,
    asset: AssetId,
) -> Result<Option<Answer<HoldingRow>>, QueryError> {
    let statement = "select * from holdings where merchant_id = $1 and holding_id = $2";
    reads.one((Streams::Holdings, statement), merchant, &holding_name(asset)).await
}

//! Takings: what came in and went out on each day, by the way it was paid.
//!
//! A purchase on an installment plan brings no money yet: the payment with which a plan pays its order is never in them,
//! the payments of its installments are.

use crate::amount::Amount;
use crate::apply::{NotApplied, effective_at};
use crate::bulk::Copy;
use crate::past::{About, Room};
use crate::reads::{Page, QueryError, Reads};
use crate::search::{Field, Kind, Listing, Search, SearchError};
use chrono::{Days, NaiveDate, NaiveTime};
use chrono_tz::Tz;
use mizan_domain::event::Event;
use mizan_domain::id::MerchantId;
use mizan_domain::payment::{self, FeeDirection, Method};
use mizan_domain::{Currency, Money};
use mizan_store::Recorded;
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgConnection, QueryBuilder};
use std::sync::Arc;
use utoipa::ToSchema;

/// One day, one method, one currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, FromRow, ToSchema)]
pub struct DayRow {
    /// The day in the time zone that was asked for.
    pub day: NaiveDate,
    /// How it was paid.
    pub method: String,
    /// The currency of the amounts.
    pub currency: String,
    /// Captured or received.
    pub captured: Amount,
    /// Captures that did not hold.
    pub reversed: Amount,
    /// Refunds that reached the customer.
    pub refunded: Amount,
    /// Fees of providers, couriers and disputes, less those given back.
    pub fees: Amount,
    /// Taken by banks for disputes, less what came back; negative on a day when more came back.
    pub disputed: Amount,
    /// Captured less all the others.
    pub net: Amount,
    /// How many facts are in it.
    pub movements: i64,
}

struct Movement {
    method: Method,
    captured: Money,
    reversed: Money,
    refunded: Money,
    fees: Money,
    disputed: Money,
}

impl Movement {
    fn of(method: Method, currency: Currency) -> Self {
        let zero = Money::zero(currency);
        let (captured, reversed, refunded, fees, disputed) = (zero, zero, zero, zero, zero);
        Self { method, captured, reversed, refunded, fees, disputed }
    }

    /// What a fact means for the takings; nothing, for most.
    fn from(event: &Event) -> Option<Self> {
        let Event::Payment(event) = event else { return None };
        Self::from_payment(event).filter(|it| it.method != Method::Installments)
    }

    fn from_payment(event: &payment::Event) -> Option<Self> {
        use payment::Event as It;
        match event {
            It::Received(it) => {
                let none = Self::of(it.intent.method, it.intent.amount.currency());
                Some(Self { captured: it.intent.amount, ..none })
            }
            It::Captured(it) => {
                let none = Self::of(it.method, it.amount.currency());
                Some(Self { captured: it.amount, ..none })
            }
            It::CaptureReversed(it) => {
                let none = Self::of(it.method, it.amount.currency());
                Some(Self { reversed: it.amount, ..none })
            }
            It::RefundSucceeded(it) => {
                let none = Self::of(it.method, it.amount.currency());
                Some(Self { refunded: it.amount, ..none })
            }
            It::DisputeOpened(it) => {
                let none = Self::of(it.method, it.amount.currency());
                Some(Self { disputed: it.amount, fees: it.fee, ..none })
            }
            It::DisputeWon(it) => {
                let none = Self::of(it.method, it.amount.currency());
                Some(Self { disputed: it.amount.negated(), fees: it.fee_returned.negated(), ..none })
            }
            It::FeeRecorded(it) => {
                let none = Self::of(it.method, it.amount.currency());
                let fees = match it.direction {
                    FeeDirection::Charged => it.amount,
                    FeeDirection::Returned => it.amount.negated(),
                };
                Some(Self { fees, ..none })
            }
            It::Authorised(_)
            | It::Declined(_)
            | It::Voided(_)
            | It::RefundRequested(_)
            | It::RefundFailed(_)
            | It::DisputeLost(_)
            | It::PayoutRecorded(_)
            | It::OutcomeUnknown(_)
            | It::AttemptFailed(_) => None,
        }
    }
}

pub(crate) async fn apply(tx: &mut PgConnection, batch: &[Arc<Recorded>]) -> Result<(), NotApplied> {
    let mut copy = Copy::default();
    for recorded in batch {
        let Some(it) = Movement::from(&recorded.event) else { continue };
        copy.row(11)
            .field(&recorded.metadata.merchant_id)
            .field(&recorded.position)
            .field(&effective_at(&recorded.event))
            .field(&*recorded.stream.id)
            .field(it.method.name())
            .field(&*it.captured.currency().code())
            .field(&Amount::from(it.captured))
            .field(&Amount::from(it.reversed))
            .field(&Amount::from(it.refunded))
            .field(&Amount::from(it.fees))
            .field(&Amount::from(it.disputed));
    }
    Ok(copy.send(tx, COPY).await?)
}

const COPY: &str = "copy takings (merchant_id, position, at, payment_id, method, currency, captured, reversed, \
                    refunded, fees, disputed) from stdin (format binary)";

static LISTING: Listing = Listing {
    name: "daily takings",
    fields: &[
        Field::sorted("day", Kind::Date),
        Field::of("method", Kind::OneOf(&METHODS)),
        Field::of("currency", Kind::Text),
    ],
    sort: "-day",
    key: &["method", "currency"],
};

/// The fields that the list of daily takings can be filtered by, for its documentation.
#[must_use]
pub fn fields() -> String {
    LISTING.all_names()
}

/// The names of the ways to pay.
pub(crate) const METHODS: [&str; 8] =
    ["card", "bank_transfer", "mobile_money", "e_wallet", "voucher", "cash_on_delivery", "installments", "onchain"];

/// The takings of each day, by method and currency. Days begin at midnight in `time_zone` (IANA, UTC where it is not
/// said).
///
/// # Errors
/// [`QueryError`].
pub async fn daily(
    reads: &Reads,
    merchant: &MerchantId,
    pairs: &[(String, String)],
) -> Result<Page<DayRow>, QueryError> {
    let search = Search::parse_with(&LISTING, merchant, pairs, &["time_zone"])?;
    let mut sql = QueryBuilder::new(
        "select * from (select day, method, currency, sum(captured) as captured, sum(reversed) as reversed, \
         sum(refunded) as refunded, sum(fees) as fees, sum(disputed) as disputed, \
         sum(captured - reversed - refunded - fees - disputed) as net, count(*) as movements \
         from (select *, (at at time zone ",
    );
    sql.push_bind(time_zone(pairs)?.name());
    sql.push(")::date as day from takings where merchant_id = ").push_bind(merchant.as_str());
    // No time zone is a day away from UTC; the days themselves are compared below.
    let (first, last) = search.dates("day");
    if let Some(from) = first.and_then(|it| it.pred_opt()) {
        sql.push(" and at >= ").push_bind(from.and_time(NaiveTime::MIN).and_utc());
    }
    if let Some(to) = last.and_then(|it| it.checked_add_days(Days::new(2))) {
        sql.push(" and at < ").push_bind(to.and_time(NaiveTime::MIN).and_utc());
    }
    sql.push(") as movement group by day, method, currency) as days where true");
    search.push_filters(&mut sql);
    search.push_after(&mut sql);
    search.push_order(&mut sql);
    let (mut connection, position) = reads.begin(About { merchant, rooms: &[Room::Books], only: None }).await?;
    let rows = sql.build_query_as().fetch_all(&mut *connection).await?;
    Ok(search.into_page(rows, position))
}

fn time_zone(pairs: &[(String, String)]) -> Result<Tz, SearchError> {
    let Some((_, name)) = pairs.iter().find(|(name, _)| name == "time_zone") else { return Ok(Tz::UTC) };
    name.parse().map_err(|_| {
        let message = "time_zone is a name of the IANA time zone database, such as America/Sao_Paulo or UTC";
        SearchError::new("bad_time_zone", "time_zone", message)
    })
}

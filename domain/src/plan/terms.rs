//! The terms of a plan: data that the agreement freezes, so that no later version of the program changes a contract.

use super::late_fees::LateFees;
use super::schedule::ScheduleTerms;
use crate::invalid::Invalid;
use crate::money::Money;
use crate::rate::{Rate, Rounding};
use chrono::{DateTime, Days, LocalResult, NaiveDate, NaiveTime, TimeZone as _, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;

/// Everything that a customer, a merchant and a court need to know about a plan, but who and how much.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Terms {
    /// How many payments, when, with what interest.
    #[serde(flatten)]
    pub schedule: ScheduleTerms,
    /// What is paid on the first day; not part of the amount financed (Regulation Z).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub down_payment: Option<DownPayment>,
    /// What the merchant leaves to the book that carries the plan.
    pub merchant_discount: MerchantDiscount,
    /// What being late costs, by the size of the order; none where it costs nothing.
    pub late_fees: Vec<LateFees>,
    /// What a payment pays first.
    pub allocation: Allocation,
    /// What happens with money beyond what is due.
    pub overpayment: Overpayment,
    /// To which day interest is due when everything is paid early.
    pub early_settlement: EarlySettlement,
    /// What a refund of the order does to the plan.
    pub refund: RefundPolicy,
    /// When interest enters the books.
    pub accrual: Accrual,
    /// Where the customer's day begins and ends.
    pub time_zone: TimeZone,
}

/// What is paid on the first day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DownPayment {
    /// So much.
    Amount(Money),
    /// A share of the order, to the nearest multiple (FINERACT-1971); halves go up.
    Share {
        /// The share.
        rate: Rate,
        /// Rounded to a multiple of this; to the minor unit where it is left out.
        #[serde(skip_serializing_if = "Option::is_none")]
        multiple: Option<Money>,
    },
}

impl DownPayment {
    /// The amount for an order.
    ///
    /// # Errors
    /// Another currency than the order's.
    pub fn of(self, order: Money) -> Result<Money, Invalid> {
        let amount = match self {
            Self::Amount(amount) => amount,
            Self::Share { rate, multiple } => {
                let step = multiple.map_or(1, |it| it.minor().max(1));
                let product = order.minor().checked_mul(rate.units()).ok_or(Invalid::AmountTooLarge)?;
                let unit = step.checked_mul(crate::rate::RATE_UNIT).ok_or(Invalid::AmountTooLarge)?;
                multiple.unwrap_or(order).with_minor(Rounding::HalfUp.divide(product, unit).saturating_mul(step))?
            }
        };
        Money::zero(order.currency()).plus(amount)
    }
}

/// What the merchant leaves to the book that carries the plan: the merchant discount rate (MDR).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MerchantDiscount {
    /// The share of the order.
    pub rate: Rate,
    /// What becomes of it when the order is refunded.
    pub on_refund: OnRefund,
}

/// What becomes of an earning when the order is refunded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnRefund {
    /// It is given back by the refund's share.
    Returned,
    /// It stays earned.
    Kept,
}

/// What a payment pays, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allocation {
    /// Every bucket once: the first is paid first.
    pub order: Vec<Bucket>,
    /// Whether one installment is paid in full before the next is looked at, inside the buckets of one time that stand
    /// side by side (Fineract's horizontal processing); otherwise one bucket is paid for all installments first.
    pub by_installment: bool,
}

/// A kind of debt at the time of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bucket {
    /// Fees of installments that should have been paid before the day.
    PastDueFee,
    /// Interest of such.
    PastDueInterest,
    /// Principal of such.
    PastDuePrincipal,
    /// Fees of the installment whose period the day lies in.
    DueFee,
    /// Interest of it.
    DueInterest,
    /// Principal of it.
    DuePrincipal,
    /// Fees of later installments.
    InAdvanceFee,
    /// Interest of later installments.
    InAdvanceInterest,
    /// Principal of later installments.
    InAdvancePrincipal,
}

/// How the time of a bucket lies to the day of the payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Should have been paid before.
    PastDue,
    /// Is being paid for now.
    Due,
    /// Comes later.
    InAdvance,
}

/// What an installment is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Component {
    /// A part of the amount financed.
    Principal,
    /// The price of the time.
    Interest,
    /// The price of being late.
    Fee,
}

impl Bucket {
    /// Every bucket, in the usual order: fees, interest, principal; what is late first.
    pub const ALL: [Self; 9] = [
        Self::PastDueFee,
        Self::PastDueInterest,
        Self::PastDuePrincipal,
        Self::DueFee,
        Self::DueInterest,
        Self::DuePrincipal,
        Self::InAdvanceFee,
        Self::InAdvanceInterest,
        Self::InAdvancePrincipal,
    ];

    /// Its time.
    #[must_use]
    pub fn when(self) -> When {
        match self {
            Self::PastDueFee | Self::PastDueInterest | Self::PastDuePrincipal => When::PastDue,
            Self::DueFee | Self::DueInterest | Self::DuePrincipal => When::Due,
            Self::InAdvanceFee | Self::InAdvanceInterest | Self::InAdvancePrincipal => When::InAdvance,
        }
    }

    /// Its component.
    #[must_use]
    pub fn component(self) -> Component {
        match self {
            Self::PastDueFee | Self::DueFee | Self::InAdvanceFee => Component::Fee,
            Self::PastDueInterest | Self::DueInterest | Self::InAdvanceInterest => Component::Interest,
            Self::PastDuePrincipal | Self::DuePrincipal | Self::InAdvancePrincipal => Component::Principal,
        }
    }
}

impl Default for Allocation {
    fn default() -> Self {
        Self { order: Bucket::ALL.to_vec(), by_installment: true }
    }
}

/// What happens with money beyond the installment of the current period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overpayment {
    /// It pays the next installments.
    NextInstallment,
    /// It pays principal from the last installment backwards; the interest that is saved is no longer due.
    LastInstallment,
    /// It pays principal, and the remaining payments become smaller.
    ReduceAmount,
    /// It pays principal, and the remaining payments become fewer.
    ReduceCount,
    /// It stays the customer's credit.
    Credit,
}

/// To which day interest is due when everything is paid early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EarlySettlement {
    /// To the day of the payment (Fineract's TILL_PRECLOSE).
    ToDay,
    /// To the end of the current period (TILL_REST_FREQUENCY).
    ToPeriodEnd,
}

/// What a refund of the order does to the plan. Cash plus cancelled debt is always the refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundPolicy {
    /// Which debt is cancelled first.
    pub cancels: Cancels,
    /// What becomes of interest that was paid already.
    pub interest: OnRefund,
}

/// Which debt a refund cancels first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cancels {
    /// The last installment, then the one before it (Afterpay, Affirm).
    LastFirst,
    /// The next installment, then the one after it.
    NextFirst,
    /// What is past due, then an equal part of every installment to come (Fineract's re-amortisation).
    EveryInstallment,
}

/// When interest enters the books.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Accrual {
    /// On the due date of its installment.
    WithInstallment,
    /// On the last day of every month too.
    MonthEnd,
    /// Every day.
    Daily,
}

/// A time zone by its IANA name: the customer's day decides what is late.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TimeZone(Tz);

impl TimeZone {
    /// Coordinated universal time.
    pub const UTC: Self = Self(Tz::UTC);

    /// Reads an IANA name, for example `Asia/Riyadh`.
    ///
    /// # Errors
    /// [`Invalid::UnknownTimeZone`].
    pub fn parse(name: &str) -> Result<Self, Invalid> {
        name.parse().map(Self).map_err(|_| Invalid::UnknownTimeZone(crate::money::shortened(name)))
    }

    /// The date that a clock on the wall shows there.
    #[must_use]
    pub fn date_of(self, at: DateTime<Utc>) -> NaiveDate {
        at.with_timezone(&self.0).date_naive()
    }

    /// When a date begins there: midnight, or the first moment after it where clocks jump over midnight.
    #[must_use]
    pub fn start_of(self, date: NaiveDate) -> DateTime<Utc> {
        const HALF_HOURS_MAX: i64 = 8;
        let midnight = date.and_time(NaiveTime::MIN);
        for half_hours in 0..=HALF_HOURS_MAX {
            match self.0.from_local_datetime(&(midnight + chrono::Duration::minutes(30 * half_hours))) {
                LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => return at.to_utc(),
                LocalResult::None => (),
            }
        }
        midnight.and_utc()
    }
}

impl fmt::Display for TimeZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name())
    }
}

impl fmt::Debug for TimeZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name())
    }
}

impl Serialize for TimeZone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.name())
    }
}

impl<'de> Deserialize<'de> for TimeZone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = crate::wire::lent(deserializer)?;
        Self::parse(&name).map_err(de::Error::custom)
    }
}

/// The day after.
pub(super) fn day_after(date: NaiveDate, days: u64) -> NaiveDate {
    date.checked_add_days(Days::new(days)).unwrap_or(NaiveDate::MAX)
}

/// The last day of a date's month.
pub(super) fn month_end(date: NaiveDate) -> NaiveDate {
    use chrono::Datelike;
    let first = date.with_day(1).unwrap_or(date);
    let next = first.checked_add_months(chrono::Months::new(1)).unwrap_or(NaiveDate::MAX);
    next.pred_opt().unwrap_or(date)
}

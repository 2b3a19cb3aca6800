//! The terms of a plan as clients write them: everything but the number of payments and their frequency has a default.

use super::read::{Amount, Checked, Day, Fault, optional};
use chrono::NaiveDate;
use mizan_domain::plan::{
    Absorbs, Accrual, Adjust, Allocation, Amortisation, Bucket, BusinessDays, Cancels, DayCount, DownPayment,
    EarlySettlement, FeeAmount, FeeStep, Frequency, LateFees, MerchantDiscount, MonthEnd, NominalRate, OnRefund,
    Overpayment, RefundPolicy, ScheduleTerms, Terms, TimeZone,
};
use mizan_domain::rate::Rate;
use mizan_domain::{Currency, Money};
use serde::Deserialize;
use utoipa::ToSchema;

/// The terms of a plan.
#[derive(Deserialize, ToSchema)]
#[schema(as = PlanTerms)]
#[serde(deny_unknown_fields)]
pub(crate) struct TermsBody {
    /// Payments after the first day.
    #[schema(minimum = 1, example = 3)]
    payments: u32,
    /// `weekly`, `every_two_weeks`, `semi_monthly`, `monthly`, or `{"every_days": 15}`.
    #[schema(value_type = Object, example = "monthly")]
    frequency: Frequency,
    /// The due date of the first payment; one period after the start, if left out.
    #[schema(value_type = Option<String>, format = Date)]
    first_due_on: Option<Day>,
    /// The nominal annual rate, a fraction of one as text: `0.07` is 7 %.
    #[schema(value_type = Option<String>, example = "0")]
    rate: Option<Checked<NominalRate>>,
    /// How days become parts of a year.
    #[serde(default)]
    #[schema(value_type = String, pattern = "^(thirty_360|actual_365|actual_actual|weekly_364)$", default = "thirty_360")]
    day_count: DayCount,
    /// Equal payments (`annuity`), `equal_principal`, or `equal_parts` with flat interest.
    #[serde(default)]
    #[schema(value_type = String, pattern = "^(annuity|equal_principal|equal_parts)$", default = "annuity")]
    amortisation: Amortisation,
    /// Which payment absorbs the cents.
    #[serde(default)]
    #[schema(value_type = String, pattern = "^(first|last|largest_remainder)$", default = "last")]
    absorbs: Absorbs,
    /// What the 31st means in a shorter month.
    #[serde(default)]
    #[schema(value_type = String, pattern = "^(clamp|roll)$", default = "clamp")]
    month_end: MonthEnd,
    /// How weekends and holidays move due dates; not at all, if left out.
    #[serde(default)]
    business_days: BusinessDaysBody,
    /// What is paid on the first day: an amount, or a rate.
    down_payment: Option<DownPaymentBody>,
    /// What the merchant leaves to the book that carries the plan; nothing, if left out.
    merchant_discount: Option<MerchantDiscountBody>,
    /// What being late costs, by the size of the order; nothing, if left out.
    #[serde(default)]
    late_fees: Vec<LateFeesBody>,
    /// What a payment pays first.
    allocation: Option<AllocationBody>,
    /// What money beyond the current installment does.
    #[schema(value_type = Option<String>, pattern = "^(next_installment|last_installment|reduce_amount|reduce_count|credit)$", default = "next_installment")]
    overpayment: Option<Overpayment>,
    /// To which day interest is due when everything is paid early.
    #[schema(value_type = Option<String>, pattern = "^(to_day|to_period_end)$", default = "to_day")]
    early_settlement: Option<EarlySettlement>,
    /// What a refund of the order does.
    refund: Option<RefundPolicyBody>,
    /// When interest enters the books.
    #[schema(value_type = Option<String>, pattern = "^(with_installment|month_end|daily)$", default = "with_installment")]
    accrual: Option<Accrual>,
    /// Where the customer's day begins and ends, by its IANA name.
    #[schema(value_type = Option<String>, default = "UTC", example = "Asia/Riyadh")]
    time_zone: Option<Checked<TimeZone>>,
}

/// How weekends and holidays move due dates.
#[derive(Deserialize, Default, ToSchema)]
#[schema(as = PlanBusinessDays)]
#[serde(deny_unknown_fields)]
struct BusinessDaysBody {
    /// Where a due date goes that falls on a day off.
    #[serde(default)]
    #[schema(value_type = String, pattern = "^(none|following|modified_following|preceding)$", default = "none")]
    adjust: Adjust,
    /// The days of the week that are off.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    weekend: Vec<DayOfWeek>,
    /// Other days off.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    holidays: Vec<Day>,
    /// Whether interest periods move along.
    #[serde(default)]
    interest_follows: bool,
}

/// A day of the week.
#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum DayOfWeek {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

impl From<DayOfWeek> for chrono::Weekday {
    fn from(day: DayOfWeek) -> Self {
        match day {
            DayOfWeek::Monday => Self::Mon,
            DayOfWeek::Tuesday => Self::Tue,
            DayOfWeek::Wednesday => Self::Wed,
            DayOfWeek::Thursday => Self::Thu,
            DayOfWeek::Friday => Self::Fri,
            DayOfWeek::Saturday => Self::Sat,
            DayOfWeek::Sunday => Self::Sun,
        }
    }
}

/// What is paid on the first day: an amount, or a rate.
#[derive(Deserialize, ToSchema)]
#[schema(as = PlanDownPayment)]
#[serde(deny_unknown_fields)]
struct DownPaymentBody {
    /// So much, as text.
    #[schema(value_type = Option<String>)]
    amount: Option<Amount>,
    /// A share of the order, as text.
    #[schema(value_type = Option<String>, example = "0.25")]
    rate: Option<Checked<Rate>>,
    /// With a rate: rounded to the nearest multiple of this.
    #[schema(value_type = Option<String>)]
    multiple: Option<Amount>,
}

/// What the merchant leaves.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PlanMerchantDiscount)]
struct MerchantDiscountBody {
    /// A share of the order, as text.
    #[schema(value_type = String, example = "0.06")]
    rate: Checked<Rate>,
    /// What becomes of it when the order is refunded.
    #[schema(value_type = Option<String>, pattern = "^(returned|kept)$", default = "returned")]
    on_refund: Option<OnRefund>,
}

/// What being late costs for orders from a size upwards.
#[derive(Deserialize, ToSchema)]
#[schema(as = PlanLateFees)]
#[serde(deny_unknown_fields)]
struct LateFeesBody {
    /// The smallest order that these are for, as text.
    #[schema(value_type = Option<String>, default = "0")]
    order_from: Option<Amount>,
    /// Days after the due date in which nothing is charged.
    #[serde(default)]
    grace_days: u32,
    /// The fees of one late installment, by rising days.
    steps: Vec<FeeStepBody>,
    /// The most for the whole plan, as text.
    #[schema(value_type = Option<String>)]
    cap_amount: Option<Amount>,
    /// The most for the whole plan, as a share of the order.
    #[schema(value_type = Option<String>)]
    cap_rate: Option<Checked<Rate>>,
    /// The most fees of the whole plan.
    fees_max: Option<u32>,
    /// A fee falls when its installment is paid within so many days after it.
    waived_within_days: Option<u32>,
}

/// One fee of a late installment: an amount, or a rate of what is late.
#[derive(Deserialize, ToSchema)]
#[schema(as = PlanFeeStep)]
#[serde(deny_unknown_fields)]
struct FeeStepBody {
    /// Days after the due date and the grace.
    #[serde(default)]
    after_days: u32,
    /// So much, as text.
    #[schema(value_type = Option<String>)]
    amount: Option<Amount>,
    /// A share of the principal and interest that is late.
    #[schema(value_type = Option<String>)]
    rate: Option<Checked<Rate>>,
}

/// What a payment pays first.
#[derive(Deserialize, ToSchema)]
#[schema(as = PlanAllocation)]
#[serde(deny_unknown_fields)]
struct AllocationBody {
    /// Every bucket once: `past_due_fee`, `past_due_interest`, `past_due_principal`, `due_fee`, `due_interest`,
    /// `due_principal`, `in_advance_fee`, `in_advance_interest`, `in_advance_principal`; in this order, if left out.
    #[schema(value_type = Option<Vec<String>>)]
    order: Option<Vec<Bucket>>,
    /// Whether one installment is paid in full before the next.
    by_installment: Option<bool>,
}

/// What a refund of the order does.
#[derive(Deserialize, ToSchema)]
#[schema(as = PlanRefundPolicy)]
#[serde(deny_unknown_fields)]
struct RefundPolicyBody {
    /// Which debt it cancels first.
    #[schema(value_type = Option<String>, pattern = "^(last_first|next_first|every_installment)$", default = "last_first")]
    cancels: Option<Cancels>,
    /// What becomes of interest that was paid already.
    #[schema(value_type = Option<String>, pattern = "^(returned|kept)$", default = "kept")]
    interest: Option<OnRefund>,
}

impl TermsBody {
    /// The domain's terms, in the currency of the order.
    pub(crate) fn into_terms(self, currency: Currency, pointer: &str) -> Result<Terms, Fault> {
        let down_payment = self.down_payment.map(|it| it.read(currency, &format!("{pointer}/down_payment")));
        let bands = self.late_fees.into_iter().enumerate();
        let late_fees = bands.map(|(no, it)| it.read(currency, &format!("{pointer}/late_fees/{no}")));
        let allocation = self.allocation.map(|it| Allocation {
            order: it.order.unwrap_or_else(|| Bucket::ALL.to_vec()),
            by_installment: it.by_installment.unwrap_or(true),
        });
        let (cancels, interest) = self.refund.map_or((None, None), |it| (it.cancels, it.interest));
        Ok(Terms {
            schedule: ScheduleTerms {
                payments: self.payments,
                frequency: self.frequency,
                first_due_on: self.first_due_on.map(|Day(date)| date),
                rate: optional(self.rate).unwrap_or(NominalRate::ZERO),
                day_count: self.day_count,
                amortisation: self.amortisation,
                absorbs: self.absorbs,
                month_end: self.month_end,
                business_days: self.business_days.read(),
            },
            down_payment: down_payment.transpose()?,
            merchant_discount: MerchantDiscount {
                rate: self.merchant_discount.as_ref().map_or(Rate::ZERO, |it| it.rate.0),
                on_refund: self.merchant_discount.and_then(|it| it.on_refund).unwrap_or(OnRefund::Returned),
            },
            late_fees: late_fees.collect::<Result<_, _>>()?,
            allocation: allocation.unwrap_or_default(),
            overpayment: self.overpayment.unwrap_or(Overpayment::NextInstallment),
            early_settlement: self.early_settlement.unwrap_or(EarlySettlement::ToDay),
            refund: RefundPolicy {
                cancels: cancels.unwrap_or(Cancels::LastFirst),
                interest: interest.unwrap_or(OnRefund::Kept),
            },
            accrual: self.accrual.unwrap_or(Accrual::WithInstallment),
            time_zone: optional(self.time_zone).unwrap_or(TimeZone::UTC),
        })
    }
}

impl BusinessDaysBody {
    fn read(self) -> BusinessDays {
        let holidays: Vec<NaiveDate> = self.holidays.into_iter().map(|Day(date)| date).collect();
        BusinessDays {
            adjust: self.adjust,
            weekend: self.weekend.into_iter().map(Into::into).collect(),
            holidays,
            interest_follows: self.interest_follows,
        }
    }
}

impl DownPaymentBody {
    fn read(self, currency: Currency, pointer: &str) -> Result<DownPayment, Fault> {
        match (self.amount, self.rate) {
            (Some(amount), None) if self.multiple.is_none() => {
                Ok(DownPayment::Amount(amount.of(currency, &format!("{pointer}/amount"))?))
            }
            (None, Some(rate)) => {
                let multiple = self.multiple.map(|it| it.of(currency, &format!("{pointer}/multiple")));
                Ok(DownPayment::Share { rate: rate.0, multiple: multiple.transpose()? })
            }
            (Some(_) | None, _) => {
                Err(Fault::new("invalid_value", pointer, "write either an amount, or a rate (with a multiple)"))
            }
        }
    }
}

impl LateFeesBody {
    fn read(self, currency: Currency, pointer: &str) -> Result<LateFees, Fault> {
        let steps = self.steps.into_iter().enumerate();
        let steps = steps.map(|(no, it)| it.read(currency, &format!("{pointer}/steps/{no}")));
        let money = |amount: Option<Amount>, name: &str| {
            amount.map(|it| it.of(currency, &format!("{pointer}/{name}"))).transpose()
        };
        Ok(LateFees {
            order_from: money(self.order_from, "order_from")?.unwrap_or(Money::zero(currency)),
            grace_days: self.grace_days,
            steps: steps.collect::<Result<_, _>>()?,
            cap_amount: money(self.cap_amount, "cap_amount")?,
            cap_rate: optional(self.cap_rate),
            fees_max: self.fees_max,
            waived_within_days: self.waived_within_days,
        })
    }
}

impl FeeStepBody {
    fn read(self, currency: Currency, pointer: &str) -> Result<FeeStep, Fault> {
        let fee = match (self.amount, self.rate) {
            (Some(amount), None) => FeeAmount::Amount(amount.of(currency, &format!("{pointer}/amount"))?),
            (None, Some(rate)) => FeeAmount::Rate(rate.0),
            (Some(_) | None, _) => {
                return Err(Fault::new("invalid_value", pointer, "write either an amount or a rate"));
            }
        };
        Ok(FeeStep { after_days: self.after_days, fee })
    }
}

//! A plan that is open: its ledger, its side with the merchant, and what was done to it, in the order of time.

use super::agreement::Agreement;
use super::books;
use super::command::{MerchantPaymentDirection, OpenPlan, PayMerchant, Rescheduling};
use super::event::*;
use super::installment::Installment;
use super::ledger::{ChargeOff, Ledger, Totals};
use super::nominal_rate::NominalRate;
use super::refusal::Refusal;
use super::standing::{Standing, Status, Step};
use super::terms::Component;
use crate::entry::Balances;
use crate::id::{AllocationId, PaymentId, PayoutId, RefundId, RescheduleId, WaiverId};
use crate::money::Money;
use crate::order::Timestamp;
use crate::payment::Method;
use chrono::NaiveDate;
use std::collections::{BTreeMap, BTreeSet};

/// A plan that is open, settled or charged off.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Running {
    pub(super) agreement: Agreement,
    pub(super) ledger: Ledger,
    pub(super) merchant: Merchant,
    /// In the order of their steps.
    pub(super) transactions: Vec<Transaction>,
    pub(super) reversals: BTreeMap<AllocationId, (PaymentId, Money)>,
    /// Every offer of money that was ever taken: the same said again is one fact, even after a reversal.
    pub(super) applications: BTreeMap<AllocationId, (PaymentId, Money)>,
    pub(super) steps: u32,
    /// Installments whose due date was told.
    pub(super) told_due: BTreeSet<u32>,
    /// Time has been looked at to here.
    pub(super) looked_to: NaiveDate,
    /// Interest is in the books to here.
    pub(super) accrued_to: NaiveDate,
}

/// What is between the book and the merchant, in minor units.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Merchant {
    /// Negative where refunds took more back than was still to be paid.
    pub(super) payable: i128,
    /// The discount that time has not earned.
    pub(super) unearned: i128,
    /// The discount that refunds have not given back, earned or not.
    pub(super) discount: i128,
    /// What of the purchase is not refunded.
    pub(super) purchase: i128,
    payouts: BTreeMap<PayoutId, (Money, MerchantPaymentDirection)>,
}

/// Something that was done to the customer's side.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Transaction {
    pub(super) step: u32,
    pub(super) on: NaiveDate,
    pub(super) deed: Deed,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Deed {
    Payment(Payment),
    Fee { number: u32, fee_step: u32, amount: Money },
    Waiver { waiver_id: WaiverId, number: u32, amount: Money },
    Refund { refund_id: RefundId, amount: Money, cash: Money, cash_back: Vec<CashBack>, interest_returned: Money },
    Reschedule { reschedule_id: RescheduleId, how: Rescheduling },
    Rate { reschedule_id: RescheduleId, rate: NominalRate },
    ChargeOff(ChargeOff),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Payment {
    pub(super) application_id: AllocationId,
    pub(super) payment_id: PaymentId,
    pub(super) method: Method,
    pub(super) amount: Money,
    /// What of it paid principal, before or after a charge-off.
    pub(super) principal: i128,
    /// What of it paid interest.
    pub(super) interest: i128,
    /// What of it was used at all.
    pub(super) used: i128,
}

impl Running {
    /// The event that opens a plan.
    pub(super) fn opening(agreement: &Agreement, asked: &OpenPlan, today: NaiveDate) -> Result<Event, Refusal> {
        let starts_on = agreement.offer.starts_on;
        let it = Self::new(agreement.clone(), today);
        let (amount, discount) = (agreement.offer.amount, agreement.discount);
        let moved = books::opened(Balances::new(amount.currency()), amount.minor(), discount.minor());
        let step = Step {
            plan_id: asked.plan_id.clone(),
            customer_id: agreement.offer.customer_id.clone(),
            step: 1,
            effective_on: starts_on,
            is_reapplied: false,
            installments: it.ledger.installments.clone(),
            removed: Vec::new(),
            standing: it.standing(),
            entry: moved.into_entry(Some(agreement.offer.customer_id.clone()))?,
            at: asked.at,
        };
        let order_id = agreement.offer.order_id.clone();
        let step = Box::new(step);
        Ok(Event::Opened(Box::new(Opened { step, order_id, amount, discount })))
    }

    fn new(agreement: Agreement, today: NaiveDate) -> Self {
        let offer = &agreement.offer;
        let ledger = Ledger {
            currency: offer.amount.currency(),
            installments: agreement.installments(),
            rate: offer.terms.schedule.rate,
            totals: Totals::default(),
            charged_off: None,
        };
        let (purchase, discount) = (offer.amount.minor(), agreement.discount.minor());
        let merchant =
            Merchant { payable: purchase - discount, unearned: discount, discount, purchase, payouts: BTreeMap::new() };
        Self {
            accrued_to: offer.starts_on,
            looked_to: today,
            agreement,
            ledger,
            merchant,
            transactions: Vec::new(),
            reversals: BTreeMap::new(),
            applications: BTreeMap::new(),
            steps: 1,
            told_due: BTreeSet::new(),
        }
    }

    pub(super) fn opened(agreement: Agreement, event: &Opened) -> Self {
        let today = agreement.offer.terms.time_zone.date_of(event.step.at);
        let mut it = Self::new(agreement, today);
        it.ledger.installments.clone_from(&event.step.installments);
        it
    }

    pub(super) fn today(&self, at: Timestamp) -> NaiveDate {
        self.agreement.offer.terms.time_zone.date_of(at)
    }

    pub(super) fn payoff(&self, on: NaiveDate) -> Option<Money> {
        let amount = self.ledger.payoff(&self.agreement, on);
        (self.ledger.owed() > 0).then(|| self.ledger.money(amount))
    }

    pub(super) fn status(&self) -> Status {
        match self.ledger.charged_off {
            Some(_) => Status::ChargedOff,
            None if self.ledger.owed() == 0 => Status::Settled,
            None => Status::Open,
        }
    }

    /// How the plan stands, as every step writes it down.
    pub(super) fn standing(&self) -> Standing {
        let ledger = &self.ledger;
        let money = |minor: i128| ledger.money(minor);
        let places = 0..ledger.installments.len();
        let accrued: i128 = places.map(|place| ledger.accrued(&self.agreement, place, self.accrued_to)).sum();
        let paid: i128 = ledger.installments.iter().map(|it| it.interest.paid.minor()).sum();
        let financed = ledger.installments.iter().filter(|it| it.number > 0);
        let owed: i128 = financed.map(|it| it.principal.outstanding() + it.principal.written_off.minor()).sum();
        let exposure = (owed - ledger.totals.recovered - ledger.totals.refund_recovered).max(0);
        Standing {
            status: self.status(),
            principal: money(ledger.outstanding(Component::Principal)),
            interest: money(ledger.outstanding(Component::Interest)),
            accrued: money(accrued - paid),
            fees: money(ledger.outstanding(Component::Fee)),
            overpaid: money(ledger.totals.to_credit),
            exposure: money(exposure),
            charged_off: money(ledger.installments.iter().map(|it| it.principal.written_off.minor()).sum()),
            recovered: money(ledger.totals.recovered),
            refund_recovered: money(ledger.totals.refund_recovered),
            cash_back: money(ledger.totals.cash_back),
            interest_returned: money(ledger.totals.interest_returned),
            discount_unearned: money(self.merchant.unearned),
            merchant_payable: money(self.merchant.payable),
            rate: ledger.rate,
            accrued_to: self.accrued_to,
            next_due_on: ledger.installments.iter().filter(|it| it.outstanding() > 0).map(|it| it.due_on).min(),
            wakes_at: self.wakes_on().map(|date| self.agreement.offer.terms.time_zone.start_of(date)),
        }
    }

    /// Takes over a fact of an open plan.
    pub(super) fn evolve(&mut self, event: &Event) {
        if let Some(step) = event.step() {
            self.take_over(step);
        }
        let Some(Step { step, effective_on, .. }) = event.step() else {
            if let Event::MerchantPaid(it) = event {
                self.merchant.payable = it.merchant_payable.minor();
                self.merchant.payouts.insert(it.payout_id.clone(), (it.amount, it.direction));
            }
            return;
        };
        let deed = match event {
            Event::Approved(_)
            | Event::Cancelled(_)
            | Event::PaymentHeld(_)
            | Event::HeldPaymentReleased(_)
            | Event::Opened(_)
            | Event::MerchantPaid(_)
            | Event::InterestAccrued(_) => return,
            Event::InstallmentDue(it) => {
                self.told_due.insert(it.number);
                return;
            }
            Event::PaymentReversed(it) => {
                self.reversals.insert(it.reversal_id.clone(), (it.payment_id.clone(), it.amount));
                return;
            }
            Event::Unwound(it) => {
                self.transactions.retain(|known| !it.undone.contains(&known.step));
                self.ledger.charged_off = self.transactions.iter().find_map(|it| match it.deed {
                    Deed::ChargeOff(how) => Some(how),
                    Deed::Payment(_)
                    | Deed::Fee { .. }
                    | Deed::Waiver { .. }
                    | Deed::Refund { .. }
                    | Deed::Reschedule { .. }
                    | Deed::Rate { .. } => None,
                });
                return;
            }
            Event::PaymentApplied(it) => {
                let first = (it.payment_id.clone(), it.amount);
                self.applications.entry(it.application_id.clone()).or_insert(first);
                Deed::Payment(Payment {
                    application_id: it.application_id.clone(),
                    payment_id: it.payment_id.clone(),
                    method: it.method,
                    amount: it.amount,
                    principal: it.paid(Component::Principal) + it.recovered.minor(),
                    interest: it.paid(Component::Interest),
                    used: it.amount.minor() - it.to_credit.minor(),
                })
            }
            Event::LateFeeCharged(it) => Deed::Fee { number: it.number, fee_step: it.fee_step, amount: it.amount },
            Event::LateFeeWaived(it) => {
                Deed::Waiver { waiver_id: it.waiver_id.clone(), number: it.number, amount: it.amount }
            }
            Event::Refunded(it) => {
                if !it.step.is_reapplied {
                    self.merchant.purchase -= it.amount.minor();
                    self.merchant.discount -= it.discount_returned.minor();
                }
                Deed::Refund {
                    refund_id: it.refund_id.clone(),
                    amount: it.amount,
                    cash: it.cash,
                    cash_back: it.cash_back.clone(),
                    interest_returned: it.interest_returned,
                }
            }
            Event::Rescheduled(it) => Deed::Reschedule { reschedule_id: it.reschedule_id.clone(), how: it.how },
            Event::RateChanged(it) => Deed::Rate { reschedule_id: it.reschedule_id.clone(), rate: it.rate },
            Event::ChargedOff(it) => {
                self.ledger.charged_off = Some(it.how);
                Deed::ChargeOff(it.how)
            }
        };
        self.transactions.push(Transaction { step: *step, on: *effective_on, deed });
    }

    fn take_over(&mut self, step: &Step) {
        self.steps = step.step;
        self.looked_to = self.looked_to.max(self.today(step.at));
        let known = &mut self.ledger.installments;
        known.retain(|it| !step.removed.contains(&it.number));
        for changed in &step.installments {
            match known.iter_mut().find(|it| it.number == changed.number) {
                Some(it) => it.clone_from(changed),
                None => known.push(changed.clone()),
            }
        }
        known.sort_by_key(|it| (it.due_on, it.number));
        let standing = &step.standing;
        self.ledger.rate = standing.rate;
        self.ledger.totals = Totals {
            to_credit: standing.overpaid.minor(),
            recovered: standing.recovered.minor(),
            refund_recovered: standing.refund_recovered.minor(),
            cash_back: standing.cash_back.minor(),
            interest_returned: standing.interest_returned.minor(),
        };
        self.merchant.unearned = standing.discount_unearned.minor();
        self.merchant.payable = standing.merchant_payable.minor();
        self.accrued_to = standing.accrued_to;
    }

    /// The book pays the merchant, or the merchant pays back.
    pub(super) fn pay_merchant(&self, asked: &PayMerchant) -> Result<Vec<Event>, Refusal> {
        if let Some((amount, direction)) = self.merchant.payouts.get(&asked.payout_id) {
            let is_same = *direction == asked.direction && asked.amount.is_none_or(|it| it == *amount);
            return if is_same { Ok(Vec::new()) } else { Err(Refusal::exists("payout_id")) };
        }
        let sign = match asked.direction {
            MerchantPaymentDirection::ToMerchant => 1,
            MerchantPaymentDirection::FromMerchant => -1,
        };
        let left = self.ledger.money((self.merchant.payable * sign).max(0));
        let amount = asked.amount.unwrap_or(left);
        if !amount.is_positive() {
            let is_nothing_owed = asked.amount.is_none();
            return Err(if is_nothing_owed { Refusal::NothingOwed } else { Refusal::AmountNotPositive });
        }
        if amount.exceeds(left)? {
            return Err(Refusal::ExceedsPayable { asked: amount, left });
        }
        let moved = Balances::new(amount.currency()).moved(
            crate::Account::MerchantPayable,
            crate::Account::Bank,
            amount.minor() * sign,
        );
        Ok(vec![Event::MerchantPaid(MerchantPaid {
            plan_id: asked.plan_id.clone(),
            payout_id: asked.payout_id.clone(),
            amount,
            direction: asked.direction,
            merchant_payable: self.ledger.money(self.merchant.payable - amount.minor() * sign),
            entry: moved.into_entry(Some(self.agreement.offer.customer_id.clone()))?,
            at: asked.at,
        })])
    }

    /// The transactions that count for days after this one.
    pub(super) fn after(&self, on: NaiveDate) -> Vec<Transaction> {
        self.transactions.iter().filter(|it| it.on > on).cloned().collect()
    }

    /// The last day that something counts for.
    pub(super) fn last_on(&self) -> NaiveDate {
        let last = self.transactions.iter().map(|it| it.on).max();
        last.map_or(self.agreement.offer.starts_on, |on| on.max(self.agreement.offer.starts_on))
    }

    pub(super) fn installment(&self, number: u32) -> Option<&Installment> {
        self.ledger.installments.iter().find(|it| it.number == number)
    }
}

impl PaymentApplied {
    /// What of it paid a component, in minor units.
    #[must_use]
    pub fn paid(&self, component: Component) -> i128 {
        self.allocated.iter().filter(|it| it.component == component).map(|it| it.amount.minor()).sum()
    }
}

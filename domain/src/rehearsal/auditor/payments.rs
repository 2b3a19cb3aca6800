//! What the auditor sees of payments, and what must hold when everything is told.

use super::{Auditor, Fate, Finding, Paid};
use crate::account::Account;
use crate::id::PaymentId;
use crate::money::{Currency, Money};
use crate::payment::{self, Attempt, Intent};
use std::collections::{BTreeMap, BTreeSet};

impl Auditor {
    pub(super) fn observe_payment(&mut self, event: &payment::Event) -> Finding {
        use payment::Event as It;
        match event {
            It::Authorised(it) => self.open(&it.intent)?.authorised = it.intent.amount.minor(),
            It::Received(it) => {
                let capture = (it.intent.amount.minor(), false);
                self.open(&it.intent)?.captures.insert(it.capture_id(), capture);
            }
            It::Declined(it) => _ = self.open(&it.intent)?,
            It::Captured(it) => {
                let paid = self.payment(&it.payment_id)?;
                let before = paid.captures.insert(it.capture_id.clone(), (it.amount.minor(), false));
                paid.given_back += it.given_back.minor();
                let taken: i128 = paid.captures.values().map(|(amount, _)| amount).sum();
                expect!(before.is_none() && taken + paid.given_back <= paid.authorised, "captured too much: {it:?}");
            }
            It::Voided(it) => {
                let paid = self.payment(&it.payment_id)?;
                expect!(it.given_back.minor() == paid.expected(), "{} is not all that was promised", it.given_back);
                paid.given_back += it.given_back.minor();
            }
            It::CaptureReversed(it) => {
                let paid = self.payment(&it.payment_id)?;
                let capture = paid.captures.get_mut(&it.capture_id).ok_or("an unknown capture")?;
                expect!(*capture == (it.amount.minor(), false), "reversed twice or in part: {it:?}");
                capture.1 = true;
                expect!(paid.left() >= 0, "more went back than was captured: {it:?}");
            }
            It::RefundRequested(it) => {
                let paid = self.payment(&it.payment_id)?;
                let before = paid.refunds.insert(it.refund_id.clone(), (it.amount.minor(), Fate::Open));
                expect!(before.is_none(), "requested twice: {it:?}");
                expect!(paid.left() >= 0, "more went back than was captured: {it:?}");
            }
            It::RefundSucceeded(it) => {
                let refund = self.payment(&it.payment_id)?.refunds.get_mut(&it.refund_id).ok_or("unknown refund")?;
                expect!(*refund == (it.amount.minor(), Fate::Open), "ended twice: {it:?}");
                refund.1 = Fate::Done;
            }
            It::RefundFailed(it) => self.refund_failed(it)?,
            It::DisputeOpened(it) => {
                let paid = self.payment(&it.payment_id)?;
                let left = paid.left().max(0);
                expect!(it.reserved.minor() == it.amount.minor().min(left), "{} is reserved of {left}", it.reserved);
                expect!(it.reserved.plus(it.over_recovery) == Ok(it.amount), "over-recovery of {it:?}");
                expect!(it.amount.minor() <= paid.captured(), "disputed more than was captured");
                paid.disputes.insert(it.dispute_id.clone(), (it.amount.minor(), Fate::Open));
            }
            It::DisputeWon(it) => self.dispute_ended(&it.payment_id, &it.dispute_id, it.amount, Fate::Undone)?,
            It::DisputeLost(it) => self.dispute_ended(&it.payment_id, &it.dispute_id, it.amount, Fate::Done)?,
            It::OutcomeUnknown(it) => match it.attempt {
                Attempt::Authorisation => _ = self.open(&it.intent)?,
                Attempt::Capture { .. } | Attempt::Void | Attempt::Refund { .. } => (),
            },
            It::FeeRecorded(_) | It::PayoutRecorded(_) | It::AttemptFailed(_) => (),
        }
        Ok(())
    }

    fn open(&mut self, intent: &Intent) -> Result<&mut Paid, String> {
        let new = Paid {
            currency: intent.amount.currency(),
            has_order: intent.order_id.is_some(),
            authorised: 0,
            given_back: 0,
            captures: BTreeMap::new(),
            refunds: BTreeMap::new(),
            disputes: BTreeMap::new(),
        };
        let paid = self.payments.entry(intent.payment_id.clone()).or_insert(new);
        if paid.authorised > 0 || !paid.captures.is_empty() {
            return Err(format!("payment {} is opened twice", intent.payment_id));
        }
        Ok(paid)
    }

    fn payment(&mut self, id: &PaymentId) -> Result<&mut Paid, String> {
        self.payments.get_mut(id).ok_or_else(|| format!("payment {id} was never opened"))
    }

    fn refund_failed(&mut self, it: &payment::RefundFailed) -> Finding {
        let refunds = &mut self.payment(&it.payment_id)?.refunds;
        match refunds.insert(it.refund_id.clone(), (it.amount.minor(), Fate::Undone)) {
            // Asked for by an order, and there was no money: nothing is booked.
            None => expect!(it.entry.is_empty(), "a refund that was never requested moves money: {it:?}"),
            Some(before) => expect!(before == (it.amount.minor(), Fate::Open), "ended twice: {it:?}"),
        }
        Ok(())
    }

    fn dispute_ended(&mut self, id: &PaymentId, dispute: &crate::id::DisputeId, amount: Money, fate: Fate) -> Finding {
        let known = self.payment(id)?.disputes.get_mut(dispute).ok_or("an unknown dispute")?;
        expect!(*known == (amount.minor(), Fate::Open), "dispute {dispute} ended twice, or otherwise");
        known.1 = fate;
        Ok(())
    }

    /// Promises, refunds on their way and open disputes are in the books, to the cent.
    pub(super) fn check_payments(&self) -> Finding {
        let currencies: BTreeSet<Currency> = self.payments.values().map(|it| it.currency).collect();
        for currency in currencies {
            let own = || self.payments.values().filter(move |it| it.currency == currency);
            let expected: i128 = own().map(Paid::expected).sum();
            let pending = self.pending.credit(currency, &Account::CustomerCredit);
            expect!(pending == expected, "{pending} pending, {expected} promised");
            let open = |(amount, fate): &(i128, Fate)| if *fate == Fate::Open { *amount } else { 0 };
            let on_its_way: i128 = own().flat_map(|it| it.refunds.values()).map(open).sum();
            let booked = self.posted.credit(currency, &Account::RefundsPending);
            expect!(booked == on_its_way, "refunds_pending {booked}, on their way {on_its_way}");
            let disputed: i128 = own().flat_map(|it| it.disputes.values()).map(open).sum();
            let booked = self.posted.debit(currency, &Account::DisputesReceivable);
            expect!(booked == disputed, "disputes_receivable {booked}, open {disputed}");
        }
        Ok(())
    }

    /// What must hold when every consequence of every event was drawn.
    pub(crate) fn check_settled(&self) -> Finding {
        for (id, held) in &self.held {
            let paid = self.payments.get(id).ok_or("money of no payment")?;
            let (told, was) = ((held.offered, held.back), paid.captures.values().map(|it| it.0).sum::<i128>());
            let back = paid.refunded() + was - paid.captured();
            expect!(told == (was, back), "payment {id}: {was} captured and {back} back, but the order knows {told:?}");
            let waiting = held.offered - held.allocated - held.back;
            expect!(waiting >= 0, "payment {id} is overdrawn by {}", -waiting);
            let owes = Some(held.currency) == self.currency && self.allocated() < self.value();
            expect!(waiting == 0 || !owes, "the order owes while {waiting} of payment {id} waits");
        }
        let brought = |it: &&Paid| it.has_order && !it.captures.is_empty();
        expect!(
            self.payments.values().filter(brought).count() == self.held.len(),
            "money that its order does not know"
        );
        for currency in self.payments.values().map(|it| it.currency).collect::<BTreeSet<_>>() {
            let of_orders = self.held.values().filter(|it| it.currency == currency);
            let waiting: i128 = of_orders.map(|it| it.offered - it.allocated - it.back).sum();
            let free = self.payments.values().filter(|it| it.currency == currency && !it.has_order);
            let free: i128 = free.map(|it| it.captured() - it.refunded()).sum();
            let booked = self.posted.credit(currency, &Account::CustomerCredit);
            expect!(booked == waiting + free, "customer_credit {booked}, waiting {waiting}, of no order {free}");
        }
        Ok(())
    }

    /// What must hold at the end: nothing open, all paid, paid out and decided.
    pub(crate) fn check_closed(&self) -> Finding {
        self.check_settled()?;
        for ((currency, account), debit) in &self.posted.0 {
            let is_transitory = match account {
                Account::PspClearing | Account::CourierReceivable | Account::DisputesReceivable => true,
                Account::DeferredRevenue | Account::RefundsPending | Account::ArCustomer => true,
                Account::Bank | Account::TaxPayable(_) | Account::CustomerCredit | Account::GiftCard => false,
                Account::Sales | Account::Shipping | Account::Returns | Account::PspFees => false,
                Account::DisputeFees | Account::DisputeLosses | Account::DeliveryCost => false,
                Account::BnplClearing | Account::MerchantPayable | Account::UnearnedDiscount => true,
                Account::BnplReceivable | Account::BnplReceivableInterest | Account::BnplReceivableFee => true,
                Account::InterestIncome | Account::LateFee | Account::MdrIncome | Account::Recoveries => false,
                Account::BadDebt | Account::BadDebtFraud => false,
                Account::CryptoHot | Account::CryptoFrozen | Account::FxTrading => false,
                Account::FxGainLossRealised | Account::FxGainLossUnrealised | Account::NetworkFees => false,
                Account::PayoutsClearing | Account::RefundFees | Account::Rounding => false,
                Account::OnchainClearing | Account::PayoutsInTransit => true,
            };
            expect!(*debit == 0 || !is_transitory, "{account} ends with {debit} {currency}");
        }
        for ((currency, account), debit) in &self.pending.0 {
            expect!(*debit == 0, "{account} ends with {debit} {currency} pending");
        }
        for (id, line) in &self.lines {
            expect!(line.open() == 0, "line {id} ends open");
        }
        Ok(())
    }
}

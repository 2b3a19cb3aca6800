//! The domain rehearsed in memory: short ways to say commands, and both aggregates with the policies between them.
//! Test-only; the stories of orders and payments are told with it.

mod auditor;
mod golden;
pub(crate) mod onchain;
mod plot;
mod pricing;
mod properties;
mod reactions;
mod reference;
mod shown;
mod stage;

pub(crate) use shown::{entry, entry_of, net, written};
pub(crate) use stage::Stage;

use crate::decider::Decider;
use crate::event::{Command, Event};
use crate::money::Money;
use crate::order::{
    self, AddLines, AllocatePayment, Cancel, Discount, Fulfil, LineKind, LineQuantity, NewLine, OrderDiscount,
    PlaceOrder, Price, RecordRefundFailure, RefundOrder, RefundTo, ReleaseEffect, ReleasePayment, Return, Tax,
    TaxLevel, TaxRounding, Tier, TierMode, Timestamp,
};
use crate::payment::{
    self, Attempt, Authorise, CapturePayment, ConfirmRefund, Decline, FailAttempt, FailRefund, FeeDirection, Intent,
    LoseDispute, Method, OpenDispute, PayoutDirection, Receive, RecordFee, RecordPayout, RefundOrigin, RefundPayment,
    ReportUnknown, ReverseCapture, VoidPayment, WinDispute,
};
use crate::rate::Rounding;
use serde::de::DeserializeOwned;
use std::fmt::Debug;

/// Anything that is text on the wire: an id, an amount, a rate, a moment.
pub(crate) fn the<T: DeserializeOwned>(text: &str) -> T {
    serde_json::from_value(text.into()).unwrap_or_else(|it| panic!("{text:?}: {it}"))
}

pub(crate) fn eur(amount: &str) -> Money {
    the(&format!("{amount} EUR"))
}

pub(crate) const NOON: &str = "2026-11-21T12:00:00Z";

pub(crate) fn noon() -> Timestamp {
    the(NOON)
}

/// An aggregate that was told these commands and refused none.
pub(crate) fn told<A: Decider>(commands: &[A::Command]) -> A
where
    A::Command: Debug,
    A::Refusal: Debug,
{
    let mut state = A::default();
    for command in commands {
        let events = state.decide(command).unwrap_or_else(|it| panic!("{command:?}: {it:?}"));
        events.iter().for_each(|event| state.evolve(event));
    }
    state
}

impl From<order::Command> for Command {
    fn from(it: order::Command) -> Self {
        Self::Order(it)
    }
}

impl From<payment::Command> for Command {
    fn from(it: payment::Command) -> Self {
        Self::Payment(it)
    }
}

impl From<order::Event> for Event {
    fn from(it: order::Event) -> Self {
        Self::Order(it)
    }
}

impl From<payment::Event> for Event {
    fn from(it: payment::Event) -> Self {
        Self::Payment(it)
    }
}

/// Goods without tax and discount.
pub(crate) fn line(line_id: &str, quantity: u32, unit_price: &str) -> NewLine {
    NewLine {
        line_id: the(line_id),
        sku: the("a thing"),
        kind: LineKind::Goods,
        quantity,
        price: Price::Unit(eur(unit_price)),
        prices_include_tax: false,
        taxes: Vec::new(),
        discounts: Vec::new(),
    }
}

impl NewLine {
    pub(crate) fn kind(self, kind: LineKind) -> Self {
        Self { kind, ..self }
    }

    /// One more tax, of no named jurisdiction.
    pub(crate) fn tax(mut self, rate: &str) -> Self {
        self.taxes.push(Tax { jurisdiction: None, rate: the(rate) });
        self
    }

    pub(crate) fn tax_of(mut self, jurisdiction: &str, rate: &str) -> Self {
        self.taxes.push(Tax { jurisdiction: Some(the(jurisdiction)), rate: the(rate) });
        self
    }

    pub(crate) fn included(self) -> Self {
        Self { prices_include_tax: true, ..self }
    }

    pub(crate) fn less(mut self, discount: Discount) -> Self {
        self.discounts.push(discount);
        self
    }

    pub(crate) fn tiers(self, mode: TierMode, tiers: &[(u32, &str)]) -> Self {
        let tier = |it: &(u32, &str)| Tier { from_quantity: it.0, unit_price: eur(it.1) };
        Self { price: Price::Tiers { mode, tiers: tiers.iter().map(tier).collect() }, ..self }
    }
}

pub(crate) fn percent_off(rate: &str) -> Discount {
    Discount::Rate(the(rate))
}

pub(crate) fn amount_off(amount: &str) -> Discount {
    Discount::Amount(eur(amount))
}

/// Order `o-1` of customer `c-1` in euro.
pub(crate) fn order_of(lines: Vec<NewLine>) -> PlaceOrder {
    PlaceOrder {
        order_id: the("o-1"),
        customer_id: Some(the("c-1")),
        currency: the("EUR"),
        lines,
        discounts: Vec::new(),
        tax_rounding: TaxRounding::default(),
        refund_order: RefundOrder::default(),
        fulfil_when_paid: false,
        reference: None,
        at: noon(),
    }
}

impl PlaceOrder {
    pub(crate) fn less(mut self, discount: Discount, lines: Option<&[&str]>) -> Self {
        let lines = lines.map(|ids| ids.iter().map(|id| the(id)).collect());
        self.discounts.push(OrderDiscount { discount, lines });
        self
    }

    pub(crate) fn rounded(self, level: TaxLevel, mode: Rounding) -> Self {
        Self { tax_rounding: TaxRounding { level, mode }, ..self }
    }

    pub(crate) fn refunds(self, refund_order: RefundOrder) -> Self {
        Self { refund_order, ..self }
    }

    pub(crate) fn asked(self) -> order::Command {
        order::Command::Place(Box::new(self))
    }
}

pub(crate) fn place(lines: Vec<NewLine>) -> order::Command {
    order_of(lines).asked()
}

pub(crate) fn add(addition_id: &str, lines: Vec<NewLine>) -> order::Command {
    order::Command::AddLines(AddLines { order_id: the("o-1"), addition_id: the(addition_id), lines, at: noon() })
}

pub(crate) fn units(lines: &[(&str, u32)]) -> Vec<LineQuantity> {
    lines.iter().map(|(line_id, quantity)| LineQuantity { line_id: the(line_id), quantity: *quantity }).collect()
}

pub(crate) fn fulfil(id: &str, lines: &[(&str, u32)]) -> order::Command {
    fulfil_as(id, Some(units(lines)))
}

pub(crate) fn fulfil_all(id: &str) -> order::Command {
    fulfil_as(id, None)
}

pub(crate) fn fulfil_as(id: &str, lines: Option<Vec<LineQuantity>>) -> order::Command {
    let (order_id, fulfilment_id) = (the("o-1"), the(id));
    order::Command::Fulfil(Fulfil { order_id, fulfilment_id, lines, reference: None, at: noon() })
}

pub(crate) fn cancel(id: &str, lines: &[(&str, u32)]) -> order::Command {
    cancel_to(RefundTo::Payment, id, Some(units(lines)))
}

pub(crate) fn cancel_all(id: &str) -> order::Command {
    cancel_to(RefundTo::Payment, id, None)
}

pub(crate) fn cancel_to(refund_to: RefundTo, id: &str, lines: Option<Vec<LineQuantity>>) -> order::Command {
    let (order_id, cancellation_id) = (the("o-1"), the(id));
    order::Command::Cancel(Cancel { order_id, cancellation_id, lines, refund_to, reason: None, at: noon() })
}

pub(crate) fn take_back(id: &str, lines: &[(&str, u32)]) -> order::Command {
    take_back_to(RefundTo::Payment, id, Some(units(lines)))
}

pub(crate) fn take_back_all(id: &str) -> order::Command {
    take_back_to(RefundTo::Payment, id, None)
}

pub(crate) fn take_back_to(refund_to: RefundTo, id: &str, lines: Option<Vec<LineQuantity>>) -> order::Command {
    let (order_id, return_id) = (the("o-1"), the(id));
    order::Command::Return(Return { order_id, return_id, lines, refund_to, reason: None, at: noon() })
}

/// Money of a card payment comes to the order, with the payment's id as the allocation's.
pub(crate) fn allocate(payment_id: &str, amount: &str) -> order::Command {
    allocate_by(Method::Card, payment_id, payment_id, eur(amount))
}

pub(crate) fn allocate_by(method: Method, allocation_id: &str, payment_id: &str, amount: Money) -> order::Command {
    order::Command::AllocatePayment(AllocatePayment {
        order_id: the("o-1"),
        allocation_id: the(allocation_id),
        payment_id: the(payment_id),
        method,
        amount,
        at: noon(),
    })
}

pub(crate) fn release(payment_id: &str, refund_id: &str, amount: Money) -> order::Command {
    let (order_id, payment_id, refund_id) = (the("o-1"), the(payment_id), the(refund_id));
    let effect = ReleaseEffect::DueAgain;
    order::Command::ReleasePayment(ReleasePayment { order_id, refund_id, payment_id, amount, effect, at: noon() })
}

pub(crate) fn allow(payment_id: &str, refund_id: &str, amount: Money) -> order::Command {
    let (order_id, payment_id, refund_id) = (the("o-1"), the(payment_id), the(refund_id));
    let effect = ReleaseEffect::PriceReduced;
    order::Command::ReleasePayment(ReleasePayment { order_id, refund_id, payment_id, amount, effect, at: noon() })
}

pub(crate) fn refund_did_not_arrive(payment_id: &str, refund_id: &str, amount: Money) -> order::Command {
    let (order_id, payment_id, refund_id) = (the("o-1"), the(payment_id), the(refund_id));
    order::Command::RecordRefundFailure(RecordRefundFailure { order_id, refund_id, payment_id, amount, at: noon() })
}

/// Customer `c-1` pays for order `o-1`.
pub(crate) fn intent(payment_id: &str, method: Method, amount: Money) -> Intent {
    Intent {
        payment_id: the(payment_id),
        order_id: Some(the("o-1")),
        plan_id: None,
        invoice_id: None,
        customer_id: Some(the("c-1")),
        method,
        amount,
        provider_reference: None,
    }
}

pub(crate) fn authorise(payment_id: &str, amount: &str) -> payment::Command {
    authorise_as(intent(payment_id, Method::Card, eur(amount)))
}

pub(crate) fn authorise_as(intent: Intent) -> payment::Command {
    payment::Command::Authorise(Authorise { intent, at: noon() })
}

pub(crate) fn decline_as(intent: Intent) -> payment::Command {
    payment::Command::Decline(Decline { intent, reason: None, at: noon() })
}

pub(crate) fn receive(payment_id: &str, method: Method, amount: &str) -> payment::Command {
    receive_as(intent(payment_id, method, eur(amount)))
}

pub(crate) fn receive_as(intent: Intent) -> payment::Command {
    payment::Command::Receive(Receive { intent, at: noon() })
}

/// Takes part of an authorisation; the rest stays.
pub(crate) fn capture(payment_id: &str, capture_id: &str, amount: &str) -> payment::Command {
    capture_as(payment_id, capture_id, eur(amount), false)
}

/// Takes part of an authorisation and gives the rest back.
pub(crate) fn last_capture(payment_id: &str, capture_id: &str, amount: &str) -> payment::Command {
    capture_as(payment_id, capture_id, eur(amount), true)
}

pub(crate) fn capture_as(payment_id: &str, capture_id: &str, amount: Money, is_final: bool) -> payment::Command {
    let (payment_id, capture_id) = (the(payment_id), the(capture_id));
    payment::Command::Capture(CapturePayment { payment_id, capture_id, amount, is_final, at: noon() })
}

pub(crate) fn void(payment_id: &str) -> payment::Command {
    payment::Command::Void(VoidPayment { payment_id: the(payment_id), reason: None, at: noon() })
}

pub(crate) fn reverse(payment_id: &str, capture_id: &str) -> payment::Command {
    let (payment_id, capture_id) = (the(payment_id), the(capture_id));
    payment::Command::ReverseCapture(ReverseCapture { payment_id, capture_id, reason: None, at: noon() })
}

pub(crate) fn refund(payment_id: &str, refund_id: &str, amount: &str) -> payment::Command {
    refund_as(RefundOrigin::Merchant, payment_id, refund_id, eur(amount))
}

pub(crate) fn refund_as(origin: RefundOrigin, payment_id: &str, refund_id: &str, amount: Money) -> payment::Command {
    let (payment_id, refund_id) = (the(payment_id), the(refund_id));
    payment::Command::Refund(RefundPayment { payment_id, refund_id, amount, origin, reason: None, at: noon() })
}

pub(crate) fn confirm(payment_id: &str, refund_id: &str) -> payment::Command {
    let (payment_id, refund_id) = (the(payment_id), the(refund_id));
    payment::Command::ConfirmRefund(ConfirmRefund { is_of_invoice: false, payment_id, refund_id, at: noon() })
}

pub(crate) fn fail_refund(payment_id: &str, refund_id: &str) -> payment::Command {
    let (payment_id, refund_id) = (the(payment_id), the(refund_id));
    payment::Command::FailRefund(FailRefund { is_of_invoice: false, payment_id, refund_id, reason: None, at: noon() })
}

pub(crate) fn dispute(payment_id: &str, dispute_id: &str, amount: &str, fee: &str) -> payment::Command {
    dispute_as(payment_id, dispute_id, eur(amount), eur(fee))
}

pub(crate) fn dispute_as(payment_id: &str, dispute_id: &str, amount: Money, fee: Money) -> payment::Command {
    let (payment_id, dispute_id) = (the(payment_id), the(dispute_id));
    payment::Command::OpenDispute(OpenDispute { payment_id, dispute_id, amount, fee, reason: None, at: noon() })
}

pub(crate) fn win(payment_id: &str, dispute_id: &str, fee_returned: Money) -> payment::Command {
    let (payment_id, dispute_id) = (the(payment_id), the(dispute_id));
    payment::Command::WinDispute(WinDispute { payment_id, dispute_id, fee_returned, at: noon() })
}

pub(crate) fn lose(payment_id: &str, dispute_id: &str, tax_relief: Money, authority: Option<&str>) -> payment::Command {
    let (payment_id, dispute_id, tax_jurisdiction) = (the(payment_id), the(dispute_id), authority.map(the));
    payment::Command::LoseDispute(LoseDispute { payment_id, dispute_id, tax_relief, tax_jurisdiction, at: noon() })
}

pub(crate) fn fee(payment_id: &str, fee_id: &str, amount: &str) -> payment::Command {
    fee_as(FeeDirection::Charged, payment_id, fee_id, eur(amount))
}

pub(crate) fn fee_as(direction: FeeDirection, payment_id: &str, fee_id: &str, amount: Money) -> payment::Command {
    let (payment_id, fee_id) = (the(payment_id), the(fee_id));
    payment::Command::RecordFee(RecordFee { payment_id, fee_id, amount, direction, at: noon() })
}

pub(crate) fn payout(payment_id: &str, payout_id: &str, amount: &str) -> payment::Command {
    payout_as(PayoutDirection::ToMerchant, payment_id, payout_id, eur(amount))
}

pub(crate) fn payout_as(
    direction: PayoutDirection,
    payment_id: &str,
    payout_id: &str,
    amount: Money,
) -> payment::Command {
    let (payment_id, payout_id) = (the(payment_id), the(payout_id));
    payment::Command::RecordPayout(RecordPayout { payment_id, payout_id, amount, direction, at: noon() })
}

/// The provider did not answer; the payment is known.
pub(crate) fn unknown(payment_id: &str, attempt: Attempt) -> payment::Command {
    let payment_id = the(payment_id);
    payment::Command::ReportUnknown(ReportUnknown { payment_id, attempt, intent: None, reason: None, at: noon() })
}

/// The provider did not answer when the payment was authorised or received.
pub(crate) fn unknown_as(intent: Intent) -> payment::Command {
    let (payment_id, attempt) = (intent.payment_id.clone(), Attempt::Authorisation);
    let intent = Some(intent);
    payment::Command::ReportUnknown(ReportUnknown { payment_id, attempt, intent, reason: None, at: noon() })
}

pub(crate) fn did_not_happen(payment_id: &str, attempt: Attempt) -> payment::Command {
    let payment_id = the(payment_id);
    payment::Command::FailAttempt(FailAttempt { payment_id, attempt, reason: None, at: noon() })
}

pub(crate) fn capturing(capture_id: &str, amount: &str) -> Attempt {
    Attempt::Capture { capture_id: the(capture_id), amount: eur(amount) }
}

pub(crate) fn refunding(refund_id: &str) -> Attempt {
    Attempt::Refund { refund_id: the(refund_id) }
}

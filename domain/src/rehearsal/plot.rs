//! Plots: random orders, payments and deeds, in numbers so small that they shrink to a story one can read.

use super::{noon, the};
use crate::decider::Decider;
use crate::money::Money;
use crate::order::{
    Discount, LineKind, NewLine, Order, OrderDiscount, PlaceOrder, Price, RefundOrder, Tax, TaxLevel, TaxRounding,
    Tier, TierMode,
};
use crate::payment::{Intent, Method};
use crate::rate::Rounding;
use proptest::prelude::*;
use proptest::sample::select;

/// The most steps of a story after its opening.
const STEPS_MAX: usize = 40;
const LINES_MAX: usize = 4;

/// What may be tried. `DoOne`, `Crash` and `Follow` are about the consequences of what was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deed {
    Place,
    AddLines,
    Fulfil,
    Cancel,
    Return,
    Authorise,
    Decline,
    Receive,
    Capture,
    Void,
    Reverse,
    Refund,
    Confirm,
    FailRefund,
    Dispute,
    Win,
    Lose,
    Fee,
    Payout,
    Unknown,
    FailAttempt,
    DoOne,
    Crash,
    Follow,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    pub(crate) deed: Deed,
    /// Which payment.
    pub(crate) payment: usize,
    /// Which of few ids: some are said again, with the same or other content.
    pub(crate) nth: usize,
    /// How much of what could be asked, in thousandths; sometimes too much.
    pub(crate) share: u32,
    pub(crate) flag: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Plot {
    pub(crate) order: PlaceOrder,
    pub(crate) more: Vec<NewLine>,
    pub(crate) payments: Vec<Intent>,
    /// Whether consequences are done at once, or when the story says so.
    pub(crate) at_once: bool,
    pub(crate) steps: Vec<Step>,
}

pub(crate) fn any_plot() -> impl Strategy<Value = Plot> {
    let payments = prop::collection::vec(any_payment(), 3);
    let more = prop::collection::vec(any_line(), 3);
    (any_order(), more, payments, any::<bool>(), any_steps()).prop_map(|(order, more, payments, at_once, steps)| {
        let gross = gross_of(&order).max(1);
        let pay = |(nth, (share, method, code, is_for_order)): (usize, (i128, Method, &str, bool))| Intent {
            payment_id: the(&format!("p-{nth}")),
            order_id: is_for_order.then(|| the("o-1")),
            plan_id: None,
            invoice_id: None,
            customer_id: Some(the("c-1")),
            method,
            amount: Money::of_minor((gross * share / 1000).max(1), the(code)),
            provider_reference: None,
        };
        let payments = payments.into_iter().enumerate().map(pay).collect();
        let renamed = |(nth, line): (usize, NewLine)| NewLine { line_id: the(&format!("x-{nth}")), ..line };
        let more = more.into_iter().enumerate().map(renamed).collect();
        Plot { order, more, payments, at_once, steps }
    })
}

fn any_payment() -> impl Strategy<Value = (i128, Method, &'static str, bool)> {
    let share = prop_oneof![3 => Just(1000_i128), 3 => 1_i128..1000, 1 => 1000_i128..2000];
    let currency = prop_oneof![9 => Just("EUR"), 1 => Just("USD")];
    (
        share,
        select(Method::ALL.into_iter().filter(|it| *it != Method::Onchain).collect::<Vec<_>>()),
        currency,
        prop::bool::weighted(0.9),
    )
}

/// Mostly the order is placed and the payments are opened soon, in any order; then anything may be tried.
fn any_steps() -> impl Strategy<Value = Vec<Step>> {
    use Deed as It;
    let begun = |deed: Deed, payment| Step { deed, payment, nth: 0, share: 1000, flag: true };
    let how = prop::collection::vec(select(vec![It::Authorise, It::Receive, It::Receive, It::Unknown, It::Follow]), 3);
    let opening = (how, prop::bool::weighted(0.9)).prop_map(move |(how, is_placed)| {
        let payments = how.into_iter().enumerate().map(|(payment, deed)| begun(deed, payment));
        payments.chain(is_placed.then(|| begun(It::Place, 0))).collect::<Vec<_>>()
    });
    let any = prop::collection::vec(any_step(), 1..STEPS_MAX);
    (opening.prop_shuffle(), any).prop_map(|(opening, any)| [opening, any].concat())
}

fn any_step() -> impl Strategy<Value = Step> {
    use Deed as It;
    let deed = prop_oneof![
        1 => Just(It::Place),
        8 => select(vec![It::AddLines, It::Fulfil, It::Fulfil, It::Fulfil, It::Cancel, It::Return, It::Return]),
        7 => select(vec![It::Authorise, It::Receive, It::Capture, It::Capture, It::Capture, It::Capture, It::Decline]),
        7 => select(vec![It::Refund, It::Refund, It::Refund, It::Confirm, It::FailRefund, It::FailRefund]),
        5 => select(vec![It::Dispute, It::Dispute, It::Win, It::Lose]),
        4 => select(vec![It::Void, It::Reverse, It::Fee, It::Payout, It::Unknown, It::Unknown, It::FailAttempt]),
        6 => select(vec![It::DoOne, It::DoOne, It::DoOne, It::Crash, It::Follow]),
    ];
    let share = prop_oneof![3 => Just(1000_u32), 4 => 1_u32..1000, 1 => 1001_u32..1300];
    (deed, 0_usize..3, 0_usize..4, share, any::<bool>()).prop_map(|(deed, payment, nth, share, flag)| Step {
        deed,
        payment,
        nth,
        share,
        flag,
    })
}

/// An order that is accepted.
pub(crate) fn any_order() -> impl Strategy<Value = PlaceOrder> {
    let lines = prop::collection::vec(any_line(), 1..=LINES_MAX);
    let level = select(vec![TaxLevel::Line, TaxLevel::LineAndJurisdiction, TaxLevel::Document]);
    let mode = select(vec![Rounding::HalfUp, Rounding::HalfEven]);
    let refund_order = select(vec![RefundOrder::VouchersFirst, RefundOrder::LatestFirst, RefundOrder::Proportional]);
    let discounts = prop::collection::vec((any_discount(), prop::option::weighted(0.3, 0_usize..LINES_MAX)), 0..3);
    let paid_first = prop::bool::weighted(0.3);
    (lines, level, mode, refund_order, discounts, paid_first).prop_map(
        |(lines, level, mode, refund_order, discounts, fulfil_when_paid)| {
            let renamed = |(nth, line): (usize, NewLine)| NewLine { line_id: the(&format!("l-{nth}")), ..line };
            let lines: Vec<NewLine> = lines.into_iter().enumerate().map(renamed).collect();
            let for_lines = |nth: usize| vec![the(&format!("l-{}", nth % lines.len()))];
            let discount =
                |(discount, nth): (Discount, Option<usize>)| OrderDiscount { discount, lines: nth.map(for_lines) };
            let discounts = discounts.into_iter().map(discount).collect();
            let (order_id, customer_id, currency) = (the("o-1"), Some(the("c-1")), the("EUR"));
            let tax_rounding = TaxRounding { level, mode };
            let (reference, at) = (None, noon());
            let order = PlaceOrder {
                order_id,
                customer_id,
                currency,
                lines,
                discounts,
                tax_rounding,
                refund_order,
                fulfil_when_paid,
                reference,
                at,
            };
            without_excess(order)
        },
    )
}

/// Drops discounts until none exceeds what it is for.
fn without_excess(mut order: PlaceOrder) -> PlaceOrder {
    while Order::default().decide(&order.clone().asked()).is_err() {
        if order.discounts.pop().is_none() {
            order.lines.iter_mut().for_each(|line| line.discounts.clear());
        }
    }
    order
}

fn gross_of(order: &PlaceOrder) -> i128 {
    match Order::default().decide(&order.clone().asked()).unwrap().first() {
        Some(crate::order::Event::Placed(placed)) => placed.total.gross.minor(),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn any_line() -> impl Strategy<Value = NewLine> {
    let kind = prop_oneof![6 => Just(LineKind::Goods), 2 => Just(LineKind::Shipping), 1 => Just(LineKind::GiftCard)];
    let taxes = prop::collection::vec(any_tax(), 0..4);
    let discounts = prop::collection::vec(any_discount(), 0..2);
    (kind, 1_u32..=5, any_price(), any::<bool>(), taxes, discounts).prop_map(
        |(kind, quantity, price, prices_include_tax, taxes, discounts)| NewLine {
            line_id: the("l"),
            sku: the("a thing"),
            kind,
            quantity,
            price,
            prices_include_tax,
            taxes,
            discounts,
        },
    )
}

fn any_price() -> impl Strategy<Value = Price> {
    let unit = prop_oneof![2 => 1_i128..8, 6 => 0_i128..3000].prop_map(|minor| Money::of_minor(minor, the("EUR")));
    let tiers = (select(vec![TierMode::Volume, TierMode::Graduated]), 2_u32..5, 1_i128..2000);
    let tiers = tiers.prop_map(|(mode, second, minor)| {
        let tier = |from_quantity, minor| Tier { from_quantity, unit_price: Money::of_minor(minor, the("EUR")) };
        Price::Tiers { mode, tiers: vec![tier(1, minor), tier(second, minor * 9 / 10)] }
    });
    prop_oneof![4 => unit.prop_map(Price::Unit), 1 => tiers]
}

fn any_tax() -> impl Strategy<Value = Tax> {
    let rate = select(vec!["0.20", "0.19", "0.0725", "0.05", "0.10", "0.07", "0", "0.025", "0.08875", "1"]);
    let jurisdiction = select(vec![None, Some("DE"), Some("US-CA"), Some("SA")]);
    (jurisdiction, rate).prop_map(|(jurisdiction, rate)| Tax { jurisdiction: jurisdiction.map(the), rate: the(rate) })
}

fn any_discount() -> impl Strategy<Value = Discount> {
    let rate = select(vec!["0.05", "0.20", "0.3333", "1"]).prop_map(|rate| Discount::Rate(the(rate)));
    let amount = (0_i128..500).prop_map(|minor| Discount::Amount(Money::of_minor(minor, the("EUR"))));
    prop_oneof![rate, amount]
}

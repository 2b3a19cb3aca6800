//! What follows from each kind of event: the table of the policies.

use super::*;
use crate::id::{AllocationId, RefundId};
use crate::onchain::{holding, invoice, payout, wallet};
use crate::{credit, plan, policy, wire};
use std::path::Path;

/// The event of a golden file.
fn stored(kind: &str) -> Event {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../tests/events/{kind}.json"));
    wire::read(kind, &std::fs::read(path).unwrap()).unwrap()
}

fn kind_of(command: &Command) -> &'static str {
    match command {
        Command::Order(order::Command::AllocatePayment(_)) => "allocate",
        Command::Order(order::Command::ReleasePayment(_)) => "release",
        Command::Order(order::Command::RecordRefundFailure(_)) => "record the failure",
        Command::Payment(payment::Command::Refund(_)) => "refund",
        Command::Payment(payment::Command::Receive(_)) => "receive",
        Command::Payment(payment::Command::ConfirmRefund(_)) => "confirm the refund",
        Command::Payment(payment::Command::FailRefund(_)) => "fail the refund",
        Command::Payment(payment::Command::RecordFee(_)) => "record the fee",
        Command::Payment(payment::Command::RecordPayout(_)) => "record the payout",
        Command::Plan(plan::Command::Approve(_)) => "approve",
        Command::Plan(plan::Command::ApplyPayment(_)) => "apply",
        Command::Plan(plan::Command::ReversePayment(_)) => "reverse",
        Command::Plan(plan::Command::Refund(_)) => "refund the plan",
        Command::Credit(credit::Command::RecordExposure(_)) => "record the exposure",
        Command::Payment(payment::Command::ReverseCapture(_)) => "reverse the capture",
        Command::Invoice(invoice::Command::Open(_)) => "open the invoice",
        Command::Invoice(invoice::Command::RecordDeposit(_)) => "record the deposit",
        Command::Invoice(invoice::Command::EndRefund(_)) => "end the refund",
        Command::Wallet(wallet::Command::MarkUsed(_)) => "mark the address",
        Command::Holding(holding::Command::Acquire(_)) => "acquire",
        Command::Holding(holding::Command::Lose(_)) => "lose",
        Command::Holding(holding::Command::PayFee(_)) => "pay the fee",
        Command::Holding(holding::Command::ReturnFee(_)) => "return the fee",
        Command::Holding(holding::Command::UnsettlePayout(_)) => "unsettle",
        Command::Holding(holding::Command::RequestPayout(_)) => "request the payout",
        Command::Holding(holding::Command::TakePayout(_)) => "take",
        Command::Holding(holding::Command::SettlePayout(_)) => "settle",
        Command::Holding(holding::Command::ReturnPayout(_)) => "return",
        Command::Payout(payout::Command::Open(_)) => "open the payout",
        Command::Payout(payout::Command::Release(_)) => "release the payout",
        Command::Payout(payout::Command::Cancel(_)) => "cancel the payout",
        Command::Order(_)
        | Command::Payment(_)
        | Command::Credit(_)
        | Command::Plan(_)
        | Command::Clock(_)
        | Command::Period(_)
        | Command::Customer(_)
        | Command::Wallet(_)
        | Command::Invoice(_)
        | Command::Deposit(_)
        | Command::Holding(_)
        | Command::Payout(_) => "something that no policy may ask",
    }
}

/// The kinds from which something follows; nothing follows from all others. The cancellation and the return of the
/// golden files free the money of two payments each; the refund was asked for by an order, which knows it already. The plan's refund goes back to the
/// purchase, and in cash to two payments. What was replaced and failed on a chain had not been confirmed.
#[test]
fn money_that_moves_is_told_to_its_order_and_freed_money_to_its_payment() {
    let followed = [
        ("order-lines-cancelled.v1", vec!["refund", "refund"]),
        ("order-lines-returned.v1", vec!["refund", "refund"]),
        ("payment-received.v1", vec!["allocate"]),
        ("payment-captured.v1", vec!["allocate"]),
        ("payment-capture-reversed.v1", vec!["release"]),
        ("payment-refund-failed.v1", vec!["record the failure"]),
        ("credit-reserved.v1", vec!["approve"]),
        ("plan-opened.v1", vec!["receive", "record the fee", "record the exposure"]),
        ("plan-cancelled.v1", vec!["record the exposure"]),
        ("plan-merchant-paid.v1", vec!["record the payout"]),
        ("plan-payment-applied.v1", vec!["record the exposure"]),
        ("plan-payment-reversed.v1", vec!["record the exposure"]),
        (
            "plan-refunded.v1",
            vec!["record the exposure", "refund", "confirm the refund", "record the fee", "refund", "refund"],
        ),
        ("wallet-address-allocated.v1", vec!["open the invoice"]),
        ("invoice-settled.v1", vec!["receive"]),
        ("invoice-settlement-reversed.v1", vec!["reverse the capture"]),
        ("invoice-refund-requested.v1", vec!["request the payout"]),
        ("invoice-refund-ended.v1", vec!["confirm the refund"]),
        ("invoice-refund-withdrawn.v1", vec!["fail the refund"]),
        ("deposit-seen.v1", vec!["record the deposit", "mark the address"]),
        ("deposit-confirmed.v1", vec!["acquire", "record the deposit"]),
        ("deposit-orphaned.v1", vec!["lose", "record the deposit"]),
        ("deposit-replaced.v1", vec!["record the deposit"]),
        ("deposit-failed.v1", vec!["record the deposit"]),
        ("holding-payout-reserved.v1", vec!["open the payout"]),
        ("holding-payout-repriced.v1", vec!["open the payout"]),
        ("holding-payout-refused.v1", vec!["end the refund"]),
        ("holding-payout-taken.v1", vec!["release the payout"]),
        ("holding-payout-withheld.v1", vec!["cancel the payout"]),
        ("payout-approved.v1", vec!["take"]),
        ("payout-denied.v1", vec!["return", "end the refund"]),
        ("payout-cancelled.v1", vec!["return"]),
        ("payout-completed.v1", vec!["settle", "pay the fee", "end the refund"]),
        ("payout-failed.v1", vec!["return"]),
        ("payout-orphaned.v1", vec!["unsettle", "return the fee"]),
    ];
    for kind in wire::KINDS {
        let event = stored(kind);
        let expected = followed.iter().find(|(followed, _)| followed == kind).map_or(vec![], |(_, all)| all.clone());
        let commands = policy::react(&event);
        assert_eq!(commands.iter().map(kind_of).collect::<Vec<_>>(), expected, "{kind}");
        assert_eq!(policy::react(&event), commands, "{kind}: the same fact, the same commands");
        assert!(commands.is_empty() || policy::ANSWERED.contains(kind), "no follower would look at {kind}");
    }
}

fn reactions(commands: Vec<payment::Command>) -> Vec<Command> {
    let payment = told::<payment::Payment>(&commands[..commands.len() - 1]);
    let events = payment.decide(&commands[commands.len() - 1]).unwrap();
    events.into_iter().flat_map(|event| policy::react(&event.into())).collect()
}

#[test]
fn the_ids_of_what_follows_derive_from_the_fact() {
    let allocated = AllocationId::derived(&["capture", "p-1", "k-1"]);
    let expected = allocate_by(Method::Card, allocated.as_str(), "p-1", eur("60.00"));
    let captured = vec![authorise("p-1", "100.00"), capture("p-1", "k-1", "60.00")];
    assert_eq!(reactions(captured), [expected.into()]);
    let released = RefundId::derived(&["reversal", "p-1", "p-1"]);
    let recalled = vec![receive("p-1", Method::BankTransfer, "60.00"), reverse("p-1", "p-1")];
    assert_eq!(reactions(recalled), [release("p-1", released.as_str(), eur("60.00")).into()]);
}

#[test]
fn a_refund_means_for_its_order_what_its_origin_says() {
    let expected = [
        (RefundOrigin::Merchant, vec![allow("p-1", "r-1", eur("10.00")).into()]),
        (RefundOrigin::Replacement, vec![release("p-1", "r-1", eur("10.00")).into()]),
        (RefundOrigin::Order, vec![]),
    ];
    for (origin, commands) in expected {
        let asked = vec![receive("p-1", Method::Card, "60.00"), refund_as(origin, "p-1", "r-1", eur("10.00"))];
        assert_eq!(reactions(asked), commands, "{origin:?}");
    }
}

#[test]
fn a_payment_for_no_order_tells_nobody() {
    let free = payment::Intent { order_id: None, ..intent("p-1", Method::Card, eur("60.00")) };
    for last in [refund("p-1", "r-1", "10.00"), reverse("p-1", "p-1")] {
        assert_eq!(reactions(vec![receive_as(free.clone()), last]), []);
    }
    assert_eq!(reactions(vec![receive_as(free)]), []);
}

//! What invoices refuse and leave alone; what they do is told by the stories of the shop.

use super::*;
use crate::decider::Refused;
use crate::event;
use crate::onchain::Address;
use crate::rehearsal::onchain::*;
use crate::rehearsal::{eur, the};

fn code(shop: &Shop, asked: Command) -> (&'static str, Option<String>) {
    let refused = shop.stage.decide(&event::Command::Invoice(asked)).unwrap_err();
    (refused.code(), refused.pointer())
}

fn cancel() -> Command {
    Command::Cancel(CancelInvoice { invoice_id: the("i-1"), reason: None, at: minute(1) })
}

fn resolve(id: &str, how: Resolution, rate: Option<&str>) -> Command {
    let spot = rate.map(spot);
    let (invoice_id, resolution_id) = (the("i-1"), the(id));
    Command::Resolve(Resolve { invoice_id, resolution_id, how, asset: None, spot, reason: None, at: minute(40) })
}

fn give(it: RefundInvoice) -> Command {
    Command::Refund(Box::new(it))
}

#[test]
fn invoices_refuse_in_order() {
    let mut shop = Shop::new();
    let unknown = Command::TellTime(TellTime { invoice_id: the("i-9"), at: minute(1) });
    assert_eq!(code(&shop, unknown).0, "invoice_not_known");
    assert_eq!(code(&shop, resolve("x-1", Resolution::KeepAsCredit, None)).0, "nothing_to_resolve");
    assert_eq!(code(&shop, give(refund("r-1", RefundRule::RateThen, "0", "50000"))).0, "nothing_to_refund");
    shop.sees(1, "0.00250000", 30);
    assert_eq!(code(&shop, cancel()).0, "invoice_already_paid");
    shop.confirms(1, "0.00250000", "50000");
    assert_eq!(code(&shop, resolve("x-1", Resolution::AcceptAtTodaysValue, None)).0, "rate_missing");
    let elsewhere = Address::parse("0x9858EfFD232B4033E47d90003D41EC34EcaEda94", usdc().id.chain).unwrap();
    let rows = [
        (
            RefundInvoice { to: elsewhere, ..refund("r-1", RefundRule::RateThen, "0", "1") },
            "address_of_another_chain",
            "/to",
        ),
        (RefundInvoice { spot: None, ..refund("r-1", RefundRule::CurrentRate, "0", "1") }, "rate_missing", "/spot"),
        (refund("r-1", RefundRule::Custom(eur("125.01")), "0", "50000"), "exceeds_refundable", "/amount"),
        (refund("r-1", RefundRule::Custom(coins("0.00250001")), "0", "50000"), "", ""),
        (refund("r-1", RefundRule::Custom(usdc().of_minor(5)), "0", "50000"), "refund_rule_does_not_apply", "/rule"),
        (refund("r-1", RefundRule::OverpaidAmount, "0", "50000"), "nothing_to_refund", "/amount"),
        (refund("r-1", RefundRule::RateThen, "1", "50000"), "nothing_to_refund", "/amount"),
    ];
    for (asked, expected, pointer) in rows {
        let told = shop.stage.decide(&give(asked.clone()).into());
        let refused = told.map_or_else(|it| (it.code(), it.pointer().unwrap_or_default()), |_| ("", String::new()));
        assert_eq!(refused, (expected, pointer.to_owned()), "{asked:?}");
    }
    shop.resolves("x-1", Resolution::AcceptAtTodaysValue, "50000");
    let again = resolve("x-1", Resolution::KeepAsCredit, None);
    assert_eq!(code(&shop, again).0, "exists_with_different_content");
    let end = EndRefund {
        invoice_id: the("i-1"),
        refund_id: the("r-9"),
        attempt: 1,
        outcome: RefundOutcome::NotPaid,
        times_orphaned: 0,
        at: minute(1),
    };
    assert_eq!(code(&shop, Command::EndRefund(end)).0, "unknown_refund");
}

#[test]
fn a_cancelled_invoice_counts_nothing_and_loses_nothing() {
    let mut shop = Shop::new();
    shop.play(cancel());
    assert_eq!(shop.stage.decide(&cancel().into()), Ok(vec![]));
    shop.confirms(1, "0.00200000", "50000");
    let standing = shop.standing();
    assert_eq!(
        (standing.settlement, standing.left_over, shop.due().as_str()),
        (Settlement::Unsettled, eur("100.00"), "100.00")
    );
    assert_eq!(standing.attention, [Attention::Late, Attention::Unresolved]);
}

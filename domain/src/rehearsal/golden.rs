//! Writes the golden file of a kind that has none yet: run by hand, never over a file that exists.
//!
//! `cargo test -p mizan-domain write_missing_golden_files -- --ignored`, then read what it wrote before it is kept: from
//! then on these bytes are what that version of the kind means.

use super::{Stage, *};
use crate::order::PlaceOrder;
use crate::text::Text;
use crate::wire;
use std::path::Path;

/// Short names of the stories, and what a merchant would have written.
const NAMES: [(&str, &str); 25] = [
    ("o-1", "order-2026-1001"),
    ("c-1", "customer-77"),
    ("l-1", "jacket"),
    ("l-2", "carriage"),
    ("l-3", "socks"),
    ("p-1", "pay_8f31"),
    ("p-2", "pay_8f32"),
    ("p-3", "pay_8f33"),
    ("p-4", "pay_8f34"),
    ("p-5", "pay_8f35"),
    ("v-1", "voucher_12"),
    ("k-1", "parcel-1"),
    ("f-1", "shipment-1"),
    ("x-1", "cancel-1"),
    ("b-1", "return-1"),
    ("a thing", "SKU 4711"),
    ("i-1", "invoice-2026-77"),
    ("w-1", "till"),
    ("s-1", "sale-1"),
    ("z-1", "freeze-1"),
    ("y-1", "payout-1"),
    ("y-2", "payout-2"),
    ("r-0", "refund-0"),
    ("r-2", "refund-2"),
    ("r-3", "refund-3"),
];

fn a_long_story() -> Stage {
    let jacket = line("l-1", 3, "49.90").included().tax_of("DE", "0.19").less(percent_off("0.10"));
    let carriage = line("l-2", 1, "4.90").kind(LineKind::Shipping).included().tax_of("DE", "0.19");
    let order = PlaceOrder { reference: Some(the("web shop, basket 5512")), ..order_of(vec![jacket, carriage]) };
    let card = |id: &str, amount: &str| payment::Intent {
        provider_reference: Some(the("ch_3Q9f2k")),
        ..intent(id, Method::Card, eur(amount))
    };
    let mut stage = Stage::told(vec![
        order.less(amount_off("10.00"), None).asked().into(),
        add("a-1", vec![line("l-3", 1, "5.00").tax_of("US-CA", "0.06").tax_of("US-CA-ALA", "0.0125")]).into(),
        decline_as(card("p-2", "134.99")).into(),
        authorise_as(card("p-1", "134.99")).into(),
        unknown("p-1", capturing("k-1", "80.00")).into(),
        did_not_happen("p-1", capturing("k-1", "80.00")).into(),
        capture("p-1", "k-2", "80.00").into(),
        void("p-1").into(),
        receive("v-1", Method::Voucher, "30.00").into(),
        receive("p-3", Method::BankTransfer, "40.00").into(),
        fulfil("f-1", &[("l-1", 2), ("l-2", 1)]).into(),
        cancel("x-1", &[("l-1", 1)]).into(),
        take_back("b-1", &[("l-1", 1)]).into(),
        refund("p-1", "r-1", "12.00").into(),
        confirm("p-1", "r-1").into(),
        refund("p-1", "r-2", "8.00").into(),
        fail_refund("p-1", "r-2").into(),
        dispute("p-1", "d-1", "70.00", "15.00").into(),
        win("p-1", "d-1", eur("15.00")).into(),
        dispute("p-1", "d-2", "20.00", "15.00").into(),
        lose("p-1", "d-2", eur("3.19"), Some("DE")).into(),
        fee("p-1", "e-1", "2.62").into(),
        payout("p-1", "y-1", "10.00").into(),
    ]);
    stage.play(receive("p-4", Method::BankTransfer, "20.00"));
    stage.play(reverse("p-4", "p-4"));
    stage
}

/// The field where a merchant gives a reason, filled; names and times as they would be.
fn as_stored(event: &Event, nth: usize) -> Vec<u8> {
    let mut text = String::from_utf8(wire::write(event).unwrap().payload).unwrap();
    for (short, long) in NAMES {
        text = text.replace(&format!("\"{short}\""), &format!("\"{long}\""));
    }
    text = text.replace(NOON, &format!("2026-11-21T12:{:02}:30.250Z", nth % 60));
    let kind = wire::kind_of(event);
    let mut read = wire::read(kind, text.as_bytes()).unwrap();
    let because = |words: &str| Some(the::<Text>(words));
    match &mut read {
        Event::Order(order::Event::LinesFulfilled(it)) => it.reference = because("DHL 00340434161094042557"),
        Event::Order(order::Event::LinesCancelled(it)) => it.reason = because("out of stock"),
        Event::Order(order::Event::LinesReturned(it)) => it.reason = because("too small"),
        Event::Payment(payment::Event::Declined(it)) => it.reason = because("insufficient funds"),
        Event::Payment(payment::Event::Voided(it)) => it.reason = because("the rest is not needed"),
        Event::Payment(payment::Event::CaptureReversed(it)) => it.reason = because("recalled by the sender's bank"),
        Event::Payment(payment::Event::RefundRequested(it)) => it.reason = because("out of stock"),
        Event::Payment(payment::Event::RefundFailed(it)) => it.reason = because("the card was closed"),
        Event::Payment(payment::Event::DisputeOpened(it)) => it.reason = because("13.1 goods not received"),
        Event::Payment(payment::Event::OutcomeUnknown(it)) => it.reason = because("no answer after 30 s"),
        Event::Payment(payment::Event::AttemptFailed(it)) => it.reason = because("the provider knows no such capture"),
        Event::Order(_)
        | Event::Payment(_)
        | Event::Credit(_)
        | Event::Plan(_)
        | Event::Clock(_)
        | Event::Period(_)
        | Event::Customer(_)
        | Event::Wallet(_)
        | Event::Invoice(_)
        | Event::Deposit(_)
        | Event::Holding(_)
        | Event::Payout(_) => (),
    }
    wire::write(&read).unwrap().payload
}

#[test]
#[ignore = "run by hand when a kind is new"]
fn write_missing_golden_files() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/events");
    let stages: Vec<Stage> = [a_long_story()]
        .into_iter()
        .chain(crate::plan::stories::lives())
        .chain(crate::onchain::stories::lives())
        .collect();
    for kind in wire::KINDS {
        let path = folder.join(format!("{kind}.json"));
        if path.exists() {
            continue;
        }
        let found = stages.iter().flat_map(Stage::events).enumerate().find(|(_, event)| wire::kind_of(event) == *kind);
        let (nth, event) = found.unwrap_or_else(|| panic!("the story has no {kind}"));
        let bytes = [as_stored(event, nth).as_slice(), b"\n"].concat();
        std::fs::write(&path, bytes).unwrap();
        println!("wrote {}", path.display());
    }
}

//! Golden files: one stored payload for every kind and version of event, read for ever.
//!
//! A file is added when a kind is added, and never edited: a change of a shape is a new version with a new file. The
//! bytes are those of the store, with one newline at the end.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test says what it expects")]

use mizan_domain::wire::{self, KINDS, Unreadable};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::PathBuf;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/events")
}

fn golden(kind: &str) -> Vec<u8> {
    let path = folder().join(format!("{kind}.json"));
    let mut bytes = std::fs::read(&path).unwrap_or_else(|it| panic!("{}: {it}", path.display()));
    assert_eq!(bytes.pop(), Some(b'\n'), "{kind}: one newline at the end");
    bytes
}

fn read(kind: &str, payload: &Value) -> Result<(), String> {
    wire::read(kind, payload.to_string().as_bytes()).map(|_| ()).map_err(|it| it.to_string())
}

#[test]
fn every_kind_has_a_file_and_every_file_a_kind() {
    let names = std::fs::read_dir(folder()).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap());
    let files: BTreeSet<String> = names.collect();
    let expected: BTreeSet<String> = KINDS.iter().map(|kind| format!("{kind}.json")).collect();
    assert_eq!(files, expected);
    assert_eq!(KINDS.len(), expected.len(), "a kind is listed once");
}

#[test]
fn every_file_reads_and_writes_back_to_its_bytes() {
    for kind in KINDS {
        let payload = golden(kind);
        let event = wire::read(kind, &payload).unwrap_or_else(|it| panic!("{it}"));
        let written = wire::write(&event).unwrap();
        assert_eq!((written.kind, wire::kind_of(&event)), (*kind, *kind));
        assert_eq!(String::from_utf8(written.payload), String::from_utf8(payload), "{kind}");
    }
}

#[test]
fn an_unknown_kind_stops_its_reader() {
    for kind in ["order-placed.v2", "order-placed", "payment-captured.v01", "", "Order-placed.v1"] {
        let read = wire::read(kind, &golden("order-placed.v1"));
        assert_eq!(read, Err(Unreadable::UnknownKind(kind.to_owned())));
    }
}

/// Changes every value of a payload in turn, at any depth.
fn damaged(value: &Value, damage: &impl Fn(&Value) -> Option<Value>) -> Vec<Value> {
    let mut all: Vec<Value> = damage(value).into_iter().collect();
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                for field in damaged(field, damage) {
                    let mut fields = fields.clone();
                    fields.insert(name.clone(), field);
                    all.push(Value::Object(fields));
                }
            }
        }
        Value::Array(items) => {
            for (nth, item) in items.iter().enumerate() {
                for item in damaged(item, damage) {
                    let mut items = items.clone();
                    items[nth] = item;
                    all.push(Value::Array(items));
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => (),
    }
    all
}

fn is_amount(text: &str) -> bool {
    text.ends_with(" EUR")
}

#[test]
fn an_amount_that_is_a_number_is_never_read() {
    let mut cases = 0;
    for kind in KINDS {
        let payload: Value = serde_json::from_slice(&golden(kind)).unwrap();
        let as_number = |value: &Value| match value {
            Value::String(text) if is_amount(text) => serde_json::from_str(text.trim_end_matches(" EUR")).ok(),
            _ => None,
        };
        for payload in damaged(&payload, &as_number) {
            cases += 1;
            assert!(read(kind, &payload).is_err(), "{kind}: {payload}");
        }
    }
    assert!(cases > 100, "{cases}");
}

#[test]
fn an_entry_that_is_out_of_balance_is_never_read() {
    let mut cases = 0;
    for kind in KINDS {
        let payload: Value = serde_json::from_slice(&golden(kind)).unwrap();
        for side in ["debit", "credit"] {
            let a_cent_more = |value: &Value| {
                let mut leg = value.as_object()?.clone();
                let amount: mizan_domain::Money = leg.get(side)?.as_str()?.parse().ok()?;
                let more = mizan_domain::Money::of_minor(amount.minor() + 1, amount.currency());
                leg.insert(side.to_owned(), more.to_string().into());
                Some(Value::Object(leg))
            };
            for payload in damaged(&payload, &a_cent_more) {
                cases += 1;
                let refused = read(kind, &payload).unwrap_err();
                assert!(refused.contains("out of balance by"), "{kind}: {refused}");
            }
        }
    }
    assert!(cases > 40, "{cases}");
}

/// Fields that an event may do without: they are left out where nothing was said.
const OPTIONAL: [&str; 35] = [
    "customer_id",
    "order_id",
    "reference",
    "reason",
    "party",
    "provider_reference",
    "unit_price",
    "jurisdiction",
    "refund_id",
    "intent",
    "plan_id",
    "score",
    "source",
    "installments",
    "removed",
    "product",
    "is_reapplied",
    "invoice_id",
    "block",
    "value",
    "lots",
    "fee",
    "payment_id",
    "payout_id",
    "transaction",
    "spot",
    "by",
    "undoes",
    "label",
    "deposits",
    "is_over_fee_cap",
    "withheld",
    "replaces",
    "daily_cap",
    "fee_cap",
];

#[test]
fn a_payload_without_a_field_is_never_read() {
    let mut cases = 0;
    for kind in KINDS {
        let payload: Value = serde_json::from_slice(&golden(kind)).unwrap();
        let names: BTreeSet<&str> = payload.as_object().unwrap().keys().map(String::as_str).collect();
        for name in names.iter().filter(|name| !OPTIONAL.contains(name) || is_needed(kind, name)) {
            let mut fields = payload.as_object().unwrap().clone();
            fields.remove(*name);
            cases += 1;
            let refused = read(kind, &Value::Object(fields)).unwrap_err();
            assert!(refused.contains("missing field"), "{kind} without {name}: {refused}");
        }
    }
    assert!(cases > 100, "{cases}");
}

/// An order's events always name their order, a plan's their plan and its customer, and a refund's events their refund.
fn is_needed(kind: &str, name: &str) -> bool {
    match name {
        "order_id" => kind.starts_with("order-"),
        "plan_id" => kind.starts_with("plan-") || kind == "credit-exposure-changed.v1",
        "customer_id" => kind.starts_with("plan-") || kind == "credit-limit-set.v1",
        "refund_id" => true,
        "invoice_id" => kind.starts_with("invoice-"),
        "block" => kind == "deposit-finalised.v1",
        "value" => kind != "invoice-deposit-recorded.v1",
        "lots" => !kind.starts_with("holding-payout-"),
        "fee" => !kind.starts_with("payout-"),
        "payment_id" => !kind.starts_with("invoice-refund-re") && !kind.starts_with("invoice-refund-ended"),
        "payout_id" => !kind.starts_with("holding-fee-"),
        "transaction" => matches!(kind, "payout-broadcast.v1" | "payout-replaced.v1"),
        "spot" => matches!(kind, "deposit-confirmed.v1" | "holding-revalued.v1"),
        "by" => matches!(kind, "payout-approval-given.v1" | "payout-approved.v1"),
        _ => false,
    }
}

#[test]
fn bytes_that_are_no_payload_are_never_read() {
    for kind in KINDS {
        let payload = golden(kind);
        for bytes in [&payload[..payload.len() - 1], b"", b"null", b"{}", b"[]", b"\xff"] {
            let refused = wire::read(kind, bytes);
            assert!(matches!(refused, Err(Unreadable::BadPayload { .. })), "{kind}: {refused:?}");
        }
        let twice = [payload.as_slice(), payload.as_slice()].concat();
        assert!(wire::read(kind, &twice).is_err(), "{kind}: something follows");
    }
}

/// `cargo test --release -p mizan-domain --test golden -- --ignored --nocapture how_fast`
#[test]
#[ignore = "a figure, not a test"]
fn how_fast_events_are_read() {
    const ROUNDS: u32 = 300_000;
    let kinds = ["order-placed.v1", "payment-received.v1", "order-payment-allocated.v1", "order-lines-fulfilled.v1"];
    for kind in kinds {
        let payload = golden(kind);
        let begun = std::time::Instant::now();
        for _ in 0..ROUNDS {
            std::hint::black_box(mizan_domain::wire::read(kind, std::hint::black_box(&payload)).unwrap());
        }
        println!("{kind}: {} bytes, {} ns", payload.len(), begun.elapsed().as_nanos() / u128::from(ROUNDS));
    }
}

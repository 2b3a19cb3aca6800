//! How the stories write down what they expect.

use crate::account::Account;
use crate::event::Event;
use crate::money::{Currency, Money};
use crate::wire;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Events as they are stored, each with its kind.
pub(crate) fn written<E: Clone + Into<Event>>(events: &[E]) -> Value {
    let shown = events.iter().cloned().map(|event| {
        let written = wire::write(&event.into()).unwrap();
        let mut fields: Map<String, Value> = serde_json::from_slice(&written.payload).unwrap();
        fields.insert("kind".into(), written.kind.into());
        Value::Object(fields)
    });
    shown.collect()
}

/// An entry of customer `c-1`, written `debits | credits`: `deferred_revenue 25.00, tax_payable 5.00 |
/// customer_credit 30.00`. Amounts are in euro.
pub(crate) fn entry(legs: &str) -> Value {
    entry_of(Some("c-1"), legs)
}

pub(crate) fn entry_of(party: Option<&str>, legs: &str) -> Value {
    let (debits, credits) = legs.split_once(" | ").unwrap_or_default();
    let side = |side: &'static str, legs: &str| {
        let legs = legs.split(", ").filter(|leg| !leg.is_empty());
        let posting = move |leg: &str| {
            let (account, amount) = leg.rsplit_once(' ').unwrap();
            let fields = [("account", account.to_owned()), (side, format!("{amount} EUR"))];
            fields.into_iter().map(|(name, value)| (name.to_owned(), Value::from(value))).collect::<Value>()
        };
        legs.map(posting).collect::<Vec<Value>>()
    };
    let mut fields = Map::new();
    if let Some(party) = party {
        fields.insert("party".into(), party.into());
    }
    fields.insert("postings".into(), [side("debit", debits), side("credit", credits)].concat().into());
    Value::Object(fields)
}

/// What the entries of several events (and streams) move together, written as [`entry`] reads it; accounts that come
/// out even are left out. Other currencies than the euro are named.
pub(crate) fn net<'a>(events: impl IntoIterator<Item = &'a Event>) -> String {
    let mut sums: BTreeMap<(Currency, Account), i128> = BTreeMap::new();
    for posting in events.into_iter().filter_map(Event::entry).flat_map(|entry| entry.postings()) {
        let amount = posting.signed();
        *sums.entry((amount.currency(), posting.account().clone())).or_default() += amount.minor();
    }
    let side = |sign: i128| {
        let legs = sums.iter().filter(|(_, sum)| **sum * sign > 0).map(|((currency, account), sum)| {
            let amount = Money::of_minor(sum.abs(), *currency);
            if currency.code() == "EUR" {
                format!("{account} {}", amount.digits())
            } else {
                format!("{account} {amount}")
            }
        });
        legs.collect::<Vec<_>>().join(", ")
    };
    format!("{} | {}", side(1), side(-1))
}

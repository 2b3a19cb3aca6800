//! What is recorded: the payment and what its order has of it, with the fields that Mizan's events have.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Posting {
    account: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    debit: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    credit: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    party: String,
    postings: Vec<Posting>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Received {
    payment_id: String,
    order_id: String,
    customer_id: String,
    method: String,
    amount: String,
    provider_reference: String,
    entry: Entry,
    at: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Allocated {
    order_id: String,
    allocation_id: Uuid,
    payment_id: String,
    method: String,
    offered: String,
    allocated: String,
    entry: Entry,
    at: String,
}

/// One of the two.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Fact {
    Allocated(Allocated),
    Received(Received),
}

impl Fact {
    /// What a payment makes.
    pub(crate) fn of_payment(number: u64) -> [Self; 2] {
        let (payment_id, order_id) = (format!("p-{number:09}"), format!("o-{number:09}"));
        let (customer_id, at) = (format!("c-{:09}", number % 50_000), "2026-11-01T12:00:00.000Z".to_owned());
        let amount = "44.86 EUR".to_owned();
        let received = Received {
            payment_id: payment_id.clone(),
            order_id: order_id.clone(),
            customer_id: customer_id.clone(),
            method: "card".to_owned(),
            amount: amount.clone(),
            provider_reference: format!("ch_3Q{number:09}"),
            entry: entry(&customer_id, &[("psp_receivable", &amount, true), ("customer_credit", &amount, false)]),
            at: at.clone(),
        };
        let postings = [
            ("customer_credit", "44.86 EUR", true),
            ("deferred_revenue", "37.70 EUR", false),
            ("tax_payable:DE", "7.16 EUR", false),
        ];
        let allocated = Allocated {
            order_id,
            allocation_id: Uuid::from_u128(u128::from(number) << 64),
            payment_id,
            method: "card".to_owned(),
            offered: amount.clone(),
            allocated: amount,
            entry: entry(&customer_id, &postings),
            at,
        };
        [Self::Received(received), Self::Allocated(allocated)]
    }

    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Received(_) => "payment-received",
            Self::Allocated(_) => "order-payment-allocated",
        }
    }
}

fn entry(party: &str, postings: &[(&str, &str, bool)]) -> Entry {
    let posting = |(account, amount, is_debit): &(&str, &str, bool)| Posting {
        account: (*account).to_owned(),
        debit: is_debit.then(|| (*amount).to_owned()),
        credit: (!is_debit).then(|| (*amount).to_owned()),
    };
    Entry { party: party.to_owned(), postings: postings.iter().map(posting).collect() }
}

/// What Mizan writes beside each event.
pub(crate) fn metadata() -> [(&'static str, String); 4] {
    let id = Uuid::new_v4().to_string();
    [
        ("merchant_id", "local".to_owned()),
        ("actor", "key:local".to_owned()),
        ("command_id", id.clone()),
        ("correlation_id", id),
    ]
}

//! What the document says of the questions about payments on chains.

use super::{add_answer, add_page, answer, by_id, list, page, parameter, single};
use mizan_projections::onchain::{deposits, holdings, invoices, payouts, wallets};
use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::{RefOr, Schema, Type};

/// The schemas of their answers.
pub(super) fn answers(schemas: &mut Vec<(String, RefOr<Schema>)>) {
    add_page::<wallets::WalletRow>(schemas);
    add_answer::<wallets::WalletRow>(schemas);
    add_page::<invoices::InvoiceRow>(schemas);
    add_answer::<invoices::InvoiceRow>(schemas);
    add_page::<deposits::DepositRow>(schemas);
    add_answer::<deposits::DepositRow>(schemas);
    add_page::<holdings::HoldingRow>(schemas);
    add_answer::<holdings::HoldingRow>(schemas);
    add_page::<payouts::PayoutRow>(schemas);
    add_answer::<payouts::PayoutRow>(schemas);
}

/// Where they are.
pub(super) fn queries() -> Vec<(&'static str, Operation)> {
    let asset =
        parameter("asset", ParameterIn::Path, "Its CAIP-19 name, for example eip155:1/slip44:60.", Type::String);
    let holding = single("holding", "What is held of an asset", &answer::<holdings::HoldingRow>());
    vec![
        (
            "/v1/queries/wallets",
            list("wallets", "Watch-only wallets", &page::<wallets::WalletRow>(), &wallets::fields()),
        ),
        ("/v1/queries/wallets/{id}", by_id("wallet", "One wallet", &answer::<wallets::WalletRow>())),
        (
            "/v1/queries/invoices",
            list("invoices", "Invoices that are paid on chains", &page::<invoices::InvoiceRow>(), &invoices::fields()),
        ),
        (
            "/v1/queries/invoices/{id}",
            by_id("invoice", "One invoice with its deposits", &answer::<invoices::InvoiceRow>()),
        ),
        (
            "/v1/queries/deposits",
            list(
                "deposits",
                "Outputs and token transfers that were told",
                &page::<deposits::DepositRow>(),
                &deposits::fields(),
            ),
        ),
        ("/v1/queries/deposits/{id}", by_id("deposit", "One deposit", &answer::<deposits::DepositRow>())),
        (
            "/v1/queries/holdings",
            list("holdings", "What is held of each asset", &page::<holdings::HoldingRow>(), &holdings::fields()),
        ),
        ("/v1/queries/holdings/{asset}", holding.parameter(asset).build()),
        (
            "/v1/queries/payouts",
            list("payouts", "Payouts on chains", &page::<payouts::PayoutRow>(), &payouts::fields()),
        ),
        ("/v1/queries/payouts/{id}", by_id("payout", "One payout", &answer::<payouts::PayoutRow>())),
    ]
}

//! What the document says of the questions about installment plans, credit lines and the merchant's clock.

use super::{
    add, add_answer, add_page, answer, by_id, json, list, operation, page, parameter, query, reference, single,
};
use mizan_projections::plans::{ageing, due};
use mizan_projections::{clocks, credit_lines, plans};
use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::{RefOr, Schema, Type};

/// The schemas of their answers.
pub(super) fn answers(schemas: &mut Vec<(String, RefOr<Schema>)>) {
    add::<plans::PlanFactDetails>(schemas);
    add_page::<plans::PlanRow>(schemas);
    add_answer::<plans::PlanView>(schemas);
    add_answer::<plans::PlanAgreement>(schemas);
    add_page::<plans::PlanHistoryRow>(schemas);
    add_page::<plans::InstallmentRow>(schemas);
    add_answer::<due::Due>(schemas);
    add_answer::<ageing::Ageing>(schemas);
    add_page::<credit_lines::CreditLineRow>(schemas);
    add_answer::<credit_lines::CustomerCredit>(schemas);
    add_answer::<clocks::ClockRow>(schemas);
}

/// Where they are.
pub(super) fn queries() -> Vec<(&'static str, Operation)> {
    let mut history = list(
        "plan-history",
        "What happened to a plan, the latest first",
        &page::<plans::PlanHistoryRow>(),
        &plans::history_fields(),
    );
    let id = parameter("id", ParameterIn::Path, "The plan's id.", Type::String);
    history.parameters.get_or_insert_default().push(RefOr::T(id));
    let missing = json(reference("Problem"), "application/problem+json", "There is no such plan.").build();
    history.responses.responses.insert("404".to_owned(), RefOr::T(missing));
    vec![
        ("/v1/queries/plans", list("plans", "Installment plans", &page::<plans::PlanRow>(), &plans::fields())),
        (
            "/v1/queries/plans/{id}",
            by_id("plan", "One plan with its installments and latest history", &answer::<plans::PlanView>()),
        ),
        (
            "/v1/queries/plans/{id}/agreement",
            by_id("plan-agreement", "What was agreed, word for word", &answer::<plans::PlanAgreement>()),
        ),
        ("/v1/queries/plans/{id}/history", history),
        (
            "/v1/queries/installments",
            list(
                "installments",
                "Installments of all plans, the first due first",
                &page::<plans::InstallmentRow>(),
                &plans::installment_fields(),
            ),
        ),
        ("/v1/queries/due", what_is_due()),
        ("/v1/queries/ageing", by_age()),
        (
            "/v1/queries/credit-lines",
            list(
                "credit-lines",
                "Credit lines of customers",
                &page::<credit_lines::CreditLineRow>(),
                &credit_lines::fields(),
            ),
        ),
        (
            "/v1/queries/credit-lines/{id}",
            by_id(
                "customer-credit",
                "All credit lines of a customer, by the customer's id",
                &answer::<credit_lines::CustomerCredit>(),
            ),
        ),
        (
            "/v1/queries/clock",
            single("clock", "The merchant's own clock, in test mode", &answer::<clocks::ClockRow>()).build(),
        ),
    ]
}

fn what_is_due() -> Operation {
    operation("due", "queries", "What is still to be paid, by day and currency")
        .description(Some("Today, where no day is said: by the merchant's own clock in test mode, else in UTC."))
        .parameter(query("on", "One day, for example 2026-01-31.", Type::String))
        .parameter(query("from", "The first day.", Type::String))
        .parameter(query("to", "The last day, included.", Type::String))
        .parameter(query("customer_id", "Only this customer.", Type::String))
        .parameter(query("currency", "Only this currency.", Type::String))
        .parameter(query("min_position", "Wait until the read models show this position.", Type::Integer))
        .parameter(query("as_of", super::AS_OF, Type::String))
        .parameter(query("effective_at", super::EFFECTIVE_AT, Type::String))
        .response("200", json(reference(&answer::<due::Due>()), "application/json", "The days.").build())
        .build()
}

fn by_age() -> Operation {
    operation("ageing", "queries", "What is outstanding, by how long it has been due")
        .description(Some(
            "What is outstanding now, by its age on a day. Today, where no day is said: by the merchant's own clock in \
             test mode, else in UTC.",
        ))
        .parameter(query("on", "The day, for example 2026-01-31.", Type::String))
        .parameter(query("customer_id", "Only this customer.", Type::String))
        .parameter(query("currency", "Only this currency.", Type::String))
        .parameter(query("min_position", "Wait until the read models show this position.", Type::Integer))
        .parameter(query("as_of", super::AS_OF, Type::String))
        .parameter(query("effective_at", super::EFFECTIVE_AT, Type::String))
        .response("200", json(reference(&answer::<ageing::Ageing>()), "application/json", "The buckets.").build())
        .build()
}

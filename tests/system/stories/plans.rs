//! Installment plans over HTTP, on a clock that the test advances: agreed, opened, paid, late, refunded, given up.

use super::{audit, place, plain};
use mizan_tests::{Service, System, minor};
use serde_json::{Value, json};

/// A customer with a limit, an order, and a merchant whose clock stands at noon of 1 January 2024.
async fn town(api: &Service, amount: &str) {
    api.done("start-clock", json!({ "at": "2024-01-01T12:00:00Z" })).await;
    let limit =
        json!({ "customer_id": "c-1", "limit": "1000.00", "currency": "EUR", "score": "712", "source": "bureau" });
    api.done("set-credit-limit", limit).await;
    place(api, "o-1", &[plain("a", 1, amount)]).await;
}

fn approval(plan_id: &str, amount: &str, terms: Value) -> Value {
    json!({
        "plan_id": plan_id, "customer_id": "c-1", "order_id": "o-1", "product": "a-test",
        "amount": amount, "currency": "EUR", "terms": terms,
    })
}

async fn open(api: &Service, amount: &str, terms: Value) {
    api.done("approve-plan", approval("n-1", amount, terms)).await;
    api.done("open-plan", json!({ "plan_id": "n-1" })).await;
}

async fn pay(api: &Service, payment_id: &str, amount: &str) -> Value {
    let payment = json!({
        "payment_id": payment_id, "plan_id": "n-1", "customer_id": "c-1", "method": "card",
        "amount": amount, "currency": "EUR",
    });
    api.done("receive-payment", payment).await
}

async fn advance(api: &Service, to: &str) {
    api.done("advance-clock", json!({ "to": format!("{to}T12:00:00Z") })).await;
}

/// The data of the last event of a kind.
async fn last(api: &Service, kind: &str) -> Value {
    let events = api.events().await;
    events.into_iter().rev().find(|it| it["kind"] == kind).unwrap_or_else(|| panic!("no {kind}"))["data"].take()
}

async fn count(api: &Service, kind: &str) -> usize {
    api.events().await.iter().filter(|it| it["kind"] == kind).count()
}

/// Fineract's V1 (100 at 7 %, six months), paid on every due date: the schedule's interest, to the cent.
#[tokio::test]
async fn a_plan_with_interest_is_paid_to_the_last_cent() {
    let system = System::new().await;
    let api = system.serve().await;
    town(&api, "100.00").await;
    open(&api, "100.00", json!({ "payments": 6, "frequency": "monthly", "rate": "0.07" })).await;
    let months = ["17.01", "17.01", "17.01", "17.01", "17.01", "17.00"];
    for (nth, amount) in months.iter().enumerate() {
        api.done("advance-clock", json!({ "months": 1 })).await;
        pay(&api, &format!("p-{nth}"), amount).await;
    }
    let expected = [
        ("psp_clearing", "102.05"),
        ("bnpl_clearing", "100.00"),
        ("merchant_payable", "-100.00"),
        ("deferred_revenue", "-100.00"),
        ("interest_income", "-2.05"),
    ];
    api.has_books("EUR", &expected).await;
    assert_eq!(last(&api, "plan-payment-applied.v1").await["standing"]["status"], "settled");
    api.done("pay-merchant", json!({ "plan_id": "n-1", "payout_id": "y-1" })).await;
    let expected = [("psp_clearing", "102.05"), ("deferred_revenue", "-100.00"), ("interest_income", "-2.05")];
    api.has_books("EUR", &expected).await;
    audit(&system, &api).await;
}

/// Nobody pays: one call to the clock brings every fee of the terms (Afterpay US: 8 after 10 days, a quarter at most).
#[tokio::test]
async fn one_advance_of_the_clock_brings_everything_that_is_due() {
    let system = System::new().await;
    let api = system.serve().await;
    town(&api, "100.00").await;
    let fees = json!([{ "grace_days": 10, "steps": [{ "amount": "8.00" }], "cap_rate": "0.25" }]);
    let terms = json!({
        "payments": 3, "frequency": "every_two_weeks", "down_payment": { "rate": "0.25" },
        "merchant_discount": { "rate": "0.06" }, "late_fees": fees,
    });
    open(&api, "100.00", terms).await;
    api.done("advance-clock", json!({ "months": 6 })).await;
    assert_eq!(count(&api, "plan-installment-due.v1").await, 3);
    let fees: Vec<i128> = fees_of(&api).await;
    assert_eq!(fees, [800, 800, 800, 100], "the last one lands on the cap");
    let books = api.books("EUR").await;
    assert_eq!((books["bnpl_receivable_fee"].as_str(), books["late_fee"].as_str()), ("25.00", "-25.00"));
    assert_eq!(books["mdr_income"], "-6.00", "the discount is earned by time, paid or not");
    assert!(!books.contains_key("unearned_discount"));
    let given_up = api.done("charge-off-plan", json!({ "plan_id": "n-1", "how": "default" })).await;
    assert_eq!(given_up["events"][0]["kind"], "plan-charged-off.v1");
    pay(&api, "p-1", "20.00").await;
    let books = api.books("EUR").await;
    assert_eq!((books["bad_debt"].as_str(), books["recoveries"].as_str()), ("100.00", "-20.00"));
    audit(&system, &api).await;
}

async fn fees_of(api: &Service) -> Vec<i128> {
    let events = api.events().await;
    let fees = events.iter().filter(|it| it["kind"] == "plan-late-fee-charged.v1");
    fees.map(|it| minor(it["data"]["amount"].as_str().unwrap().strip_suffix(" EUR").unwrap())).collect()
}

/// Afterpay's published example: two of four paid, 143.10 of 500.40 goes back. The preview says what then happens.
#[tokio::test]
async fn a_refund_is_previewed_and_then_does_what_the_preview_said() {
    let system = System::new().await;
    let api = system.serve().await;
    town(&api, "500.40").await;
    open(&api, "500.40", json!({ "payments": 4, "frequency": "every_two_weeks" })).await;
    for (nth, day) in ["2024-01-15", "2024-01-29"].into_iter().enumerate() {
        advance(&api, day).await;
        pay(&api, &format!("p-{nth}"), "125.10").await;
    }
    let head = api.head().await;
    let refund = json!({ "plan_id": "n-1", "refund_id": "rf-1", "amount": "143.10", "currency": "EUR" });
    let preview = api.request(reqwest::Method::POST, "/v1/commands/refund-plan?dry_run=true").json(&refund);
    let preview = api.send(preview).await.ok();
    assert_eq!(api.head().await, head, "a preview writes nothing");
    let said = &preview["events"][0]["data"];
    let fallen = json!([{ "number": 4, "amount": "125.10 EUR" }, { "number": 3, "amount": "18.00 EUR" }]);
    assert_eq!(
        (&said["debt"], &said["cash"], &said["merchant_returns"]),
        (&fallen, &json!("0.00 EUR"), &json!("143.10 EUR"))
    );
    let done = api.done("refund-plan", refund.clone()).await;
    assert_eq!(&done["events"][0]["data"], said);
    assert_eq!(api.done("refund-plan", refund).await["events"], json!([]), "said twice, done once");
    // All of it: the rest of the debt falls, and both payments get back what they paid, the latest first.
    let rest = json!({ "plan_id": "n-1", "refund_id": "rf-2", "amount": "357.30", "currency": "EUR" });
    let done = api.done("refund-plan", rest).await;
    let cash: Vec<(&str, &str)> = done["events"][0]["data"]["cash_back"]
        .as_array()
        .unwrap()
        .iter()
        .map(|leg| (leg["payment_id"].as_str().unwrap(), leg["amount"].as_str().unwrap()))
        .collect();
    assert_eq!(cash, [("p-1", "125.10 EUR"), ("p-0", "125.10 EUR")]);
    super::confirm_refunds(&api, "p-0").await;
    super::confirm_refunds(&api, "p-1").await;
    api.has_books("EUR", &[]).await;
    audit(&system, &api).await;
}

/// The order is cancelled, and everything finds its way: debt, cash, and the merchant's discount.
#[tokio::test]
async fn a_cancelled_order_takes_its_plan_along() {
    let system = System::new().await;
    let api = system.serve().await;
    town(&api, "100.00").await;
    let terms = json!({ "payments": 4, "frequency": "monthly", "merchant_discount": { "rate": "0.06" } });
    open(&api, "100.00", terms).await;
    advance(&api, "2024-02-01").await;
    pay(&api, "p-1", "25.00").await;
    api.done("pay-merchant", json!({ "plan_id": "n-1", "payout_id": "y-1" })).await;
    api.done("cancel-order", json!({ "order_id": "o-1", "cancellation_id": "x-1" })).await;
    super::confirm_refunds(&api, "p-1").await;
    let owed_back = [("bank", "0.00"), ("merchant_payable", "94.00"), ("bnpl_clearing", "-94.00")];
    let owed_back: Vec<(&str, &str)> = owed_back.into_iter().filter(|(_, amount)| *amount != "0.00").collect();
    api.has_books("EUR", &owed_back).await;
    api.done("pay-merchant", json!({ "plan_id": "n-1", "payout_id": "y-2", "direction": "from_merchant" })).await;
    api.has_books("EUR", &[]).await;
    audit(&system, &api).await;
}

/// Two baskets at the same moment cannot both take the last of the limit.
#[tokio::test]
async fn two_baskets_at_once_take_the_limit_once() {
    let system = System::new().await;
    let api = system.serve().await;
    town(&api, "600.00").await;
    let terms = || json!({ "payments": 4, "frequency": "monthly" });
    let baskets = (0..8).map(|nth| {
        let (api, basket) = (api.client(), approval(&format!("n-{nth}"), "600.00", terms()));
        async move { api.command("approve-plan", basket).await }
    });
    let answers = futures_util::future::join_all(baskets).await;
    let mut taken = 0;
    for answer in answers {
        if answer.status == 200 {
            taken += 1;
        } else {
            answer.problem(422, "exceeds_credit_limit", "/amount");
        }
    }
    assert_eq!(taken, 1);
    audit(&system, &api).await;
}

#[tokio::test]
async fn a_clock_goes_forward_once_for_every_advance() {
    let system = System::new().await;
    let api = system.serve().await;
    api.command("advance-clock", json!({ "days": 1 })).await.problem(422, "clock_not_started", "");
    api.done("start-clock", json!({ "at": "2024-01-31T10:00:00Z" })).await;
    api.done("advance-clock", json!({ "months": 1 })).await;
    let shown = last(&api, "clock-advanced.v1").await;
    assert_eq!(shown["at"], "2024-02-29T10:00:00Z");
    advance(&api, "2024-03-01").await;
    let again = api.done("advance-clock", json!({ "to": "2024-03-01T12:00:00Z" })).await;
    assert_eq!(again["events"], json!([]), "the same moment twice is one advance");
    api.refused("advance-clock", json!({ "to": "2024-02-01T12:00:00Z" }), "clock_never_goes_back", "/to").await;
    api.refused("start-clock", json!({ "at": "2024-01-01T00:00:00Z" }), "clock_already_started", "/at").await;
    // Commands without a time of their own happen when the clock says.
    place(&api, "o-1", &[plain("a", 1, "1.00")]).await;
    assert_eq!(last(&api, "order-placed.v1").await["at"], "2024-03-01T12:00:00Z");
    for body in [json!({}), json!({ "days": 1, "months": 1 })] {
        api.command("advance-clock", body).await.problem(422, "invalid_value", "");
    }
}

/// Whatever process dies in the middle of an advance, what is due happens: the timers are in the database.
#[tokio::test]
async fn what_is_due_happens_although_the_service_dies_in_between() {
    const PLANS: usize = 60;
    let system = System::new().await;
    let mut api = system.serve().await;
    api.done("start-clock", json!({ "at": "2024-01-01T12:00:00Z" })).await;
    let limit = json!({ "customer_id": "c-1", "limit": "100000.00", "currency": "EUR" });
    api.done("set-credit-limit", limit).await;
    for nth in 0..PLANS {
        let mut plan = approval(
            &format!("n-{nth}"),
            "90.00",
            json!({ "payments": 3, "frequency": "monthly", "merchant_discount": { "rate": "0.10" } }),
        );
        plan.as_object_mut().unwrap().remove("order_id");
        api.done("approve-plan", plan).await;
        api.done("open-plan", json!({ "plan_id": format!("n-{nth}") })).await;
    }
    let client = api.client();
    let advancing = tokio::spawn(async move {
        let request = client.commanding("advance-clock", &json!({ "to": "2024-05-01T12:00:00Z" }));
        client.try_send(request).await.is_ok()
    });
    // Killed as soon as the clock has gone forward, wherever the timers are then.
    while count(&api, "clock-advanced.v1").await == 0 {
        tokio::task::yield_now().await;
    }
    api.kill();
    let _ = advancing.await;
    let api = system.serve().await;
    let dues = || async { count(&api, "plan-installment-due.v1").await };
    let begun = std::time::Instant::now();
    while dues().await < 3 * PLANS {
        assert!(begun.elapsed() < mizan_tests::PATIENCE, "{} of {}", dues().await, 3 * PLANS);
        tokio::task::yield_now().await;
    }
    let books = api.books("EUR").await;
    assert_eq!(books["mdr_income"], format!("-{}.00", 9 * PLANS));
    audit(&system, &api).await;
}

#[tokio::test]
async fn offers_are_quoted_side_by_side_and_bad_terms_name_their_field() {
    let system = System::new().await;
    let api = system.serve().await;
    let offers = json!([
        { "product": "six", "terms": { "payments": 6, "frequency": "monthly", "rate": "0.07" } },
        { "product": "four", "terms": { "payments": 3, "frequency": "every_two_weeks", "down_payment": { "rate": "0.25" } } },
        { "product": "none", "terms": { "payments": 0, "frequency": "monthly" } },
        { "product": "dear", "terms": { "payments": 4, "frequency": "monthly", "down_payment": { "amount": "100.01" } } },
        { "product": "capped", "terms": { "payments": 4, "frequency": "monthly",
            "late_fees": [{ "steps": [{ "amount": "5.00" }], "cap_amount": "4.99" }] } },
        { "product": "past", "terms": { "payments": 4, "frequency": "monthly", "first_due_on": "2023-12-31" } },
        { "product": "long", "terms": { "payments": 121, "frequency": "monthly" } },
    ]);
    let asked = json!({ "amount": "100.00", "currency": "EUR", "starts_on": "2024-01-01", "offers": offers });
    let request = api.request(reqwest::Method::POST, "/v1/queries/plan-quotes").json(&asked);
    let quotes = api.send(request).await.ok();
    let six = &quotes[0]["quote"];
    assert_eq!((&six["finance_charge"], &six["apr_us"]), (&json!("2.05"), &json!("7.00")));
    assert_eq!(six["schedule"][5]["total"], "17.00");
    let four = &quotes[1]["quote"];
    assert_eq!(
        (&four["down_payment"], &four["total_cost"], &four["apr_eu"]),
        (&json!("25.00"), &json!("100.00"), &json!("0.000000"))
    );
    let problem = |nth: usize| {
        let problem = &quotes[nth]["problem"];
        let text = |it: &Value| it.as_str().unwrap_or_default().to_owned();
        (text(&problem["code"]), text(&problem["errors"][0]["pointer"]))
    };
    let expected = [
        (2, "no_payments", "/offers/2/terms/payments"),
        (3, "down_payment_too_large", "/offers/3/terms/down_payment"),
        (4, "cap_below_fee", "/offers/4/terms/late_fees/0/cap_amount"),
        (5, "first_due_in_the_past", "/offers/5/terms/first_due_on"),
        (6, "too_long", "/offers/6/terms/payments"),
    ];
    for (nth, code, pointer) in expected {
        assert_eq!(problem(nth), (code.to_owned(), pointer.to_owned()));
    }
}

/// What the customer is told, the settlement, is what settles.
#[tokio::test]
async fn a_payment_of_the_settlement_amount_settles() {
    let system = System::new().await;
    let api = system.serve().await;
    town(&api, "100.00").await;
    open(&api, "100.00", json!({ "payments": 6, "frequency": "monthly", "rate": "0.07" })).await;
    advance(&api, "2024-02-01").await;
    pay(&api, "p-1", "17.01").await;
    advance(&api, "2024-02-15").await;
    let quote = api.get("/v1/queries/plans/n-1/settlement").await.ok();
    assert_eq!((&quote["amount"], &quote["on"]), (&json!("83.81"), &json!("2024-02-15")));
    pay(&api, "p-2", "83.81").await;
    let quote = api.get("/v1/queries/plans/n-1/settlement?on=2024-03-01").await.ok();
    assert_eq!(quote["amount"], "0.00");
    assert_eq!(last(&api, "plan-payment-applied.v1").await["settles"], true);
    api.get("/v1/queries/plans/n-9/settlement").await.problem(404, "not_found", "");
    audit(&system, &api).await;
}

/// A payment is for an order or for a plan, and nobody but a plan pays by installments.
#[tokio::test]
async fn clients_cannot_pay_as_a_plan_does() {
    let system = System::new().await;
    let api = system.serve().await;
    let payment = |method: &str, order: Option<&str>| {
        json!({
            "payment_id": "p-1", "plan_id": "n-1", "order_id": order, "method": method,
            "amount": "10.00", "currency": "EUR",
        })
    };
    api.refused("receive-payment", payment("installments", None), "invalid_value", "/method").await;
    api.refused("receive-payment", payment("card", Some("o-1")), "invalid_value", "/plan_id").await;
    api.command("open-plan", json!({ "plan_id": "n-1" })).await.problem(404, "plan_not_known", "/plan_id");
    let terms = json!({ "payments": 4, "frequency": "monthly" });
    api.refused("approve-plan", approval("n-1", "10.00", terms), "no_credit_line", "/customer_id").await;
}

/// The merchant, the customer and the auditor see the same numbers on any day.
#[tokio::test]
async fn everybody_sees_the_same_numbers() {
    let system = System::new().await;
    let api = system.serve().await;
    town(&api, "100.00").await;
    let terms = json!({
        "payments": 4, "frequency": "monthly", "rate": "0.12",
        "late_fees": [{ "grace_days": 3, "steps": [{ "amount": "5.00" }] }],
    });
    open(&api, "100.00", terms).await;
    advance(&api, "2024-02-01").await;
    pay(&api, "p-1", "25.63").await;
    advance(&api, "2024-03-20").await;
    let plan = api.one("plans/n-1").await;
    let expected = json!({
        "status": "open", "principal": "75.37", "fees": "5.00", "accrued": "0.75", "paid": "25.63",
        "next_due_on": "2024-03-01",
    });
    for name in ["status", "principal", "fees", "accrued", "paid", "next_due_on"] {
        assert_eq!(plan[name], expected[name], "{name} of {plan:#}");
    }
    assert_eq!(plan["installments"].as_array().unwrap().len(), 4);
    let books = api.books("EUR").await;
    let book = |account: &str| books[account].as_str();
    assert_eq!(
        (book("bnpl_receivable"), book("bnpl_receivable_interest"), book("bnpl_receivable_fee")),
        ("75.37", "0.75", "5.00")
    );
    // The customer's statement: the order and the plan's money for it are even; what is left is the plan's.
    let statement = api.one("customers/c-1/statement").await;
    assert_eq!(statement["currencies"][0]["closing_balance"], "81.12", "{statement:#}");
    let ageing = api.one("ageing").await;
    let late: Vec<(&str, &str)> = ageing["currencies"][0]["buckets"]
        .as_array()
        .unwrap_or_else(|| panic!("{ageing:#}"))
        .iter()
        .map(|it| (it["bucket"].as_str().unwrap(), it["outstanding"].as_str().unwrap()))
        .filter(|(_, outstanding)| *outstanding != "0.00")
        .collect();
    assert_eq!(late, [("not_due", "51.24"), ("1-30", "30.63")]);
    let due = api.one("due?on=2024-04-01&customer_id=c-1").await;
    assert_eq!(due["days"][0]["outstanding"], "25.63", "{due:#}");
    let line = api.one("credit-lines/c-1").await;
    assert_eq!(
        (&line["lines"][0]["outstanding"], &line["lines"][0]["available"]),
        (&json!("75.37"), &json!("924.63")),
        "{line:#}"
    );
    assert_eq!(api.one("clock").await["now"], "2024-03-20T12:00:00Z");
    assert_eq!(api.one("plans/n-1/agreement").await["agreement"]["disclosure"]["apr_us"], "11.94");
}

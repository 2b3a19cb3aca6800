//! What a plan would cost, and what would settle one: answers that are computed, not stored.
//!
//! Quotes decide and record nothing; approving a plan computes the same figures again and freezes them.

use crate::commands::Fault;
use crate::commands::read::{self, Amount, Checked, Day};
use crate::commands::terms::TermsBody;
use crate::engine::Engine;
use crate::problem::Problem;
use crate::server::{BODY_BYTES_MAX, Caller, only, whole_body};
use crate::write::NotDone;
use actix_web::{HttpRequest, HttpResponse, web};
use chrono::NaiveDate;
use mizan_domain::event::{Event, StreamName};
use mizan_domain::id::PlanId;
use mizan_domain::plan::{Agreement, Offer, Plan, Row};
use mizan_domain::text::Text;
use mizan_domain::{Currency, Decider, Money};
use mizan_store::Recorded;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Offers in one request.
const OFFERS_MAX: usize = 20;

/// What plans over an amount would cost, side by side.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct QuotesAsked {
    /// What is bought for, the down payments included, as text.
    #[schema(value_type = String, example = "100.00")]
    amount: Amount,
    /// ISO 4217.
    #[schema(value_type = String, example = "EUR")]
    currency: Checked<Currency>,
    /// The day that interest and the schedules count from; today in each plan's time zone, if left out.
    #[schema(value_type = Option<String>, format = Date)]
    starts_on: Option<Day>,
    /// 1 to 20.
    offers: Vec<OfferAsked>,
}

/// Terms with a name.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OfferAsked {
    /// Your name for these terms.
    #[schema(value_type = String, example = "pay-in-4")]
    product: String,
    /// The terms.
    terms: TermsBody,
}

/// What a plan would cost, or why there is none.
#[derive(Serialize, ToSchema)]
pub(crate) struct PlanQuote {
    /// Your name for these terms.
    product: String,
    /// ISO 4217.
    currency: String,
    /// The figures; none where the terms make no plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    quote: Option<PlanFigures>,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<Problem>,
}

/// The figures of a plan, in the decimals of its currency.
#[derive(Serialize, ToSchema)]
pub(crate) struct PlanFigures {
    /// The first day.
    starts_on: NaiveDate,
    /// What is bought for.
    amount: String,
    /// What is paid on the first day.
    down_payment: String,
    /// The amount financed.
    financed: String,
    /// What the merchant leaves to the book of plans.
    discount: String,
    /// All interest.
    finance_charge: String,
    /// All payments after the first day.
    total_of_payments: String,
    /// All payments.
    total_cost: String,
    /// The annual percentage rate of Regulation Z, in percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    apr_us: Option<String>,
    /// The annual percentage rate of charge of the Consumer Credit Directive, in percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    apr_eu: Option<String>,
    /// The payments after the first day.
    schedule: Vec<QuotedPayment>,
}

/// One payment of a quoted schedule.
#[derive(Serialize, ToSchema)]
pub(crate) struct QuotedPayment {
    /// From 1.
    number: u32,
    /// When it is to be paid.
    due_on: NaiveDate,
    /// The period that its interest is for: its first day.
    from: NaiveDate,
    /// And its end.
    until: NaiveDate,
    /// Its part of the amount financed.
    principal: String,
    /// Its interest.
    interest: String,
    /// Both together.
    total: String,
    /// What is owed after it.
    balance: String,
}

/// What would settle a plan on a day.
#[derive(Serialize, ToSchema)]
pub(crate) struct Settlement {
    /// The plan.
    plan_id: String,
    /// The day.
    on: NaiveDate,
    /// `approved`, `cancelled`, `open`, `settled` or `charged_off`.
    status: String,
    /// A payment of this much on that day settles it; `0.00` where nothing is owed, or nothing yet.
    amount: String,
    /// ISO 4217.
    currency: String,
    /// The revision of the plan's stream that this is from.
    revision: i64,
}

/// What is asked where.
pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(web::resource("/queries/plan-quotes").route(web::post().to(plan_quotes)).default_service(only("POST")))
        .service(
            web::resource("/queries/plans/{id}/settlement")
                .route(web::get().to(settlement))
                .default_service(only("GET")),
        );
}

async fn plan_quotes(
    engine: web::Data<Engine>,
    caller: Caller,
    body: Result<web::Bytes, actix_web::Error>,
) -> Result<HttpResponse, Problem> {
    let body = whole_body(body, BODY_BYTES_MAX)?;
    let asked: QuotesAsked = read::body(&body)?;
    if asked.offers.is_empty() || asked.offers.len() > OFFERS_MAX {
        let message = format!("{} offers; ask for 1 to {OFFERS_MAX}", asked.offers.len());
        return Err(Fault { code: "invalid_value", pointer: Some("/offers".into()), message }.into());
    }
    let currency = asked.currency.0;
    let amount = asked.amount.of(currency, "/amount")?;
    let starts_on = asked.starts_on.map(|day| day.0);
    let now = engine.now(&caller.merchant).await?;
    let quotes = asked.offers.into_iter().enumerate().map(|(no, offer)| {
        let OfferAsked { product, terms } = offer;
        let figures =
            terms.into_terms(currency, &format!("/offers/{no}/terms")).map_err(Problem::from).and_then(|terms| {
                let starts_on = starts_on.unwrap_or_else(|| terms.time_zone.date_of(now));
                figures(amount, starts_on, terms, no)
            });
        let (quote, problem) = match figures {
            Ok(figures) => (Some(figures), None),
            Err(problem) => (None, Some(problem)),
        };
        PlanQuote { product, currency: currency.to_string(), quote, problem }
    });
    Ok(HttpResponse::Ok().json(quotes.collect::<Vec<_>>()))
}

fn figures(
    amount: Money,
    starts_on: NaiveDate,
    terms: mizan_domain::plan::Terms,
    no: usize,
) -> Result<PlanFigures, Problem> {
    let nobody = |error: mizan_domain::Invalid| Problem::unavailable(error.to_string());
    let offer = Offer {
        plan_id: PlanId::derived(&["quote"]),
        customer_id: mizan_domain::id::CustomerId::parse("quote").map_err(nobody)?,
        order_id: None,
        product: None::<Text>,
        amount,
        starts_on,
        terms,
    };
    let it = Agreement::of(offer).map_err(|bad| {
        let pointer = bad.pointer();
        let pointer = if pointer.starts_with("/terms") { format!("/offers/{no}{pointer}") } else { pointer };
        Problem::from(Fault { code: bad.code(), pointer: Some(pointer), message: bad.to_string() })
    })?;
    let text = |money: Money| money.digits().to_string();
    Ok(PlanFigures {
        starts_on,
        amount: text(amount),
        down_payment: text(it.down_payment),
        financed: text(it.financed),
        discount: text(it.discount),
        finance_charge: text(it.disclosure.finance_charge),
        total_of_payments: text(it.disclosure.total_of_payments),
        total_cost: text(it.disclosure.total_cost),
        apr_us: it.disclosure.apr_us.map(|apr| apr.to_string()),
        apr_eu: it.disclosure.apr_eu.map(|apr| apr.to_string()),
        schedule: it.schedule.iter().map(payment).collect(),
    })
}

fn payment(row: &Row) -> QuotedPayment {
    QuotedPayment {
        number: row.number,
        due_on: row.due_on,
        from: row.from,
        until: row.until,
        principal: row.principal.digits().to_string(),
        interest: row.interest.digits().to_string(),
        total: row.total().digits().to_string(),
        balance: row.balance.digits().to_string(),
    }
}

async fn settlement(
    engine: web::Data<Engine>,
    caller: Caller,
    request: HttpRequest,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let missing = || Problem::not_found("plan");
    let plan_id = PlanId::parse(&id).map_err(|_| missing())?;
    let mut on = None;
    for (name, value) in crate::queries::parameters(&request)? {
        match (name.as_str(), value.parse::<NaiveDate>()) {
            ("on", Ok(date)) => on = Some(date),
            ("on", Err(_)) => {
                return Err(Problem::bad_parameter("bad_parameter", "on", "write a date, for example 2026-11-21"));
            }
            (other, _) => return Err(Problem::bad_parameter("unknown_parameter", other, "only on is known here")),
        }
    }
    let stream = StreamName { category: Plan::CATEGORY, id: plan_id.as_str().into() };
    let unavailable = |error: mizan_store::LogError| NotDone::Unavailable(error.to_string());
    let stored = engine.log.streams(&[(caller.merchant.clone(), stream)]).await.map_err(unavailable)?;
    let (mut plan, mut revision) = (Plan::default(), 0);
    for it in stored {
        let recorded = Recorded::try_from(it).map_err(NotDone::Unreadable)?;
        if let Event::Plan(event) = &*recorded.event {
            plan.evolve(event);
            revision = recorded.revision;
        }
    }
    let agreement = plan.agreement().ok_or_else(missing)?;
    let currency: Currency = agreement.financed.currency();
    let zone = agreement.offer.terms.time_zone;
    let on = match on {
        Some(on) => on,
        None => zone.date_of(engine.now(&caller.merchant).await?),
    };
    let amount = plan.payoff(on).unwrap_or(Money::zero(currency));
    Ok(HttpResponse::Ok().json(Settlement {
        plan_id: plan_id.to_string(),
        status: plan.status().map_or_else(String::new, |it| it.name().to_owned()),
        on,
        amount: amount.digits().to_string(),
        currency: currency.to_string(),
        revision,
    }))
}

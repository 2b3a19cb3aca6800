//! Questions about installment plans, credit lines and the merchant's clock.

use super::{Answered, alone, named, page, ready, tagged};
use crate::engine::Engine;
use crate::problem::Problem;
use crate::server::{Caller, only};
use actix_web::{HttpRequest, HttpResponse, web};
use chrono::Utc;
use mizan_projections::plans::{ageing, due};
use mizan_projections::{clocks, credit_lines, plans};

/// What is asked where.
pub(super) fn routes(config: &mut web::ServiceConfig) {
    let get = |path: &str| web::resource(format!("/queries/{path}")).default_service(only("GET"));
    config
        .service(get("plans").route(web::get().to(plans_list)))
        .service(get("plans/{id}/agreement").route(web::get().to(agreement)))
        .service(get("plans/{id}/history").route(web::get().to(history)))
        .service(get("installments").route(web::get().to(installments)))
        .service(get("due").route(web::get().to(what_is_due)))
        .service(get("ageing").route(web::get().to(by_age)))
        .service(get("credit-lines").route(web::get().to(credit_list)))
        .service(get("credit-lines/{id}").route(web::get().to(credit)))
        .service(get("clock").route(web::get().to(clock)));
}

async fn plans_list(engine: web::Data<Engine>, caller: Caller, request: HttpRequest) -> Answered {
    let (reads, pairs) = ready(&engine, &request).await?;
    page(&request, &plans::search(&reads, &caller.merchant, &pairs).await?)
}

async fn agreement(engine: web::Data<Engine>, caller: Caller, request: HttpRequest, id: web::Path<String>) -> Answered {
    let reads = alone(&engine, &request).await?;
    let found = plans::agreement(&reads, &caller.merchant, named(&id, "plan")?).await?;
    Ok(HttpResponse::Ok().json(found.ok_or_else(|| Problem::not_found("plan"))?))
}

async fn history(engine: web::Data<Engine>, caller: Caller, request: HttpRequest, id: web::Path<String>) -> Answered {
    let (reads, pairs) = ready(&engine, &request).await?;
    let found = plans::history(&reads, &caller.merchant, named(&id, "plan")?, &pairs).await?;
    page(&request, &found.ok_or_else(|| Problem::not_found("plan"))?)
}

async fn installments(engine: web::Data<Engine>, caller: Caller, request: HttpRequest) -> Answered {
    let (reads, pairs) = ready(&engine, &request).await?;
    page(&request, &plans::installments(&reads, &caller.merchant, &pairs).await?)
}

async fn what_is_due(engine: web::Data<Engine>, caller: Caller, request: HttpRequest) -> Answered {
    let (reads, pairs) = ready(&engine, &request).await?;
    Ok(HttpResponse::Ok().json(due::get(&reads, &caller.merchant, &pairs, Utc::now()).await?))
}

async fn by_age(engine: web::Data<Engine>, caller: Caller, request: HttpRequest) -> Answered {
    let (reads, pairs) = ready(&engine, &request).await?;
    Ok(HttpResponse::Ok().json(ageing::get(&reads, &caller.merchant, &pairs, Utc::now()).await?))
}

async fn credit_list(engine: web::Data<Engine>, caller: Caller, request: HttpRequest) -> Answered {
    let (reads, pairs) = ready(&engine, &request).await?;
    page(&request, &credit_lines::search(&reads, &caller.merchant, &pairs).await?)
}

async fn credit(engine: web::Data<Engine>, caller: Caller, request: HttpRequest, id: web::Path<String>) -> Answered {
    let reads = alone(&engine, &request).await?;
    let found = credit_lines::get(&reads, &caller.merchant, named(&id, "credit line")?).await?;
    let found = found.ok_or_else(|| Problem::not_found("credit line"))?;
    let revision = found.data.revision;
    tagged(revision, &found)
}

async fn clock(engine: web::Data<Engine>, caller: Caller, request: HttpRequest) -> Answered {
    let reads = alone(&engine, &request).await?;
    let found = clocks::get(&reads, &caller.merchant).await?;
    let found = found.ok_or_else(|| Problem::not_found("clock"))?;
    let revision = found.data.revision;
    tagged(revision, &found)
}

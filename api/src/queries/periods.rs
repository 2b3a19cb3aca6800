//! Questions about closed accounting periods.

use super::{Answered, alone, page, ready};
use crate::engine::Engine;
use crate::problem::Problem;
use crate::server::{Caller, only};
use actix_web::{HttpRequest, HttpResponse, web};
use chrono::NaiveDate;
use mizan_projections::periods;

/// What is asked where.
pub(super) fn routes(config: &mut web::ServiceConfig) {
    let get = |path: &str| web::resource(format!("/queries/{path}")).default_service(only("GET"));
    config
        .service(get("periods").route(web::get().to(list)))
        .service(get("periods/{until}").route(web::get().to(one)))
        .service(get("periods/{until}/note").route(web::get().to(note)));
}

async fn list(engine: web::Data<Engine>, caller: Caller, request: HttpRequest) -> Answered {
    let (reads, pairs) = ready(&engine, &request).await?;
    page(&request, &periods::search(&reads, &caller.merchant, &pairs).await?)
}

async fn one(engine: web::Data<Engine>, caller: Caller, request: HttpRequest, until: web::Path<String>) -> Answered {
    let reads = alone(&engine, &request).await?;
    let found = periods::get(&reads, &caller.merchant, day(&until)?).await?;
    Ok(HttpResponse::Ok().json(found.ok_or_else(|| Problem::not_found("closed period"))?))
}

/// The signed trial balance as it was signed, byte for byte.
async fn note(engine: web::Data<Engine>, caller: Caller, request: HttpRequest, until: web::Path<String>) -> Answered {
    let reads = alone(&engine, &request).await?;
    let found = periods::get(&reads, &caller.merchant, day(&until)?).await?;
    let found = found.ok_or_else(|| Problem::not_found("closed period"))?;
    Ok(HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(found.data.note))
}

/// A period is named by its last day; nothing else is the name of one.
fn day(text: &str) -> Result<NaiveDate, Problem> {
    text.parse().map_err(|_| Problem::not_found("closed period"))
}

//! Questions about payments on chains: wallets, invoices, deposits, holdings and payouts.

use super::{Answered, alone, named, page, ready, tagged};
use crate::engine::Engine;
use crate::problem::Problem;
use crate::server::{Caller, only};
use actix_web::{HttpRequest, web};
use mizan_domain::onchain::AssetId;
use mizan_projections::onchain::{deposits, holdings, invoices, payouts, wallets};

/// What is asked where.
pub(super) fn routes(config: &mut web::ServiceConfig) {
    let get = |path: &str| web::resource(format!("/queries/{path}")).default_service(only("GET"));
    config
        .service(get("wallets").route(web::get().to(wallets_list)))
        .service(get("wallets/{id}").route(web::get().to(wallet)))
        .service(get("invoices").route(web::get().to(invoices_list)))
        .service(get("deposits").route(web::get().to(deposits_list)))
        .service(get("deposits/{id}").route(web::get().to(deposit)))
        .service(get("holdings").route(web::get().to(holdings_list)))
        // The name of an asset has a slash, which may come as it is or as %2F.
        .service(get("holdings/{asset:.+}").route(web::get().to(holding)))
        .service(get("payouts").route(web::get().to(payouts_list)))
        .service(get("payouts/{id}").route(web::get().to(payout)));
}

async fn wallets_list(engine: web::Data<Engine>, caller: Caller, request: HttpRequest) -> Answered {
    let (reads, pairs) = ready(&engine, &request).await?;
    page(&request, &wallets::search(&reads, &caller.merchant, &pairs).await?)
}

async fn wallet(engine: web::Data<Engine>, caller: Caller, request: HttpRequest, id: web::Path<String>) -> Answered {
    let reads = alone(&engine, &request).await?;
    let found = wallets::get(&reads, &caller.merchant, named(&id, "wallet")?).await?;
    let found = found.ok_or_else(|| Problem::not_found("wallet"))?;
    let revision = found.data.revision;
    tagged(revision, &found)
}

async fn invoices_list(engine: web::Data<Engine>, caller: Caller, request: HttpRequest) -> Answered {
    let (reads, pairs) = ready(&engine, &request).await?;
    page(&request, &invoices::search(&reads, &caller.merchant, &pairs).await?)
}

async fn deposits_list(engine: web::Data<Engine>, caller: Caller, request: HttpRequest) -> Answered {
    let (reads, pairs) = ready(&engine, &request).await?;
    page(&request, &deposits::search(&reads, &caller.merchant, &pairs).await?)
}

async fn deposit(engine: web::Data<Engine>, caller: Caller, request: HttpRequest, id: web::Path<String>) -> Answered {
    let reads = alone(&engine, &request).await?;
    let found = deposits::get(&reads, &caller.merchant, named(&id, "deposit")?).await?;
    let found = found.ok_or_else(|| Problem::not_found("deposit"))?;
    let revision = found.data.revision;
    tagged(revision, &found)
}

async fn holdings_list(engine: web::Data<Engine>, caller: Caller, request: HttpRequest) -> Answered {
    let (reads, pairs) = ready(&engine, &request).await?;
    page(&request, &holdings::search(&reads, &caller.merchant, &pairs).await?)
}

async fn holding(
    engine: web::Data<Engine>,
    caller: Caller,
    request: HttpRequest,
    asset: web::Path<String>,
) -> Answered {
    let reads = alone(&engine, &request).await?;
    let missing = || Problem::not_found("holding");
    let asset: AssetId = named(&asset, "holding")?.parse().map_err(|_| missing())?;
    let found = holdings::get(&reads, &caller.merchant, asset).await?.ok_or_else(missing)?;
    let revision = found.data.revision;
    tagged(revision, &found)
}

async fn payouts_list(engine: web::Data<Engine>, caller: Caller, request: HttpRequest) -> Answered {
    let (reads, pairs) = ready(&engine, &request).await?;
    page(&request, &payouts::search(&reads, &caller.merchant, &pairs).await?)
}

async fn payout(engine: web::Data<Engine>, caller: Caller, request: HttpRequest, id: web::Path<String>) -> Answered {
    let reads = alone(&engine, &request).await?;
    let found = payouts::get(&reads, &caller.merchant, named(&id, "payout")?).await?;
    let found = found.ok_or_else(|| Problem::not_found("payout"))?;
    let revision = found.data.revision;
    tagged(revision, &found)
}

//! The HTTP service: who may ask, what is where, and the limits on everything.

mod figures;
mod shell;
mod squeezed;

use crate::asking::Asking;
use crate::commands::http as commands;
use crate::engine::Engine;
use crate::key::Keys;
use crate::problem::Problem;
use crate::{events, health, openapi, queries, quotes, seal};
use actix_web::dev::{Payload, Server};
use actix_web::http::header::{ALLOW, AUTHORIZATION, HeaderMap, HeaderValue};
use actix_web::middleware::from_fn;
use actix_web::{App, FromRequest, HttpRequest, HttpServer, ResponseError, Route, web};
use metrics_exporter_prometheus::PrometheusHandle;
use mizan_domain::event::Command;
use mizan_domain::id::MerchantId;
use mizan_domain::text::Text;
use shell::{Limit, Shell};
use squeezed::Squeezed;
use std::future::{Ready, ready};
use std::net::TcpListener;
use std::num::NonZeroU32;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// The body of one command.
pub const BODY_BYTES_MAX: usize = 256 * 1024;
/// The body of many commands.
pub const BULK_BODY_BYTES_MAX: usize = 8 * 1024 * 1024;
const HEADERS_TIMEOUT_S: u64 = 5;
const SHUTDOWN_TIMEOUT_S: u64 = 10;
const WORKERS: usize = 2;

/// What the service is told when it starts.
#[derive(Clone)]
pub struct Settings {
    /// The keys that may ask, with their names as events record them.
    pub keys: Keys,
    /// The one merchant, until accounts come.
    pub merchant: MerchantId,
    /// Requests that the keys together may make in a second.
    pub requests_per_second: NonZeroU32,
    /// Renders `/metrics`.
    pub metrics: PrometheusHandle,
}

/// Who asks: found by the API key, before anything is read.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Whose history.
    pub merchant: MerchantId,
    /// The key's name, as events record it.
    pub actor: Text,
    /// Whether the key is one for tests; only then may the merchant have a clock of its own.
    pub is_test: bool,
}

impl Caller {
    /// Refuses what the key may not ask.
    ///
    /// # Errors
    /// The problem.
    pub fn may_ask(&self, asking: &Asking) -> Result<(), Problem> {
        let is_clock = matches!(asking, Asking::Command(Command::Clock(_)));
        if is_clock && !self.is_test { Err(Problem::live_mode()) } else { Ok(()) }
    }
}

impl Settings {
    /// Who sent these headers; none without a key that is known.
    fn caller(&self, headers: &HeaderMap) -> Option<Caller> {
        let sent = headers.get(AUTHORIZATION)?.to_str().ok()?;
        let actor = self.keys.actor(sent.strip_prefix("Bearer ")?.trim())?;
        Some(Caller { merchant: self.merchant.clone(), actor, is_test: !self.keys.are_live() })
    }
}

impl FromRequest for Caller {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let settings = request.app_data::<web::Data<Settings>>();
        ready(settings.and_then(|it| it.caller(request.headers())).ok_or_else(Problem::unauthorised))
    }
}

/// The whole body, or the problem with it.
///
/// # Errors
/// Too large, or broken off.
pub fn whole_body(body: Result<web::Bytes, actix_web::Error>, limit_bytes: usize) -> Result<web::Bytes, Problem> {
    let too_large = || Problem::too_large(limit_bytes);
    let body = body.map_err(|error| match error.as_response_error().status_code().as_u16() {
        413 => too_large(),
        _other => Problem::broken_body(),
    })?;
    if body.len() > limit_bytes { Err(too_large()) } else { Ok(body) }
}

/// Serves on a socket until it is told to stop. The caller runs the returned future. Must be called within a tokio runtime.
///
/// # Errors
/// The socket cannot be used.
pub fn serve(engine: web::Data<Engine>, settings: Settings, listener: TcpListener) -> std::io::Result<Server> {
    let limit = Limit::per_second(settings.requests_per_second);
    let document = Arc::new(openapi::document());
    tokio::spawn(health::keep_up(settings.metrics.clone()));
    let server = HttpServer::new(move || {
        let shell = Rc::new(Shell::new(engine.clone(), settings.clone(), limit.clone()));
        App::new()
            .app_data(engine.clone())
            .app_data(web::Data::new(settings.clone()))
            .app_data(web::PayloadConfig::new(BULK_BODY_BYTES_MAX))
            .wrap(from_fn(move |request, next| {
                let shell = Rc::clone(&shell);
                async move { shell.answer(request, next).await }
            }))
            .wrap(Squeezed)
            .configure(|config| routes(config, &document))
    });
    let server = server
        .workers(WORKERS)
        .client_request_timeout(Duration::from_secs(HEADERS_TIMEOUT_S))
        .shutdown_timeout(SHUTDOWN_TIMEOUT_S)
        .listen(listener)?;
    Ok(server.run())
}

fn routes(config: &mut web::ServiceConfig, document: &Arc<utoipa::openapi::OpenApi>) {
    let get = |path: &str| web::resource(path).default_service(only("GET"));
    let post = |path: &str| web::resource(path).default_service(only("POST"));
    config.service(
        web::scope("/v1")
            .service(post("/commands").route(web::post().to(commands::many)))
            .service(post("/commands/{command}").route(web::post().to(commands::one)))
            .service(get("/events").route(web::get().to(events::list)))
            .service(get("/events/{position}").route(web::get().to(events::one)))
            .configure(quotes::routes)
            .configure(queries::routes)
            .configure(seal::routes)
            .default_service(web::route().to(|| async { Err::<String, _>(Problem::not_found("address")) })),
    );
    config
        .service(get("/healthz").route(web::get().to(health::alive)))
        .service(get("/readyz").route(web::get().to(health::ready)))
        .service(get("/metrics").route(web::get().to(health::metrics)))
        .configure(|config| openapi::routes(config, document))
        .default_service(web::route().to(|| async { Err::<String, _>(Problem::not_found("address")) }));
}

/// What a resource answers to every other method; it has to name the one that it knows (RFC 9110, 15.5.6).
pub(crate) fn only(allowed: &'static str) -> Route {
    web::route().to(move || async move {
        let mut response = Problem::method_not_allowed().error_response();
        response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
        response
    })
}

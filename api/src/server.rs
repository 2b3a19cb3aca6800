//! The HTTP service: who may ask, what is where, and the limits on everything.

use crate::asking::Asking;
use crate::commands::http as commands;
use crate::engine::Engine;
use crate::key::Keys;
use crate::problem::Problem;
use crate::{events, health, openapi, queries, quotes, seal};
use actix_web::body::MessageBody;
use actix_web::dev::{Payload, Server, ServiceRequest, ServiceResponse};
use actix_web::http::header::{ALLOW, AUTHORIZATION, HeaderName, HeaderValue};
use actix_web::middleware::{Compress, DefaultHeaders, Next, from_fn};
use actix_web::{App, FromRequest, HttpRequest, HttpServer, ResponseError, Route, web};
use governor::clock::DefaultClock;
use governor::middleware::StateInformationMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use metrics_exporter_prometheus::PrometheusHandle;
use mizan_domain::event::Command;
use mizan_domain::id::MerchantId;
use mizan_domain::text::Text;
use std::future::{Ready, ready};
use std::net::TcpListener;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The body of one command.
pub const BODY_BYTES_MAX: usize = 256 * 1024;
/// The body of many commands.
pub const BULK_BODY_BYTES_MAX: usize = 8 * 1024 * 1024;
const HEADERS_TIMEOUT_S: u64 = 5;
const SHUTDOWN_TIMEOUT_S: u64 = 10;
const WORKERS: usize = 2;

type Limiter = RateLimiter<NotKeyed, InMemoryState, DefaultClock, StateInformationMiddleware>;

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

impl FromRequest for Caller {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let settings = request.app_data::<web::Data<Settings>>();
        let sent = request.headers().get(AUTHORIZATION).and_then(|it| it.to_str().ok());
        let key = sent.and_then(|it| it.strip_prefix("Bearer ")).map(str::trim);
        let known = settings.zip(key).and_then(|(settings, key)| Some((settings, settings.keys.actor(key)?)));
        ready(match known {
            Some((settings, actor)) => Ok(Self {
                merchant: settings.merchant.clone(),
                actor: actor.clone(),
                is_test: !settings.keys.are_live(),
            }),
            None => Err(Problem::unauthorised()),
        })
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

/// Serves on a socket until it is told to stop. The caller runs the returned future.
///
/// # Errors
/// The socket cannot be used.
pub fn serve(engine: web::Data<Engine>, settings: Settings, listener: TcpListener) -> std::io::Result<Server> {
    let quota = Quota::per_second(settings.requests_per_second);
    let limiter = web::Data::new(Limiter::new(quota, InMemoryState::default(), DefaultClock::default()));
    let document = Arc::new(openapi::document());
    let server = HttpServer::new(move || {
        App::new()
            .app_data(engine.clone())
            .app_data(web::Data::new(settings.clone()))
            .app_data(limiter.clone())
            .app_data(web::PayloadConfig::new(BULK_BODY_BYTES_MAX))
            .wrap(from_fn(observe))
            .wrap(
                DefaultHeaders::new()
                    .add(("X-Content-Type-Options", "nosniff"))
                    .add(("Referrer-Policy", "no-referrer"))
                    .add(("Cross-Origin-Resource-Policy", "same-origin"))
                    .add(("Content-Security-Policy", "frame-ancestors 'none'")),
            )
            .wrap(Compress::default())
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
            .wrap(from_fn(limit))
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

/// Counts, times and logs every request.
async fn observe(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let started = Instant::now();
    let method = request.method().clone();
    let route = request.match_pattern().unwrap_or_else(|| "unknown".to_owned());
    let response = next.call(request).await?;
    let status = response.status().as_u16();
    let elapsed = started.elapsed();
    metrics::counter!("mizan_requests_total", "method" => method.to_string(), "route" => route.clone(), "status" => status.to_string())
        .increment(1);
    metrics::histogram!("mizan_request_seconds", "route" => route.clone()).record(elapsed);
    let elapsed_us = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
    tracing::debug!(%method, route, status, elapsed_us, "answered a request");
    Ok(response)
}

/// Answers 429 beyond the limit, and says what is left (draft-ietf-httpapi-ratelimit-headers).
async fn limit(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let decision = request.app_data::<web::Data<Limiter>>().map(|limiter| limiter.check());
    let (left, quota) = match decision {
        Some(Ok(snapshot)) => (snapshot.remaining_burst_capacity(), snapshot.quota().burst_size().get()),
        Some(Err(_)) => {
            let response = Problem::too_many_requests().error_response();
            return Ok(request.into_response(response).map_into_right_body());
        }
        None => return Ok(next.call(request).await?.map_into_left_body()),
    };
    let mut response = next.call(request).await?;
    let headers = response.headers_mut();
    for (name, value) in [
        (HeaderName::from_static("ratelimit-policy"), format!("\"key\";q={quota};w=1")),
        (HeaderName::from_static("ratelimit"), format!("\"key\";r={left};t=1")),
    ] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
    Ok(response.map_into_left_body())
}

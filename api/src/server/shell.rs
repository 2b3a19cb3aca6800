//! What every request goes through, whatever it asks: the limit, the answers that are in memory, the headers that all
//! answers have, and the figures. One layer, because each costs as much as what a small request does.

use super::Settings;
use super::figures::Figures;
use crate::engine::Engine;
use crate::problem::Problem;
use crate::queries;
use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{
    CONTENT_SECURITY_POLICY, CROSS_ORIGIN_RESOURCE_POLICY, HeaderMap, HeaderName, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use actix_web::middleware::Next;
use actix_web::{HttpResponse, ResponseError, web};
use governor::clock::DefaultClock;
use governor::middleware::StateInformationMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use std::borrow::Cow;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Instant;

type Limiter = RateLimiter<NotKeyed, InMemoryState, DefaultClock, StateInformationMiddleware>;

const LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");
/// Nobody may guess types, learn addresses, embed answers or frame pages.
const ALWAYS: [(HeaderName, HeaderValue); 4] = [
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (CROSS_ORIGIN_RESOURCE_POLICY, HeaderValue::from_static("same-origin")),
    (CONTENT_SECURITY_POLICY, HeaderValue::from_static("frame-ancestors 'none'")),
];

/// The limit on all keys together, of all workers (draft-ietf-httpapi-ratelimit-headers).
#[derive(Clone)]
pub(super) struct Limit {
    limiter: Arc<Limiter>,
    policy: HeaderValue,
}

impl Limit {
    pub(super) fn per_second(requests: NonZeroU32) -> Self {
        let limiter = Limiter::new(Quota::per_second(requests), InMemoryState::default(), DefaultClock::default());
        let policy = HeaderValue::from_str(&format!("\"key\";q={requests};w=1"));
        Self { limiter: Arc::new(limiter), policy: policy.unwrap_or_else(|_| HeaderValue::from_static("\"key\"")) }
    }

    /// Takes one; how many are left, or none where there was none.
    fn take(&self) -> Option<u32> {
        self.limiter.check().ok().map(|snapshot| snapshot.remaining_burst_capacity())
    }

    fn say(&self, headers: &mut HeaderMap, left: u32) {
        headers.insert(LIMIT_POLICY, self.policy.clone());
        if let Ok(value) = HeaderValue::try_from(format!("\"key\";r={left};t=1")) {
            headers.insert(LIMIT, value);
        }
    }
}

/// One worker's layer.
pub(super) struct Shell {
    engine: web::Data<Engine>,
    settings: Settings,
    limit: Limit,
    figures: Figures,
}

impl Shell {
    pub(super) fn new(engine: web::Data<Engine>, settings: Settings, limit: Limit) -> Self {
        Self { engine, settings, limit, figures: Figures::default() }
    }

    /// Answers a request, from memory or by whoever is next.
    ///
    /// # Errors
    /// Whatever broke before there was an answer.
    pub(super) async fn answer(
        &self,
        request: ServiceRequest,
        next: Next<BoxBody>,
    ) -> Result<ServiceResponse, actix_web::Error> {
        let started = Instant::now();
        let is_limited = is_of_api(request.match_info().as_str());
        let left = if is_limited { self.limit.take() } else { None };
        let (route, mut response) = if is_limited && left.is_none() {
            let route = request.match_pattern().map(Cow::Owned);
            (route, request.into_response(Problem::too_many_requests().error_response()))
        } else if let Some((route, remembered)) = self.remembered(&request) {
            (Some(Cow::Borrowed(route)), request.into_response(remembered))
        } else {
            let is_command = is_of_command(request.match_info().as_str());
            let response = next.call(request).await?;
            let route = if is_command {
                Some(Cow::Borrowed(COMMAND))
            } else {
                response.request().match_pattern().map(Cow::Owned)
            };
            (route, response)
        };
        let headers = response.headers_mut();
        for (name, value) in ALWAYS {
            if !headers.contains_key(&name) {
                headers.insert(name, value);
            }
        }
        if let Some(left) = left {
            self.limit.say(headers, left);
        }
        let route = route.as_deref().unwrap_or("unknown");
        let (method, status, elapsed) = (response.request().method(), response.status().as_u16(), started.elapsed());
        self.figures.answered(route, method, status, elapsed);
        let elapsed_us = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
        tracing::debug!(%method, route, status, elapsed_us, "answered a request");
        Ok(response)
    }

    /// The answer to a question for one thing by somebody with a key, where it is in memory, and its route. All other
    /// questions, and every no, are for the handlers.
    fn remembered(&self, request: &ServiceRequest) -> Option<(&'static str, HttpResponse)> {
        if *request.method() != Method::GET || !request.query_string().is_empty() {
            return None;
        }
        let (asked, id) = queries::asked_by_key(request.match_info().as_str())?;
        let caller = self.settings.caller(request.headers())?;
        let written = self.engine.reads.remembered(asked.thing, &caller.merchant, id)?;
        Some((asked.route, queries::told(&written, mizan_projections::Source::Memory)))
    }
}

/// The route of one command, which is known by its look: the router would look for the pattern that it has just found.
const COMMAND: &str = "/v1/commands/{command}";

fn is_of_command(path: &str) -> bool {
    path.strip_prefix("/v1/commands/").is_some_and(|name| !name.is_empty() && !name.contains('/'))
}

/// Whether an address is below `/v1`.
fn is_of_api(path: &str) -> bool {
    path.strip_prefix("/v1").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_command_has_a_name_and_nothing_behind_it() {
        assert!(is_of_command("/v1/commands/place-order"));
        for path in ["/v1/commands", "/v1/commands/", "/v1/commands/place-order/x", "/v1/queries/orders/o-1"] {
            assert!(!is_of_command(path), "{path}");
        }
    }

    #[test]
    fn what_is_below_v1_is_limited_and_nothing_else() {
        for path in ["/v1", "/v1/", "/v1/commands", "/v1/queries/orders/o-1", "/v1/nowhere"] {
            assert!(is_of_api(path), "{path}");
        }
        for path in ["/", "/healthz", "/v11", "/v1x/commands", "/docs/v1/"] {
            assert!(!is_of_api(path), "{path}");
        }
    }
}

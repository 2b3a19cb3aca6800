//! How a no is said: RFC 9457 problem documents. The only place that knows HTTP statuses.

use crate::commands::Fault;
use crate::write::NotDone;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use mizan_domain::onchain::secret;
use mizan_domain::{Refused, card_number};
use serde::Serialize;
use std::fmt;
use utoipa::ToSchema;

/// How long a client should wait before it tries again, in seconds.
const RETRY_AFTER_S: u32 = 1;

/// Why a request was not done (RFC 9457), with a stable code for machines and sentences for people.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Problem {
    /// A name for the kind of problem: `urn:mizan:problem:` and the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// The HTTP status in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// A stable code; never renamed.
    #[schema(example = "exceeds_refundable")]
    pub code: String,
    /// What was wrong, where, and what to do.
    pub detail: String,
    /// Whether the same request may succeed later.
    pub retryable: bool,
    /// The fields at fault.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

/// A field at fault.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct FieldError {
    /// A JSON pointer into the body, or the name of a query parameter after `?`.
    #[schema(example = "/lines/0/unit_price")]
    pub pointer: String,
    /// What is wrong with it.
    pub detail: String,
}

impl Problem {
    fn new(status: StatusCode, code: &str, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:mizan:problem:{code}"),
            title: status.canonical_reason().unwrap_or("Problem").to_owned(),
            status: status.as_u16(),
            code: code.to_owned(),
            detail: without_secrets(detail.into()),
            retryable: status == StatusCode::SERVICE_UNAVAILABLE || status == StatusCode::TOO_MANY_REQUESTS,
            errors: Vec::new(),
        }
    }

    fn at(mut self, pointer: Option<String>) -> Self {
        let detail = self.detail.clone();
        let pointer = pointer
            .map(|it| if card_number::found_in(&it) || secret::refuse(&it).is_err() { String::new() } else { it });
        self.errors.extend(pointer.map(|pointer| FieldError { pointer, detail }));
        self
    }

    /// No key, or not ours.
    #[must_use]
    pub fn unauthorised() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "unauthorised",
            "send the API key as 'Authorization: Bearer mzn_...'; `mizan key` prints it on the machine of the service",
        )
    }

    /// A header that cannot be used.
    #[must_use]
    pub fn bad_header(name: &str, detail: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_header", format!("{name}: {detail}"))
    }

    /// No such command.
    #[must_use]
    pub fn unknown_command(name: &str, known: &[&str]) -> Self {
        // Looked at before it is cut: the rest of a secret is one too.
        let name: String = without_secrets(name.to_owned()).chars().take(64).collect();
        Self::new(
            StatusCode::NOT_FOUND,
            "unknown_command",
            format!("there is no command {name:?}; the commands are {}", known.join(", ")),
        )
    }

    /// A clock of one's own, with a key for real money.
    #[must_use]
    pub fn live_mode() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "live_mode",
            "only a merchant in test mode has a clock of its own; use a key that begins with mzn_test_",
        )
    }

    /// Nothing there, or another merchant's.
    #[must_use]
    pub fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("there is no such {what}"))
    }

    /// The address exists for another verb.
    #[must_use]
    pub fn method_not_allowed() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            "commands are POSTed, everything else is read with GET",
        )
    }

    /// A body that is not JSON by its own header.
    #[must_use]
    pub fn unsupported_media_type(expected: &str) -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            format!("send 'Content-Type: {expected}'"),
        )
    }

    /// A body beyond the limit.
    #[must_use]
    pub fn too_large(limit_bytes: usize) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body_too_large",
            format!("the body exceeds {limit_bytes} bytes; send less, or several requests"),
        )
    }

    /// A body that broke off.
    #[must_use]
    pub fn broken_body() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "broken_body", "the body broke off or could not be decoded; send it again")
    }

    /// A query parameter that cannot be used.
    #[must_use]
    pub fn bad_parameter(code: &str, parameter: &str, detail: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail).at(Some(format!("?{parameter}")))
    }

    /// The read models have not come so far yet.
    #[must_use]
    pub fn lagging(wanted: i64, reached: i64) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "projection_lag",
            format!("the command is recorded, its view is late: read models stand at {reached}, asked was {wanted}"),
        )
    }

    /// The seal has not come so far yet; it is a few seconds behind.
    #[must_use]
    pub fn not_sealed(wanted: i64, sealed: Option<i64>) -> Self {
        let sealed = sealed.map_or("there is no checkpoint yet".to_owned(), |it| format!("checkpoints reach {it}"));
        let detail = format!("position {wanted} is not sealed yet, {sealed}; ask again in a moment");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "not_sealed", detail)
    }

    /// The database does not answer.
    #[must_use]
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail)
    }

    /// More requests than allowed.
    #[must_use]
    pub fn too_many_requests() -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too_many_requests",
            "slow down: the RateLimit headers say how much is left",
        )
    }
}

/// A card number or a private key is never repeated, whatever it was sent as: the name of a field, a currency, an amount.
fn without_secrets(detail: String) -> String {
    if card_number::found_in(&detail) {
        return "there is a card number in it, which must never be sent here; it is not repeated".to_owned();
    }
    if secret::refuse(&detail).is_err() {
        return "there is a private key in it, which must never be sent here; it is not repeated".to_owned();
    }
    detail
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        let is_syntax = matches!(fault.code, "malformed_json" | "too_deep" | "not_utf8");
        let status = if is_syntax { StatusCode::BAD_REQUEST } else { StatusCode::UNPROCESSABLE_ENTITY };
        Self::new(status, fault.code, fault.message).at(fault.pointer)
    }
}

impl From<NotDone> for Problem {
    fn from(not_done: NotDone) -> Self {
        let detail = not_done.to_string();
        match not_done {
            NotDone::Refused(refusal) => {
                let code = refusal.code();
                let status = match code {
                    "order_not_placed" | "payment_not_known" | "plan_not_known" | "wallet_not_known"
                    | "invoice_not_known" | "payout_not_known" => StatusCode::NOT_FOUND,
                    "exists_with_different_content" => StatusCode::CONFLICT,
                    _other => StatusCode::UNPROCESSABLE_ENTITY,
                };
                Self::new(status, code, detail).at(refusal.pointer())
            }
            NotDone::Misread(fault) => fault.into(),
            NotDone::NoRate(_) => {
                Self { retryable: true, ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "no_rate", detail) }
            }
            NotDone::Stale { .. } => Self::new(StatusCode::PRECONDITION_FAILED, "stale_revision", detail),
            NotDone::KeyReused => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused", detail),
            NotDone::TooLarge { .. } => Self::new(StatusCode::PAYLOAD_TOO_LARGE, "events_too_large", detail),
            NotDone::Busy => Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail),
            NotDone::Unavailable(_) => Self::unavailable("the event log does not answer; send the same command again"),
            NotDone::Contended => Self { retryable: true, ..Self::new(StatusCode::CONFLICT, "contended", detail) },
            NotDone::Unreadable(_) => Self::new(StatusCode::INTERNAL_SERVER_ERROR, "history_unreadable", detail),
        }
    }
}

impl From<mizan_projections::QueryError> for Problem {
    fn from(error: mizan_projections::QueryError) -> Self {
        match error {
            mizan_projections::QueryError::Search(it) => Self::bad_parameter(it.code, &it.parameter, &it.message),
            mizan_projections::QueryError::Ahead { asked, position } => {
                Self::lagging(asked.number(), position.number())
            }
            mizan_projections::QueryError::Database(error) => {
                tracing::error!(%error, "a query failed");
                Self::unavailable("the read models do not answer; ask again in a moment")
            }
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.status, self.code, self.detail)
    }
}

impl std::error::Error for Problem {}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        response.insert_header((CONTENT_TYPE, "application/problem+json"));
        if self.retryable {
            response.insert_header((RETRY_AFTER, RETRY_AFTER_S.to_string()));
        }
        if self.status_code() == StatusCode::UNAUTHORIZED {
            response.insert_header((WWW_AUTHENTICATE, "Bearer realm=\"mizan\""));
        }
        match serde_json::to_vec(self) {
            Ok(body) => response.body(body),
            Err(_) => response.finish(),
        }
    }
}

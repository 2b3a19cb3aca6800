//! How many requests there were and how long they took, by route and status. A worker keeps the handles that it has asked
//! for, so that a request looks up none by their labels.

use actix_web::http::Method;
use metrics::{Counter, Histogram};
use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

/// One worker's handles. They grow with the routes, the methods and the statuses that there are, not with requests.
#[derive(Default)]
pub(super) struct Figures {
    routes: RefCell<HashMap<String, Route>>,
}

struct Route {
    seconds: Histogram,
    answered: Vec<(&'static str, u16, Counter)>,
}

impl Figures {
    /// Counts and times a request.
    pub(super) fn answered(&self, route: &str, method: &Method, status: u16, took: Duration) {
        let mut routes = self.routes.borrow_mut();
        let known = match routes.get_mut(route) {
            Some(known) => known,
            None => routes.entry(route.to_owned()).or_insert_with(|| Route::new(route)),
        };
        known.seconds.record(took);
        known.count(route, name(method), status);
    }
}

impl Route {
    fn new(route: &str) -> Self {
        let seconds = metrics::histogram!("mizan_request_seconds", "route" => route.to_owned());
        Self { seconds, answered: Vec::new() }
    }

    fn count(&mut self, route: &str, method: &'static str, status: u16) {
        if let Some((.., known)) = self.answered.iter().find(|(its, of, _)| (*its, *of) == (method, status)) {
            return known.increment(1);
        }
        let labels = [("method", method.to_owned()), ("route", route.to_owned()), ("status", status.to_string())];
        let new = metrics::counter!("mizan_requests_total", &labels);
        new.increment(1);
        self.answered.push((method, status, new));
    }
}

/// A method that nobody has heard of has no name of its own: anybody can send as many of them as they like.
fn name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}

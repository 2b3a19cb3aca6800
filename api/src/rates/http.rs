//! Rates from a service: one GET, and a pointer to the number in its answer.

use super::{NoRate, Quoted, pointer};
use crate::outbound::{Outbound, Reach};
use chrono::{DateTime, Utc};
use reqwest::Url;
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(10);
const ANSWER_BYTES_MAX: usize = 64 * 1024;
pub(super) const POINTER_MISSING: &str = "write a JSON pointer to the rate after the address, for example /data/amount";

/// A service that answers with JSON.
#[derive(Debug)]
pub struct HttpSource {
    http: Outbound,
    /// With `{asset}` and `{money}` where their names go.
    template: String,
    pointer: String,
    host: String,
}

impl HttpSource {
    /// A service by the template of its address, such as `https://rates.example/v2/prices/{asset}-{money}/spot`, and the
    /// JSON pointer to the rate in its answer, such as `/data/amount`. With `Reach::Public`, only public addresses over
    /// TLS are asked, wherever a name leads; redirects are not followed.
    ///
    /// # Errors
    /// [`NoRate::BadSettings`], or [`NoRate::NoAnswer`] for an address that may not be asked.
    pub fn new(template: &str, pointer: &str, reach: Reach) -> Result<Self, NoRate> {
        let http = Outbound::new(reach, TIMEOUT, ANSWER_BYTES_MAX)?;
        let url = filled(template, "AAA", "BBB")?;
        // Who is asked must not depend on what is asked for.
        let other = filled(template, "CCC", "DDD")?;
        if (url.host(), url.port(), url.username()) != (other.host(), other.port(), other.username()) {
            return Err(NoRate::BadSettings("{asset} and {money} belong in the path or the query of the address"));
        }
        if !pointer.starts_with('/') {
            return Err(NoRate::BadSettings(POINTER_MISSING));
        }
        let host = url.host_str().unwrap_or_default().to_owned();
        drop(http.get(url)?);
        Ok(Self { http, template: template.to_owned(), pointer: pointer.to_owned(), host })
    }

    /// The names have been checked: letters and digits.
    pub(super) async fn quote(&self, asset: &str, money: &str, now: DateTime<Utc>) -> Result<Quoted, NoRate> {
        let answer = self.http.send(self.http.get(filled(&self.template, asset, money)?)?).await?;
        if !answer.status.is_success() {
            return Err(NoRate::Status(answer.status.as_u16()));
        }
        let rate = pointer::number_at(&answer.body, &self.pointer).ok_or(NoRate::NotARate)?;
        Ok(Quoted { rate, source: self.host.clone(), at: now })
    }
}

fn filled(template: &str, asset: &str, money: &str) -> Result<Url, NoRate> {
    let text = template.replace("{asset}", asset).replace("{money}", money);
    Url::parse(&text).map_err(|_| NoRate::BadSettings("the address of the service of rates is not one"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rates::Rates;
    use actix_web::{App, HttpResponse, HttpServer, web};

    #[test]
    fn only_public_services_are_asked() {
        let refused = [
            "http://rates.example/{asset}",
            "https://rates.example:8443/{asset}",
            "https://127.0.0.1/{asset}",
            "https://[::1]/{asset}",
            "https://169.254.169.254/latest/{asset}",
            "https://{asset}.rates.example/",
            "https://{asset}@rates.example/",
            "file:///etc/passwd",
            "rates.example",
        ];
        for template in refused {
            assert!(HttpSource::new(template, "/rate", Reach::Public).is_err(), "{template}");
        }
        assert!(HttpSource::new("https://rates.example/{asset}-{money}", "/rate", Reach::Public).is_ok());
        assert!(HttpSource::new("https://rates.example/{asset}-{money}", "rate", Reach::Public).is_err());
    }

    #[actix_web::test]
    async fn a_service_is_asked_once_and_believed_to_the_digit() {
        let server = HttpServer::new(|| {
            App::new()
                .route("/BTC-USD", web::get().to(|| async { HttpResponse::Ok().body(r#"{"rate":50500.123456789}"#) }))
                .route("/BTC-EUR", web::get().to(|| async { HttpResponse::Ok().body(r#"{"rate":null}"#) }))
                .route(
                    "/BTC-GBP",
                    web::get().to(|| async { HttpResponse::Ok().body(vec![b' '; ANSWER_BYTES_MAX + 1]) }),
                )
                .route(
                    "/BTC-CHF",
                    web::get().to(|| async { HttpResponse::Found().insert_header(("location", "/BTC-USD")).finish() }),
                )
        })
        .workers(1)
        .bind(("127.0.0.1", 0))
        .unwrap();
        let address = server.addrs()[0];
        let server = server.run();
        let handle = server.handle();
        actix_web::rt::spawn(server);
        let source =
            HttpSource::new(&format!("http://{address}/{{asset}}-{{money}}"), "/rate", Reach::PublicAndLoopback);
        let (rates, now) = (Rates::Http(source.unwrap()), Utc::now());
        let quoted = rates.quote("BTC", "USD", now).await.unwrap();
        assert_eq!((quoted.rate.to_string().as_str(), quoted.source.as_str()), ("50500.123456789", "127.0.0.1"));
        assert_eq!(rates.quote("BTC", "EUR", now).await, Err(NoRate::NotARate));
        assert!(matches!(rates.quote("BTC", "GBP", now).await, Err(NoRate::NoAnswer(_))));
        assert_eq!(rates.quote("BTC", "CHF", now).await, Err(NoRate::Status(302)), "redirects are not followed");
        assert_eq!(rates.quote("BTC", "JPY", now).await, Err(NoRate::Status(404)));
        handle.stop(false).await;
    }

    #[tokio::test]
    async fn a_service_that_is_not_there_gives_no_rate() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let source = HttpSource::new(&format!("http://{free}/{{asset}}"), "/rate", Reach::PublicAndLoopback).unwrap();
        let answer = Rates::Http(source).quote("BTC", "USD", Utc::now()).await;
        assert!(matches!(answer, Err(NoRate::NoAnswer(_))), "{answer:?}");
    }
}

//! The way out: requests that Mizan makes to others, each with a limit on its time and on its answer.
//!
//! Where a request may go depends on who has named its address. A node's is the operator's own and mostly on the same
//! machine. Everything else must be public: a name that leads to a private address is refused when it is resolved, at
//! the moment of the connection, so that it cannot change in between. Redirects and proxies are never followed.

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, StatusCode, Url};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const IDLE_MAX: Duration = Duration::from_secs(30);

/// Where requests may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Anywhere, also without TLS: the operator has named the address and it is theirs.
    Operators,
    /// Public addresses over TLS, on port 443.
    Public,
    /// As `Public`, and this machine itself on any port and without TLS: for tests.
    PublicAndLoopback,
}

/// A client with limits.
#[derive(Debug, Clone)]
pub struct Outbound {
    client: Client,
    reach: Reach,
    answer_bytes_max: usize,
}

/// An answer, whatever its status.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its body, not larger than allowed.
    pub body: Vec<u8>,
}

/// Why there is no answer. Never says more of an address than its host: paths and user names hold keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// Not an address that requests may be sent to.
    #[error("requests are not sent there: {0}")]
    NotAllowed(&'static str),
    /// No connection, no name, or it took too long.
    #[error("{0}")]
    Unreachable(String),
    /// More than was asked for.
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
}

impl Outbound {
    /// A client for requests with this reach, each answered within `timeout` and with at most `answer_bytes_max`.
    ///
    /// # Errors
    /// The machine has no certificates to trust.
    pub fn new(reach: Reach, timeout: Duration, answer_bytes_max: usize) -> Result<Self, NoAnswer> {
        let failed = |error: &dyn std::fmt::Display| NoAnswer::Unreachable(format!("TLS cannot be used: {error}"));
        let mut roots = rustls::RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| failed(&error))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let builder = Client::builder()
            .tls_backend_preconfigured(tls)
            .no_proxy()
            .redirect(Policy::none())
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(timeout)
            .pool_idle_timeout(IDLE_MAX);
        let builder = match reach {
            Reach::Operators => builder,
            Reach::Public | Reach::PublicAndLoopback => builder.dns_resolver(Arc::new(PublicNames)),
        };
        let client = builder.build().map_err(|error| failed(&error.without_url()))?;
        Ok(Self { client, reach, answer_bytes_max })
    }

    /// A request that gets an address.
    ///
    /// # Errors
    /// [`NoAnswer::NotAllowed`].
    pub fn get(&self, url: Url) -> Result<RequestBuilder, NoAnswer> {
        self.may_reach(&url)?;
        Ok(self.client.get(url))
    }

    /// A request that posts to an address.
    ///
    /// # Errors
    /// [`NoAnswer::NotAllowed`].
    pub fn post(&self, url: Url) -> Result<RequestBuilder, NoAnswer> {
        self.may_reach(&url)?;
        Ok(self.client.post(url))
    }

    /// Sends a request and reads its answer.
    ///
    /// # Errors
    /// [`NoAnswer`]; the address is not in it.
    pub async fn send(&self, request: RequestBuilder) -> Result<Answer, NoAnswer> {
        let unreachable = |error: reqwest::Error| NoAnswer::Unreachable(innermost(&error.without_url()));
        let mut response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            if body.len().saturating_add(chunk.len()) > self.answer_bytes_max {
                return Err(NoAnswer::TooLarge(self.answer_bytes_max));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, body })
    }

    fn may_reach(&self, url: &Url) -> Result<(), NoAnswer> {
        // An address in digits is never resolved, so it is looked at here.
        let literal = match url.host() {
            None => return Err(NoAnswer::NotAllowed("the address has no host")),
            Some(url::Host::Domain(_)) => None,
            Some(url::Host::Ipv4(it)) => Some(IpAddr::V4(it)),
            Some(url::Host::Ipv6(it)) => Some(IpAddr::V6(it)),
        };
        let is_web = matches!(url.scheme(), "http" | "https");
        let is_secure = url.scheme() == "https" && url.port_or_known_default() == Some(443);
        match (self.reach, literal) {
            (_, _) if !is_web => Err(NoAnswer::NotAllowed("only http and https are spoken")),
            (Reach::Operators, _) => Ok(()),
            (Reach::PublicAndLoopback, Some(ip)) if ip.is_loopback() => Ok(()),
            (Reach::Public | Reach::PublicAndLoopback, _) if !is_secure => {
                Err(NoAnswer::NotAllowed("only https on port 443 is"))
            }
            (Reach::Public | Reach::PublicAndLoopback, Some(ip)) if !is_public(ip) => {
                Err(NoAnswer::NotAllowed("the address is not a public one"))
            }
            (Reach::Public | Reach::PublicAndLoopback, Some(_) | None) => Ok(()),
        }
    }
}

/// The reason at the bottom: what stands above it says only that a request was sent.
fn innermost(error: &reqwest::Error) -> String {
    let mut reason: &dyn std::error::Error = error;
    while let Some(source) = reason.source() {
        reason = source;
    }
    if error.is_timeout() { "no answer in time".to_owned() } else { reason.to_string() }
}

/// Resolves names to their public addresses only.
struct PublicNames;

impl Resolve for PublicNames {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<SocketAddr> = found.filter(|it| is_public(it.ip())).collect();
            if public.is_empty() {
                return Err(io::Error::other("the name has no public address").into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

/// Whether an address is somebody's on the Internet: not this machine, its networks, or a way around to them.
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(it) => is_public_v4(it),
        IpAddr::V6(it) => is_public_v6(it),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let is_reserved = match ip.octets() {
        [0 | 240..=255, ..] => true,
        [100, 64..=127, ..] => true, // carrier-grade NAT
        [192, 0, 0, _] => true,      // IETF
        [192, 88, 99, _] => true,    // 6to4 relays
        [198, 18 | 19, ..] => true,  // benchmarks
        _ => false,
    };
    !(is_reserved
        || ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_documentation()
        || ip.is_multicast())
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    // Global unicast is 2000::/3; within it some stretches lead elsewhere.
    let is_global = matches!(ip.segments(), [0x2000..=0x3fff, ..]);
    let is_elsewhere = match ip.segments() {
        [0x2001, 0..=0x1ff, ..] => true,  // Teredo, ORCHID and other protocols
        [0x2001, 0xdb8, ..] => true,      // documentation
        [0x2002, ..] => true,             // 6to4, which wraps any IPv4 address
        [0x3fff, 0..=0x0fff, ..] => true, // documentation
        _ => false,
    };
    is_global && !is_elsewhere
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_are_not_public() {
        for ip in [
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "127.8.8.8",
            "169.254.169.254",
            "172.16.0.1",
            "192.168.1.1",
            "192.0.0.1",
            "192.0.2.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "::7f00:1",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_public(ip.parse().unwrap()), "{ip}");
        }
        for ip in ["1.1.1.1", "8.8.8.8", "100.63.255.255", "172.32.0.1", "192.0.1.1", "2606:4700::1111", "2a00:1450::1"]
        {
            assert!(is_public(ip.parse().unwrap()), "{ip}");
        }
    }

    #[test]
    fn requests_go_where_they_may() {
        let allowed = |reach, url: &str| {
            let outbound = Outbound::new(reach, Duration::from_secs(1), 1).unwrap();
            outbound.get(Url::parse(url).unwrap()).is_ok()
        };
        let cases = [
            ("https://example.com/", [true, true, true]),
            ("https://example.com:443/", [true, true, true]),
            ("https://example.com:8443/", [true, false, false]),
            ("http://example.com/", [true, false, false]),
            ("ftp://example.com/", [false, false, false]),
            ("https://8.8.8.8/", [true, true, true]),
            ("https://10.0.0.1/", [true, false, false]),
            ("https://169.254.169.254/latest/meta-data/", [true, false, false]),
            ("https://127.0.0.1/", [true, false, true]),
            ("http://127.0.0.1:8545/", [true, false, true]),
            ("http://[::1]:8545/", [true, false, true]),
            ("https://0x7f.1/", [true, false, true]), // is 127.0.0.1
            ("https://2130706433/", [true, false, true]),
            ("https://[::ffff:169.254.169.254]/", [true, false, false]),
            ("http://localhost:8545/", [true, false, false]),
        ];
        for (url, expected) in cases {
            let found = [Reach::Operators, Reach::Public, Reach::PublicAndLoopback].map(|reach| allowed(reach, url));
            assert_eq!(found, expected, "{url}");
        }
    }

    /// `localhost` is in everybody's hosts file.
    #[tokio::test]
    async fn a_name_that_leads_home_is_refused_when_it_is_resolved() {
        let outbound = Outbound::new(Reach::Public, Duration::from_secs(5), 1).unwrap();
        let request = outbound.get(Url::parse("https://localhost/key").unwrap()).unwrap();
        let refused = outbound.send(request).await.unwrap_err();
        assert_eq!(refused, NoAnswer::Unreachable("the name has no public address".to_owned()));
    }
}

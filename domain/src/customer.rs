//! Customers: who somebody is, kept so that it can be forgotten.
//!
//! Everything else knows a customer by an opaque id. What says who that is stands here alone, and sealed: the history
//! holds ciphertext, under a key of that one customer. Erasing destroys the key, and every copy of the history, with
//! its proofs, stays as it was. This module seals and opens nothing: it never sees a name.

use crate::decider::{Decider, Refused};
use crate::id::CustomerId;
use crate::invalid::Invalid;
use crate::order::Timestamp;
use crate::text::Text;
use serde::{Deserialize, Deserializer, Serialize, de};
use std::fmt;

/// What a sealed value begins with: the version of its form.
const FORM: &str = "s1:";
/// The longest sealed value, in bytes.
const LENGTH_MAX: usize = 4_096;

/// A personal value as it is kept: ciphertext. The same value of the same customer is the same text again, so that a
/// command that is sent twice is one fact.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Sealed(String);

impl Sealed {
    /// Writes ciphertext, which is base64url without padding.
    ///
    /// # Errors
    /// [`Invalid::NotSealed`] for anything else.
    pub fn of_base64(ciphertext: &str) -> Result<Self, Invalid> {
        Self::parse(&format!("{FORM}{ciphertext}"))
    }

    /// Reads a sealed value.
    ///
    /// # Errors
    /// [`Invalid::NotSealed`], which never repeats what it was.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let is_base64 = |it: &str| it.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        match text.strip_prefix(FORM) {
            Some(rest) if !rest.is_empty() && is_base64(rest) && text.len() <= LENGTH_MAX => Ok(Self(text.to_owned())),
            Some(_) | None => Err(Invalid::NotSealed),
        }
    }

    /// The ciphertext, base64url without padding.
    #[must_use]
    pub fn base64(&self) -> &str {
        self.0.strip_prefix(FORM).unwrap_or_default()
    }

    /// The text as it is kept.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealed(..)")
    }
}

impl<'de> Deserialize<'de> for Sealed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = crate::wire::lent(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

/// What is known of a customer, sealed value by value; none of it is needed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Details<T> {
    /// How they are called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<T>,
    /// Where to write to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<T>,
    /// Where to call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<T>,
    /// Where they live, or where things are sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<T>,
    /// A number of theirs with an authority, for invoices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tax_id: Option<T>,
    /// Anything else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<T>,
}

impl<T> Default for Details<T> {
    fn default() -> Self {
        Self { name: None, email: None, phone: None, address: None, tax_id: None, note: None }
    }
}

impl<T> Details<T> {
    /// Every value with its name, changed by a function that may fail.
    ///
    /// # Errors
    /// The function's.
    pub fn try_map<U, E>(self, mut each: impl FnMut(&'static str, T) -> Result<Option<U>, E>) -> Result<Details<U>, E> {
        let mut one = |name, value: Option<T>| value.map_or(Ok(None), |it| each(name, it));
        Ok(Details {
            name: one("name", self.name)?,
            email: one("email", self.email)?,
            phone: one("phone", self.phone)?,
            address: one("address", self.address)?,
            tax_id: one("tax_id", self.tax_id)?,
            note: one("note", self.note)?,
        })
    }
}

/// A customer, as far as decisions need it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Customer {
    details: Option<Details<Sealed>>,
    is_erased: bool,
}

/// Everything that can be asked of a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// This is who it is, as a whole; what is left out is no longer known.
    Record(Record),
    /// Everything personal is to be forgotten.
    Erase(Erase),
}

impl Command {
    /// Whom it is about.
    #[must_use]
    pub fn customer_id(&self) -> &CustomerId {
        match self {
            Self::Record(it) => &it.customer_id,
            Self::Erase(it) => &it.customer_id,
        }
    }
}

/// Records who a customer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Whom.
    pub customer_id: CustomerId,
    /// What is known.
    pub details: Details<Sealed>,
    /// When it was said.
    pub at: Timestamp,
}

/// Forgets who a customer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erase {
    /// Whom.
    pub customer_id: CustomerId,
    /// On what ground, a ticket number for example; never a name.
    pub reason: Option<Text>,
    /// When it was said.
    pub at: Timestamp,
}

/// Everything that can have happened to a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// `customer-recorded`
    Recorded(Recorded),
    /// `customer-erased`
    Erased(Erased),
}

impl Event {
    /// When it was said.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Recorded(it) => it.at,
            Self::Erased(it) => it.at,
        }
    }
}

/// What is known of a customer from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// Whom.
    pub customer_id: CustomerId,
    /// What is known.
    pub details: Details<Sealed>,
    /// When it was said.
    pub at: Timestamp,
}

/// Nobody can read any more who the customer was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erased {
    /// Whom.
    pub customer_id: CustomerId,
    /// On what ground.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Text>,
    /// When it was said.
    pub at: Timestamp,
}

/// Why a customer's details are not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// They asked to be forgotten.
    #[error("this customer was erased, and nothing personal is taken for the id again; a new customer has a new id")]
    Erased,
}

impl Refused for Refusal {
    fn code(&self) -> &'static str {
        match self {
            Self::Erased => "customer_erased",
        }
    }

    fn pointer(&self) -> Option<String> {
        match self {
            Self::Erased => Some("/customer_id".to_owned()),
        }
    }
}

impl Decider for Customer {
    const CATEGORY: &'static str = "customer";
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn decide(&self, command: &Command) -> Result<Vec<Event>, Refusal> {
        match command {
            Command::Record(_) if self.is_erased => Err(Refusal::Erased),
            Command::Record(it) if self.details.as_ref() == Some(&it.details) => Ok(Vec::new()),
            Command::Record(Record { customer_id, details, at }) => {
                let (customer_id, details) = (customer_id.clone(), details.clone());
                Ok(vec![Event::Recorded(Recorded { customer_id, details, at: *at })])
            }
            Command::Erase(_) if self.is_erased => Ok(Vec::new()),
            Command::Erase(Erase { customer_id, reason, at }) => {
                let (customer_id, reason) = (customer_id.clone(), reason.clone());
                Ok(vec![Event::Erased(Erased { customer_id, reason, at: *at })])
            }
        }
    }

    fn evolve(&mut self, event: &Event) {
        match event {
            Event::Recorded(it) => self.details = Some(it.details.clone()),
            Event::Erased(_) => *self = Self { details: None, is_erased: true },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(name: &str) -> Command {
        let details = Details { name: Some(Sealed::of_base64(name).unwrap()), ..Details::default() };
        Command::Record(Record { customer_id: CustomerId::parse("c-1").unwrap(), details, at: Timestamp::UNIX_EPOCH })
    }

    fn erase() -> Command {
        let customer_id = CustomerId::parse("c-1").unwrap();
        Command::Erase(Erase { customer_id, reason: None, at: Timestamp::UNIX_EPOCH })
    }

    #[test]
    fn who_is_erased_stays_erased() {
        let mut customer = Customer::default();
        let story = [
            (record("AAAA"), Ok(1)),
            (record("AAAA"), Ok(0)),
            (record("BBBB"), Ok(1)),
            (erase(), Ok(1)),
            (erase(), Ok(0)),
            (record("BBBB"), Err("customer_erased")),
        ];
        for (command, expected) in story {
            let said = customer.decide(&command);
            for event in said.iter().flatten() {
                customer.evolve(event);
            }
            assert_eq!(said.map(|it| it.len()).map_err(|it| it.code()), expected, "{command:?}");
        }
    }

    #[test]
    fn what_is_not_sealed_is_never_taken_nor_shown() {
        for plain in ["Ada Lovelace", "s1:", "s1:ada@example.com", "s2:AAAA", &format!("s1:{}", "A".repeat(5_000))] {
            let refused = Sealed::parse(plain).unwrap_err().to_string();
            assert!(!refused.contains("ada") && !refused.contains("Ada"), "{refused}");
        }
        let sealed = Sealed::of_base64("QWRhIExvdmVsYWNl").unwrap();
        assert_eq!((sealed.base64(), format!("{sealed:?}").as_str()), ("QWRhIExvdmVsYWNl", "Sealed(..)"));
        assert!(
            serde_json::from_str::<Recorded>(
                r#"{"customer_id":"c-1","details":{"name":"Ada"},"at":"2026-01-01T00:00:00Z"}"#
            )
            .is_err()
        );
    }
}

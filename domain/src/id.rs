//! Names that clients choose: a retry with the same id is the same fact.

use crate::card_number;
use crate::invalid::Invalid;
use crate::money::shortened;
use crate::onchain::secret;
use serde::{Deserialize, Deserializer, Serialize, de};
use std::fmt;
use std::sync::Arc;
use uuid::Uuid;

/// The longest id, in characters.
pub const ID_LENGTH_MAX: usize = 64;

fn checked(text: &str) -> Result<Arc<str>, Invalid> {
    let is_inner = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':');
    let starts_well = text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
    if card_number::found_in(text) {
        return Err(Invalid::CardNumber);
    }
    secret::refuse(text)?;
    if !starts_well || text.len() > ID_LENGTH_MAX || !text.bytes().all(is_inner) {
        return Err(Invalid::NotAnId(shortened(text)));
    }
    Ok(text.into())
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Reads an id: 1 to 64 letters, digits and `- _ . :`, starting with a letter or digit.
            ///
            /// # Errors
            /// [`Invalid::NotAnId`], or [`Invalid::CardNumber`] or [`Invalid::PrivateKey`] where one was put.
            pub fn parse(text: &str) -> Result<Self, Invalid> {
                checked(text).map(Self)
            }

            /// An id derived from others: the same cause always gives the same id (UUIDv5).
            #[must_use]
            pub fn derived(parts: &[&str]) -> Self {
                Self(derived_uuid(parts).to_string().into())
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = crate::wire::lent(deserializer)?;
                Self::parse(&text).map_err(de::Error::custom)
            }
        }
    )+};
}

ids! {
    /// The tenant that everything belongs to.
    MerchantId,
    /// A customer of the merchant: an opaque name, never an address or an e-mail.
    CustomerId,
    /// An order.
    OrderId,
    /// A line of an order.
    LineId,
    /// A group of lines added to an order after its placement.
    AdditionId,
    /// One shipment or hand-over.
    FulfilmentId,
    /// One cancellation of units that were not fulfilled.
    CancellationId,
    /// One return of units that were fulfilled.
    ReturnId,
    /// One application of a payment's money to an order.
    AllocationId,
    /// A payment.
    PaymentId,
    /// One capture of a payment.
    CaptureId,
    /// One refund of a payment.
    RefundId,
    /// One dispute of a payment.
    DisputeId,
    /// One fee of a provider or courier.
    FeeId,
    /// One payout: from a provider or courier, or on a chain to somebody.
    PayoutId,
    /// An installment plan.
    PlanId,
    /// One forgiven fee of a plan.
    WaiverId,
    /// One change of a plan's dates or rate.
    RescheduleId,
    /// A watch-only wallet.
    WalletId,
    /// An invoice that is paid on a chain.
    InvoiceId,
    /// One output or token transfer on a chain; derived from what identifies it there.
    DepositId,
    /// A quantity of an asset that came at one cost.
    LotId,
    /// One sale of an asset, or one fee paid in it.
    SaleId,
    /// One look at what a holding is worth.
    RevaluationId,
    /// One freeze by the issuer of a token.
    FreezeId,
    /// One decision about money that an invoice could not place.
    ResolutionId,
    /// The tax authority that a tax is owed to, for example `DE` or `US-CA`.
    Jurisdiction,
}

/// Mizan's own namespace for derived ids (UUIDv5 of the URL `https://mizan.example/ids`).
const NAMESPACE: Uuid = Uuid::from_u128(0x8f1d_6a0e_5c3b_5b6e_9d0c_7a6b_2f4e_1c55);

/// A UUIDv5 over the parts, each kept apart from the next, so that no two lists of parts read alike.
#[must_use]
pub fn derived_uuid(parts: &[&str]) -> Uuid {
    let mut name = Vec::new();
    for part in parts {
        name.extend_from_slice(part.len().to_string().as_bytes());
        name.push(b':');
        name.extend_from_slice(part.as_bytes());
    }
    Uuid::new_v5(&NAMESPACE, &name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_short_plain_names() {
        for good in ["o-1", "42fdf880ba16b47b59251dd489d4441a", "2026:11.21_x", "A"] {
            assert_eq!(OrderId::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", "-x", "a b", "a/b", "né", "a\n", &"x".repeat(65)] {
            assert_eq!(OrderId::parse(bad).map_err(|it| it.code()), Err("not_an_id"), "{bad:?}");
        }
        assert_eq!(OrderId::parse("4111111111111111"), Err(Invalid::CardNumber));
    }

    /// The first derived id of this shape whose digits pass every test of a card number.
    #[test]
    fn a_derived_id_can_always_be_read_again() {
        let id = RefundId::derived(&["order", "o-29537", "k-1", "p-1"]);
        assert_eq!(id.as_str(), "62568690-6437-5427-b901-ebfe82a35b24");
        assert_eq!(serde_json::from_str::<RefundId>(&serde_json::to_string(&id).unwrap()).unwrap(), id);
        assert_eq!(RefundId::parse("62568690-6437-5427"), Err(Invalid::CardNumber));
    }

    #[test]
    fn derived_ids_keep_their_parts_apart() {
        assert_eq!(RefundId::derived(&["a", "bc"]), RefundId::derived(&["a", "bc"]));
        assert_ne!(RefundId::derived(&["a", "bc"]), RefundId::derived(&["ab", "c"]));
    }
}

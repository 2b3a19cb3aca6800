//! Commands as clients write them, turned into the domain's.
//!
//! Every command is one struct: what JSON it takes, which schema the OpenAPI document shows, and which domain command
//! it becomes. Nothing is decided here.

mod clock;
mod customers;
pub mod http;
mod onchain;
mod orders;
mod payments;
mod periods;
mod plans;
pub(crate) mod read;
mod stories;
pub(crate) mod terms;

pub use read::Fault;

use crate::asking::Asking;
use chrono::{DateTime, SubsecRound, Utc};
use mizan_domain::event::Command;
use utoipa::ToSchema;
use utoipa::openapi::{RefOr, Schema};

/// A command as clients write it.
trait Asked: serde::de::DeserializeOwned + ToSchema {
    /// One line for the OpenAPI document.
    const SUMMARY: &'static str;

    /// The domain's command. `now` is the time where the client gave none.
    fn into_command(self, now: DateTime<Utc>) -> Result<Command, Fault>;
}

/// The same for a command that needs more than the client says.
trait Incomplete: serde::de::DeserializeOwned + ToSchema {
    /// One line for the OpenAPI document.
    const SUMMARY: &'static str;

    /// What is to become the domain's command.
    fn into_asking(self, now: DateTime<Utc>) -> Result<Asking, Fault>;
}

impl<T: Asked> Incomplete for T {
    const SUMMARY: &'static str = <T as Asked>::SUMMARY;

    fn into_asking(self, now: DateTime<Utc>) -> Result<Asking, Fault> {
        self.into_command(now).map(Asking::Command)
    }
}

/// What the OpenAPI document says of a command.
pub struct Described {
    /// The name in the address.
    pub name: &'static str,
    /// One line.
    pub summary: &'static str,
    /// The name of its body's schema.
    pub schema: String,
    /// That schema and those it refers to.
    pub schemas: Vec<(String, RefOr<Schema>)>,
}

fn describe<T: Incomplete>(name: &'static str) -> Described {
    let mut schemas = vec![(T::name().into_owned(), T::schema())];
    T::schemas(&mut schemas);
    Described { name, summary: T::SUMMARY, schema: T::name().into_owned(), schemas }
}

macro_rules! commands {
    ($($name:literal => $asked:ty),+ $(,)?) => {
        /// The names of all commands.
        pub const NAMES: &[&str] = &[$($name),+];

        /// Reads a command's body; `None` when there is no such command.
        #[must_use]
        pub fn read(name: &str, body: &[u8], now: DateTime<Utc>) -> Option<Result<Asking, Fault>> {
            // PostgreSQL and the wire keep microseconds.
            let now = now.trunc_subsecs(6);
            match name {
                $($name => Some(read::body::<$asked>(body).and_then(|asked| asked.into_asking(now))),)+
                _unknown => None,
            }
        }

        /// Every command for the OpenAPI document.
        #[must_use]
        pub fn described() -> Vec<Described> {
            vec![$(describe::<$asked>($name)),+]
        }
    };
}

commands! {
    "place-order" => orders::PlaceOrder,
    "add-order-lines" => orders::AddOrderLines,
    "fulfil-order" => orders::FulfilOrder,
    "cancel-order" => orders::CancelOrder,
    "return-order" => orders::ReturnOrder,
    "authorise-payment" => payments::AuthorisePayment,
    "decline-payment" => payments::DeclinePayment,
    "receive-payment" => payments::ReceivePayment,
    "capture-payment" => payments::CapturePayment,
    "void-payment" => payments::VoidPayment,
    "reverse-capture" => payments::ReverseCapture,
    "refund-payment" => payments::RefundPayment,
    "confirm-refund" => payments::ConfirmRefund,
    "fail-refund" => payments::FailRefund,
    "open-dispute" => payments::OpenDispute,
    "win-dispute" => payments::WinDispute,
    "lose-dispute" => payments::LoseDispute,
    "record-fee" => payments::RecordFee,
    "record-payout" => payments::RecordPayout,
    "report-unknown-outcome" => payments::ReportUnknownOutcome,
    "fail-attempt" => payments::FailAttempt,
    "set-credit-limit" => plans::SetCreditLimit,
    "approve-plan" => plans::ApprovePlan,
    "cancel-plan" => plans::CancelPlan,
    "open-plan" => plans::OpenPlan,
    "pay-merchant" => plans::PayMerchant,
    "waive-late-fee" => plans::WaiveLateFee,
    "refund-plan" => plans::RefundPlan,
    "reschedule-plan" => plans::ReschedulePlan,
    "change-plan-rate" => plans::ChangePlanRate,
    "charge-off-plan" => plans::ChargeOffPlan,
    "open-wallet" => onchain::wallets::OpenWallet,
    "register-asset" => onchain::holdings::RegisterAsset,
    "create-invoice" => onchain::wallets::CreateInvoice,
    "cancel-invoice" => onchain::invoices::CancelInvoice,
    "resolve-invoice" => onchain::invoices::ResolveInvoice,
    "refund-invoice" => onchain::refunds::RefundInvoice,
    "withdraw-refund" => onchain::refunds::WithdrawRefund,
    "record-deposit" => onchain::deposits::RecordDeposit,
    "sell-asset" => onchain::holdings::SellAsset,
    "record-network-fee" => onchain::holdings::RecordNetworkFee,
    "revalue-asset" => onchain::holdings::RevalueAsset,
    "freeze-asset" => onchain::holdings::FreezeAsset,
    "unfreeze-asset" => onchain::holdings::UnfreezeAsset,
    "set-payout-rules" => onchain::payouts::SetPayoutRules,
    "allow-destination" => onchain::holdings::AllowDestination,
    "remove-destination" => onchain::holdings::RemoveDestination,
    "request-payout" => onchain::payouts::RequestPayout,
    "reprice-payout" => onchain::payouts::RepricePayout,
    "approve-payout" => onchain::payouts::ApprovePayout,
    "deny-payout" => onchain::payouts::DenyPayout,
    "cancel-payout" => onchain::payouts::CancelPayout,
    "broadcast-payout" => onchain::payouts::BroadcastPayout,
    "complete-payout" => onchain::payouts::CompletePayout,
    "orphan-payout" => onchain::payouts::OrphanPayout,
    "fail-payout" => onchain::payouts::FailPayout,
    "close-period" => periods::ClosePeriod,
    "record-customer" => customers::RecordCustomer,
    "erase-customer" => customers::EraseCustomer,
    "start-clock" => clock::StartClock,
    "advance-clock" => clock::AdvanceClock,
}

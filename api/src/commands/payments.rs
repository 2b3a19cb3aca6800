//! The commands of payments, as clients write them.

use super::Asked;
use super::read::{Amount, Checked, Fault, When, at, optional};
use chrono::{DateTime, Utc};
use mizan_domain::event::Command;
use mizan_domain::id::{
    CaptureId, CustomerId, DisputeId, FeeId, Jurisdiction, OrderId, PaymentId, PayoutId, PlanId, RefundId,
};
use mizan_domain::payment::{self, Attempt, FeeDirection, Intent, Method, PayoutDirection, RefundOrigin};
use mizan_domain::text::Text;
use mizan_domain::{Currency, Money};
use serde::Deserialize;
use utoipa::ToSchema;

/// Declares the commands that open a payment: they say who pays what, and how.
macro_rules! opening {
    ($(#[$doc:meta])* $name:ident, $summary:literal, |$asked:ident, $intent:ident, $at:ident| $command:expr $(, $field:ident)?) => {
        $(#[$doc])*
        #[derive(Deserialize, ToSchema)]
        #[serde(deny_unknown_fields)]
        pub(super) struct $name {
            /// Yours: the same id again is the same payment.
            #[schema(value_type = String, example = "p-1")]
            payment_id: Checked<PaymentId>,
            /// What it pays for; its money is applied to that order.
            #[schema(value_type = Option<String>, example = "o-1001")]
            order_id: Option<Checked<OrderId>>,
            /// The installment plan that it pays a part of; not together with an order.
            #[schema(value_type = Option<String>)]
            plan_id: Option<Checked<PlanId>>,
            /// Who pays.
            #[schema(value_type = Option<String>, example = "c-7")]
            customer_id: Option<Checked<CustomerId>>,
            /// How.
            #[schema(value_type = String, pattern = "^(card|bank_transfer|mobile_money|e_wallet|voucher|cash_on_delivery)$", example = "card")]
            method: Method,
            /// How much, as text.
            #[schema(value_type = String, example = "19.97")]
            amount: Amount,
            /// ISO 4217.
            #[schema(value_type = String, example = "EUR")]
            currency: Checked<Currency>,
            /// The provider's own name for it; never a card number.
            #[schema(value_type = Option<String>)]
            provider_reference: Option<Checked<Text>>,
            $(
                /// Why.
                #[schema(value_type = Option<String>)]
                $field: Option<Checked<Text>>,
            )?
            /// When; now, if left out.
            #[schema(value_type = Option<String>, format = DateTime)]
            occurred_at: Option<When>,
        }

        impl Asked for $name {
            const SUMMARY: &'static str = $summary;

            fn into_command(self, now: DateTime<Utc>) -> Result<Command, Fault> {
                let $asked = self;
                let $at = at($asked.occurred_at, now)?;
                let $intent = checked(Intent {
                    payment_id: $asked.payment_id.0,
                    order_id: optional($asked.order_id),
                    plan_id: optional($asked.plan_id),
                    invoice_id: None,
                    customer_id: optional($asked.customer_id),
                    method: $asked.method,
                    amount: $asked.amount.of($asked.currency.0, "/amount")?,
                    provider_reference: optional($asked.provider_reference),
                })?;
                Ok(Command::Payment($command))
            }
        }
    };
}

opening! {
    /// The provider has authorised an amount; nothing is taken yet.
    AuthorisePayment, "Record an authorisation",
    |asked, intent, at| payment::Command::Authorise(payment::Authorise { intent, at })
}

opening! {
    /// The provider has declined; a new attempt is a new payment.
    DeclinePayment, "Record a declined payment",
    |asked, intent, at| payment::Command::Decline(payment::Decline { intent, reason: optional(asked.reason), at }),
    reason
}

opening! {
    /// Money has arrived without a separate authorisation: a transfer, mobile money, a voucher, cash, a card sale.
    ReceivePayment, "Record money that arrived",
    |asked, intent, at| payment::Command::Receive(payment::Receive { intent, at })
}

/// Declares the commands on a known payment.
macro_rules! following {
    ($(#[$doc:meta])* $name:ident, $summary:literal, { $($fields:tt)* }, |$asked:ident, $at:ident| $command:expr) => {
        $(#[$doc])*
        #[derive(Deserialize, ToSchema)]
        #[serde(deny_unknown_fields)]
        pub(super) struct $name {
            /// The payment.
            #[schema(value_type = String, example = "p-1")]
            payment_id: Checked<PaymentId>,
            $($fields)*
            /// When; now, if left out.
            #[schema(value_type = Option<String>, format = DateTime)]
            occurred_at: Option<When>,
        }

        impl Asked for $name {
            const SUMMARY: &'static str = $summary;

            fn into_command(self, now: DateTime<Utc>) -> Result<Command, Fault> {
                let $asked = self;
                let $at = at($asked.occurred_at, now)?;
                Ok(Command::Payment($command))
            }
        }
    };
}

following! {
    /// Part or all of an authorisation is taken.
    CapturePayment, "Capture all or part of an authorisation", {
        /// Yours: one capture.
        #[schema(value_type = String, example = "k-1")]
        capture_id: Checked<CaptureId>,
        /// How much, as text.
        #[schema(value_type = String, example = "19.97")]
        amount: Amount,
        /// ISO 4217.
        #[schema(value_type = String, example = "EUR")]
        currency: Checked<Currency>,
        /// Whether the rest of the authorisation is given back.
        #[serde(default, rename = "final")]
        is_final: bool,
    },
    |asked, at| payment::Command::Capture(payment::CapturePayment {
        payment_id: asked.payment_id.0,
        capture_id: asked.capture_id.0,
        amount: asked.amount.of(asked.currency.0, "/amount")?,
        is_final: asked.is_final,
        at,
    })
}

following! {
    /// What is not captured of an authorisation is given back.
    VoidPayment, "Void what is left of an authorisation", {
        /// Why.
        #[schema(value_type = Option<String>)]
        reason: Option<Checked<Text>>,
    },
    |asked, at| payment::Command::Void(payment::VoidPayment {
        payment_id: asked.payment_id.0,
        reason: optional(asked.reason),
        at,
    })
}

following! {
    /// A capture did not hold: a transfer was recalled, cash on delivery was refused.
    ReverseCapture, "Record that captured money was taken back", {
        /// The capture; of a received payment it is the payment's own id.
        #[schema(value_type = String, example = "p-1")]
        capture_id: Checked<CaptureId>,
        /// Why.
        #[schema(value_type = Option<String>)]
        reason: Option<Checked<Text>>,
    },
    |asked, at| payment::Command::ReverseCapture(payment::ReverseCapture {
        payment_id: asked.payment_id.0,
        capture_id: asked.capture_id.0,
        reason: optional(asked.reason),
        at,
    })
}

following! {
    /// Money is sent back without a cancellation or return; those ask for their refunds themselves.
    RefundPayment, "Refund all or part of a payment", {
        /// Yours: one refund.
        #[schema(value_type = String, example = "rf-1")]
        refund_id: Checked<RefundId>,
        /// How much, as text.
        #[schema(value_type = String, example = "5.00")]
        amount: Amount,
        /// ISO 4217.
        #[schema(value_type = String, example = "EUR")]
        currency: Checked<Currency>,
        /// Whether the order is owed it again, because the customer pays in another way. Otherwise the refund makes the
        /// order cheaper by what it was not overpaid.
        #[serde(default)]
        due_again: bool,
        /// Why.
        #[schema(value_type = Option<String>)]
        reason: Option<Checked<Text>>,
    },
    |asked, at| payment::Command::Refund(payment::RefundPayment {
        payment_id: asked.payment_id.0,
        refund_id: asked.refund_id.0,
        amount: asked.amount.of(asked.currency.0, "/amount")?,
        origin: if asked.due_again { RefundOrigin::Replacement } else { RefundOrigin::Merchant },
        reason: optional(asked.reason),
        at,
    })
}

following! {
    /// The provider says that a refund arrived.
    ConfirmRefund, "Record that a refund arrived", {
        /// The refund.
        #[schema(value_type = String, example = "rf-1")]
        refund_id: Checked<RefundId>,
    },
    |asked, at| payment::Command::ConfirmRefund(payment::ConfirmRefund {
        is_of_invoice: false,
        payment_id: asked.payment_id.0,
        refund_id: asked.refund_id.0,
        at,
    })
}

following! {
    /// The provider says that a refund did not arrive; the customer has the money as credit again.
    FailRefund, "Record that a refund failed", {
        /// The refund.
        #[schema(value_type = String, example = "rf-1")]
        refund_id: Checked<RefundId>,
        /// Why.
        #[schema(value_type = Option<String>)]
        reason: Option<Checked<Text>>,
    },
    |asked, at| payment::Command::FailRefund(payment::FailRefund {
        is_of_invoice: false,
        payment_id: asked.payment_id.0,
        refund_id: asked.refund_id.0,
        reason: optional(asked.reason),
        at,
    })
}

following! {
    /// A bank takes money back until a dispute is decided.
    OpenDispute, "Record an opened dispute", {
        /// The bank's or yours: one dispute.
        #[schema(value_type = String, example = "d-1")]
        dispute_id: Checked<DisputeId>,
        /// How much the bank took, as text.
        #[schema(value_type = String, example = "19.97")]
        amount: Amount,
        /// ISO 4217.
        #[schema(value_type = String, example = "EUR")]
        currency: Checked<Currency>,
        /// What the bank charges for it, as text.
        #[schema(value_type = Option<String>, example = "15.00")]
        fee: Option<Amount>,
        /// Why.
        #[schema(value_type = Option<String>)]
        reason: Option<Checked<Text>>,
    },
    |asked, at| payment::Command::OpenDispute(payment::OpenDispute {
        payment_id: asked.payment_id.0,
        dispute_id: asked.dispute_id.0,
        amount: asked.amount.of(asked.currency.0, "/amount")?,
        fee: or_zero(asked.fee.as_ref(), asked.currency.0, "/fee")?,
        reason: optional(asked.reason),
        at,
    })
}

following! {
    /// A dispute was decided for the merchant: the money is back.
    WinDispute, "Record a won dispute", {
        /// The dispute.
        #[schema(value_type = String, example = "d-1")]
        dispute_id: Checked<DisputeId>,
        /// ISO 4217.
        #[schema(value_type = String, example = "EUR")]
        currency: Checked<Currency>,
        /// The part of the fee that came back, as text.
        #[schema(value_type = Option<String>)]
        fee_returned: Option<Amount>,
    },
    |asked, at| payment::Command::WinDispute(payment::WinDispute {
        payment_id: asked.payment_id.0,
        dispute_id: asked.dispute_id.0,
        fee_returned: or_zero(asked.fee_returned.as_ref(), asked.currency.0, "/fee_returned")?,
        at,
    })
}

following! {
    /// A dispute was decided for the customer: the money is gone.
    LoseDispute, "Record a lost dispute", {
        /// The dispute.
        #[schema(value_type = String, example = "d-1")]
        dispute_id: Checked<DisputeId>,
        /// ISO 4217.
        #[schema(value_type = String, example = "EUR")]
        currency: Checked<Currency>,
        /// Tax that the authority gives back, where bad-debt relief applies, as text.
        #[schema(value_type = Option<String>)]
        tax_relief: Option<Amount>,
        /// Which authority.
        #[schema(value_type = Option<String>)]
        tax_jurisdiction: Option<Checked<Jurisdiction>>,
    },
    |asked, at| payment::Command::LoseDispute(payment::LoseDispute {
        payment_id: asked.payment_id.0,
        dispute_id: asked.dispute_id.0,
        tax_relief: or_zero(asked.tax_relief.as_ref(), asked.currency.0, "/tax_relief")?,
        tax_jurisdiction: optional(asked.tax_jurisdiction),
        at,
    })
}

following! {
    /// A provider or courier charges something, or gives it back.
    RecordFee, "Record a fee", {
        /// Yours: one fee.
        #[schema(value_type = String, example = "fee-1")]
        fee_id: Checked<FeeId>,
        /// How much, as text.
        #[schema(value_type = String, example = "0.88")]
        amount: Amount,
        /// ISO 4217.
        #[schema(value_type = String, example = "EUR")]
        currency: Checked<Currency>,
        /// Which way.
        #[serde(default)]
        #[schema(value_type = String, pattern = "^(charged|returned)$", default = "charged")]
        direction: FeeDirection,
    },
    |asked, at| payment::Command::RecordFee(payment::RecordFee {
        payment_id: asked.payment_id.0,
        fee_id: asked.fee_id.0,
        amount: asked.amount.of(asked.currency.0, "/amount")?,
        direction: asked.direction,
        at,
    })
}

following! {
    /// A provider or courier pays out what it holds of this payment.
    RecordPayout, "Record a payout", {
        /// The provider's or yours: one payout.
        #[schema(value_type = String, example = "po-1")]
        payout_id: Checked<PayoutId>,
        /// How much of this payment is in it, as text.
        #[schema(value_type = String, example = "19.09")]
        amount: Amount,
        /// ISO 4217.
        #[schema(value_type = String, example = "EUR")]
        currency: Checked<Currency>,
        /// Which way: `to_provider` when it takes back what a later refund or dispute cost it.
        #[serde(default)]
        #[schema(value_type = String, pattern = "^(to_merchant|to_provider)$", default = "to_merchant")]
        direction: PayoutDirection,
    },
    |asked, at| payment::Command::RecordPayout(payment::RecordPayout {
        payment_id: asked.payment_id.0,
        payout_id: asked.payout_id.0,
        amount: asked.amount.of(asked.currency.0, "/amount")?,
        direction: asked.direction,
        at,
    })
}

/// What was tried at the provider.
#[derive(Deserialize, ToSchema)]
#[schema(as = AttemptKind)]
#[serde(rename_all = "snake_case")]
enum AttemptOf {
    /// To authorise or receive the payment.
    Authorisation,
    /// To capture.
    Capture,
    /// To void.
    Void,
    /// To refund.
    Refund,
}

following! {
    /// The provider did not answer: what happened is not known, and nothing is guessed.
    ReportUnknownOutcome, "Report that the provider's answer is not known", {
        /// What was tried.
        attempt: AttemptOf,
        /// The capture, where one was tried.
        #[schema(value_type = Option<String>)]
        capture_id: Option<Checked<CaptureId>>,
        /// The refund, where one was tried.
        #[schema(value_type = Option<String>)]
        refund_id: Option<Checked<RefundId>>,
        /// The amount of the authorisation or capture, as text.
        #[schema(value_type = Option<String>)]
        amount: Option<Amount>,
        /// ISO 4217, with the amount.
        #[schema(value_type = Option<String>)]
        currency: Option<Checked<Currency>>,
        /// For an authorisation: how.
        #[schema(value_type = Option<String>, pattern = "^(card|bank_transfer|mobile_money|e_wallet|voucher|cash_on_delivery)$")]
        method: Option<Method>,
        /// For an authorisation: what it pays for.
        #[schema(value_type = Option<String>)]
        order_id: Option<Checked<OrderId>>,
        /// For an authorisation: the installment plan that it pays a part of.
        #[schema(value_type = Option<String>)]
        plan_id: Option<Checked<PlanId>>,
        /// For an authorisation: who pays.
        #[schema(value_type = Option<String>)]
        customer_id: Option<Checked<CustomerId>>,
        /// For an authorisation: the provider's own name for it.
        #[schema(value_type = Option<String>)]
        provider_reference: Option<Checked<Text>>,
        /// What was seen, for example a timeout.
        #[schema(value_type = Option<String>)]
        reason: Option<Checked<Text>>,
    },
    |asked, at| {
        let amount = asked.amount.zip(asked.currency).map(|(amount, currency)| amount.of(currency.0, "/amount"));
        let amount = amount.transpose()?;
        let payment_id = asked.payment_id.0;
        let intent = amount.zip(asked.method).map(|(amount, method)| checked(Intent {
            payment_id: payment_id.clone(),
            order_id: optional(asked.order_id),
            plan_id: optional(asked.plan_id),
            invoice_id: None,
            customer_id: optional(asked.customer_id),
            method,
            amount,
            provider_reference: optional(asked.provider_reference),
        }));
        let intent = intent.transpose()?;
        let attempt = attempt(&asked.attempt, optional(asked.capture_id), optional(asked.refund_id), amount)?;
        payment::Command::ReportUnknown(payment::ReportUnknown { payment_id, attempt, intent, reason: optional(asked.reason), at })
    }
}

following! {
    /// What was unknown turns out not to have happened. (An authorisation: decline it. A refund: fail it.)
    FailAttempt, "Record that an unknown capture or void did not happen", {
        /// What was tried.
        attempt: AttemptOf,
        /// The capture, where one was tried.
        #[schema(value_type = Option<String>)]
        capture_id: Option<Checked<CaptureId>>,
        /// The amount of the capture, as text.
        #[schema(value_type = Option<String>)]
        amount: Option<Amount>,
        /// ISO 4217, with the amount.
        #[schema(value_type = Option<String>)]
        currency: Option<Checked<Currency>>,
        /// Why it failed.
        #[schema(value_type = Option<String>)]
        reason: Option<Checked<Text>>,
    },
    |asked, at| {
        let amount = asked.amount.zip(asked.currency).map(|(amount, currency)| amount.of(currency.0, "/amount"));
        let attempt = attempt(&asked.attempt, optional(asked.capture_id), None, amount.transpose()?)?;
        payment::Command::FailAttempt(payment::FailAttempt {
            payment_id: asked.payment_id.0,
            attempt,
            reason: optional(asked.reason),
            at,
        })
    }
}

/// What a client may say of a payment that it opens.
fn checked(intent: Intent) -> Result<Intent, Fault> {
    if intent.method == Method::Installments {
        let message = "only a plan pays so, by itself: approve and open one";
        return Err(Fault::new("invalid_value", "/method", message));
    }
    if intent.method == Method::Onchain {
        let message = "only an invoice pays so, by itself: create one and let its deposits be observed";
        return Err(Fault::new("invalid_value", "/method", message));
    }
    if intent.order_id.is_some() && intent.plan_id.is_some() {
        let message = "a payment is for an order or for a plan; the plan has paid its order";
        return Err(Fault::new("invalid_value", "/plan_id", message));
    }
    Ok(intent)
}

fn attempt(
    of: &AttemptOf,
    capture_id: Option<CaptureId>,
    refund_id: Option<RefundId>,
    amount: Option<Money>,
) -> Result<Attempt, Fault> {
    let missing = |field: &str| Fault::new("missing_field", field, "this attempt needs the field");
    match of {
        AttemptOf::Authorisation => Ok(Attempt::Authorisation),
        AttemptOf::Void => Ok(Attempt::Void),
        AttemptOf::Capture => Ok(Attempt::Capture {
            capture_id: capture_id.ok_or_else(|| missing("/capture_id"))?,
            amount: amount.ok_or_else(|| missing("/amount"))?,
        }),
        AttemptOf::Refund => Ok(Attempt::Refund { refund_id: refund_id.ok_or_else(|| missing("/refund_id"))? }),
    }
}

fn or_zero(amount: Option<&Amount>, currency: Currency, pointer: &str) -> Result<Money, Fault> {
    amount.map_or(Ok(Money::zero(currency)), |amount| amount.of(currency, pointer))
}

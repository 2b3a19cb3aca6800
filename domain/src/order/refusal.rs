//! Why an order refuses: one list, in the order of the checks.

use crate::decider::Refused;
use crate::id::{LineId, PaymentId, RefundId};
use crate::invalid::Invalid;
use crate::money::Money;
use crate::order::{LINES_MAX, PARTS_MAX, QUANTITY_MAX};

/// Why an order refuses a command. `place` counts the command's lines from 0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such order.
    #[error("the order is not placed")]
    NotPlaced,
    /// Nothing is sold.
    #[error("the order has no lines; send at least one")]
    NoLines,
    /// More than [`LINES_MAX`].
    #[error("the order would have more than {LINES_MAX} lines")]
    TooManyLines,
    /// A line id twice.
    #[error("line {place} repeats the id of another line; line ids are unique in an order")]
    DuplicateLine {
        /// The second of them.
        place: usize,
    },
    /// Not 1 to [`QUANTITY_MAX`].
    #[error("line {place} has a quantity outside 1 to {QUANTITY_MAX}")]
    QuantityOutOfRange {
        /// The line.
        place: usize,
    },
    /// More than [`PARTS_MAX`] of something.
    #[error("line {place} has more than {PARTS_MAX} {what}")]
    TooManyParts {
        /// The line.
        place: usize,
        /// The field.
        what: &'static str,
    },
    /// Price tiers that do not start at 1 or do not rise.
    #[error("the price tiers of line {place} must start at quantity 1 and rise")]
    TiersOutOfOrder {
        /// The line.
        place: usize,
    },
    /// An amount that cannot be used, and where it stands.
    #[error("{source}")]
    Amount {
        /// A JSON pointer into the command.
        pointer: String,
        /// What is wrong with it.
        source: Invalid,
    },
    /// A line discount above what is left of the line.
    #[error("the discounts of line {place} exceed its value")]
    DiscountExceedsLine {
        /// The line.
        place: usize,
    },
    /// More than [`PARTS_MAX`] discounts of the order.
    #[error("the order has more than {PARTS_MAX} discounts")]
    TooManyDiscounts,
    /// A discount for a line that the order does not have.
    #[error("discount {discount} names line {line_id}, which is not on the order")]
    DiscountForUnknownLine {
        /// The discount's place.
        discount: usize,
        /// What it names.
        line_id: LineId,
    },
    /// An order discount above the value of its lines.
    #[error("discount {discount} exceeds the value of the lines it is for")]
    DiscountExceedsOrder {
        /// The discount's place.
        discount: usize,
    },
    /// The id was used before with other content.
    #[error("{field} was used before with other content; use a new id, or repeat the command exactly")]
    ExistsWithDifferentContent {
        /// The id's field.
        field: &'static str,
    },
    /// No such line.
    #[error("line {line_id} is not on the order")]
    UnknownLine {
        /// The line's place in the command.
        place: usize,
        /// What it names.
        line_id: LineId,
    },
    /// Nothing is left to fulfil, cancel or return.
    #[error("there is nothing left that this could be done to")]
    NothingLeft,
    /// More than is open.
    #[error("line {line_id} has {open} open units, fewer than the {asked} asked for")]
    ExceedsOpen {
        /// The line's place in the command.
        place: usize,
        /// The line.
        line_id: LineId,
        /// What was asked.
        asked: u32,
        /// What is open.
        open: u32,
    },
    /// More than was fulfilled and not returned yet.
    #[error("line {line_id} has {returnable} units that could be returned, fewer than the {asked} asked for")]
    ExceedsFulfilled {
        /// The line's place in the command.
        place: usize,
        /// The line.
        line_id: LineId,
        /// What was asked.
        asked: u32,
        /// What could be returned.
        returnable: u32,
    },
    /// The order is to be paid before it leaves.
    #[error("the order is fulfilled only when paid: {paid} is paid, these units make it {value}")]
    NotPaidYet {
        /// What is paid.
        paid: Money,
        /// What the fulfilled units would be worth.
        value: Money,
    },
    /// No money of this payment was ever offered to the order.
    #[error("no money of payment {0} was offered to the order")]
    UnknownPayment(PaymentId),
    /// Not a refund of this order.
    #[error("refund {0} is not a refund of this order")]
    UnknownRefund(RefundId),
}

impl Refusal {
    pub(super) fn exists(field: &'static str) -> Self {
        Self::ExistsWithDifferentContent { field }
    }

    pub(super) fn exceeds_open(place: usize, line_id: LineId, asked: u32, open: u32) -> Self {
        Self::ExceedsOpen { place, line_id, asked, open }
    }

    pub(super) fn exceeds_fulfilled(place: usize, line_id: LineId, asked: u32, returnable: u32) -> Self {
        Self::ExceedsFulfilled { place, line_id, asked, returnable }
    }
}

impl From<Invalid> for Refusal {
    fn from(source: Invalid) -> Self {
        Self::Amount { pointer: String::new(), source }
    }
}

impl Refused for Refusal {
    fn code(&self) -> &'static str {
        match self {
            Self::NotPlaced => "order_not_placed",
            Self::NoLines => "no_lines",
            Self::TooManyLines => "too_many_lines",
            Self::DuplicateLine { .. } => "duplicate_line",
            Self::QuantityOutOfRange { .. } => "quantity_out_of_range",
            Self::TooManyParts { .. } => "too_many_parts",
            Self::TiersOutOfOrder { .. } => "tiers_out_of_order",
            Self::Amount { source, .. } => source.code(),
            Self::DiscountExceedsLine { .. } => "discount_exceeds_line",
            Self::TooManyDiscounts => "too_many_discounts",
            Self::DiscountForUnknownLine { .. } => "discount_for_unknown_line",
            Self::DiscountExceedsOrder { .. } => "discount_exceeds_order",
            Self::ExistsWithDifferentContent { .. } => "exists_with_different_content",
            Self::UnknownLine { .. } => "unknown_line",
            Self::NothingLeft => "nothing_left",
            Self::ExceedsOpen { .. } => "exceeds_open",
            Self::ExceedsFulfilled { .. } => "exceeds_fulfilled",
            Self::NotPaidYet { .. } => "not_paid_yet",
            Self::UnknownPayment(_) => "unknown_payment",
            Self::UnknownRefund(_) => "unknown_refund",
        }
    }

    fn pointer(&self) -> Option<String> {
        match self {
            Self::NoLines | Self::TooManyLines => Some("/lines".into()),
            Self::DuplicateLine { place } | Self::UnknownLine { place, .. } => Some(format!("/lines/{place}/line_id")),
            Self::QuantityOutOfRange { place }
            | Self::ExceedsOpen { place, .. }
            | Self::ExceedsFulfilled { place, .. } => Some(format!("/lines/{place}/quantity")),
            Self::TooManyParts { place, what } => Some(format!("/lines/{place}/{what}")),
            Self::TiersOutOfOrder { place } => Some(format!("/lines/{place}/price_tiers")),
            Self::Amount { pointer, .. } => (!pointer.is_empty()).then(|| pointer.clone()),
            Self::DiscountExceedsLine { place } => Some(format!("/lines/{place}/discounts")),
            Self::TooManyDiscounts => Some("/discounts".into()),
            Self::DiscountForUnknownLine { discount, .. } | Self::DiscountExceedsOrder { discount } => {
                Some(format!("/discounts/{discount}"))
            }
            Self::ExistsWithDifferentContent { field } => Some(format!("/{field}")),
            Self::NotPlaced => Some("/order_id".into()),
            Self::UnknownPayment(_) => Some("/payment_id".into()),
            Self::UnknownRefund(_) => Some("/refund_id".into()),
            Self::NothingLeft | Self::NotPaidYet { .. } => None,
        }
    }
}

//! What follows from an order's lines and payments: its sums and its status.

use super::OrderRow;
use super::parts::OrderLine;
use crate::amount::Amount;
use crate::apply::Misfit;
use crate::names::names;
use mizan_domain::Currency;

names! {
    /// Where an order is, by what happened to its units.
    OrderStatus {
        /// Money came for it, but nothing was ordered yet.
        AwaitingPlacement = "awaiting_placement",
        /// Units are open, none has left.
        Open = "open",
        /// Some units have left, others are open; none came back.
        PartiallyFulfilled = "partially_fulfilled",
        /// All that was not cancelled has left, and none came back.
        Fulfilled = "fulfilled",
        /// Everything was cancelled.
        Cancelled = "cancelled",
        /// Some units came back; others are kept, or still open.
        PartiallyReturned = "partially_returned",
        /// All units that left came back, and none is open.
        Returned = "returned",
    }
}

names! {
    /// How much of what is owed for an order is there.
    OrderPaymentStatus {
        /// Nothing, and something is due; or nothing was ordered yet.
        Unpaid = "unpaid",
        /// A part.
        PartiallyPaid = "partially_paid",
        /// Nothing is due (any more).
        Paid = "paid",
    }
}

impl OrderRow {
    /// Derives what follows from lines and payments.
    pub(super) fn derive(&mut self) -> Result<(), Misfit> {
        let nothing = Amount::zero(Currency::parse(&self.currency).map_err(|it| Misfit::because(it.to_string()))?);
        (self.allocated, self.refunded, self.credit) = (nothing, nothing, nothing);
        for it in self.payments.iter().filter(|it| it.currency == self.currency) {
            self.allocated.add(it.allocated)?;
            self.refunded.add(it.refunded)?;
            self.credit.add(it.offered.minus(it.allocated)?.minus(it.refunded)?.max(nothing))?;
        }
        self.value = self.gross.minus(self.cancelled_value)?.minus(self.returned_value)?.minus(self.allowance)?;
        self.due = self.value.minus(self.allocated)?;
        self.status = self.derived_status();
        self.payment_status = match (self.placed_at, self.due.is_positive(), self.allocated.is_positive()) {
            (None, _, _) | (Some(_), true, false) => OrderPaymentStatus::Unpaid,
            (Some(_), true, true) => OrderPaymentStatus::PartiallyPaid,
            (Some(_), false, _) => OrderPaymentStatus::Paid,
        };
        Ok(())
    }

    fn derived_status(&self) -> OrderStatus {
        let sum = |units: fn(&OrderLine) -> u32| self.lines.iter().map(|it| u64::from(units(it))).sum::<u64>();
        let (open, fulfilled) = (sum(|it| it.open), sum(|it| it.fulfilled));
        let (returned, kept) = (sum(|it| it.returned), sum(|it| it.kept));
        match (self.placed_at, returned > 0, fulfilled > 0, open > 0) {
            (None, _, _, _) => OrderStatus::AwaitingPlacement,
            (Some(_), true, _, false) if kept == 0 => OrderStatus::Returned,
            (Some(_), true, _, _) => OrderStatus::PartiallyReturned,
            (Some(_), false, true, true) => OrderStatus::PartiallyFulfilled,
            (Some(_), false, true, false) => OrderStatus::Fulfilled,
            (Some(_), false, false, true) => OrderStatus::Open,
            (Some(_), false, false, false) => OrderStatus::Cancelled,
        }
    }
}

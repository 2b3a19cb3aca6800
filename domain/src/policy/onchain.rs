//! What follows from the facts of a chain: a deposit is carried to its invoice, to the lots and, settled, to its order.
//!
//! A settled invoice pays its order with a payment of its own (`onchain`), so that an order paid in coins is allocated,
//! refunded and made due again like any other. Payouts go to and fro between the people who approve and the holding that
//! keeps the coins.

use crate::event::Command;
use crate::id::{CaptureId, PayoutId, SaleId};
use crate::onchain::invoice::{DepositState, RefundOutcome, payment_of};
use crate::onchain::output::lot_of;
use crate::onchain::{deposit, holding, invoice, payout, wallet};
use crate::order::Timestamp;
use crate::payment::{self, Intent, Method};

pub(super) fn from_wallet(event: &wallet::Event) -> Option<Command> {
    match event {
        wallet::Event::AddressAllocated(it) => {
            Some(Command::Invoice(invoice::Command::Open(Box::new(invoice::OpenInvoice {
                wallet_id: it.wallet_id.clone(),
                index: it.index,
                address: it.address.clone(),
                agreement: it.agreement.clone(),
                at: it.at,
            }))))
        }
        wallet::Event::Opened(_) | wallet::Event::AddressUsed(_) => None,
    }
}

pub(super) fn from_deposit(event: &deposit::Event) -> Vec<Command> {
    use deposit::Event as It;
    match event {
        It::Seen(it) => seen(it),
        It::Confirmed(it) => confirmed(it),
        It::Orphaned(it) => undone(it, DepositState::Seen),
        It::Replaced(it) | It::Failed(it) => undone(it, DepositState::Gone),
        It::Finalised(_) => Vec::new(),
    }
}

fn seen(it: &deposit::Seen) -> Vec<Command> {
    let Some(invoice_id) = it.watch.invoice_id.clone() else { return Vec::new() };
    let used = wallet::MarkUsed { wallet_id: it.watch.wallet_id.clone(), invoice_id: invoice_id.clone(), at: it.at };
    let recorded = invoice::RecordDeposit {
        invoice_id,
        deposit_id: it.deposit_id.clone(),
        step: it.step,
        amount: it.amount,
        first_seen_at: it.first_seen_at,
        state: DepositState::Seen,
        value: it.spot.as_ref().and_then(|spot| spot.value_of(it.amount).ok()),
        at: it.at,
    };
    vec![
        Command::Invoice(invoice::Command::RecordDeposit(Box::new(recorded))),
        Command::Wallet(wallet::Command::MarkUsed(used)),
    ]
}

fn confirmed(it: &deposit::Confirmed) -> Vec<Command> {
    let mut commands = Vec::new();
    if let Some(asset) = it.amount.currency().asset() {
        commands.push(Command::Holding(holding::Command::Acquire(holding::Acquire {
            asset: asset.id,
            lot_id: lot_of(&it.deposit_id, it.confirmation),
            amount: it.amount,
            cost: it.value,
            at: it.at,
        })));
    }
    if let Some(invoice_id) = it.watch.invoice_id.clone() {
        commands.push(Command::Invoice(invoice::Command::RecordDeposit(Box::new(invoice::RecordDeposit {
            invoice_id,
            deposit_id: it.deposit_id.clone(),
            step: it.step,
            amount: it.amount,
            first_seen_at: it.first_seen_at,
            state: DepositState::Confirmed,
            value: Some(it.value),
            at: it.at,
        }))));
    }
    commands
}

fn undone(it: &deposit::Undone, state: DepositState) -> Vec<Command> {
    let mut commands = Vec::new();
    if let (Some(undoes), Some(asset)) = (&it.undoes, it.amount.currency().asset()) {
        commands.push(Command::Holding(holding::Command::Lose(holding::Lose {
            asset: asset.id,
            lot_id: lot_of(&it.deposit_id, undoes.confirmation),
            amount: it.amount,
            cost: undoes.value,
            at: it.at,
        })));
    }
    if let Some(invoice_id) = it.watch.invoice_id.clone() {
        commands.push(Command::Invoice(invoice::Command::RecordDeposit(Box::new(invoice::RecordDeposit {
            invoice_id,
            deposit_id: it.deposit_id.clone(),
            step: it.step,
            amount: it.amount,
            first_seen_at: it.first_seen_at,
            state,
            value: None,
            at: it.at,
        }))));
    }
    commands
}

pub(super) fn from_invoice(event: &invoice::Event) -> Option<Command> {
    use invoice::Event as It;
    match event {
        It::Settled(it) => Some(Command::Payment(payment::Command::Receive(payment::Receive {
            intent: Intent {
                payment_id: it.payment_id.clone(),
                order_id: it.order_id.clone(),
                plan_id: None,
                invoice_id: Some(it.invoice_id.clone()),
                customer_id: it.customer_id.clone(),
                method: Method::Onchain,
                amount: it.amount,
                provider_reference: None,
            },
            at: it.at,
        }))),
        It::SettlementReversed(it) => {
            let id = payment_of(&it.invoice_id, it.settlement);
            let capture_id = CaptureId::parse(id.as_str()).unwrap_or_else(|_| CaptureId::derived(&[id.as_str()]));
            Some(Command::Payment(payment::Command::ReverseCapture(payment::ReverseCapture {
                payment_id: it.payment_id.clone(),
                capture_id,
                reason: None,
                at: it.at,
            })))
        }
        It::RefundRequested(it) => refund_requested(it),
        It::RefundEnded(it) => match (it.outcome, &it.payment_id) {
            (RefundOutcome::Completed, Some(payment_id)) => {
                Some(Command::Payment(payment::Command::ConfirmRefund(payment::ConfirmRefund {
                    payment_id: payment_id.clone(),
                    refund_id: it.refund_id.clone(),
                    is_of_invoice: true,
                    at: it.at,
                })))
            }
            (RefundOutcome::Completed, None) | (RefundOutcome::NotPaid, _) => None,
        },
        It::RefundWithdrawn(it) => Some(Command::Payment(payment::Command::FailRefund(payment::FailRefund {
            payment_id: it.payment_id.clone(),
            refund_id: it.refund_id.clone(),
            is_of_invoice: true,
            reason: it.reason.clone(),
            at: it.at,
        }))),
        It::Opened(_)
        | It::DepositRecorded(_)
        | It::Expired(_)
        | It::Closed(_)
        | It::Cancelled(_)
        | It::Resolved(_)
        | It::RefundOwed(_) => None,
    }
}

/// The payout of a refund. One that was not paid and is asked for again is another payout.
fn refund_requested(it: &invoice::RefundRequested) -> Option<Command> {
    let (invoice_id, refund_id) = (it.invoice_id.clone(), it.refund_id.clone());
    let attempt = it.attempt.to_string();
    Some(Command::Holding(holding::Command::RequestPayout(Box::new(holding::RequestPayout {
        asset: it.amount.currency().asset()?.id,
        payout_id: PayoutId::derived(&["refund", invoice_id.as_str(), refund_id.as_str(), &attempt]),
        purpose: holding::Purpose::Refund {
            invoice_id,
            refund_id,
            attempt: it.attempt,
            customer_id: it.customer_id.clone(),
            payment_id: it.payment_id.clone(),
            kept: it.kept,
        },
        amount: it.amount,
        value: it.value,
        is_in_money: it.rule == invoice::RefundRule::Fiat,
        spot: it.spot.clone(),
        to: it.to.clone(),
        requested_by: it.requested_by.clone(),
        reason: it.reason.clone(),
        at: it.at,
    }))))
}

/// A refund of the payment that an invoice made waits there for an address.
pub(super) fn from_payment(event: &payment::Event) -> Option<Command> {
    let payment::Event::RefundRequested(it) = event else { return None };
    Some(Command::Invoice(invoice::Command::RecordOwedRefund(invoice::RecordOwedRefund {
        invoice_id: it.invoice_id.clone()?,
        payment_id: it.payment_id.clone(),
        refund_id: it.refund_id.clone(),
        amount: it.amount,
        at: it.at,
    })))
}

pub(super) fn from_holding(event: &holding::Event) -> Option<Command> {
    use holding::Event as It;
    let command = match event {
        It::PayoutReserved(it) | It::PayoutRepriced(it) => {
            payout::Command::Open(Box::new(payout::OpenPayout { request: (**it).clone(), at: it.at }))
        }
        It::PayoutTaken(it) => payout::Command::Release(payout::Release { payout_id: it.payout_id.clone(), at: it.at }),
        It::PayoutWithheld(it) => payout::Command::Cancel(payout::CancelPayout {
            payout_id: it.payout_id.clone(),
            withheld: Some(it.why),
            reason: None,
            at: it.at,
        }),
        It::PayoutRefused(it) => return end_refund(&it.purpose, RefundOutcome::NotPaid, 0, it.at),
        It::AssetRegistered(_)
        | It::LotAcquired(_)
        | It::LotLost(_)
        | It::Sold(_)
        | It::FeePaid(_)
        | It::FeeReturned(_)
        | It::Revalued(_)
        | It::RevaluationReversed(_)
        | It::Frozen(_)
        | It::Unfrozen(_)
        | It::PayoutRulesSet(_)
        | It::DestinationAllowed(_)
        | It::DestinationRemoved(_)
        | It::PayoutSettled(_)
        | It::PayoutUnsettled(_)
        | It::PayoutReturned(_) => return None,
    };
    Some(Command::Payout(command))
}

pub(super) fn from_payout(event: &payout::Event) -> Vec<Command> {
    use payout::Event as It;
    match event {
        It::Approved(it) => vec![Command::Holding(holding::Command::TakePayout(holding::TakePayout {
            asset: it.asset,
            payout_id: it.payout_id.clone(),
            revision: it.revision,
            at: it.at,
        }))],
        It::Completed(it) => {
            let (asset, payout_id) = (it.asset, it.payout_id.clone());
            let settled = holding::SettlePayout { asset, payout_id, times_orphaned: it.times_orphaned, at: it.at };
            ended(it, holding::Command::SettlePayout(settled), RefundOutcome::Completed)
        }
        It::Denied(it) | It::Cancelled(it) | It::Failed(it) => {
            let (asset, payout_id) = (it.asset, it.payout_id.clone());
            let returned = holding::ReturnPayout { asset, payout_id, times_orphaned: it.times_orphaned, at: it.at };
            ended(it, holding::Command::ReturnPayout(returned), RefundOutcome::NotPaid)
        }
        It::Orphaned(it) => orphaned(it),
        It::Requested(_)
        | It::Repriced(_)
        | It::ApprovalGiven(_)
        | It::Released(_)
        | It::Broadcast(_)
        | It::Replaced(_) => Vec::new(),
    }
}

/// The coins, the chain's fee, which may be in another asset, and the refund that it was.
fn ended(it: &payout::Ended, coins: holding::Command, outcome: RefundOutcome) -> Vec<Command> {
    let fee = it.fee.filter(|it| it.is_positive()).and_then(|fee| {
        Some(holding::Command::PayFee(holding::PayFee {
            asset: fee.currency().asset()?.id,
            sale_id: fee_of(&it.payout_id, outcome, it.times_orphaned),
            amount: fee,
            payout_id: Some(it.payout_id.clone()),
            at: it.at,
        }))
    });
    let refund = end_refund(&it.purpose, outcome, it.times_orphaned, it.at);
    [coins].into_iter().chain(fee).map(Command::Holding).chain(refund).collect()
}

/// What is paid for a payout, once for each time that it gets into a block.
fn fee_of(payout_id: &PayoutId, outcome: RefundOutcome, times_orphaned: u32) -> SaleId {
    let what = if outcome == RefundOutcome::Completed { "fee" } else { "failed" };
    match times_orphaned {
        0 => SaleId::derived(&["payout", payout_id.as_str(), what]),
        again => SaleId::derived(&["payout", payout_id.as_str(), what, &again.to_string()]),
    }
}

/// The chain takes back the block that a payout was in: it is promised again, and its fee is not paid. The refund that it
/// is stays given back until the payout fails; a transaction that was in one block mostly comes into another.
fn orphaned(it: &payout::Orphaned) -> Vec<Command> {
    let unsettled = holding::Command::UnsettlePayout(holding::UnsettlePayout {
        asset: it.asset,
        payout_id: it.payout_id.clone(),
        completion: it.completion,
        at: it.at,
    });
    let fee = it.fee.filter(|it| it.is_positive()).and_then(|fee| {
        Some(holding::Command::ReturnFee(holding::ReturnFee {
            asset: fee.currency().asset()?.id,
            sale_id: fee_of(&it.payout_id, RefundOutcome::Completed, it.completion.saturating_sub(1)),
            at: it.at,
        }))
    });
    [unsettled].into_iter().chain(fee).map(Command::Holding).collect()
}

/// The invoice is told what became of its refund.
fn end_refund(
    purpose: &holding::Purpose,
    outcome: RefundOutcome,
    times_orphaned: u32,
    at: Timestamp,
) -> Option<Command> {
    match purpose {
        holding::Purpose::Refund { invoice_id, refund_id, attempt, .. } => {
            Some(Command::Invoice(invoice::Command::EndRefund(invoice::EndRefund {
                invoice_id: invoice_id.clone(),
                refund_id: refund_id.clone(),
                attempt: *attempt,
                outcome,
                times_orphaned,
                at,
            })))
        }
        holding::Purpose::Other => None,
    }
}

//! Payouts: coins that leave, after enough people have agreed.
//!
//! A payout is asked of the holding, which keeps its coins and freezes its rules. Here people approve one price of it: a
//! new price needs new approvals, who asks does not approve, and one denial rejects. When enough have agreed the books
//! hold the money, and only then can it be signed, outside: nothing here has a private key. What was sent may be sent
//! again with another fee; it stays the same payout. A chain may take back the block that it was in; then it is sent and not
//! there again.

mod command;
mod event;
mod refusal;
#[cfg(test)]
mod stories;

pub use command::*;
pub use event::*;
pub use refusal::Refusal;

use crate::decider::Decider;
use crate::id::PayoutId;
use crate::money::Money;
use crate::onchain::TransactionId;
use crate::onchain::holding::PayoutReserved;
use crate::order::Timestamp;
use crate::text::Text;
use std::collections::BTreeSet;

/// A payout as its decisions need it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Payout {
    request: Option<PayoutReserved>,
    stage: Stage,
    approvals: BTreeSet<Text>,
    sent: Vec<TransactionId>,
    /// How often a chain has taken it back.
    times_orphaned: u32,
}

#[derive(Debug, Clone, Default, PartialEq)]
enum Stage {
    /// Waits for approvals.
    #[default]
    Waiting,
    Approved,
    Released,
    Sent,
    Ended(Box<(End, Ended)>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Denied,
    Cancelled,
    Completed,
    Failed,
}

impl End {
    fn name(self) -> &'static str {
        match self {
            Self::Denied => "was denied",
            Self::Cancelled => "was cancelled",
            Self::Completed => "is on the chain",
            Self::Failed => "has failed",
        }
    }
}

impl Decider for Payout {
    const CATEGORY: &'static str = "payout";
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn decide(&self, command: &Command) -> Result<Vec<Event>, Refusal> {
        match command {
            Command::Open(asked) => self.open(asked),
            Command::Approve(asked) => self.approve(asked),
            Command::Deny(asked) => self.deny(asked),
            Command::Release(asked) => self.release(asked),
            Command::Cancel(asked) => self.cancel(asked),
            Command::Broadcast(asked) => self.broadcast(asked),
            Command::Complete(asked) => self.complete(asked),
            Command::Orphan(asked) => self.orphan(asked),
            Command::Fail(asked) => self.fail(asked),
        }
    }

    fn evolve(&mut self, event: &Event) {
        match event {
            Event::Requested(it) | Event::Repriced(it) => {
                self.request = Some(it.request.clone());
                self.approvals.clear();
                self.stage = Stage::Waiting;
            }
            Event::ApprovalGiven(it) => {
                self.approvals.insert(it.by.clone());
            }
            Event::Approved(_) => self.stage = Stage::Approved,
            Event::Released(_) => self.stage = Stage::Released,
            Event::Broadcast(it) | Event::Replaced(it) => {
                self.sent.push(it.transaction.clone());
                self.stage = Stage::Sent;
            }
            Event::Denied(it) => self.end(End::Denied, it),
            Event::Cancelled(it) => self.end(End::Cancelled, it),
            Event::Completed(it) => self.end(End::Completed, it),
            Event::Orphaned(it) => {
                self.times_orphaned = it.completion;
                self.sent.extend(it.transaction.clone().filter(|it| !self.sent.contains(it)));
                self.stage = Stage::Sent;
            }
            Event::Failed(it) => self.end(End::Failed, it),
        }
    }
}

impl Payout {
    fn end(&mut self, how: End, it: &Ended) {
        self.stage = Stage::Ended(Box::new((how, it.clone())));
    }

    fn known(&self, payout_id: &PayoutId) -> Result<&PayoutReserved, Refusal> {
        self.request.as_ref().filter(|it| it.payout_id == *payout_id).ok_or(Refusal::UnknownPayout)
    }

    fn expect_open(&self) -> Result<(), Refusal> {
        match &self.stage {
            Stage::Ended(end) => Err(Refusal::Ended { how: end.0.name() }),
            Stage::Waiting | Stage::Approved | Stage::Released | Stage::Sent => Ok(()),
        }
    }

    /// Prices may be told in another order than they were made: the latest counts.
    fn open(&self, asked: &OpenPayout) -> Result<Vec<Event>, Refusal> {
        let requested = Box::new(Requested { request: asked.request.clone(), at: asked.at });
        let Some(known) = &self.request else { return Ok(vec![Event::Requested(requested)]) };
        match known.revision.cmp(&asked.request.revision) {
            std::cmp::Ordering::Greater => Ok(Vec::new()),
            std::cmp::Ordering::Equal if *known == asked.request => Ok(Vec::new()),
            std::cmp::Ordering::Equal => Err(Refusal::ExistsWithDifferentContent { field: "payout_id" }),
            std::cmp::Ordering::Less => match self.stage {
                // The holding gives no new price to what it has given away.
                Stage::Released | Stage::Sent => Err(Refusal::AlreadyApproved),
                Stage::Waiting | Stage::Approved => Ok(vec![Event::Repriced(requested)]),
                Stage::Ended(_) => Ok(Vec::new()),
            },
        }
    }

    fn approve(&self, asked: &Approve) -> Result<Vec<Event>, Refusal> {
        let request = self.known(&asked.payout_id)?;
        if self.approvals.contains(&asked.by) && asked.revision == request.revision {
            return Ok(Vec::new());
        }
        self.expect_open()?;
        if self.stage != Stage::Waiting {
            return Err(Refusal::AlreadyApproved);
        }
        if asked.revision != request.revision {
            return Err(Refusal::OtherRevision { current: request.revision });
        }
        Self::expect_approver(request, &asked.by)?;
        let given = u32::try_from(self.approvals.len()).unwrap_or(u32::MAX).saturating_add(1);
        let still_needed = request.rules.approvals_needed.saturating_sub(given);
        let mut events = vec![Event::ApprovalGiven(ApprovalGiven {
            payout_id: asked.payout_id.clone(),
            revision: asked.revision,
            by: asked.by.clone(),
            still_needed,
            at: asked.at,
        })];
        if still_needed == 0 {
            events.push(Event::Approved(Approved {
                payout_id: asked.payout_id.clone(),
                asset: request.asset,
                revision: asked.revision,
                by: self.approvals.iter().chain([&asked.by]).cloned().collect(),
                at: asked.at,
            }));
        }
        Ok(events)
    }

    fn expect_approver(request: &PayoutReserved, by: &Text) -> Result<(), Refusal> {
        if *by == request.requested_by {
            return Err(Refusal::OwnRequest);
        }
        if request.rules.approvers.contains(by) { Ok(()) } else { Err(Refusal::NotAnApprover { by: by.to_string() }) }
    }

    fn deny(&self, asked: &Deny) -> Result<Vec<Event>, Refusal> {
        let request = self.known(&asked.payout_id)?;
        if let Stage::Ended(end) = &self.stage
            && end.0 == End::Denied
            && end.1.by.as_ref() == Some(&asked.by)
        {
            return Ok(Vec::new());
        }
        self.expect_open()?;
        if self.stage != Stage::Waiting {
            return Err(Refusal::AlreadyApproved);
        }
        Self::expect_approver(request, &asked.by)?;
        let ended = self.ended(request, asked.reason.clone(), asked.at);
        Ok(vec![Event::Denied(Ended { by: Some(asked.by.clone()), ..ended })])
    }

    fn release(&self, asked: &Release) -> Result<Vec<Event>, Refusal> {
        self.known(&asked.payout_id)?;
        match self.stage {
            Stage::Approved => Ok(vec![Event::Released(Released { payout_id: asked.payout_id.clone(), at: asked.at })]),
            Stage::Released | Stage::Sent | Stage::Ended(_) => Ok(Vec::new()),
            Stage::Waiting => Err(Refusal::NotReleased),
        }
    }

    fn cancel(&self, asked: &CancelPayout) -> Result<Vec<Event>, Refusal> {
        let request = self.known(&asked.payout_id)?;
        match &self.stage {
            Stage::Ended(end) if end.0 == End::Cancelled => Ok(Vec::new()),
            Stage::Ended(end) => Err(Refusal::Ended { how: end.0.name() }),
            Stage::Sent => Err(Refusal::AlreadySent),
            Stage::Waiting | Stage::Approved | Stage::Released => {
                let ended = self.ended(request, asked.reason.clone(), asked.at);
                Ok(vec![Event::Cancelled(Ended { withheld: asked.withheld, ..ended })])
            }
        }
    }

    fn broadcast(&self, asked: &Broadcast) -> Result<Vec<Event>, Refusal> {
        self.known(&asked.payout_id)?;
        if self.sent.contains(&asked.transaction) {
            return Ok(Vec::new());
        }
        self.expect_open()?;
        let sent = Sent {
            payout_id: asked.payout_id.clone(),
            transaction: asked.transaction.clone(),
            replaces: self.sent.last().cloned(),
            at: asked.at,
        };
        match self.stage {
            Stage::Waiting | Stage::Approved | Stage::Ended(_) => Err(Refusal::NotReleased),
            Stage::Released => Ok(vec![Event::Broadcast(sent)]),
            Stage::Sent => Ok(vec![Event::Replaced(sent)]),
        }
    }

    /// What is on the chain is a fact, also where nobody had told that it was sent.
    fn complete(&self, asked: &Complete) -> Result<Vec<Event>, Refusal> {
        let request = self.known(&asked.payout_id)?;
        expect_coin(asked.fee)?;
        match &self.stage {
            Stage::Ended(end) if end.0 == End::Completed => {
                let is_same = end.1.transaction.as_ref() == Some(&asked.transaction) && end.1.fee == asked.fee;
                let exists = Refusal::ExistsWithDifferentContent { field: "transaction" };
                if is_same { Ok(Vec::new()) } else { Err(exists) }
            }
            Stage::Ended(end) if end.0 == End::Denied => Err(Refusal::Ended { how: end.0.name() }),
            Stage::Waiting | Stage::Approved => Err(Refusal::NotReleased),
            // What was given up and is on the chain all the same was paid.
            Stage::Released | Stage::Sent | Stage::Ended(_) => {
                let transaction = Some(asked.transaction.clone());
                let ended = with_fee(self.ended(request, None, asked.at), request, asked.fee);
                Ok(vec![Event::Completed(Ended { transaction, ..ended })])
            }
        }
    }

    /// Said late, it is of a time that was undone before, and changes nothing.
    fn orphan(&self, asked: &OrphanPayout) -> Result<Vec<Event>, Refusal> {
        let request = self.known(&asked.payout_id)?;
        if (1..=self.times_orphaned).contains(&asked.completion) {
            return Ok(Vec::new());
        }
        match &self.stage {
            Stage::Ended(end) if end.0 == End::Completed && asked.completion == self.times_orphaned + 1 => {
                Ok(vec![Event::Orphaned(Orphaned {
                    payout_id: asked.payout_id.clone(),
                    asset: request.asset,
                    amount: request.amount,
                    purpose: request.purpose.clone(),
                    completion: asked.completion,
                    transaction: end.1.transaction.clone(),
                    fee: end.1.fee,
                    at: asked.at,
                })])
            }
            Stage::Waiting | Stage::Approved | Stage::Released | Stage::Sent | Stage::Ended(_) => {
                Err(Refusal::NotCompleted)
            }
        }
    }

    fn fail(&self, asked: &Fail) -> Result<Vec<Event>, Refusal> {
        let request = self.known(&asked.payout_id)?;
        expect_coin(asked.fee)?;
        match &self.stage {
            Stage::Ended(end) if end.0 == End::Failed => Ok(Vec::new()),
            Stage::Ended(end) => Err(Refusal::Ended { how: end.0.name() }),
            Stage::Waiting | Stage::Approved => Err(Refusal::NotReleased),
            Stage::Released | Stage::Sent => {
                let ended = self.ended(request, asked.reason.clone(), asked.at);
                Ok(vec![Event::Failed(with_fee(ended, request, asked.fee))])
            }
        }
    }

    fn ended(&self, request: &PayoutReserved, reason: Option<Text>, at: Timestamp) -> Ended {
        Ended {
            payout_id: request.payout_id.clone(),
            asset: request.asset,
            amount: request.amount,
            purpose: request.purpose.clone(),
            transaction: None,
            fee: None,
            is_over_fee_cap: false,
            by: None,
            withheld: None,
            reason,
            times_orphaned: self.times_orphaned,
            at,
        }
    }

    /// What was asked for, at its latest price.
    #[must_use]
    pub fn request(&self) -> Option<&PayoutReserved> {
        self.request.as_ref()
    }
}

fn expect_coin(fee: Option<Money>) -> Result<(), Refusal> {
    let is_coin = fee.is_none_or(|it| it.currency().asset().is_some() && it.minor() >= 0);
    if is_coin { Ok(()) } else { Err(Refusal::FeeNotInAsset) }
}

fn with_fee(ended: Ended, request: &PayoutReserved, fee: Option<Money>) -> Ended {
    let cap = request.rules.fee_cap;
    let is_over = |fee: Money, cap: Money| fee.currency() == cap.currency() && fee.minor() > cap.minor();
    let is_over_fee_cap = fee.zip(cap).is_some_and(|(fee, cap)| is_over(fee, cap));
    Ended { fee, is_over_fee_cap, ..ended }
}

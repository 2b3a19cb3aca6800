//! Watch-only wallets: which address belongs to which invoice.
//!
//! A wallet is the public key of one account. Addresses are taken from its external branch in order, each by an event,
//! each for one invoice, and none is ever given out again. An invoice begins here, because only one stream can decide
//! who gets the next address; a policy then opens it. Nothing here can spend, and nothing here knows what was paid.

mod command;
mod event;
mod refusal;
#[cfg(test)]
mod stories;

pub use command::*;
pub use event::*;
pub use refusal::Refusal;

use crate::decider::Decider;
use crate::id::InvoiceId;
use crate::onchain::AccountKey;
use crate::text::Text;
use std::collections::BTreeMap;
use uuid::Uuid;

/// How many unused addresses wallet programs look ahead by default.
pub const GAP_LIMIT: u32 = 20;

/// A wallet as its decisions need it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Wallet {
    opened: Option<(AccountKey, Option<Text>)>,
    /// The address of each invoice, and what the client asked for.
    invoices: BTreeMap<InvoiceId, Given>,
    next: u32,
    /// The first index after the last one that somebody paid to.
    used_until: u32,
}

#[derive(Debug, Clone, PartialEq)]
struct Given {
    index: u32,
    name: Uuid,
    is_used: bool,
}

impl Decider for Wallet {
    const CATEGORY: &'static str = "wallet";
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn decide(&self, command: &Command) -> Result<Vec<Event>, Refusal> {
        match command {
            Command::Open(asked) => self.open(asked),
            Command::CreateInvoice(asked) => self.create_invoice(asked),
            Command::MarkUsed(asked) => self.mark_used(asked),
        }
    }

    fn evolve(&mut self, event: &Event) {
        match event {
            Event::Opened(it) => self.opened = Some((it.key.clone(), it.label.clone())),
            Event::AddressAllocated(it) => {
                let given = Given { index: it.index, name: it.agreement.name(), is_used: false };
                self.invoices.insert(it.agreement.invoice_id.clone(), given);
                self.next = it.index.saturating_add(1);
            }
            Event::AddressUsed(it) => {
                if let Some(given) = self.invoices.get_mut(&it.invoice_id) {
                    given.is_used = true;
                }
                self.used_until = self.used_until.max(it.index.saturating_add(1));
            }
        }
    }
}

impl Wallet {
    fn open(&self, asked: &OpenWallet) -> Result<Vec<Event>, Refusal> {
        if let Some((key, label)) = &self.opened {
            let is_same = *key == asked.key && *label == asked.label;
            let exists = Refusal::ExistsWithDifferentContent { field: "wallet_id" };
            return if is_same { Ok(Vec::new()) } else { Err(exists) };
        }
        Ok(vec![Event::Opened(Box::new(Opened {
            wallet_id: asked.wallet_id.clone(),
            key: asked.key.clone(),
            label: asked.label.clone(),
            at: asked.at,
        }))])
    }

    fn create_invoice(&self, asked: &CreateInvoice) -> Result<Vec<Event>, Refusal> {
        let (key, _) = self.opened.as_ref().ok_or(Refusal::UnknownWallet)?;
        let agreement = Agreement::of(&asked.offer)?;
        if let Some(given) = self.invoices.get(&agreement.invoice_id) {
            let exists = Refusal::ExistsWithDifferentContent { field: "invoice_id" };
            return if given.name == agreement.name() { Ok(Vec::new()) } else { Err(exists) };
        }
        if asked.offer.asset.id.chain != key.chain() {
            return Err(Refusal::OtherChain);
        }
        let unused_in_a_row = self.next.saturating_sub(self.used_until).saturating_add(1);
        Ok(vec![Event::AddressAllocated(Box::new(AddressAllocated {
            wallet_id: asked.wallet_id.clone(),
            index: self.next,
            address: key.address(self.next)?,
            agreement,
            unused_in_a_row,
            is_beyond_gap: unused_in_a_row >= GAP_LIMIT,
            at: asked.at,
        }))])
    }

    fn mark_used(&self, asked: &MarkUsed) -> Result<Vec<Event>, Refusal> {
        let given = self.invoices.get(&asked.invoice_id).ok_or(Refusal::UnknownInvoice)?;
        if given.is_used {
            return Ok(Vec::new());
        }
        let used_until = self.used_until.max(given.index.saturating_add(1));
        Ok(vec![Event::AddressUsed(AddressUsed {
            wallet_id: asked.wallet_id.clone(),
            invoice_id: asked.invoice_id.clone(),
            index: given.index,
            unused_in_a_row: self.next.saturating_sub(used_until),
            at: asked.at,
        })])
    }

    /// The key that its addresses derive from, where it was opened.
    #[must_use]
    pub fn key(&self) -> Option<&AccountKey> {
        self.opened.as_ref().map(|(key, _)| key)
    }
}

//! The books, kept again from the entries in the history.

use super::periods::Periods;
use chrono::DateTime;
use mizan_domain::entry::Posting;
use mizan_domain::id::MerchantId;
use mizan_domain::{Account, Currency, Money};
use mizan_store::seal::recount::Findings;
use mizan_store::seal::{Keys, Leaf};
use mizan_store::{Position, Recorded, Stored};
use std::collections::BTreeMap;
use uuid::Uuid;

/// What went to the debit and to the credit of an account, in minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Turnover {
    pub(super) debits: i128,
    pub(super) credits: i128,
}

/// An account of a merchant in a currency.
pub(super) type Key = (MerchantId, Account, Currency);

/// Every account, from nothing.
#[derive(Debug, Default)]
pub(super) struct Books {
    pub(super) accounts: BTreeMap<Key, Turnover>,
    pub(super) entries: u64,
    pub(super) periods: Periods,
}

impl Books {
    /// Books of a history that is sealed with these keys.
    pub(super) fn signed_by(keys: Option<Keys>) -> Self {
        Self { periods: Periods::signed_by(keys), ..Self::default() }
    }

    /// Books the entry of an event. One that nobody can read, or whose entry does not balance, is a finding.
    pub(super) fn take(&mut self, leaf: &Leaf<'_>, findings: &mut Findings) {
        let recorded = stored(leaf).and_then(|it| Recorded::try_from(it).map_err(|error| error.to_string()));
        let recorded = match recorded {
            Ok(recorded) => recorded,
            Err(why) => return findings.add("unreadable", Some(leaf.position), why),
        };
        self.book(&recorded);
        self.periods.take(recorded, findings);
    }

    fn book(&mut self, recorded: &Recorded) {
        let Some(entry) = recorded.event.entry() else { return };
        self.entries += 1;
        for posting in entry.postings() {
            let amount = posting.signed();
            let key = (recorded.metadata.merchant_id.clone(), posting.account().clone(), amount.currency());
            let turnover = self.accounts.entry(key).or_default();
            match posting {
                Posting::Debit { .. } => turnover.debits += amount.minor(),
                Posting::Credit { .. } => turnover.credits -= amount.minor(),
            }
        }
    }

    /// What all accounts have together in each currency, as text; zero, or the books are wrong.
    pub(super) fn sums(&self, findings: &mut Findings) -> BTreeMap<String, String> {
        let mut sums: BTreeMap<Currency, i128> = BTreeMap::new();
        for ((_, _, currency), it) in &self.accounts {
            *sums.entry(*currency).or_default() += it.debits - it.credits;
        }
        let text = |(currency, minor)| (Currency::to_string(&currency), Money::of_minor(minor, currency).to_string());
        for (currency, minor) in sums.iter().filter(|(_, minor)| **minor != 0) {
            let detail = format!("the accounts together have {}", Money::of_minor(*minor, *currency));
            findings.add("trial_balance", None, detail);
        }
        sums.into_iter().map(text).collect()
    }
}

fn stored(leaf: &Leaf<'_>) -> Result<Stored, String> {
    let at = DateTime::from_timestamp_micros(leaf.recorded_at_us);
    Ok(Stored {
        position: Position::new(leaf.position),
        merchant_id: leaf.merchant.to_owned(),
        category: leaf.category.to_owned(),
        name: leaf.name.to_owned(),
        revision: leaf.revision,
        event_id: Uuid::from_bytes(leaf.event_id),
        kind: leaf.kind.to_owned(),
        recorded_at: at.ok_or_else(|| format!("the event at position {} has no time", leaf.position))?,
        payload: leaf.payload.to_vec(),
        metadata: leaf.metadata.to_vec(),
    })
}

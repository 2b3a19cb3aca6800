//! The books, kept again from the entries in the history.

use super::periods::Periods;
use chrono::{DateTime, NaiveDate, Utc};
use mizan_domain::event::Event;
use mizan_domain::id::MerchantId;
use mizan_domain::{Account, Currency, Money, period};
use mizan_store::recorded::understood;
use mizan_store::seal::recount::Findings;
use mizan_store::seal::{Keys, Leaf};
use std::collections::BTreeMap;

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
        self.add(leaf.position, Understood::of(leaf), findings);
    }

    /// The same for an event that was looked at already.
    pub(super) fn add(&mut self, position: i64, read: Result<Understood, String>, findings: &mut Findings) {
        let read = match read {
            Ok(read) => read,
            Err(why) => return findings.add("unreadable", Some(position), why),
        };
        match read {
            Understood::Nothing => (),
            Understood::Posted(it) => {
                self.entries += 1;
                for leg in &it.legs {
                    let key = (it.merchant.clone(), leg.account.clone(), leg.currency);
                    let turnover = self.accounts.entry(key).or_default();
                    match leg.minor {
                        ..0 => turnover.credits -= leg.minor,
                        0.. => turnover.debits += leg.minor,
                    }
                }
                self.periods.post(it);
            }
            Understood::Closed(merchant, closed) => self.periods.check(&merchant, position, &closed, findings),
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

/// What the books need of an event. It is the same whatever came before, so that several threads can find it out.
#[derive(Debug)]
pub(super) enum Understood {
    /// It moves no money.
    Nothing,
    /// It has an entry.
    Posted(Posted),
    /// A period is closed.
    Closed(MerchantId, Box<period::Closed>),
}

/// An entry, on the day that it counts for.
#[derive(Debug)]
pub(super) struct Posted {
    pub(super) position: i64,
    pub(super) merchant: MerchantId,
    pub(super) day: NaiveDate,
    pub(super) legs: Vec<Leg>,
}

/// A leg of an entry, in minor units; debits are positive.
#[derive(Debug)]
pub(super) struct Leg {
    pub(super) account: Account,
    pub(super) currency: Currency,
    pub(super) minor: i128,
}

impl Understood {
    /// Reads an event, all of it.
    ///
    /// # Errors
    /// Why it cannot be read, for people.
    pub(super) fn of(leaf: &Leaf<'_>) -> Result<Self, String> {
        if DateTime::<Utc>::from_timestamp_micros(leaf.recorded_at_us).is_none() {
            return Err(format!("the event at position {} has no time", leaf.position));
        }
        let (metadata, event) = understood(leaf).map_err(|error| error.to_string())?;
        if let Event::Period(period::Event::Closed(it)) = event {
            return Ok(Self::Closed(metadata.merchant_id, Box::new(it)));
        }
        let Some(entry) = event.entry() else { return Ok(Self::Nothing) };
        let leg = |it: &mizan_domain::entry::Posting| {
            let amount = it.signed();
            Leg { account: it.account().clone(), currency: amount.currency(), minor: amount.minor() }
        };
        Ok(Self::Posted(Posted {
            position: leaf.position,
            merchant: metadata.merchant_id,
            day: event.effective_on(),
            legs: entry.postings().iter().map(leg).collect(),
        }))
    }
}

//! The balanced double entry that a money fact carries.
//!
//! An entry is built from movements between two accounts, so an unbalanced one cannot be written down; one that is
//! read from an old event is checked. Corrections are new entries, never edits.

use crate::account::Account;
use crate::id::CustomerId;
use crate::invalid::Invalid;
use crate::money::{Currency, Money};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One leg of an entry: so much to the debit or to the credit of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, try_from = "Leg")]
pub enum Posting {
    /// To the debit.
    Debit {
        /// The account.
        account: Account,
        /// A positive amount.
        debit: Money,
    },
    /// To the credit.
    Credit {
        /// The account.
        account: Account,
        /// A positive amount.
        credit: Money,
    },
}

/// A leg as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Leg {
    account: Account,
    debit: Option<Money>,
    credit: Option<Money>,
}

impl TryFrom<Leg> for Posting {
    type Error = &'static str;

    fn try_from(Leg { account, debit, credit }: Leg) -> Result<Self, &'static str> {
        match (debit, credit) {
            (Some(debit), None) => Ok(Self::Debit { account, debit }),
            (None, Some(credit)) => Ok(Self::Credit { account, credit }),
            (Some(_), Some(_)) | (None, None) => Err("a leg has either a debit or a credit"),
        }
    }
}

impl Posting {
    /// The account.
    #[must_use]
    pub fn account(&self) -> &Account {
        match self {
            Self::Debit { account, .. } | Self::Credit { account, .. } => account,
        }
    }

    /// The amount without its side.
    fn amount(&self) -> Money {
        match self {
            Self::Debit { debit, .. } => *debit,
            Self::Credit { credit, .. } => *credit,
        }
    }

    /// The amount with its sign: debits are positive.
    #[must_use]
    pub fn signed(&self) -> Money {
        match self {
            Self::Debit { debit, .. } => *debit,
            Self::Credit { credit, .. } => credit.negated(),
        }
    }
}

/// Postings that sum to zero in every currency, and the customer they concern.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Entry {
    #[serde(skip_serializing_if = "Option::is_none")]
    party: Option<CustomerId>,
    postings: Vec<Posting>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    party: Option<CustomerId>,
    postings: Vec<Posting>,
}

impl TryFrom<Unchecked> for Entry {
    type Error = String;

    fn try_from(read: Unchecked) -> Result<Self, String> {
        if let Some(posting) = read.postings.iter().find(|it| !it.amount().is_positive()) {
            return Err(format!("the leg of {} is not positive", posting.account()));
        }
        // Nearly every entry is in one currency.
        let mut sums: BTreeMap<Currency, i128> = BTreeMap::new();
        let amounts = || read.postings.iter().map(Posting::signed);
        let first = amounts().next().map(Money::currency);
        let is_of_one = amounts().all(|it| Some(it.currency()) == first);
        if !is_of_one || amounts().map(Money::minor).sum::<i128>() != 0 {
            amounts().for_each(|it| *sums.entry(it.currency()).or_default() += it.minor());
        }
        match sums.into_iter().find(|(_, sum)| *sum != 0) {
            Some((currency, sum)) => Err(format!("the entry is out of balance by {}", Money::of_minor(sum, currency))),
            None => Ok(Self { party: read.party, postings: read.postings }),
        }
    }
}

impl Entry {
    /// A trial balance: the entry that would make these balances, debits positive. What is zero is left out.
    ///
    /// # Errors
    /// Why they are no trial balance: which currency does not sum to zero, or which amount is beyond the limit.
    pub fn of_balances(balances: impl IntoIterator<Item = (Account, Money)>) -> Result<Self, String> {
        let mut postings = Vec::new();
        for (account, balance) in balances.into_iter().filter(|(_, balance)| !balance.is_zero()) {
            let amount = balance.with_minor(balance.minor().abs()).map_err(|it| it.to_string())?;
            postings.push(if balance.is_positive() {
                Posting::Debit { account, debit: amount }
            } else {
                Posting::Credit { account, credit: amount }
            });
        }
        Self::try_from(Unchecked { party: None, postings })
    }

    /// The legs, debits first.
    #[must_use]
    pub fn postings(&self) -> &[Posting] {
        &self.postings
    }

    /// The customer whose money moved, where one is known.
    #[must_use]
    pub fn party(&self) -> Option<&CustomerId> {
        self.party.as_ref()
    }

    /// Whether no money moved.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.postings.is_empty()
    }

    /// One entry of what moved in several currencies, each balanced by itself.
    ///
    /// # Errors
    /// [`Invalid::AmountTooLarge`] for a leg beyond the limit.
    pub fn together(parts: impl IntoIterator<Item = Balances>, party: Option<CustomerId>) -> Result<Self, Invalid> {
        let mut postings = Vec::new();
        for part in parts {
            postings.extend(part.into_entry(None)?.postings);
        }
        postings.sort_by_key(|it: &Posting| matches!(it, Posting::Credit { .. }));
        Ok(Self { party, postings })
    }

    /// This entry and a movement more: one leg an account and currency.
    ///
    /// # Errors
    /// [`Invalid::AmountTooLarge`] for a leg beyond the limit.
    pub fn and(&self, more: Balances) -> Result<Self, Invalid> {
        let mut parts: BTreeMap<Currency, Balances> = BTreeMap::new();
        for posting in &self.postings {
            let amount = posting.signed();
            let part = parts.entry(amount.currency()).or_insert_with(|| Balances::new(amount.currency()));
            *part.minor.entry(posting.account().clone()).or_default() += amount.minor();
        }
        let part = parts.remove(&more.currency).unwrap_or_else(|| Balances::new(more.currency)).plus(more);
        parts.insert(part.currency, part);
        Self::together(parts.into_values(), self.party.clone())
    }

    /// The same legs the other way: what undoes this entry.
    #[must_use]
    pub fn mirrored(&self) -> Self {
        let turned = |it: &Posting| match it.clone() {
            Posting::Debit { account, debit } => Posting::Credit { account, credit: debit },
            Posting::Credit { account, credit } => Posting::Debit { account, debit: credit },
        };
        let mut postings: Vec<Posting> = self.postings.iter().map(turned).collect();
        postings.sort_by_key(|it| matches!(it, Posting::Credit { .. }));
        Self { party: self.party.clone(), postings }
    }

    /// What an account gained (debit) or lost (credit) in this entry, in minor units of the currency.
    #[must_use]
    pub fn moved(&self, account: &Account, currency: Currency) -> i128 {
        let legs = self.postings.iter().filter(|it| it.account() == account && it.signed().currency() == currency);
        legs.map(|it| it.signed().minor()).sum()
    }
}

/// Balances of accounts in one currency that sum to zero, because they only change by movements between two of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Balances {
    currency: Currency,
    /// Debit balances are positive.
    minor: BTreeMap<Account, i128>,
}

impl Balances {
    /// No balances yet.
    #[must_use]
    pub fn new(currency: Currency) -> Self {
        Self { currency, minor: BTreeMap::new() }
    }

    /// Moves an amount: to the debit of one account, to the credit of the other.
    #[must_use]
    pub fn moved(mut self, debit: Account, credit: Account, minor: i128) -> Self {
        *self.minor.entry(debit).or_default() += minor;
        *self.minor.entry(credit).or_default() -= minor;
        self
    }

    /// Gives what an account has to another account, where the rule `which` says so.
    #[must_use]
    pub fn relabelled(self, which: impl Fn(&Account, i128) -> Option<Account>) -> Self {
        let mut minor: BTreeMap<Account, i128> = BTreeMap::new();
        for (account, amount) in self.minor {
            let account = which(&account, amount).unwrap_or(account);
            *minor.entry(account).or_default() += amount;
        }
        Self { minor, ..self }
    }

    /// Both movements together.
    #[must_use]
    pub fn plus(mut self, other: Self) -> Self {
        for (account, minor) in other.minor {
            *self.minor.entry(account).or_default() += minor;
        }
        self
    }

    /// What has to be moved to come from `before` to here.
    #[must_use]
    pub fn since(mut self, before: &Self) -> Self {
        for (account, minor) in &before.minor {
            *self.minor.entry(account.clone()).or_default() -= minor;
        }
        self
    }

    /// These balances as one entry, debits first, each account once, nothing that is zero.
    ///
    /// # Errors
    /// [`Invalid::AmountTooLarge`] for a leg beyond the limit.
    pub fn into_entry(self, party: Option<CustomerId>) -> Result<Entry, Invalid> {
        let zero = Money::zero(self.currency);
        let mut postings = Vec::with_capacity(self.minor.len());
        for (account, minor) in self.minor.iter().filter(|(_, minor)| **minor > 0) {
            postings.push(Posting::Debit { account: account.clone(), debit: zero.with_minor(*minor)? });
        }
        for (account, minor) in self.minor.iter().filter(|(_, minor)| **minor < 0) {
            postings.push(Posting::Credit { account: account.clone(), credit: zero.with_minor(-*minor)? });
        }
        Ok(Entry { party, postings })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn movements_merge_and_stay_balanced() {
        let eur = Currency::parse("EUR").unwrap();
        let entry = Balances::new(eur)
            .moved(Account::DisputesReceivable, Account::PspClearing, 10000)
            .moved(Account::DisputeFees, Account::PspClearing, 1500)
            .moved(Account::Bank, Account::Sales, 0)
            .into_entry(None)
            .unwrap();
        let json = serde_json::to_string(&entry).unwrap();
        assert_eq!(
            json,
            r#"{"postings":[{"account":"disputes_receivable","debit":"100.00 EUR"},{"account":"dispute_fees","debit":"15.00 EUR"},{"account":"psp_clearing","credit":"115.00 EUR"}]}"#
        );
        assert_eq!(serde_json::from_str::<Entry>(&json).unwrap(), entry);
    }

    #[test]
    fn an_unbalanced_entry_is_not_read() {
        let json = r#"{"postings":[{"account":"bank","debit":"1.00 EUR"},{"account":"sales","credit":"1.00 USD"}]}"#;
        assert!(serde_json::from_str::<Entry>(json).unwrap_err().to_string().contains("out of balance by"));
    }

    #[test]
    fn a_leg_has_one_side_and_a_positive_amount() {
        for leg in [
            r#"{"account":"bank","debit":"1.00 EUR","credit":"1.00 EUR"}"#,
            r#"{"account":"bank","debit":"-1.00 EUR"},{"account":"sales","credit":"-1.00 EUR"}"#,
            r#"{"account":"bank","debit":"0.00 EUR"}"#,
            r#"{"account":"bank"}"#,
        ] {
            assert!(serde_json::from_str::<Entry>(&format!(r#"{{"postings":[{leg}]}}"#)).is_err(), "{leg}");
        }
    }
}

//! Closed periods: whether each trial balance is what the entries before it come to, and whether it was signed.

use super::books::{Key, Posted};
use chrono::{Days, NaiveDate};
use mizan_domain::id::MerchantId;
use mizan_domain::{Money, period};
use mizan_store::seal::Keys;
use mizan_store::seal::recount::Findings;
use std::collections::{BTreeMap, VecDeque};

/// How many events with an entry are kept back, until it is known whether a period that is closed next counts them: it
/// counts those up to a position that lies a moment before its own.
const KEPT_BACK_MAX: usize = 20_000;

/// The periods of everybody, from nothing.
#[derive(Debug, Default)]
pub(super) struct Periods {
    /// The keys of the history; none where nothing was ever sealed.
    keys: Option<Keys>,
    kept_back: VecDeque<Posted>,
    /// The last position that is not kept back any more.
    counted: i64,
    merchants: BTreeMap<MerchantId, Ledger>,
    pub(super) closed: u64,
}

/// What is posted of one merchant, by day.
#[derive(Debug, Default)]
struct Ledger {
    /// Up to which position and day each closed period goes.
    closings: Vec<(i64, NaiveDate)>,
    /// Everything up to the last closed day, in minor units, debits positive.
    closed: BTreeMap<Key, i128>,
    /// What is posted to later days.
    open: BTreeMap<NaiveDate, BTreeMap<Key, i128>>,
}

impl Periods {
    pub(super) fn signed_by(keys: Option<Keys>) -> Self {
        Self { keys, ..Self::default() }
    }

    /// Takes an event with an entry, in order.
    pub(super) fn post(&mut self, posted: Posted) {
        self.kept_back.push_back(posted);
        if self.kept_back.len() > KEPT_BACK_MAX
            && let Some(first) = self.kept_back.pop_front()
        {
            self.counted = first.position;
            match self.merchants.get_mut(&first.merchant) {
                Some(ledger) => ledger.post(&first),
                None => self.merchants.entry(first.merchant.clone()).or_default().post(&first),
            }
        }
    }

    /// Takes the closing of a period, in order.
    pub(super) fn check(
        &mut self,
        merchant: &MerchantId,
        position: i64,
        closed: &period::Closed,
        findings: &mut Findings,
    ) {
        self.closed += 1;
        let through = i64::try_from(closed.statement.through).unwrap_or(i64::MAX);
        if through >= position || through < self.counted {
            let detail = format!("the period until {} counts what was recorded up to {through}", closed.until);
            return findings.add("period_position", Some(position), detail);
        }
        let of_it = |it: &Posted| it.merchant == *merchant && it.position <= through;
        let (now, later): (VecDeque<_>, VecDeque<_>) = std::mem::take(&mut self.kept_back).into_iter().partition(of_it);
        self.kept_back = later;
        let ledger = self.merchants.entry(merchant.clone()).or_default();
        now.iter().for_each(|it| ledger.post(it));
        ledger.close(through, closed.until);
        let mut said: BTreeMap<Key, i128> = BTreeMap::new();
        for it in closed.statement.trial_balance.postings() {
            let amount = it.signed();
            *said.entry((merchant.clone(), it.account().clone(), amount.currency())).or_default() += amount.minor();
        }
        for key in ledger.closed.keys().chain(said.keys()) {
            let (is, was) = (ledger.closed.get(key).unwrap_or(&0), said.get(key).unwrap_or(&0));
            if is != was {
                let money = |minor: i128| Money::of_minor(minor, key.2);
                let detail = format!(
                    "the trial balance until {} has {} in {}, the entries come to {}",
                    closed.until,
                    money(*was),
                    key.1,
                    money(*is)
                );
                findings.add("period_balance", Some(position), detail);
            }
        }
        if let Err(why) = self.is_signed(merchant, closed) {
            let detail = format!("the trial balance until {} is not signed: {why}", closed.until);
            findings.add("period_signature", Some(position), detail);
        }
    }

    fn is_signed(&self, merchant: &MerchantId, closed: &period::Closed) -> Result<(), String> {
        let keys = self.keys.as_ref().ok_or("the history has no key")?;
        let period::Statement { through, trial_balance, note } = &closed.statement;
        let text = keys.statement(note).map_err(|error| error.to_string())?;
        let expected = period::note_text(keys.current().name(), merchant, closed.until, *through, trial_balance);
        if text == expected { Ok(()) } else { Err("the note says something else".to_owned()) }
    }
}

impl Ledger {
    fn post(&mut self, it: &Posted) {
        let closed = self.closings.iter().filter(|(through, _)| *through < it.position).map(|(_, until)| *until).max();
        let opens = closed.and_then(|it| it.checked_add_days(Days::new(1)));
        let day = opens.map_or(it.day, |opens| opens.max(it.day));
        let sums = self.open.entry(day).or_default();
        for leg in &it.legs {
            *sums.entry((it.merchant.clone(), leg.account.clone(), leg.currency)).or_default() += leg.minor;
        }
    }

    fn close(&mut self, through: i64, until: NaiveDate) {
        let next = until.checked_add_days(Days::new(1)).unwrap_or(NaiveDate::MAX);
        let later = self.open.split_off(&next);
        for sums in std::mem::replace(&mut self.open, later).into_values() {
            for (key, minor) in sums {
                *self.closed.entry(key).or_default() += minor;
            }
        }
        self.closed.retain(|_, minor| *minor != 0);
        self.closings.push((through, until));
    }
}

//! An auditor of schedules, who reads events alone and does every sum himself.

use crate::account::Account;
use crate::event::Event;
use crate::id::{DepositId, PayoutId, RefundId};
use crate::money::Currency;
use crate::onchain::deposit::{self, Observation, Sighting};
use crate::onchain::holding::{self, Purpose};
use crate::onchain::invoice::{self, RefundOutcome};
use crate::rehearsal::onchain::btc;
use crate::rehearsal::{Stage, the};
use std::collections::BTreeMap;

/// Reads events alone and does every sum himself.
#[derive(Default)]
pub(super) struct Auditor {
    balances: BTreeMap<(Currency, Account), i128>,
    /// The deposits that are confirmed, with amount and value.
    pub(super) confirmed: BTreeMap<DepositId, (i128, i128)>,
    pub(super) last: BTreeMap<DepositId, u64>,
    pub(super) settled: Option<i128>,
    credit: i128,
    held: Option<holding::Held>,
    /// Refunds that were asked for and not given up, with what they settle.
    refunds: BTreeMap<(RefundId, u32), i128>,
    /// Which refund a payout is, what it takes, and whether it is on the chain.
    pub(super) payouts: BTreeMap<PayoutId, Option<(RefundId, u32)>>,
    taken: BTreeMap<PayoutId, (i128, bool)>,
    fees: i128,
}

impl Auditor {
    pub(super) fn observe(&mut self, event: &Event) -> Result<(), String> {
        let mut sums: BTreeMap<Currency, i128> = BTreeMap::new();
        for posting in event.entry().into_iter().flat_map(|it| it.postings()) {
            let amount = posting.signed();
            *sums.entry(amount.currency()).or_default() += amount.minor();
            *self.balances.entry((amount.currency(), posting.account().clone())).or_default() += amount.minor();
        }
        if sums.values().any(|sum| *sum != 0) {
            return Err(format!("out of balance: {event:?}"));
        }
        match event {
            Event::Deposit(it) => self.deposit(it)?,
            Event::Invoice(it) => {
                self.credit = it.standing().left_over.minor();
                match it {
                    invoice::Event::Settled(it) => {
                        let before = self.settled.replace(it.amount.minor());
                        if before.is_some() {
                            return Err("settled twice".to_owned());
                        }
                    }
                    invoice::Event::SettlementReversed(it) => {
                        let was = self.settled.take();
                        let is_so = was == Some(it.amount.minor());
                        is_so.then_some(()).ok_or("reversed what was not settled")?;
                    }
                    invoice::Event::RefundRequested(it) => {
                        self.refunds.insert((it.refund_id.clone(), it.attempt), it.value.minor());
                    }
                    invoice::Event::RefundEnded(it) if it.outcome == RefundOutcome::NotPaid => {
                        self.refunds.remove(&(it.refund_id.clone(), it.attempt));
                    }
                    _other => (),
                }
            }
            Event::Holding(it) => self.holding(it)?,
            _other => (),
        }
        Ok(())
    }

    fn holding(&mut self, event: &holding::Event) -> Result<(), String> {
        match event {
            holding::Event::LotAcquired(it) | holding::Event::LotLost(it) => self.held = Some(it.held.clone()),
            holding::Event::Sold(it) => self.held = Some(it.held.clone()),
            holding::Event::FeePaid(it) => {
                self.fees += it.amount.minor();
                self.held = Some(it.held.clone());
            }
            holding::Event::PayoutReserved(it) => {
                let Purpose::Refund { refund_id, attempt, .. } = &it.purpose else { return Ok(()) };
                self.payouts.insert(it.payout_id.clone(), Some((refund_id.clone(), *attempt)));
            }
            holding::Event::PayoutTaken(it) => {
                self.held = Some(it.held.clone());
                if self.taken.insert(it.payout_id.clone(), (it.amount.minor(), false)).is_some() {
                    return Err(format!("taken twice: {it:?}"));
                }
            }
            holding::Event::PayoutSettled(it) => {
                self.taken.insert(it.payout_id.clone(), (it.amount.minor(), true));
            }
            holding::Event::FeeReturned(it) => {
                self.fees -= it.amount.minor();
                self.held = Some(it.held.clone());
            }
            holding::Event::PayoutUnsettled(it) => {
                let was = self.taken.insert(it.payout_id.clone(), (it.amount.minor(), false));
                was.filter(|(_, is_settled)| *is_settled).ok_or("taken back what was on no chain")?;
            }
            holding::Event::PayoutReturned(it) => {
                self.held = Some(it.held.clone());
                self.taken.remove(&it.payout_id);
            }
            _other => (),
        }
        Ok(())
    }

    /// What was promised to customers and is still their credit in the books: refunds that nobody has approved yet.
    fn promised(&self) -> i128 {
        let taken: Vec<_> = self.taken.keys().filter_map(|id| self.payouts.get(id)?.as_ref()).collect();
        self.refunds.iter().filter(|(refund, _)| !taken.contains(refund)).map(|(_, value)| value).sum()
    }

    fn deposit(&mut self, event: &deposit::Event) -> Result<(), String> {
        match event {
            deposit::Event::Confirmed(it) => {
                let value = (it.amount.minor(), it.value.minor());
                if self.confirmed.insert(it.deposit_id.clone(), value).is_some() {
                    return Err(format!("credited twice: {it:?}"));
                }
                self.last.insert(it.deposit_id.clone(), it.sequence);
            }
            deposit::Event::Orphaned(it) | deposit::Event::Replaced(it) | deposit::Event::Failed(it) => {
                let was = self.confirmed.remove(&it.deposit_id);
                if was.is_some() != it.undoes.is_some() {
                    return Err(format!("taken back what was not there: {it:?}"));
                }
                self.last.insert(it.deposit_id.clone(), it.sequence);
            }
            deposit::Event::Seen(it) => {
                self.last.insert(it.deposit_id.clone(), it.sequence);
            }
            deposit::Event::Finalised(it) => {
                self.last.insert(it.deposit_id.clone(), it.sequence);
            }
        }
        Ok(())
    }

    fn balance(&self, account: Account, currency: Currency) -> i128 {
        self.balances.get(&(currency, account)).copied().unwrap_or(0)
    }

    /// After a look that was news, the deposit is what the look saw.
    pub(super) fn check_look(&self, look: &Observation, was_confirmed: bool) -> Result<(), String> {
        let is_confirmed = self.confirmed.contains_key(&look.output.deposit_id());
        let is_right = match &look.sighting {
            Sighting::Included { confirmations, .. } => is_confirmed == (*confirmations >= 1) || was_confirmed,
            Sighting::Seen | Sighting::Orphaned | Sighting::Replaced { .. } | Sighting::Failed => !is_confirmed,
        };
        if is_right { Ok(()) } else { Err(format!("{look:?} left it confirmed: {is_confirmed}")) }
    }

    /// When every consequence is drawn, all of it fits together.
    pub(super) fn check_settled(&self, stage: &Stage) -> Result<(), String> {
        let (coin, money): (Currency, Currency) = (btc().into(), the("EUR"));
        let (amounts, _values): (i128, i128) =
            self.confirmed.values().fold((0, 0), |sum, it| (sum.0 + it.0, sum.1 + it.1));
        let sold = stage.events().filter_map(|event| match event {
            Event::Holding(holding::Event::Sold(it)) => Some(it.amount.minor()),
            _other => None,
        });
        let hot = self.balance(Account::CryptoHot, coin);
        let paid_out: i128 = self.taken.values().filter(|(_, is_settled)| *is_settled).map(|(amount, _)| amount).sum();
        let in_transit: i128 = self.taken.values().map(|(amount, _)| amount).sum::<i128>() - paid_out;
        let expected = amounts - sold.sum::<i128>() - paid_out - self.fees;
        let due = stage.order().due().map_or(0, |it| it.minor());
        let settled = self.settled.unwrap_or(0);
        let (held, cost) = self.held.as_ref().map_or((0, 0), |it| (it.amount.minor(), it.cost.minor()));
        let checks = [
            ("the wallet has what is confirmed and not sold", hot, expected),
            ("what is promised is in transit", -self.balance(Account::PayoutsInTransit, coin), in_transit),
            ("the trading account mirrors the wallet", self.balance(Account::FxTrading, coin), in_transit - hot),
            ("the lots are what the wallet has and has not promised", held, hot - in_transit),
            ("the trading account has what the lots cost", self.balance(Account::FxTrading, money), cost),
            ("what is settled reached the payment", self.balance(Account::OnchainClearing, money), 0),
            ("the order is paid by what is settled", due, 10_000 - settled),
            (
                "the rest is the customer's credit",
                -self.balance(Account::CustomerCredit, money),
                self.credit + self.promised(),
            ),
        ];
        match checks.into_iter().find(|(_, is, should)| is != should) {
            Some((what, is, should)) => Err(format!("{what}: {is}, not {should}")),
            None => Ok(()),
        }
    }
}

//! Whatever watchers tell, in whatever order and however often: each output is credited once, what the chain takes back
//! is taken back, and the books balance after every step.
//!
//! The number of schedules is `PROPTEST_CASES`, or as many as the library does by itself.

use crate::account::Account;
use crate::event::{Command, Event};
use crate::id::DepositId;
use crate::money::Currency;
use crate::onchain::deposit::{self, Observation, Sighting};
use crate::onchain::holding;
use crate::onchain::invoice::{self, Resolution, Settlement};
use crate::onchain::{CostBasis, LatePolicy, Terms};
use crate::rehearsal::onchain::*;
use crate::rehearsal::{Stage, eur, the};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// What can happen in a schedule.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// A new look at a transaction.
    Look { tx: u8, amount: usize, what: What, rate: usize, at: i64 },
    /// An older look is told again.
    Again(usize),
    /// The merchant decides.
    Resolve(u8, bool),
    /// Some is sold, if it is there.
    Sell(u8, usize),
    /// Time passes.
    Time(i64),
    /// One of the waiting consequences is drawn.
    DoOne(usize),
    /// What waits is forgotten.
    Crash,
    /// The follower reads on.
    Follow,
}

#[derive(Debug, Clone, Copy)]
enum What {
    Seen,
    Included(u64, u32),
    Orphaned,
    Replaced,
    Failed,
}

const AMOUNTS: [&str; 6] = ["0.00200000", "0.00100000", "0.00066667", "0.00250000", "0.00000050", "0.00199950"];
const RATES: [&str; 4] = ["50000", "50500", "47123.45", "61000"];

fn any_step() -> impl Strategy<Value = Step> {
    let what = prop_oneof![
        3 => Just(What::Seen),
        6 => (100_u64..103, 1_u32..9).prop_map(|(height, depth)| What::Included(height, depth)),
        3 => Just(What::Orphaned),
        1 => Just(What::Replaced),
        1 => Just(What::Failed),
    ];
    let look = (1_u8..5, 0..AMOUNTS.len(), what, 0..RATES.len(), 0_i64..40);
    prop_oneof![
        12 => look.prop_map(|(tx, amount, what, rate, at)| Step::Look { tx, amount, what, rate, at }),
        4 => any::<usize>().prop_map(Step::Again),
        1 => (0_u8..3, any::<bool>()).prop_map(|(nth, accept)| Step::Resolve(nth, accept)),
        1 => (0_u8..3, 0..AMOUNTS.len()).prop_map(|(nth, amount)| Step::Sell(nth, amount)),
        1 => (0_i64..3000).prop_map(Step::Time),
        3 => any::<usize>().prop_map(Step::DoOne),
        1 => Just(Step::Crash),
        2 => Just(Step::Follow),
    ]
}

/// Reads events alone and does every sum himself.
#[derive(Default)]
struct Auditor {
    balances: BTreeMap<(Currency, Account), i128>,
    /// The deposits that are confirmed, with amount and value.
    confirmed: BTreeMap<DepositId, (i128, i128)>,
    last: BTreeMap<DepositId, u64>,
    settled: Option<i128>,
    credit: i128,
    held: Option<holding::Held>,
}

impl Auditor {
    fn observe(&mut self, event: &Event) -> Result<(), String> {
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
                        if self.settled.take() != Some(it.amount.minor()) {
                            return Err("reversed what was not settled".to_owned());
                        }
                    }
                    _other => (),
                }
            }
            Event::Holding(holding::Event::LotAcquired(it) | holding::Event::LotLost(it)) => {
                self.held = Some(it.held.clone());
            }
            Event::Holding(holding::Event::Sold(it)) => self.held = Some(it.held.clone()),
            _other => (),
        }
        Ok(())
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
    fn check_look(&self, look: &Observation, was_confirmed: bool) -> Result<(), String> {
        let is_confirmed = self.confirmed.contains_key(&look.output.deposit_id());
        let is_right = match &look.sighting {
            Sighting::Included { confirmations, .. } => is_confirmed == (*confirmations >= 1) || was_confirmed,
            Sighting::Seen | Sighting::Orphaned | Sighting::Replaced { .. } | Sighting::Failed => !is_confirmed,
        };
        if is_right { Ok(()) } else { Err(format!("{look:?} left it confirmed: {is_confirmed}")) }
    }

    /// When every consequence is drawn, all of it fits together.
    fn check_settled(&self, stage: &Stage) -> Result<(), String> {
        let (coin, money): (Currency, Currency) = (btc().into(), the("EUR"));
        let (amounts, _values): (i128, i128) =
            self.confirmed.values().fold((0, 0), |sum, it| (sum.0 + it.0, sum.1 + it.1));
        let sold = stage.events().filter_map(|event| match event {
            Event::Holding(holding::Event::Sold(it)) => Some(it.amount.minor()),
            _other => None,
        });
        let hot = self.balance(Account::CryptoHot, coin);
        let expected = amounts - sold.sum::<i128>();
        let due = stage.order().due().map_or(0, |it| it.minor());
        let settled = self.settled.unwrap_or(0);
        let (held, cost) = self.held.as_ref().map_or((0, 0), |it| (it.amount.minor(), it.cost.minor()));
        let checks = [
            ("the wallet has what is confirmed and not sold", hot, expected),
            ("the trading account mirrors the wallet", self.balance(Account::FxTrading, coin), -hot),
            ("the lots are what the wallet has", held, hot),
            ("the trading account has what the lots cost", self.balance(Account::FxTrading, money), cost),
            ("what is settled reached the payment", self.balance(Account::OnchainClearing, money), 0),
            ("the order is paid by what is settled", due, 10_000 - settled),
            ("the rest is the customer's credit", -self.balance(Account::CustomerCredit, money), self.credit),
        ];
        match checks.into_iter().find(|(_, is, should)| is != should) {
            Some((what, is, should)) => Err(format!("{what}: {is}, not {should}")),
            None => Ok(()),
        }
    }
}

struct Player {
    stage: Stage,
    auditor: Auditor,
    shown: usize,
    looks: Vec<Observation>,
}

impl Player {
    fn play(&mut self, step: Step) -> Result<(), String> {
        match step {
            Step::Look { tx, amount, what, rate, at } => {
                let sighting = match what {
                    What::Seen => Sighting::Seen,
                    What::Included(height, depth) => included(height, depth),
                    What::Orphaned => Sighting::Orphaned,
                    What::Replaced => Sighting::Replaced { by: None },
                    What::Failed => Sighting::Failed,
                };
                let sequence = self.looks.len() as u64 + 1;
                // An output of a transaction never changes.
                let amount = coins(AMOUNTS[(amount + usize::from(tx)) % if tx < 3 { 1 } else { AMOUNTS.len() }]);
                let known = self.looks.iter().find(|it| it.output.transaction == the(&hash(tx))).map(|it| it.amount);
                let rate = Some(spot(RATES[rate]));
                let look = observation(sequence, tx, known.unwrap_or(amount), sighting, rate, minute(at));
                self.looks.push(look.clone());
                self.tell(look)
            }
            Step::Again(nth) if self.looks.is_empty() => {
                let _ = nth;
                Ok(())
            }
            Step::Again(nth) => self.tell(self.looks[nth % self.looks.len()].clone()),
            Step::Resolve(nth, accept) => {
                let how = if accept { Resolution::AcceptAtTodaysValue } else { Resolution::KeepAsCredit };
                let (invoice_id, resolution_id) = (the("i-1"), the(&format!("x-{nth}")));
                let spot = Some(spot("49000"));
                let asked = invoice::Resolve { invoice_id, resolution_id, how, spot, reason: None, at: minute(50) };
                self.say(invoice::Command::Resolve(asked).into())
            }
            Step::Sell(nth, amount) => {
                let asked = holding::Sell {
                    asset: btc().id,
                    sale_id: the(&format!("s-{nth}")),
                    amount: coins(AMOUNTS[amount]),
                    proceeds: eur("77.77"),
                    fee: eur("0.77"),
                    reference: None,
                    at: minute(50),
                };
                self.say(holding::Command::Sell(asked).into())
            }
            Step::Time(at) => {
                let asked = invoice::TellTime { invoice_id: the("i-1"), at: minute(at) };
                self.say(invoice::Command::TellTime(asked).into())
            }
            Step::DoOne(nth) => {
                self.stage.do_one(nth);
                self.show()
            }
            Step::Crash => {
                self.stage.crash();
                Ok(())
            }
            Step::Follow => {
                self.stage.follow();
                self.show()?;
                self.auditor.check_settled(&self.stage)
            }
        }
    }

    fn tell(&mut self, look: Observation) -> Result<(), String> {
        let id = look.output.deposit_id();
        let is_old = self.auditor.last.get(&id).is_some_and(|last| look.sequence <= *last);
        let is_known = self.auditor.last.contains_key(&id);
        let was_confirmed = self.auditor.confirmed.contains_key(&id);
        let before = self.stage.history.len();
        self.say(deposit::Command::Observe(Box::new(look.clone())).into())?;
        if is_old && self.stage.history.len() != before {
            return Err(format!("an older look told something: {look:?}"));
        }
        if is_old || (!is_known && self.stage.history.len() == before) {
            return Ok(());
        }
        self.auditor.check_look(&look, was_confirmed)
    }

    fn say(&mut self, command: Command) -> Result<(), String> {
        // What merchants ask may be refused; what chains did may not.
        let is_fact = matches!(command, Command::Deposit(_));
        if let Err(refusal) = self.stage.say(&command)
            && is_fact
        {
            return Err(format!("{command:?}: {refusal}"));
        }
        self.show()
    }

    fn show(&mut self) -> Result<(), String> {
        for (stream, event) in &self.stage.history[self.shown..] {
            self.auditor.observe(event).map_err(|it| format!("{stream}: {it}"))?;
        }
        self.shown = self.stage.history.len();
        Ok(())
    }
}

fn rehearse(steps: &[Step], terms: Terms, basis: CostBasis) -> Result<(), String> {
    let mut player =
        Player { stage: Shop::with(terms, basis).stage, auditor: Auditor::default(), shown: 0, looks: Vec::new() };
    player.show()?;
    for step in steps {
        player.play(*step)?;
    }
    player.play(Step::Follow)?;
    player.stage.follow_from_the_start();
    player.show()?;
    player.auditor.check_settled(&player.stage)?;
    let is_settled = player.auditor.settled.is_some();
    let said = player.stage.events().filter_map(|event| match event {
        Event::Invoice(it) => Some(it.standing().settlement),
        _other => None,
    });
    if said.last().map(|it| it == Settlement::Settled) != Some(is_settled) {
        return Err("the invoice says otherwise".to_owned());
    }
    let read = player.stage.read_again();
    if read.iter().any(|(name, state)| player.stage.aggregates().get(name) != Some(state)) {
        return Err("the stored bytes give another state".to_owned());
    }
    Ok(())
}

proptest! {
    #[test]
    fn every_output_is_credited_once_and_reversed_with_its_block(
        steps in prop::collection::vec(any_step(), 1..24),
        is_weighted in any::<bool>(),
        asks in any::<bool>(),
        tolerance in prop::sample::select(vec!["0", "0.02"]),
    ) {
        let late = if asks { LatePolicy::Ask } else { LatePolicy::AcceptWithinTolerance };
        let basis = if is_weighted { CostBasis::Weighted } else { CostBasis::Fifo };
        let told = rehearse(&steps, Terms { late, tolerance: the(tolerance), ..terms() }, basis);
        prop_assert_eq!(told, Ok(()));
    }
}

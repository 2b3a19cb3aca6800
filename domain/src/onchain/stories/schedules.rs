//! Whatever watchers tell, in whatever order and however often: each output is credited once, what the chain takes back
//! is taken back, and the books balance after every step.
//!
//! The number of schedules is `PROPTEST_CASES`, or as many as the library does by itself.

use super::auditor::Auditor;
use crate::event::{Command, Event};
use crate::id::PayoutId;
use crate::onchain::deposit::{self, Observation, Sighting};
use crate::onchain::holding;
use crate::onchain::invoice::{self, RefundRule, Resolution, Settlement};
use crate::onchain::payout;
use crate::onchain::{CostBasis, LatePolicy, Terms};
use crate::rehearsal::onchain::*;
use crate::rehearsal::{Stage, eur, the};
use proptest::prelude::*;

/// The longest schedule.
const STEPS_MAX: usize = 40;

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
    /// What is left over goes back, by one of the rules.
    Refund(u8, usize),
    /// Somebody agrees to one of the payouts.
    Approve(usize, bool),
    /// Somebody does not, or it ends in another way.
    End(usize, u8),
    /// A payout is approved and gets onto the chain, and the chain takes it back that many times.
    Pay(usize, u32),
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
const RULES: [RefundRule; 4] =
    [RefundRule::RateThen, RefundRule::CurrentRate, RefundRule::OverpaidAmount, RefundRule::Fiat];
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
        4 => (0_u8..3, 0..RULES.len()).prop_map(|(nth, rule)| Step::Refund(nth, rule)),
        4 => (any::<usize>(), any::<bool>()).prop_map(|(nth, by)| Step::Approve(nth, by)),
        3 => (any::<usize>(), 0_u8..4).prop_map(|(nth, how)| Step::End(nth, how)),
        3 => (any::<usize>(), 0_u32..3).prop_map(|(nth, orphaned)| Step::Pay(nth, orphaned)),
        1 => (0_i64..3000).prop_map(Step::Time),
        3 => any::<usize>().prop_map(Step::DoOne),
        1 => Just(Step::Crash),
        3 => Just(Step::Follow),
    ]
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
                let asked = invoice::Resolve {
                    invoice_id,
                    resolution_id,
                    how,
                    asset: None,
                    spot,
                    reason: None,
                    at: minute(50),
                };
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
            Step::Refund(nth, rule) => {
                let asked = refund(&format!("r-{nth}"), RULES[rule], "0.01", "49500");
                self.say(invoice::Command::Refund(Box::new(asked)).into())
            }
            Step::Approve(nth, by_ann) => {
                let Some(payout_id) = self.payout(nth) else { return Ok(()) };
                let by = the(if by_ann { "ann" } else { "bob" });
                self.say(
                    payout::Command::Approve(payout::Approve { payout_id, revision: 1, by, at: minute(60) }).into(),
                )
            }
            Step::End(nth, how) => {
                let Some(payout_id) = self.payout(nth) else { return Ok(()) };
                let (transaction, fee, at) = (the(&hash(99)), Some(coins("0.00000321")), minute(61));
                let (by, reason) = (the("ann"), None);
                let command = match how {
                    0 => payout::Command::Deny(payout::Deny { payout_id, by, reason, at }),
                    1 => payout::Command::Fail(payout::Fail { payout_id, fee, reason, at }),
                    _ => payout::Command::Complete(payout::Complete { payout_id, transaction, fee, at }),
                };
                self.say(command.into())
            }
            Step::Pay(nth, orphaned) => {
                self.play(Step::Approve(nth, true))?;
                self.play(Step::Approve(nth, false))?;
                self.play(Step::Follow)?;
                self.play(Step::End(nth, 3))?;
                let Some(payout_id) = self.payout(nth) else { return Ok(()) };
                for completion in 1..=orphaned {
                    let (payout_id, at) = (payout_id.clone(), minute(62));
                    self.say(payout::Command::Orphan(payout::OrphanPayout { payout_id, completion, at }).into())?;
                    self.play(Step::End(nth, 3))?;
                }
                Ok(())
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

    fn payout(&self, nth: usize) -> Option<PayoutId> {
        let all: Vec<&PayoutId> = self.auditor.payouts.keys().collect();
        all.get(nth % all.len().max(1)).map(|id| (*id).clone())
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

fn rehearse(steps: &[Step], terms: Terms, basis: CostBasis) -> Result<Stage, String> {
    let mut player =
        Player { stage: Shop::with(terms, basis).stage, auditor: Auditor::default(), shown: 0, looks: Vec::new() };
    player.stage.play(set_rules(rules()));
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
    Ok(player.stage)
}

proptest! {
    #[test]
    fn every_output_is_credited_once_and_reversed_with_its_block(
        steps in prop::collection::vec(any_step(), 1..STEPS_MAX),
        is_weighted in any::<bool>(),
        asks in any::<bool>(),
        tolerance in prop::sample::select(vec!["0", "0.02"]),
    ) {
        let late = if asks { LatePolicy::Ask } else { LatePolicy::AcceptWithinTolerance };
        let basis = if is_weighted { CostBasis::Weighted } else { CostBasis::Fifo };
        let told = rehearse(&steps, Terms { late, tolerance: the(tolerance), ..terms() }, basis);
        prop_assert!(told.is_ok(), "{}", told.err().unwrap_or_default());
    }
}

/// Schedules that never get anywhere prove nothing: among some hundreds, everything happens that one can ask for.
#[test]
fn schedules_reach_what_they_are_about() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let schedules = prop::collection::vec(any_step(), STEPS_MAX / 2..STEPS_MAX);
    let mut kinds = std::collections::BTreeSet::new();
    for _ in 0..400 {
        let steps = schedules.new_tree(&mut runner).unwrap().current();
        let told = rehearse(&steps, terms(), CostBasis::Fifo).unwrap();
        kinds.extend(told.events().map(crate::wire::kind_of));
    }
    for kind in [
        "deposit-finalised.v1",
        "deposit-replaced.v1",
        "deposit-failed.v1",
        "invoice-settlement-reversed.v1",
        "invoice-resolved.v1",
        "invoice-refund-ended.v1",
        "holding-lot-lost.v1",
        "holding-sold.v1",
        "holding-fee-paid.v1",
        "holding-payout-refused.v1",
        "holding-payout-withheld.v1",
        "holding-payout-returned.v1",
        "holding-payout-settled.v1",
        "holding-payout-unsettled.v1",
        "holding-fee-returned.v1",
        "payment-capture-reversed.v1",
    ] {
        assert!(kinds.contains(kind), "{kind} never happened");
    }
}

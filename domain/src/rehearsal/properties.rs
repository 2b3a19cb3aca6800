//! Whatever is asked, in whatever order, and however often its consequences are drawn: the auditor finds nothing.

use super::auditor::{Auditor, Finding};
use super::plot::{Deed, Plot, Step, any_plot};
use super::{Stage, noon, the};
use crate::account::Account;
use crate::event::{Aggregate, Command, StreamName};
use crate::money::Money;
use crate::order::{self, AddLines, LineQuantity, RefundTo};
use crate::payment::{
    Attempt, Command as Pay, FeeDirection, Intent, Method, OpenDispute, PayoutDirection, RefundOrigin, ReportUnknown,
};
use crate::rehearsal as say;
use proptest::prelude::*;
use std::collections::BTreeMap;

const ORIGINS: [RefundOrigin; 2] = [RefundOrigin::Merchant, RefundOrigin::Replacement];

/// Plays a plot: turns its steps into commands, shows every event to the auditor.
struct Player {
    plot: Plot,
    stage: Stage,
    auditor: Auditor,
    shown: usize,
    /// What was last reported unknown of each payment.
    unknown: BTreeMap<usize, Attempt>,
}

impl Player {
    fn new(plot: Plot) -> Self {
        let (stage, auditor) = (Stage::default(), Auditor::default());
        Self { plot, stage, auditor, shown: 0, unknown: BTreeMap::new() }
    }

    fn play(&mut self, step: Step) -> Finding {
        match step.deed {
            Deed::DoOne => self.stage.do_one(step.nth),
            Deed::Crash => self.stage.crash(),
            Deed::Follow => self.stage.follow(),
            _ => self.say(self.command(step), self.plot.at_once),
        }
        if step.deed == Deed::Unknown && !self.unknown.contains_key(&step.payment) {
            self.unknown.insert(step.payment, self.attempt(step));
        }
        self.show()?;
        if step.deed == Deed::Follow { self.auditor.check_settled() } else { Ok(()) }
    }

    fn say(&mut self, command: Command, at_once: bool) {
        if let Err(refusal) = self.stage.say(&command) {
            use crate::decider::Refused;
            assert!(!refusal.code().is_empty() && !refusal.to_string().is_empty());
        }
        if at_once {
            self.stage.settle();
        }
    }

    fn show(&mut self) -> Finding {
        for (stream, event) in &self.stage.history[self.shown..] {
            self.auditor.observe(event).map_err(|it| format!("{stream}: {it}\nafter {event:?}"))?;
        }
        self.shown = self.stage.history.len();
        // What the aggregates say of themselves is what the auditor sees.
        for (stream, state) in self.stage.aggregates() {
            let (said, seen) = match state {
                Aggregate::Order(order) => (order.due(), self.auditor.due()),
                Aggregate::Payment(payment) => {
                    (payment.pool(), self.auditor.payments.get(&the(&stream.id)).map(|it| it.left().max(0)))
                }
                Aggregate::Credit(_)
                | Aggregate::Plan(_)
                | Aggregate::Clock(_)
                | Aggregate::Period(_)
                | Aggregate::Customer(_)
                | Aggregate::Wallet(_)
                | Aggregate::Invoice(_)
                | Aggregate::Deposit(_)
                | Aggregate::Holding(_)
                | Aggregate::Payout(_) => continue,
            };
            if said.is_some() && said.map(Money::minor) != seen {
                return Err(format!("{stream} says {said:?}, the auditor sees {seen:?}"));
            }
        }
        Ok(())
    }

    fn command(&self, step: Step) -> Command {
        let Step { deed, nth, flag, .. } = step;
        let id = |letter: &str| format!("{letter}-{nth}");
        let all = flag.then_some(()).filter(|()| step.share == 1000);
        let lines = || match all {
            Some(()) => None,
            None => Some(vec![self.some_units(step)]),
        };
        let refund_to = if step.payment == 0 { RefundTo::Credit } else { RefundTo::Payment };
        match deed {
            Deed::Place => self.plot.order.clone().asked().into(),
            Deed::AddLines => {
                let line = self.plot.more[nth % self.plot.more.len()].clone();
                let (order_id, addition_id, lines) = (the("o-1"), the(&id("a")), vec![line]);
                order::Command::AddLines(AddLines { order_id, addition_id, lines, at: noon() }).into()
            }
            Deed::Fulfil => say::fulfil_as(&id("f"), lines()).into(),
            Deed::Cancel => say::cancel_to(refund_to, &id("c"), lines()).into(),
            Deed::Return => say::take_back_to(refund_to, &id("b"), lines()).into(),
            _ => self.payment_command(step).into(),
        }
    }

    fn some_units(&self, step: Step) -> LineQuantity {
        let lines = &self.plot.order.lines;
        let line = &lines[step.payment % lines.len()];
        LineQuantity { line_id: line.line_id.clone(), quantity: (line.quantity * step.share / 1000).max(1) }
    }

    fn payment_command(&self, step: Step) -> Pay {
        let Step { nth, flag, .. } = step;
        let intent = self.plot.payments[step.payment].clone();
        let payment = intent.payment_id.as_str().to_owned();
        let seen = self.auditor.payments.get(&intent.payment_id);
        let of = |minor: i128| self.share(step, minor);
        let id = |letter: &str| format!("{letter}-{nth}");
        let known = |ids: Vec<String>| ids.get(nth % ids.len().max(1)).cloned().unwrap_or_else(|| "none".into());
        let refunds = || known(seen.map_or(Vec::new(), |it| it.refund_ids().iter().map(|id| id.to_string()).collect()));
        let captures =
            || known(seen.map_or(Vec::new(), |it| it.capture_ids().iter().map(|id| id.to_string()).collect()));
        let disputes =
            || known(seen.map_or(Vec::new(), |it| it.dispute_ids().iter().map(|id| id.to_string()).collect()));
        let (captured, left) = seen.map_or((1, 1), |it| (it.captured(), it.left()));
        match step.deed {
            Deed::Authorise => say::authorise_as(intent),
            Deed::Decline => say::decline_as(intent),
            Deed::Receive => say::receive_as(intent),
            Deed::Capture => say::capture_as(&payment, &id("k"), self.to_capture(step), flag),
            Deed::Void => say::void(&payment),
            Deed::Reverse => say::reverse(&payment, &captures()),
            Deed::Refund => {
                say::refund_as(ORIGINS[nth % ORIGINS.len()], &payment, &format!("r-{payment}-{nth}"), of(left))
            }
            Deed::Confirm => say::confirm(&payment, &refunds()),
            Deed::FailRefund => say::fail_refund(&payment, &refunds()),
            Deed::Dispute => {
                let fee = Money::of_minor(if flag { 1500 } else { 0 }, intent.amount.currency());
                let (dispute_id, amount) = (the(&id("d")), of(captured));
                let payment_id = intent.payment_id;
                Pay::OpenDispute(OpenDispute { payment_id, dispute_id, amount, fee, reason: None, at: noon() })
            }
            Deed::Win => {
                let back = Money::of_minor(if flag { 500 } else { 0 }, intent.amount.currency());
                say::win(&payment, &disputes(), back)
            }
            Deed::Lose => {
                let relief = Money::of_minor(if flag { 1 } else { 0 }, intent.amount.currency());
                say::lose(&payment, &disputes(), relief, Some("DE"))
            }
            Deed::Fee => {
                let direction = if flag { FeeDirection::Returned } else { FeeDirection::Charged };
                say::fee_as(direction, &payment, &id("fee"), of(intent.amount.minor() / 10))
            }
            Deed::Payout => {
                let direction = if flag { PayoutDirection::ToProvider } else { PayoutDirection::ToMerchant };
                say::payout_as(direction, &payment, &id("out"), of(captured))
            }
            Deed::Unknown => {
                let (payment_id, attempt) = (intent.payment_id.clone(), self.attempt(step));
                let (intent, reason) = (Some(intent), None);
                Pay::ReportUnknown(ReportUnknown { payment_id, attempt, intent, reason, at: noon() })
            }
            Deed::FailAttempt => {
                let attempt = self.unknown.get(&step.payment).cloned().unwrap_or(Attempt::Void);
                say::did_not_happen(&payment, attempt)
            }
            other => panic!("{other:?} is not about a payment"),
        }
    }

    fn attempt(&self, step: Step) -> Attempt {
        let intent = &self.plot.payments[step.payment];
        let refunds = self.auditor.payments.get(&intent.payment_id).map_or(Vec::new(), |it| it.refund_ids());
        match (step.nth, refunds.first()) {
            (0, _) => Attempt::Authorisation,
            (1, _) => Attempt::Void,
            (2, Some(refund_id)) => Attempt::Refund { refund_id: (*refund_id).clone() },
            _ => Attempt::Capture { capture_id: the(&format!("k-{}", step.nth)), amount: self.to_capture(step) },
        }
    }

    fn to_capture(&self, step: Step) -> Money {
        let intent = &self.plot.payments[step.payment];
        let expected = self.auditor.payments.get(&intent.payment_id).map_or(0, |it| it.expected());
        self.share(step, expected)
    }

    /// A part of an amount, at least one cent.
    fn share(&self, step: Step, minor: i128) -> Money {
        let currency = self.plot.payments[step.payment].amount.currency();
        Money::of_minor((minor * i128::from(step.share) / 1000).max(1), currency)
    }

    /// The end of every story: what was left undone is done, all is delivered, paid, paid out and decided.
    fn close(&mut self) -> Finding {
        self.stage.follow_from_the_start();
        self.show()?;
        self.auditor.check_settled()?;
        self.repeat_everything()?;
        assert_eq!(&self.stage.read_again(), self.stage.aggregates(), "the history gives the same states");
        for nth in 0..self.plot.payments.len() {
            self.close_payment(self.plot.payments[nth].clone());
        }
        if let Some(due) = self.auditor.due() {
            let currency = self.plot.order.currency;
            let rest = Money::of_minor(due, currency);
            if rest.is_positive() {
                self.say(say::receive_as(say::intent("p-9", Method::BankTransfer, rest)).into(), true);
            }
            self.say(say::fulfil_all("f-9").into(), true);
        }
        self.stage.follow();
        self.show()?;
        self.auditor.check_closed()
    }

    fn close_payment(&mut self, intent: Intent) {
        let id = intent.payment_id.as_str();
        self.say(say::decline_as(intent.clone()).into(), true);
        let attempts: Vec<Attempt> = self.stage.accepted.iter().filter_map(reported).collect();
        for attempt in attempts {
            self.say(say::did_not_happen(id, attempt).into(), true);
        }
        self.say(say::void(id).into(), true);
        let none = Money::zero(intent.amount.currency());
        let seen = self.auditor.payments.get(&intent.payment_id);
        let refunds: Vec<String> =
            seen.map_or(Vec::new(), |it| it.refund_ids().iter().map(|id| id.to_string()).collect());
        let disputes: Vec<String> =
            seen.map_or(Vec::new(), |it| it.dispute_ids().iter().map(|id| id.to_string()).collect());
        refunds.iter().for_each(|refund| self.say(say::confirm(id, refund).into(), true));
        disputes.iter().for_each(|dispute| self.say(say::win(id, dispute, none).into(), true));
        let stream = StreamName { category: "payment", id: id.into() };
        let own = self.stage.history.iter().filter(|(of, _)| *of == stream).filter_map(|(_, event)| event.entry());
        let clearing = intent.method.clearing();
        let held: i128 = own.map(|entry| entry.moved(&clearing, none.currency())).sum();
        let direction = if held > 0 { PayoutDirection::ToMerchant } else { PayoutDirection::ToProvider };
        if held != 0 && clearing != Account::Bank {
            let amount = Money::of_minor(held.abs(), none.currency());
            self.say(say::payout_as(direction, id, "out-9", amount).into(), true);
        }
    }

    /// However late a command is said again, nothing happens. Left out is what has no id of its own: reports of what
    /// is unknown, and voids that did not happen.
    fn repeat_everything(&self) -> Finding {
        for command in &self.stage.accepted {
            let has_no_id = match command {
                Command::Payment(Pay::ReportUnknown(_)) => true,
                Command::Payment(Pay::FailAttempt(it)) => it.attempt == Attempt::Void,
                Command::Payment(_) | Command::Order(_) => false,
                Command::Credit(_)
                | Command::Plan(_)
                | Command::Clock(_)
                | Command::Period(_)
                | Command::Customer(_)
                | Command::Wallet(_)
                | Command::Invoice(_)
                | Command::Deposit(_)
                | Command::Holding(_)
                | Command::Payout(_) => false,
            };
            let again = self.stage.decide(command);
            if !has_no_id && again != Ok(Vec::new()) {
                return Err(format!("{command:?} said again: {again:?}"));
            }
        }
        Ok(())
    }
}

fn reported(command: &Command) -> Option<Attempt> {
    match command {
        Command::Payment(Pay::ReportUnknown(it)) => Some(it.attempt.clone()),
        Command::Payment(_) | Command::Order(_) => None,
        Command::Credit(_)
        | Command::Plan(_)
        | Command::Clock(_)
        | Command::Period(_)
        | Command::Customer(_)
        | Command::Wallet(_)
        | Command::Invoice(_)
        | Command::Deposit(_)
        | Command::Holding(_)
        | Command::Payout(_) => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    /// Books balance, nobody gets back more than they paid, no unit is counted twice, and money is never lost from
    /// sight, after every step of every story.
    #[test]
    fn the_auditor_finds_nothing(plot in any_plot()) {
        let mut player = Player::new(plot);
        for step in player.plot.steps.clone() {
            let played = player.play(step);
            prop_assert!(played.is_ok(), "{step:?}: {}", played.unwrap_err());
        }
        let closed = player.close();
        prop_assert!(closed.is_ok(), "at the end: {}", closed.unwrap_err());
    }
}

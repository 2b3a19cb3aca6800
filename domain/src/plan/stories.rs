//! The life of plans, told by commands, with the order, the payments, the credit line and the policies around them.

mod changes;
mod fees;
mod life;
mod past;
mod properties;
mod refunds;
mod refusals;

use super::*;
use crate::account::Account;
use crate::event::{Aggregate, Command as Any, Event as Happened};
use crate::id::{CustomerId, PlanId};
use crate::order::Timestamp;
use crate::rehearsal::{Stage, eur, line, net, order_of, the};
use crate::{credit, payment};

/// Noon of a day, in UTC.
fn noon_of(day: &str) -> Timestamp {
    the(&format!("{day}T12:00:00Z"))
}

fn date(day: &str) -> NaiveDate {
    the(day)
}

/// Terms without interest, discount or fees: what a story is about, it adds.
fn terms(payments: u32, frequency: Frequency) -> Terms {
    Terms {
        schedule: ScheduleTerms {
            payments,
            frequency,
            first_due_on: None,
            rate: NominalRate::ZERO,
            day_count: DayCount::Thirty360,
            amortisation: Amortisation::Annuity,
            absorbs: Absorbs::Last,
            month_end: MonthEnd::Clamp,
            business_days: BusinessDays::default(),
        },
        down_payment: None,
        merchant_discount: MerchantDiscount { rate: the("0"), on_refund: OnRefund::Returned },
        late_fees: Vec::new(),
        allocation: Allocation::default(),
        overpayment: Overpayment::NextInstallment,
        early_settlement: EarlySettlement::ToDay,
        refund: RefundPolicy { cancels: Cancels::LastFirst, interest: OnRefund::Kept },
        accrual: Accrual::WithInstallment,
        time_zone: TimeZone::UTC,
    }
}

/// 7 % over six months from 1 January 2024 (Fineract's V1).
fn six_months_at_seven() -> Terms {
    let mut terms = terms(6, Frequency::Monthly);
    terms.schedule.rate = the("0.07");
    terms
}

fn offer(amount: &str, starts_on: &str, terms: Terms) -> Offer {
    Offer {
        plan_id: the("n-1"),
        customer_id: the("c-1"),
        order_id: Some(the("o-1")),
        product: None,
        amount: eur(amount),
        starts_on: date(starts_on),
        terms,
    }
}

/// A plan with everything around it.
struct Town {
    stage: Stage,
    payments: u32,
}

impl Town {
    /// An open plan over the whole order, on the day it starts.
    fn with(amount: &str, starts_on: &str, terms: Terms) -> Self {
        let mut town = Self::approved(amount, starts_on, terms);
        town.stage.play(town.open(starts_on));
        town
    }

    fn approved(amount: &str, starts_on: &str, terms: Terms) -> Self {
        let at = noon_of(starts_on);
        let limit = eur("100000.00");
        let customer_id: CustomerId = the("c-1");
        let set = credit::SetLimit { customer_id, limit, score: None, source: None, reason: None, at };
        let ordered = order_of(vec![line("l-1", 1, amount)]).asked();
        let reserve = credit::Reserve { offer: offer(amount, starts_on, terms), at };
        let stage = Stage::told(vec![
            Any::Credit(credit::Command::SetLimit(set)),
            ordered.into(),
            Any::Credit(credit::Command::Reserve(Box::new(reserve))),
        ]);
        Self { stage, payments: 0 }
    }

    fn id() -> PlanId {
        the("n-1")
    }

    fn open(&self, day: &str) -> Any {
        Any::Plan(Command::Open(OpenPlan { plan_id: Self::id(), at: noon_of(day) }))
    }

    fn plan(&self) -> &Plan {
        let plan = self.stage.aggregates().values().find_map(|it| match it {
            Aggregate::Plan(plan) => Some(plan),
            Aggregate::Order(_)
            | Aggregate::Payment(_)
            | Aggregate::Credit(_)
            | Aggregate::Clock(_)
            | Aggregate::Period(_)
            | Aggregate::Customer(_)
            | Aggregate::Wallet(_)
            | Aggregate::Invoice(_)
            | Aggregate::Deposit(_)
            | Aggregate::Holding(_)
            | Aggregate::Payout(_) => None,
        });
        plan.unwrap()
    }

    fn standing(&self) -> Standing {
        self.plan().standing().unwrap()
    }

    /// What is outstanding of every installment, the down payment included, in the order of the due dates.
    fn outstanding(&self) -> Vec<String> {
        let each = self.plan().installments().iter();
        each.map(|it| Money::of_minor(it.outstanding(), it.principal.due.currency()).digits().to_string()).collect()
    }

    /// A customer's payment by card; its number names it.
    fn pays(&mut self, day: &str, amount: &str) -> Vec<Happened> {
        self.payments += 1;
        let intent = payment::Intent {
            payment_id: the(&format!("p-{}", self.payments)),
            order_id: None,
            plan_id: Some(Self::id()),
            invoice_id: None,
            customer_id: Some(the("c-1")),
            method: payment::Method::Card,
            amount: eur(amount),
            provider_reference: None,
        };
        self.stage.play(payment::Command::Receive(payment::Receive { intent, at: noon_of(day) }))
    }

    fn bounces(&mut self, day: &str, payment: &str) -> Vec<Happened> {
        self.stage.play(payment::Command::ReverseCapture(payment::ReverseCapture {
            payment_id: the(payment),
            capture_id: the(payment),
            reason: None,
            at: noon_of(day),
        }))
    }

    /// The day begins: everything that is due happens.
    fn comes(&mut self, day: &str) -> Vec<Happened> {
        self.asks(Command::PassTime(PassTime { plan_id: Self::id(), at: noon_of(day) }))
    }

    fn refunds(&mut self, day: &str, id: &str, amount: &str) -> Vec<Happened> {
        self.asks(refund(day, id, amount))
    }

    fn asks(&mut self, command: Command) -> Vec<Happened> {
        self.stage.play(Any::Plan(command))
    }

    fn refuses(&self, command: Command) -> &'static str {
        use crate::Refused;
        self.stage.decide(&Any::Plan(command)).unwrap_err().code()
    }

    /// The balances of all accounts, written as the reference's tables are.
    fn books(&self) -> String {
        net(self.stage.events())
    }

    fn balance(&self, account: &Account) -> String {
        let eur = eur("0").currency();
        let entries = self.stage.events().filter_map(Happened::entry);
        let minor: i128 = entries.map(|it| it.moved(account, eur)).sum();
        Money::of_minor(minor, eur).digits().to_string()
    }
}

fn refund(day: &str, id: &str, amount: &str) -> Command {
    Command::Refund(RefundPlan {
        plan_id: Town::id(),
        refund_id: the(id),
        amount: eur(amount),
        source: RefundSource::Merchant,
        reason: None,
        at: noon_of(day),
    })
}

/// Every kind of event of plans, credit lines and clocks, in three lives of a plan.
pub(crate) fn lives() -> Vec<Stage> {
    let mut terms = terms(4, Frequency::Monthly);
    terms.schedule.rate = the("0.07");
    terms.down_payment = Some(DownPayment::Share { rate: the("0.25"), multiple: Some(eur("1.00")) });
    terms.merchant_discount.rate = the("0.06");
    terms.accrual = Accrual::MonthEnd;
    terms.late_fees = vec![LateFees {
        order_from: eur("40.00"),
        grace_days: 1,
        steps: vec![
            FeeStep { after_days: 0, fee: FeeAmount::Amount(eur("10.00")) },
            FeeStep { after_days: 7, fee: FeeAmount::Rate(the("0.05")) },
        ],
        cap_amount: Some(eur("68.00")),
        cap_rate: Some(the("0.25")),
        fees_max: Some(3),
        waived_within_days: Some(2),
    }];
    let mut town = Town::with("100.00", "2024-01-10", terms.clone());
    let clock = |command| Any::Clock(command);
    town.stage.play(clock(crate::clock::Command::Start { at: noon_of("2024-01-10") }));
    town.stage.play(clock(crate::clock::Command::Advance { to: noon_of("2024-02-20") }));
    let (plan_id, at) = (Town::id(), noon_of("2024-01-12"));
    let (payout_id, direction) = (the("y-1"), MerchantPaymentDirection::ToMerchant);
    town.asks(Command::PayMerchant(PayMerchant { plan_id: plan_id.clone(), payout_id, amount: None, direction, at }));
    town.pays("2024-01-10", "25.00");
    town.comes("2024-02-20");
    let waiver = (the("w-1"), Some(the("the bank was slow")), noon_of("2024-02-20"));
    let (waiver_id, reason, at) = waiver;
    town.asks(Command::WaiveFee(WaiveFee { plan_id: plan_id.clone(), waiver_id, number: 1, amount: None, reason, at }));
    town.pays("2024-02-21", "20.00");
    town.pays("2024-02-05", "5.00");
    let (reschedule_id, rate) = (the("s-1"), the("0.05"));
    town.asks(Command::ChangeRate(ChangeRate { plan_id: plan_id.clone(), reschedule_id, rate, at }));
    town.bounces("2024-02-23", "p-2");
    let (reschedule_id, how) = (the("s-2"), Rescheduling::ReAge { first_due_on: date("2024-04-01"), payments: 2 });
    let (reason, at) = (Some(the("asked for more time")), noon_of("2024-02-25"));
    town.asks(Command::Reschedule(ReschedulePlan { plan_id: plan_id.clone(), reschedule_id, how, reason, at }));
    let reason = Some(the("not heard of for months"));
    let at = noon_of("2024-12-01");
    town.asks(Command::ChargeOff(ChargeOffPlan { plan_id: plan_id.clone(), how: ChargeOff::Default, reason, at }));
    let mut refunded = Town::with("100.00", "2024-01-10", terms.clone());
    refunded.pays("2024-01-10", "25.00");
    refunded.pays("2024-02-10", "25.00");
    refunded.refunds("2024-02-22", "r-1", "80.00");
    let mut given_up = Town::approved("100.00", "2024-01-10", terms);
    given_up.pays("2024-01-10", "25.00");
    given_up.bounces("2024-01-10", "p-1");
    let reason = Some(the("paid by card instead"));
    given_up.asks(Command::Cancel(CancelPlan { plan_id, reason, at: noon_of("2024-01-10") }));
    vec![town.stage, refunded.stage, given_up.stage]
}

/// The entries of the plan's own events.
fn of_plan(events: &[Happened]) -> String {
    net(events.iter().filter(|event| matches!(event, Happened::Plan(_))))
}

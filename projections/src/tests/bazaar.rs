//! A bazaar where everybody buys on installments: offers, and stories of plans from a seed with everything that can
//! happen to them.

use super::support::{Ledger, id, intent, line, money, place, receive, text};
use super::town::Dice;
use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use mizan_domain::clock;
use mizan_domain::credit::{self, Reserve, SetLimit};
use mizan_domain::event::Command;
use mizan_domain::payment::{self, Method};
use mizan_domain::plan::*;

/// Noon in UTC.
pub(super) fn noon(date: &str) -> DateTime<Utc> {
    format!("{date}T12:00:00Z").parse().unwrap()
}

pub(super) fn date(date: &str) -> NaiveDate {
    date.parse().unwrap()
}

/// Monthly, 7 % on 30/360, a discount of 6 %, and 8.00 (in the currency's own units) for being late by more than 3 days.
pub(super) fn terms(payments: u32, rate: &str, fee: &str) -> Terms {
    Terms {
        schedule: ScheduleTerms {
            payments,
            frequency: Frequency::Monthly,
            first_due_on: None,
            rate: NominalRate::parse(rate).unwrap(),
            day_count: DayCount::Thirty360,
            amortisation: Amortisation::Annuity,
            absorbs: Absorbs::Last,
            month_end: MonthEnd::Clamp,
            business_days: BusinessDays::default(),
        },
        down_payment: None,
        merchant_discount: MerchantDiscount { rate: id("0.06"), on_refund: OnRefund::Returned },
        late_fees: vec![LateFees {
            order_from: mizan_domain::Money::zero(money(fee).currency()),
            grace_days: 3,
            steps: vec![FeeStep { after_days: 0, fee: FeeAmount::Amount(money(fee)) }],
            cap_amount: None,
            cap_rate: None,
            fees_max: None,
            waived_within_days: None,
        }],
        allocation: Allocation::default(),
        overpayment: Overpayment::NextInstallment,
        early_settlement: EarlySettlement::ToDay,
        refund: RefundPolicy { cancels: Cancels::LastFirst, interest: OnRefund::Kept },
        accrual: Accrual::WithInstallment,
        time_zone: TimeZone::UTC,
    }
}

/// A plan `n-...` for the order `o-...` of the same number.
pub(super) fn offer(number: &str, customer: &str, amount: &str, starts_on: NaiveDate, terms: Terms) -> Offer {
    Offer {
        plan_id: id(&format!("n-{number}")),
        customer_id: id(customer),
        order_id: Some(id(&format!("o-{number}"))),
        product: Some(text("pay-monthly")),
        amount: money(amount),
        starts_on,
        terms,
    }
}

pub(super) fn limit(customer: &str, limit: &str, at: DateTime<Utc>) -> Command {
    Command::Credit(credit::Command::SetLimit(SetLimit {
        customer_id: id(customer),
        limit: money(limit),
        score: Some(text("712")),
        source: Some(text("bureau")),
        reason: None,
        at,
    }))
}

pub(super) fn reserve(offer: Offer, at: DateTime<Utc>) -> Command {
    Command::Credit(credit::Command::Reserve(Box::new(Reserve { offer, at })))
}

pub(super) fn on_plan(command: mizan_domain::plan::Command) -> Command {
    Command::Plan(command)
}

pub(super) fn open(plan: &str, at: DateTime<Utc>) -> Command {
    on_plan(mizan_domain::plan::Command::Open(OpenPlan { plan_id: id(plan), at }))
}

pub(super) fn pass_time(plan: &str, at: DateTime<Utc>) -> Command {
    on_plan(mizan_domain::plan::Command::PassTime(PassTime { plan_id: id(plan), at }))
}

/// The customer pays a part of a plan.
pub(super) fn pay(payment: &str, plan: &str, customer: &str, amount: &str, at: DateTime<Utc>) -> Command {
    let known = intent(payment, "none", customer, Method::Card, amount);
    receive(payment::Intent { order_id: None, plan_id: Some(id(plan)), ..known }, at)
}

pub(super) fn bounce(payment: &str, at: DateTime<Utc>) -> Command {
    let (payment_id, capture_id) = (id(payment), id(payment));
    Command::Payment(payment::Command::ReverseCapture(payment::ReverseCapture {
        payment_id,
        capture_id,
        reason: None,
        at,
    }))
}

pub(super) fn refund(plan: &str, refund: &str, amount: &str, at: DateTime<Utc>) -> Command {
    on_plan(mizan_domain::plan::Command::Refund(RefundPlan {
        plan_id: id(plan),
        refund_id: id(refund),
        amount: money(amount),
        source: RefundSource::Merchant,
        reason: Some(text("came back")),
        at,
    }))
}

pub(super) fn charge_off(plan: &str, at: DateTime<Utc>) -> Command {
    let how = ChargeOff::Default;
    on_plan(mizan_domain::plan::Command::ChargeOff(ChargeOffPlan { plan_id: id(plan), how, reason: None, at }))
}

pub(super) fn waive(plan: &str, waiver: &str, number: u32, at: DateTime<Utc>) -> Command {
    on_plan(mizan_domain::plan::Command::WaiveFee(WaiveFee {
        plan_id: id(plan),
        waiver_id: id(waiver),
        number,
        amount: None,
        reason: Some(text("first time")),
        at,
    }))
}

pub(super) fn clock(command: clock::Command) -> Command {
    Command::Clock(command)
}

/// The customer's side of opening a plan over an order: limit, order, reservation, hand-over.
pub(super) fn begin(offer: &Offer, at: DateTime<Utc>) -> Vec<Command> {
    let (customer, amount) = (offer.customer_id.to_string(), offer.amount.to_string());
    let currency = offer.amount.currency();
    let order = offer.order_id.as_ref().unwrap().to_string();
    vec![
        limit(&customer, &format!("1000000 {currency}"), at),
        place(&order, &customer, vec![line("l-1", 1, &amount)], at),
        reserve(offer.clone(), at),
        open(offer.plan_id.as_str(), at),
    ]
}

/// Plays so many plans, a few months of each, for three merchants and a handful of customers.
pub(super) async fn play(ledger: &mut Ledger, seed: u64, plans: u64) {
    let mut dice = Dice::new(seed);
    for nth in 0..plans {
        let merchant = format!("m-{}", nth % 3);
        for command in life(&mut dice, nth) {
            // Refused commands are part of life.
            let _ = ledger.ask(&merchant, command);
        }
        if nth % 10 == 9 {
            ledger.flush().await;
        }
    }
    ledger.flush().await;
}

/// So many plans of twelve months, side by side, most installments paid when they are due.
pub(super) async fn play_year(ledger: &mut Ledger, plans: u64) {
    let mut dice = Dice::new(7);
    let start = date("2026-01-05");
    for nth in 0..plans {
        let offer = offer(&nth.to_string(), &format!("c-{nth}"), "600.00 EUR", start, terms(12, "0.199", "8.00 EUR"));
        for command in begin(&offer, noon("2026-01-05")) {
            ledger.ask("m-1", command).unwrap();
        }
    }
    ledger.flush().await;
    for month in 1..14 {
        let at = (start + chrono::Months::new(month)).and_time(NaiveTime::from_hms_opt(9, 0, 0).unwrap()).and_utc();
        for nth in 0..plans {
            let plan = format!("n-{nth}");
            ledger.ask("m-1", pass_time(&plan, at)).unwrap();
            if dice.roll(10) > 0 {
                let _ =
                    ledger.ask("m-1", pay(&format!("p-{nth}-{month}"), &plan, &format!("c-{nth}"), "56.00 EUR", at));
            }
        }
        ledger.flush().await;
    }
}

fn life(dice: &mut Dice, nth: u64) -> Vec<Command> {
    let (number, customer) = (nth.to_string(), format!("c-{}", nth % 7));
    let plan = format!("n-{number}");
    let amount = |units: u64| if nth % 4 == 3 { format!("{units} JPY") } else { format!("{units}.50 EUR") };
    let start = date("2026-01-05") + Days::new(dice.roll(28));
    let mut terms = terms(3 + u32::try_from(dice.roll(10)).unwrap(), ["0", "0.07", "0.199"][pick(dice, 3)], &amount(8));
    terms.overpayment = [
        Overpayment::NextInstallment,
        Overpayment::LastInstallment,
        Overpayment::ReduceAmount,
        Overpayment::ReduceCount,
        Overpayment::Credit,
    ][pick(dice, 5)];
    terms.accrual = [Accrual::WithInstallment, Accrual::MonthEnd][pick(dice, 2)];
    if dice.roll(3) == 0 {
        terms.down_payment = Some(DownPayment::Share { rate: id("0.25"), multiple: None });
    }
    let at = |days: u64| (start + Days::new(days)).and_time(NaiveTime::from_hms_opt(9, 0, 0).unwrap()).and_utc();
    let offer = offer(&number, &customer, &amount(100 + dice.roll(900)), start, terms);
    let mut commands = begin(&offer, at(0));
    if dice.roll(10) == 0 {
        let cancel = CancelPlan { plan_id: id(&plan), reason: None, at: at(0) };
        *commands.last_mut().unwrap() = on_plan(mizan_domain::plan::Command::Cancel(cancel));
    }
    // Some pay before they have the goods, and some of that does not hold.
    let last = commands.len() - 1;
    if dice.roll(3) == 0 {
        commands.insert(last, pay(&format!("p-{number}-early"), &plan, &customer, &amount(30), at(0)));
        if dice.roll(2) == 0 {
            commands.insert(last + 1, bounce(&format!("p-{number}-early"), at(0)));
        }
    }
    let mut day = 1;
    for step in 0..8 + dice.roll(8) {
        day += dice.roll(40);
        let payment = format!("p-{number}-{step}");
        let reschedule = |how, step: u64| {
            on_plan(mizan_domain::plan::Command::Reschedule(ReschedulePlan {
                plan_id: id(&plan),
                reschedule_id: id(&format!("rs-{step}")),
                how,
                reason: None,
                at: at(day),
            }))
        };
        commands.push(match dice.roll(12) {
            0..=3 => pay(&payment, &plan, &customer, &amount(20 + dice.roll(150)), at(day)),
            // It comes to light late.
            4 => pay(&payment, &plan, &customer, &amount(20 + dice.roll(90)), at(day.saturating_sub(40))),
            5 => bounce(&format!("p-{number}-{}", step.saturating_sub(1 + dice.roll(3))), at(day)),
            6 => refund(&plan, &format!("rf-{step}"), &amount(10 + dice.roll(60)), at(day)),
            7 => waive(&plan, &format!("w-{step}"), u32::try_from(dice.roll(4)).unwrap(), at(day)),
            8 => reschedule(Rescheduling::ReAge { first_due_on: start + Days::new(day + 20), payments: 3 }, step),
            9 => reschedule(Rescheduling::ReAmortise, step),
            10 if dice.roll(4) == 0 => charge_off(&plan, at(day)),
            10 => on_plan(mizan_domain::plan::Command::ChangeRate(ChangeRate {
                plan_id: id(&plan),
                reschedule_id: id(&format!("rt-{step}")),
                rate: NominalRate::parse("0.12").unwrap(),
                at: at(day),
            })),
            _time => pass_time(&plan, at(day)),
        });
    }
    commands.push(on_plan(mizan_domain::plan::Command::PayMerchant(PayMerchant {
        plan_id: id(&plan),
        payout_id: id("po-1"),
        amount: None,
        direction: MerchantPaymentDirection::ToMerchant,
        at: at(day),
    })));
    commands
}

fn pick(dice: &mut Dice, of: u64) -> usize {
    usize::try_from(dice.roll(of)).unwrap()
}

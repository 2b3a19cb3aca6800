//! Any terms, and any story of payments, refunds, bounces, fees and changes, with an auditor after every step.

use super::*;
use proptest::collection::vec;
use proptest::prelude::*;

const STORY_STEPS_MAX: usize = 25;

fn any_frequency() -> impl Strategy<Value = Frequency> {
    prop_oneof![
        Just(Frequency::Weekly),
        Just(Frequency::EveryTwoWeeks),
        Just(Frequency::SemiMonthly),
        Just(Frequency::Monthly),
        (1_u16..60).prop_map(Frequency::EveryDays),
    ]
}

fn any_terms() -> impl Strategy<Value = Terms> {
    let schedule = (
        1_u32..14,
        any_frequency(),
        prop_oneof![Just("0"), Just("0.07"), Just("0.2999"), Just("2.5")],
        prop_oneof![
            Just(DayCount::Thirty360),
            Just(DayCount::Actual365),
            Just(DayCount::ActualActual),
            Just(DayCount::Weekly364)
        ],
        prop_oneof![Just(Amortisation::Annuity), Just(Amortisation::EqualPrincipal), Just(Amortisation::EqualParts)],
        prop_oneof![Just(Absorbs::First), Just(Absorbs::Last), Just(Absorbs::LargestRemainder)],
    );
    let rules = (
        prop_oneof![
            Just(Overpayment::NextInstallment),
            Just(Overpayment::LastInstallment),
            Just(Overpayment::ReduceAmount),
            Just(Overpayment::ReduceCount),
            Just(Overpayment::Credit)
        ],
        prop_oneof![Just(Cancels::LastFirst), Just(Cancels::NextFirst), Just(Cancels::EveryInstallment)],
        prop_oneof![Just(Accrual::WithInstallment), Just(Accrual::MonthEnd)],
        prop_oneof![Just(EarlySettlement::ToDay), Just(EarlySettlement::ToPeriodEnd)],
        any::<[bool; 5]>(),
        Just(Bucket::ALL.to_vec()).prop_shuffle(),
    );
    (schedule, rules).prop_map(|(schedule, rules)| {
        let (payments, frequency, rate, day_count, amortisation, absorbs) = schedule;
        let (overpayment, cancels, accrual, early_settlement, flags, order) = rules;
        let [has_down_payment, discount_returned, interest_returned, has_fees, by_installment] = flags;
        let returned = |is: bool| if is { OnRefund::Returned } else { OnRefund::Kept };
        let fees = LateFees {
            order_from: eur("0"),
            grace_days: 2,
            steps: vec![
                FeeStep { after_days: 0, fee: FeeAmount::Amount(eur("5.00")) },
                FeeStep { after_days: 7, fee: FeeAmount::Rate(the("0.05")) },
            ],
            cap_amount: Some(eur("20.00")),
            cap_rate: Some(the("0.25")),
            fees_max: None,
            waived_within_days: Some(1),
        };
        let mut it = terms(payments, frequency);
        it.schedule = ScheduleTerms { rate: the(rate), day_count, amortisation, absorbs, ..it.schedule };
        it.down_payment =
            has_down_payment.then(|| DownPayment::Share { rate: the("0.2"), multiple: Some(eur("1.00")) });
        it.merchant_discount = MerchantDiscount { rate: the("0.059"), on_refund: returned(discount_returned) };
        it.late_fees = if has_fees { vec![fees] } else { Vec::new() };
        it.refund = RefundPolicy { cancels, interest: returned(interest_returned) };
        Terms { overpayment, accrual, early_settlement, allocation: Allocation { order, by_installment }, ..it }
    })
}

#[derive(Debug, Clone, Copy)]
enum Deed {
    Pays,
    PaysEverything,
    PaidBefore,
    Bounces,
    Refunds,
    Waives,
    ReAges,
    ReAmortises,
    ChangesRate,
    GivesUp,
    PaysMerchant,
    Waits,
}

#[derive(Debug, Clone, Copy)]
struct Step {
    deed: Deed,
    days: i64,
    /// Thousandths of what is there.
    share: i128,
}

fn any_step() -> impl Strategy<Value = Step> {
    use Deed::*;
    let deed = prop_oneof![
        6 => Just(Pays), 1 => Just(PaysEverything), 2 => Just(PaidBefore), 2 => Just(Bounces), 2 => Just(Refunds),
        1 => Just(Waives), 1 => Just(ReAges), 1 => Just(ReAmortises), 1 => Just(ChangesRate), 1 => Just(GivesUp),
        1 => Just(PaysMerchant), 4 => Just(Waits),
    ];
    (deed, 0_i64..40, 1_i128..1500).prop_map(|(deed, days, share)| Step { deed, days, share })
}

struct Player {
    town: Town,
    today: NaiveDate,
    steps: u32,
}

impl Player {
    fn noon(&self) -> Timestamp {
        noon_of(&self.today.to_string())
    }

    fn share_of(amount: i128, share: i128) -> Money {
        Money::of_minor((amount * share / 1000).max(1), eur("0").currency())
    }

    /// Does a step, if the plan lets it.
    fn play(&mut self, step: Step) {
        self.today += chrono::Duration::days(step.days);
        self.steps += 1;
        let (day, id) = (self.today.to_string(), format!("s-{}", self.steps));
        let owed = self.town.plan().installments().iter().map(Installment::outstanding).sum::<i128>();
        let (plan_id, at) = (Town::id(), self.noon());
        let command = match step.deed {
            Deed::Pays => return drop(self.town.pays(&day, &text(Self::share_of(owed, step.share)))),
            Deed::PaysEverything => {
                self.try_to(Any::Plan(Command::PassTime(PassTime { plan_id, at })));
                let payoff = self.town.plan().payoff(self.today).filter(|it| it.is_positive());
                return payoff.into_iter().for_each(|it| drop(self.town.pays(&day, &text(it))));
            }
            Deed::PaidBefore => {
                let before = self.today - chrono::Duration::days(step.days * 3);
                let day = before.max(date("2024-01-01")).to_string();
                return drop(self.town.pays(&day, &text(Self::share_of(owed / 4, step.share))));
            }
            Deed::Bounces => {
                let nth = u32::try_from(step.share).unwrap() % (self.town.payments + 1);
                let reversal = payment::Command::ReverseCapture(payment::ReverseCapture {
                    payment_id: the(&format!("p-{nth}")),
                    capture_id: the(&format!("p-{nth}")),
                    reason: None,
                    at,
                });
                return self.try_to(Any::Payment(reversal));
            }
            Deed::Refunds => {
                return self.try_to(Any::Plan(refund(&day, &id, &text(Self::share_of(10_000, step.share)))));
            }
            Deed::Waives => {
                let late = self.town.plan().installments().iter().find(|it| it.fee.outstanding() > 0);
                let number = late.map_or(1, |it| it.number);
                Command::WaiveFee(WaiveFee { plan_id, waiver_id: the(&id), number, amount: None, reason: None, at })
            }
            Deed::ReAges => {
                let first_due_on = self.today + chrono::Duration::days(step.days + 1);
                let how = Rescheduling::ReAge { first_due_on, payments: 3 };
                Command::Reschedule(ReschedulePlan { plan_id, reschedule_id: the(&id), how, reason: None, at })
            }
            Deed::ReAmortises => {
                let how = Rescheduling::ReAmortise;
                Command::Reschedule(ReschedulePlan { plan_id, reschedule_id: the(&id), how, reason: None, at })
            }
            Deed::ChangesRate => {
                let rate = the(if step.share % 2 == 0 { "0" } else { "0.3" });
                Command::ChangeRate(ChangeRate { plan_id, reschedule_id: the(&id), rate, at })
            }
            Deed::GivesUp => super::life::charge_off(&day, ChargeOff::Default),
            Deed::PaysMerchant => {
                let direction = if self.town.standing().merchant_payable.minor() < 0 {
                    MerchantPaymentDirection::FromMerchant
                } else {
                    MerchantPaymentDirection::ToMerchant
                };
                Command::PayMerchant(PayMerchant { plan_id, payout_id: the(&id), amount: None, direction, at })
            }
            Deed::Waits => Command::PassTime(PassTime { plan_id, at }),
        };
        self.try_to(Any::Plan(command));
    }

    fn try_to(&mut self, command: Any) {
        if self.town.stage.decide(&command).is_ok() {
            self.town.stage.play(command);
        }
    }

    fn debit(&self, account: &Account) -> i128 {
        let eur = eur("0").currency();
        self.town.stage.events().filter_map(Happened::entry).map(|it| it.moved(account, eur)).sum()
    }

    /// What the books say is what the plan says, and nothing is below zero.
    fn audit(&self) -> Result<(), TestCaseError> {
        let (plan, standing) = (self.town.plan(), self.town.standing());
        let mut financed = 0;
        for it in plan.installments() {
            for part in [&it.principal, &it.interest, &it.fee] {
                let answers = [part.due, part.paid, part.cancelled, part.waived, part.written_off];
                prop_assert!(part.outstanding() >= 0 && answers.iter().all(|it| it.minor() >= 0), "{it:?}");
            }
            financed += it.principal.due.minor();
        }
        prop_assert_eq!(financed, 10_000, "the principal parts are the purchase");
        let books = [
            (Account::BnplReceivable, standing.principal.minor()),
            (Account::BnplReceivableInterest, standing.accrued.minor()),
            (Account::BnplReceivableFee, standing.fees.minor()),
            (Account::UnearnedDiscount, -standing.discount_unearned.minor()),
            (Account::MerchantPayable, -standing.merchant_payable.minor()),
            (Account::BnplClearing, standing.merchant_payable.minor()),
        ];
        for (account, expected) in books {
            prop_assert_eq!(self.debit(&account), expected, "{}: {}", account, self.town.books());
        }
        prop_assert!(self.debit(&Account::CustomerCredit) <= 0, "credit: {}", self.town.books());
        prop_assert!(standing.discount_unearned.minor() >= 0 && standing.accrued.minor() >= 0);
        for event in self.town.stage.events() {
            if let Happened::Plan(Event::Refunded(it)) = event {
                let parts = it.cancelled.minor() + it.recovered.minor() + it.cash.minor();
                prop_assert_eq!(it.amount.minor(), parts, "cash plus cancelled debt is the refund");
            }
        }
        Ok(())
    }
}

fn text(amount: Money) -> String {
    amount.digits().to_string()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Any order of payments, refunds and fees keeps the books and ends at zero or in credit; and the history says it
    /// all: read again, it gives the same plan, and told again, nothing happens.
    #[test]
    fn the_auditor_finds_nothing(terms in any_terms(), steps in vec(any_step(), 0..STORY_STEPS_MAX)) {
        let mut player = Player { town: Town::with("100.00", "2024-01-01", terms), today: date("2024-01-01"), steps: 0 };
        player.audit()?;
        for step in steps {
            player.play(step);
            let audited = player.audit();
            prop_assert!(audited.is_ok(), "{step:?}: {}", audited.unwrap_err());
        }
        player.play(Step { deed: Deed::PaysEverything, days: 1, share: 0 });
        player.audit()?;
        let standing = player.town.standing();
        prop_assert!(matches!(standing.status, Status::Settled | Status::ChargedOff));
        prop_assert_eq!(standing.principal.minor() + standing.interest.minor() + standing.fees.minor(), 0);
        prop_assert_eq!(&player.town.stage.read_again(), player.town.stage.aggregates());
        let told = player.town.stage.history.len();
        player.town.stage.follow_from_the_start();
        prop_assert_eq!(player.town.stage.history.len(), told, "what follows was done");
    }
}

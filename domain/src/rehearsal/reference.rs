//! The published posting tables (domain.md 3.1, 3.6, 3.7, 3.8), told by whole stories.
//!
//! The books take a detour that the tables do not show: whatever a customer pays is first the customer's credit, and an
//! order takes it from there. So the tables are compared with what the events of both streams move together.

use super::{Stage, *};
use crate::order::PlaceOrder;

/// 100.00 with 16.67 tax in it: 40.00 net, which is 48.00, and the rest.
fn hundred_with_tax() -> order::Command {
    place(vec![
        line("l-1", 1, "48.00").included().tax("0.20"),
        line("l-2", 1, "30.00").included().tax("0.20"),
        line("l-3", 1, "22.00").included().tax("0.20"),
    ])
}

fn stage(commands: Vec<Command>) -> Stage {
    Stage::told(commands)
}

fn captured() -> Vec<Command> {
    vec![hundred_with_tax().into(), authorise("p-1", "100.00").into(), last_capture("p-1", "k-1", "100.00").into()]
}

/// Plays rows one after the other; each names what its events move together.
fn compare(given: Vec<Command>, rows: Vec<(Command, &str)>) {
    let mut stage = stage(given);
    for (command, expected) in rows {
        let events = stage.play(command.clone());
        assert_eq!(net(&events), expected, "{command:?}");
    }
}

/// domain.md 3.1, the rows of a card payment from the order to the payout.
#[test]
fn a_card_payment_from_order_to_payout() {
    compare(
        vec![],
        vec![
            (hundred_with_tax().into(), " | "),
            (authorise("p-1", "100.00").into(), " | "),
            (
                last_capture("p-1", "k-1", "100.00").into(),
                "psp_clearing 100.00 | deferred_revenue 83.33, tax_payable 16.67",
            ),
            (fee("p-1", "e-1", "3.20").into(), "psp_fees 3.20 | psp_clearing 3.20"),
            (payout("p-1", "y-1", "96.80").into(), "bank 96.80 | psp_clearing 96.80"),
            (fulfil("f-1", &[("l-1", 1)]).into(), "deferred_revenue 40.00 | sales 40.00"),
            (fulfil_all("f-2").into(), "deferred_revenue 43.33 | sales 43.33"),
        ],
    );
}

/// domain.md 3.1: refund of 30.00, not yet fulfilled; then the provider's answers.
#[test]
fn a_refund_before_delivery_lessens_the_advance() {
    let cancelled = (
        Command::from(cancel("x-1", &[("l-2", 1)])),
        "deferred_revenue 25.00, tax_payable 5.00 | refunds_pending 30.00",
    );
    let mut done = stage(captured());
    assert_eq!(net(&done.play(cancelled.0.clone())), cancelled.1);
    let refund_id = crate::id::RefundId::derived(&["order", "o-1", "x-1", "p-1"]);
    let arrived = done.play(confirm("p-1", refund_id.as_str()));
    assert_eq!(net(&arrived), "refunds_pending 30.00 | psp_clearing 30.00");
    let mut failed = stage(captured());
    failed.play(cancelled.0);
    let answer = failed.play(fail_refund("p-1", refund_id.as_str()));
    assert_eq!(net(&answer), "refunds_pending 30.00 | customer_credit 30.00");
}

/// domain.md 3.1: the same, fulfilled.
#[test]
fn a_refund_after_delivery_is_a_return() {
    let given = [captured(), vec![fulfil_all("f-1").into()]].concat();
    let rows =
        vec![(take_back("b-1", &[("l-2", 1)]).into(), "tax_payable 5.00, returns 25.00 | refunds_pending 30.00")];
    compare(given, rows);
}

/// domain.md 3.1: the same two, asked of the payment itself.
#[test]
fn a_refund_of_the_payment_is_booked_like_one_of_the_order() {
    let asked = || Command::from(refund("p-1", "r-1", "30.00"));
    compare(captured(), vec![(asked(), "deferred_revenue 25.00, tax_payable 5.00 | refunds_pending 30.00")]);
    let delivered = [captured(), vec![fulfil_all("f-1").into()]].concat();
    compare(delivered, vec![(asked(), "tax_payable 5.00, returns 25.00 | refunds_pending 30.00")]);
    let owed_again = refund_as(RefundOrigin::Replacement, "p-1", "r-1", eur("30.00"));
    let delivered = [captured(), vec![fulfil_all("f-1").into()]].concat();
    compare(delivered, vec![(owed_again.into(), "ar_customer 30.00 | refunds_pending 30.00")]);
}

/// domain.md 3.1: nothing is posted back for a fee that the provider keeps; one that it returns is.
#[test]
fn a_fee_stays_a_cost_unless_it_is_returned() {
    let given = [captured(), vec![fee("p-1", "e-1", "3.20").into(), cancel_all("x-1").into()]].concat();
    let refund_id = crate::id::RefundId::derived(&["order", "o-1", "x-1", "p-1"]);
    let returned = fee_as(FeeDirection::Returned, "p-1", "e-2", eur("3.20"));
    let rows = vec![
        (confirm("p-1", refund_id.as_str()).into(), "refunds_pending 100.00 | psp_clearing 100.00"),
        (returned.into(), "psp_clearing 3.20 | psp_fees 3.20"),
    ];
    compare(given, rows);
}

/// domain.md 3.1: dispute of 100.00 with a fee of 15.00, won and lost.
#[test]
fn a_dispute_opened_won_and_lost() {
    let opened = (
        Command::from(dispute("p-1", "d-1", "100.00", "15.00")),
        "disputes_receivable 100.00, dispute_fees 15.00 | psp_clearing 115.00",
    );
    let won = (win("p-1", "d-1", eur("0.00")).into(), "psp_clearing 100.00 | disputes_receivable 100.00");
    let lost = (
        lose("p-1", "d-1", eur("16.67"), None).into(),
        "tax_payable 16.67, dispute_losses 83.33 | disputes_receivable 100.00",
    );
    compare(captured(), vec![opened.clone(), won]);
    compare(captured(), vec![opened, lost]);
}

/// domain.md 3.1: authorised 100, captured 60: 60 is posted, 40 leaves the pending layer. The order owes the rest.
#[test]
fn a_partial_capture_posts_its_part_alone() {
    let mut stage = stage(vec![hundred_with_tax().into(), authorise("p-1", "100.00").into()]);
    let events = stage.play(last_capture("p-1", "k-1", "60.00"));
    assert_eq!(net(&events), "psp_clearing 60.00 | deferred_revenue 50.00, tax_payable 10.00");
    let pending: Vec<_> = stage.events().filter_map(Event::pending).flat_map(|it| it.postings()).collect();
    let left: i128 =
        pending.iter().filter(|it| *it.account() == crate::Account::PspClearing).map(|it| it.signed().minor()).sum();
    assert_eq!(left, 0);
    assert_eq!(stage.order().due(), Some(eur("40.00")));
}

/// Whatever comes first, the books end the same.
#[test]
fn delivered_first_or_paid_first_ends_in_the_same_books() {
    let paid = receive("p-1", Method::Card, "100.00");
    let steps: [Vec<Command>; 4] = [
        vec![hundred_with_tax().into(), paid.clone().into(), fulfil_all("f-1").into()],
        vec![hundred_with_tax().into(), fulfil_all("f-1").into(), paid.clone().into()],
        vec![paid.clone().into(), hundred_with_tax().into(), fulfil_all("f-1").into()],
        vec![
            hundred_with_tax().into(),
            fulfil("f-1", &[("l-2", 1)]).into(),
            paid.into(),
            fulfil("f-2", &[("l-1", 1)]).into(),
            fulfil_all("f-3").into(),
        ],
    ];
    for commands in steps {
        assert_eq!(net(stage(commands).events()), "psp_clearing 100.00 | tax_payable 16.67, sales 83.33");
    }
}

/// domain.md 3.6: cash on delivery of 50.00; the courier keeps 3.00.
#[test]
fn cash_on_delivery_is_the_couriers_debt_until_it_remits() {
    let sold = place(vec![line("l-1", 1, "50.00").included().tax("0.25")]);
    let mut stage = stage(vec![sold.into()]);
    let mut shipped = stage.play(receive("p-1", Method::CashOnDelivery, "50.00"));
    shipped.extend(stage.play(fulfil_all("f-1")));
    assert_eq!(net(&shipped), "courier_receivable 50.00 | tax_payable 10.00, sales 40.00");
    let mut remitted = stage.play(payout("p-1", "y-1", "47.00"));
    remitted.extend(stage.play(fee("p-1", "e-1", "3.00")));
    assert_eq!(net(&remitted), "bank 47.00, delivery_cost 3.00 | courier_receivable 50.00");
}

/// domain.md 3.6, refused: the mirror of the sale. The sale is mirrored by returns, so that both stay visible.
#[test]
fn cash_on_delivery_that_is_refused_leaves_only_its_freight() {
    let sold = place(vec![line("l-1", 1, "50.00").included().tax("0.25")]);
    let given = vec![sold.into(), receive("p-1", Method::CashOnDelivery, "50.00").into(), fulfil_all("f-1").into()];
    let mut stage = stage(given);
    let mut refused = stage.play(reverse("p-1", "p-1"));
    refused.extend(stage.play(take_back_all("b-1")));
    assert_eq!(net(&refused), "tax_payable 10.00, returns 40.00 | courier_receivable 50.00");
    refused = stage.play(fee("p-1", "e-1", "4.00"));
    assert_eq!(net(&refused), "delivery_cost 4.00 | courier_receivable 4.00");
    assert!(stage.order().funds()[0].unallocated().is_zero());
}

/// domain.md 3.6, partial acceptance: mirror only the refused lines. Each parcel is a capture of its own.
#[test]
fn of_a_partly_refused_delivery_only_the_refused_lines_are_mirrored() {
    let sold =
        place(vec![line("l-1", 1, "30.00").included().tax("0.25"), line("l-2", 1, "20.00").included().tax("0.25")]);
    let promised = authorise_as(intent("p-1", Method::CashOnDelivery, eur("50.00")));
    let mut stage = stage(vec![
        sold.into(),
        promised.into(),
        capture("p-1", "l-1", "30.00").into(),
        last_capture("p-1", "l-2", "20.00").into(),
        fulfil_all("f-1").into(),
    ]);
    let mut refused = stage.play(reverse("p-1", "l-2"));
    refused.extend(stage.play(take_back("b-1", &[("l-2", 1)])));
    assert_eq!(net(&refused), "tax_payable 4.00, returns 16.00 | courier_receivable 20.00");
    assert_eq!(stage.order().due(), Some(eur("0.00")));
}

/// domain.md 3.7: a voucher of 100 is sold, then 40 of it is redeemed.
#[test]
fn a_voucher_is_a_debt_when_sold_and_pays_when_redeemed() {
    let sold = PlaceOrder { order_id: the("o-2"), ..order_of(vec![line("l-1", 1, "100.00").kind(LineKind::GiftCard)]) };
    let cash = payment::Intent { order_id: Some(the("o-2")), ..intent("p-1", Method::Card, eur("100.00")) };
    let mut first = stage(vec![sold.asked().into(), receive_as(cash).into()]);
    let Command::Order(order::Command::Fulfil(handed)) = Command::from(fulfil_all("f-1")) else { panic!() };
    first.play(order::Command::Fulfil(Fulfil { order_id: the("o-2"), ..handed }));
    assert_eq!(net(first.events()), "psp_clearing 100.00 | gift_card 100.00");
    let bought = place(vec![line("l-1", 1, "40.00")]);
    compare(
        vec![bought.into()],
        vec![
            (receive("v-1", Method::Voucher, "40.00").into(), "gift_card 40.00 | deferred_revenue 40.00"),
            (cancel_all("x-1").into(), "deferred_revenue 40.00 | refunds_pending 40.00"),
            (
                confirm("v-1", crate::id::RefundId::derived(&["order", "o-1", "x-1", "v-1"]).as_str()).into(),
                "refunds_pending 40.00 | gift_card 40.00",
            ),
        ],
    );
}

/// domain.md 3.7, overpayment: the customer's credit, not revenue; it goes back first.
#[test]
fn what_is_paid_too_much_is_the_customers() {
    let sold = place(vec![line("l-1", 1, "100.00")]);
    compare(
        vec![sold.into()],
        vec![
            (
                receive("p-1", Method::BankTransfer, "105.00").into(),
                "bank 105.00 | deferred_revenue 100.00, customer_credit 5.00",
            ),
            (refund("p-1", "r-1", "5.00").into(), "customer_credit 5.00 | refunds_pending 5.00"),
            (confirm("p-1", "r-1").into(), "refunds_pending 5.00 | bank 5.00"),
            (refund("p-1", "r-2", "10.00").into(), "deferred_revenue 10.00 | refunds_pending 10.00"),
            // The order stays cheaper: what did not arrive is the customer's.
            (fail_refund("p-1", "r-2").into(), "refunds_pending 10.00 | customer_credit 10.00"),
        ],
    );
}

/// domain.md 3.7, mixed tender: never more cash than cash paid in.
#[test]
fn of_a_mixed_payment_the_voucher_goes_back_first() {
    let sold = place(vec![line("l-1", 10, "10.00")]);
    let mut stage = stage(vec![
        sold.into(),
        receive("v-1", Method::Voucher, "30.00").into(),
        receive("p-1", Method::Card, "70.00").into(),
    ]);
    let asked = stage.play(cancel("x-1", &[("l-1", 5)]));
    let requested = asked.iter().filter_map(|event| match event {
        Event::Payment(payment::Event::RefundRequested(it)) => Some((it.payment_id.as_str(), it.amount)),
        Event::Payment(_)
        | Event::Order(_)
        | Event::Credit(_)
        | Event::Plan(_)
        | Event::Clock(_)
        | Event::Period(_)
        | Event::Customer(_)
        | Event::Wallet(_)
        | Event::Invoice(_)
        | Event::Deposit(_)
        | Event::Holding(_)
        | Event::Payout(_) => None,
    });
    assert_eq!(requested.collect::<Vec<_>>(), [("v-1", eur("30.00")), ("p-1", eur("20.00"))]);
    assert_eq!(net(&asked), "deferred_revenue 50.00 | refunds_pending 50.00");
}

/// domain.md 3.8: tax on its own leg by jurisdiction; a refund reverses the same line's tax.
#[test]
fn tax_goes_to_its_authority_and_comes_back_from_it() {
    let sold = place(vec![
        line("l-1", 2, "10.00").tax_of("US-CA", "0.06").tax_of("US-CA-ALA", "0.0125"),
        line("l-2", 1, "10.00").tax_of("DE", "0.19"),
    ]);
    compare(
        vec![sold.into()],
        vec![
            (
                receive("p-1", Method::Card, "33.35").into(),
                "psp_clearing 33.35 | deferred_revenue 30.00, tax_payable:DE 1.90, tax_payable:US-CA 1.20, tax_payable:US-CA-ALA 0.25",
            ),
            (fulfil_all("f-1").into(), "deferred_revenue 30.00 | sales 30.00"),
            // The first of two units carries the larger cent of 0.25.
            (
                take_back("b-1", &[("l-1", 1)]).into(),
                "tax_payable:US-CA 0.60, tax_payable:US-CA-ALA 0.13, returns 10.00 | refunds_pending 10.73",
            ),
            (
                take_back("b-2", &[("l-1", 1), ("l-2", 1)]).into(),
                "tax_payable:DE 1.90, tax_payable:US-CA 0.60, tax_payable:US-CA-ALA 0.12, returns 20.00 | refunds_pending 22.62",
            ),
        ],
    );
}

/// A dispute has taken the money that a cancellation would give back: the refund fails, the money stays credit, and
/// nobody is paid twice.
#[test]
fn a_cancellation_after_a_dispute_refunds_nothing_twice() {
    let given = [captured(), vec![dispute("p-1", "d-1", "100.00", "15.00").into()]].concat();
    let mut stage = stage(given);
    let events = stage.play(cancel_all("x-1"));
    assert_eq!(net(&events), "deferred_revenue 83.33, tax_payable 16.67 | customer_credit 100.00");
    assert_eq!(stage.order().funds()[0].unallocated(), eur("100.00"));
    // The follower does it all again, after the dispute was won: nothing happens a second time.
    stage.play(win("p-1", "d-1", eur("0.00")));
    let before = stage.history.len();
    stage.follow_from_the_start();
    assert_eq!(stage.history.len(), before);
}

/// A payment that is refused for another reason than money is recorded with the order, so that nothing is silent.
#[test]
fn a_refund_that_is_refused_is_recorded_as_failed() {
    let cancelled = told::<order::Order>(&[place(vec![line("l-1", 1, "10.00")]), allocate("p-9", "10.00")]);
    let cause = Event::Order(cancelled.decide(&cancel_all("x-1")).unwrap().remove(0));
    let asked = crate::policy::react(&cause).remove(0);
    assert!(Stage::default().decide(&asked).is_err(), "there is no such payment");
    let refund_id = crate::id::RefundId::derived(&["order", "o-1", "x-1", "p-9"]);
    let recorded = crate::policy::on_refusal(&cause, &asked);
    assert_eq!(recorded, Some(refund_did_not_arrive("p-9", refund_id.as_str(), eur("10.00")).into()));
}

//! Every refusal, at least once, in the order of the list.

use super::super::{Command, LINES_MAX, Order, PARTS_MAX, PlaceOrder, QUANTITY_MAX, Refusal};
use crate::decider::{Decider, Refused};
use crate::invalid::Invalid;
use crate::money::{AMOUNT_MINOR_MAX, Money};
use crate::rehearsal::*;

/// How many refusals there are.
const REFUSALS: usize = 20;

/// The place of a refusal in the list. A new one makes the compiler ask here; it needs a row below, too.
fn place_in_the_list(refusal: &Refusal) -> usize {
    match refusal {
        Refusal::NotPlaced => 0,
        Refusal::NoLines => 1,
        Refusal::TooManyLines => 2,
        Refusal::DuplicateLine { .. } => 3,
        Refusal::QuantityOutOfRange { .. } => 4,
        Refusal::TooManyParts { .. } => 5,
        Refusal::TiersOutOfOrder { .. } => 6,
        Refusal::Amount { .. } => 7,
        Refusal::DiscountExceedsLine { .. } => 8,
        Refusal::TooManyDiscounts => 9,
        Refusal::DiscountForUnknownLine { .. } => 10,
        Refusal::DiscountExceedsOrder { .. } => 11,
        Refusal::ExistsWithDifferentContent { .. } => 12,
        Refusal::UnknownLine { .. } => 13,
        Refusal::NothingLeft => 14,
        Refusal::ExceedsOpen { .. } => 15,
        Refusal::ExceedsFulfilled { .. } => 16,
        Refusal::NotPaidYet { .. } => 17,
        Refusal::UnknownPayment(_) => 18,
        Refusal::UnknownRefund(_) => 19,
    }
}

struct Row {
    given: Vec<Command>,
    asked: Command,
    refusal: Refusal,
    code: &'static str,
    pointer: Option<&'static str>,
}

fn row(given: &[Command], asked: Command, refusal: Refusal, code: &'static str, pointer: &'static str) -> Row {
    let pointer = (!pointer.is_empty()).then_some(pointer);
    Row { given: given.to_vec(), asked, refusal, code, pointer }
}

fn many(count: usize) -> Vec<crate::order::NewLine> {
    (0..count).map(|nth| line(&format!("l-{nth}"), 1, "1.00")).collect()
}

fn amount(pointer: &str, source: Invalid) -> Refusal {
    Refusal::Amount { pointer: pointer.to_owned(), source }
}

fn not_euro() -> Invalid {
    Invalid::CurrencyMismatch { left: the("EUR"), right: the("USD") }
}

fn usd(text: &str) -> Money {
    the(&format!("{text} USD"))
}

fn priced_in_dollars(line: crate::order::NewLine) -> crate::order::NewLine {
    crate::order::NewLine { price: crate::order::Price::Unit(usd("1.00")), ..line }
}

fn second_tier_in_dollars() -> crate::order::NewLine {
    let tiered = line("l-1", 1, "1.00").tiers(crate::order::TierMode::Volume, &[(1, "1.00"), (5, "0.90")]);
    let crate::order::Price::Tiers { mode, mut tiers } = tiered.price.clone() else { panic!() };
    tiers[1].unit_price = usd("0.90");
    crate::order::NewLine { price: crate::order::Price::Tiers { mode, tiers }, ..tiered }
}

fn three() -> Command {
    place(vec![line("l-1", 3, "10.00")])
}

/// What a placement (and an addition) refuses of its lines.
fn rows_of_lines() -> Vec<Row> {
    let one = || vec![line("l-1", 1, "10.00")];
    let twenty_one = |line: crate::order::NewLine| (0..=PARTS_MAX).fold(line, |line, _| line.tax("0.01"));
    let discounted = (0..=PARTS_MAX).fold(line("l-1", 1, "99.00"), |line, _| line.less(amount_off("0.01")));
    let tiers: Vec<(u32, &str)> = (1..=21).map(|from| (from, "1.00")).collect();
    let tiered = |tiers: &[(u32, &str)]| vec![line("l-1", 1, "1.00").tiers(crate::order::TierMode::Graduated, tiers)];
    let largest = crate::order::NewLine {
        price: crate::order::Price::Unit(Money::of_minor(AMOUNT_MINOR_MAX, the("EUR"))),
        ..line("l-1", 1, "1.00")
    };
    let parts = |what| Refusal::TooManyParts { place: 0, what };
    let large = || Invalid::AmountTooLarge;
    let many_discounts = (0..=PARTS_MAX).fold(order_of(one()), |order, _| order.less(amount_off("0.01"), None));
    let dollars_off = crate::order::Discount::Amount(usd("1.00"));
    let unknown = || Refusal::DiscountForUnknownLine { discount: 1, line_id: the("l-9") };
    vec![
        row(&[], add("a-1", one()), Refusal::NotPlaced, "order_not_placed", "/order_id"),
        row(&[], fulfil_all("f-1"), Refusal::NotPlaced, "order_not_placed", "/order_id"),
        row(&[], cancel_all("x-1"), Refusal::NotPlaced, "order_not_placed", "/order_id"),
        row(&[], take_back_all("b-1"), Refusal::NotPlaced, "order_not_placed", "/order_id"),
        row(&[], place(vec![]), Refusal::NoLines, "no_lines", "/lines"),
        row(&[three()], add("a-1", vec![]), Refusal::NoLines, "no_lines", "/lines"),
        row(&[], place(many(LINES_MAX + 1)), Refusal::TooManyLines, "too_many_lines", "/lines"),
        row(
            &[place(many(LINES_MAX))],
            add("a-1", vec![line("x-1", 1, "1.00")]),
            Refusal::TooManyLines,
            "too_many_lines",
            "/lines",
        ),
        row(
            &[],
            place([one(), one()].concat()),
            Refusal::DuplicateLine { place: 1 },
            "duplicate_line",
            "/lines/1/line_id",
        ),
        row(&[three()], add("a-1", one()), Refusal::DuplicateLine { place: 0 }, "duplicate_line", "/lines/0/line_id"),
        row(
            &[three()],
            fulfil("f-1", &[("l-1", 1), ("l-1", 1)]),
            Refusal::DuplicateLine { place: 1 },
            "duplicate_line",
            "/lines/1/line_id",
        ),
        row(
            &[],
            place(vec![line("l-1", 0, "1.00")]),
            Refusal::QuantityOutOfRange { place: 0 },
            "quantity_out_of_range",
            "/lines/0/quantity",
        ),
        row(
            &[],
            place(vec![line("l-1", QUANTITY_MAX + 1, "1.00")]),
            Refusal::QuantityOutOfRange { place: 0 },
            "quantity_out_of_range",
            "/lines/0/quantity",
        ),
        row(
            &[three()],
            cancel("x-1", &[("l-1", 0)]),
            Refusal::QuantityOutOfRange { place: 0 },
            "quantity_out_of_range",
            "/lines/0/quantity",
        ),
        row(&[], place(vec![twenty_one(line("l-1", 1, "1.00"))]), parts("taxes"), "too_many_parts", "/lines/0/taxes"),
        row(&[], place(vec![discounted]), parts("discounts"), "too_many_parts", "/lines/0/discounts"),
        row(&[], place(tiered(&tiers)), parts("price_tiers"), "too_many_parts", "/lines/0/price_tiers"),
        row(
            &[],
            place(tiered(&[(2, "1.00")])),
            Refusal::TiersOutOfOrder { place: 0 },
            "tiers_out_of_order",
            "/lines/0/price_tiers",
        ),
        row(
            &[],
            place(tiered(&[(1, "1.00"), (1, "0.90")])),
            Refusal::TiersOutOfOrder { place: 0 },
            "tiers_out_of_order",
            "/lines/0/price_tiers",
        ),
        row(
            &[],
            place(tiered(&[])),
            Refusal::TiersOutOfOrder { place: 0 },
            "tiers_out_of_order",
            "/lines/0/price_tiers",
        ),
        row(
            &[],
            place(vec![priced_in_dollars(line("l-1", 1, "1.00"))]),
            amount("/lines/0/unit_price", not_euro()),
            "currency_mismatch",
            "/lines/0/unit_price",
        ),
        row(
            &[],
            place(vec![second_tier_in_dollars()]),
            amount("/lines/0/price_tiers/1/unit_price", not_euro()),
            "currency_mismatch",
            "/lines/0/price_tiers/1/unit_price",
        ),
        row(
            &[],
            place(vec![line("l-1", 2, "9999999999999999.99")]),
            amount("/lines/0/unit_price", large()),
            "amount_too_large",
            "/lines/0/unit_price",
        ),
        row(
            &[],
            place(vec![line("l-1", 1, "1.00").less(dollars_off)]),
            amount("/lines/0/discounts/0", not_euro()),
            "currency_mismatch",
            "/lines/0/discounts/0",
        ),
        row(
            &[],
            order_of(one()).less(dollars_off, None).asked(),
            amount("/discounts/0", not_euro()),
            "currency_mismatch",
            "/discounts/0",
        ),
        row(&[], place(vec![largest.clone(), line("l-2", 1, "0.01")]), amount("", large()), "amount_too_large", ""),
        row(
            &[place(vec![largest.clone()])],
            add("a-1", vec![line("l-2", 1, "0.01")]),
            amount("", large()),
            "amount_too_large",
            "",
        ),
        row(
            &[],
            place(vec![line("l-1", 1, "1.00").less(amount_off("1.01"))]),
            Refusal::DiscountExceedsLine { place: 0 },
            "discount_exceeds_line",
            "/lines/0/discounts",
        ),
        row(&[], many_discounts.asked(), Refusal::TooManyDiscounts, "too_many_discounts", "/discounts"),
        row(
            &[],
            order_of(one()).less(amount_off("1.00"), None).less(amount_off("1.00"), Some(&["l-9"])).asked(),
            unknown(),
            "discount_for_unknown_line",
            "/discounts/1",
        ),
        row(
            &[],
            order_of(one()).less(amount_off("10.01"), None).asked(),
            Refusal::DiscountExceedsOrder { discount: 0 },
            "discount_exceeds_order",
            "/discounts/0",
        ),
        row(
            &[],
            order_of(one()).less(amount_off("0.01"), Some(&[])).asked(),
            Refusal::DiscountExceedsOrder { discount: 0 },
            "discount_exceeds_order",
            "/discounts/0",
        ),
    ]
}

/// What the later commands refuse.
fn rows_of_units_and_money() -> Vec<Row> {
    let two = || vec![three(), fulfil("f-1", &[("l-1", 2)])];
    let all = || vec![three(), fulfil_all("f-1")];
    let unknown_line = |place| Refusal::UnknownLine { place, line_id: the("l-9") };
    let exceeds_open = |asked, open| Refusal::ExceedsOpen { place: 0, line_id: the("l-1"), asked, open };
    let exceeds_fulfilled =
        |asked, returnable| Refusal::ExceedsFulfilled { place: 0, line_id: the("l-1"), asked, returnable };
    let first_paid = PlaceOrder { fulfil_when_paid: true, ..order_of(vec![line("l-1", 3, "10.00")]) }.asked();
    let not_paid = |paid, value| Refusal::NotPaidYet { paid: eur(paid), value: eur(value) };
    let paid = || vec![three(), allocate("p-1", "30.00")];
    let no_payment = || Refusal::UnknownPayment(the("p-9"));
    let no_refund = || Refusal::UnknownRefund(the("r-9"));
    vec![
        row(&paid(), release("p-1", "r-1", usd("1.00")), amount("/amount", not_euro()), "currency_mismatch", "/amount"),
        row(
            &paid(),
            allocate_by(crate::payment::Method::Card, "k-9", "p-1", usd("1.00")),
            amount("/amount", not_euro()),
            "currency_mismatch",
            "/amount",
        ),
        row(
            &[three()],
            place(vec![line("l-1", 4, "10.00")]),
            Refusal::exists("order_id"),
            "exists_with_different_content",
            "/order_id",
        ),
        row(&two(), fulfil("f-2", &[("l-1", 1), ("l-9", 1)]), unknown_line(1), "unknown_line", "/lines/1/line_id"),
        row(&two(), cancel("x-1", &[("l-9", 1)]), unknown_line(0), "unknown_line", "/lines/0/line_id"),
        row(&two(), take_back("b-1", &[("l-9", 1)]), unknown_line(0), "unknown_line", "/lines/0/line_id"),
        row(&all(), fulfil_all("f-2"), Refusal::NothingLeft, "nothing_left", ""),
        row(&all(), cancel_all("x-1"), Refusal::NothingLeft, "nothing_left", ""),
        row(&[three()], take_back_all("b-1"), Refusal::NothingLeft, "nothing_left", ""),
        row(&[three()], fulfil("f-1", &[]), Refusal::NothingLeft, "nothing_left", ""),
        row(&two(), fulfil("f-2", &[("l-1", 2)]), exceeds_open(2, 1), "exceeds_open", "/lines/0/quantity"),
        row(&two(), cancel("x-1", &[("l-1", 2)]), exceeds_open(2, 1), "exceeds_open", "/lines/0/quantity"),
        row(
            &[two(), vec![take_back("b-1", &[("l-1", 1)])]].concat(),
            fulfil("f-2", &[("l-1", 2)]),
            exceeds_open(2, 1),
            "exceeds_open",
            "/lines/0/quantity",
        ),
        row(&two(), take_back("b-1", &[("l-1", 3)]), exceeds_fulfilled(3, 2), "exceeds_fulfilled", "/lines/0/quantity"),
        row(
            &[two(), vec![take_back("b-1", &[("l-1", 1)])]].concat(),
            take_back("b-2", &[("l-1", 2)]),
            exceeds_fulfilled(2, 1),
            "exceeds_fulfilled",
            "/lines/0/quantity",
        ),
        row(
            &[first_paid.clone(), allocate("p-1", "19.99")],
            fulfil("f-1", &[("l-1", 2)]),
            not_paid("19.99", "20.00"),
            "not_paid_yet",
            "",
        ),
        row(
            &[first_paid, allocate("p-1", "20.00"), fulfil("f-1", &[("l-1", 2)])],
            fulfil_all("f-2"),
            not_paid("20.00", "30.00"),
            "not_paid_yet",
            "",
        ),
        row(&paid(), release("p-9", "r-1", eur("1.00")), no_payment(), "unknown_payment", "/payment_id"),
        row(&paid(), refund_did_not_arrive("p-1", "r-9", eur("1.00")), no_refund(), "unknown_refund", "/refund_id"),
    ]
}

#[test]
fn every_refusal_says_what_is_wrong_and_where() {
    let mut told_of = std::collections::BTreeSet::new();
    for rows in [rows_of_lines(), rows_of_units_and_money()] {
        let mut before = 0;
        for Row { given, asked, refusal, code, pointer } in rows {
            let answer = told::<Order>(&given).decide(&asked);
            assert_eq!(answer, Err(refusal.clone()), "{asked:?}");
            assert_eq!((refusal.code(), refusal.pointer().as_deref()), (code, pointer), "{refusal:?}");
            assert!(!refusal.to_string().is_empty());
            let place = place_in_the_list(&refusal);
            assert!(before <= place, "{refusal:?} comes earlier in the list");
            before = place;
            told_of.insert(place);
        }
    }
    assert_eq!(told_of, (0..REFUSALS).collect(), "a refusal without a row");
}

/// Where two things are wrong, the earlier one of the list is told.
#[test]
fn the_first_refusal_of_the_list_is_told() {
    let wrong_twice = vec![line("l-1", 0, "1.00"), line("l-1", 1, "1.00").less(amount_off("9.00"))];
    let refused = |given: &[Command], asked: Command| told::<Order>(given).decide(&asked).unwrap_err().code();
    assert_eq!(refused(&[], place(wrong_twice)), "quantity_out_of_range");
    assert_eq!(refused(&[], add("a-1", vec![])), "order_not_placed");
    assert_eq!(refused(&[three()], fulfil("f-1", &[("l-9", 1), ("l-1", 99)])), "unknown_line");
}

#[test]
fn a_refused_command_changes_nothing() {
    let order = told::<Order>(&[three(), allocate("p-1", "30.00")]);
    let before = order.clone();
    assert!(order.decide(&cancel("x-1", &[("l-1", 4)])).is_err());
    assert_eq!(order, before);
}

//! Published numbers of prices, discounts, taxes and partial returns, as tables that name their source.

use super::super::{Event, LineKind, NewLine, Order, PlaceOrder, Placed, TaxLevel, TierMode};
use crate::decider::Decider;
use crate::money::Money;
use crate::rate::Rounding;
use crate::rehearsal::*;

fn placed(order: PlaceOrder) -> Placed {
    match Order::default().decide(&order.asked()).unwrap().remove(0) {
        Event::Placed(placed) => *placed,
        other => panic!("{other:?}"),
    }
}

fn each(placed: &Placed, of: impl Fn(&super::super::PricedLine) -> Money) -> Vec<String> {
    placed.lines.iter().map(|line| of(line).digits().to_string()).collect()
}

fn refunded(order: PlaceOrder, paid: &str, command: super::super::Command) -> Money {
    let is_return = matches!(command, super::super::Command::Return(_));
    let mut commands = vec![order.asked(), allocate("p-1", paid)];
    commands.extend(is_return.then(|| fulfil_all("f-1")));
    match told::<Order>(&commands).decide(&command).unwrap().remove(0) {
        Event::LinesCancelled(it) => it.released[0].amount,
        Event::LinesReturned(it) => it.released[0].amount,
        other => panic!("{other:?}"),
    }
}

/// domain.md 4.3: moneyphp's allocation docs (after Fowler), largest remainder, vendure #4811, prestashop #18319.
#[test]
fn a_discount_is_shared_by_value_to_the_last_cent() {
    let cases: [(&[&str], &str, &[&str]); 7] = [
        (&["0.70", "0.30"], "0.05", &["0.04", "0.01"]), // moneyphp; 3.5 and 1.5: the tie goes to the first
        (&["0.30", "0.70"], "0.05", &["0.02", "0.03"]),
        (&["10.00", "10.00", "10.00"], "8.00", &["2.67", "2.67", "2.66"]),
        (&["1.00", "2.00", "3.00"], "1.00", &["0.17", "0.33", "0.50"]),
        (&["0.00", "1.00", "1.00"], "0.07", &["0.00", "0.04", "0.03"]),
        (&["50.00", "10.00"], "10.00", &["8.33", "1.67"]), // vendure #4811
        (&["150.00", "60.00"], "42.00", &["30.00", "12.00"]), // prestashop #18319
    ];
    for (prices, discount, expected) in cases {
        let lines = prices.iter().enumerate().map(|(nth, price)| line(&format!("l-{nth}"), 1, price)).collect();
        let placed = placed(order_of(lines).less(amount_off(discount), None));
        assert_eq!(each(&placed, |it| it.discount), expected, "{discount} off {prices:?}");
    }
}

/// vendure #4811: 10.00 off 50.00 and 10.00.
#[test]
fn a_cancelled_line_takes_its_own_discount_with_it_and_no_other() {
    let order = order_of(vec![line("l-1", 1, "50.00"), line("l-2", 1, "10.00")]).less(amount_off("10.00"), None);
    assert_eq!(refunded(order.clone(), "50.00", cancel("x-1", &[("l-1", 1)])), eur("41.67"));
    let left = told::<Order>(&[order.asked(), cancel("x-1", &[("l-1", 1)])]);
    assert_eq!(left.due(), Some(eur("8.33")));
}

/// prestashop #18319: 20 % off 150.00 + 60.00, the first is returned.
#[test]
fn a_returned_line_gives_back_what_was_paid_for_it() {
    let order = order_of(vec![line("l-1", 1, "150.00"), line("l-2", 1, "60.00")]).less(percent_off("0.20"), None);
    assert_eq!(placed(order.clone()).total.gross, eur("168.00"));
    assert_eq!(refunded(order, "168.00", take_back("b-1", &[("l-1", 1)])), eur("120.00"));
}

/// domain.md 4.2 (3): 19.97 over 3 is 6.66, 6.66, 6.65.
#[test]
fn every_split_of_returns_sums_to_the_line() {
    // 20.00 less 3 cents over three units.
    let order = || order_of(vec![line("l-1", 4, "5.00").less(amount_off("0.03")), line("l-2", 3, "6.66")]);
    let cases: [(&str, &[u32], &[&str]); 6] = [
        ("l-1", &[1, 1, 1, 1], &["5.00", "4.99", "4.99", "4.99"]),
        ("l-1", &[2, 2], &["9.99", "9.98"]),
        ("l-1", &[4], &["19.97"]),
        ("l-1", &[3, 1], &["14.98", "4.99"]),
        ("l-2", &[1, 2], &["6.66", "13.32"]),
        ("l-2", &[3], &["19.98"]),
    ];
    for (line_id, parts, expected) in cases {
        let mut commands = vec![order().asked(), allocate("p-1", "39.95"), fulfil_all("f-1")];
        let values = parts.iter().enumerate().map(|(nth, quantity)| {
            let command = take_back(&format!("b-{nth}"), &[(line_id, *quantity)]);
            let events = told::<Order>(&commands).decide(&command).unwrap();
            commands.push(command);
            let Event::LinesReturned(it) = &events[0] else { panic!("{events:?}") };
            it.value.digits().to_string()
        });
        assert_eq!(values.collect::<Vec<_>>(), expected, "{line_id} by {parts:?}");
    }
}

#[test]
fn units_of_19_97_are_worth_6_66_and_6_66_and_6_65() {
    let thirds = line("l-1", 3, "6.66").less(amount_off("0.01"));
    let mut commands = vec![place(vec![thirds])];
    for (nth, expected) in ["6.66", "6.66", "6.65"].into_iter().enumerate() {
        commands.push(cancel(&format!("x-{nth}"), &[("l-1", 1)]));
        let events = told::<Order>(&commands[..=nth]).decide(&commands[nth + 1]).unwrap();
        let Event::LinesCancelled(it) = &events[0] else { panic!("{events:?}") };
        assert_eq!(it.value, eur(expected));
    }
}

/// wafeq docs: 45.30 at 5 % and 33.45 at 10 %.
#[test]
fn tax_is_rounded_for_what_the_order_says_and_as_it_says() {
    use Rounding::{HalfEven, HalfUp};
    use TaxLevel::{Document, Line, LineAndJurisdiction};
    let order = || order_of(vec![line("l-1", 1, "45.30").tax("0.05"), line("l-2", 1, "33.45").tax("0.10")]);
    let cases = [
        (Line, HalfUp, ["2.27", "3.35"], "5.62"),
        (Line, HalfEven, ["2.26", "3.34"], "5.60"),
        (LineAndJurisdiction, HalfUp, ["2.27", "3.35"], "5.62"),
        (LineAndJurisdiction, HalfEven, ["2.26", "3.34"], "5.60"),
        (Document, HalfUp, ["2.27", "3.34"], "5.61"),
        (Document, HalfEven, ["2.27", "3.34"], "5.61"),
    ];
    for (level, mode, expected, total) in cases {
        let placed = placed(order().rounded(level, mode));
        assert_eq!(each(&placed, |it| it.taxes[0].amount), expected, "{level:?} {mode:?}");
        assert_eq!(placed.total.tax, eur(total), "{level:?} {mode:?}");
    }
}

/// 3.60 at 6 % and 1.25 % is 0.216 and 0.045, together 0.261.
#[test]
fn taxes_of_several_authorities_are_rounded_together_or_each() {
    use Rounding::{HalfEven, HalfUp};
    let order = || order_of(vec![line("l-1", 1, "3.60").tax_of("US-CA", "0.06").tax_of("US-CA-ALA", "0.0125")]);
    let cases = [
        (TaxLevel::Line, HalfUp, ["0.22", "0.04"]),
        (TaxLevel::LineAndJurisdiction, HalfUp, ["0.22", "0.05"]),
        (TaxLevel::LineAndJurisdiction, HalfEven, ["0.22", "0.04"]),
        (TaxLevel::Document, HalfUp, ["0.22", "0.04"]),
    ];
    for (level, mode, expected) in cases {
        let placed = placed(order().rounded(level, mode));
        let taxes: Vec<String> = placed.lines[0].taxes.iter().map(|it| it.amount.digits().to_string()).collect();
        assert_eq!(taxes, expected, "{level:?} {mode:?}");
    }
}

/// domain.md 3.8: tax = gross - round(gross / (1 + rate)).
#[test]
fn included_tax_is_what_is_left_of_the_gross_price() {
    let cases =
        [("100.00", "0.20", "16.67"), ("119.00", "0.19", "19.00"), ("0.01", "0.20", "0.00"), ("9.99", "0.07", "0.65")];
    for level in [TaxLevel::Line, TaxLevel::LineAndJurisdiction, TaxLevel::Document] {
        for (price, rate, expected) in cases {
            let order = order_of(vec![line("l-1", 1, price).included().tax(rate)]).rounded(level, Rounding::HalfUp);
            let placed = placed(order);
            let net = eur(price).minus(eur(expected)).unwrap();
            assert_eq!((placed.total.tax, placed.total.net), (eur(expected), net), "{price} at {rate}");
        }
    }
}

/// 3 cents with 20 % in them are 2.5 net; 5 cents have half a cent of 10 % on them, 15 cents one and a half.
#[test]
fn half_a_cent_goes_as_the_order_says_at_every_level() {
    use Rounding::{HalfEven, HalfUp};
    let with = || line("l-1", 1, "0.03").included().tax("0.20");
    let without = |price| line("l-1", 1, price).tax("0.10");
    let cases = [
        (with(), HalfUp, "0.00"), // the net price is rounded: 3 cents
        (with(), HalfEven, "0.01"),
        (without("0.05"), HalfUp, "0.01"),
        (without("0.05"), HalfEven, "0.00"),
        (without("0.15"), HalfUp, "0.02"),
        (without("0.15"), HalfEven, "0.02"),
    ];
    for level in [TaxLevel::Line, TaxLevel::LineAndJurisdiction, TaxLevel::Document] {
        for (line, mode, expected) in cases.clone() {
            let placed = placed(order_of(vec![line]).rounded(level, mode));
            assert_eq!(placed.total.tax, eur(expected), "{level:?} {mode:?} {:?}", placed.lines[0].subtotal);
        }
    }
}

/// Four taxes of 100 % in a line of three cents are 0.6 cents each; all rounded up they would exceed it.
#[test]
fn included_taxes_never_exceed_the_price() {
    let many = |id: &str| (0..4).fold(line(id, 1, "0.03").included(), |line, _| line.tax("1"));
    let one_cent = line("l-2", 1, "0.01").included().tax("0.10").tax("0.10");
    let small = |nth: usize| line(&format!("s-{nth}"), 1, "0.01").included().tax("0.08");
    for level in [TaxLevel::Line, TaxLevel::LineAndJurisdiction, TaxLevel::Document] {
        let lines: Vec<NewLine> = [many("l-1"), one_cent.clone()].into_iter().chain((0..30).map(small)).collect();
        let placed = placed(order_of(lines).rounded(level, Rounding::HalfUp));
        for line in &placed.lines {
            assert!(line.net.minor() >= 0, "{level:?}: {line:?}");
        }
    }
}

#[test]
fn a_quantity_prices_every_unit_or_each_tier_its_own() {
    let tiers = [(1, "10.00"), (3, "9.00"), (10, "8.00")];
    let cases = [
        (TierMode::Volume, 2, "20.00", Some("10.00")),
        (TierMode::Volume, 3, "27.00", Some("9.00")),
        (TierMode::Volume, 12, "96.00", Some("8.00")),
        (TierMode::Graduated, 2, "20.00", None),
        (TierMode::Graduated, 3, "29.00", None),
        (TierMode::Graduated, 12, "107.00", None), // 2 at 10, 7 at 9, 3 at 8
    ];
    for (mode, quantity, subtotal, unit_price) in cases {
        let line = &placed(order_of(vec![line("l-1", quantity, "0.00").tiers(mode, &tiers)])).lines[0];
        assert_eq!((line.subtotal, line.unit_price), (eur(subtotal), unit_price.map(eur)), "{mode:?} {quantity}");
    }
}

#[test]
fn discounts_of_a_line_apply_one_after_the_other() {
    let cases = [
        (vec![percent_off("0.10"), amount_off("5.00")], "4.00"),
        (vec![amount_off("5.00"), percent_off("0.10")], "4.50"),
        (vec![percent_off("0.50"), percent_off("0.50")], "2.50"),
        (vec![percent_off("1")], "0.00"),
    ];
    for (discounts, expected) in cases {
        let line = discounts.iter().fold(line("l-1", 1, "10.00"), |line, it| line.less(*it));
        assert_eq!(placed(order_of(vec![line])).total.gross, eur(expected), "{discounts:?}");
    }
}

#[test]
fn tax_is_on_the_discounted_line() {
    let order = order_of(vec![line("l-1", 1, "50.00").tax("0.20"), line("l-2", 1, "10.00").tax("0.20")]);
    let placed = placed(order.less(amount_off("10.00"), None));
    assert_eq!(each(&placed, |it| it.taxes[0].amount), ["8.33", "1.67"]); // 41.67 and 8.33 at 20 %
}

#[test]
fn a_discount_of_the_order_is_for_goods_unless_it_names_lines() {
    let order = || {
        order_of(vec![
            line("goods", 1, "80.00"),
            line("carriage", 1, "20.00").kind(LineKind::Shipping),
            line("voucher", 1, "100.00").kind(LineKind::GiftCard),
        ])
    };
    let cases: [(Option<&[&str]>, [&str; 3]); 3] = [
        (None, ["8.00", "0.00", "0.00"]),
        (Some(&["carriage"]), ["0.00", "2.00", "0.00"]),
        (Some(&["goods", "voucher"]), ["8.00", "0.00", "10.00"]),
    ];
    for (lines, expected) in cases {
        let placed = placed(order().less(percent_off("0.10"), lines));
        assert_eq!(each(&placed, |it| it.discount), expected, "{lines:?}");
    }
}

/// openmeter #4342: a two-decimal currency receives 1.005.
#[test]
fn a_price_with_more_decimals_than_its_currency_is_refused_not_rounded() {
    use crate::invalid::Invalid;
    assert!(matches!(Money::parse("1.005", the("EUR")), Err(Invalid::TooManyDecimals { .. })));
    assert!(serde_json::from_str::<Money>("\"1.005 EUR\"").is_err());
    assert!(serde_json::from_str::<Money>("\"0.5 JPY\"").is_err());
}

/// A line of the placement and one that is added price alike; an order's discount is not shared with the latter.
#[test]
fn a_later_line_never_takes_part_of_a_frozen_discount() {
    let order = order_of(vec![line("l-1", 1, "50.00"), line("l-2", 1, "10.00")]).less(amount_off("10.00"), None);
    let order = told::<Order>(&[order.asked(), add("a-1", vec![line("l-3", 1, "40.00")])]);
    assert_eq!(order.due(), Some(eur("90.00")));
    let discounts: Vec<Money> = order.lines().iter().map(|it| it.priced.discount).collect();
    assert_eq!(discounts, [eur("8.33"), eur("1.67"), eur("0.00")]);
}

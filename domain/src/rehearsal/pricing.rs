//! Laws of pricing that hold for every order.

use super::auditor::Auditor;
use super::plot::{any_line, any_order};
use super::*;
use crate::order::{Event as OrderEvent, LineValue, Order, Placed, PricedLine};
use crate::rate::RATE_UNIT;
use num_bigint::BigInt;
use num_rational::BigRational;
use proptest::prelude::*;
use proptest::sample::select;

fn placed(order: &PlaceOrder) -> Placed {
    match Order::default().decide(&order.clone().asked()).unwrap().remove(0) {
        OrderEvent::Placed(placed) => *placed,
        other => panic!("{other:?}"),
    }
}

fn minor(of: Money) -> i128 {
    of.minor()
}

/// A line's tax before any rounding.
fn exact_tax(line: &PricedLine) -> BigRational {
    let rates: i128 = line.taxes.iter().map(|it| it.tax.rate.units()).sum();
    let (value, whole) = if line.prices_include_tax { (line.gross, RATE_UNIT + rates) } else { (line.net, RATE_UNIT) };
    BigRational::new(BigInt::from(minor(value) * rates), BigInt::from(whole))
}

fn rational(minor: i128) -> BigRational {
    BigRational::from(BigInt::from(minor))
}

fn half() -> BigRational {
    BigRational::new(BigInt::from(1), BigInt::from(2))
}

/// How far what is booked is from what would be exact.
fn error(tax: i128, exact: BigRational) -> BigRational {
    let error = rational(tax) - exact;
    if error < rational(0) { -error } else { error }
}

fn tax(line: &PricedLine) -> i128 {
    minor(line.gross) - minor(line.net)
}

/// Units given back in parts of one to three, until none is left.
fn returned_in_parts(order: PlaceOrder, parts: &[u32], as_return: bool) -> Vec<LineValue> {
    let lines: Vec<(String, u32)> = order.lines.iter().map(|it| (it.line_id.to_string(), it.quantity)).collect();
    let mut state = told::<Order>(&[order.asked()]);
    if as_return {
        let events = state.decide(&fulfil_all("f-1")).unwrap();
        events.iter().for_each(|event| state.evolve(event));
    }
    let mut values = Vec::new();
    let mut parts = parts.iter().cycle();
    for (line_id, mut left) in lines {
        while left > 0 {
            let quantity = left.min(*parts.next().unwrap());
            left -= quantity;
            let id = format!("{line_id}:{left}");
            let asked = [(line_id.as_str(), quantity)];
            let command = if as_return { take_back(&id, &asked) } else { cancel(&id, &asked) };
            let events = state.decide(&command).unwrap();
            events.iter().for_each(|event| state.evolve(event));
            match &events[0] {
                OrderEvent::LinesCancelled(it) => values.extend(it.lines.clone()),
                OrderEvent::LinesReturned(it) => values.extend(it.lines.clone()),
                other => panic!("{other:?}"),
            }
        }
    }
    values
}

proptest! {
    /// Lines sum to the order, taxes to the line's tax, and nothing is negative.
    #[test]
    fn every_order_sums(order in any_order()) {
        let event = OrderEvent::Placed(Box::new(placed(&order)));
        prop_assert_eq!(Auditor::default().observe(&Event::Order(event)), Ok(()));
    }

    /// A tax that is rounded once for a line is at most half a cent from the exact one.
    #[test]
    fn a_lines_tax_is_off_by_half_a_cent_at_most(order in any_order()) {
        let mode = order.tax_rounding.mode;
        let placed = placed(&order.rounded(TaxLevel::Line, mode));
        for line in &placed.lines {
            prop_assert!(error(tax(line), exact_tax(line)) <= half(), "{line:?}");
        }
    }

    /// A tax that is rounded for each authority is off by half a cent for each at most.
    #[test]
    fn every_authoritys_tax_is_off_by_half_a_cent_at_most(order in any_order()) {
        let mode = order.tax_rounding.mode;
        let placed = placed(&order.rounded(TaxLevel::LineAndJurisdiction, mode));
        for line in placed.lines.iter().filter(|line| line.net.is_positive()) {
            let count = BigInt::from(line.taxes.len());
            prop_assert!(error(tax(line), exact_tax(line)) <= half() * count, "{line:?}");
        }
    }

    /// The document's tax is rounded once over all lines (prices with and without tax apart), and every line's share of
    /// it is less than a cent for each tax away from its own.
    #[test]
    fn a_documents_tax_is_exact_as_a_whole(order in any_order()) {
        let mode = order.tax_rounding.mode;
        let placed = placed(&order.rounded(TaxLevel::Document, mode));
        for included in [false, true] {
            let lines = || placed.lines.iter().filter(|line| line.prices_include_tax == included);
            let exact: BigRational = lines().map(exact_tax).sum();
            prop_assert!(error(lines().map(tax).sum(), exact) <= half());
        }
        for tax in placed.lines.iter().flat_map(|line| line.taxes.iter().map(move |tax| (line, tax))) {
            let (line, tax) = tax;
            let rates: i128 = line.taxes.iter().map(|it| it.tax.rate.units()).sum();
            let whole = if line.prices_include_tax { RATE_UNIT + rates } else { RATE_UNIT };
            let value = minor(if line.prices_include_tax { line.gross } else { line.net });
            let exact = BigRational::new(BigInt::from(value * tax.tax.rate.units()), BigInt::from(whole));
            prop_assert!(error(minor(tax.amount), exact) < rational(1), "{tax:?} of {line:?}");
        }
    }

    /// A discount of the order is given to the last cent, and no line gives more than it has.
    #[test]
    fn a_discount_of_the_order_is_given_exactly(lines in prop::collection::vec(any_line(), 1..6), share in 0_i128..=1000) {
        let lines: Vec<NewLine> = lines
            .into_iter()
            .enumerate()
            .map(|(nth, line)| NewLine { line_id: the(&format!("l-{nth}")), discounts: vec![], ..line })
            .collect();
        let goods = placed(&order_of(lines.clone())).lines;
        let goods: i128 = goods.iter().filter(|it| it.kind == LineKind::Goods).map(|it| minor(it.subtotal)).sum();
        let given = goods * share / 1000;
        let order = order_of(lines).less(Discount::Amount(Money::of_minor(given, the("EUR"))), None);
        let placed = placed(&order);
        prop_assert_eq!(placed.lines.iter().map(|it| minor(it.discount)).sum::<i128>(), given);
        for line in &placed.lines {
            prop_assert!(minor(line.discount) >= 0 && line.discount <= line.subtotal);
            prop_assert!(line.kind == LineKind::Goods || line.discount.is_zero());
        }
    }

    /// Any partition of cancellations or returns sums to the line, part by part: net, tax and gross.
    #[test]
    fn every_partition_of_returns_sums_to_the_line(order in any_order(), parts in prop::collection::vec(1_u32..4, 1..6), as_return: bool) {
        let order = PlaceOrder { fulfil_when_paid: false, ..order };
        let lines = placed(&order).lines;
        let values = returned_in_parts(order, &parts, as_return);
        for line in lines {
            let own = || values.iter().filter(|it| it.line_id == line.line_id);
            let sum = |part: fn(&LineValue) -> Money| own().map(|it| minor(part(it))).sum::<i128>();
            let sums = [sum(|it| it.net), sum(|it| it.tax), sum(|it| it.gross)];
            prop_assert_eq!(sums, [minor(line.net), tax(&line), minor(line.gross)]);
            prop_assert!(own().all(|it| minor(it.net) >= 0 && minor(it.tax) >= 0));
        }
    }

    /// A dearer order never costs less: prices rise, the total rises.
    #[test]
    fn a_higher_price_never_lowers_the_total(order in any_order(), more in 1_i128..500, nth in select(vec![0_usize, 1, 2, 3])) {
        let mut order = PlaceOrder { discounts: vec![], ..order };
        let nth = nth % order.lines.len();
        let line = &mut order.lines[nth];
        line.discounts.clear();
        let price = match &line.price {
            Price::Unit(price) => *price,
            Price::Tiers { tiers, .. } => tiers[0].unit_price,
        };
        line.price = Price::Unit(price);
        let before = placed(&order).total.gross;
        order.lines[nth].price = Price::Unit(price.plus(Money::of_minor(more, the("EUR"))).unwrap());
        prop_assert!(placed(&order).total.gross >= before);
    }
}

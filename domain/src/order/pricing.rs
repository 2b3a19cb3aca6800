//! From ordered lines to frozen ones: prices, discounts and taxes, exact to the last minor unit.

use super::command::{
    Discount, LineKind, NewLine, OrderDiscount, PARTS_MAX, Price, TaxLevel, TaxRounding, Tier, TierMode,
};
use super::event::{PricedLine, PricedTax, Total};
use super::refusal::Refusal;
use super::{LINES_MAX, QUANTITY_MAX};
use crate::invalid::Invalid;
use crate::money::{Currency, Money};
use crate::rate::{RATE_UNIT, Rate, Rounding};
use crate::split;
use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{ToPrimitive, Zero};

/// Prices lines: subtotal, their own discounts, their share of the order's discounts, taxes.
///
/// # Errors
/// The first refusal that applies, with the place of the line.
pub(super) fn price(
    lines: &[NewLine],
    discounts: &[OrderDiscount],
    currency: Currency,
    rounding: TaxRounding,
) -> Result<Vec<PricedLine>, Refusal> {
    check(lines)?;
    let mut subtotals = Vec::with_capacity(lines.len());
    let mut values = Vec::with_capacity(lines.len());
    for (place, line) in lines.iter().enumerate() {
        let subtotal = subtotal(place, line, currency)?;
        values.push(less_line_discounts(place, line, subtotal)?.minor());
        subtotals.push(subtotal);
    }
    for (place, discount) in discounts.iter().enumerate() {
        share_discount(place, discount, lines, &mut values, currency)?;
    }
    let taxes = taxes(lines, &values, rounding);
    let parts = lines.iter().zip(subtotals).zip(values).zip(taxes);
    let priced = parts.map(|(((line, subtotal), value), taxes)| freeze(line, subtotal, value, taxes));
    Ok(priced.collect::<Result<_, Invalid>>()?)
}

/// The sum of lines.
///
/// # Errors
/// [`Invalid::AmountTooLarge`].
pub(super) fn total(lines: &[PricedLine], currency: Currency) -> Result<Total, Refusal> {
    let (mut net, mut gross) = (Money::zero(currency), Money::zero(currency));
    for line in lines {
        net = net.plus(line.net)?;
        gross = gross.plus(line.gross)?;
    }
    Ok(Total { net, tax: gross.minus(net)?, gross })
}

fn check(lines: &[NewLine]) -> Result<(), Refusal> {
    if lines.is_empty() {
        return Err(Refusal::NoLines);
    }
    if lines.len() > LINES_MAX {
        return Err(Refusal::TooManyLines);
    }
    let mut known = std::collections::BTreeSet::new();
    for (place, line) in lines.iter().enumerate() {
        if !known.insert(&line.line_id) {
            return Err(Refusal::DuplicateLine { place });
        }
        if line.quantity == 0 || line.quantity > QUANTITY_MAX {
            return Err(Refusal::QuantityOutOfRange { place });
        }
        for (what, count) in [("taxes", line.taxes.len()), ("discounts", line.discounts.len())] {
            if count > PARTS_MAX {
                return Err(Refusal::TooManyParts { place, what });
            }
        }
    }
    Ok(())
}

fn subtotal(place: usize, line: &NewLine, currency: Currency) -> Result<Money, Refusal> {
    // Adding to a zero of the order's currency refuses any other currency.
    let zero = Money::zero(currency);
    match &line.price {
        Price::Unit(price) => {
            let at = |source| Refusal::Amount { pointer: format!("/lines/{place}/unit_price"), source };
            zero.plus(*price).and_then(|price| price.times(line.quantity)).map_err(at)
        }
        Price::Tiers { mode, tiers } => {
            check_tiers(place, tiers, currency)?;
            let at = |source| Refusal::Amount { pointer: format!("/lines/{place}/price_tiers"), source };
            let reached: Vec<&Tier> = tiers.iter().filter(|it| it.from_quantity <= line.quantity).collect();
            match mode {
                TierMode::Volume => reached.last().map_or(Ok(zero), |it| it.unit_price.times(line.quantity)),
                TierMode::Graduated => graduated(&reached, line.quantity, zero),
            }
            .map_err(at)
        }
    }
}

/// Tiers start at 1 and rise, and every one is in the order's currency, also one that this quantity does not reach.
fn check_tiers(place: usize, tiers: &[Tier], currency: Currency) -> Result<(), Refusal> {
    if tiers.len() > PARTS_MAX {
        return Err(Refusal::TooManyParts { place, what: "price_tiers" });
    }
    let starts_at_one = tiers.first().is_some_and(|it| it.from_quantity == 1);
    let rises = tiers.windows(2).all(|pair| matches!(pair, [a, b] if a.from_quantity < b.from_quantity));
    if !starts_at_one || !rises {
        return Err(Refusal::TiersOutOfOrder { place });
    }
    for (nth, tier) in tiers.iter().enumerate() {
        let pointer = format!("/lines/{place}/price_tiers/{nth}/unit_price");
        Money::zero(currency).plus(tier.unit_price).map_err(|source| Refusal::Amount { pointer, source })?;
    }
    Ok(())
}

/// Every tier prices its own units.
fn graduated(reached: &[&Tier], quantity: u32, zero: Money) -> Result<Money, Invalid> {
    let ends = reached.iter().skip(1).map(|it| it.from_quantity - 1).chain([quantity]);
    let parts = reached.iter().zip(ends).map(|(tier, end)| tier.unit_price.times(end - (tier.from_quantity - 1)));
    parts.into_iter().try_fold(zero, |sum, part| sum.plus(part?))
}

fn reduction(discount: Discount, value: Money) -> Result<Money, Invalid> {
    match discount {
        // Adding to zero of the line's currency refuses any other currency.
        Discount::Amount(amount) => Money::zero(value.currency()).plus(amount),
        Discount::Rate(rate) => value.with_minor(Rounding::HalfUp.divide(value.minor() * rate.units(), RATE_UNIT)),
    }
}

fn less_line_discounts(place: usize, line: &NewLine, subtotal: Money) -> Result<Money, Refusal> {
    let mut value = subtotal;
    for (nth, discount) in line.discounts.iter().enumerate() {
        let at = |source| Refusal::Amount { pointer: format!("/lines/{place}/discounts/{nth}"), source };
        let reduction = reduction(*discount, value).map_err(at)?;
        value = value.minus(reduction).map_err(|_| Refusal::DiscountExceedsLine { place })?;
    }
    Ok(value)
}

/// Takes one discount of the order off its lines, by value.
fn share_discount(
    place: usize,
    it: &OrderDiscount,
    lines: &[NewLine],
    values: &mut [i128],
    currency: Currency,
) -> Result<(), Refusal> {
    if place >= PARTS_MAX {
        return Err(Refusal::TooManyDiscounts);
    }
    let named = it.lines.as_deref().unwrap_or_default();
    if let Some(unknown) = named.iter().find(|id| !lines.iter().any(|line| line.line_id == **id)) {
        return Err(Refusal::DiscountForUnknownLine { discount: place, line_id: unknown.clone() });
    }
    let is_eligible = |line: &NewLine| match &it.lines {
        Some(named) => named.contains(&line.line_id),
        None => line.kind == LineKind::Goods,
    };
    let weights: Vec<i128> =
        lines.iter().zip(values.iter()).map(|(line, value)| if is_eligible(line) { *value } else { 0 }).collect();
    let at = |source| Refusal::Amount { pointer: format!("/discounts/{place}"), source };
    let base = Money::zero(currency).with_minor(weights.iter().sum()).map_err(at)?;
    let reduction = reduction(it.discount, base).map_err(at)?;
    if reduction.exceeds(base)? {
        return Err(Refusal::DiscountExceedsOrder { discount: place });
    }
    let too_large = || Refusal::Amount { pointer: format!("/discounts/{place}"), source: Invalid::AmountTooLarge };
    let shares = split::by_weights(reduction.minor(), &weights).ok_or_else(too_large)?;
    values.iter_mut().zip(shares).for_each(|(value, share)| *value -= share);
    Ok(())
}

/// The taxes of every line, in minor units, one for each tax.
fn taxes(lines: &[NewLine], values: &[i128], rounding: TaxRounding) -> Vec<Vec<i128>> {
    let each = lines.iter().zip(values);
    match rounding.level {
        TaxLevel::Line => each.map(|(line, value)| line_taxes(line, *value, rounding.mode)).collect(),
        TaxLevel::LineAndJurisdiction => each.map(|(line, value)| each_tax(line, *value, rounding.mode)).collect(),
        TaxLevel::Document => document_taxes(lines, values, rounding.mode),
    }
}

fn sum_of_rates(line: &NewLine) -> i128 {
    line.taxes.iter().map(|it| it.rate.units()).sum()
}

/// All taxes of a line rounded as one, then shared by rate. Included: tax = gross - round(gross / (1 + rate)).
fn line_taxes(line: &NewLine, value: i128, mode: Rounding) -> Vec<i128> {
    let rates: Vec<i128> = line.taxes.iter().map(|it| it.rate.units()).collect();
    let sum = sum_of_rates(line);
    let tax = if line.prices_include_tax {
        value - mode.divide(value * RATE_UNIT, RATE_UNIT + sum)
    } else {
        mode.divide(value * sum, RATE_UNIT)
    };
    split::by_weights(tax, &rates).unwrap_or_else(|| vec![0; rates.len()])
}

/// Every tax of a line rounded on its own. Many small included taxes, all rounded up, could exceed a line of a few
/// cents: the last of them get what is left.
fn each_tax(line: &NewLine, value: i128, mode: Rounding) -> Vec<i128> {
    let mut left = if line.prices_include_tax { value } else { i128::MAX };
    let taxes = line.taxes.iter().map(|tax| {
        let tax = one_tax(line, tax.rate, value, mode).min(left);
        left -= tax;
        tax
    });
    taxes.collect()
}

/// One tax of a line, rounded on its own.
fn one_tax(line: &NewLine, rate: Rate, value: i128, mode: Rounding) -> i128 {
    if line.prices_include_tax {
        let whole = RATE_UNIT + sum_of_rates(line);
        value - mode.divide(value * (whole - rate.units()), whole)
    } else {
        mode.divide(value * rate.units(), RATE_UNIT)
    }
}

/// One tax of one line, by their places, and what it would be exactly.
type Cell = ((usize, usize), BigRational);

/// The taxes of the document rounded once (prices with and without tax apart), the cents shared by largest remainder.
fn document_taxes(lines: &[NewLine], values: &[i128], mode: Rounding) -> Vec<Vec<i128>> {
    let mut taxes: Vec<Vec<i128>> = lines.iter().map(|it| vec![0; it.taxes.len()]).collect();
    for included in [false, true] {
        let mut cells = Vec::new();
        let mut gross = 0;
        // Included taxes must leave room for each other in the line's value.
        let mut room: Vec<i128> = if included { values.to_vec() } else { vec![i128::MAX; values.len()] };
        for (place, (line, value)) in lines.iter().zip(values).enumerate() {
            if line.prices_include_tax != included {
                continue;
            }
            gross += value;
            let whole = RATE_UNIT + if included { sum_of_rates(line) } else { 0 };
            for (nth, tax) in line.taxes.iter().enumerate() {
                let exact = BigRational::new(BigInt::from(value * tax.rate.units()), BigInt::from(whole));
                cells.push(((place, nth), exact));
            }
        }
        let exact: BigRational = cells.iter().fold(BigRational::zero(), |sum, (_, exact)| sum + exact);
        let total = if included {
            let net = BigRational::from(BigInt::from(gross)) - exact;
            BigInt::from(gross) - rounded(&net, mode)
        } else {
            rounded(&exact, mode)
        };
        share_cells(&cells, total, &mut room, &mut taxes);
    }
    taxes
}

fn rounded(exact: &BigRational, mode: Rounding) -> BigInt {
    let (whole, rest) = (exact.floor().to_integer(), exact.fract());
    let half = BigRational::new(BigInt::from(1), BigInt::from(2));
    let up = match rest.cmp(&half) {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Greater => true,
        std::cmp::Ordering::Equal => mode == Rounding::HalfUp || (&whole % 2_u8) != BigInt::zero(),
    };
    if up { whole + 1 } else { whole }
}

/// Every cell (line, tax) gets the whole cents of its exact tax, and the largest fractions one cent more each, where
/// their line has room for it, until the total is reached.
fn share_cells(cells: &[Cell], total: BigInt, room: &mut [i128], taxes: &mut [Vec<i128>]) {
    let mut give = |(place, tax): (usize, usize), minor: i128| {
        let line = taxes.get_mut(place).and_then(|line| line.get_mut(tax));
        let (Some(cell), Some(room)) = (line, room.get_mut(place)) else { return false };
        if *room < minor {
            return false;
        }
        *room -= minor;
        *cell += minor;
        true
    };
    let mut left = total;
    for (cell, exact) in cells {
        let floor = exact.floor().to_integer();
        give(*cell, floor.to_i128().unwrap_or(0));
        left -= floor;
    }
    let mut by_fraction: Vec<&Cell> = cells.iter().collect();
    // A stable sort: ties go to the earlier line.
    by_fraction.sort_by_cached_key(|(_, exact)| std::cmp::Reverse(exact.fract()));
    for (cell, _) in by_fraction {
        if left > BigInt::zero() && give(*cell, 1) {
            left -= 1;
        }
    }
}

fn freeze(line: &NewLine, subtotal: Money, value: i128, taxes: Vec<i128>) -> Result<PricedLine, Invalid> {
    let tax: i128 = taxes.iter().sum();
    let (net, gross) = if line.prices_include_tax { (value - tax, value) } else { (value, value + tax) };
    let pairs = line.taxes.iter().cloned().zip(taxes);
    let taxes = pairs.map(|(tax, minor)| Ok(PricedTax { tax, amount: subtotal.with_minor(minor)? }));
    Ok(PricedLine {
        line_id: line.line_id.clone(),
        sku: line.sku.clone(),
        kind: line.kind,
        quantity: line.quantity,
        unit_price: match &line.price {
            Price::Unit(price) => Some(*price),
            Price::Tiers { mode: TierMode::Graduated, .. } => None,
            Price::Tiers { mode: TierMode::Volume, tiers } => {
                tiers.iter().rev().find(|it| it.from_quantity <= line.quantity).map(|it| it.unit_price)
            }
        },
        prices_include_tax: line.prices_include_tax,
        subtotal,
        discount: subtotal.minus(subtotal.with_minor(value)?)?,
        net: subtotal.with_minor(net)?,
        taxes: taxes.collect::<Result<_, Invalid>>()?,
        gross: subtotal.with_minor(gross)?,
    })
}

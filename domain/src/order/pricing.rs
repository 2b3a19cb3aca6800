//! From ordered lines to frozen ones: prices, discounts and taxes, exact to the last minor unit.

use super::command::{Discount, LineKind, NewLine, OrderDiscount, PARTS_MAX, Price, TaxLevel, TaxRounding, TierMode};
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
    let at = |source: Invalid| Refusal::Amount { pointer: format!("/lines/{place}/unit_price"), source };
    // Adding to a zero of the order's currency refuses any other currency.
    let zero = Money::zero(currency);
    let Price::Tiers { mode, tiers } = &line.price else {
        let Price::Unit(price) = &line.price else { return Ok(zero) };
        return zero.plus(*price).and_then(|price| price.times(line.quantity)).map_err(at);
    };
    if tiers.len() > PARTS_MAX {
        return Err(Refusal::TooManyParts { place, what: "price_tiers" });
    }
    let starts_at_one = tiers.first().is_some_and(|it| it.from_quantity == 1);
    let rises = tiers.windows(2).all(|pair| matches!(pair, [a, b] if a.from_quantity < b.from_quantity));
    if !starts_at_one || !rises {
        return Err(Refusal::TiersOutOfOrder { place });
    }
    let mut sum = zero;
    let reached: Vec<_> = tiers.iter().filter(|it| it.from_quantity <= line.quantity).collect();
    match mode {
        TierMode::Volume => {
            if let Some(tier) = reached.last() {
                sum = sum.plus(tier.unit_price.times(line.quantity).map_err(at)?).map_err(at)?;
            }
        }
        TierMode::Graduated => {
            let ends = reached.iter().skip(1).map(|it| it.from_quantity - 1).chain([line.quantity]);
            for (tier, end) in reached.iter().zip(ends) {
                let part = tier.unit_price.times(end - (tier.from_quantity - 1)).map_err(at)?;
                sum = sum.plus(part).map_err(at)?;
            }
        }
    }
    Ok(sum)
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
        TaxLevel::LineAndJurisdiction => each
            .map(|(line, value)| line.taxes.iter().map(|tax| one_tax(line, tax.rate, *value, rounding.mode)).collect())
            .collect(),
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

/// One tax of a line, rounded on its own.
fn one_tax(line: &NewLine, rate: Rate, value: i128, mode: Rounding) -> i128 {
    if line.prices_include_tax {
        let whole = RATE_UNIT + sum_of_rates(line);
        value - mode.divide(value * (whole - rate.units()), whole)
    } else {
        mode.divide(value * rate.units(), RATE_UNIT)
    }
}

/// The taxes of the document rounded once (prices with and without tax apart), the cents shared by largest remainder.
fn document_taxes(lines: &[NewLine], values: &[i128], mode: Rounding) -> Vec<Vec<i128>> {
    let mut taxes: Vec<Vec<i128>> = lines.iter().map(|it| vec![0; it.taxes.len()]).collect();
    for included in [false, true] {
        let mut cells = Vec::new();
        let mut gross = 0;
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
        share_cells(cells, total, &mut taxes);
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

fn share_cells(cells: Vec<((usize, usize), BigRational)>, total: BigInt, taxes: &mut [Vec<i128>]) {
    let floors: BigInt = cells.iter().map(|(_, exact)| exact.floor().to_integer()).sum();
    let left = (total - floors).to_usize().unwrap_or(0);
    let mut by_fraction: Vec<usize> = (0..cells.len()).collect();
    // A stable sort: ties go to the earlier line.
    by_fraction.sort_by(|a, b| {
        let fraction = |nth: &usize| cells.get(*nth).map(|(_, exact)| exact.fract());
        fraction(b).cmp(&fraction(a))
    });
    let lucky: std::collections::BTreeSet<usize> = by_fraction.into_iter().take(left).collect();
    for (nth, ((place, tax), exact)) in cells.into_iter().enumerate() {
        if let Some(cell) = taxes.get_mut(place).and_then(|line| line.get_mut(tax)) {
            *cell = exact.floor().to_integer().to_i128().unwrap_or(0) + i128::from(lucky.contains(&nth));
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

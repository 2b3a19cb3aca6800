//! What happened to the units of each line, and what they are worth.

use super::command::LineQuantity;
use super::event::{Event, LineValue, PricedLine};
use super::refusal::Refusal;
use crate::id::LineId;
use crate::money::{Currency, Money};
use crate::split::first_units;

/// A line and the fate of its units: placed = open + fulfilled + cancelled, fulfilled = kept + returned.
#[derive(Debug, Clone, PartialEq)]
pub struct LineState {
    /// The frozen line.
    pub priced: PricedLine,
    /// Units that ever left.
    pub fulfilled: u32,
    /// Units that never will.
    pub cancelled: u32,
    /// Units that left and came back.
    pub returned: u32,
    /// 0 for the lines of the placement, then one more for every addition: an earlier group is paid before a later one.
    pub(super) group: usize,
}

/// The value of some units, in minor units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Value {
    pub(super) gross: i128,
    /// One for each tax of the line.
    pub(super) taxes: Vec<i128>,
}

impl Value {
    pub(super) fn tax(&self) -> i128 {
        self.taxes.iter().sum()
    }

    pub(super) fn net(&self) -> i128 {
        self.gross - self.tax()
    }
}

impl LineState {
    pub(super) fn new(priced: PricedLine, group: usize) -> Self {
        Self { priced, fulfilled: 0, cancelled: 0, returned: 0, group }
    }

    /// Units that are neither fulfilled nor cancelled.
    #[must_use]
    pub fn open(&self) -> u32 {
        self.priced.quantity - self.fulfilled - self.cancelled
    }

    /// Units that left and stayed.
    #[must_use]
    pub fn kept(&self) -> u32 {
        self.fulfilled - self.returned
    }

    /// The first units are the ones taken off by cancellations and returns, the last ones are those kept, the open
    /// ones stand between. So any split of removals sums to the line, and what is kept is never revalued.
    fn removed(&self) -> u32 {
        self.cancelled + self.returned
    }

    pub(super) fn kept_value(&self) -> Value {
        self.between(self.priced.quantity - self.kept(), self.priced.quantity)
    }

    pub(super) fn open_value(&self) -> Value {
        self.between(self.removed(), self.priced.quantity - self.kept())
    }

    fn next_removed(&self, quantity: u32) -> Value {
        self.between(self.removed(), self.removed() + quantity)
    }

    /// The value of the units `from..to`. Each tax is the difference of two nested totals, so that no unit's part is
    /// ever negative (a larger total never makes a unit smaller).
    fn between(&self, from: u32, to: u32) -> Value {
        let units = self.priced.quantity;
        let of = |total: i128| first_units(total, units, to) - first_units(total, units, from);
        let mut nested = 0;
        let taxes = self.priced.taxes.iter().map(|tax| {
            let below = of(nested);
            nested += tax.amount.minor();
            of(nested) - below
        });
        Value { taxes: taxes.collect(), gross: of(self.priced.gross.minor()) }
    }
}

/// The gross value of everything that is neither cancelled nor returned.
pub(super) fn value(lines: &[LineState]) -> i128 {
    lines.iter().map(|it| it.open_value().gross + it.kept_value().gross).sum()
}

/// The quantities that a command means: those it names, or all that `available` says. In the order of the lines.
pub(super) fn resolve(
    lines: &[LineState],
    asked: &Option<Vec<LineQuantity>>,
    available: impl Fn(&LineState) -> u32,
    exceeds: impl Fn(usize, LineId, u32, u32) -> Refusal,
) -> Result<Vec<LineQuantity>, Refusal> {
    let resolved: Vec<LineQuantity> = match asked {
        None => {
            let all = lines.iter().map(|it| (it.priced.line_id.clone(), available(it)));
            let some = all.filter(|(_, quantity)| *quantity > 0);
            some.map(|(line_id, quantity)| LineQuantity { line_id, quantity }).collect()
        }
        Some(asked) => {
            for (place, it) in asked.iter().enumerate() {
                if asked.iter().take(place).any(|earlier| earlier.line_id == it.line_id) {
                    return Err(Refusal::DuplicateLine { place });
                }
                if it.quantity == 0 {
                    return Err(Refusal::QuantityOutOfRange { place });
                }
                let known = lines.iter().find(|line| line.priced.line_id == it.line_id);
                let line = known.ok_or_else(|| Refusal::UnknownLine { place, line_id: it.line_id.clone() })?;
                if it.quantity > available(line) {
                    return Err(exceeds(place, it.line_id.clone(), it.quantity, available(line)));
                }
            }
            asked.clone()
        }
    };
    if resolved.is_empty() { Err(Refusal::NothingLeft) } else { Ok(resolved) }
}

/// The value of the next units that are taken off.
pub(super) fn values(lines: &[LineState], quantities: &[LineQuantity], currency: Currency) -> Vec<LineValue> {
    let found = quantities.iter().filter_map(|it| {
        let line = lines.iter().find(|line| line.priced.line_id == it.line_id)?;
        let value = line.next_removed(it.quantity);
        let money = |minor| Money::of_minor(minor, currency);
        Some(LineValue {
            line_id: it.line_id.clone(),
            quantity: it.quantity,
            net: money(value.net()),
            tax: money(value.tax()),
            gross: money(value.gross),
        })
    });
    found.collect()
}

/// Counts units of the lines that are named.
pub(super) fn apply(lines: &mut [LineState], quantities: &[LineQuantity], count: impl Fn(&mut LineState, u32)) {
    for it in quantities {
        if let Some(line) = lines.iter_mut().find(|line| line.priced.line_id == it.line_id) {
            count(line, it.quantity);
        }
    }
}

/// The units that a fact was about, kept so that the same sentence is known again.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Units {
    pub(super) lines: Vec<LineQuantity>,
    /// Whether these were all units that it could have been about.
    were_all: bool,
}

impl Units {
    /// These units, out of the lines as they were before the fact.
    pub(super) fn of(taken: Vec<LineQuantity>, lines: &[LineState], available: impl Fn(&LineState) -> u32) -> Self {
        let count = |line: &LineState| {
            let taken = taken.iter().filter(|it| it.line_id == line.priced.line_id);
            taken.map(|it| it.quantity).sum::<u32>()
        };
        Self { were_all: lines.iter().all(|line| count(line) == available(line)), lines: taken }
    }

    /// A command whose id is known: the same content is the same fact, other content is refused.
    pub(super) fn same_as(
        &self,
        asked: &Option<Vec<LineQuantity>>,
        field: &'static str,
    ) -> Result<Vec<Event>, Refusal> {
        let is_same = match asked {
            Some(asked) => *asked == self.lines,
            None => self.were_all,
        };
        if is_same { Ok(Vec::new()) } else { Err(Refusal::exists(field)) }
    }
}

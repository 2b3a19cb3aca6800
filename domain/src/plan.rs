//! Installment plans: what is due when, how it splits into principal and interest, and what it costs.
//!
//! Everything here is arithmetic: dates and amounts in, dates and amounts out. Nothing knows about events, nothing
//! asks for today's date, nothing is a float. Interest is rounded to whole minor units once a period and the principal
//! parts always sum to the principal.

pub mod apr;
pub mod business_days;
pub mod day_count;
mod digits;
pub mod discount;
pub mod frequency;
mod installments;
pub mod interest;
pub mod nominal_rate;
pub mod schedule;

pub use apr::{Apr, Flow};
pub use business_days::{Adjust, BusinessDays};
pub use day_count::DayCount;
pub use frequency::{Frequency, MonthEnd};
pub use nominal_rate::NominalRate;
pub use schedule::{Absorbs, Amortisation, BadSchedule, Period, Row, ScheduleTerms};

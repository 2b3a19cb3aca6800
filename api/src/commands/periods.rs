//! The commands of accounting periods, as clients write them.

use super::Incomplete;
use super::read::{Day, Fault};
use crate::asking::Asking;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use utoipa::ToSchema;

/// The books up to a day are closed, with a signed trial balance. What is recorded later is posted to the open period,
/// and keeps the day it counts for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ClosePeriod {
    /// The last day of the period, in UTC; it has to be over.
    #[schema(value_type = String, format = Date, example = "2026-10-31")]
    until: Day,
}

impl Incomplete for ClosePeriod {
    const SUMMARY: &'static str = "Close the books up to a day";

    fn into_asking(self, now: DateTime<Utc>) -> Result<Asking, Fault> {
        Ok(Asking::Close { until: self.until.0, at: now })
    }
}

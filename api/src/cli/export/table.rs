//! The journal as a table, a posting a row: CSV as of RFC 4180, with a header.

use super::{Failure, Output};
use chrono::{DateTime, SecondsFormat, Utc};
use mizan_domain::Entry;
use mizan_store::Recorded;

/// The columns; the Parquet file has the same.
const COLUMNS: [&str; 15] = [
    "position",
    "leg",
    "date",
    "merchant",
    "stream",
    "kind",
    "event_id",
    "correlation_id",
    "party",
    "effective_at",
    "recorded_at",
    "account",
    "class",
    "amount",
    "currency",
];

/// A table being written.
pub(super) struct Pen<'a>(csv::Writer<&'a mut Output>);

impl<'a> Pen<'a> {
    /// Begins a table.
    pub(super) fn begin(output: &'a mut Output) -> Result<Self, Failure> {
        let mut writer = csv::Writer::from_writer(output);
        writer.write_record(COLUMNS)?;
        Ok(Self(writer))
    }

    /// Writes a row for each posting: debits are positive.
    pub(super) fn write(&mut self, recorded: &Recorded, entry: &Entry) -> Result<(), Failure> {
        for (nth, posting) in entry.postings().iter().enumerate() {
            let amount = posting.signed();
            let row: [&str; 15] = [
                &recorded.position.to_string(),
                &(nth + 1).to_string(),
                &recorded.event.effective_on().to_string(),
                recorded.metadata.merchant_id.as_str(),
                &recorded.stream.to_string(),
                &recorded.kind,
                &recorded.event_id.to_string(),
                &recorded.metadata.correlation_id.to_string(),
                entry.party().map_or("", |it| it.as_str()),
                &time(recorded.event.at()),
                &time(recorded.recorded_at),
                &posting.account().to_string(),
                posting.account().class().name(),
                &amount.digits().to_string(),
                &amount.currency().code(),
            ];
            self.0.write_record(row)?;
        }
        Ok(())
    }

    /// Writes what is left.
    pub(super) fn finish(mut self) -> Result<(), Failure> {
        Ok(self.0.flush()?)
    }
}

fn time(moment: DateTime<Utc>) -> String {
    moment.to_rfc3339_opts(SecondsFormat::Micros, true)
}

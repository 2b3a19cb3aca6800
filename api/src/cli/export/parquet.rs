//! The journal as a Parquet file, a posting a row: amounts are exact decimals, times microseconds in UTC.
//!
//! Rows are gathered into groups of bounded size; of the groups written, only where they are is remembered.

use super::{Failure, Output};
use chrono::NaiveDate;
use mizan_domain::{Entry, Money};
use mizan_store::Recorded;
use parquet::basic::Compression;
use parquet::column::writer::ColumnWriterImpl;
use parquet::data_type::{ByteArray, ByteArrayType, DataType, FixedLenByteArray, FixedLenByteArrayType};
use parquet::data_type::{Int32Type, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use std::sync::Arc;

/// The columns of the CSV table. One scale serves every currency: no unit of money has more than 18 decimals.
const SCHEMA: &str = "message journal {
    required int64 position;
    required int32 leg;
    required int32 date (DATE);
    required binary merchant (STRING);
    required binary stream (STRING);
    required binary kind (STRING);
    required binary event_id (STRING);
    required binary correlation_id (STRING);
    optional binary party (STRING);
    required int64 effective_at (TIMESTAMP(MICROS,true));
    required int64 recorded_at (TIMESTAMP(MICROS,true));
    required binary account (STRING);
    required binary class (STRING);
    required fixed_len_byte_array(16) amount (DECIMAL(38,18));
    required binary currency (STRING);
}";
const PRECISION: u32 = 38;
const SCALE: u32 = 18;
/// How many rows are in memory before they are written.
const GROUP_ROWS: usize = 1 << 16;

/// A file being written.
pub(super) struct Pen<'a> {
    writer: SerializedFileWriter<&'a mut Output>,
    rows: Rows,
}

/// A group of rows, column by column.
#[derive(Default)]
struct Rows {
    position: Vec<i64>,
    leg: Vec<i32>,
    date: Vec<i32>,
    merchant: Vec<ByteArray>,
    stream: Vec<ByteArray>,
    kind: Vec<ByteArray>,
    event_id: Vec<ByteArray>,
    correlation_id: Vec<ByteArray>,
    /// Those that are there.
    party: Vec<ByteArray>,
    /// 1 where there is a party, 0 where there is none.
    has_party: Vec<i16>,
    effective_at: Vec<i64>,
    recorded_at: Vec<i64>,
    account: Vec<ByteArray>,
    class: Vec<ByteArray>,
    amount: Vec<FixedLenByteArray>,
    currency: Vec<ByteArray>,
}

impl<'a> Pen<'a> {
    /// Begins a file.
    pub(super) fn begin(output: &'a mut Output) -> Result<Self, Failure> {
        let schema = Arc::new(parse_message_type(SCHEMA)?);
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_created_by(format!("mizan {}", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(Self { writer: SerializedFileWriter::new(output, schema, Arc::new(properties))?, rows: Rows::default() })
    }

    /// Writes a row for each posting: debits are positive.
    pub(super) fn write(&mut self, recorded: &Recorded, entry: &Entry) -> Result<(), Failure> {
        self.rows.push(recorded, entry)?;
        if self.rows.position.len() >= GROUP_ROWS {
            std::mem::take(&mut self.rows).write(self.writer.next_row_group()?)?;
        }
        Ok(())
    }

    /// Writes what is left, and where everything is.
    pub(super) fn finish(mut self) -> Result<(), Failure> {
        if !self.rows.position.is_empty() {
            self.rows.write(self.writer.next_row_group()?)?;
        }
        self.writer.close()?;
        Ok(())
    }
}

impl Rows {
    fn push(&mut self, recorded: &Recorded, entry: &Entry) -> Result<(), Failure> {
        // Shared by the rows of an entry, like every text here that is cloned: no bytes are copied.
        let stream = ByteArray::from(recorded.stream.to_string().into_bytes());
        let merchant = text(recorded.metadata.merchant_id.as_str());
        let kind = text(&recorded.kind);
        let event_id = ByteArray::from(recorded.event_id.to_string().into_bytes());
        let correlation_id = ByteArray::from(recorded.metadata.correlation_id.to_string().into_bytes());
        let party = entry.party().map(|it| text(it.as_str()));
        for (nth, posting) in entry.postings().iter().enumerate() {
            self.position.push(recorded.position.number());
            self.leg.push(i32::try_from(nth + 1)?);
            self.date.push(days(recorded.event.effective_on())?);
            self.merchant.push(merchant.clone());
            self.stream.push(stream.clone());
            self.kind.push(kind.clone());
            self.event_id.push(event_id.clone());
            self.correlation_id.push(correlation_id.clone());
            self.has_party.push(i16::from(party.is_some()));
            self.party.extend(party.clone());
            self.effective_at.push(recorded.event.at().timestamp_micros());
            self.recorded_at.push(recorded.recorded_at.timestamp_micros());
            self.account.push(ByteArray::from(posting.account().to_string().into_bytes()));
            self.class.push(text(posting.account().class().name()));
            self.amount.push(decimal(posting.signed())?);
            self.currency.push(text(&posting.signed().currency().code()));
        }
        Ok(())
    }

    /// In the order of the schema.
    fn write(self, mut group: SerializedRowGroupWriter<'_, &mut Output>) -> Result<(), Failure> {
        let it = &mut group;
        column::<Int64Type>(it, &self.position, None)?;
        column::<Int32Type>(it, &self.leg, None)?;
        column::<Int32Type>(it, &self.date, None)?;
        column::<ByteArrayType>(it, &self.merchant, None)?;
        column::<ByteArrayType>(it, &self.stream, None)?;
        column::<ByteArrayType>(it, &self.kind, None)?;
        column::<ByteArrayType>(it, &self.event_id, None)?;
        column::<ByteArrayType>(it, &self.correlation_id, None)?;
        column::<ByteArrayType>(it, &self.party, Some(&self.has_party))?;
        column::<Int64Type>(it, &self.effective_at, None)?;
        column::<Int64Type>(it, &self.recorded_at, None)?;
        column::<ByteArrayType>(it, &self.account, None)?;
        column::<ByteArrayType>(it, &self.class, None)?;
        column::<FixedLenByteArrayType>(it, &self.amount, None)?;
        column::<ByteArrayType>(it, &self.currency, None)?;
        group.close()?;
        Ok(())
    }
}

fn column<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, &mut Output>,
    values: &[T::T],
    is_there: Option<&[i16]>,
) -> Result<(), Failure> {
    let mut writer: SerializedColumnWriter<'_> = group.next_column()?.ok_or("the schema has fewer columns")?;
    let typed: &mut ColumnWriterImpl<'_, T> = writer.typed::<T>();
    typed.write_batch(values, is_there, None)?;
    Ok(writer.close()?)
}

fn text(text: &str) -> ByteArray {
    ByteArray::from(text.as_bytes().to_vec())
}

/// Days since 1970.
fn days(date: NaiveDate) -> Result<i32, Failure> {
    Ok(i32::try_from(date.signed_duration_since(NaiveDate::default()).num_days())?)
}

/// The amount times 10^18 as a two's complement of 16 bytes, the highest first.
fn decimal(amount: Money) -> Result<FixedLenByteArray, Failure> {
    let power = SCALE.checked_sub(amount.currency().decimals()).and_then(|it| 10_i128.checked_pow(it));
    let scaled = power.and_then(|power| amount.minor().checked_mul(power));
    let scaled = scaled.filter(|it| it.unsigned_abs() < 10_u128.pow(PRECISION));
    let scaled = scaled.ok_or_else(|| format!("{amount} has more digits than the 38 of a decimal here"))?;
    Ok(ByteArray::from(scaled.to_be_bytes().to_vec()).into())
}

//! New rows by COPY in its binary form, which PostgreSQL takes at the least cost of all.

use super::Sink;
use super::value::{List, Value};
use sqlx::PgConnection;

/// The name of the form, its flags, and the length of an extension.
const HEADER: [u8; 19] = *b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
const TRAILER: [u8; 2] = (-1_i16).to_be_bytes();

/// New rows of one table.
#[derive(Default)]
pub(crate) struct Copy {
    bytes: Vec<u8>,
    fields: i16,
}

impl Copy {
    /// Begins a row with so many fields.
    pub(crate) fn row(&mut self, fields: i16) -> &mut Self {
        if self.bytes.is_empty() {
            self.bytes.extend_from_slice(&HEADER);
        }
        self.fields = fields;
        self.bytes.extend_from_slice(&fields.to_be_bytes());
        self
    }

    /// The next field.
    pub(crate) fn field(&mut self, value: &(impl Value + ?Sized)) -> &mut Self {
        value.put(&mut self.bytes);
        self
    }

    /// The next field, an array.
    pub(crate) fn list(&mut self, values: &[impl Value]) -> &mut Self {
        List(values).put(&mut self.bytes);
        self
    }

    /// Sends the rows with `copy <table> (<columns>) from stdin (format binary)`.
    pub(crate) async fn send(mut self, tx: &mut PgConnection, statement: &str) -> sqlx::Result<()> {
        if self.bytes.is_empty() {
            return Ok(());
        }
        self.bytes.extend_from_slice(&TRAILER);
        let mut copy = tx.copy_in_raw(statement).await?;
        // Without `finish` or `abort` the connection would be of no more use.
        match copy.send(self.bytes).await {
            Ok(_) => (),
            Err(error) => {
                copy.abort("the rows could not be sent").await?;
                return Err(error);
            }
        }
        copy.finish().await?;
        Ok(())
    }
}

impl Sink for Copy {
    fn put(&mut self, value: &impl Value) {
        self.field(value);
    }
}

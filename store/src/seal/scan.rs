//! The log in bulk: every event of a range, as fast as PostgreSQL gives them, in constant memory.
//!
//! It reads binary COPY and lends each event to its caller, who copies what it wants to keep. Whatever follows the whole
//! history event by event (the seal, an audit, an export) reads here.

use super::leaf::Leaf;
use crate::log::Position;
use futures_util::TryStreamExt;
use sqlx::PgConnection;
use std::ops::ControlFlow;

/// How many positions one statement reads, so that none runs into its time limit.
pub const SCAN_EVENTS: i64 = 1 << 16;

/// What a binary COPY begins with: its name, flags, and the length of an extension.
const HEADER: [u8; 19] = *b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
const FIELDS: u16 = 10;
/// From 1970, where we count from, to 2000, where PostgreSQL does.
const EPOCH_US: i64 = 946_684_800_000_000;

/// Lends every event after a position and up to another to `each`, in the order of positions, until it breaks. Holes
/// are not noticed here.
///
/// # Errors
/// The database does not answer, or not as PostgreSQL does.
pub async fn scan(
    tx: &mut PgConnection,
    (after, up_to): (Position, Position),
    mut each: impl FnMut(Leaf<'_>) -> ControlFlow<()>,
) -> sqlx::Result<()> {
    // A walk along the index, in order, on one core: the others have work of their own.
    let plan = "set local enable_hashjoin = off; set local enable_mergejoin = off; \
                set local max_parallel_workers_per_gather = 0";
    sqlx::raw_sql(plan).execute(&mut *tx).await?;
    let mut from = after.number();
    while from < up_to.number() {
        let to = from.saturating_add(SCAN_EVENTS).min(up_to.number());
        if scan_page(tx, from, to, &mut each).await?.is_break() {
            break;
        }
        from = to;
    }
    Ok(())
}

async fn scan_page(
    tx: &mut PgConnection,
    from: i64,
    to: i64,
    each: &mut impl FnMut(Leaf<'_>) -> ControlFlow<()>,
) -> sqlx::Result<ControlFlow<()>> {
    let copy = format!(
        "copy (select e.position, e.revision, e.recorded_at, e.event_id, s.merchant_id, s.category, s.name, e.kind, \
         e.payload, e.metadata from events e join streams s using (stream_id) \
         where e.position > {from} and e.position <= {to} order by e.position) to stdout (format binary)"
    );
    let mut rows = tx.copy_out_raw(&copy).await?;
    let mut flow = ControlFlow::Continue(());
    // To its end, even after a break: a connection in the middle of a COPY is good for nothing.
    while let Some(bytes) = rows.try_next().await? {
        let row = bytes.strip_prefix(&HEADER).unwrap_or(&bytes);
        if flow.is_continue() && !row.is_empty() && row != [0xff, 0xff] {
            let leaf = leaf(row).ok_or_else(|| sqlx::Error::Protocol("a COPY gave no event".to_owned()))?;
            flow = each(leaf);
        }
    }
    Ok(flow)
}

/// PostgreSQL sends one row a message: a count of fields, and each field with its length.
fn leaf(row: &[u8]) -> Option<Leaf<'_>> {
    let mut rest = row;
    if take::<2>(&mut rest)? != FIELDS.to_be_bytes() {
        return None;
    }
    let number = |field: &[u8]| Some(i64::from_be_bytes(field.try_into().ok()?));
    let text = |field| std::str::from_utf8(field).ok();
    let leaf = Leaf {
        position: number(field(&mut rest)?)?,
        revision: number(field(&mut rest)?)?,
        recorded_at_us: number(field(&mut rest)?)?.checked_add(EPOCH_US)?,
        event_id: field(&mut rest)?.try_into().ok()?,
        merchant: text(field(&mut rest)?)?,
        category: text(field(&mut rest)?)?,
        name: text(field(&mut rest)?)?,
        kind: text(field(&mut rest)?)?,
        payload: field(&mut rest)?,
        metadata: field(&mut rest)?,
    };
    rest.is_empty().then_some(leaf)
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, left) = rest.split_first_chunk::<N>()?;
    *rest = left;
    Some(*taken)
}

fn field<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(i32::from_be_bytes(take::<4>(rest)?)).ok()?;
    let (field, left) = rest.split_at_checked(length)?;
    *rest = left;
    Some(field)
}

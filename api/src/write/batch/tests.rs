//! What one append may have of a stream.

#![allow(clippy::unwrap_used, reason = "a panic is the message")]

use super::*;
use crate::commands::http::plain_context;
use chrono::{Duration, Utc};
use mizan_domain::clock;
use mizan_domain::id::MerchantId;
use mizan_domain::text::Text;
use tokio::sync::oneshot;

const COMMANDS: i64 = 5_000;

/// Advances of one clock, further and further; the first one starts it.
fn advances() -> Vec<Job> {
    let merchant = MerchantId::parse("m-1").unwrap();
    let start = Utc::now();
    let advances = (0..COMMANDS).map(|nth| {
        let at = start + Duration::minutes(nth);
        let command = if nth == 0 { clock::Command::Start { at } } else { clock::Command::Advance { to: at } };
        let context = plain_context(merchant.clone(), Text::parse("somebody").unwrap());
        Job { command: Command::Clock(command), context, reply: oneshot::channel().0, look_up: false }
    });
    advances.collect()
}

#[test]
fn what_one_append_cannot_take_waits_in_its_order_for_the_next() {
    let mut waiting = advances();
    let (mut appends, mut revision) = (0, 0);
    let mut aggregate = Some(Aggregate::empty_for(&waiting[0].command));
    while !waiting.is_empty() {
        let key = stream_key(&waiting[0]);
        let ids: Vec<_> = waiting.iter().map(|it| it.context.command_id).collect();
        let state = State { aggregate: aggregate.take().unwrap(), revision, place: Place::Nowhere, is_guess: false };
        let mut touched = HashMap::from([(key.clone(), Ok(Touched::new(state)))]);
        waiting = waiting.into_iter().filter_map(|job| decide(&mut touched, job)).collect();
        let it = touched.remove(&key).unwrap().unwrap();
        let bytes: usize = it.events.iter().map(|it| it.payload.len() + it.metadata.len()).sum();
        assert!(bytes <= STREAM_BYTES_MAX && it.bytes == bytes, "{bytes}");
        assert_eq!(it.jobs.len(), it.events.len());
        assert!(it.jobs.iter().all(|(_, answer)| answer.is_ok()));
        // The first ones, and none that was said after one that waits.
        let left: Vec<_> = waiting.iter().map(|it| it.context.command_id).collect();
        assert_eq!(left, ids[it.jobs.len()..]);
        (aggregate, revision, appends) = (Some(it.state.aggregate), it.state.revision, appends + 1);
    }
    assert_eq!(revision, COMMANDS);
    assert!(appends > 1, "all of it fits: the test shows nothing");
}

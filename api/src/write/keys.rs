//! Idempotency keys: what was said under a known one is answered again, as it was then.

use super::patience::patiently;
use super::states::StreamKey;
use super::{Done, Happened, Job, NotDone, send};
use mizan_domain::id::MerchantId;
use mizan_domain::wire;
use mizan_store::{KnownKey, Log, LogError, Recorded};
use std::collections::HashMap;

/// Answers the jobs that want their key looked up and whose key is known; gives back the others. One question for all of
/// them.
pub(super) async fn answer_known(log: &Log, jobs: Vec<Job>) -> Result<Vec<Job>, (Vec<Job>, LogError)> {
    let mut wanted: HashMap<MerchantId, Vec<Vec<u8>>> = HashMap::new();
    for job in &jobs {
        if let (Some(key), true) = (&job.context.key, job.look_up) {
            wanted.entry(job.context.merchant.clone()).or_default().push(key.hash.clone());
        }
    }
    let mut known = HashMap::new();
    for (merchant, keys) in &wanted {
        match patiently(|| log.keys(merchant, keys)).await {
            Ok(found) => known.extend(found.into_iter().map(|it| ((merchant.clone(), it.key.clone()), it))),
            Err(error) => return Err((jobs, error)),
        }
    }
    let mut left = Vec::with_capacity(jobs.len());
    for job in jobs {
        let key = job.context.key.as_ref().filter(|_| job.look_up);
        let found = key.and_then(|key| Some((key, known.get(&(job.context.merchant.clone(), key.hash.clone()))?)));
        let answer = match found {
            None => {
                left.push(job);
                continue;
            }
            Some((key, known)) if key.fingerprint == known.fingerprint => first_answer(log, &job, known).await,
            Some(_) => Err(NotDone::KeyReused),
        };
        send(job.reply, answer);
    }
    Ok(left)
}

/// The answer that a command got when its key was new.
async fn first_answer(log: &Log, job: &Job, known: &KnownKey) -> Result<Done, NotDone> {
    let key: StreamKey = (job.context.merchant.clone(), job.command.stream());
    let unavailable = |error: LogError| NotDone::Unavailable(error.to_string());
    let stored = patiently(|| log.streams(std::slice::from_ref(&key))).await.map_err(unavailable)?;
    let mut position = None;
    let mut events = Vec::new();
    for stored in stored.into_iter().filter(|it| it.revision <= known.last_revision) {
        position = Some(stored.position);
        if stored.revision < known.first_revision {
            continue;
        }
        let payload = stored.payload.as_slice().into();
        let recorded = Recorded::try_from(stored)?;
        events.push(Happened {
            position: Some(recorded.position),
            revision: recorded.revision,
            event_id: recorded.event_id,
            kind: wire::kind_of(&recorded.event),
            payload,
            event: recorded.event,
        });
    }
    let (stream, revision) = (key.1, known.last_revision);
    Ok(Done { stream, revision, position, events, replayed: true, is_settled: false })
}

//! The history on EventStoreDB, for those who outgrow one machine.
//!
//! EventStoreDB has the events, and nobody else does. PostgreSQL has the positions: each event of this history, in
//! EventStoreDB's own order, gets the next number, its leaf hash and the place where it is (docs/decisions/0040). Everything
//! above the store reads by position and never hears of commits and prepares. An append is answered when its events have
//! their positions; whoever needs one that is not there yet counts on, so no process has to be the one that counts.

mod append;
mod history;
mod import;
mod index;
mod keys;
mod names;
mod node;
mod nodelay;
mod read;
mod sequence;

use crate::feed::Feed;
use crate::log::{LogError, Position};
use crate::pool;
use futures_util::future::try_join_all;
use names::Names;
use node::Node;
use sqlx::PgPool;
use sqlx::postgres::PgConnectOptions;
use std::sync::Arc;
use tokio::sync::{Mutex, Semaphore};

/// What an append may have in all: EventStoreDB's `MaxAppendSize`, as it comes.
pub const APPEND_BYTES_MAX: usize = 1 << 20;

/// What a history is called where its address does not say.
const HISTORY: &str = "mizan";

/// A history on EventStoreDB. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    pool: PgPool,
    node: Node,
    names: Names,
    /// Held by whoever counts: the others of this process would only read the same events again.
    counting: Mutex<()>,
    /// Held with the keys of a batch, which have a connection of their own: where many of this process had one each,
    /// none would be left to ask for positions.
    keyed: Mutex<()>,
    feed: Feed,
}

impl Store {
    /// Connects to both, and gives every event that is there its position.
    pub(crate) async fn connect(
        options: PgConnectOptions,
        connections_max: u32,
        address: &str,
    ) -> Result<Self, LogError> {
        let (address, history) = split(address);
        let names = Names::of(&history).ok_or_else(|| {
            let text = format!("a history cannot be called {history:?}: 1 to 32 small letters, digits and _");
            LogError::Misplaced(text)
        })?;
        let node = Node::new(&address)?;
        let pool = pool::connect(options, connections_max).await?;
        sqlx::migrate!("../migrations/log").run(&pool).await?;
        let (counting, keyed, feed) = (Mutex::default(), Mutex::default(), Feed::default());
        let it = Self(Arc::new(Inner { pool, node, names, counting, keyed, feed }));
        it.refuse_another_history().await?;
        it.catch_up_with_all().await?;
        Ok(it)
    }

    pub(crate) fn pool(&self) -> &PgPool {
        &self.0.pool
    }

    pub(crate) fn feed(&self) -> &Feed {
        &self.0.feed
    }

    pub(crate) async fn head(&self) -> Result<Position, LogError> {
        Ok(index::head(self.pool()).await?.position)
    }

    pub(crate) async fn head_now(&self) -> Result<Position, LogError> {
        self.catch_up().await?;
        self.head().await
    }

    /// A database that has a history of its own, or positions of another one, must not get this one's.
    async fn refuse_another_history(&self) -> Result<(), LogError> {
        if sqlx::query_scalar("select position > 0 from log_head").fetch_one(self.pool()).await? {
            return Err(LogError::Misplaced(
                "this database keeps a history of its own: start without --store, or move it to EventStoreDB with \
                 `mizan export` and `mizan import` into another database (docs/operations.md)"
                    .to_owned(),
            ));
        }
        let head = self.head().await?;
        for before in [Position::START, head.before()] {
            let row = index::after(self.pool(), before, 1).await?;
            match self.fetch(row, read::Bytes::Checked).await {
                Err(LogError::Broken { reason, .. }) => {
                    return Err(LogError::Misplaced(format!(
                        "this database has the positions of another history than the one in EventStoreDB, or of one that \
                         went further ({reason}); give each history a database of its own, and after EventStoreDB was \
                         restored from a backup, a new one"
                    )));
                }
                other => other.map(|_| ())?,
            }
        }
        Ok(())
    }
}

/// Asks many things, so many at a time.
async fn at_once<T>(
    most: usize,
    questions: Vec<impl Future<Output = Result<T, LogError>>>,
) -> Result<Vec<T>, LogError> {
    let free = &Semaphore::new(most);
    let asked = questions.into_iter().map(|question| async move {
        // It is never closed.
        let _place = free.acquire().await;
        question.await
    });
    try_join_all(asked).await
}

/// The name of the history is our own parameter of the address; the rest is for the client.
fn split(address: &str) -> (String, String) {
    let Some((place, query)) = address.split_once('?') else { return (address.to_owned(), HISTORY.to_owned()) };
    let (ours, theirs): (Vec<&str>, Vec<&str>) = query.split('&').partition(|it| it.starts_with("history="));
    let history = ours.first().and_then(|it| it.strip_prefix("history=")).unwrap_or(HISTORY);
    let address = if theirs.is_empty() { place.to_owned() } else { format!("{place}?{}", theirs.join("&")) };
    (address, history.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_name_its_history() {
        for (address, theirs, history) in [
            ("esdb://host:2113", "esdb://host:2113", "mizan"),
            ("esdb://host?tls=false", "esdb://host?tls=false", "mizan"),
            ("esdb://host?history=shop", "esdb://host", "shop"),
            (
                "esdb://a:b@host?tls=false&history=shop&connectionName=x",
                "esdb://a:b@host?tls=false&connectionName=x",
                "shop",
            ),
        ] {
            assert_eq!(split(address), (theirs.to_owned(), history.to_owned()), "{address}");
        }
    }

    #[tokio::test]
    async fn an_address_that_cannot_be_read_is_not_repeated() {
        for bad in ["", "postgres://user:s3cret@host", "esdb://user:s3cret@", "esdb://user:s3cret@host:port"] {
            let text = Node::new(bad).unwrap_err().to_string();
            assert!(text.contains("esdb://") && !text.contains("s3cret"), "{text}");
        }
        let node = Node::new("esdb://user:s3cret@host:2113?tls=false").unwrap();
        assert!(!format!("{node:?}").contains("s3cret"));
    }
}

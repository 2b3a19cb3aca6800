//! Questions by key that wait at the same time, asked of the database together.
//!
//! A few connections serve all of them. Whichever is free takes everything that waits, asks for it in one statement for
//! each kind of thing, and hands each answer back; a question that comes alone is asked at once and alone. The
//! connections are of their own, autocommit and never in a transaction, and belong to tasks that nobody cancels: a
//! caller that goes away leaves nothing behind on them, so they need no guard ([`mizan_store::pool`]).

use crate::by_key::{Thing, Written};
use crate::kept::{Kept, Noted};
use crate::touched::Touched;
use mizan_domain::id::MerchantId;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, PgConnection};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::time::{sleep, timeout};

/// Connections for questions by key.
const CONNECTIONS: usize = 2;
/// The most questions that one statement asks.
const TOGETHER_MAX: usize = 256;
/// The most questions that wait; who asks then waits to ask.
const WAITING_MAX: usize = 4_096;
/// How long a connection may take to be made.
const CONNECT_MAX: Duration = Duration::from_secs(2);
/// How often it is looked whether a rebuild has put other tables in the place of those that answers were read from.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// The way to the connections. They are closed when the last clone is gone.
#[derive(Debug, Clone)]
pub(crate) struct Gathered {
    waiting: mpsc::Sender<Asked>,
}

type Key = (Thing, MerchantId, Box<str>);
type Found = sqlx::Result<Option<Written>>;

#[derive(Debug)]
struct Asked {
    key: Key,
    answer: oneshot::Sender<Found>,
}

/// Those who ask for one thing.
struct Askers {
    noted: Noted,
    answers: Vec<oneshot::Sender<Found>>,
    /// What was found, or why nobody knows.
    found: Result<Option<Written>, String>,
}

impl Gathered {
    /// Must be called within a tokio runtime, which the connections then belong to.
    pub(crate) fn start(options: &PgConnectOptions, touched: &Touched) -> Self {
        // A plan that is made while a table is small is kept while it grows: by key there is one way that is always right.
        let by_index = [("enable_seqscan", "off"), ("enable_hashjoin", "off"), ("enable_mergejoin", "off")];
        let options = options.clone().options(by_index);
        let (waiting, asked) = mpsc::channel(WAITING_MAX);
        let asked = Arc::new(Mutex::new(asked));
        for _ in 0..CONNECTIONS {
            let desk = Desk { options: options.clone(), connection: None, touched: touched.clone() };
            tokio::spawn(desk.serve(Arc::clone(&asked)));
        }
        let look = Look { options, touched: touched.clone(), seen: None };
        tokio::spawn(look.keep(waiting.downgrade()));
        Self { waiting }
    }

    /// The thing; none where there is none.
    pub(crate) async fn ask(&self, thing: Thing, merchant: &MerchantId, id: &str) -> Found {
        let (answer, answered) = oneshot::channel();
        let asked = Asked { key: (thing, merchant.clone(), id.into()), answer };
        let ended = || sqlx::Error::Protocol("the connections for questions by key have ended".to_owned());
        self.waiting.send(asked).await.map_err(|_| ended())?;
        answered.await.map_err(|_| ended())?
    }
}

/// One connection, and what it is asked.
struct Desk {
    options: PgConnectOptions,
    /// None before the first question and after trouble.
    connection: Option<PgConnection>,
    touched: Touched,
}

impl Desk {
    async fn serve(mut self, asked: Arc<Mutex<mpsc::Receiver<Asked>>>) {
        let mut waiting = Vec::new();
        // One desk waits for questions; the others wait for its place, which is free as soon as it has taken some.
        while asked.lock().await.recv_many(&mut waiting, TOGETHER_MAX).await > 0 {
            let touched = self.touched.clone();
            let kept = touched.kept();
            // Those of one kind come after one another.
            let mut together: BTreeMap<Key, Askers> = BTreeMap::new();
            for Asked { key, answer } in waiting.drain(..).filter(|it| !it.answer.is_closed()) {
                match together.get_mut(&key) {
                    Some(askers) => askers.answers.push(answer),
                    None => {
                        let noted = kept.note(key.0, &key.1, &key.2);
                        together.insert(key, Askers { noted, answers: vec![answer], found: Ok(None) });
                    }
                }
            }
            let mut together: Vec<(Key, Askers)> = together.into_iter().collect();
            for of_kind in together.chunk_by_mut(|one, next| one.0.0 == next.0.0) {
                self.find(of_kind).await;
            }
            together.into_iter().for_each(|(key, askers)| askers.tell(kept, &key));
        }
    }

    /// Finds things of one kind. Trouble with the connection is everybody's, a row that cannot be read its askers' alone.
    async fn find(&mut self, asked: &mut [(Key, Askers)]) {
        let rows = match self.rows(asked).await {
            // The connection may have been dead for long: PostgreSQL was restarted, say. A new one says more.
            Err(error) if error.as_database_error().is_none() => self.rows(asked).await,
            other => other,
        };
        match rows {
            Ok(rows) => {
                for (nth, found) in rows {
                    if let Some((_, askers)) = asked.get_mut(nth) {
                        askers.found = found.map(Some).map_err(|error| error.to_string());
                    }
                }
            }
            Err(error) => asked.iter_mut().for_each(|(_, askers)| askers.found = Err(error.to_string())),
        }
    }

    async fn rows(&mut self, asked: &[(Key, Askers)]) -> sqlx::Result<Vec<(usize, sqlx::Result<Written>)>> {
        let Some(((thing, ..), _)) = asked.first() else { return Ok(Vec::new()) };
        let (merchants, ids): (Vec<&str>, Vec<&str>) =
            asked.iter().map(|((_, merchant, id), _)| (merchant.as_str(), &**id)).unzip();
        // Taken out until it is known to be well: after trouble it is not used again.
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => connect(&self.options).await?,
        };
        let rows = thing.rows(&mut connection, (&merchants, &ids)).await?;
        self.connection = Some(connection);
        Ok(rows)
    }
}

impl Askers {
    /// Tells everybody who is still there, and keeps the answer for those who come later.
    fn tell(self, kept: &Kept, (thing, merchant, id): &Key) {
        if let Ok(Some(written)) = &self.found {
            kept.put(self.noted, (*thing, merchant, id), written);
        }
        for answer in self.answers {
            let found = self.found.clone().map_err(sqlx::Error::Protocol);
            // Gone, and nobody else's affair.
            let _ = answer.send(found);
        }
    }
}

/// Looks again and again which tables the names stand for.
struct Look {
    options: PgConnectOptions,
    touched: Touched,
    /// The tables, and their incarnation.
    seen: Option<(i64, i64)>,
}

impl Look {
    async fn keep(mut self, waiting: mpsc::WeakSender<Asked>) {
        let mut connection = None;
        while waiting.upgrade().is_some() {
            let seen = self.look(&mut connection).await.ok();
            if seen.is_none() || seen != self.seen {
                self.touched.anything();
            }
            self.seen = seen;
            sleep(LOOK_INTERVAL).await;
        }
    }

    async fn look(&self, kept: &mut Option<PgConnection>) -> sqlx::Result<(i64, i64)> {
        let mut connection = match kept.take() {
            Some(connection) => connection,
            None => connect(&self.options).await?,
        };
        let sql = "select tableoid::bigint, epoch from read.checkpoint";
        let seen = sqlx::query_as(sql).fetch_one(&mut connection).await?;
        *kept = Some(connection);
        Ok(seen)
    }
}

async fn connect(options: &PgConnectOptions) -> sqlx::Result<PgConnection> {
    timeout(CONNECT_MAX, options.connect()).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
}

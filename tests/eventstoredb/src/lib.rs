//! EventStoreDB, as far as tests need it: a server in this process that speaks the real protocol over real sockets, keeps
//! everything in memory, and does on command what the real one does to clients once in a while.
//!
//! Its places are sparse, it writes records of its own between those of others, compares ids and revisions as the real one
//! does, and takes no more than 1 MiB in one append. It insists on exact revisions: who lets the server choose has a bug
//! here. Nodes of a cluster share one log, as if it were replicated at once; only the leader takes appends.

#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "this crate is only used by tests, where a panic is the message"
)]

mod protocol;
mod records;
mod service;

pub use records::Record;

use records::Records;
use service::Service;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::runtime::Runtime;

/// What the nodes of a server share.
#[derive(Debug)]
pub(crate) struct Shared {
    records: Mutex<Records>,
    leader: AtomicUsize,
    ports: Vec<u16>,
    troubles: Troubles,
}

/// What goes wrong on purpose. All begin at 0, which is never; otherwise once in so many.
#[derive(Debug, Default)]
pub struct Troubles {
    /// Appends that are committed and answered with a deadline exceeded.
    pub committed_without_answer: AtomicUsize,
    /// Appends that are not committed and answered with unavailable.
    pub refused: AtomicUsize,
    /// Records that a read of all says twice.
    pub said_twice: AtomicUsize,
    /// Reads that end well before their end, after at least two records.
    pub ended_early: AtomicUsize,
    /// Whether every answer to a read is held back, as if the server hung.
    pub hangs: AtomicBool,
    /// How many reads hang, or did.
    pub hanging: AtomicUsize,
    seen: AtomicUsize,
}

impl Troubles {
    /// Whether it is time for one of these.
    fn strikes(&self, trouble: &AtomicUsize) -> bool {
        let once_in = trouble.load(Ordering::Relaxed);
        once_in > 0 && self.seen.fetch_add(1, Ordering::Relaxed) % once_in == once_in - 1
    }
}

impl Shared {
    fn records(&self) -> MutexGuard<'_, Records> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A server of one node or several.
#[derive(Debug)]
pub struct Server {
    shared: Arc<Shared>,
    nodes: Vec<Option<Runtime>>,
}

impl Server {
    /// One node.
    #[must_use]
    pub fn start() -> Self {
        Self::cluster(1)
    }

    /// So many nodes, the first of which leads.
    #[must_use]
    pub fn cluster(nodes: usize) -> Self {
        // Held until all have one, so that no two get the same.
        let sockets: Vec<_> =
            (0..nodes).map(|_| std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()).collect();
        let ports = sockets.iter().map(|it| it.local_addr().unwrap().port()).collect();
        drop(sockets);
        let (records, leader) = (Mutex::default(), AtomicUsize::new(0));
        let shared = Arc::new(Shared { records, leader, ports, troubles: Troubles::default() });
        let mut it = Self { shared, nodes: (0..nodes).map(|_| None).collect() };
        (0..nodes).for_each(|node| it.start_node(node));
        it
    }

    /// Where clients find it, with credentials as they are by default.
    #[must_use]
    pub fn address(&self) -> String {
        let hosts: Vec<String> = self.shared.ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
        format!("esdb://admin:changeit@{}?tls=false&discoveryInterval=20&nodePreference=leader", hosts.join(","))
    }

    /// Stops a node at once: its connections break.
    pub fn stop_node(&mut self, node: usize) {
        if let Some(runtime) = self.nodes[node].take() {
            runtime.shutdown_background();
        }
    }

    /// Starts a node again, at the same address, with all that was there.
    pub fn start_node(&mut self, node: usize) {
        if self.nodes[node].is_some() {
            return;
        }
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.shared.ports[node]));
        let service = Service { shared: Arc::clone(&self.shared), node };
        let (bound, is_bound) = std::sync::mpsc::channel();
        runtime.spawn(service::serve(service, address, bound));
        is_bound.recv().unwrap();
        self.nodes[node] = Some(runtime);
    }

    /// Stops every node.
    pub fn stop(&mut self) {
        (0..self.nodes.len()).for_each(|node| self.stop_node(node));
    }

    /// Starts every node that does not run.
    pub fn start_again(&mut self) {
        (0..self.nodes.len()).for_each(|node| self.start_node(node));
    }

    /// Makes another node the leader; the others say so to whoever asks them.
    pub fn elect(&self, node: usize) {
        self.shared.leader.store(node, Ordering::SeqCst);
    }

    /// What goes wrong on purpose.
    #[must_use]
    pub fn troubles(&self) -> &Troubles {
        &self.shared.troubles
    }

    /// Everything that it keeps, in its order.
    #[must_use]
    pub fn records(&self) -> Vec<Record> {
        self.shared.records().all.clone()
    }

    /// Does what the real one never does: changes a record behind everybody's back.
    pub fn tamper(&self, nth: usize, change: impl FnOnce(&mut Record)) {
        change(&mut self.shared.records().all[nth]);
    }

    /// Loses a record, as a scavenge does after a stream was deleted. Revisions of other records stay.
    pub fn lose(&self, nth: usize) {
        let mut records = self.shared.records();
        records.lose(nth);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

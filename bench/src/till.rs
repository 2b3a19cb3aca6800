//! A service that gets orders and payments, whose numbers never come twice.

use crate::Failure;
use crate::disk::Disk;
use crate::load::{Load, Pace};
use crate::measure::{self, Run};
use crate::requests::{Commands, Customers, What};
use crate::service::Service;
use std::ops::Range;
use std::time::Duration;

/// Customers whose orders are spread evenly.
pub(crate) const CUSTOMERS: u64 = 50_000;
/// Commands in a batch.
pub(crate) const BATCH: u32 = 100;
/// More than any run asks.
const NUMBERS: u64 = 100_000_000;
const WARM_UP: Duration = Duration::from_secs(2);
const WARM_UP_CONNECTIONS: usize = 8;

pub(crate) struct Till<'a> {
    pub(crate) service: &'a Service,
    pub(crate) disk: &'a mut Disk,
    /// The first number that no command has.
    pub(crate) next: u64,
}

/// How commands are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    One,
    Batches,
}

impl Till<'_> {
    pub(crate) fn load(&self, connections: usize, duration: Duration) -> Load {
        Load { address: self.service.address, connections, pace: Pace::Closed, duration }
    }

    pub(crate) fn commands(&self, way: Way, what: What, customers: &Customers, numbers: Range<u64>) -> Commands {
        let (key, customers) = (&self.service.key, customers.clone());
        match way {
            Way::One => Commands::one_by_one(key, what, customers, numbers),
            Way::Batches => Commands::in_batches(key, what, customers, numbers, BATCH),
        }
    }

    /// Numbers that no command has, more than are needed.
    pub(crate) fn numbers(&self) -> Range<u64> {
        self.next..self.next + NUMBERS
    }

    /// Asks the same with new numbers for the time.
    pub(crate) async fn ask(
        &mut self,
        way: Way,
        what: What,
        customers: &Customers,
        connections: usize,
        duration: Duration,
    ) -> Result<Run, Failure> {
        let mut work = self.commands(way, what, customers, self.numbers());
        let run = measure::run(self.service, self.disk, self.load(connections, duration), &mut work).await?;
        self.next = work.left.start;
        Ok(run)
    }

    /// Places orders for the time, then receives payments for them for the time, or until all are paid.
    pub(crate) async fn place_and_pay(
        &mut self,
        way: Way,
        customers: &Customers,
        connections: usize,
        duration: Duration,
    ) -> Result<[Run; 2], Failure> {
        let first = self.next;
        let placed = self.ask(way, What::PlaceOrder, customers, connections, duration).await?;
        let mut pay = self.commands(way, What::ReceivePayment, customers, first..self.next);
        let paid = measure::run(self.service, self.disk, self.load(connections, duration), &mut pay).await?;
        Ok([placed, paid])
    }

    /// The same, unmeasured, so that tables and caches are not new.
    pub(crate) async fn warm_up(&mut self, way: Way, customers: &Customers) -> Result<(), Failure> {
        self.place_and_pay(way, customers, WARM_UP_CONNECTIONS, WARM_UP).await.map(|_told_nobody| ())
    }

    /// Places one order that takes as many payments as there are; its number.
    pub(crate) async fn large_order(&mut self) -> Result<u64, Failure> {
        let order = self.next;
        self.next += 1;
        let customers = Customers::Spread(CUSTOMERS);
        let mut work = self.commands(Way::One, What::PlaceLargeOrder, &customers, order..self.next);
        let load = self.load(1, Duration::from_secs(1));
        tokio::task::block_in_place(|| load.run(&mut work))?;
        Ok(order)
    }
}

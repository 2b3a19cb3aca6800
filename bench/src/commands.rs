//! Commands over HTTP: one a request and a hundred a request, alone and with queries beside them. Each has an idempotency
//! key, the read models follow meanwhile, and the payments are for orders that were placed just before.

use crate::effort::Effort;
use crate::measure::{self, memory_note};
use crate::report::Table;
use crate::requests::{Customers, Mixed, Queries, What};
use crate::runs::Runs;
use crate::till::{BATCH, CUSTOMERS, Till, Way};
use crate::{Failure, Setting};

/// Connections that send batches.
pub(crate) const BATCH_CONNECTIONS: [usize; 2] = [4, 8];
/// Of a hundred requests.
const COMMANDS_PERCENT: [u32; 3] = [100, 80, 20];

/// One a request, at each number of connections.
pub(crate) async fn one_by_one(setting: &Setting, effort: &Effort) -> Result<Vec<Table>, Failure> {
    place_and_pay(setting, effort, ("commands", Way::One), &effort.connections()).await
}

/// A hundred a request, with few connections.
pub(crate) async fn in_batches(setting: &Setting, effort: &Effort) -> Result<Vec<Table>, Failure> {
    let mut tables = place_and_pay(setting, effort, ("batches", Way::Batches), &BATCH_CONNECTIONS).await?;
    for table in &mut tables {
        table.note(format!("Done is commands, {BATCH} to a request; latency is a request's."));
    }
    Ok(tables)
}

async fn place_and_pay(
    setting: &Setting,
    effort: &Effort,
    (name, way): (&'static str, Way),
    connections: &[usize],
) -> Result<Vec<Table>, Failure> {
    let (service, mut disk) = setting.service(name).await?;
    let customers = Customers::Spread(CUSTOMERS);
    let mut till = Till { service: &service, disk: &mut disk, next: 0 };
    till.warm_up(way, &customers).await?;
    let mut runs = Runs::default();
    for _ in 0..effort.rounds() {
        for connections in connections.iter().copied() {
            let [placed, paid] = till.place_and_pay(way, &customers, connections, effort.duration()).await?;
            runs.add("place-order", connections, What::PlaceOrder.events(), placed);
            runs.add("receive-payment", connections, What::ReceivePayment.events(), paid);
        }
    }
    let mut table = runs.table(name);
    memory_note(&mut table, &service);
    service.stop().await?;
    Ok(vec![table])
}

/// Placing orders and asking for orders.
pub(crate) async fn mixed(setting: &Setting, effort: &Effort) -> Result<Vec<Table>, Failure> {
    let (service, mut disk) = setting.service("mixed").await?;
    let customers = Customers::Spread(CUSTOMERS);
    let mut till = Till { service: &service, disk: &mut disk, next: 0 };
    till.warm_up(Way::One, &customers).await?;
    let connections = effort.most_connections();
    let mut runs = Runs::default();
    for _ in 0..effort.rounds() {
        for commands_percent in COMMANDS_PERCENT {
            let commands = till.commands(Way::One, What::PlaceOrder, &customers, till.numbers());
            // Of orders that are in the read models.
            let queries = Queries::orders(&service.key, 0..till.next);
            let mut work = Mixed { commands, queries, commands_percent, asked: 0 };
            let load = till.load(connections, effort.duration());
            let run = measure::run(&service, till.disk, load, &mut work).await?;
            till.next = work.commands.left.start;
            let what = format!("{commands_percent} % place-order, {} % an order by its key", 100 - commands_percent);
            runs.add(&what, connections, What::PlaceOrder.events(), run);
        }
    }
    let mut table = runs.table("mixed");
    table.note("Done is commands and queries, events are of the commands alone, and so is latency.");
    service.stop().await?;
    Ok(vec![table])
}

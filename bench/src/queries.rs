//! Questions over HTTP: by key where a few keys are asked over and over, by key where more are asked than anybody keeps,
//! and a list of twenty. Nothing is written meanwhile.

use crate::effort::Effort;
use crate::history::Story;
use crate::load::{Load, Pace};
use crate::measure;
use crate::report::{Table, grouped};
use crate::requests::Queries;
use crate::runs::Runs;
use crate::{Failure, Setting};

const ORDERS: u64 = 250_000;
const ORDERS_QUICK: u64 = 20_000;
/// A page of 20 is full for each of them.
const ORDERS_OF_A_CUSTOMER: u64 = 25;
const HOT_KEYS: u64 = 100;

pub(crate) async fn run(setting: &Setting, effort: &Effort) -> Result<Vec<Table>, Failure> {
    let (service, mut disk) = setting.service("queries").await?;
    let orders = if effort.quick { ORDERS_QUICK } else { ORDERS };
    let customers = orders / ORDERS_OF_A_CUSTOMER;
    service.history(Story::Sold, customers).await?.append(0..orders).await?;
    service.settle().await?;
    let key = &service.key;
    let cases = [
        (format!("an order by its key, of {HOT_KEYS} hot ones"), Queries::orders(key, 0..HOT_KEYS)),
        (format!("an order by its key, of {}", grouped(orders as f64)), Queries::orders(key, 0..orders)),
        ("20 orders of a customer".to_owned(), Queries::orders_of_customers(key, 0..customers)),
    ];
    let mut runs = Runs::default();
    for _ in 0..effort.rounds() {
        for connections in effort.connections() {
            for (what, queries) in &cases {
                let (address, duration) = (service.address, effort.duration());
                let load = Load { address, connections, pace: Pace::Closed, duration };
                let run = measure::run(&service, &mut disk, load, &mut queries.clone()).await?;
                runs.add(what, connections, 0, run);
            }
        }
    }
    let mut table = runs.table("queries");
    measure::memory_note(&mut table, &service);
    service.stop().await?;
    Ok(vec![table])
}

//! Load that is not spread: a few customers who buy most, and one stream that everybody writes to, each against the same
//! commands spread evenly. There is one merchant to a service, so one hot merchant is what every other table shows.

use crate::effort::Effort;
use crate::report::Table;
use crate::requests::{Customers, What, Zipf};
use crate::runs::Runs;
use crate::till::{CUSTOMERS, Till, Way};
use crate::{Failure, Setting};

pub(crate) async fn run(setting: &Setting, effort: &Effort) -> Result<Vec<Table>, Failure> {
    let (service, mut disk) = setting.service("skew").await?;
    let connections = effort.most_connections();
    let mut till = Till { service: &service, disk: &mut disk, next: 0 };
    let (spread, zipf) = (Customers::Spread(CUSTOMERS), Customers::Zipf(Zipf::over(CUSTOMERS)));
    till.warm_up(Way::One, &spread).await?;
    let mut runs = Runs::default();
    for _ in 0..effort.rounds() {
        for (customers, how) in [(&spread, "spread"), (&zipf, "Zipf customers")] {
            let [placed, paid] = till.place_and_pay(Way::One, customers, connections, effort.duration()).await?;
            runs.add(&format!("place-order, {how}"), connections, What::PlaceOrder.events(), placed);
            runs.add(&format!("receive-payment, {how}"), connections, What::ReceivePayment.events(), paid);
        }
        let order = till.large_order().await?;
        let what = What::PayOneOrder { order };
        let run = till.ask(Way::One, what, &spread, connections, effort.duration()).await?;
        runs.add("receive-payment, all to one order", connections, what.events(), run);
        for (customers, how) in [(CUSTOMERS, "spread"), (1, "one customer")] {
            let what = What::SetCreditLimit;
            let run = till.ask(Way::One, what, &Customers::Spread(customers), connections, effort.duration()).await?;
            runs.add(&format!("set-credit-limit, {how}"), connections, what.events(), run);
        }
    }
    let mut table = runs.table("skew");
    ratios(&mut table, &runs, connections);
    service.stop().await?;
    Ok(vec![table])
}

fn ratios(table: &mut Table, runs: &Runs, connections: usize) {
    for (skewed, spread) in [
        ("place-order, Zipf customers", "place-order, spread"),
        ("receive-payment, Zipf customers", "receive-payment, spread"),
        ("receive-payment, all to one order", "receive-payment, spread"),
        ("set-credit-limit, one customer", "set-credit-limit, spread"),
    ] {
        let ratio = runs.ratio((skewed, spread), connections);
        table.note(format!("{skewed}, against {spread}: **{ratio:.2}**"));
    }
    table.note(format!("Zipf 1.0 over {CUSTOMERS} customers; {ONE_ORDER}"));
}

const ONE_ORDER: &str = "the one order has every payment of its run, and a new one is taken for each run.";

//! The read models of chains: what watchers and timers ask, and that every table can be built anew.

use super::chain;
use super::support::{Ledger, id};
use crate::onchain::{addresses, holdings, invoices, unfinished};
use crate::projector::catch_up;
use crate::{Reads, audit, schema};
use chrono::{DateTime, Utc};
use mizan_domain::id::MerchantId;
use mizan_domain::onchain::{Chain, Network};

const BITCOIN: Chain = Chain::Bitcoin(Network::Main);

fn time(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

#[tokio::test]
async fn watchers_find_the_addresses_of_all_merchants_until_watching_ends() {
    let mut ledger = Ledger::new().await;
    for merchant in ["m-0", "m-1"] {
        chain::play(&mut ledger, merchant, 1, 0).await;
    }
    catch_up(&ledger.log).await.unwrap();
    let reads = Reads::new(ledger.log.clone());
    let watched = addresses::watched(&reads, BITCOIN, time("2026-01-05T12:10:00Z")).await.unwrap();
    assert_eq!(watched.len(), 8);
    assert_eq!((watched[0].merchant.as_str(), watched[0].index, watched[0].invoice_id.as_str()), ("m-0", 0, "i-0"));
    assert_eq!(watched[0].watch().confirming.needed(watched[0].asset.of_minor(1), false), 1);
    assert_eq!(watched[0].watched_until, time("2026-01-05T13:15:00Z"));
    let found = addresses::given_out(&reads, &watched[3].merchant, &watched[3].address).await.unwrap();
    assert_eq!(found.as_ref(), Some(&watched[3]));
    assert_eq!(addresses::watched(&reads, BITCOIN, time("2026-01-05T13:15:00Z")).await.unwrap(), []);
    assert_eq!(addresses::watched(&reads, Chain::Evm(1), time("2026-01-05T12:10:00Z")).await.unwrap(), []);
    let registered = holdings::registered(&reads, BITCOIN).await.unwrap();
    assert_eq!(registered.len(), 2);
    let one = holdings::registered_asset(&reads, &registered[1].merchant, registered[1].asset.id).await.unwrap();
    assert_eq!(one.as_ref(), registered.get(1));

    let waking = invoices::waking(&reads, time("2026-01-05T12:15:00Z"), 5).await.unwrap();
    assert_eq!((waking.len(), waking[0].invoice_id.as_str()), (5, "i-0"));
    assert_eq!(invoices::waking(&reads, time("2026-01-05T12:14:59Z"), 5).await.unwrap(), []);
    let of_one = invoices::waking_of(&reads, &id::<MerchantId>("m-1"), time("2026-01-05T12:15:00Z"), 9).await.unwrap();
    assert!(of_one.len() == 4 && of_one.iter().all(|it| it.merchant.as_str() == "m-1"));
}

/// Whatever chains, people and dice do, the read models are a function of the log, and what is not final is looked at.
#[tokio::test]
async fn a_random_life_on_chains_can_be_built_anew() {
    let mut ledger = Ledger::new().await;
    for seed in 0..4 {
        chain::play(&mut ledger, &format!("m-{seed}"), seed, 150).await;
    }
    catch_up(&ledger.log).await.unwrap();
    let report = audit(&ledger.log, |_| ()).await.unwrap();
    assert_eq!(report.differences, vec![], "{report:?}");
    let live = crate::fingerprints(ledger.log.pool(), schema::LIVE).await.unwrap();
    for table in ["wallets", "onchain_addresses", "invoices", "deposits", "holdings", "payouts"] {
        assert!(live[table].rows > 0, "{table} has nothing: the dice tell no story");
    }
    let reads = Reads::new(ledger.log.clone());
    let open = unfinished(&reads, BITCOIN).await.unwrap();
    let states: i64 =
        sqlx::query_scalar("select count(*) from read.deposits where state in ('seen', 'confirmed', 'orphaned')")
            .fetch_one(ledger.log.pool())
            .await
            .unwrap();
    assert!(!open.is_empty() && i64::try_from(open.len()).unwrap() == states, "{} of {states}", open.len());
    // What a row says of itself holds: what is there is its lots, and nothing is available that is frozen or promised.
    let wrong: i64 = sqlx::query_scalar(
        "select count(*) from read.holdings where available <> quantity - frozen - promised or quantity <> \
         (select coalesce(sum((lot ->> 'amount')::numeric), 0) from json_array_elements(lots) as lot)",
    )
    .fetch_one(ledger.log.pool())
    .await
    .unwrap();
    assert_eq!(wrong, 0);
}

//! What was seen of a chain: kept whole, told until it is known, led by one.

use crate::database::Database;
use crate::given::merchant;
use mizan_domain::id::WalletId;
use mizan_domain::onchain::deposit::Watch;
use mizan_domain::onchain::{
    Address, AssetId, Block, Chain, Confirming, Finality, Network, Place, Tier, TransactionId,
};
use mizan_store::chains::{Delayed, Gone, Lead, Payment, Seen, Sight, Told, Untold};
use std::time::Duration;

const CHAIN: Chain = Chain::Bitcoin(Network::Main);

fn id(number: u64) -> TransactionId {
    TransactionId::parse(&format!("{number:064x}")).unwrap()
}

fn block(height: u64, branch: u64) -> Block {
    Block { height, hash: id(height * 1_000 + branch) }
}

fn coin() -> AssetId {
    "bip122:000000000019d6689c085ae165831e93/slip44:0".parse().unwrap()
}

/// A payment of a transaction to a merchant, in a block or waiting.
fn payment(transaction: u64, to: &str, block: Option<Block>) -> Payment {
    let tiers = vec![Tier { up_to: None, confirmations: 1 }];
    Payment {
        transaction: id(transaction),
        place: Place::Output(1),
        merchant: merchant(to),
        to: Address::parse("bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu", CHAIN).unwrap(),
        token: None,
        amount_minor: u128::from(transaction),
        is_replaceable: true,
        claims: vec![format!("coin-{transaction}")],
        watch: Watch {
            wallet_id: WalletId::parse("w-1").unwrap(),
            invoice_id: None,
            customer_id: None,
            confirming: Confirming { tiers, finality: Finality::Depth(6) },
        },
        expected: coin(),
        block,
        at: chrono::DateTime::from_timestamp(1_700_000_000, 0).unwrap(),
    }
}

/// A round with a block that has these transactions, each of which pays `m-1`.
fn mined(at: Block, transactions: &[u64]) -> Seen {
    Seen {
        mined: transactions.iter().map(|it| id(*it)).collect(),
        payments: transactions.iter().map(|it| payment(*it, "m-1", Some(at.clone()))).collect(),
        blocks: vec![at],
        ..Seen::default()
    }
}

async fn lead(database: &Database) -> Lead {
    Lead::take(database.log().await.pool(), CHAIN).await.unwrap().unwrap()
}

/// Tells everything; what it was.
async fn tell(lead: &mut Lead) -> Vec<Untold> {
    let untold = lead.untold(100).await.unwrap();
    let told: Vec<Told<'_>> = untold.iter().map(|of| Told { of, is_final: false }).collect();
    lead.told(&told).await.unwrap();
    untold
}

fn sights(untold: &[Untold]) -> Vec<&Sight> {
    untold.iter().map(|it| &it.sight).collect()
}

fn included(block: Block, confirmations: u32) -> Sight {
    Sight::Included { block, confirmations, is_finalized: false }
}

#[tokio::test]
async fn one_leads_a_chain_until_it_is_gone() {
    let database = Database::new().await;
    let log = database.log().await;
    let first = lead(&database).await;
    assert!(Lead::take(log.pool(), CHAIN).await.unwrap().is_none());
    assert!(Lead::take(log.pool(), Chain::Evm(1)).await.unwrap().is_some(), "another chain is led apart");
    first.leave().await;
    // PostgreSQL takes a moment to give a lock back.
    while Lead::take(log.pool(), CHAIN).await.unwrap().is_none() {}
}

#[tokio::test]
async fn a_payment_is_told_whenever_something_has_happened_to_it() {
    let database = Database::new().await;
    let mut it = lead(&database).await;
    let waiting = Seen { payments: vec![payment(7, "m-1", None), payment(7, "m-2", None)], ..Seen::default() };
    it.record(&waiting).await.unwrap();
    let first = tell(&mut it).await;
    assert_eq!(sights(&first), [&Sight::Waiting, &Sight::Waiting], "each owner of the address is told");
    assert!(first.iter().all(|it| it.is_new && it.amount_minor == 7));
    assert_eq!(tell(&mut it).await, []);
    let open = it.reached().await.unwrap().open;
    assert_eq!(open.len(), 1);
    assert_eq!((open[0].is_waiting, &open[0].claims[0]), (true, &"coin-7".to_owned()));

    it.record(&mined(block(10, 0), &[7])).await.unwrap();
    let told = tell(&mut it).await;
    // What a transaction was known to pay, and does not pay in its block, has failed.
    assert_eq!(sights(&told), [&included(block(10, 0), 1), &Sight::Failed]);
    assert!(told[0].look > first[0].look && !told[0].is_new);
    assert_eq!(it.reached().await.unwrap().open, []);

    it.record(&mined(block(11, 0), &[])).await.unwrap();
    assert_eq!(sights(&tell(&mut it).await), [&included(block(10, 0), 2)], "deeper than before");
    it.record(&Seen { orphaned: vec![block(11, 0), block(10, 0)], ..Seen::default() }).await.unwrap();
    assert_eq!(it.reached().await.unwrap().blocks, []);
    assert_eq!(sights(&tell(&mut it).await), [&Sight::Orphaned]);
    let gone = |by: Option<u64>| Seen { gone: vec![Gone { transaction: id(7), by: by.map(id) }], ..Seen::default() };
    it.record(&gone(None)).await.unwrap();
    assert!(sights(&tell(&mut it).await).contains(&&Sight::Forgotten));
    it.record(&gone(Some(8))).await.unwrap();
    assert!(sights(&tell(&mut it).await).contains(&&Sight::Replaced(id(8))));
    it.record(&mined(block(10, 1), &[7])).await.unwrap();
    assert!(sights(&tell(&mut it).await).contains(&&included(block(10, 1), 1)), "whatever was said before");
}

#[tokio::test]
async fn what_is_final_is_not_told_again_and_leaves_when_it_is_deep() {
    let database = Database::new().await;
    let mut it = lead(&database).await;
    it.record(&mined(block(0, 0), &[7])).await.unwrap();
    let untold = it.untold(100).await.unwrap();
    it.record(&mined(block(1, 0), &[])).await.unwrap();
    // Between asking and telling the chain has grown.
    it.told(&[Told { of: &untold[0], is_final: true }]).await.unwrap();
    let untold = it.untold(100).await.unwrap();
    assert_eq!(sights(&untold), [&included(block(0, 0), 2)]);
    it.told(&[Told { of: &untold[0], is_final: true }]).await.unwrap();
    it.record(&mined(block(2, 0), &[])).await.unwrap();
    assert_eq!(it.untold(100).await.unwrap(), []);
    assert_eq!(it.owned().await.unwrap().len(), 1, "as long as a chain may take it back, it is looked for");
    it.record(&Seen { blocks: (3..600).map(|height| block(height, 0)).collect(), ..Seen::default() }).await.unwrap();
    let reached = it.reached().await.unwrap();
    assert_eq!((reached.blocks.len(), reached.blocks[0].height), (512, 88));
    assert_eq!(it.owned().await.unwrap(), []);
}

#[tokio::test]
async fn what_cannot_be_told_waits_for_itself_alone() {
    let database = Database::new().await;
    let mut it = lead(&database).await;
    it.record(&mined(block(1, 0), &[7, 8])).await.unwrap();
    let untold = it.untold(100).await.unwrap();
    let why = "there is no rate".to_owned();
    it.delay(&[Delayed { of: &untold[0], why: why.clone(), again_after: Duration::from_secs(3_600) }]).await.unwrap();
    it.told(&[Told { of: &untold[1], is_final: false }]).await.unwrap();
    assert_eq!(it.untold(100).await.unwrap(), []);
    assert_eq!(it.untold_count().await.unwrap(), (1, Some(why)));
    it.record(&mined(block(2, 0), &[])).await.unwrap();
    let again = it.untold(100).await.unwrap();
    assert_eq!(again.iter().map(|it| it.tries).collect::<Vec<_>>(), [1, 0], "it is news, and tried at once");
}

/// Deposits ignore looks that are not newer: a counter that began again would make the watcher mute.
#[tokio::test]
async fn looks_are_numbered_on_where_the_tables_were_lost() {
    let database = Database::new().await;
    let mut it = lead(&database).await;
    it.record(&mined(block(1, 0), &[7])).await.unwrap();
    it.record(&mined(block(2, 0), &[8])).await.unwrap();
    let last = it.untold(100).await.unwrap().iter().map(|it| it.look).max().unwrap();
    let log = database.log().await;
    for table in ["cursors", "blocks", "outputs"] {
        let truncate = sqlx::AssertSqlSafe(format!("truncate chains.{table}"));
        sqlx::query(truncate).execute(log.pool()).await.unwrap();
    }
    // A millisecond later, as any start of a process is.
    while u128::from(last) >= std::time::UNIX_EPOCH.elapsed().unwrap().as_millis() {}
    it.record(&mined(block(3, 0), &[9])).await.unwrap();
    assert!(it.untold(100).await.unwrap()[0].look > last);
}

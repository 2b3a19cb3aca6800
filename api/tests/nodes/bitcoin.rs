//! Bitcoin: payments of every kind, and a chain that goes back.

use crate::books::{Books, CONFIRMATIONS, State, catch_up};
use crate::process::free_port;
use crate::regtest::{REGTEST, Regtest};
use mizan::watch::{Asset, Bitcoin, Effect, NodeError, NotWatched, Place, Progress, Rpc, Watcher};
use mizan_domain::onchain::{AccountKey, Address, Chain, Network, Script};
use std::time::Instant;

/// The account `m/84'/1'/0'` of the phrase that all the world's vectors have.
const ACCOUNT: &str =
    "vpub5Y6cjg78GGuNLsaPhmYsiw4gYX3HoQiRBiSwDaBXKUafCt9bNwWQiitDk5VZ5BVxYnQdwoTyXSs2JHRPAgjAvtbBrf8ZhDYe2jWAqvZVnsc";

/// The first addresses of the account.
pub(crate) fn addresses(count: u32) -> Vec<Address> {
    let account = AccountKey::parse(ACCOUNT, REGTEST, Script::P2wpkh).unwrap();
    (0..count).map(|index| account.address(index).unwrap()).collect()
}

/// A watcher as a new process would start it.
fn watcher_of(node: &Regtest, books: Books) -> Watcher<Bitcoin, Books> {
    Watcher::new(REGTEST, Bitcoin::new(Rpc::new(node.address()).unwrap()), books)
}

const COIN: Asset = Asset::Native;

#[tokio::test]
#[ignore = "needs a Bitcoin node: make test"]
async fn every_output_is_credited_once_when_it_is_deep_enough() {
    let (node, coins) = Regtest::with_coins(3).await;
    let to = addresses(3);
    let books = Books::watching(&to, &[]);
    let watcher = watcher_of(&node, books.clone());
    catch_up(&watcher).await;

    // A part of what is due, then too much; then two outputs to one address and one to another, in one transaction.
    let part = node.send(&node.pay(coins[0], &[(&to[0], 150_000)], true)).await;
    catch_up(&watcher).await;
    assert_eq!(books.of(&part), [(Place::Output(0), 150_000, Effect::Moved, State::Waiting)]);
    assert!(books.is_replaceable(&part));
    assert_eq!(books.balance(&to[0], &COIN), 0, "what waits is not money");

    let over = node.send(&node.pay(coins[1], &[(&to[0], 70_000)], false)).await;
    let many = node.send(&node.pay(coins[2], &[(&to[1], 100), (&to[2], 7), (&to[1], 100)], false)).await;
    node.mine(1).await;
    catch_up(&watcher).await;
    let tip = books.tip().unwrap();
    assert_eq!(books.of(&over), [(Place::Output(0), 70_000, Effect::Moved, State::In(tip.clone()))]);
    assert!(!books.is_replaceable(&over));
    let places: Vec<Place> = books.of(&many).into_iter().map(|it| it.0).collect();
    assert_eq!(places, [Place::Output(0), Place::Output(1), Place::Output(2)]);
    assert_eq!(books.balance(&to[0], &COIN), 0, "one block is not enough");

    node.mine(CONFIRMATIONS - 1).await;
    catch_up(&watcher).await;
    let balances = || [0, 1, 2].map(|n: usize| books.balance(&to[n], &COIN));
    assert_eq!(balances(), [220_000, 200, 7]);
    assert_eq!(books.entries(&many), [100, 7, 100]);

    // Nothing new is nothing to record; and a watcher that starts again does not find anything twice.
    let rounds = books.rounds();
    catch_up(&watcher).await;
    catch_up(&watcher_of(&node, books.clone())).await;
    assert_eq!(books.rounds(), rounds);
    node.mine(40).await;
    catch_up(&watcher_of(&node, books.clone())).await;
    assert_eq!(balances(), [220_000, 200, 7]);
    assert_eq!(books.tip().unwrap().height, node.height().await);
}

/// The story of issue 4: six blocks go, one payment comes back in another block, the other was spent elsewhere; and the
/// watcher dies in the middle.
#[tokio::test]
#[ignore = "needs a Bitcoin node: make test"]
async fn a_reorganisation_of_six_blocks_ends_in_the_right_books() {
    let (node, coins) = Regtest::with_coins(3).await;
    let to = addresses(3);
    let books = Books::watching(&to, &[]);
    let watcher = watcher_of(&node, books.clone());
    catch_up(&watcher).await;
    let fork = node.height().await;

    let stays = node.pay(coins[0], &[(&to[0], 500_000)], false);
    let lost = node.pay(coins[1], &[(&to[1], 600_000)], false);
    let instead = node.pay(coins[1], &[(&to[2], 1_000)], false);
    let (stays_id, lost_id) = (node.send(&stays).await, node.send(&lost).await);
    node.mine(6).await;
    catch_up(&watcher).await;
    assert_eq!([books.balance(&to[0], &COIN), books.balance(&to[1], &COIN)], [500_000, 600_000]);
    let tip = books.tip();

    // The node gives up its six blocks. As long as it has nothing in their place, it is only late.
    node.invalidate(&node.hash_at(fork + 1).await).await;
    assert_eq!(node.height().await, fork);
    catch_up(&watcher).await;
    assert_eq!((books.tip(), books.balance(&to[1], &COIN)), (tip, 600_000));

    // Then another branch: in its first block the second payment's coin goes elsewhere.
    node.mine_with(vec![instead.clone()]).await;
    assert_eq!(watcher.round().await.unwrap(), Progress::Behind);
    assert_eq!(books.tip().unwrap().height, fork);
    assert_eq!(books.state(&lost_id), Some(State::Orphaned));
    assert_eq!([books.balance(&to[0], &COIN), books.balance(&to[1], &COIN)], [0, 0], "all is taken back");
    drop(watcher);

    let watcher = watcher_of(&node, books.clone());
    catch_up(&watcher).await;
    let by = instead.compute_txid().to_string();
    assert_eq!(books.state(&lost_id), Some(State::Replaced(by)), "it can never come back");

    node.mine_with(vec![stays]).await;
    node.mine(5).await;
    drop(watcher);
    catch_up(&watcher_of(&node, books.clone())).await;
    assert_eq!(books.tip().unwrap().height, fork + 7);
    assert_eq!(books.entries(&stays_id), [500_000, -500_000, 500_000]);
    assert_eq!(books.entries(&lost_id), [600_000, -600_000]);
    let balances = [0, 1, 2].map(|n: usize| books.balance(&to[n], &COIN));
    assert_eq!(balances, [500_000, 0, 1_000]);
}

#[tokio::test]
#[ignore = "needs a Bitcoin node: make test"]
async fn a_coin_spent_twice_is_seen_before_and_in_the_block() {
    let (node, coins) = Regtest::with_coins(1).await;
    let to = addresses(2);
    let books = Books::watching(&to, &[]);
    let watcher = watcher_of(&node, books.clone());
    catch_up(&watcher).await;

    let shown = node.send(&node.pay(coins[0], &[(&to[0], 900_000)], false)).await;
    catch_up(&watcher).await;
    assert_eq!(books.state(&shown), Some(State::Waiting));

    // To an address that is not ours, so that only the coin tells.
    let theirs = addresses(9).pop().unwrap();
    let taken_back = node.pay(coins[0], &[(&theirs, 900_000)], false);
    node.mine_with(vec![taken_back.clone()]).await;
    catch_up(&watcher).await;
    assert_eq!(books.state(&shown), Some(State::Replaced(taken_back.compute_txid().to_string())));
    assert_eq!(books.balance(&to[0], &COIN), 0);
}

#[tokio::test]
#[ignore = "needs a Bitcoin node: make test"]
async fn what_could_not_be_recorded_is_found_again() {
    let (node, coins) = Regtest::with_coins(2).await;
    let to = addresses(1);
    let books = Books::watching(&to, &[]);
    let watcher = watcher_of(&node, books.clone());
    catch_up(&watcher).await;

    let waits = node.send(&node.pay(coins[0], &[(&to[0], 1)], false)).await;
    books.fail(1);
    watcher.round().await.unwrap_err();
    assert_eq!(books.state(&waits), None);
    catch_up(&watcher).await;
    assert_eq!(books.state(&waits), Some(State::Waiting));

    node.mine(CONFIRMATIONS).await;
    books.fail(2);
    for _ in 0..2 {
        watcher.round().await.unwrap_err();
    }
    catch_up(&watcher).await;
    assert_eq!(books.entries(&waits), [1]);
}

/// An address that is given out while the watcher is behind is found in the blocks that it has not seen yet.
#[tokio::test]
#[ignore = "needs a Bitcoin node: make test"]
async fn ten_thousand_addresses_cost_one_pass() {
    let (node, coins) = Regtest::with_coins(1).await;
    let to = addresses(10_000);
    let books = Books::watching(&to[..1], &[]);
    let watcher = watcher_of(&node, books.clone());
    catch_up(&watcher).await;

    books.watch(&to, &[]);
    let paid: Vec<(&Address, u64)> = to.iter().step_by(100).map(|it| (it, 1_000)).collect();
    let tx = node.send(&node.pay(coins[0], &paid, false)).await;
    node.mine(CONFIRMATIONS).await;
    let start = Instant::now();
    catch_up(&watcher).await;
    println!("{CONFIRMATIONS} blocks for 10,000 addresses in {:?}", start.elapsed());
    assert_eq!(books.of(&tx).len(), 100);
    assert!(paid.iter().all(|(to, _)| books.balance(to, &COIN) == 1_000));
}

#[tokio::test]
#[ignore = "needs a Bitcoin node: make test"]
async fn a_node_that_refuses_or_is_not_there_is_an_error_without_its_password() {
    let (node, _coins) = Regtest::with_coins(1).await;
    let nowhere = format!("http://x:hunter2@127.0.0.1:{}/key-in-the-path", free_port());
    let watcher = Watcher::new(REGTEST, Bitcoin::new(Rpc::new(&nowhere).unwrap()), Books::default());
    let error = watcher.round().await.unwrap_err();
    let shown = format!("{error} {error:?} {:?}", Rpc::new(&nowhere).unwrap());
    assert!(!shown.contains("hunter2") && !shown.contains("key-in"), "{shown}");

    let refused: Result<u64, NodeError> =
        Rpc::new(&node.address().replace(":of-the-test@", ":wrong@")).unwrap().call("getblockcount", [0_u8; 0]).await;
    assert_eq!(refused, Err(NodeError::Unauthorised));
    let main = Chain::Bitcoin(Network::Main);
    let elsewhere = Watcher::new(main, Bitcoin::new(Rpc::new(node.address()).unwrap()), Books::default());
    assert!(matches!(elsewhere.round().await, Err(NotWatched::WrongChain(it)) if it == main));
    assert_eq!(Rpc::new("not an address").unwrap_err(), NodeError::BadAddress);
    assert_eq!(Rpc::new("ftp://127.0.0.1").unwrap_err(), NodeError::BadAddress);
}

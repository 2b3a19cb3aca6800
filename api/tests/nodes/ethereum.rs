//! Ethereum: coins and tokens, the traps of tokens, and a chain that goes back.

use crate::anvil::{Anvil, CHAIN};
use crate::books::{Books, State, catch_up};
use mizan::watch::{Asset, Effect, Evm, Place, Progress, Rpc, Watcher};
use mizan_domain::onchain::{AccountKey, Address, Script};
use serde_json::json;

/// The account `m/44'/60'/0'` of the phrase that all the world's vectors have.
const ACCOUNT: &str =
    "xpub6DCoCpSuQZB2jawqnGMEPS63ePKWkwWPH4TU45Q7LPXWuNd8TMtVxRrgjtEshuqpK3mdhaWHPFsBngh5GFZaM6si3yZdUsT8ddYM3PwnATt";

const TRANSFER: &str = "a9059cbb";
const TRANSFER_TWICE: &str = "854dd2e2";
const LIE: &str = "3b0716da";
const SET_FEE: &str = "69fe0e2d";
const SUPPLY: u128 = 1_000_000_000_000_000_000_000_000_000_000;
/// More than 64 bits hold.
const MUCH: u128 = 19_000_000_000_000_000_001;

fn addresses(count: u32) -> Vec<Address> {
    let account = AccountKey::parse(ACCOUNT, CHAIN, Script::Evm).unwrap();
    (0..count).map(|index| account.address(index).unwrap()).collect()
}

/// A watcher as a new process would start it.
fn watcher_of(node: &Anvil, books: Books) -> Watcher<Evm, Books> {
    Watcher::new(CHAIN, Evm::new(Rpc::new(node.address()).unwrap()), books)
}

#[tokio::test]
#[ignore = "needs anvil: make test"]
async fn coins_and_tokens_are_credited_once() {
    let node = Anvil::start().await;
    let (token, other) = (node.token(SUPPLY).await, node.token(SUPPLY).await);
    let to = addresses(3);
    let books = Books::watching(&to, std::slice::from_ref(&token));
    let watcher = watcher_of(&node, books.clone());
    catch_up(&watcher).await;

    let coin = node.pay(&to[0], MUCH).await;
    let units = node.token_call(&token, TRANSFER, &to[1], MUCH).await;
    let twice = node.token_call(&token, TRANSFER_TWICE, &to[2], 7).await;
    let unknown = node.token_call(&other, TRANSFER, &to[1], 1_000).await;
    node.mine(1).await;
    catch_up(&watcher).await;

    let asset = Asset::Token(token);
    assert_eq!(books.balance(&to[0], &Asset::Native), i128::try_from(MUCH).unwrap());
    assert_eq!(books.balance(&to[1], &asset), i128::try_from(MUCH).unwrap());
    assert_eq!(books.balance(&to[2], &asset), 14);
    assert_eq!(books.of(&coin)[0].0, Place::Value);
    assert_eq!(books.of(&units)[0].0, Place::Log(0));
    assert_eq!(books.of(&twice).iter().map(|it| it.0).collect::<Vec<_>>(), [Place::Log(0), Place::Log(1)]);
    assert!(books.transfer(&units).measured);
    assert_eq!(books.of(&unknown), [], "whatever its symbol, it is a token that nobody has asked for");

    catch_up(&watcher_of(&node, books.clone())).await;
    node.mine(40).await;
    catch_up(&watcher_of(&node, books.clone())).await;
    assert_eq!(books.entries(&twice), [7, 7]);
    assert_eq!(books.tip().unwrap().height, node.height().await);
    let finalized = books.finalized().unwrap();
    assert!(finalized > 0 && finalized < node.height().await, "{finalized}");
}

#[tokio::test]
#[ignore = "needs anvil: make test"]
async fn what_moves_nothing_is_seen_and_is_not_money() {
    let node = Anvil::start().await;
    let token = node.token(1_000).await;
    let to = addresses(2);
    let books = Books::watching(&to, std::slice::from_ref(&token));
    let watcher = watcher_of(&node, books.clone());
    catch_up(&watcher).await;

    // Whoever is paid there fails: PUSH 0, PUSH 0, REVERT.
    node.tell("anvil_setCode", (to[1].as_str(), "0x60006000fd")).await;
    let failed = node.pay(&to[1], 5).await;
    let too_much = node.token_call(&token, TRANSFER, &to[0], 1_001).await;
    let zero = node.token_call(&token, TRANSFER, &to[0], 0).await;
    let zero_coin = node.pay(&to[0], 0).await;
    let lie = node.token_call(&token, LIE, &to[0], 900).await;
    assert!(!node.succeeded(&failed).await && !node.succeeded(&too_much).await && node.succeeded(&lie).await);
    node.mine(2).await;
    catch_up(&watcher).await;

    let effect = |tx: &str| books.of(tx).into_iter().map(|it| (it.0, it.1, it.2)).collect::<Vec<_>>();
    assert_eq!(effect(&failed), [(Place::Value, 0, Effect::Failed)]);
    assert_eq!(effect(&too_much), [(Place::Value, 0, Effect::Failed)]);
    assert_eq!(books.transfer(&too_much).announced_minor, 1_001);
    assert_eq!(effect(&zero), [(Place::Log(0), 0, Effect::Zero)]);
    assert_eq!(effect(&zero_coin), [(Place::Value, 0, Effect::Zero)]);
    assert_eq!(effect(&lie), [(Place::Log(0), 0, Effect::Hollow)]);
    for asset in [Asset::Native, Asset::Token(token)] {
        assert!(to.iter().all(|it| books.balance(it, &asset) == 0));
    }
}

#[tokio::test]
#[ignore = "needs anvil: make test"]
async fn a_token_that_keeps_a_fee_is_credited_with_what_has_come() {
    let node = Anvil::start().await;
    let token = node.token(SUPPLY).await;
    let to = addresses(2);
    let books = Books::watching(&to, std::slice::from_ref(&token));
    let watcher = watcher_of(&node, books.clone());
    catch_up(&watcher).await;

    node.send(json!({ "to": token.as_str(), "data": format!("0x{SET_FEE}{:064x}", 3) })).await;
    let alone = node.token_call(&token, TRANSFER, &to[0], 1_000).await;
    // Two payments and a lie in one block.
    node.stop_mining().await;
    let first = node.token_call(&token, TRANSFER, &to[1], 100).await;
    let second = node.token_call(&token, TRANSFER, &to[1], 200).await;
    let lie = node.token_call(&token, LIE, &to[1], 5_000).await;
    node.mine(2).await;
    catch_up(&watcher).await;

    assert_eq!(books.entries(&alone), [970]);
    let transfer = books.transfer(&alone);
    assert_eq!((transfer.announced_minor, transfer.measured, transfer.effect), (1_000, true, Effect::Moved));
    let came = [&first, &second, &lie].map(|tx| books.transfer(tx).amount_minor);
    assert_eq!(came.iter().sum::<u128>(), 291, "{came:?}");
    assert_eq!(books.balance(&to[1], &Asset::Token(token)), 291);
}

/// `anvil_reorg` puts other blocks in place of the newest; a transaction of the old ones may come again in one of them.
#[tokio::test]
#[ignore = "needs anvil: make test"]
async fn a_reorganisation_takes_back_what_it_has_undone() {
    let node = Anvil::start().await;
    let token = node.token(SUPPLY).await;
    let to = addresses(2);
    let books = Books::watching(&to, std::slice::from_ref(&token));
    let watcher = watcher_of(&node, books.clone());
    catch_up(&watcher).await;
    let fork = node.height().await;

    let units = node.token_call(&token, TRANSFER, &to[0], 500).await;
    let coin = node.pay(&to[1], 600).await;
    node.mine(4).await;
    catch_up(&watcher).await;
    let asset = Asset::Token(token);
    assert_eq!([books.balance(&to[0], &asset), books.balance(&to[1], &Asset::Native)], [500, 600]);

    node.tell("anvil_reorg", (6, json!([]))).await;
    assert_eq!(watcher.round().await.unwrap(), Progress::Behind);
    assert_eq!(books.tip().unwrap().height, fork);
    assert_eq!(books.state(&coin), Some(State::Orphaned));
    drop(watcher);
    let watcher = watcher_of(&node, books.clone());
    catch_up(&watcher).await;
    assert_eq!([books.entries(&units), books.entries(&coin)], [vec![500, -500], vec![600, -600]]);
    assert_eq!(books.tip().unwrap().height, node.height().await);

    // The same account uses the same numbers for other payments: the old ones can never come back.
    let other = node.pay(&to[0], 1).await;
    node.mine(1).await;
    catch_up(&watcher).await;
    assert_eq!(books.state(&units), Some(State::Replaced(other)));
    assert_eq!([books.balance(&to[0], &asset), books.balance(&to[0], &Asset::Native)], [0, 1]);
}

/// The same transaction in another block, behind another one's log: its place in the block is another, and it is not
/// another payment.
#[tokio::test]
#[ignore = "needs anvil: make test"]
async fn a_payment_that_is_mined_again_elsewhere_is_the_same_payment() {
    let node = Anvil::start().await;
    let token = node.token(SUPPLY).await;
    let to = addresses(2);
    let books = Books::watching(&to, std::slice::from_ref(&token));
    let watcher = watcher_of(&node, books.clone());
    catch_up(&watcher).await;

    let snapshot: String = node.call("evm_snapshot", json!([])).await;
    let units = node.token_call(&token, TRANSFER, &to[0], 500).await;
    let raw: String = node.call("eth_getRawTransactionByHash", (&units,)).await;
    node.mine(1).await;
    catch_up(&watcher).await;
    assert_eq!(books.entries(&units), [500]);

    assert!(node.call::<bool>("evm_revert", (snapshot,)).await);
    node.stop_mining().await;
    let before = node.second_pays(&token, TRANSFER, &to[1], 0).await;
    let again: String = node.call("eth_sendRawTransaction", (raw,)).await;
    assert_eq!(again, units);
    node.mine(3).await;
    catch_up(&watcher).await;
    assert_eq!(books.entries(&units), [500, -500, 500]);
    assert_eq!(books.of(&units)[0].0, Place::Log(0));
    assert_eq!(books.of(&before)[0].2, Effect::Zero);
}

//! The chain takes back what it said.

use crate::Account;
use crate::event::Event;
use crate::onchain::deposit::Sighting;
use crate::onchain::holding;
use crate::onchain::invoice::{Attention, Funding, Settlement};
use crate::rehearsal::onchain::*;
use crate::rehearsal::{eur, fulfil_all, net, the};

fn shown(events: &[Event]) -> String {
    net(events).replace(BTC, "BTC")
}

#[test]
fn a_reorg_after_settlement_makes_the_order_due_again() {
    let mut shop = Shop::new();
    shop.sees(1, "0.00200000", 1);
    let forward = shop.confirms(1, "0.00200000", "50500");
    assert_eq!((shop.due().as_str(), shop.standing().settlement), ("0.00", Settlement::Settled));
    let back = shop.orphans(1, "0.00200000");
    assert_eq!(shop.due(), "100.00");
    assert_eq!(shop.standing().settlement, Settlement::Reversed);
    let both: Vec<Event> = forward.into_iter().chain(back).collect();
    assert_eq!(shown(&both), " | ", "mirrored to the last leg");
    // In another block, at another rate: confirmed again, and paid again.
    shop.finds(1, "0.00200000", "51000", (101, 1));
    assert_eq!((shop.due().as_str(), shop.standing().settlement), ("0.00", Settlement::Settled));
    assert_eq!(
        shop.books().replace(BTC, "BTC"),
        "fx_trading 102.00, crypto_hot 0.00200000 BTC | deferred_revenue 100.00, fx_gain_loss_realised 2.00, \
         fx_trading 0.00200000 BTC"
    );
}

#[test]
fn a_reorg_after_shipment_leaves_a_receivable() {
    let mut shop = Shop::new();
    shop.confirms(1, "0.00200000", "50000");
    shop.play(fulfil_all("f-1"));
    shop.orphans(1, "0.00200000");
    assert_eq!(shop.balance(&Account::ArCustomer, the("EUR")), 10_000);
    assert_eq!(shop.books(), "ar_customer 100.00 | sales 100.00");
}

#[test]
fn a_block_in_place_of_another_is_another_confirmation() {
    let mut shop = Shop::new();
    shop.confirms(1, "0.00200000", "50000");
    let events = shop.finds(1, "0.00200000", "50500", (101, 1));
    let kinds: Vec<&str> = events.iter().map(crate::wire::kind_of).filter(|it| it.starts_with("deposit")).collect();
    assert_eq!(kinds, ["deposit-orphaned.v1", "deposit-confirmed.v1"]);
    assert_eq!(shop.due(), "0.00");
}

#[test]
fn a_replaced_payment_and_its_replacement_are_two_deposits() {
    let mut shop = Shop::new();
    shop.sees(1, "0.00200000", 1);
    assert_eq!(shop.standing().funding, Funding::Paid);
    let look = shop.look(1, coins("0.00200000"), Sighting::Replaced { by: Some(the(&hash(2))) }, "50000", 2);
    shop.observes(look);
    assert_eq!(shop.standing().funding, Funding::None);
    shop.sees(2, "0.00200000", 3);
    shop.confirms(2, "0.00200000", "50000");
    assert_eq!(shop.due(), "0.00");
    assert_eq!(shop.standing().attention, []);
}

/// Told again, or by an older look: quiet.
#[test]
fn an_older_look_changes_nothing() {
    let mut shop = Shop::new();
    let older = shop.look(1, coins("0.00200000"), Sighting::Orphaned, "50000", 1);
    shop.confirms(1, "0.00200000", "50000");
    assert_eq!(shop.observes(older), []);
    let same = shop.look(1, coins("0.00200000"), included(100, 1), "49000", 5);
    assert_eq!(shop.observes(same), []);
    assert_eq!(shop.due(), "0.00");
}

#[test]
fn failed_and_empty_transfers_are_no_deposits() {
    let mut shop = Shop::new();
    for (amount, sighting) in [("0.00000000", Sighting::Seen), ("0.00200000", Sighting::Failed)] {
        let look = shop.look(1, coins(amount), sighting, "50000", 1);
        assert_eq!(shop.observes(look), []);
    }
}

/// Coins that were sold before the chain took them back are missing: the holding is negative and says so; what comes
/// next fills the gap, and what that costs more is the loss.
#[test]
fn coins_that_were_sold_and_lost_are_missing() {
    let mut shop = Shop::new();
    shop.confirms(1, "0.00200000", "50000");
    let sale = holding::Sell {
        asset: btc().id,
        sale_id: the("s-1"),
        amount: coins("0.00200000"),
        proceeds: eur("100.00"),
        fee: eur("0.00"),
        reference: None,
        at: minute(25),
    };
    shop.play(holding::Command::Sell(sale));
    let events = shop.orphans(1, "0.00200000");
    let lost = events.iter().find_map(|event| match event {
        Event::Holding(holding::Event::LotLost(it)) => Some(it.held.clone()),
        _other => None,
    });
    assert_eq!(lost.unwrap().amount.digits().to_string(), "-0.00200000");
    assert_eq!(shop.balance(&Account::CryptoHot, btc().into()), -200_000);
    let events = shop.confirms(2, "0.00300000", "60000");
    let gained = events.iter().find_map(|event| match event {
        Event::Holding(holding::Event::LotAcquired(it)) => Some((it.realised, it.held.clone())),
        _other => None,
    });
    let (realised, held) = gained.unwrap();
    assert_eq!((realised.digits().to_string(), held.cost), ("-20.00".to_owned(), eur("60.00")));
    assert_eq!(shop.balance(&Account::FxTrading, the("EUR")), 6_000, "the trading account has what the lots cost");
}

#[test]
fn another_asset_is_recorded_and_waits() {
    let mut shop = Shop::new();
    let amount = Money::parse("100.000000", usdc().into()).unwrap();
    let look = shop.look(3, amount, included(7, 3), "0.99", 5);
    shop.observes(look);
    assert_eq!(shop.standing().attention, [Attention::WrongAsset, Attention::Unresolved]);
    assert_eq!((shop.standing().left_over, shop.due().as_str()), (eur("99.00"), "100.00"));
    assert_eq!(shop.standing().funding, Funding::None);
}

use crate::Money;

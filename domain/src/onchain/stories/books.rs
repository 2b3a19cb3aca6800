//! The worked example of the reference, and the vectors of others.

use crate::event::Event;
use crate::onchain::holding::{self, LotChange};
use crate::onchain::invoice::Resolution;
use crate::onchain::{CostBasis, Terms};
use crate::rehearsal::onchain::*;
use crate::rehearsal::{eur, net, the};

/// Entries with the asset by its symbol.
fn shown(events: &[Event]) -> String {
    net(events).replace(BTC, "BTC").replace(USDC, "USDC")
}

fn sell(amount: &str, proceeds: &str, fee: &str) -> holding::Command {
    holding::Command::Sell(holding::Sell {
        asset: btc().id,
        sale_id: the("s-1"),
        amount: coins(amount),
        proceeds: eur(proceeds),
        fee: eur(fee),
        reference: None,
        at: minute(60),
    })
}

fn revalue(id: &str, rate: &str) -> holding::Command {
    holding::Command::Revalue(holding::Revalue {
        asset: btc().id,
        revaluation_id: the(id),
        on: the("2026-11-30"),
        spot: spot(rate),
        at: minute(60),
    })
}

fn pay_fee(amount: &str) -> holding::Command {
    holding::Command::PayFee(holding::PayFee {
        asset: btc().id,
        sale_id: the("e-1"),
        amount: coins(amount),
        payout_id: None,
        at: minute(60),
    })
}

/// An invoice of 100.00 at 50,000, confirmed at 50,500, valued at 52,000, sold at 49,000 with a fee of 0.20.
#[test]
fn the_worked_example() {
    let mut shop = Shop::new();
    assert_eq!(shown(&shop.sees(1, "0.00200000", 1)), " | ", "seen moves nothing");
    assert_eq!(
        shown(&shop.confirms(1, "0.00200000", "50500")),
        "fx_trading 101.00, crypto_hot 0.00200000 BTC | deferred_revenue 100.00, fx_gain_loss_realised 1.00, \
         fx_trading 0.00200000 BTC"
    );
    assert_eq!(shop.due(), "0.00");
    let events = shop.play(revalue("2026-11", "52000"));
    assert_eq!(shown(&events[..1]), "fx_trading 3.00 | fx_gain_loss_unrealised 3.00");
    assert_eq!(shown(&events[1..]), "fx_gain_loss_unrealised 3.00 | fx_trading 3.00");
    let days: Vec<String> = events.iter().map(|event| event.effective_on().to_string()).collect();
    assert_eq!(days, ["2026-11-30", "2026-12-01"]);
    assert_eq!(
        shown(&shop.play(sell("0.00200000", "98.00", "0.20"))),
        "bank 97.80, fx_gain_loss_realised 3.00, network_fees 0.20, fx_trading 0.00200000 BTC | fx_trading 101.00, \
         crypto_hot 0.00200000 BTC"
    );
}

#[test]
fn a_network_fee_leaves_at_cost() {
    let mut shop = Shop::new();
    shop.confirms(1, "0.00200000", "50500");
    let expected = "network_fees 0.50, fx_trading 0.00001000 BTC | fx_trading 0.50, crypto_hot 0.00001000 BTC";
    assert_eq!(shown(&shop.play(pay_fee("0.00001000"))), expected); // 0.505, rounded down: the rest stays with the lot
}

/// Underpaid: what came is the customer's credit. Overpaid: 5.00 too much is, and is no revenue.
#[test]
fn too_little_and_too_much_are_the_customers_credit() {
    let mut shop = Shop::new();
    assert_eq!(
        shown(&shop.confirms(1, "0.00120000", "50000")),
        "fx_trading 60.00, crypto_hot 0.00120000 BTC | customer_credit 60.00, fx_trading 0.00120000 BTC"
    );
    assert_eq!(shop.due(), "100.00");
    let mut shop = Shop::new();
    assert_eq!(
        shown(&shop.confirms(1, "0.00210000", "50500")),
        "fx_trading 106.05, crypto_hot 0.00210000 BTC | deferred_revenue 100.00, customer_credit 5.00, \
         fx_gain_loss_realised 1.05, fx_trading 0.00210000 BTC"
    );
    assert_eq!(shop.standing().left_over, eur("5.00"));
}

#[test]
fn what_tolerance_forgives_is_booked() {
    let terms = Terms { tolerance: the("0.01"), ..terms() };
    let mut shop = Shop::with(terms, CostBasis::Fifo);
    assert_eq!(
        shown(&shop.confirms(1, "0.00198500", "50000")),
        "fx_trading 99.25, rounding 0.75, crypto_hot 0.00198500 BTC | deferred_revenue 100.00, fx_trading 0.00198500 BTC"
    );
}

/// Accepted at today's value: the order gets what there is.
#[test]
fn a_late_payment_is_worth_what_it_is_worth_today() {
    let mut shop = Shop::new();
    shop.sees(1, "0.00200000", 21);
    shop.confirms(1, "0.00200000", "48000");
    assert_eq!(shop.due(), "100.00");
    assert_eq!(shop.standing().left_over, eur("96.00"));
    let events = shop.resolves("x-1", Resolution::AcceptAtTodaysValue, "47000");
    // 94.00 go to the order; that the coins were booked at 96.00 is a gain for whoever promised nothing.
    assert_eq!(shown(&events), "customer_credit 96.00 | deferred_revenue 94.00, fx_gain_loss_realised 2.00");
    assert_eq!(shop.due(), "6.00");
}

/// GnuCash-devel, March 2007: 100 bought for 157.23, worth 12.77 more at 1.70 and 7.23 less at 1.50.
#[test]
fn selinger() {
    let mut shop = Shop::new();
    shop.confirms(1, "100.00000000", "1.5723");
    shop.finds(1, "100.00000000", "1.5723", (100, 3));
    for (id, rate, expected) in [
        ("now", "1.5723", " | "),
        ("up", "1.70", "fx_trading 12.77 | fx_gain_loss_unrealised 12.77"),
        ("down", "1.50", "fx_gain_loss_unrealised 7.23 | fx_trading 7.23"),
    ] {
        let events = shop.play(revalue(id, rate));
        assert_eq!(shown(&events[..1]), expected, "{rate}");
    }
}

fn lots_of(events: &[Event]) -> Vec<String> {
    let sold = events.iter().find_map(|event| match event {
        Event::Holding(it) => Some(it.lots().to_vec()),
        _other => None,
    });
    let one = |it: &LotChange| format!("{} for {}", it.amount.digits(), it.cost.digits());
    sold.unwrap().iter().map(one).collect()
}

/// 1 at 100, 1 at 200, then 1.5 sold for 300.
#[test]
fn costs_are_first_in_first_out_or_an_average() {
    let cases = [
        (CostBasis::Fifo, vec!["-1.00000000 for -100.00", "-0.50000000 for -100.00"], "100.00"),
        (CostBasis::Weighted, vec!["-1.50000000 for -225.00"], "75.00"),
    ];
    for (basis, lots, realised) in cases {
        let mut shop = Shop::with(terms(), basis);
        shop.finds(1, "1.00000000", "100", (100, 3));
        shop.finds(2, "1.00000000", "200", (101, 3));
        let events = shop.play(sell("1.50000000", "300.00", "0.00"));
        assert_eq!(lots_of(&events), lots);
        let Some(Event::Holding(holding::Event::Sold(it))) = events.first() else { panic!("{events:?}") };
        assert_eq!(it.realised, eur(realised));
    }
}

/// An issuer freezes: the coins are still the merchant's, but cannot be sold.
#[test]
fn frozen_coins_are_held_and_not_available() {
    let mut shop = Shop::new();
    shop.confirms(1, "0.00200000", "50000");
    let freeze = holding::Freeze {
        asset: btc().id,
        freeze_id: the("z-1"),
        amount: coins("0.00150000"),
        reason: None,
        at: minute(60),
    };
    let events = shop.play(holding::Command::Freeze(freeze));
    assert_eq!(shown(&events), "crypto_frozen 0.00150000 BTC | crypto_hot 0.00150000 BTC");
    let refused = shop.stage.decide(&sell("0.00100000", "50.00", "0.00").into()).unwrap_err();
    assert_eq!(crate::decider::Refused::code(&refused), "exceeds_holding");
    let unfreeze = holding::Unfreeze { asset: btc().id, freeze_id: the("z-1"), at: minute(61) };
    let events = shop.play(holding::Command::Unfreeze(unfreeze));
    assert_eq!(shown(&events), "crypto_hot 0.00150000 BTC | crypto_frozen 0.00150000 BTC");
    shop.play(sell("0.00100000", "50.00", "0.00"));
}

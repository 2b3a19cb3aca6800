//! What holdings refuse and leave alone; what they do is told by the stories of the shop.

use super::*;
use crate::decider::Refused;
use crate::event;
use crate::onchain::{AssetSettings, Confirming, Finality, Terms, Tier};
use crate::rehearsal::onchain::*;
use crate::rehearsal::{eur, the};

fn code(shop: &Shop, asked: Command) -> &'static str {
    shop.stage.decide(&event::Command::Holding(asked)).map_or_else(|it| it.code(), |_| "")
}

fn register(asset: Asset, settings: AssetSettings) -> Command {
    Command::Register(Box::new(RegisterAsset { asset, settings, at: minute(1) }))
}

fn sell(id: &str, amount: Money, proceeds: Money, fee: &str) -> Command {
    let (asset, sale_id, fee) = (btc().id, the(id), eur(fee));
    Command::Sell(Sell { asset, sale_id, amount, proceeds, fee, reference: None, at: minute(60) })
}

#[test]
fn settings_make_sense_or_are_refused() {
    let shop = Shop::new();
    let good = settings(CostBasis::Fifo);
    let tiers = |tiers: &[(Option<&str>, u32)], depth: u32| {
        let tier = |it: &(Option<&str>, u32)| Tier { up_to: it.0.map(coins), confirmations: it.1 };
        let tiers = tiers.iter().map(tier).collect();
        let confirming = Confirming { tiers, finality: Finality::Depth(depth) };
        AssetSettings { terms: Terms { confirming, ..terms() }, ..settings(CostBasis::Fifo) }
    };
    let rows = [
        (good.clone(), ""),
        (AssetSettings { books: btc().into(), ..good.clone() }, "bad_books_currency"),
        (AssetSettings { payment_window_s: 0, ..good.clone() }, "bad_payment_window"),
        (tiers(&[], 6), "bad_tiers"),
        (tiers(&[(Some("1.00000000"), 1)], 6), "bad_tiers"),
        (tiers(&[(Some("1.00000000"), 3), (None, 1)], 6), "bad_tiers"),
        (tiers(&[(Some("2.00000000"), 1), (Some("1.00000000"), 2), (None, 3)], 6), "bad_tiers"),
        (tiers(&[(None, 7)], 6), "bad_finality"),
        (tiers(&[(None, 1)], 10_001), "bad_finality"),
    ];
    for (asked, expected) in rows {
        assert_eq!(code(&shop, register(btc(), asked.clone())), expected, "{asked:?}");
    }
    let finer = Asset { decimals: 9, ..btc() };
    let of_finer = AssetSettings {
        terms: Terms { dust: finer.of_minor(1), confirming: tiers(&[(None, 1)], 6).terms.confirming, ..terms() },
        ..good
    };
    assert_eq!(code(&shop, register(finer, of_finer)), "cannot_change");
    let mut shop = Shop::new();
    assert_eq!(code(&shop, register(btc(), settings(CostBasis::Weighted))), "", "nothing is held yet");
    shop.confirms(1, "0.00200000", "50000");
    assert_eq!(code(&shop, register(btc(), settings(CostBasis::Weighted))), "cannot_change");
}

#[test]
fn holdings_refuse_in_order() {
    let mut shop = Shop::new();
    shop.confirms(1, "0.00200000", "50000");
    shop.play(sell("s-1", coins("0.00010000"), eur("5.00"), "0.00"));
    let usd: Money = the("5.00 USD");
    let rows = [
        (sell("s-1", coins("0.00010001"), eur("5.00"), "0.00"), "exists_with_different_content"),
        (sell("s-1", coins("0.00010000"), eur("5.00"), "0.00"), ""),
        (sell("s-2", usdc().of_minor(5), eur("5.00"), "0.00"), "amount_of_another_asset"),
        (sell("s-2", coins("0.00000000"), eur("5.00"), "0.00"), "amount_not_positive"),
        (sell("s-2", coins("0.00010000"), coins("0.00010000"), "0.00"), "not_money"),
        (sell("s-2", coins("0.00010000"), eur("5.00"), "5.01"), "fee_exceeds_proceeds"),
        (sell("s-2", coins("0.00190001"), eur("5.00"), "0.00"), "exceeds_holding"),
        (sell("s-2", coins("0.00010000"), usd, "0.00"), "currency_mismatch"),
        (Command::Unfreeze(Unfreeze { asset: btc().id, freeze_id: the("z-9"), at: minute(1) }), "unknown_freeze"),
        (set_rules(PayoutRules { approvals_needed: 4, ..rules() }), "bad_payout_rules"),
        (set_rules(PayoutRules { approvals_needed: 0, ..rules() }), "bad_payout_rules"),
        (set_rules(PayoutRules { daily_cap: Some(eur("1.00")), ..rules() }), "bad_payout_rules"),
        (
            Command::TakePayout(TakePayout { asset: btc().id, payout_id: the("y-9"), revision: 1, at: minute(1) }),
            "payout_not_known",
        ),
    ];
    for (asked, expected) in rows {
        assert_eq!(code(&shop, asked.clone()), expected, "{asked:?}");
    }
    let freeze =
        Freeze { asset: usdc().id, freeze_id: the("z-1"), amount: usdc().of_minor(5), reason: None, at: minute(1) };
    assert_eq!(code(&shop, Command::Freeze(freeze)), "asset_not_registered");
}

/// A payout in coins keeps its price; one in money is priced until it is approved.
#[test]
fn prices_of_payouts() {
    let mut shop = Shop::new();
    shop.confirms(1, "0.00200000", "50000");
    shop.play(set_rules(PayoutRules { is_allow_list_needed: false, ..rules() }));
    shop.play(Command::RequestPayout(Box::new(ask_payout("y-1", "0.00100000", 60))));
    let reprice = |id: &str, rate: &str| {
        Command::RepricePayout(RepricePayout { asset: btc().id, payout_id: the(id), spot: spot(rate), at: minute(61) })
    };
    assert_eq!(code(&shop, reprice("y-1", "51000")), "payout_not_in_money");
    let in_money = RequestPayout { is_in_money: true, ..ask_payout("y-2", "0.00050000", 60) };
    shop.play(Command::RequestPayout(Box::new(in_money)));
    assert_eq!(code(&shop, reprice("y-2", "51000")), "");
    assert_eq!(code(&shop, reprice("y-2", "10000")), "exceeds_holding");
}

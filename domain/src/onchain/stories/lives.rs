//! Lives in which everything that can happen on a chain happens once: the golden files are taken from them.

use crate::event::{Command, Event};
use crate::id::PayoutId;
use crate::onchain::deposit::Sighting;
use crate::onchain::holding;
use crate::onchain::invoice::{self, RefundRule, Resolution, payment_of};
use crate::onchain::payout;
use crate::rehearsal::onchain::*;
use crate::rehearsal::{Stage, eur, the};

/// Every life, played to its end.
pub(crate) fn lives() -> Vec<Stage> {
    vec![a_sale(), a_reorg(), nothing_comes(), too_late(), refunds(), other_payouts()]
}

fn a_sale() -> Stage {
    let mut shop = Shop::new();
    shop.sees(1, "0.00210000", 1);
    shop.confirms(1, "0.00210000", "50500");
    shop.finds(1, "0.00210000", "50500", (100, 6));
    let asset = btc().id;
    shop.play(holding::Command::Sell(holding::Sell {
        asset,
        sale_id: the("s-1"),
        amount: coins("0.00100000"),
        proceeds: eur("49.00"),
        fee: eur("0.20"),
        reference: Some(the("exchange order 88")),
        at: minute(60),
    }));
    shop.play(holding::Command::Revalue(holding::Revalue {
        asset,
        revaluation_id: the("2026-11"),
        on: the("2026-11-30"),
        spot: spot("52000"),
        at: minute(61),
    }));
    shop.play(holding::Command::Freeze(holding::Freeze {
        asset,
        freeze_id: the("z-1"),
        amount: coins("0.00050000"),
        reason: Some(the("blocked by the issuer")),
        at: minute(62),
    }));
    shop.play(holding::Command::Unfreeze(holding::Unfreeze { asset, freeze_id: the("z-1"), at: minute(63) }));
    shop.stage
}

fn a_reorg() -> Stage {
    let mut shop = Shop::new();
    shop.confirms(1, "0.00200000", "50500");
    shop.orphans(1, "0.00200000");
    for (tx, sighting) in [(1, Sighting::Replaced { by: Some(the(&hash(2))) }), (2, Sighting::Failed)] {
        shop.sees(tx, "0.00200000", 31);
        let look = shop.look(tx, coins("0.00200000"), sighting, "50500", 32);
        shop.observes(look);
    }
    shop.stage
}

fn nothing_comes() -> Stage {
    let mut shop = Shop::new();
    let (invoice_id, reason) = (the("i-1"), Some(the("paid by card instead")));
    shop.play(invoice::Command::Cancel(invoice::CancelInvoice { invoice_id, reason, at: minute(5) }));
    shop.stage
}

fn too_late() -> Stage {
    let mut shop = Shop::new();
    shop.tells(3000);
    let look = shop.look(1, coins("0.00200000"), included(300, 1), "48000", 3001);
    shop.observes(look);
    shop.resolves("x-1", Resolution::AcceptAtTodaysValue, "47000");
    shop.stage
}

fn last_payout(shop: &Shop) -> PayoutId {
    let all = shop.stage.events().filter_map(|event| match event {
        Event::Holding(holding::Event::PayoutReserved(it)) => Some(it.payout_id.clone()),
        _other => None,
    });
    all.last().unwrap()
}

fn approve(shop: &mut Shop, id: &PayoutId, revision: u32) {
    for by in ["ann", "bob"] {
        let asked = payout::Approve { payout_id: id.clone(), revision, by: the(by), at: minute(70) };
        shop.play(payout::Command::Approve(asked));
    }
}

fn refunds() -> Stage {
    let mut shop = Shop::new();
    shop.confirms(1, "0.00300000", "50000");
    shop.play(set_rules(rules()));
    let paid = payment_of(&the("i-1"), 1);
    shop.play(refund_payment(paid.as_str(), "r-1", "30.00"));
    shop.refunds("r-1", RefundRule::Fiat, "0.02", "50000");
    let id = last_payout(&shop);
    let reprice =
        holding::RepricePayout { asset: btc().id, payout_id: id.clone(), spot: spot("51000"), at: minute(60) };
    shop.play(holding::Command::RepricePayout(reprice));
    approve(&mut shop, &id, 2);
    for tx in [7, 8] {
        let sent = payout::Broadcast { payout_id: id.clone(), transaction: the(&hash(tx)), at: minute(71) };
        shop.play(payout::Command::Broadcast(sent));
    }
    let fee = Some(coins("0.00000500"));
    let complete = payout::Complete { payout_id: id.clone(), transaction: the(&hash(8)), fee, at: minute(80) };
    shop.play(payout::Command::Complete(complete));
    shop.play(payout::Command::Orphan(payout::OrphanPayout { payout_id: id, completion: 1, at: minute(80) }));
    shop.play(refund_payment(paid.as_str(), "r-3", "10.00"));
    let withdrawal = invoice::WithdrawRefund {
        invoice_id: the("i-1"),
        refund_id: the("r-3"),
        reason: Some(the("the customer takes a voucher")),
        at: minute(80),
    };
    shop.play(invoice::Command::WithdrawRefund(withdrawal));
    shop.refunds("r-2", RefundRule::OverpaidAmount, "0", "50000");
    let denial = payout::Deny { payout_id: last_payout(&shop), by: the("bob"), reason: None, at: minute(81) };
    shop.play(payout::Command::Deny(denial));
    let alone = ["ann", "clerk"].into_iter().map(the).collect();
    shop.play(set_rules(holding::PayoutRules { approvers: alone, ..rules() }));
    shop.refunds("r-0", RefundRule::OverpaidAmount, "0", "50000");
    shop.stage
}

fn other_payouts() -> Stage {
    let mut shop = Shop::new();
    shop.confirms(1, "0.00300000", "50000");
    shop.play(set_rules(rules()));
    let (asset, address) = (btc().id, somewhere());
    let label = Some(the("the supplier of jackets"));
    let allow = holding::AllowDestination { asset, address: address.clone(), label, at: minute(0) };
    shop.play(holding::Command::AllowDestination(allow));
    let ask = |id: &str| Command::from(holding::Command::RequestPayout(Box::new(ask_payout(id, "0.00100000", 60))));
    shop.play(ask("y-1"));
    approve(&mut shop, &the("y-1"), 1);
    let reason = Some(the("never mined"));
    shop.play(payout::Command::Fail(payout::Fail { payout_id: the("y-1"), fee: None, reason, at: minute(75) }));
    shop.play(ask("y-2"));
    shop.play(holding::Command::RemoveDestination(holding::RemoveDestination { asset, address, at: minute(76) }));
    approve(&mut shop, &the("y-2"), 1);
    shop.stage
}

//! What payouts refuse and leave alone; what they do is told by the stories of the shop.

use super::*;
use crate::decider::Refused;
use crate::event;
use crate::onchain::holding;
use crate::rehearsal::onchain::*;
use crate::rehearsal::{eur, the};

fn code(shop: &Shop, asked: &Command) -> &'static str {
    shop.stage.decide(&event::Command::Payout(asked.clone())).map_or_else(|it| it.code(), |_| "")
}

fn requested() -> Shop {
    let mut shop = Shop::new();
    shop.confirms(1, "0.00300000", "50000");
    shop.play(set_rules(holding::PayoutRules { is_allow_list_needed: false, ..rules() }));
    shop.play(holding::Command::RequestPayout(Box::new(ask_payout("y-1", "0.00100000", 60))));
    shop
}

fn id() -> PayoutId {
    the("y-1")
}

fn approve(by: &str) -> Command {
    Command::Approve(Approve { payout_id: id(), revision: 1, by: the(by), at: minute(61) })
}

fn broadcast(tx: u8) -> Command {
    Command::Broadcast(Broadcast { payout_id: id(), transaction: the(&hash(tx)), at: minute(62) })
}

fn complete(tx: u8, fee: Money) -> Command {
    Command::Complete(Complete { payout_id: id(), transaction: the(&hash(tx)), fee: Some(fee), at: minute(63) })
}

#[test]
fn payouts_refuse_in_order() {
    let cancel = Command::Cancel(CancelPayout { payout_id: id(), withheld: None, reason: None, at: minute(62) });
    let fail = Command::Fail(Fail { payout_id: id(), fee: None, reason: None, at: minute(63) });
    let deny = Command::Deny(Deny { payout_id: id(), by: the("ann"), reason: None, at: minute(63) });
    let fee = coins("0.00000100");
    let orphan = Command::Orphan(OrphanPayout { payout_id: id(), completion: 1, at: minute(64) });
    let asked =
        [approve("ann"), approve("clerk"), approve("eve"), deny, broadcast(7), cancel, complete(7, fee), fail, orphan];
    let mut shop = requested();
    let check = |shop: &Shop, when: &str, expected: [&str; 9]| {
        let said: Vec<&str> = asked.iter().map(|it| code(shop, it)).collect();
        assert_eq!(said, expected, "{when}");
    };
    let (own, eve, soon) = ("own_request", "not_an_approver", "payout_not_released");
    let not = "payout_not_completed";
    check(&Shop::new(), "unknown", ["payout_not_known"; 9]);
    check(&shop, "requested", ["", own, eve, "", soon, "", soon, soon, not]);
    shop.play(approve("ann"));
    shop.play(approve("bob"));
    let done = "payout_already_approved";
    check(&shop, "approved", ["", done, done, done, "", "", "", "", not]);
    shop.play(broadcast(7));
    check(&shop, "sent", ["", done, done, done, "", "payout_already_sent", "", "", not]);
    assert_eq!(code(&shop, &complete(7, eur("1.00"))), "fee_not_in_asset");
    shop.play(complete(7, fee));
    let over = "payout_closed";
    check(&shop, "completed", ["", over, over, over, "", over, "", over, ""]);
    assert_eq!(code(&shop, &complete(8, fee)), "exists_with_different_content");
}

/// What was sent again with another fee is the same payout, and too high a fee is marked, not refused.
#[test]
fn a_replaced_transaction_is_the_same_payout() {
    let mut shop = requested();
    for command in [approve("ann"), approve("bob"), broadcast(7), broadcast(8)] {
        shop.play(command);
    }
    let events = shop.play(complete(8, coins("0.00001001")));
    let Some(event::Event::Payout(Event::Completed(it))) = events.first() else { panic!("{events:?}") };
    assert!(it.is_over_fee_cap);
    let replaced = shop.stage.events().find_map(|event| match event {
        event::Event::Payout(Event::Replaced(it)) => Some(it.replaces.clone()),
        _other => None,
    });
    assert_eq!(replaced, Some(Some(the(&hash(7)))));
}

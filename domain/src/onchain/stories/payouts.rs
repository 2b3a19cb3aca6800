//! Money leaves: refunds, approvals, and the books meanwhile.

use crate::decider::Refused;
use crate::event::{Command, Event};
use crate::id::PayoutId;
use crate::onchain::holding::{self, Purpose};
use crate::onchain::invoice::{self, RefundRule, payment_of};
use crate::onchain::payout::{self, Approve, Broadcast, Complete, Deny, Fail, OrphanPayout};
use crate::rehearsal::onchain::*;
use crate::rehearsal::{eur, net, the};

fn shown(events: &[Event]) -> String {
    net(events).replace(BTC, "BTC")
}

fn shop_with_coins() -> Shop {
    let mut shop = Shop::new();
    shop.play(set_rules(rules()));
    shop.confirms(1, "0.00300000", "50000");
    shop
}

fn refund_id(shop: &Shop) -> PayoutId {
    let all = shop.stage.events().filter_map(|event| match event {
        Event::Holding(holding::Event::PayoutReserved(it)) => Some(it.payout_id.clone()),
        _other => None,
    });
    all.last().unwrap()
}

fn approve(id: &PayoutId, by: &str, revision: u32) -> Command {
    payout::Command::Approve(Approve { payout_id: id.clone(), revision, by: the(by), at: minute(70) }).into()
}

fn complete(id: &PayoutId, tx: u8, fee: &str) -> Command {
    let (transaction, fee) = (the(&hash(tx)), Some(coins(fee)));
    payout::Command::Complete(Complete { payout_id: id.clone(), transaction, fee, at: minute(80) }).into()
}

fn code(shop: &Shop, command: impl Into<Command>) -> &'static str {
    shop.stage.decide(&command.into()).map_or_else(|refusal| refusal.code(), |_| "")
}

/// 50.00 too much go back as coins; the books hold them from the approval on.
#[test]
fn what_was_overpaid_goes_back() {
    let mut shop = shop_with_coins();
    shop.refunds("r-1", RefundRule::OverpaidAmount, "0", "50000");
    assert_eq!(shop.standing().left_over, eur("0.00"));
    let id = refund_id(&shop);
    assert_eq!(code(&shop, approve(&id, "clerk", 1)), "own_request");
    assert_eq!(code(&shop, approve(&id, "eve", 1)), "not_an_approver");
    assert_eq!(code(&shop, approve(&id, "ann", 2)), "other_revision");
    assert_eq!(shown(&shop.play(approve(&id, "ann", 1))), " | ");
    assert_eq!(code(&shop, complete(&id, 9, "0.00000500")), "payout_not_released");
    assert_eq!(
        shown(&shop.play(approve(&id, "bob", 1))),
        "customer_credit 50.00, fx_trading 0.00100000 BTC | fx_trading 50.00, payouts_in_transit 0.00100000 BTC"
    );
    for tx in [7, 8] {
        let sent = Broadcast { payout_id: id.clone(), transaction: the(&hash(tx)), at: minute(71) };
        shop.play(payout::Command::Broadcast(sent));
    }
    assert_eq!(
        shown(&shop.play(complete(&id, 8, "0.00000500"))),
        "network_fees 0.25, fx_trading 0.00000500 BTC, payouts_in_transit 0.00100000 BTC | fx_trading 0.25, \
         crypto_hot 0.00100500 BTC"
    );
}

/// A refund of what the order was paid with: the payment owes it first, then the coins go.
#[test]
fn a_refund_of_a_settled_payment() {
    let cases = [
        (RefundRule::RateThen, "40000", "0.00060000"),
        (RefundRule::CurrentRate, "40000", "0.00075000"),
        (RefundRule::Fiat, "40000", "0.00075000"),
        (RefundRule::Custom(coins("0.00070000")), "40000", "0.00070000"),
    ];
    for (rule, rate, amount) in cases {
        let mut shop = shop_with_coins();
        let paid = payment_of(&the("i-1"), 1);
        shop.play(refund_payment(paid.as_str(), "r-1", "30.00"));
        shop.refunds("r-1", rule, "0", rate);
        let id = refund_id(&shop);
        shop.play(approve(&id, "ann", 1));
        let events = shop.play(approve(&id, "bob", 1));
        let taken = events.iter().find_map(|event| match event {
            Event::Holding(holding::Event::PayoutTaken(it)) => Some(it.amount),
            _other => None,
        });
        assert_eq!(taken, Some(coins(amount)), "{rule:?}");
        shop.play(complete(&id, 9, "0.00000000"));
        let clearing = shop.balance(&crate::Account::OnchainClearing, the("EUR"));
        let pending = shop.balance(&crate::Account::RefundsPending, the("EUR"));
        assert_eq!((clearing, pending), (0, 0), "{rule:?}");
    }
}

/// So much of it is kept: as income of what is owed, as the customer's credit of what is credit.
#[test]
fn a_part_of_a_refund_is_kept() {
    let mut shop = shop_with_coins();
    shop.refunds("r-1", RefundRule::RateThen, "0.10", "50000");
    assert_eq!(shop.standing().left_over, eur("5.00"));
    let paid = payment_of(&the("i-1"), 1);
    shop.play(refund_payment(paid.as_str(), "r-2", "100.00"));
    shop.refunds("r-2", RefundRule::RateThen, "0.02", "50000");
    let id = refund_id(&shop);
    shop.play(approve(&id, "ann", 1));
    assert_eq!(
        shown(&shop.play(approve(&id, "bob", 1))),
        "onchain_clearing 100.00, fx_trading 0.00196000 BTC | fx_trading 98.00, refund_fees 2.00, \
         payouts_in_transit 0.00196000 BTC"
    );
}

#[test]
fn one_denial_gives_everything_back() {
    let mut shop = shop_with_coins();
    shop.refunds("r-1", RefundRule::OverpaidAmount, "0", "50000");
    let id = refund_id(&shop);
    shop.play(approve(&id, "ann", 1));
    let denial = Deny { payout_id: id.clone(), by: the("bob"), reason: None, at: minute(70) };
    shop.play(payout::Command::Deny(denial));
    assert_eq!(shop.standing().left_over, eur("50.00"));
    assert_eq!(code(&shop, approve(&id, "bob", 1)), "payout_closed");
    // Asked for again, it is another payout.
    shop.refunds("r-1", RefundRule::OverpaidAmount, "0", "50000");
    assert_ne!(refund_id(&shop), id);
}

#[test]
fn a_failed_payout_is_mirrored_and_may_be_on_the_chain_all_the_same() {
    let mut shop = shop_with_coins();
    shop.refunds("r-1", RefundRule::OverpaidAmount, "0", "50000");
    let id = refund_id(&shop);
    let before = shop.books();
    shop.play(approve(&id, "ann", 1));
    shop.play(approve(&id, "bob", 1));
    let failed = Fail { payout_id: id.clone(), fee: None, reason: None, at: minute(75) };
    shop.play(payout::Command::Fail(failed));
    assert_eq!(shop.books(), before);
    shop.play(complete(&id, 9, "0.00000000"));
    assert_eq!(shop.balance(&crate::Account::CryptoHot, btc().into()), 200_000);
    assert_eq!(shop.standing().left_over, eur("0.00"));
}

/// Allow-list, cool-off, the day's cap and the coins, in this order.
#[test]
fn payouts_are_refused_in_order() {
    let mut shop = Shop::new();
    shop.confirms(1, "0.50000000", "50000");
    let ask = |id: &str, amount: &str, at: i64| {
        Command::from(holding::Command::RequestPayout(Box::new(ask_payout(id, amount, at))))
    };
    assert_eq!(code(&shop, ask("y-1", "0.00100000", 60)), "no_payout_rules");
    shop.play(set_rules(rules()));
    assert_eq!(code(&shop, ask("y-1", "0.00100000", 60)), "destination_not_allowed");
    let allow = holding::AllowDestination { asset: btc().id, address: somewhere(), label: None, at: minute(60) };
    shop.play(holding::Command::AllowDestination(allow));
    assert_eq!(code(&shop, ask("y-1", "0.00100000", 119)), "destination_cools_off");
    assert_eq!(code(&shop, ask("y-1", "0.01000001", 120)), "exceeds_daily_cap");
    shop.play(ask("y-1", "0.00900000", 120));
    assert_eq!(code(&shop, ask("y-2", "0.00200000", 121)), "exceeds_daily_cap");
    assert_eq!(code(&shop, ask("y-1", "0.00800000", 121)), "exists_with_different_content");
    assert_eq!(code(&shop, ask("y-2", "0.00200000", 121 + 24 * 60)), "", "another day");
    let alone = holding::PayoutRules { approvers: ["ann", "clerk"].into_iter().map(the).collect(), ..rules() };
    shop.play(set_rules(alone));
    assert_eq!(code(&shop, ask("y-3", "0.00100000", 121)), "not_enough_approvers");
}

/// A destination that is taken off the list before the approval gets nothing.
#[test]
fn a_removed_destination_gets_nothing() {
    let mut shop = shop_with_coins();
    let (asset, address) = (btc().id, somewhere());
    let allow = holding::AllowDestination { asset, address: address.clone(), label: None, at: minute(0) };
    shop.play(holding::Command::AllowDestination(allow));
    shop.play(holding::Command::RequestPayout(Box::new(ask_payout("y-1", "0.00100000", 60))));
    shop.play(holding::Command::RemoveDestination(holding::RemoveDestination { asset, address, at: minute(61) }));
    let (id, before) = (the("y-1"), shop.books());
    shop.play(approve(&id, "ann", 1));
    let events = shop.play(approve(&id, "bob", 1));
    let kinds: Vec<&str> = events.iter().map(crate::wire::kind_of).collect();
    assert_eq!(
        kinds[1..],
        ["payout-approved.v1", "holding-payout-withheld.v1", "payout-cancelled.v1", "holding-payout-returned.v1"]
    );
    assert_eq!(shop.books(), before);
}

/// A payout in money is priced again, and needs new approvals.
#[test]
fn an_approval_is_for_one_price() {
    let mut shop = shop_with_coins();
    shop.refunds("r-1", RefundRule::Fiat, "0", "50000");
    let id = refund_id(&shop);
    shop.play(approve(&id, "ann", 1));
    let reprice =
        holding::RepricePayout { asset: btc().id, payout_id: id.clone(), spot: spot("25000"), at: minute(60) };
    shop.play(holding::Command::RepricePayout(reprice));
    assert_eq!(code(&shop, approve(&id, "bob", 1)), "other_revision");
    shop.play(approve(&id, "bob", 2));
    let events = shop.play(approve(&id, "ann", 2));
    // Twice the coins for the same money: half of it is a loss of exchange.
    assert_eq!(
        shown(&events),
        "customer_credit 50.00, fx_gain_loss_realised 50.00, fx_trading 0.00200000 BTC | fx_trading 100.00, \
         payouts_in_transit 0.00200000 BTC"
    );
    assert!(matches!(ask_payout("y", "1.00000000", 0).purpose, Purpose::Other));
}

fn orphan(id: &PayoutId, completion: u32) -> Command {
    payout::Command::Orphan(OrphanPayout { payout_id: id.clone(), completion, at: minute(81) }).into()
}

fn fail(id: &PayoutId) -> Command {
    payout::Command::Fail(Fail { payout_id: id.clone(), fee: None, reason: None, at: minute(82) }).into()
}

fn withdraw(refund_id: &str) -> Command {
    let (invoice_id, refund_id) = (the("i-1"), the(refund_id));
    invoice::Command::WithdrawRefund(invoice::WithdrawRefund { invoice_id, refund_id, reason: None, at: minute(60) })
        .into()
}

fn approved(shop: &mut Shop) -> PayoutId {
    let id = refund_id(shop);
    shop.play(approve(&id, "ann", 1));
    shop.play(approve(&id, "bob", 1));
    id
}

/// The chain gives up the block of a payout: it is promised again, its fee is not paid, and it may be there again with
/// another one.
#[test]
fn a_payout_whose_block_is_gone_is_promised_again() {
    let mut shop = shop_with_coins();
    shop.refunds("r-1", RefundRule::OverpaidAmount, "0", "50000");
    let id = approved(&mut shop);
    let before = shop.books();
    shop.play(complete(&id, 8, "0.00000500"));
    assert_eq!(
        shown(&shop.play(orphan(&id, 1))),
        "fx_trading 0.25, crypto_hot 0.00100500 BTC | network_fees 0.25, fx_trading 0.00000500 BTC, \
         payouts_in_transit 0.00100000 BTC"
    );
    assert_eq!(shop.books(), before);
    assert_eq!(shop.play(orphan(&id, 1)), [], "said twice, undone once");
    shop.play(complete(&id, 9, "0.00000700"));
    assert_eq!(shop.play(orphan(&id, 1)), [], "told late, it does not undo the second time");
    assert_eq!(shop.balance(&crate::Account::CryptoHot, btc().into()), 300_000 - 100_000 - 700);
    shop.play(orphan(&id, 2));
    assert_eq!(shop.books(), before);
    // Whoever reads the history again asks for what was done and undone, and nothing changes.
    let events = shop.stage.history.len();
    shop.stage.follow_from_the_start();
    assert_eq!(shop.stage.history.len(), events);
    shop.play(fail(&id));
    assert_eq!(shop.standing().left_over, eur("50.00"));
}

/// The payment had the refund as given back, and the chain did not keep it: what it brought back is the customer's credit,
/// and goes when the refund is asked for again.
#[test]
fn a_refund_that_a_chain_took_back_for_good_is_the_customers_credit() {
    let mut shop = shop_with_coins();
    let clearing = |shop: &Shop| shop.balance(&crate::Account::OnchainClearing, the("EUR"));
    let credit = |shop: &Shop| -shop.balance(&crate::Account::CustomerCredit, the("EUR"));
    let paid = payment_of(&the("i-1"), 1);
    shop.play(refund_payment(paid.as_str(), "r-1", "30.00"));
    shop.refunds("r-1", RefundRule::RateThen, "0.10", "50000");
    let id = approved(&mut shop);
    shop.play(complete(&id, 8, "0.00000500"));
    assert_eq!((clearing(&shop), credit(&shop)), (0, 5000));
    shop.play(orphan(&id, 1));
    shop.play(fail(&id));
    assert_eq!((clearing(&shop), credit(&shop)), (0, 8000));
    assert_eq!(shop.standing().left_over, eur("80.00"));
    assert_eq!(code(&shop, withdraw("r-1")), "refund_closed");
    shop.refunds("r-1", RefundRule::RateThen, "0.10", "50000");
    assert_eq!(shop.standing().left_over, eur("50.00"));
    let again = approved(&mut shop);
    assert_ne!(again, id);
    shop.play(complete(&again, 9, "0.00000500"));
    assert_eq!((clearing(&shop), credit(&shop)), (0, 5000));
    // The first one is on the chain all the same: the customer has more than they should.
    shop.play(complete(&id, 8, "0.00000500"));
    assert_eq!((clearing(&shop), credit(&shop)), (0, 2000));
    assert_eq!(shop.due(), "0.00");
}

/// A refund that is owed and not paid can be given up: it is the customer's credit then, and no coins go for it.
#[test]
fn an_owed_refund_is_withdrawn_or_paid_and_never_both() {
    let mut shop = shop_with_coins();
    let paid = payment_of(&the("i-1"), 1);
    shop.play(refund_payment(paid.as_str(), "r-1", "30.00"));
    for by_hand in
        [crate::rehearsal::fail_refund(paid.as_str(), "r-1"), crate::rehearsal::confirm(paid.as_str(), "r-1")]
    {
        assert_eq!(code(&shop, by_hand), "refund_of_invoice");
    }
    assert_eq!(code(&shop, withdraw("r-9")), "unknown_refund");
    shop.refunds("r-1", RefundRule::RateThen, "0", "50000");
    assert_eq!(code(&shop, withdraw("r-1")), "refund_underway");
    let id = approved(&mut shop);
    shop.play(fail(&id));
    shop.play(withdraw("r-1"));
    assert_eq!(shop.play(withdraw("r-1")), []);
    let again = refund("r-1", RefundRule::RateThen, "0", "50000");
    assert_eq!(code(&shop, invoice::Command::Refund(Box::new(again))), "refund_closed");
    let money = |shop: &Shop, account| shop.balance(&account, the("EUR"));
    assert_eq!(money(&shop, crate::Account::CustomerCredit), -8000);
    assert_eq!(money(&shop, crate::Account::RefundsPending), 0);
    // What was given up is on the chain all the same: the customer has the coins, and so no credit for them.
    shop.play(complete(&id, 9, "0.00000000"));
    assert_eq!(money(&shop, crate::Account::CustomerCredit), -5000);
    assert_eq!(money(&shop, crate::Account::OnchainClearing), 0);
}

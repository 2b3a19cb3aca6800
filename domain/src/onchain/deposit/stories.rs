//! What deposits do, refuse and leave alone.

use super::*;
use crate::decider::Refused;
use crate::onchain::{Finality, Spot};
use crate::rehearsal::onchain::*;
use crate::rehearsal::{eur, the, told};

fn look(sequence: u64, sighting: Sighting) -> Observation {
    observation(sequence, 1, coins("0.00200000"), sighting, Some(spot("50000")), minute(1))
}

fn ask(look: Observation) -> Command {
    Command::Observe(Box::new(look))
}

/// What each look tells, by the kinds of its events.
fn kinds(looks: Vec<Observation>) -> Vec<String> {
    let mut deposit = Deposit::default();
    let mut all = Vec::new();
    for it in looks {
        let events = deposit.decide(&ask(it)).unwrap();
        events.iter().for_each(|event| deposit.evolve(event));
        let kind = |it: &Event| crate::wire::kind_of(&it.clone().into()).to_owned();
        let short = |it: String| it.trim_start_matches("deposit-").trim_end_matches(".v1").to_owned();
        all.push(events.iter().map(kind).map(short).collect::<Vec<_>>().join(" "));
    }
    all
}

#[test]
fn looks_in_any_order() {
    let (seen, orphaned) = (Sighting::Seen, Sighting::Orphaned);
    let replaced = Sighting::Replaced { by: None };
    let rows: Vec<(Vec<Observation>, Vec<&str>)> = vec![
        (
            vec![look(1, seen.clone()), look(2, included(9, 1)), look(3, included(9, 6))],
            vec!["seen", "confirmed", "finalised"],
        ),
        (vec![look(1, included(9, 6))], vec!["seen confirmed finalised"]),
        (vec![look(1, included(9, 1)), look(2, seen.clone())], vec!["seen confirmed", "orphaned"]),
        (vec![look(1, included(9, 1)), look(2, included(8, 1))], vec!["seen confirmed", "orphaned confirmed"]),
        (vec![look(1, orphaned.clone()), look(2, replaced.clone())], vec!["", ""]),
        (
            vec![look(1, seen.clone()), look(2, replaced), look(3, included(9, 1))],
            vec!["seen", "replaced", "seen confirmed"],
        ),
        (vec![look(1, included(9, 6)), look(2, orphaned)], vec!["seen confirmed finalised", "orphaned"]),
        (vec![look(2, included(9, 1)), look(1, seen), look(2, Sighting::Failed)], vec!["seen confirmed", "", ""]),
    ];
    for (looks, expected) in rows {
        assert_eq!(kinds(looks.clone()), expected, "{looks:?}");
    }
}

/// Tiers by amount, none for what can be trusted, one for what can be replaced.
#[test]
fn depth_depends_on_the_amount() {
    let cases = [("1.00000000", 1, "seen confirmed"), ("1.00000001", 2, "seen"), ("1.00000001", 3, "seen confirmed")];
    for (amount, depth, expected) in cases {
        let look = Observation { amount: coins(amount), ..look(1, included(9, depth)) };
        assert_eq!(kinds(vec![look]), [expected], "{amount} at {depth}");
    }
    for (is_replaceable, expected) in [(false, "seen confirmed"), (true, "seen")] {
        let mut look = Observation { is_replaceable, ..look(1, Sighting::Seen) };
        look.watch.confirming.tiers = vec![crate::onchain::Tier { up_to: None, confirmations: 0 }];
        assert_eq!(kinds(vec![look]), [expected]);
    }
    let mut final_by_chain = look(1, included(9, 200));
    final_by_chain.watch.confirming.finality = Finality::Finalized;
    assert_eq!(kinds(vec![final_by_chain]), ["seen confirmed"], "deep, but the chain has not said it");
}

/// A token that takes a fee of a transfer may bring another amount when the block is another.
#[test]
fn another_block_may_bring_another_amount() {
    let other = Observation { amount: coins("0.00190000"), ..look(2, included(8, 1)) };
    assert_eq!(kinds(vec![look(1, included(9, 1)), other]), ["seen confirmed", "orphaned seen confirmed"]);
}

#[test]
fn deposits_refuse_in_order() {
    let no_rate = Observation { spot: None, ..look(2, included(9, 1)) };
    let in_asset = Spot { currency: btc().into(), ..spot("1") };
    let too_dear =
        observation(2, 1, coins("900000000.00000000"), included(9, 9), Some(spot("999999999999")), minute(1));
    let rows = [
        (Observation { amount: eur("1.00"), ..look(2, Sighting::Seen) }, "asset_of_another_chain", "/amount"),
        (Observation { amount: usdc().of_minor(1), ..look(2, Sighting::Seen) }, "asset_of_another_chain", "/amount"),
        (Observation { spot: Some(in_asset), ..look(2, Sighting::Seen) }, "rate_in_asset", "/spot"),
        (no_rate, "rate_missing", "/spot"),
        (too_dear, "amount_too_large", "/amount"),
    ];
    for (asked, code, pointer) in rows {
        let refused = Deposit::default().decide(&ask(asked.clone())).unwrap_err();
        assert_eq!((refused.code(), refused.pointer().as_deref()), (code, Some(pointer)), "{asked:?}");
    }
    let confirmed = told::<Deposit>(&[ask(look(1, included(9, 1)))]);
    let other = Observation { amount: coins("0.00190000"), ..look(2, included(9, 2)) };
    assert_eq!(confirmed.decide(&ask(other)).unwrap_err().code(), "exists_with_different_content");
    let _: crate::id::DepositId = the("d-1");
}

/// A watcher had to wait for a rate: the customer was in time.
#[test]
fn a_deposit_was_first_seen_when_the_watcher_saw_it() {
    let first_seen_at = |first_seen_at, at| {
        let look = Observation { first_seen_at, at, ..look(1, included(9, 1)) };
        let events = Deposit::default().decide(&ask(look)).unwrap();
        let Event::Confirmed(it) = &events[1] else { panic!("{events:?}") };
        (it.first_seen_at, it.at)
    };
    assert_eq!(first_seen_at(minute(1), minute(9)), (minute(1), minute(9)));
    assert_eq!(first_seen_at(minute(9), minute(1)), (minute(1), minute(1)), "not after it is told");
}

//! Published cases of payments that are not what was asked.

use crate::onchain::deposit::Sighting;
use crate::onchain::invoice::{Attention, Funding, Resolution, Settlement, Window};
use crate::onchain::wallet::Offer;
use crate::onchain::{CostBasis, LatePolicy, Quote, Terms};
use crate::rehearsal::onchain::*;
use crate::rehearsal::{eur, the};

/// BTCPay #4146: due 0.00013790, paid 0.00010790 and then, after the expiry, 0.00010100: too much by 0.00007100, which is
/// shown and is the customer's credit.
#[test]
fn late_and_too_much() {
    let terms = Terms { late: LatePolicy::AcceptWithinTolerance, dust: coins("0.00000000"), ..terms() };
    let asked = offer("i-1", "13.79", terms);
    let quote = Quote { rate: the("100000"), ..asked.quote.clone() };
    let mut shop = Shop::asking(Offer { quote, ..asked }, CostBasis::Fifo);
    shop.confirms(1, "0.00010790", "100000");
    assert_eq!((shop.standing().funding, shop.standing().missing), (Funding::Partial, coins("0.00003000")));
    let look = shop.look(2, coins("0.00010100"), Sighting::Seen, "100000", 30);
    shop.observes(look);
    shop.confirms(2, "0.00010100", "100000");
    let standing = shop.standing();
    assert_eq!((standing.seen, standing.excess), (coins("0.00020890"), coins("0.00007100")));
    assert_eq!((standing.funding, standing.settlement), (Funding::Over, Settlement::Settled));
    assert_eq!(standing.attention, [Attention::Overpaid, Attention::Late, Attention::Multiple]);
    assert_eq!(standing.left_over, eur("7.10"));
}

/// What is missing by dust is paid; one satoshi more is not.
#[test]
fn dust_and_tolerance() {
    let rows = [
        ("0", "0.00200000", Funding::Paid),
        ("0", "0.00199900", Funding::Paid),
        ("0", "0.00199899", Funding::Partial),
        ("0", "0.00200100", Funding::Paid),
        ("0", "0.00200101", Funding::Over),
        ("0.01", "0.00197900", Funding::Paid),
        ("0.01", "0.00197899", Funding::Partial),
    ];
    for (tolerance, amount, funding) in rows {
        let mut shop = Shop::with(Terms { tolerance: the(tolerance), ..terms() }, CostBasis::Fifo);
        shop.sees(1, amount, 1);
        assert_eq!(shop.standing().funding, funding, "{amount} within {tolerance}");
        shop.confirms(1, amount, "50000");
        assert_eq!(shop.standing().settlement == Settlement::Settled, funding != Funding::Partial, "{amount}");
    }
}

/// Seen in time and confirmed late has the rate; seen after the grace has not.
#[test]
fn the_rate_is_promised_to_what_is_seen_in_time() {
    for (seen, has_rate) in [(14, true), (15, true), (20, true), (21, false)] {
        let mut shop = Shop::new();
        shop.sees(1, "0.00200000", seen);
        shop.finds(1, "0.00200000", "40000", (100, 1));
        assert_eq!(shop.due() == "0.00", has_rate, "seen after {seen} minutes");
        assert_eq!(shop.standing().attention.contains(&Attention::Unresolved), !has_rate);
    }
}

#[test]
fn windows_pass_by_themselves() {
    let mut shop = Shop::new();
    assert_eq!(shop.standing().wakes_at, Some(minute(15)));
    shop.tells(14);
    assert_eq!(shop.standing().window, Window::Open);
    assert_eq!(shop.tells(15).len(), 1);
    assert_eq!(shop.standing().window, Window::Expired);
    assert_eq!(shop.tells(15 + 24 * 60).len(), 1);
    assert_eq!((shop.standing().window, shop.standing().wakes_at), (Window::Closed, None));
    // Nobody watches any more, and what is told all the same is recorded.
    let look = shop.look(1, coins("0.00200000"), included(300, 1), "50000", 2000);
    shop.observes(look);
    assert_eq!(shop.standing().attention, [Attention::Late, Attention::Unresolved]);
    shop.resolves("x-1", Resolution::KeepAsCredit, "50000");
    assert_eq!((shop.standing().left_over, shop.due().as_str()), (eur("100.00"), "100.00"));
    assert_eq!(shop.standing().attention, [Attention::Late]);
}

/// Many small parts are worth the whole, to the cent.
#[test]
fn parts_add_up_to_the_price() {
    let mut shop = Shop::new();
    for (tx, amount) in [(1, "0.00066667"), (2, "0.00066667"), (3, "0.00066666")] {
        shop.confirms(tx, amount, "50000");
    }
    assert_eq!(shop.due(), "0.00");
    assert_eq!(shop.standing().worth, eur("100.00"));
    assert_eq!(shop.standing().left_over, eur("0.00"));
}

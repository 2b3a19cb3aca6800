//! What wallets do, refuse and leave alone.

use super::*;
use crate::decider::Refused;
use crate::money::Money;
use crate::onchain::{Asset, LatePolicy, Terms};
use crate::rehearsal::onchain::*;
use crate::rehearsal::{eur, the, told};

const KEY: &str =
    "zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADqtfSdVCToUG868RvUUkgDKf31mGDtKsAYz2oz2AGutZYs";

fn open() -> Command {
    let chain = btc().id.chain;
    let key = AccountKey::parse(KEY, chain, crate::onchain::Script::P2wpkh).unwrap();
    Command::Open(Box::new(OpenWallet { wallet_id: the("w-1"), key, label: None, at: minute(0) }))
}

fn create(offer: Offer) -> Command {
    Command::CreateInvoice(Box::new(CreateInvoice { wallet_id: the("w-1"), offer, at: minute(0) }))
}

fn mark(invoice_id: &str) -> Command {
    Command::MarkUsed(MarkUsed { wallet_id: the("w-1"), invoice_id: the(invoice_id), at: minute(1) })
}

fn good() -> Offer {
    offer("i-1", "100.00", terms())
}

#[test]
fn every_invoice_has_an_address_of_its_own_and_the_gap_is_told() {
    let mut wallet = told::<Wallet>(&[open()]);
    let mut addresses = std::collections::BTreeSet::new();
    for nth in 0..25_u32 {
        if nth == 22 {
            wallet.decide(&mark("i-5")).unwrap().iter().for_each(|event| wallet.evolve(event));
        }
        let events = wallet.decide(&create(offer(&format!("i-{nth}"), "100.00", terms()))).unwrap();
        let [Event::AddressAllocated(it)] = events.as_slice() else { panic!("{events:?}") };
        assert_eq!(it.index, nth);
        assert!(addresses.insert(it.address.clone()));
        assert_eq!(it.is_beyond_gap, (19..22).contains(&nth), "{nth}: {} in a row", it.unused_in_a_row);
        wallet.evolve(&events[0]);
    }
    // The published vector of this account.
    assert!(addresses.iter().any(|it| it.as_str() == "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu"));
    assert!(addresses.iter().any(|it| it.as_str() == "bc1qnjg0jd8228aq7egyzacy8cys3knf9xvrerkf9g"));
}

/// A retry comes with a newer quote, and is the same sentence all the same.
#[test]
fn an_invoice_asked_for_again_at_another_rate_is_the_same_invoice() {
    let wallet = told::<Wallet>(&[open(), create(good())]);
    let quote = crate::onchain::Quote { rate: the("50500"), ..good().quote };
    assert_eq!(wallet.decide(&create(Offer { quote, ..good() })), Ok(vec![]));
    assert_eq!(wallet.decide(&open()), Ok(vec![]));
}

#[test]
fn wallets_refuse_in_order() {
    let bad_terms = |terms: Terms| Offer { terms, ..good() };
    let expired = crate::onchain::Quote { expires_at: minute(0), ..good().quote };
    let free = crate::onchain::Quote { spread: the("1"), ..good().quote };
    let ether = Asset::parse("eip155:1/slip44:60", 8).unwrap();
    let of_ether = |it: Money| ether.of_minor(it.minor());
    let mut ether_terms = terms();
    ether_terms.dust = of_ether(ether_terms.dust);
    ether_terms.confirming.tiers.iter_mut().for_each(|it| it.up_to = it.up_to.map(of_ether));
    let late = LatePolicy::AcceptWithinTolerance;
    let other_key = {
        let Command::Open(it) = open() else { panic!() };
        Command::Open(Box::new(OpenWallet { label: Some(the("another")), ..*it }))
    };
    let rows = [
        (other_key, "exists_with_different_content", "/wallet_id"),
        (create(offer("i-1", "99.00", terms())), "exists_with_different_content", "/invoice_id"),
        (mark("i-9"), "invoice_not_known", "/invoice_id"),
        (
            create(Offer { asset: ether, terms: ether_terms, ..offer("i-2", "1.00", terms()) }),
            "asset_of_another_chain",
            "/asset",
        ),
        (create(Offer { price: eur("0.00"), ..good() }), "bad_price", "/price"),
        (create(Offer { price: coins("1.00000000"), ..good() }), "bad_price", "/price"),
        (create(bad_terms(Terms { dust: eur("1.00"), late, ..terms() })), "terms_of_another_asset", "/dust"),
        (create(bad_terms(Terms { tolerance: the("1"), ..terms() })), "bad_tolerance", "/tolerance"),
        (create(Offer { quote: expired, ..good() }), "bad_quote", "/quote"),
        (create(Offer { quote: free, ..good() }), "amount_too_large", "/price"),
    ];
    let wallet = told::<Wallet>(&[open(), create(good())]);
    for (asked, code, pointer) in rows {
        let refused = wallet.decide(&asked).unwrap_err();
        assert_eq!((refused.code(), refused.pointer().as_deref()), (code, Some(pointer)), "{asked:?}");
    }
    assert_eq!(Wallet::default().decide(&create(good())).unwrap_err().code(), "wallet_not_known");
}

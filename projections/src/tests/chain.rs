//! Shops that are paid on a chain, with dice: what comes, what goes back, what the chain takes back, and who is paid.

use super::support::{Ledger, id, line, money, place, text};
use super::town::Dice;
use chrono::{DateTime, TimeDelta, Utc};
use mizan_domain::event::Command;
use mizan_domain::onchain::deposit::{self, Observation, Sighting, Watch};
use mizan_domain::onchain::holding::{self, PayoutRules, Purpose};
use mizan_domain::onchain::invoice::{self, RefundRule, Resolution};
use mizan_domain::onchain::payout;
use mizan_domain::onchain::wallet::{self, Offer};
use mizan_domain::onchain::{
    AccountKey, Address, Asset, AssetSettings, Block, Chain, Confirming, CostBasis, Finality, LatePolicy, Network,
    Output, Place, Quote, Script, Spot, Terms, Tier, TransactionId,
};
use mizan_domain::rate::Rate;
use mizan_domain::{Money, Refusal};

const KEY: &str =
    "zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADqtfSdVCToUG868RvUUkgDKf31mGDtKsAYz2oz2AGutZYs";
/// What a die can ask; most of it is refused where it makes no sense.
const DEEDS: u64 = 16;

fn bitcoin() -> Asset {
    Asset::parse("bip122:000000000019d6689c085ae165831e93/slip44:0", 8).unwrap()
}

fn coins(satoshi: u64) -> Money {
    Money::of_minor(satoshi.into(), bitcoin().into())
}

fn noon() -> DateTime<Utc> {
    "2026-01-05T12:00:00Z".parse().unwrap()
}

fn spot(rate: u64) -> Spot {
    Spot { rate: id(&rate.to_string()), currency: id("EUR"), source: text("table"), at: noon() }
}

fn terms() -> Terms {
    let tiers = vec![Tier { up_to: None, confirmations: 1 }];
    Terms {
        dust: coins(100),
        tolerance: Rate::ZERO,
        confirming: Confirming { tiers, finality: Finality::Depth(6) },
        grace_s: 60,
        watch_after_expiry_s: 3_600,
        late: LatePolicy::Ask,
    }
}

fn customers_address() -> Address {
    Address::parse("bc1qnjg0jd8228aq7egyzacy8cys3knf9xvrerkf9g", Chain::Bitcoin(Network::Main)).unwrap()
}

/// A wallet, an asset with rules for payouts, and so many invoices, each over 100.00.
fn opening(invoices: u64) -> Vec<Command> {
    let at = noon();
    let key = AccountKey::parse(KEY, Chain::Bitcoin(Network::Main), Script::P2wpkh).unwrap();
    let settings = AssetSettings {
        symbol: text("BTC"),
        books: id("EUR"),
        payment_window_s: 900,
        terms: terms(),
        cost_basis: CostBasis::Fifo,
    };
    let rules = PayoutRules {
        approvers: [text("ann"), text("bob")].into(),
        approvals_needed: 1,
        daily_cap: None,
        fee_cap: None,
        cool_off_s: 0,
        is_allow_list_needed: true,
    };
    let asset = bitcoin().id;
    let mut all = vec![
        Command::Wallet(wallet::Command::Open(Box::new(wallet::OpenWallet {
            wallet_id: id("w-1"),
            key,
            label: None,
            at,
        }))),
        Command::Holding(holding::Command::Register(Box::new(holding::RegisterAsset {
            asset: bitcoin(),
            settings,
            at,
        }))),
        Command::Holding(holding::Command::SetPayoutRules(holding::SetPayoutRules { asset, rules, at })),
        Command::Holding(holding::Command::AllowDestination(holding::AllowDestination {
            asset,
            address: customers_address(),
            label: Some(text("supplier")),
            at,
        })),
    ];
    for nth in 0..invoices {
        all.push(place(&format!("chain-{nth}"), "c-1", vec![line("a", 1, "100.00 EUR")], at));
        let quote = Quote {
            rate: id("50000"),
            source: text("table"),
            spread: Rate::ZERO,
            quoted_at: at,
            expires_at: at + TimeDelta::minutes(15),
        };
        let offer = Offer {
            invoice_id: id(&format!("i-{nth}")),
            order_id: Some(id(&format!("chain-{nth}"))),
            customer_id: Some(id("c-1")),
            price: money("100.00 EUR"),
            asset: bitcoin(),
            quote,
            terms: terms(),
            reference: None,
        };
        let asked = wallet::CreateInvoice { wallet_id: id("w-1"), offer, at };
        all.push(Command::Wallet(wallet::Command::CreateInvoice(Box::new(asked))));
    }
    all
}

fn transaction(number: u64) -> TransactionId {
    TransactionId::parse(&format!("{number:064x}")).unwrap()
}

/// What a watcher sees of one of the few transactions to an invoice.
fn look(dice: &mut Dice, nth: u64, step: u64, at: DateTime<Utc>) -> Command {
    let key = AccountKey::parse(KEY, Chain::Bitcoin(Network::Main), Script::P2wpkh).unwrap();
    let tx = nth * 10 + dice.roll(2);
    let height = 100 + dice.roll(3);
    let block = Block { height, hash: transaction(9_000 + height) };
    let sighting = match dice.roll(8) {
        0 | 1 => Sighting::Seen,
        2 => Sighting::Orphaned,
        3 => Sighting::Replaced { by: Some(transaction(7_000)) },
        4 => Sighting::Included { block, confirmations: 6, is_finalized: false },
        _most => Sighting::Included { block, confirmations: 1, is_finalized: false },
    };
    Command::Deposit(deposit::Command::Observe(Box::new(Observation {
        output: Output { chain: bitcoin().id.chain, transaction: transaction(tx), place: Place::Output(0) },
        sequence: step + 1,
        amount: coins(100_000 + 50_000 * (tx % 3)),
        to: key.address(u32::try_from(nth).unwrap()).unwrap(),
        is_replaceable: false,
        watch: Watch {
            wallet_id: id("w-1"),
            invoice_id: Some(id(&format!("i-{nth}"))),
            customer_id: Some(id("c-1")),
            confirming: terms().confirming,
        },
        sighting,
        spot: Some(spot(50_000 + 500 * dice.roll(4))),
        first_seen_at: at,
        at,
    })))
}

fn of_holding(dice: &mut Dice, step: u64, at: DateTime<Utc>) -> Command {
    let asset = bitcoin().id;
    Command::Holding(match dice.roll(5) {
        0 => holding::Command::Sell(holding::Sell {
            asset,
            sale_id: id(&format!("s-{step}")),
            amount: coins(30_000),
            proceeds: money("15.00 EUR"),
            fee: money("0.20 EUR"),
            reference: None,
            at,
        }),
        1 => holding::Command::Revalue(holding::Revalue {
            asset,
            revaluation_id: id(&format!("v-{step}")),
            on: at.date_naive(),
            spot: spot(52_000),
            at,
        }),
        2 => holding::Command::Freeze(holding::Freeze {
            asset,
            freeze_id: id(&format!("z-{}", step % 3)),
            amount: coins(1_000),
            reason: None,
            at,
        }),
        3 => holding::Command::Unfreeze(holding::Unfreeze { asset, freeze_id: id(&format!("z-{}", step % 3)), at }),
        _payout => holding::Command::RequestPayout(Box::new(holding::RequestPayout {
            asset,
            payout_id: id(&format!("p-{}", step % 4)),
            purpose: Purpose::Other,
            amount: coins(20_000),
            value: money("10.00 EUR"),
            is_in_money: true,
            spot: Some(spot(50_000)),
            to: customers_address(),
            requested_by: text("eve"),
            reason: None,
            at,
        })),
    })
}

fn of_payout(dice: &mut Dice, step: u64, at: DateTime<Utc>) -> Command {
    let payout_id = id(&format!("p-{}", dice.roll(4)));
    let asset = bitcoin().id;
    let deed = match dice.roll(6) {
        0 | 1 => payout::Command::Approve(payout::Approve { payout_id, revision: 1, by: text("ann"), at }),
        2 => payout::Command::Deny(payout::Deny { payout_id, by: text("bob"), reason: None, at }),
        3 => payout::Command::Broadcast(payout::Broadcast { payout_id, transaction: transaction(step), at }),
        4 => payout::Command::Complete(payout::Complete {
            payout_id,
            transaction: transaction(step),
            fee: Some(coins(500)),
            at,
        }),
        _price => {
            let asked = holding::RepricePayout { asset, payout_id, spot: spot(40_000), at };
            return Command::Holding(holding::Command::RepricePayout(asked));
        }
    };
    Command::Payout(deed)
}

fn of_invoice(dice: &mut Dice, nth: u64, step: u64, at: DateTime<Utc>) -> Command {
    let invoice_id = id(&format!("i-{nth}"));
    Command::Invoice(match dice.roll(4) {
        0 => invoice::Command::TellTime(invoice::TellTime { invoice_id, at }),
        1 => invoice::Command::Cancel(invoice::CancelInvoice { invoice_id, reason: None, at }),
        2 => invoice::Command::Resolve(invoice::Resolve {
            invoice_id,
            resolution_id: id(&format!("x-{step}")),
            how: if dice.roll(2) == 0 { Resolution::KeepAsCredit } else { Resolution::AcceptAtTodaysValue },
            asset: None,
            spot: Some(spot(48_000)),
            reason: None,
            at,
        }),
        _back => invoice::Command::Refund(Box::new(invoice::RefundInvoice {
            invoice_id,
            refund_id: id(&format!("r-{}", step % 2)),
            rule: RefundRule::OverpaidAmount,
            subtract: Rate::ZERO,
            to: customers_address(),
            spot: None,
            requested_by: text("eve"),
            reason: None,
            at,
        })),
    })
}

/// Lets so many things be asked of a merchant's invoices. What the rules refuse does not happen.
pub(super) async fn play(ledger: &mut Ledger, merchant: &str, seed: u64, deeds: u64) {
    const INVOICES: u64 = 4;
    let mut dice = Dice::new(seed);
    for command in opening(INVOICES) {
        ledger.ask(merchant, command).unwrap_or_else(|refusal| panic!("{refusal}"));
    }
    for step in 0..deeds {
        let at = noon() + TimeDelta::minutes(i64::try_from(step).unwrap());
        let nth = dice.roll(INVOICES);
        let command = match dice.roll(DEEDS) {
            0 | 1 => of_holding(&mut dice, step, at),
            2 | 3 => of_payout(&mut dice, step, at),
            4 | 5 => of_invoice(&mut dice, nth, step, at),
            _most => look(&mut dice, nth, step, at),
        };
        let _refused: Result<(), Refusal> = ledger.ask(merchant, command);
        if step % 7 == 0 {
            ledger.flush().await;
        }
    }
    ledger.flush().await;
}

//! A shop that is paid on chains: short ways to say what watchers, merchants and approvers say.

use super::{Stage, eur, line, place, the};
use crate::event::{Command, Event};
use crate::id::InvoiceId;
use crate::money::Money;
use crate::onchain::deposit::{self, Observation, Sighting, Watch};
use crate::onchain::holding::{self, Purpose};
use crate::onchain::invoice::{self, Resolution, Standing};
use crate::onchain::wallet::{self, CreateInvoice, Offer, OpenWallet};
use crate::onchain::{
    AccountKey, Address, Asset, AssetSettings, Block, Chain, Confirming, CostBasis, Finality, LatePolicy, Network,
    Output, Place, Quote, Script, Spot, Terms, Tier,
};
use crate::order::Timestamp;
use crate::payment;

pub(crate) const BTC: &str = "bip122:000000000019d6689c085ae165831e93/slip44:0";
pub(crate) const USDC: &str = "eip155:1/erc20:0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48";
const KEY: &str =
    "zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADqtfSdVCToUG868RvUUkgDKf31mGDtKsAYz2oz2AGutZYs";

pub(crate) fn btc() -> Asset {
    Asset::parse(BTC, 8).unwrap()
}

pub(crate) fn usdc() -> Asset {
    Asset::parse(USDC, 6).unwrap()
}

/// An amount of bitcoin.
pub(crate) fn coins(amount: &str) -> Money {
    Money::parse(amount, btc().into()).unwrap()
}

/// So many minutes after noon.
pub(crate) fn minute(minutes: i64) -> Timestamp {
    super::noon() + chrono::Duration::minutes(minutes)
}

/// What one costs in euro.
pub(crate) fn spot(rate: &str) -> Spot {
    Spot { rate: the(rate), currency: the("EUR"), source: the("table"), at: super::noon() }
}

pub(crate) fn somewhere() -> Address {
    Address::parse("bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu", Chain::Bitcoin(Network::Main)).unwrap()
}

pub(crate) fn confirming(depth: u32) -> Confirming {
    let last = Tier { up_to: None, confirmations: depth * 3 };
    let tiers = vec![Tier { up_to: Some(coins("1.00000000")), confirmations: depth }, last];
    Confirming { tiers, finality: Finality::Depth(depth * 6) }
}

/// Dust of 100 satoshi, no tolerance, five minutes of grace, watched for a day, late money waits for the merchant.
pub(crate) fn terms() -> Terms {
    Terms {
        dust: coins("0.00000100"),
        tolerance: the("0"),
        confirming: confirming(1),
        grace_s: 300,
        watch_after_expiry_s: 86_400,
        late: LatePolicy::Ask,
    }
}

pub(crate) fn settings(cost_basis: CostBasis) -> AssetSettings {
    AssetSettings { symbol: the("BTC"), books: the("EUR"), payment_window_s: 900, terms: terms(), cost_basis }
}

/// Invoice `i-1` over 100.00 at 50,000: 0.00200000 bitcoin, for fifteen minutes from noon.
pub(crate) fn offer(invoice_id: &str, price: &str, terms: Terms) -> Offer {
    let quote = Quote {
        rate: the("50000"),
        source: the("table"),
        spread: the("0"),
        quoted_at: minute(0),
        expires_at: minute(15),
    };
    Offer {
        invoice_id: the(invoice_id),
        order_id: Some(the("o-1")),
        customer_id: Some(the("c-1")),
        price: eur(price),
        asset: btc(),
        quote,
        terms,
        reference: None,
    }
}

/// A shop with a wallet, an order over 100.00 and an invoice that pays it.
pub(crate) struct Shop {
    pub(crate) stage: Stage,
    sequence: u64,
}

impl Shop {
    pub(crate) fn new() -> Self {
        Self::with(terms(), CostBasis::Fifo)
    }

    pub(crate) fn with(terms: Terms, cost_basis: CostBasis) -> Self {
        Self::asking(offer("i-1", "100.00", terms), cost_basis)
    }

    pub(crate) fn asking(offer: Offer, cost_basis: CostBasis) -> Self {
        let mut shop = Self { stage: Stage::default(), sequence: 0 };
        let key = AccountKey::parse(KEY, Chain::Bitcoin(Network::Main), Script::P2wpkh).unwrap();
        let opened = OpenWallet { wallet_id: the("w-1"), key, label: None, at: minute(0) };
        shop.play(wallet::Command::Open(Box::new(opened)));
        let settings = AssetSettings { terms: offer.terms.clone(), ..settings(cost_basis) };
        let asked = holding::RegisterAsset { asset: btc(), settings, at: minute(0) };
        shop.play(holding::Command::Register(Box::new(asked)));
        shop.play(place(vec![line("l-1", 1, "100.00")]));
        shop.invoices(offer);
        shop
    }

    pub(crate) fn play(&mut self, command: impl Into<Command>) -> Vec<Event> {
        self.stage.play(command)
    }

    pub(crate) fn invoices(&mut self, offer: Offer) -> Vec<Event> {
        let asked = CreateInvoice { wallet_id: the("w-1"), offer, at: minute(0) };
        self.play(wallet::Command::CreateInvoice(Box::new(asked)))
    }

    /// What a watcher says of the first output of a transaction; `tx` is a digit that names it.
    pub(crate) fn look(&mut self, tx: u8, amount: Money, sighting: Sighting, rate: &str, at: i64) -> Observation {
        self.sequence += 1;
        observation(self.sequence, tx, amount, sighting, Some(spot(rate)), minute(at))
    }

    /// It is seen in no block, after so many minutes.
    pub(crate) fn sees(&mut self, tx: u8, amount: &str, at: i64) -> Vec<Event> {
        let look = self.look(tx, coins(amount), Sighting::Seen, "50500", at);
        self.observes(look)
    }

    /// It is in a block of that height, so deep.
    pub(crate) fn finds(&mut self, tx: u8, amount: &str, rate: &str, (height, depth): (u64, u32)) -> Vec<Event> {
        let look = self.look(tx, coins(amount), included(height, depth), rate, 20);
        self.observes(look)
    }

    /// It is in a block and confirmed.
    pub(crate) fn confirms(&mut self, tx: u8, amount: &str, rate: &str) -> Vec<Event> {
        self.finds(tx, amount, rate, (100, 1))
    }

    pub(crate) fn orphans(&mut self, tx: u8, amount: &str) -> Vec<Event> {
        let look = self.look(tx, coins(amount), Sighting::Orphaned, "50500", 30);
        self.observes(look)
    }

    pub(crate) fn observes(&mut self, look: Observation) -> Vec<Event> {
        self.play(deposit::Command::Observe(Box::new(look)))
    }

    pub(crate) fn tells(&mut self, at: i64) -> Vec<Event> {
        let invoice_id: InvoiceId = the("i-1");
        self.play(invoice::Command::TellTime(invoice::TellTime { invoice_id, at: minute(at) }))
    }

    pub(crate) fn resolves(&mut self, id: &str, how: Resolution, rate: &str) -> Vec<Event> {
        let spot = Some(spot(rate));
        let (invoice_id, resolution_id) = (the("i-1"), the(id));
        let asked =
            invoice::Resolve { invoice_id, resolution_id, how, asset: None, spot, reason: None, at: minute(40) };
        self.play(invoice::Command::Resolve(asked))
    }

    pub(crate) fn refunds(&mut self, id: &str, rule: invoice::RefundRule, subtract: &str, rate: &str) -> Vec<Event> {
        self.play(invoice::Command::Refund(Box::new(refund(id, rule, subtract, rate))))
    }

    /// How the invoice stands, by its last event.
    pub(crate) fn standing(&self) -> Standing {
        let all = self.stage.events().filter_map(|event| match event {
            Event::Invoice(it) => Some(it.standing().clone()),
            _other => None,
        });
        all.last().unwrap()
    }

    /// What the order still has to get.
    pub(crate) fn due(&self) -> String {
        self.stage.order().due().unwrap().digits().to_string()
    }

    /// Everything that moved, ever.
    pub(crate) fn books(&self) -> String {
        super::net(self.stage.events())
    }

    /// A balance: debits are positive.
    pub(crate) fn balance(&self, account: &crate::Account, currency: crate::Currency) -> i128 {
        self.stage.events().filter_map(Event::entry).map(|it| it.moved(account, currency)).sum()
    }
}

pub(crate) fn refund(id: &str, rule: invoice::RefundRule, subtract: &str, rate: &str) -> invoice::RefundInvoice {
    invoice::RefundInvoice {
        invoice_id: the("i-1"),
        refund_id: the(id),
        rule,
        subtract: the(subtract),
        to: somewhere(),
        spot: Some(spot(rate)),
        requested_by: the("clerk"),
        reason: None,
        at: minute(50),
    }
}

pub(crate) fn rules() -> holding::PayoutRules {
    holding::PayoutRules {
        approvers: ["ann", "bob", "clerk"].into_iter().map(the).collect(),
        approvals_needed: 2,
        daily_cap: Some(coins("0.01000000")),
        fee_cap: Some(coins("0.00001000")),
        cool_off_s: 3600,
        is_allow_list_needed: true,
    }
}

pub(crate) fn set_rules(rules: holding::PayoutRules) -> holding::Command {
    holding::Command::SetPayoutRules(holding::SetPayoutRules { asset: btc().id, rules, at: minute(0) })
}

/// A payout that is no refund, worth 50,000 a coin.
pub(crate) fn ask_payout(id: &str, amount: &str, at: i64) -> holding::RequestPayout {
    let amount = coins(amount);
    holding::RequestPayout {
        asset: btc().id,
        payout_id: the(id),
        purpose: Purpose::Other,
        amount,
        value: spot("50000").value_of(amount).unwrap(),
        is_in_money: false,
        spot: Some(spot("50000")),
        to: somewhere(),
        requested_by: the("clerk"),
        reason: None,
        at: minute(at),
    }
}

/// A transaction's name of one digit again and again.
pub(crate) fn hash(digit: u8) -> String {
    format!("{digit:02x}").repeat(32)
}

pub(crate) fn included(height: u64, confirmations: u32) -> Sighting {
    let hash = the(&format!("{height:064x}"));
    Sighting::Included { block: Block { height, hash }, confirmations, is_finalized: false }
}

pub(crate) fn observation(
    sequence: u64,
    tx: u8,
    amount: Money,
    sighting: Sighting,
    spot: Option<Spot>,
    at: Timestamp,
) -> Observation {
    let chain = amount.currency().asset().map_or(Chain::Bitcoin(Network::Main), |it| it.id.chain);
    let (to, place) = match chain {
        Chain::Bitcoin(_) => (somewhere(), Place::Output(0)),
        Chain::Evm(_) => (Address::parse("0x9858EfFD232B4033E47d90003D41EC34EcaEda94", chain).unwrap(), Place::Log(0)),
    };
    let watch = Watch {
        wallet_id: the("w-1"),
        invoice_id: Some(the("i-1")),
        customer_id: Some(the("c-1")),
        confirming: confirming(1),
    };
    Observation {
        output: Output { chain, transaction: the(&hash(tx)), place },
        sequence,
        amount,
        to,
        is_replaceable: false,
        watch,
        sighting,
        spot,
        first_seen_at: at,
        at,
    }
}

macro_rules! commands {
    ($($module:ident => $aggregate:ident),+) => {$(
        impl From<$module::Command> for Command {
            fn from(it: $module::Command) -> Self {
                Self::$aggregate(it)
            }
        }

        impl From<$module::Event> for Event {
            fn from(it: $module::Event) -> Self {
                Self::$aggregate(it)
            }
        }
    )+};
}

use crate::onchain::payout;

commands! { wallet => Wallet, invoice => Invoice, deposit => Deposit, holding => Holding, payout => Payout }

/// The refund of a payment of the order, as the merchant asks for it.
pub(crate) fn refund_payment(payment_id: &str, refund_id: &str, amount: &str) -> payment::Command {
    super::refund(payment_id, refund_id, amount)
}

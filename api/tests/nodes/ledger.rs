//! Random histories of a chain told to the real ledger on PostgreSQL, where whoever tells dies at random moments, between
//! any two steps: at the end the ledger and its books are as the chain has it.

use crate::books::CONFIRMATIONS;
use crate::rehearsal::{Act, any_act};
use crate::world::{CHAIN, ScriptedNode, World, amount, tx_id};
use mizan::chains::{ChainState, Keeper};
use mizan::commands::http::plain_context;
use mizan::engine::{Engine, Place};
use mizan::rates::{Rates, Table};
use mizan::watch::{BlockRef, NotWatched, Progress, Sink, SinkError, Watcher};
use mizan_domain::event::Command;
use mizan_domain::id::MerchantId;
use mizan_domain::onchain::holding::{self, RegisterAsset};
use mizan_domain::onchain::wallet::{self, CreateInvoice, Offer, OpenWallet};
use mizan_domain::onchain::{
    AccountKey, Address, Asset, AssetSettings, Confirming, CostBasis, ExchangeRate, Finality, LatePolicy, Quote,
    Script, Terms, Tier,
};
use mizan_domain::rate::Rate;
use mizan_domain::text::Text;
use mizan_domain::{Currency, Money};
use mizan_projections::accounts;
use mizan_projections::onchain::deposits::{self, DepositRow, DepositState};
use mizan_store::embedded::{Cluster, Settings};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use sqlx::{ConnectOptions, Connection, PgConnection};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

/// Histories; each has a database and a service of its own. `PROPTEST_CASES` says another number.
const CASES: u32 = 12;
/// Deposits are final after as many blocks: fewer than a chain here goes back.
const FINAL: u32 = 4;
const ACCOUNT: &str =
    "vpub5Y6cjg78GGuNLsaPhmYsiw4gYX3HoQiRBiSwDaBXKUafCt9bNwWQiitDk5VZ5BVxYnQdwoTyXSs2JHRPAgjAvtbBrf8ZhDYe2jWAqvZVnsc";

/// What happens: to the chain and its node, and to whoever tells.
#[derive(Debug, Clone, Copy)]
enum Deed {
    Act(Act),
    /// It dies in the middle of a look, or of telling, after so many steps.
    Dies {
        steps: usize,
    },
    /// The source of rates goes away, or comes back.
    Rates(bool),
}

fn any_deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        8 => any_act().prop_map(Deed::Act),
        4 => (0..40_usize).prop_map(|steps| Deed::Dies { steps }),
        1 => any::<bool>().prop_map(Deed::Rates),
    ]
}

/// Does so many steps of a piece of work, and drops it where it is.
async fn some_of<F: Future>(work: F, mut steps: usize) -> Option<F::Output> {
    let mut work = pin!(work);
    std::future::poll_fn(|context| match (work.as_mut().poll(context), steps) {
        (Poll::Ready(done), _) => Poll::Ready(Some(done)),
        (Poll::Pending, 0) => Poll::Ready(None),
        (Poll::Pending, _) => {
            steps -= 1;
            Poll::Pending
        }
    })
    .await
}

struct Town {
    engine: Engine,
    world: World,
    merchant: MerchantId,
    addresses: Vec<Address>,
    watcher: Watcher<ScriptedNode, Keeper>,
}

impl Town {
    async fn found(cluster: &Cluster, name: &str) -> Self {
        let mut connection = PgConnection::connect_with(&cluster.connect_options()).await.unwrap();
        sqlx::query(sqlx::AssertSqlSafe(format!("create database {name}"))).execute(&mut connection).await.unwrap();
        let url = cluster.connect_options_for(name).to_url_lossy().to_string();
        let data_dir = std::env::temp_dir().join(format!("mizan-ledger-{}", uuid::Uuid::now_v7().simple()));
        std::fs::create_dir_all(&data_dir).unwrap();
        let mut engine = Engine::start(&Place { database_url: Some(url), data_dir, store: None }).await.unwrap();
        engine.rates = Some(rates());
        let addresses = crate::bitcoin::addresses(4);
        let world = World::new(addresses.clone());
        let watcher = Watcher::new(CHAIN, world.node(), keeper(&engine));
        let town = Self { engine, world, merchant: MerchantId::parse("m-1").unwrap(), addresses, watcher };
        town.open().await;
        town
    }

    /// A wallet, and three invoices with the first of its addresses.
    async fn open(&self) {
        let at = chrono::Utc::now();
        let (asset, usd) = (coin(), Currency::parse("USD").unwrap());
        let terms = terms();
        let settings = AssetSettings {
            symbol: text("BTC"),
            books: usd,
            payment_window_s: 900,
            terms: terms.clone(),
            cost_basis: CostBasis::Fifo,
        };
        let register = RegisterAsset { asset, settings, at };
        self.does(Command::Holding(holding::Command::Register(Box::new(register)))).await;
        let wallet_id = mizan_domain::id::WalletId::parse("w-1").unwrap();
        let key = AccountKey::parse(ACCOUNT, CHAIN, Script::P2wpkh).unwrap();
        let open = OpenWallet { wallet_id: wallet_id.clone(), key, label: None, at };
        self.does(Command::Wallet(wallet::Command::Open(Box::new(open)))).await;
        for number in 0..3 {
            let quote = Quote {
                rate: ExchangeRate::parse("500000").unwrap(),
                source: text("fixed"),
                spread: Rate::ZERO,
                quoted_at: at,
                expires_at: at + chrono::Duration::seconds(900),
            };
            let offer = Offer {
                invoice_id: mizan_domain::id::InvoiceId::parse(&format!("i-{number}")).unwrap(),
                order_id: None,
                customer_id: None,
                price: Money::of_minor(2, usd),
                asset,
                quote,
                terms: terms.clone(),
                reference: None,
            };
            let create = CreateInvoice { wallet_id: wallet_id.clone(), offer, at };
            self.does(Command::Wallet(wallet::Command::CreateInvoice(Box::new(create)))).await;
        }
    }

    async fn does(&self, command: Command) {
        let context = plain_context(self.merchant.clone(), text("test"));
        self.engine.command(command, context).await.unwrap();
    }

    async fn look_and_tell(&self) -> Result<Progress, NotWatched> {
        let outcome = self.watcher.round().await;
        self.watcher.sink().carry_on(CHAIN).await;
        outcome
    }

    fn start_again(&mut self) {
        self.watcher = Watcher::new(CHAIN, self.world.node(), keeper(&self.engine));
    }

    async fn live(&mut self, deed: Deed) {
        match deed {
            Deed::Act(Act::Chain(step)) => self.world.happen(step),
            Deed::Act(Act::Round) => drop(self.look_and_tell().await),
            Deed::Act(Act::Restart) => self.start_again(),
            Deed::Act(Act::NodeFails { after }) => self.world.fail_after(after),
            // Here the sink fails by dying.
            Deed::Act(Act::SinkFails) | Deed::Dies { .. } => {
                let steps = if let Deed::Dies { steps } = deed { steps } else { 7 };
                drop(some_of(self.look_and_tell(), steps).await);
                self.start_again();
            }
            Deed::Act(Act::NodeLags { blocks }) => self.world.fall_behind(blocks),
            Deed::Act(Act::ChainMoves { after, step }) => self.world.move_after(after, step),
            Deed::Rates(are_there) => {
                self.engine.rates = are_there.then(rates);
                self.start_again();
            }
        }
    }

    /// Nothing goes wrong any more: everything is seen and told.
    async fn catch_up(&mut self) {
        self.world.be_well();
        self.engine.rates = Some(rates());
        self.start_again();
        let begun = Instant::now();
        loop {
            assert!(begun.elapsed() < crate::process::PATIENCE, "a watcher never catches up");
            let retry = "update chains.outputs set try_again_at = null";
            sqlx::query(retry).execute(self.engine.log.pool()).await.unwrap();
            match self.look_and_tell().await {
                // PostgreSQL takes a moment to see that whoever had the lead is gone.
                Err(NotWatched::Sink(SinkError::Elsewhere)) | Ok(Progress::Behind) => continue,
                Ok(Progress::CaughtUp) => (),
                Err(error) => panic!("{error}"),
            }
            let untold = "select count(*) from chains.outputs where told < looked";
            let untold: i64 = sqlx::query_scalar(untold).fetch_one(self.engine.log.pool()).await.unwrap();
            if untold == 0 {
                return;
            }
        }
    }

    /// The ledger is as the chain has it.
    async fn check(&self) {
        // What a death has kept from following, the follower of policies does.
        let mut writer = self.engine.writer.clone();
        while mizan::policies::catch_up(&self.engine.log, &mut writer, &self.engine.vault).await.unwrap() {}
        let head = self.engine.log.head().await.unwrap();
        self.engine.projector.wait_for(head, crate::process::PATIENCE).await.unwrap();
        let all = [("limit".to_owned(), "100".to_owned())];
        let rows = deposits::search(&self.engine.reads, &self.merchant, &all).await.unwrap().data;
        let row = |tx: &str| rows.iter().find(|it| it.transaction == tx);
        let mut held: i128 = 0;
        for (payment, block, is_waiting) in self.world.truth() {
            let tx = tx_id(payment.id);
            let row = row(&tx);
            if !self.addresses[..3].contains(&payment.to) {
                assert!(row.is_none(), "{tx}");
                continue;
            }
            match (&block, is_waiting) {
                (Some(block), _) => {
                    let row = row.unwrap_or_else(|| panic!("{tx} is in {block:?}, and nobody knows"));
                    held += self.stands(row, block, i128::try_from(amount(&payment)).unwrap());
                }
                (None, true) => {
                    let row = row.unwrap_or_else(|| panic!("{tx} waits, and nobody knows"));
                    assert!(matches!(row.state, DepositState::Seen | DepositState::Orphaned), "{tx}: {row:#?}");
                }
                (None, false) => {
                    let counts = row.is_some_and(|it| is_money(it.state));
                    assert!(!counts, "{tx} is nowhere and counts: {row:#?}");
                }
            }
        }
        let books = accounts::trial_balance(&self.engine.reads, &self.merchant, &[]).await.unwrap().data;
        assert!(books.is_balanced, "{books:#?}");
        let hot = books.lines.iter().find(|it| it.account == "crypto_hot");
        let hot = hot.map_or(0, |it| minor(&it.debit.to_string()) - minor(&it.credit.to_string()));
        assert_eq!(hot, held, "what the wallets have: {books:#?}");
    }

    /// What a deposit in a block adds to the wallets.
    fn stands(&self, row: &DepositRow, block: &BlockRef, amount: i128) -> i128 {
        if !self.world.is_deep(block) {
            assert!(!is_money(row.state), "{row:#?} is not deep enough in {block:?}");
            return 0;
        }
        assert!(is_money(row.state), "{row:#?} is in {block:?}");
        assert_eq!(row.block_hash.as_deref(), Some(block.hash.as_str()), "{row:#?}");
        amount
    }
}

fn is_money(state: DepositState) -> bool {
    match state {
        DepositState::Confirmed | DepositState::Final => true,
        DepositState::Seen | DepositState::Orphaned | DepositState::Replaced | DepositState::Failed => false,
    }
}

fn minor(amount: &str) -> i128 {
    amount.replacen('.', "", 1).parse().unwrap()
}

fn text(it: &str) -> Text {
    Text::parse(it).unwrap()
}

fn rates() -> Arc<Rates> {
    Arc::new(Rates::Fixed(Table::parse("BTC/USD=500000").unwrap()))
}

fn keeper(engine: &Engine) -> Keeper {
    engine.keeper(tokio::sync::watch::channel(ChainState::starting(CHAIN)).0)
}

fn coin() -> Asset {
    Asset::parse(&format!("{CHAIN}/slip44:1"), 8).unwrap()
}

fn terms() -> Terms {
    let confirmations = u32::try_from(CONFIRMATIONS).unwrap();
    Terms {
        dust: coin().of_minor(0),
        tolerance: Rate::ZERO,
        confirming: Confirming { tiers: vec![Tier { up_to: None, confirmations }], finality: Finality::Depth(FINAL) },
        grace_s: 0,
        watch_after_expiry_s: 86_400,
        late: LatePolicy::Ask,
    }
}

/// Whatever a chain does, whatever fails, and whenever whoever tells dies: every payment is in the ledger as the chain
/// has it, once, and the books have what the wallets have.
#[test]
fn the_ledger_ends_as_the_chain_has_it() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let data_dir = std::env::temp_dir().join(format!("mizan-ledger-{}", uuid::Uuid::now_v7().simple()));
    let cluster = runtime.block_on(Cluster::start(Settings { data_dir: data_dir.clone(), durable: false })).unwrap();
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|it| it.parse().ok()).unwrap_or(CASES);
    let mut runner = TestRunner::new(Config { cases, max_shrink_iters: 40, ..Config::default() });
    let told = std::cell::Cell::new(0);
    let outcome = runner.run(&vec(any_deed(), 1..60), |deeds| {
        told.set(told.get() + 1);
        let name = format!("town_{}", told.get());
        runtime.block_on(async {
            let mut town = Town::found(&cluster, &name).await;
            for deed in deeds {
                town.live(deed).await;
            }
            town.catch_up().await;
            town.check().await;
            town.engine.stop().await;
        });
        Ok(())
    });
    runtime.block_on(cluster.stop());
    drop(std::fs::remove_dir_all(data_dir));
    outcome.unwrap();
}

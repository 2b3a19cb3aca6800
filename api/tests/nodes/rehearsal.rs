//! Random histories of a chain, with faults of the node and of the sink at random moments: at the end the books are right.

use crate::books::{Books, State, catch_up};
use crate::world::{CHAIN, Step, World, amount, tx_id};
use mizan::watch::{Asset, NotWatched, Progress, Watcher};
use mizan_domain::onchain::Address;
use proptest::collection::vec;
use proptest::prelude::*;

/// What happens beside the chain's own steps.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Act {
    Chain(Step),
    Round,
    Restart,
    NodeFails { after: usize },
    SinkFails,
    NodeLags { blocks: usize },
    ChainMoves { after: usize, step: Step },
}

pub(crate) fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..6_u32, 0..4_usize).prop_map(|(coin, to)| Step::Pay { coin, to }),
        1 => (0..6_u32).prop_map(|coin| Step::Forget { coin }),
        1 => (0..20_u32).prop_map(|id| Step::SendAgain { id }),
        3 => (1..4_usize).prop_map(|blocks| Step::Mine { blocks }),
        3 => (1..7_usize, any::<bool>()).prop_map(|(depth, keeps)| Step::Reorganise { depth, keeps }),
    ]
}

pub(crate) fn any_act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => any_step().prop_map(Act::Chain),
        6 => Just(Act::Round),
        1 => Just(Act::Restart),
        1 => (0..12_usize).prop_map(|after| Act::NodeFails { after }),
        1 => Just(Act::SinkFails),
        1 => (0..4_usize).prop_map(|blocks| Act::NodeLags { blocks }),
        2 => (0..8_usize, any_step()).prop_map(|(after, step)| Act::ChainMoves { after, step }),
    ]
}

/// Three of them are ours.
fn addresses() -> Vec<Address> {
    crate::bitcoin::addresses(4)
}

async fn rehearse(acts: &[Act]) {
    let addresses = addresses();
    let ours = &addresses[..3];
    let world = World::new(addresses.clone());
    let books = Books::watching(ours, &[]);
    let mut watcher = Watcher::new(CHAIN, world.node(), books.clone());
    catch_up(&watcher).await;
    for act in acts {
        match *act {
            Act::Chain(step) => world.happen(step),
            // The auditor of the books looks at everything that is recorded.
            Act::Round => drop(watcher.round().await),
            Act::Restart => watcher = Watcher::new(CHAIN, world.node(), books.clone()),
            Act::NodeFails { after } => world.fail_after(after),
            Act::SinkFails => books.fail(1),
            Act::NodeLags { blocks } => world.fall_behind(blocks),
            Act::ChainMoves { after, step } => world.move_after(after, step),
        }
    }
    world.be_well();
    books.fail(0);
    catch_up(&watcher).await;
    let truth = world.truth();
    for (payment, block, is_waiting) in &truth {
        let tx = tx_id(payment.id);
        let state = books.state(&tx);
        let credited: i128 = books.entries(&tx).iter().sum();
        if !ours.contains(&payment.to) {
            assert_eq!(state, None, "{tx}");
            continue;
        }
        // Whoever's coin is spent otherwise, or about to be, is told by whom.
        let is_replaced = truth.iter().any(|(it, block, waits)| it.coin == payment.coin && (block.is_some() || *waits));
        match (block, is_waiting) {
            (Some(block), _) => {
                assert_eq!(state, Some(State::In(block.clone())), "{tx}");
                let expected = if world.is_deep(block) { i128::try_from(amount(payment)).unwrap() } else { 0 };
                assert_eq!(credited, expected, "{tx}");
                continue;
            }
            (None, true) => assert_eq!(state, Some(State::Waiting), "{tx}"),
            (None, false) if is_replaced => {
                assert!(matches!(state, None | Some(State::Replaced(_))), "{tx}: {state:?}")
            }
            (None, false) => assert!(!matches!(state, Some(State::In(_) | State::Waiting)), "{tx}: {state:?}"),
        }
        assert_eq!(credited, 0, "{tx}");
    }
    assert!(ours.iter().all(|it| books.balance(it, &Asset::Native) >= 0));
}

fn run(story: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(story);
}

proptest! {
    /// Whatever a chain does and whatever fails meanwhile, each payment ends as the chain has it: credited once where it
    /// is deep enough, taken back where it is gone, and told by whom it was replaced.
    #[test]
    fn the_books_end_as_the_chain_has_it(acts in vec(any_act(), 0..60)) {
        run(rehearse(&acts));
    }
}

#[test]
fn a_node_that_is_late_undoes_nothing() {
    run(async {
        let (world, addresses) = (World::new(addresses()), addresses());
        let books = Books::watching(&addresses, &[]);
        let watcher = Watcher::new(CHAIN, world.node(), books.clone());
        catch_up(&watcher).await;
        world.happen(Step::Pay { coin: 1, to: 0 });
        world.happen(Step::Mine { blocks: 3 });
        catch_up(&watcher).await;
        let rounds = books.rounds();
        world.fall_behind(2);
        assert_eq!(watcher.round().await.unwrap(), Progress::CaughtUp);
        assert_eq!((books.rounds(), books.entries(&tx_id(0))), (rounds, vec![1]));
    });
}

/// Between two questions of a round a block may come, and what waited is in it.
#[test]
fn a_payment_that_is_mined_while_the_node_is_asked_is_not_gone() {
    run(async {
        for after in 0..10 {
            let (world, addresses) = (World::new(addresses()), addresses());
            let books = Books::watching(&addresses, &[]);
            let watcher = Watcher::new(CHAIN, world.node(), books.clone());
            world.happen(Step::Pay { coin: 1, to: 0 });
            catch_up(&watcher).await;
            assert_eq!(books.state(&tx_id(0)), Some(State::Waiting));
            world.move_after(after, Step::Mine { blocks: 1 });
            watcher.round().await.unwrap();
            assert!(matches!(books.state(&tx_id(0)), Some(State::Waiting | State::In(_))), "after {after} questions");
        }
    });
}

/// The first look may be at a block that the chain gives up at once.
#[test]
fn the_newest_block_of_the_first_look_may_go() {
    run(async {
        let (world, addresses) = (World::new(addresses()), addresses());
        let books = Books::watching(&addresses, &[]);
        let watcher = Watcher::new(CHAIN, world.node(), books.clone());
        world.happen(Step::Pay { coin: 1, to: 0 });
        world.happen(Step::Mine { blocks: 1 });
        watcher.round().await.unwrap();
        world.happen(Step::Reorganise { depth: 1, keeps: true });
        catch_up(&watcher).await;
        assert_eq!(books.entries(&tx_id(0)), [1]);
    });
}

#[test]
fn a_chain_that_nobody_knows_undoes_nothing() {
    run(async {
        let books = Books::watching(&addresses(), &[]);
        let world = World::new(addresses());
        world.happen(Step::Mine { blocks: 20 });
        catch_up(&Watcher::new(CHAIN, world.node(), books.clone())).await;
        let tip = books.tip();
        // Another chain with other blocks at the same heights, and one that has just begun.
        let other = World::new(addresses());
        other.happen(Step::Mine { blocks: 20 });
        other.differ();
        let error = Watcher::new(CHAIN, other.node(), books.clone()).round().await.unwrap_err();
        assert!(matches!(error, NotWatched::OtherChain(16)), "{error}");
        other.fall_behind(29);
        let error = Watcher::new(CHAIN, other.node(), books.clone()).round().await.unwrap_err();
        assert!(matches!(error, NotWatched::NodeBehind { height: 0, recorded: 22 }), "{error}");
        assert_eq!(books.tip(), tip);
    });
}

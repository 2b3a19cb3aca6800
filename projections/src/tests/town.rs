//! A town full of customers: many stories from a seed, with everything that can happen, in a well mixed order.

use super::support::{Ledger, authorise, cancel, capture, fulfil, id, intent, line, money, place, receive, take_back};
use mizan_domain::event::Command;
use mizan_domain::payment::{self, FeeDirection, Method, PayoutDirection, RefundOrigin};
use std::collections::BTreeSet;

/// A small generator of numbers (SplitMix64): the same seed tells the same story.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `sides`.
    pub(super) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }
}

/// Plays the stories of so many orders and appends them; refused commands are part of life.
pub(super) async fn play(ledger: &mut Ledger, seed: u64, orders: u64) {
    let mut dice = Dice::new(seed);
    let mut open: BTreeSet<(u64, u64)> = BTreeSet::new();
    for nth in 0..orders {
        open.insert((nth, 0));
        // A few orders are alive at a time, and any of them goes on.
        while open.len() > 8 || (nth + 1 == orders && !open.is_empty()) {
            let chosen = usize::try_from(dice.roll(open.len() as u64)).unwrap();
            let (order, step) = *open.iter().nth(chosen).unwrap();
            open.remove(&(order, step));
            if step < 6 {
                open.insert((order, step + 1));
            }
            for (merchant, command) in scene(ledger, &mut dice, order, step) {
                let _ = ledger.ask(&merchant, command);
            }
        }
        if nth % 400 == 399 {
            ledger.flush().await;
        }
    }
    ledger.flush().await;
}

fn scene(ledger: &mut Ledger, dice: &mut Dice, order: u64, step: u64) -> Vec<(String, Command)> {
    let at = ledger.now();
    let merchant = format!("m-{}", order % 3);
    let (order_id, customer) = (format!("o-{order}"), format!("c-{}", order % 17));
    let (card, other) = (format!("p-{order}"), format!("q-{order}"));
    let currency = ["EUR", "EUR", "JPY", "KWD"][usize::try_from(order % 4).unwrap()];
    let amount = |units: u64| match currency {
        "JPY" => format!("{units} JPY"),
        "KWD" => format!("{units}.125 KWD"),
        _eur => format!("{units}.99 EUR"),
    };
    let methods = [Method::BankTransfer, Method::EWallet, Method::MobileMoney, Method::Voucher, Method::CashOnDelivery];
    let method = methods[usize::try_from(order % 5).unwrap()];
    let ordered = || vec![line("l-1", 3, &amount(20 + order % 7)), line("l-2", 1, &amount(5))];
    let refund = |payment: &str, refund: &str, units: u64| payment::RefundPayment {
        payment_id: id(payment),
        refund_id: id(refund),
        amount: money(&amount(units)),
        origin: RefundOrigin::Merchant,
        reason: None,
        at,
    };
    let pay = |command: payment::Command| Command::Payment(command);
    let commands = match step {
        // Sometimes the money comes first.
        0 if order.is_multiple_of(5) => vec![receive(intent(&other, &order_id, &customer, method, &amount(30)), at)],
        0 => vec![place(&order_id, &customer, ordered(), at)],
        1 if order.is_multiple_of(5) => vec![place(&order_id, &customer, ordered(), at)],
        1 => vec![receive(intent(&other, &order_id, &customer, method, &amount(10 + dice.roll(90))), at)],
        2 => vec![
            authorise(intent(&card, &order_id, &customer, Method::Card, &amount(60)), at),
            capture(&card, "k-1", &amount(10 + dice.roll(30)), false, at),
        ],
        3 => vec![
            fulfil(&order_id, "f-1", &[("l-1", 1 + u32::try_from(dice.roll(2)).unwrap())], at),
            capture(&card, "k-2", &amount(dice.roll(20)), dice.roll(2) == 0, at),
            pay(payment::Command::RecordFee(payment::RecordFee {
                payment_id: id(&card),
                fee_id: id("fee-1"),
                amount: money(&amount(1)),
                direction: FeeDirection::Charged,
                at,
            })),
        ],
        4 => match dice.roll(4) {
            0 => vec![cancel(&order_id, "x-1", &[("l-2", 1)], at)],
            1 => vec![take_back(&order_id, "r-1", &[("l-1", 1)], at)],
            2 => vec![pay(payment::Command::Refund(refund(&card, "rf-1", 3)))],
            _dispute => vec![pay(payment::Command::OpenDispute(payment::OpenDispute {
                payment_id: id(&card),
                dispute_id: id("d-1"),
                amount: money(&amount(9)),
                fee: money(&amount(2)),
                reason: None,
                at,
            }))],
        },
        5 => vec![
            if dice.roll(2) == 0 {
                fulfil(&order_id, "f-2", &[], at)
            } else {
                fulfil(&order_id, "f-2", &[("l-1", 1)], at)
            },
            pay(payment::Command::ConfirmRefund(payment::ConfirmRefund {
                is_of_invoice: false,
                payment_id: id(&card),
                refund_id: id("rf-1"),
                at,
            })),
            // Some keep what they have, some send back a part, some all of it.
            match dice.roll(3) {
                0 => take_back(&order_id, "r-2", &[("l-1", 1)], at),
                1 => take_back(&order_id, "r-2", &[], at),
                _keep => cancel(&order_id, "x-2", &[], at),
            },
        ],
        _last => vec![
            pay(payment::Command::LoseDispute(payment::LoseDispute {
                payment_id: id(&card),
                dispute_id: id("d-1"),
                tax_relief: money(&amount(0)),
                tax_jurisdiction: None,
                at,
            })),
            pay(payment::Command::RecordPayout(payment::RecordPayout {
                payment_id: id(&card),
                payout_id: id("po-1"),
                amount: money(&amount(4)),
                direction: PayoutDirection::ToMerchant,
                at,
            })),
            pay(payment::Command::FailRefund(payment::FailRefund {
                is_of_invoice: false,
                payment_id: id(&other),
                refund_id: id("rf-1"),
                reason: None,
                at,
            })),
        ],
    };
    commands.into_iter().map(|it| (merchant.clone(), it)).collect()
}

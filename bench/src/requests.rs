//! Requests, written once and copied: numbers have a fixed width, so that nothing but digits changes between two of them.

use crate::load::{Asked, Work};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use std::ops::Range;

/// Nine digits stand where the text has this many `#`: the number of an order.
const ORDER: &str = "#########";
/// The number of a payment.
const PAYMENT: &str = "%%%%%%%%%";
/// The number of a customer.
const CUSTOMER: &str = "@@@@@@@@@";
const DIGITS: usize = ORDER.len();

/// An order of two lines.
const PLACE_ORDER: &str = r####"{"order_id":"o-#########","customer_id":"c-@@@@@@@@@","currency":"EUR","lines":[{"sku":"kettle-1","quantity":1,"unit_price":"24.90","taxes":[{"rate":"0.19","jurisdiction":"DE"}]},{"sku":"cup-7","quantity":4,"unit_price":"3.20","taxes":[{"rate":"0.19","jurisdiction":"DE"}]}]}"####;
/// What such an order costs.
const RECEIVE_PAYMENT: &str = r####"{"payment_id":"p-%%%%%%%%%","order_id":"o-#########","customer_id":"c-@@@@@@@@@","method":"card","amount":"44.86","currency":"EUR","provider_reference":"ch_3Q%%%%%%%%%"}"####;
/// An order that takes a million payments of a cent or more.
const PLACE_LARGE_ORDER: &str = r####"{"order_id":"o-#########","customer_id":"c-@@@@@@@@@","currency":"EUR","lines":[{"sku":"ship-1","quantity":1,"unit_price":"900000000.00"}]}"####;
const SET_CREDIT_LIMIT: &str = r####"{"customer_id":"c-@@@@@@@@@","limit":"1%%%%%%%%%.00","currency":"EUR"}"####;

/// Which customer an order is of.
#[derive(Debug, Clone)]
pub(crate) enum Customers {
    /// All as often.
    Spread(u64),
    /// The nth as often as 1/n.
    Zipf(Zipf),
}

impl Customers {
    pub(crate) fn of(&self, order: u64) -> u64 {
        match self {
            Self::Spread(count) => order % count,
            Self::Zipf(zipf) => zipf.of(order),
        }
    }
}

/// Zipf's law with exponent 1.0.
#[derive(Debug, Clone)]
pub(crate) struct Zipf {
    /// The chance of a customer with this number or a lower one.
    up_to: Vec<f64>,
}

impl Zipf {
    pub(crate) fn over(count: u64) -> Self {
        let mut sum = 0.0;
        let mut up_to: Vec<f64> = (1..=count)
            .map(|nth| {
                sum += 1.0 / nth as f64;
                sum
            })
            .collect();
        up_to.iter_mut().for_each(|it| *it /= sum);
        Self { up_to }
    }

    /// The same order is always the same customer's.
    fn of(&self, order: u64) -> u64 {
        let chance: f64 = SmallRng::seed_from_u64(order).random_range(0.0..1.0);
        let nth = self.up_to.partition_point(|it| *it < chance);
        nth.min(self.up_to.len() - 1) as u64
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Numbers {
    order: u64,
    payment: u64,
    customer: u64,
}

/// A text with places for numbers.
#[derive(Debug, Clone)]
struct Template {
    bytes: Vec<u8>,
    orders: Vec<usize>,
    payments: Vec<usize>,
    customers: Vec<usize>,
}

impl Template {
    fn new(text: &str) -> Self {
        let places = |mark: &str| text.match_indices(mark).map(|(at, _)| at).collect();
        let (orders, payments, customers) = (places(ORDER), places(PAYMENT), places(CUSTOMER));
        Self { bytes: text.as_bytes().to_vec(), orders, payments, customers }
    }

    fn write(&self, numbers: Numbers, to: &mut Vec<u8>) {
        let start = to.len();
        to.extend_from_slice(&self.bytes);
        let written = &mut to[start..];
        for (places, number) in
            [(&self.orders, numbers.order), (&self.payments, numbers.payment), (&self.customers, numbers.customer)]
        {
            places.iter().for_each(|at| digits(number, &mut written[*at..*at + DIGITS]));
        }
    }
}

fn digits(mut number: u64, to: &mut [u8]) {
    for digit in to.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// The command that is asked over and over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// One event.
    PlaceOrder,
    /// Two events: the payment and what the order has of it. The order with the same number must be placed.
    ReceivePayment,
    /// The same, all to one order, which must be a large one.
    PayOneOrder {
        order: u64,
    },
    PlaceLargeOrder,
    /// One event in the stream of a customer's credit.
    SetCreditLimit,
}

impl What {
    fn name_and_body(self) -> (&'static str, &'static str) {
        match self {
            Self::PlaceOrder => ("place-order", PLACE_ORDER),
            Self::PlaceLargeOrder => ("place-order", PLACE_LARGE_ORDER),
            Self::ReceivePayment | Self::PayOneOrder { .. } => ("receive-payment", RECEIVE_PAYMENT),
            Self::SetCreditLimit => ("set-credit-limit", SET_CREDIT_LIMIT),
        }
    }

    /// Events that one makes.
    pub(crate) fn events(self) -> u64 {
        match self {
            Self::PlaceOrder | Self::PlaceLargeOrder | Self::SetCreditLimit => 1,
            Self::ReceivePayment | Self::PayOneOrder { .. } => 2,
        }
    }
}

/// Commands with the numbers of a range, each with an idempotency key.
#[derive(Debug, Clone)]
pub(crate) struct Commands {
    what: What,
    customers: Customers,
    /// The numbers that were not asked yet.
    pub(crate) left: Range<u64>,
    one: Template,
    /// The head of a request with many, and each of them.
    many: Option<(Vec<u8>, Template, u32)>,
}

impl Commands {
    pub(crate) fn one_by_one(key: &str, what: What, customers: Customers, numbers: Range<u64>) -> Self {
        let (name, body) = what.name_and_body();
        let length = body.len();
        let one = format!(
            "POST /v1/commands/{name} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {key}\r\n\
             Content-Type: application/json\r\nIdempotency-Key: {name}-{PAYMENT}\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        Self { what, customers, left: numbers, one: Template::new(&one), many: None }
    }

    pub(crate) fn in_batches(key: &str, what: What, customers: Customers, numbers: Range<u64>, size: u32) -> Self {
        let (name, body) = what.name_and_body();
        let item = format!(r#"{{"command":"{name}","idempotency_key":"{name}-{PAYMENT}","data":{body}}}"#);
        // Brackets around, commas between.
        let length = size as usize * (item.len() + 1) + 1;
        let head = format!(
            "POST /v1/commands HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {key}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        );
        let many = Some((head.into_bytes(), Template::new(&item), size));
        Self { many, ..Self::one_by_one(key, what, customers, numbers) }
    }

    fn numbers(&mut self) -> Option<Numbers> {
        let number = self.left.next()?;
        let order = match self.what {
            What::PayOneOrder { order } => order,
            What::PlaceOrder | What::PlaceLargeOrder | What::ReceivePayment | What::SetCreditLimit => number,
        };
        Some(Numbers { order, payment: number, customer: self.customers.of(order) })
    }

    fn many(&mut self, request: &mut Vec<u8>) -> Option<Asked> {
        let (head, item, size) = self.many.take()?;
        let is_enough = self.left.end - self.left.start >= u64::from(size);
        if is_enough {
            request.extend_from_slice(&head);
            for nth in 0..size {
                request.push(if nth == 0 { b'[' } else { b',' });
                item.write(self.numbers()?, request);
            }
            request.push(b']');
        }
        self.many = Some((head, item, size));
        is_enough.then_some(Asked::Commands(size))
    }
}

impl Work for Commands {
    fn next(&mut self, request: &mut Vec<u8>) -> Option<Asked> {
        if self.many.is_some() {
            return self.many(request);
        }
        let numbers = self.numbers()?;
        self.one.write(numbers, request);
        Some(Asked::Command)
    }
}

/// Questions for what one of many keys names.
#[derive(Debug, Clone)]
pub(crate) struct Queries {
    template: Template,
    keys: Range<u64>,
    random: SmallRng,
}

impl Queries {
    /// For one order.
    pub(crate) fn orders(key: &str, keys: Range<u64>) -> Self {
        Self::new(key, "/v1/queries/orders/o-#########", keys)
    }

    /// For the latest 20 orders of a customer.
    pub(crate) fn orders_of_customers(key: &str, keys: Range<u64>) -> Self {
        Self::new(key, "/v1/queries/orders?customer_id=c-#########&limit=20", keys)
    }

    fn new(key: &str, path: &str, keys: Range<u64>) -> Self {
        let text = format!("GET {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {key}\r\n\r\n");
        Self { template: Template::new(&text), keys, random: SmallRng::seed_from_u64(1) }
    }
}

impl Work for Queries {
    fn next(&mut self, request: &mut Vec<u8>) -> Option<Asked> {
        let order = self.random.random_range(self.keys.clone());
        self.template.write(Numbers { order, ..Numbers::default() }, request);
        Some(Asked::Query)
    }
}

/// Commands and questions, so many of a hundred commands.
#[derive(Debug, Clone)]
pub(crate) struct Mixed {
    pub(crate) commands: Commands,
    pub(crate) queries: Queries,
    pub(crate) commands_percent: u32,
    pub(crate) asked: u32,
}

impl Work for Mixed {
    fn next(&mut self, request: &mut Vec<u8>) -> Option<Asked> {
        self.asked += 1;
        // Spread evenly: 80 of 100 are four of each five.
        let is_command = self.asked * self.commands_percent % 100 < self.commands_percent;
        if is_command { self.commands.next(request) } else { self.queries.next(request) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bodies(mut work: impl Work, count: usize) -> Vec<(String, String)> {
        let mut request = Vec::new();
        let texts = (0..count).map(|_| {
            request.clear();
            work.next(&mut request).unwrap();
            let text = String::from_utf8(request.clone()).unwrap();
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            (head.to_owned(), body.to_owned())
        });
        texts.collect()
    }

    fn length(head: &str) -> usize {
        head.split("Content-Length: ").nth(1).unwrap().parse().unwrap()
    }

    #[test]
    fn requests_are_as_long_as_they_say_and_have_their_numbers() {
        let work = Commands::one_by_one("k", What::ReceivePayment, Customers::Spread(1000), 12_345..12_347);
        let written = bodies(work, 2);
        for ((head, body), number) in written.iter().zip(12_345..) {
            assert_eq!(length(head), body.len());
            assert!(head.contains(&format!("Idempotency-Key: receive-payment-{number:09}")), "{head}");
            let body: serde_json::Value = serde_json::from_str(body).unwrap();
            assert_eq!(body["order_id"], format!("o-{number:09}"));
            assert_eq!(body["customer_id"], format!("c-{:09}", number % 1000));
        }
    }

    #[test]
    fn a_batch_is_an_array_of_so_many_and_half_a_batch_is_not_sent() {
        let mut work = Commands::in_batches("k", What::PlaceOrder, Customers::Spread(10), 0..150, 100);
        let (head, body) = bodies(work.clone(), 1).remove(0);
        assert_eq!(length(&head), body.len());
        let body: Vec<serde_json::Value> = serde_json::from_str(&body).unwrap();
        assert_eq!((body.len(), &body[99]["data"]["order_id"]), (100, &"o-000000099".into()));
        assert_eq!(work.next(&mut Vec::new()), Some(Asked::Commands(100)));
        assert_eq!(work.next(&mut Vec::new()), None);
    }

    #[test]
    fn payments_to_one_order_differ_in_nothing_else() {
        let written =
            bodies(Commands::one_by_one("k", What::PayOneOrder { order: 7 }, Customers::Spread(1000), 20..22), 2);
        let bodies: Vec<serde_json::Value> = written.iter().map(|(_, it)| serde_json::from_str(it).unwrap()).collect();
        assert_eq!((&bodies[0]["order_id"], &bodies[1]["order_id"]), (&"o-000000007".into(), &"o-000000007".into()));
        assert_ne!(bodies[0]["payment_id"], bodies[1]["payment_id"]);
    }

    #[test]
    fn by_zipf_the_first_customer_has_twice_what_the_second_has() {
        let customers = Customers::Zipf(Zipf::over(1000));
        let mut counts = vec![0_u32; 1000];
        (0..100_000).for_each(|order| counts[customers.of(order) as usize] += 1);
        let ratio = f64::from(counts[0]) / f64::from(counts[1]);
        assert!((1.8..2.2).contains(&ratio), "{ratio}");
        assert_eq!(customers.of(5), customers.of(5));
    }

    #[test]
    fn of_a_hundred_mixed_requests_so_many_are_commands() {
        for percent in [80, 20, 50] {
            let commands = Commands::one_by_one("k", What::PlaceOrder, Customers::Spread(10), 0..1000);
            let queries = Queries::orders("k", 0..10);
            let mut work = Mixed { commands, queries, commands_percent: percent, asked: 0 };
            let asked = (0..100).filter(|_| work.next(&mut Vec::new()) == Some(Asked::Command));
            assert_eq!(asked.count() as u32, percent);
        }
    }
}

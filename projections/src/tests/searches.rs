//! The search grammar, pages and tenants.

use super::support::{Ledger, id, intent, line, pairs, place, receive};
use super::town;
use crate::projector::catch_up;
use crate::takings::METHODS;
use crate::{Page, QueryError, Reads, SearchError, accounts, journal, orders, payments, takings};
use mizan_domain::id::MerchantId;
use mizan_domain::payment::Method;
use serde::Serialize;
use std::collections::BTreeSet;

type Asked<'a> = &'a [(&'a str, &'a str)];

async fn town(seed: u64, orders: u64) -> (Ledger, Reads) {
    let mut ledger = Ledger::new().await;
    town::play(&mut ledger, seed, orders).await;
    catch_up(&ledger.log).await.unwrap();
    let reads = Reads::new(ledger.log.clone());
    (ledger, reads)
}

fn refused<T: std::fmt::Debug>(answer: Result<T, QueryError>) -> SearchError {
    match answer {
        Err(QueryError::Search(refused)) => refused,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_is_not_in_the_grammar_is_refused_in_words_that_teach() {
    let (_ledger, reads) = town(31, 3).await;
    let long = "x".repeat(9_000);
    let many = vec!["open"; 101].join(",");
    // What is asked, the code, the parameter at fault, and a part of the message.
    let cases: [(Asked, &str, &str, &str); 24] = [
        (&[("colour", "red")], "unknown_parameter", "colour", "order_id, customer_id"),
        (&[("colour[gte]", "red")], "unknown_parameter", "colour[gte]", "there are"),
        (&[("merchant_id", "m-2")], "unknown_parameter", "merchant_id", "there are"),
        (&[("lines", "l-1")], "unknown_parameter", "lines", "there are"),
        (&[("offset", "3")], "unknown_parameter", "offset", "cursor"),
        (&[("gross[like]", "1%")], "unsupported_operator", "gross[like]", "gross[gte]"),
        (&[("gross[", "1")], "unknown_parameter", "gross[", "there are"),
        (&[("status[gte]", "open")], "unsupported_operator", "status[gte]", "status[in]"),
        (&[("order_id[lt]", "o-1")], "unsupported_operator", "order_id[lt]", "order_id[ne]"),
        (&[("status", "opened")], "bad_value", "status", "partially_fulfilled"),
        (&[("status[in]", "open,")], "bad_value", "status[in]", "is one of"),
        (&[("status[in]", &many)], "too_many_values", "status[in]", "100"),
        (&[("gross[gte]", "1e3")], "bad_value", "gross[gte]", "12.30"),
        (&[("gross", "12,30")], "bad_value", "gross", "12.30"),
        (&[("gross", "0.1234567890123456789012345678901")], "bad_value", "gross", "12.30"),
        (&[("placed_at[lt]", "01/02/2026")], "bad_value", "placed_at[lt]", "2026-01-31T12:00:00Z"),
        (&[("position", "1.5")], "bad_value", "position", "whole number"),
        (&[("sort", "colour")], "unknown_sort", "sort", "placed_at"),
        (&[("sort", "status; drop table read.orders")], "unknown_sort", "sort", "sort is one of"),
        (&[("limit", "0")], "bad_limit", "limit", "1 to 100"),
        (&[("limit", "101")], "bad_limit", "limit", "1 to 100"),
        (&[("order_id", &long)], "value_too_long", "order_id", "8000"),
        (&[("order_id", "a"), ("order_id", "b")], "repeated_parameter", "order_id", "order_id[in]=a,b"),
        (&[("cursor", "eyJub3QiOiJvdXJzIn0")], "bad_cursor", "cursor", "leave it out"),
    ];
    for (asked, code, parameter, says) in cases {
        let refused = refused(orders::search(&reads, &id("m-0"), &pairs(asked)).await);
        assert_eq!((refused.code, refused.parameter.as_str()), (code, parameter), "{asked:?}: {refused}");
        assert!(refused.message.contains(says), "{asked:?}: {refused}");
    }
    let many: Vec<(String, String)> = (0..41).map(|nth| (format!("p{nth}"), String::new())).collect();
    assert_eq!(refused(orders::search(&reads, &id("m-0"), &many).await).code, "too_many_parameters");
}

#[tokio::test]
async fn filters_find_what_they_say() {
    let (_ledger, reads) = town(32, 60).await;
    let all = orders::search(&reads, &id("m-0"), &pairs(&[("limit", "100")])).await.unwrap().data;
    assert_eq!(all.len(), 20);
    type Check = fn(&orders::OrderRow) -> bool;
    let cases: [(Asked, Check); 9] = [
        (&[("order_id", "o-9")], |it| it.order_id == "o-9"),
        (&[("customer_id[ne]", "c-3")], |it| it.customer_id.as_deref() != Some("c-3")),
        (&[("currency[in]", "EUR,JPY")], |it| it.currency == "EUR" || it.currency == "JPY"),
        (&[("gross[gte]", "70"), ("gross[lt]", "80.50")], |it| {
            it.gross.value() >= 70.into() && it.gross.value() < "80.50".parse().unwrap()
        }),
        (&[("due[gt]", "0")], |it| it.due.value() > 0.into()),
        (&[("due", "0.0")], |it| it.due.is_zero()),
        (&[("status[in]", "partially_fulfilled,returned,fulfilled")], |it| {
            ["partially_fulfilled", "returned", "fulfilled"].contains(&it.status.name())
        }),
        (&[("payment_status", "paid"), ("currency", "EUR")], |it| {
            it.payment_status.name() == "paid" && it.currency == "EUR"
        }),
        (&[("placed_at[lte]", "2026-01-05T11:00:00+00:00")], |it| {
            it.placed_at
                .is_some_and(|at| at <= "2026-01-05T11:00:00Z".parse::<chrono::DateTime<chrono::Utc>>().unwrap())
        }),
    ];
    for (asked, is_meant) in cases {
        let found =
            orders::search(&reads, &id("m-0"), &pairs(&[asked, &[("limit", "100")]].concat())).await.unwrap().data;
        let found: BTreeSet<&str> = found.iter().map(|it| it.order_id.as_str()).collect();
        let meant: BTreeSet<&str> = all.iter().filter(|it| is_meant(it)).map(|it| it.order_id.as_str()).collect();
        assert_eq!(found, meant, "{asked:?}");
        assert!(!meant.is_empty(), "{asked:?} should find something");
    }
    let quoted = pairs(&[("customer_id", "x' or '1'='1"), ("reference", "\\\"; --")]);
    assert!(orders::search(&reads, &id("m-0"), &quoted).await.unwrap().data.is_empty());
}

/// Walks all pages; every answer must go on where the one before ended.
async fn walk<T: Serialize>(
    asked: &[(&str, &str)],
    search: impl AsyncFn(Vec<(String, String)>) -> Result<Page<T>, QueryError>,
) -> Vec<serde_json::Value> {
    let mut rows = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let mut query = pairs(asked);
        query.extend(cursor.take().map(|it| ("cursor".to_owned(), it)));
        let page = search(query).await.unwrap();
        rows.extend(page.data.iter().map(|it| serde_json::to_value(it).unwrap()));
        match page.next_cursor {
            Some(next) => cursor = Some(next),
            None => return rows,
        }
    }
}

fn keys(rows: &[serde_json::Value], key: &[&str]) -> Vec<String> {
    rows.iter().map(|row| key.iter().map(|it| row[it].to_string()).collect::<Vec<_>>().join(" ")).collect()
}

#[tokio::test]
async fn pages_show_every_row_once_in_every_order() {
    let (mut ledger, reads) = town(33, 48).await;
    let merchant: MerchantId = id("m-0");
    // Orders that wait for their placement have no time; several share one.
    let at = ledger.now();
    for nth in 0..5 {
        let payment = format!("w-{nth}");
        ledger
            .does("m-0", receive(intent(&payment, &format!("wait-{nth}"), "c-1", Method::Card, "1.00 EUR"), at))
            .await;
        ledger.does("m-0", place(&format!("tie-{nth}"), "c-1", vec![line("l-1", 1, "5.00 EUR")], at)).await;
    }
    catch_up(&ledger.log).await.unwrap();
    macro_rules! walks {
        ($search:expr, $key:expr, $sorts:expr) => {
            for sort in $sorts {
                for sort in [sort.to_owned(), format!("-{sort}")] {
                    let whole =
                        walk(&[("sort", &sort), ("limit", "100")], async |it| $search(&reads, &merchant, &it).await)
                            .await;
                    let parts =
                        walk(&[("sort", &sort), ("limit", "3")], async |it| $search(&reads, &merchant, &it).await)
                            .await;
                    let (whole, parts) = (keys(&whole, &$key), keys(&parts, &$key));
                    let once: BTreeSet<&String> = parts.iter().collect();
                    assert_eq!(once.len(), parts.len(), "{sort}: a row twice");
                    assert_eq!(whole, parts, "{sort}");
                    assert!(whole.len() > 9, "{sort}: {}", whole.len());
                }
            }
        };
    }
    walks!(orders::search, ["order_id"], ["order_id", "gross", "value", "due", "placed_at", "updated_at", "position"]);
    walks!(
        payments::search,
        ["payment_id"],
        ["payment_id", "amount", "captured", "refundable", "created_at", "updated_at", "position"]
    );
    walks!(accounts::search, ["account", "currency"], ["account", "currency", "balance", "position"]);
    walks!(journal::search, ["position"], ["position", "effective_at"]);
    walks!(takings::daily, ["day", "method", "currency"], ["day"]);
    // What is null stands at the end that PostgreSQL gives it: it is larger than all else.
    let rows =
        walk(&[("limit", "4"), ("sort", "placed_at")], async |it| orders::search(&reads, &merchant, &it).await).await;
    assert!(rows[rows.len() - 5..].iter().all(|it| it["placed_at"].is_null()));
    assert!(rows[..rows.len() - 5].iter().all(|it| !it["placed_at"].is_null()));
}

/// A long history, in which one account stands in every entry, one here and there, and one in a single currency.
#[tokio::test]
async fn an_account_is_found_wherever_it_stands_in_a_long_journal() {
    let (ledger, reads) = town(35, 1).await;
    let merchant: MerchantId = id("m-9");
    let entries = "insert into read.journal (merchant_id, position, posted, accounts, currencies, amounts, event_id, kind, \
             category, stream, correlation_id, effective_at, effective_on, recorded_at) \
         select 'm-9', n, 1, case when n % 7919 = 0 then '{sales,bank}' when n % 20011 = 0 then '{sales,rounding}' \
                 else '{sales,returns}' end::text[], \
             case when n % 40022 = 0 then '{EUR,JPY}' else '{EUR}' end::text[], '{1.00,-1.00}', gen_random_uuid(), \
             'order-placed.v1', 'order', 'o-' || n, gen_random_uuid(), \
             timestamptz '2026-01-01' + (n * 7 % 1000) * interval '1 minute', '2026-01-01', '2026-01-01' \
         from generate_series(1001, 200000) n";
    let blocks = "insert into read.journal_blocks select merchant_id, account, position / 4096, currency, min(position) \
         from read.postings where merchant_id = 'm-9' group by 1, 2, 3, 4";
    for statement in [entries, blocks] {
        sqlx::raw_sql(statement).execute(ledger.log.pool()).await.unwrap();
    }
    let found = async |asked: &[(&str, &str)]| -> Vec<i64> {
        let rows = walk(asked, async |it| journal::search(&reads, &merchant, &it).await).await;
        rows.iter().map(|it| it["position"].as_i64().unwrap()).collect()
    };
    let every = |step: i64| (1001..=200_000).filter(move |n| n % step == 0).collect::<Vec<i64>>();
    let by_time = |mut all: Vec<i64>| {
        all.sort_by_key(|n| (n * 7 % 1000, *n));
        all
    };
    for (account, expected) in [("bank", every(7_919)), ("rounding", every(20_011))] {
        assert_eq!(found(&[("account", account), ("sort", "position"), ("limit", "3")]).await, expected);
        let back: Vec<i64> = expected.iter().rev().copied().collect();
        assert_eq!(found(&[("account", account), ("sort", "-position"), ("limit", "4")]).await, back);
        let in_time = by_time(expected);
        assert_eq!(found(&[("account", account), ("sort", "effective_at"), ("limit", "5")]).await, in_time);
        let back: Vec<i64> = in_time.into_iter().rev().collect();
        assert_eq!(found(&[("account", account), ("sort", "-effective_at"), ("limit", "5")]).await, back);
    }
    let mut both = [every(7_919), every(20_011)].concat();
    both.sort_unstable();
    assert_eq!(found(&[("account[in]", "bank,rounding"), ("sort", "position")]).await, both);
    // The currency, the layer and the amount of the same leg.
    let yen = [("account", "rounding"), ("currency", "JPY"), ("layer", "pending"), ("credit[gte]", "1.00")];
    assert_eq!(found(&[&yen[..], &[("sort", "position")]].concat()).await, every(40_022));
    assert_eq!(found(&[("account", "rounding"), ("layer", "posted")]).await, [0_i64; 0]);
    assert_eq!(found(&[("account", "rounding"), ("debit[gt]", "0")]).await, [0_i64; 0]);
    // One that stands everywhere is walked, not sorted.
    let page = journal::search(&reads, &merchant, &pairs(&[("account", "sales"), ("limit", "2")])).await.unwrap();
    assert_eq!(page.data.iter().map(|it| it.position.number()).collect::<Vec<_>>(), [200_000, 199_999]);
    let asked = pairs(&[("account", "sales"), ("sort", "effective_at"), ("limit", "2")]);
    let page = journal::search(&reads, &merchant, &asked).await.unwrap();
    assert_eq!(page.data.iter().map(|it| it.position.number()).collect::<Vec<_>>(), [2_000, 3_000]);
    assert_eq!(found(&[("account", "nowhere")]).await, [0_i64; 0]);
}

#[tokio::test]
async fn a_cursor_belongs_to_its_query() {
    let (_ledger, reads) = town(34, 30).await;
    let merchant: MerchantId = id("m-0");
    let asked = [("currency", "EUR"), ("sort", "gross"), ("limit", "2")];
    let cursor = orders::search(&reads, &merchant, &pairs(&asked)).await.unwrap().next_cursor.unwrap();
    let with = |asked: &[(&str, &str)], cursor: &str| pairs(&[asked, &[("cursor", cursor)]].concat());
    // Another size of page is still the same query, and so are the parameters in another order.
    orders::search(&reads, &merchant, &with(&[("limit", "9"), ("sort", "gross"), ("currency", "EUR")], &cursor))
        .await
        .unwrap();
    let mut damaged = cursor.clone().into_bytes();
    damaged[20] ^= 1;
    let damaged = String::from_utf8(damaged).unwrap();
    let others: [(&str, Vec<(String, String)>); 5] = [
        ("another filter", with(&[("currency", "JPY"), ("sort", "gross")], &cursor)),
        ("another order", with(&[("currency", "EUR"), ("sort", "-gross")], &cursor)),
        ("no filter", with(&[("sort", "gross")], &cursor)),
        ("damaged", with(&asked, &damaged)),
        ("cut off", with(&asked, &cursor[..cursor.len() - 3])),
    ];
    for (what, query) in others {
        assert_eq!(refused(orders::search(&reads, &merchant, &query).await).code, "bad_cursor", "{what}");
    }
    assert_eq!(refused(orders::search(&reads, &id("m-1"), &with(&asked, &cursor)).await).code, "bad_cursor");
    let of_payments = with(&[("currency", "EUR"), ("sort", "amount")], &cursor);
    assert_eq!(refused(payments::search(&reads, &merchant, &of_payments).await).code, "bad_cursor");
}

#[tokio::test]
async fn one_merchant_never_sees_another_one() {
    let mut ledger = Ledger::new().await;
    let at = ledger.now();
    // The same names, other things.
    for (merchant, price) in [("m-1", "10.00 EUR"), ("m-2", "77.00 EUR")] {
        ledger.does(merchant, place("o-1", "c-1", vec![line("l-1", 1, price)], at)).await;
        ledger.does(merchant, receive(intent("p-1", "o-1", "c-1", Method::Card, price), at)).await;
    }
    ledger.does("m-2", place("o-2", "c-1", vec![line("l-1", 1, "5.00 EUR")], at)).await;
    catch_up(&ledger.log).await.unwrap();
    let (reads, one): (_, MerchantId) = (Reads::new(ledger.log.clone()), id("m-1"));
    let ten = super::support::money("10.00 EUR").into();
    let orders_of_one = orders::search(&reads, &one, &[]).await.unwrap().data;
    assert_eq!(orders_of_one.iter().map(|it| it.gross).collect::<Vec<_>>(), [ten]);
    assert_eq!(orders::get(&reads, &one, "o-1").await.unwrap().unwrap().data.gross, ten);
    assert!(orders::get(&reads, &one, "o-2").await.unwrap().is_none());
    assert_eq!(payments::search(&reads, &one, &[]).await.unwrap().data.len(), 1);
    assert_eq!(payments::get(&reads, &one, "p-1").await.unwrap().unwrap().data.amount, ten);
    let accounts = accounts::search(&reads, &one, &[]).await.unwrap().data;
    assert!(accounts.iter().all(|it| it.debits.value() <= 10.into() && it.credits.value() <= 10.into()));
    let balance = accounts::trial_balance(&reads, &one, &[]).await.unwrap().data;
    assert_eq!(balance.totals.iter().map(|it| it.debit).collect::<Vec<_>>(), [ten]);
    let entries = journal::search(&reads, &one, &[]).await.unwrap().data;
    assert!(entries.iter().flat_map(|it| &it.postings).all(|it| it.debit <= ten && it.credit <= ten));
    let statement = crate::statements::get(&reads, &one, "c-1", &[]).await.unwrap().data;
    assert_eq!(statement.currencies[0].lines.len(), 2);
    let days = takings::daily(&reads, &one, &[]).await.unwrap().data;
    assert_eq!(days.iter().map(|it| it.captured).collect::<Vec<_>>(), [ten]);
    assert!(orders::search(&reads, &id("m-3"), &[]).await.unwrap().data.is_empty());
}

#[test]
fn the_names_of_the_methods_are_those_of_the_domain() {
    assert_eq!(Method::ALL.map(Method::name), METHODS);
}

/// What is looked for in a long table is found by an index: PostgreSQL says so itself.
#[tokio::test]
async fn customers_orders_times_and_states_are_found_by_index_among_many() {
    let mut ledger = Ledger::new().await;
    let at = ledger.now();
    ledger.does("m-1", place("o-1", "c-1", vec![line("l-1", 1, "10.00 EUR")], at)).await;
    ledger.does("m-1", receive(intent("p-1", "o-1", "c-1", Method::Card, "10.00 EUR"), at)).await;
    catch_up(&ledger.log).await.unwrap();
    let many = "
        create temp table one_order as select * from read.orders;
        create temp table one_payment as select * from read.payments;
        update one_order set merchant_id = 'm-9';
        update one_payment set merchant_id = 'm-9';
        insert into read.orders select made.* from one_order o, generate_series(1, 10000) n,
            lateral jsonb_populate_record(o, jsonb_build_object(
                'order_id', 'o-' || n, 'customer_id', 'c-' || n % 500,
                'placed_at', '2026-01-01T00:00:00Z'::timestamptz + n * interval '4 minutes',
                'status', (array['open', 'fulfilled', 'cancelled'])[1 + n % 3])) made;
        insert into read.payments select made.* from one_payment p, generate_series(1, 10000) n,
            lateral jsonb_populate_record(p, jsonb_build_object(
                'payment_id', 'p-' || n, 'order_id', 'o-' || n, 'customer_id', 'c-' || n % 500,
                'created_at', '2026-01-01T00:00:00Z'::timestamptz + n * interval '4 minutes',
                'status', (array['captured', 'refunded', 'declined'])[1 + n % 3])) made;
        analyze read.orders, read.payments;";
    let mut connection = ledger.log.pool().acquire().await.unwrap();
    sqlx::raw_sql(many).execute(&mut *connection).await.unwrap();
    drop(connection);
    let reads = Reads::new(ledger.log.clone());
    let both: [Asked; 6] = [
        &[],
        &[("customer_id", "c-77")],
        &[("order_id", "o-77")],
        &[("order_id[in]", "o-77,o-78")],
        &[("limit", "100"), ("customer_id", "c-77")],
        &[("limit", "1")],
    ];
    let of_orders: [Asked; 3] = [
        &[("status", "open")],
        &[("placed_at[gte]", "2026-01-10"), ("placed_at[lt]", "2026-01-11")],
        &[("status[in]", "open,cancelled"), ("placed_at[lt]", "2026-01-20")],
    ];
    let of_payments: [Asked; 3] = [
        &[("status", "captured")],
        &[("created_at[gte]", "2026-01-10"), ("created_at[lt]", "2026-01-11")],
        &[("payment_id[in]", "p-77,p-78")],
    ];
    let orders = both.iter().chain(&of_orders).map(|asked| (("orders", &orders::LISTING), asked));
    let payments = both.iter().chain(&of_payments).map(|asked| (("payments", &payments::LISTING), asked));
    for (of, asked) in orders.chain(payments) {
        let plan = reads.explained(&id("m-9"), of, &pairs(asked)).await;
        assert!(plan.contains("Index Scan") && !plan.contains("Seq Scan"), "{} {asked:?}:\n{plan}", of.0);
    }
}

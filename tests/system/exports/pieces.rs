//! Parts of the history, and the shapes it leaves in.

use super::{bazaar, export, rows, summed};
use mizan_tests::{Run, System};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const FAILED: i32 = 1;
const NOT_UNDERSTOOD: i32 = 2;

#[tokio::test]
async fn the_parts_of_a_journal_make_up_the_whole() {
    let system = System::new().await;
    let api = system.serve().await;
    bazaar(&api).await;
    let part = |more: &[&str]| rows(&export(&system, "journal-csv", more).0);
    let whole = part(&[]);
    let between = |from: usize, to: usize| part(&["--from", &from.to_string(), "--to", &to.to_string()]);
    let head = usize::try_from(api.head().await).unwrap();
    for cut in [1, 7, head / 2, head - 1] {
        assert_eq!([between(1, cut), between(cut + 1, head)].concat(), whole, "cut after {cut}");
    }
    assert_eq!(part(&["--to", &(head + 100).to_string()]), whole);
    assert!(part(&["--from", &(head + 1).to_string()]).is_empty());
    // Months, by the day that things count for; facts that came late are in the month they belong to.
    let months: Vec<(&str, &str)> = vec![
        ("2024-01-01", "2024-01-31"),
        ("2024-02-01", "2024-02-29"),
        ("2024-03-01", "2024-03-31"),
        ("2024-04-01", "2024-07-01"),
    ];
    let parts: Vec<_> = months.iter().map(|(from, to)| part(&["--from", from, "--to", to])).collect();
    for ((from, to), part) in months.iter().zip(&parts) {
        assert!(
            !part.is_empty() && part.iter().all(|it| (*from..=*to).contains(&it["date"].as_str())),
            "{from} to {to}"
        );
    }
    assert_eq!(parts.iter().map(Vec::len).sum::<usize>(), whole.len());
    assert_eq!(summed(&parts.concat()), summed(&whole));
    // A payment of February came to light after March had begun, and counts for February; the fee of March that was
    // charged again because of it counts for March.
    let position = |it: &BTreeMap<String, String>| it["position"].parse::<usize>().unwrap();
    let came_late = parts[1].iter().filter(|it| position(it) > position(&parts[2][0]));
    assert!(came_late.clone().any(|it| it["kind"] == "plan-unwound.v1"));
    assert!(parts[2].iter().any(|it| it["kind"] == "plan-late-fee-charged.v1" && it["effective_at"] < it["date"]));
    // All of it was recorded today, whatever the merchant's clock says.
    let recorded = |from: &str| part(&["--days", "recorded", "--from", from]);
    let today = &whole[0]["recorded_at"][..10];
    assert_eq!(recorded("2024-02-01"), whole);
    assert_eq!(recorded(today), whole);
    assert!(part(&["--days", "recorded", "--to", "2024-12-31"]).is_empty());
}

#[tokio::test]
async fn cloud_events_say_what_the_history_says() {
    let system = System::new().await;
    let api = system.serve().await;
    bazaar(&api).await;
    let (text, told) = export(&system, "cloudevents", &[]);
    let text = String::from_utf8(text).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let events = api.events().await;
    assert_eq!(lines.len(), events.len());
    assert!(told.starts_with(&format!("{} events, of local, positions 1 to", events.len())), "{told}");
    for (line, event) in lines.iter().zip(&events) {
        let metadata = &event["metadata"];
        let mut expected = json!({
            "specversion": "1.0", "id": event["event_id"], "source": "urn:mizan:merchant:local", "type": event["kind"],
            "subject": event["stream"], "time": event["recorded_at"], "datacontenttype": "application/json",
            "sequence": format!("{:020}", event["position"].as_i64().unwrap()), "position": event["position"].to_string(),
            "revision": event["revision"], "merchant": "local", "actor": metadata["actor"],
            "commandid": metadata["command_id"], "correlationid": metadata["correlation_id"], "data": event["data"],
        });
        for (name, value) in [("causationid", &metadata["causation_id"]), ("traceparent", &metadata["trace"])] {
            if !value.is_null() {
                expected[name] = value.clone();
            }
        }
        assert_eq!(*line, expected);
        // Attributes are small letters and digits, at most 20 of them.
        let is_plain = |name: &String| name.len() <= 20 && name.bytes().all(|it| it.is_ascii_lowercase());
        assert!(line.as_object().unwrap().keys().all(is_plain), "{line}");
    }
    let ten = String::from_utf8(export(&system, "cloudevents", &["--from", "11", "--to", "20"]).0).unwrap();
    assert_eq!(ten.lines().collect::<Vec<_>>(), text.lines().skip(10).take(10).collect::<Vec<_>>());
    // By days, those that count for them.
    let march =
        String::from_utf8(export(&system, "cloudevents", &["--from", "2024-03-01", "--to", "2024-03-31"]).0).unwrap();
    let of_march = events.iter().filter(|it| {
        let day = it["data"]["effective_on"].as_str().or(it["data"]["at"].as_str());
        day.is_some_and(|day| day.starts_with("2024-03"))
    });
    assert_eq!(march.lines().count(), of_march.count());
}

/// Whoever asks wrongly is told, and gets no file that looks like an export.
#[tokio::test]
async fn what_cannot_be_exported_leaves_nothing_behind() {
    let system = System::new().await;
    let api = system.serve().await;
    api.done(
        "place-order",
        json!({ "order_id": "o-1", "currency": "EUR", "lines": [{ "sku": "a", "quantity": 1, "unit_price": "5.00" }] }),
    )
    .await;
    let file = system.file("nothing");
    let path = file.to_str().unwrap();
    let run = |more: &[&str]| system.mizan(&[&["export", path], more].concat());
    for (more, status, said) in [
        (&["--from", "2"][..], FAILED, "a part of the history cannot be verified"),
        (&["--format", "hledger", "--merchant", "nobody"], FAILED, "known: local"),
        (&["--format", "hledger", "--from", "0"], NOT_UNDERSTOOD, "positions begin with 1"),
        (&["--format", "hledger", "--from", "31.01.2026"], NOT_UNDERSTOOD, "2026-01-31"),
        (&["--format", "ledger"], NOT_UNDERSTOOD, "journal-parquet"),
    ] {
        let run = run(more).exits(status);
        assert!(run.stderr.contains(said) && run.stdout.is_empty(), "{more:?}: {run:?}");
    }
    let nowhere = system.mizan(&["export", "--format", "hledger", "/nonexistent/book"]).exits(FAILED);
    assert!(nowhere.stderr.contains("/nonexistent/book cannot be written"), "{nowhere:?}");
    // A full disk.
    let mut command = system.command(&["export", "--format", "cloudevents", "/dev/full"]);
    Run::of(&mut command).exits(FAILED);
    let left: Vec<_> = std::fs::read_dir(file.parent().unwrap()).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert!(left.iter().all(|it| !it.to_str().unwrap().starts_with("nothing")), "{left:?}");
    // Nothing that moved money yet: an empty journal, and not a word too many.
    let run = run(&["--format", "journal-csv"]).exits(0);
    assert_eq!(run.stderr, "0 entries, 0 postings, of local, positions 1 to 1\n");
    let columns: Vec<BTreeMap<String, String>> = rows(&std::fs::read(&file).unwrap());
    assert!(columns.is_empty());
}

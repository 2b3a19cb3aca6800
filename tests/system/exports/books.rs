//! Programs that are not ours, opening our books. `make test` installs them and runs these; elsewhere they are ignored,
//! and reported so.

use super::{Balances, add, bazaar, export, trial_balance};
use mizan_tests::{Run, System, minor};
use std::collections::BTreeMap;
use std::process::Command;

fn run(program: &str, arguments: &[&str]) -> Run {
    Run::of(Command::new(program).args(arguments).env("HOME", "/nonexistent"))
}

#[tokio::test]
#[ignore = "it needs hledger: `make test` installs and runs it"]
async fn hledger_shows_the_trial_balance() {
    let system = System::new().await;
    let api = system.serve().await;
    bazaar(&api).await;
    let expected = trial_balance(&api).await;
    let (_, told) = export(&system, "hledger", &[]);
    let file = system.file("export.hledger");
    let book = file.to_str().unwrap();
    // Every account and commodity declared, every transaction balanced.
    run("hledger", &["-f", book, "check", "--strict"]).exits(0);
    let shown = run("hledger", &["-f", book, "balance", "--no-total", "--flat", "--layout=bare", "-O", "csv"]).exits(0);
    let mut balances = Balances::new();
    for row in csv::Reader::from_reader(shown.stdout.as_bytes()).records() {
        let row = row.unwrap();
        let account = row[0].split_once(':').unwrap().1;
        // Two authorities of one name, but for a letter's size, are two accounts.
        add(&mut balances, account, &row[1], minor(&row[2]));
    }
    assert_eq!(balances, expected);
    // Types are what reports are made of: everything that is owned or earned is in one of the two statements.
    for (report, kinds) in [("balancesheet", ["assets", "liabilities"]), ("incomestatement", ["revenue", "expenses"])] {
        let statement = run("hledger", &["-f", book, report, "--flat", "-O", "csv"]).exits(0).stdout;
        for kind in kinds {
            assert!(statement.contains(&format!("\"{kind}:")), "{report} has no {kind}:\n{statement}");
        }
    }
    let stats = run("hledger", &["-f", book, "stats"]).exits(0).stdout;
    let entries = told.split(' ').next().unwrap();
    let counted = stats.lines().find(|line| line.starts_with("Transactions  ")).unwrap();
    assert!(counted.contains(&format!(": {entries} ")), "{counted}");
    let of_plan = run("hledger", &["-f", book, "register", "tag:stream=^plan/n-1$", "-O", "csv"]).exits(0).stdout;
    assert!(of_plan.contains("plan-late-fee-charged.v1") && !of_plan.contains("payment-received"), "{of_plan}");
}

#[tokio::test]
#[ignore = "it needs beancount: `make test` installs and runs it"]
async fn beancount_agrees_with_the_trial_balance_to_the_last_unit() {
    let system = System::new().await;
    let api = system.serve().await;
    bazaar(&api).await;
    let expected = trial_balance(&api).await;
    let (text, _) = export(&system, "beancount", &[]);
    let text = String::from_utf8(text).unwrap();
    // The file says which of its accounts is which of ours.
    let mut names = BTreeMap::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some((_, name)) = line.split_once(" open ") {
            let code = lines.next().unwrap().trim().strip_prefix("code: \"").unwrap().trim_end_matches('"');
            names.insert(code.to_owned(), name.to_owned());
        }
    }
    let path = system.file("checked.beancount");
    let check = |balances: &Balances| {
        let mut text = text.clone();
        for ((account, currency), minor) in balances {
            let decimals = usize::from(currency == "EUR") * 2 + usize::from(currency == "KWD") * 3;
            let digits = format!("{:0width$}", minor.unsigned_abs(), width = decimals + 1);
            let (whole, fraction) = digits.split_at(digits.len() - decimals);
            let point = if decimals > 0 { "." } else { "" };
            let sign = if *minor < 0 { "-" } else { "" };
            // Without a tolerance of its own, beancount lets the last digit pass.
            let amount = format!("{sign}{whole}{point}{fraction} ~ 0");
            text.push_str(&format!("2100-01-01 balance {}  {amount} {currency}\n", names[account]));
        }
        std::fs::write(&path, text).unwrap();
        run("bean-check", &[path.to_str().unwrap()])
    };
    // What every account has, also those that have nothing.
    let mut all = Balances::new();
    for account in names.keys() {
        for currency in ["EUR", "JPY", "KWD"] {
            let key = (account.clone(), currency.to_owned());
            all.insert(key.clone(), expected.get(&key).copied().unwrap_or_default());
        }
    }
    assert!(expected.keys().all(|key| all.contains_key(key)), "an account of ours is not in the book");
    let agreed = check(&all).exits(0);
    assert_eq!((agreed.stdout.as_str(), agreed.stderr.as_str()), ("", ""));
    // And it would notice.
    for key in all.keys().cloned().collect::<Vec<_>>() {
        *all.get_mut(&key).unwrap() += 1;
    }
    let wrong = check(&all).exits(1);
    assert_eq!(wrong.stderr.matches("Balance failed").count(), all.len(), "{wrong:?}");
}

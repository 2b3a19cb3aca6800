//! `cargo run -p mizan-tests --example olist -- DIR > olist.ndjson`: the Olist data set as commands for `mizan import`.

use std::io::{BufWriter, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(dir) = std::env::args_os().nth(1) else {
        eprintln!("usage: olist DIR > olist.ndjson   (DIR has orders.csv, order_items.csv and order_payments.csv)");
        return ExitCode::from(2);
    };
    let mut out = BufWriter::new(std::io::stdout().lock());
    let converted = mizan_tests::olist::convert(dir.as_ref(), &mut out).and_then(|it| Ok(out.flush().map(|()| it)?));
    match converted {
        Ok(it) => {
            eprintln!("{} orders, {} items and {} payments became:", it.orders, it.items, it.payments);
            for (command, count) in &it.commands {
                eprintln!("{count:>8}  {command}");
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("olist: {error}");
            ExitCode::FAILURE
        }
    }
}

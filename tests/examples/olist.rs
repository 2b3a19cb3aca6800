//! `cargo run -p mizan-tests --example olist -- DIR > olist.ndjson`: the Olist data set as commands for `mizan import`.
//! With `--plans`, card payments in several installments become plans.

use mizan_tests::olist::Installments;
use std::io::{BufWriter, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    let (options, dirs): (Vec<_>, Vec<_>) = std::env::args_os().skip(1).partition(|it| it == "--plans");
    let installments = if options.is_empty() { Installments::AtOnce } else { Installments::Plans };
    let [dir] = dirs.as_slice() else {
        eprintln!(
            "usage: olist [--plans] DIR > olist.ndjson   (DIR has orders.csv, order_items.csv and order_payments.csv)"
        );
        return ExitCode::from(2);
    };
    let mut out = BufWriter::new(std::io::stdout().lock());
    let converted = mizan_tests::olist::convert(dir.as_ref(), installments, &mut out)
        .and_then(|it| Ok(out.flush().map(|()| it)?));
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

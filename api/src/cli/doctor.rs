//! `mizan doctor`: what this machine lacks, and what to do about it.

use super::{Outcome, say};
use crate::engine::Place;
use mizan_store::PgConnectOptions;
use mizan_store::embedded::examine;
use serde::Serialize;
use std::process::ExitCode;
use std::str::FromStr;

#[derive(clap::Args)]
pub(super) struct Args {
    /// Print the findings as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Line {
    check: &'static str,
    ok: bool,
    found: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
}

pub(super) async fn run(place: Place, args: Args) -> Outcome {
    let lines: Vec<Line> = match &place.database_url {
        Some(url) => vec![database(url).await],
        None => examine(&place.data_dir)
            .into_iter()
            .map(|it| Line { check: it.check, ok: it.ok, found: it.found, remedy: it.remedy })
            .collect(),
    };
    let is_well = lines.iter().all(|it| it.ok);
    if args.json {
        say(serde_json::to_string(&lines)?);
        return Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    for it in &lines {
        say(format_args!("{}  {:<16} {}", if it.ok { "ok     " } else { "MISSING" }, it.check, it.found));
        if let Some(remedy) = &it.remedy {
            say(format_args!("         {:<16} -> {remedy}", ""));
        }
    }
    say(if is_well { "\nEverything is here: `mizan demo` starts." } else { "\nSomething is missing: see the arrows." });
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn database(url: &str) -> Line {
    let options = match PgConnectOptions::from_str(url) {
        Ok(options) => options,
        Err(error) => {
            let remedy = Some("write postgres://user:password@host/database".to_owned());
            return Line { check: "database url", ok: false, found: error.to_string(), remedy };
        }
    };
    let asked = async {
        let pool = mizan_store::pool::connect(options, 1).await?;
        sqlx::query_scalar::<_, String>("show server_version").fetch_one(&pool).await
    };
    match asked.await {
        Ok(version) => {
            Line { check: "database", ok: true, found: format!("PostgreSQL {version} answers"), remedy: None }
        }
        Err(error) => {
            let remedy =
                Some("check host, user, password and that the database exists: `psql \"$DATABASE_URL\"`".to_owned());
            Line { check: "database", ok: false, found: error.to_string(), remedy }
        }
    }
}

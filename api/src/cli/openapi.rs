//! `mizan openapi`: the document without a server.

use super::{Outcome, say};
use std::process::ExitCode;

pub(super) fn run() -> Outcome {
    say(crate::openapi::document().to_pretty_json()?);
    Ok(ExitCode::SUCCESS)
}

//! The one binary.

use mimalloc::MiMalloc;
use std::process::ExitCode;

/// Small values are made by the thread that reads a request and let go by the one that appended it; the system's allocator
/// spends a third of the service's time on that.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    mizan::cli::run()
}

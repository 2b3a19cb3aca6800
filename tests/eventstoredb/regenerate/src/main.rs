//! Writes `../src/protocol/` anew from `../protos/`: `cargo run --manifest-path tests/eventstoredb/regenerate/Cargo.toml`.

use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let files = ["streams.proto", "serverfeatures.proto", "gossip.proto"];
    let compiled = protox::compile(files, [here.join("protos")])?;
    let generator = tonic_build::configure().build_client(false).build_server(true).build_transport(false);
    let generator = generator.bytes(["."]).emit_rerun_if_changed(false).out_dir(here.join("src/protocol"));
    generator.compile_fds(compiled)?;
    Ok(())
}

//! What the document says of the seal: checkpoints, proofs, tiles, keys.

use super::{add, json, operation, parameter, query, reference};
use crate::problem::Problem;
use crate::seal::{CheckpointPage, ConsistencyView, ProofView, VerifierKeys};
use utoipa::ToSchema;
use utoipa::openapi::path::{Operation, OperationBuilder, ParameterIn};
use utoipa::openapi::{ContentBuilder, KnownFormat, ObjectBuilder, RefOr, ResponseBuilder, Schema, SchemaFormat, Type};

pub(super) fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
    add::<CheckpointPage>(schemas);
    add::<VerifierKeys>(schemas);
    add::<ProofView>(schemas);
    add::<ConsistencyView>(schemas);
}

fn problem(text: &str) -> ResponseBuilder {
    json(reference(&Problem::name()), "application/problem+json", text)
}

/// Needs no API key: there is nothing in it but hashes and signatures.
fn open(id: &str, summary: &str) -> OperationBuilder {
    OperationBuilder::new()
        .operation_id(Some(id))
        .tag("seal")
        .summary(Some(summary))
        .response("400", problem("The request cannot be read."))
        .response("429", problem("Too many requests."))
        .response("503", problem("Not sealed so far yet, or the database does not answer: see Retry-After."))
}

fn text(description: &str) -> ResponseBuilder {
    let schema = ObjectBuilder::new().schema_type(Type::String).build();
    let content = ContentBuilder::new().schema(Some(schema)).build();
    ResponseBuilder::new().description(description).content("text/plain", content)
}

fn bytes(description: &str) -> ResponseBuilder {
    let format = SchemaFormat::KnownFormat(KnownFormat::Binary);
    let schema = ObjectBuilder::new().schema_type(Type::String).format(Some(format)).build();
    let content = ContentBuilder::new().schema(Some(schema)).build();
    ResponseBuilder::new().description(description).content("application/octet-stream", content)
}

pub(super) fn operations() -> Vec<(&'static str, Operation)> {
    let checkpoint = open("checkpoint", "The signed checkpoint of the history")
        .description(Some("A C2SP tlog-checkpoint: keep one outside, and no history but this one will ever fit it."))
        .parameter(query("size", "That of this size; the last one if left out.", Type::Integer))
        .response("200", text("A signed note.").build())
        .response("404", problem("No checkpoint of that size was signed.").build());
    let checkpoints = open("checkpoints", "Every checkpoint that was ever signed")
        .parameter(query("after", "Only larger ones than this size.", Type::Integer))
        .parameter(query("limit", "Checkpoints of a page, 1 to 1000; 100 if left out.", Type::Integer))
        .response("200", json(reference(&CheckpointPage::name()), "application/json", "A page.").build());
    let key = open("verifier-key", "The key that checkpoints are signed with")
        .response("200", text("A C2SP verifier key: name+hash+key.").build());
    let keys = open("verifier-keys", "Every key there ever was, each endorsed by the one before it")
        .response("200", json(reference(&VerifierKeys::name()), "application/json", "The keys.").build());
    let consistency = open("consistency", "The proof that the history has only grown between two sizes")
        .parameter(query("from", "The smaller size.", Type::Integer))
        .parameter(query("to", "The larger size; the last checkpoint's if left out.", Type::Integer))
        .response("200", json(reference(&ConsistencyView::name()), "application/json", "The proof.").build());
    let proof = operation("event-proof", "seal", "The proof that an event is in a checkpoint")
        .parameter(parameter("position", ParameterIn::Path, "The event's place in the history.", Type::Integer))
        .parameter(query("checkpoint_size", "In that checkpoint; the last one if left out.", Type::Integer))
        .response("200", json(reference(&ProofView::name()), "application/json", "The proof.").build())
        .response("404", problem("There is no such event, or no such checkpoint.").build());
    let index =
        || parameter("index", ParameterIn::Path, "In groups of three digits: 067, x001/x234/067.", Type::String);
    let tile = open("tile", "Hashes of the tree (C2SP tlog-tiles)")
        .description(Some("Full tiles have 256 hashes; `.p/{width}` asks for one that still grows."))
        .parameter(parameter("level", ParameterIn::Path, "0 has the hashes of the events.", Type::Integer))
        .parameter(index())
        .response("200", bytes("Hashes of 32 bytes each.").build())
        .response("404", problem("There is no such tile.").build());
    let entries = operation("tile-entries", "seal", "What the hashes of the events cover (C2SP tlog-tiles)")
        .parameter(index())
        .response("200", bytes("Entries, each behind its length in two bytes.").build())
        .response("404", problem("There is no such bundle.").build());
    vec![
        ("/v1/checkpoint", checkpoint.build()),
        ("/v1/checkpoints", checkpoints.build()),
        ("/v1/verifier-key", key.build()),
        ("/v1/verifier-keys", keys.build()),
        ("/v1/consistency", consistency.build()),
        ("/v1/events/{position}/proof", proof.build()),
        ("/v1/tile/{level}/{index}", tile.build()),
        ("/v1/tile/entries/{index}", entries.build()),
    ]
}

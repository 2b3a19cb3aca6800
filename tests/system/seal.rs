//! The seal as an outsider sees it: nothing is believed that cannot be computed from what was kept.

use crate::openapi::conforms;
use mizan_store::seal::proof::{extends, includes};
use mizan_store::seal::{Checkpoint, Frontier, Hash, Keys, KeysText};
use mizan_tests::{Answer, PATIENCE, Service, System};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Orders, an event each.
async fn place(api: &Service, orders: std::ops::Range<usize>) {
    let items = orders.map(|nth| {
        let lines = json!([{ "sku": "a", "quantity": 1, "unit_price": "10.00" }]);
        json!({ "command": "place-order", "data": { "order_id": format!("o-{nth}"), "currency": "EUR", "lines": lines } })
    });
    let items: Vec<Value> = items.collect();
    let outcomes = api.send(api.request(Method::POST, "/v1/commands").json(&items)).await.ok();
    assert!(outcomes.as_array().unwrap().iter().all(|it| it["status"] == 200));
}

/// What anybody gets, without a key.
async fn open(api: &Service, path: &str) -> Answer {
    api.send(api.bare(Method::GET, path)).await
}

async fn keys(api: &Service) -> Keys {
    let text: KeysText = serde_json::from_value(open(api, "/v1/verifier-keys").await.ok()).unwrap();
    Keys::read(&text).unwrap()
}

/// The last checkpoint, once it covers everything that there is now.
async fn sealed(api: &Service) -> (Checkpoint, String) {
    let head = u64::try_from(api.head().await).unwrap();
    let begun = Instant::now();
    let mut again = tokio::time::interval(Duration::from_millis(50));
    loop {
        again.tick().await;
        let answer = open(api, "/v1/checkpoint").await;
        if answer.status == 503 {
            assert_eq!((answer.json()["code"].as_str(), answer.header("retry-after")), (Some("not_sealed"), Some("1")));
        } else {
            assert_eq!(answer.status, 200, "{answer:?}");
            let note = String::from_utf8(answer.body).unwrap();
            let checkpoint = keys(api).await.checkpoint(&note).unwrap();
            if checkpoint.size >= head {
                return (checkpoint, note);
            }
        }
        assert!(begun.elapsed() < PATIENCE, "not sealed in time");
    }
}

fn hashes(answer: &Value) -> Vec<Hash> {
    serde_json::from_value(answer["hashes"].clone()).unwrap()
}

#[tokio::test]
async fn an_event_is_proven_to_be_in_a_checkpoint_that_anybody_may_keep() {
    let system = System::new().await;
    let api = system.serve().await;
    place(&api, 0..30).await;
    let (checkpoint, note) = sealed(&api).await;
    assert_eq!(checkpoint.size, 30);
    let key = open(&api, "/v1/verifier-key").await;
    assert_eq!(String::from_utf8(key.body).unwrap().trim(), keys(&api).await.current().to_string());
    for event in api.events().await {
        let position = event["position"].as_u64().unwrap();
        let proof = api.get(&format!("/v1/events/{position}/proof")).await.ok();
        assert_eq!((&proof["checkpoint"], &proof["tree_size"]), (&json!(note), &json!(30)));
        let leaf: Hash = serde_json::from_value(proof["leaf_hash"].clone()).unwrap();
        assert!(includes(leaf, position - 1, 30, &hashes(&proof), checkpoint.root), "{position}");
    }
    // In an older checkpoint too, and not in one that is older than the event.
    place(&api, 30..50).await;
    let (grown, _) = sealed(&api).await;
    let old = api.get("/v1/events/7/proof?checkpoint_size=30").await.ok();
    let leaf: Hash = serde_json::from_value(old["leaf_hash"].clone()).unwrap();
    assert!(includes(leaf, 6, 30, &hashes(&old), checkpoint.root));
    let early = api.get("/v1/events/40/proof?checkpoint_size=30").await;
    early.problem(400, "bad_parameter", "?checkpoint_size");
    // And what was kept is a beginning of what there is now.
    let proof = open(&api, "/v1/consistency?from=30").await.ok();
    assert!(extends((30, checkpoint.root), (grown.size, grown.root), &hashes(&proof)));
    let all = open(&api, "/v1/checkpoints?limit=1000").await.ok();
    let sizes: Vec<i64> = all["data"].as_array().unwrap().iter().map(|it| it["size"].as_i64().unwrap()).collect();
    assert!(sizes.is_sorted() && sizes.contains(&30) && sizes.last() == Some(&50), "{sizes:?}");
    // All of it as the document says.
    let document = open(&api, "/openapi.json").await.ok();
    let keys = open(&api, "/v1/verifier-keys").await.ok();
    for (path, answer) in [
        ("/v1/events/{position}/proof", &old),
        ("/v1/consistency", &proof),
        ("/v1/checkpoints", &all),
        ("/v1/verifier-keys", &keys),
    ] {
        let schema = &document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"];
        assert!(schema.is_object(), "{path}");
        conforms(&document, schema, answer, path);
    }
    let same = open(&api, "/v1/checkpoint?size=30").await;
    assert_eq!(String::from_utf8(same.body).unwrap(), note);
}

/// Whoever mirrors the tiles has the whole tree, and with the entries the leaves too.
#[tokio::test]
async fn the_tiles_make_up_the_root() {
    let system = System::new().await;
    let api = system.serve().await;
    place(&api, 0..600).await;
    let (checkpoint, _) = sealed(&api).await;
    let (mut from_tiles, mut from_entries, mut full) = (Frontier::default(), Frontier::default(), Vec::new());
    for name in ["000", "001", "002.p/88"] {
        let tile = open(&api, &format!("/v1/tile/0/{name}")).await;
        assert_eq!((tile.status, tile.header("content-type")), (200, Some("application/octet-stream")));
        tile.body.chunks(32).for_each(|it| from_tiles.push(Hash::of_bytes(it).unwrap(), &mut full));
        let mut rest = api.get(&format!("/v1/tile/entries/{name}")).await.body;
        while let Some((length, _)) = rest.split_first_chunk::<2>() {
            let end = 2 + usize::from(u16::from_be_bytes(*length));
            from_entries.push(Hash::leaf(&rest[2..end]), &mut full);
            rest.drain(..end);
        }
    }
    assert_eq!((from_tiles.root(), from_entries.root()), (checkpoint.root, checkpoint.root));
    let above = open(&api, "/v1/tile/1/000.p/2").await;
    assert_eq!(above.body.chunks(32).map(Hash::of_bytes).collect::<Option<Vec<_>>>().unwrap().len(), 2);
    for missing in
        ["0/002", "0/002.p/89", "0/003.p/1", "1/000.p/3", "2/000.p/1", "entries/002", "entries/002.p/89", "0/2", "x"]
    {
        assert_eq!(api.get(&format!("/v1/tile/{missing}")).await.status, 404, "{missing}");
    }
}

#[tokio::test]
async fn hashes_are_for_everybody_and_names_are_not() {
    let system = System::new().await;
    let api = system.serve().await;
    place(&api, 0..3).await;
    sealed(&api).await;
    for path in ["checkpoint", "checkpoints", "verifier-key", "verifier-keys", "consistency?from=1", "tile/0/000.p/3"] {
        assert_eq!(open(&api, &format!("/v1/{path}")).await.status, 200, "{path}");
    }
    for path in ["events/1/proof", "tile/entries/000.p/3"] {
        open(&api, &format!("/v1/{path}")).await.problem(401, "unauthorised", "");
        assert_eq!(api.get(&format!("/v1/{path}")).await.status, 200, "{path}");
    }
    let head = api.head().await;
    for (path, status, code, pointer) in [
        ("checkpoint?size=2000", 404, "not_found", ""),
        ("checkpoint?size=-1", 400, "bad_parameter", "?size"),
        ("checkpoint?site=1", 400, "bad_parameter", "?site"),
        ("checkpoint?size=1&size=1", 400, "repeated_parameter", "?size"),
        ("checkpoints?limit=0", 400, "bad_parameter", "?limit"),
        ("consistency", 400, "missing_parameter", "?from"),
        ("consistency?from=3&to=2", 400, "bad_parameter", "?from"),
        ("consistency?from=1&to=2000", 503, "not_sealed", ""),
        ("events/2000/proof", 404, "not_found", ""),
        ("events/x/proof", 404, "not_found", ""),
        ("events/1/proof?checkpoint_size=2000", 404, "not_found", ""),
        ("tile/0/999", 404, "not_found", ""),
    ] {
        api.get(&format!("/v1/{path}")).await.problem(status, code, pointer);
    }
    let readiness = api.get("/readyz").await.ok();
    assert_eq!(readiness["seal"], json!({ "position": head, "lag_events": 0, "halted": null }));
    let metrics = String::from_utf8(open(&api, "/metrics").await.body).unwrap();
    for line in [format!("mizan_seal_position {head}"), "mizan_seal_lag_events 0".into(), "mizan_seal_halted 0".into()]
    {
        assert!(metrics.lines().any(|it| it == line), "{line} is not in\n{metrics}");
    }
}

//! A card number or a private key is refused in every field of every command that takes text, and never repeated: the
//! fields are taken from the OpenAPI document, so that a new one is tested without anybody thinking of it.

use super::{Refuser, with};
use reqwest::Method;
use serde_json::{Value, json};

const CARD: &str = "4111111111111111";
/// BIP32's first vector, and BIP39's: keys that the whole world knows.
const XPRV: &str =
    "xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPPqjiChkVvvNKmPGJxWUtg6LnF5kejMRNNU3TGtRBeJgk33yuGBxrMPHi";
const PHRASE: &str = "legal winner thank year wave sausage worth useful legal winner thank yellow";

/// Fields whose text is checked more strictly than a card number would pass: amounts, rates, times, names of assets and
/// transactions, and closed lists.
const NOT_FREE: [&str; 44] = [
    "account_key",
    "amount",
    "asset",
    "attempt",
    "block_hash",
    "cap_amount",
    "cap_rate",
    "chain",
    "currency",
    "daily_cap",
    "direction",
    "dust",
    "fee",
    "fee_asset",
    "fee_cap",
    "fee_returned",
    "final",
    "frequency",
    "holidays",
    "kind",
    "level",
    "limit",
    "method",
    "mode",
    "multiple",
    "occurred_at",
    "order",
    "order_from",
    "price",
    "proceeds",
    "rate",
    "refund_order",
    "refund_to",
    "replaced_by",
    "spread",
    "subtract",
    "tax_relief",
    "time_zone",
    "tolerance",
    "transaction",
    "unit_price",
    "up_to",
    "value",
    "weekend",
];

#[tokio::test]
async fn no_field_of_any_command_takes_a_card_number_or_a_private_key() {
    let it = Refuser::new().await;
    let document = it.api.get("/openapi.json").await.ok();
    let mut tried = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        let Some(command) = path.strip_prefix("/v1/commands/") else { continue };
        let schema = &item["post"]["requestBody"]["content"]["application/json"]["schema"];
        let body = example(&document, schema);
        for place in free_texts(&document, schema, "") {
            for (secret, code) in [
                (CARD, "card_number_not_allowed"),
                (XPRV, "private_key_not_allowed"),
                (PHRASE, "private_key_not_allowed"),
            ] {
                let body = with(&body, &place, json!(secret));
                it.refuses(&format!("{code} as {place} of {command}"), command, &body, code, &place).await;
            }
            tried += 1;
        }
        assert!(tried > 0, "{command} has no text at all");
    }
    assert!(tried > 70, "only {tried} fields were found; is the document whole?");
}

/// In any script's digits and with the usual separators.
#[tokio::test]
async fn a_card_number_is_known_in_every_dress() {
    let it = Refuser::new().await;
    for text in [
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "4111.1111.1111.1111",
        "card:4111\u{a0}1111\u{a0}1111\u{a0}1111",
        "٤١١١١١١١١١١١١١١١",
        "۴۱۱۱ ۱۱۱۱ ۱۱۱۱ ۱۱۱۱",
        "４１１１１１１１１１１１１１１１",
        "5555555555554444",
        "378282246310005",
        "6011111111111117",
        "3530111333300000",
        "ref 12 4111 1111 1111 1111 34",
    ] {
        let payment = json!({
            "payment_id": "p-2", "method": "card", "amount": "1.00", "currency": "EUR", "provider_reference": text,
        });
        it.refuses(text, "receive-payment", &payment, "card_number_not_allowed", "/provider_reference").await;
    }
    // And what only looks like one is taken.
    for text in ["4111111111111112", "DE89370400440532013000", "0x4111111111111111", "+49 170 1234567 89"] {
        let payment = json!({
            "payment_id": "p-2", "method": "card", "amount": "1.00", "currency": "EUR", "provider_reference": text,
        });
        let answer = it.api.send(it.api.commanding("receive-payment?dry_run=true", &payment)).await;
        assert_eq!(answer.status, 200, "{text}: {answer:?}");
    }
}

/// Wherever it was put, it does not come back.
#[tokio::test]
async fn a_card_number_is_never_repeated() {
    let it = Refuser::new().await;
    let order =
        json!({ "order_id": "o-2", "currency": "EUR", "lines": [{ "sku": "a", "quantity": 1, "unit_price": "1.00" }] });
    let place = |data: Value| it.api.commanding("place-order", &data);
    let spaced = "4111 1111 1111 1111";
    let requests = [
        ("a field's name", place(with(&order, &format!("/{CARD}"), json!(1)))),
        ("a currency", place(with(&order, "/currency", json!(CARD)))),
        ("a list's value", place(with(&order, "/refund_order", json!(spaced)))),
        ("an amount", place(with(&order, "/lines/0/unit_price", json!(spaced)))),
        ("a rate", place(with(&order, "/lines/0/taxes", json!([{ "rate": CARD }])))),
        ("a time", place(with(&order, "/occurred_at", json!(CARD)))),
        ("a number", place(with(&order, "/order_id", json!(4_111_111_111_111_111_u64)))),
        ("text in place of a list", place(with(&order, "/lines", json!(CARD)))),
        ("a command's name", it.api.commanding(CARD, &order)),
        ("an idempotency key", place(order.clone()).header("idempotency-key", CARD)),
        ("a correlation id", place(order.clone()).header("correlation-id", CARD)),
        ("a parameter of a command", it.api.commanding(&format!("place-order?dry_run={CARD}"), &order)),
        ("an address", it.api.request(Method::GET, &format!("/v1/queries/orders/{CARD}"))),
        ("a parameter", it.api.request(Method::GET, &format!("/v1/queries/payments?method={CARD}"))),
        ("a parameter's name", it.api.request(Method::GET, &format!("/v1/queries/payments?{CARD}=1"))),
        ("a sort", it.api.request(Method::GET, &format!("/v1/queries/payments?sort={CARD}"))),
        ("a stream", it.api.request(Method::GET, &format!("/v1/events?limit={CARD}"))),
    ];
    for (what, request) in requests {
        let answer = it.api.send(request).await;
        assert!((400..500).contains(&answer.status), "{what}: {answer:?}");
        let text = String::from_utf8(answer.body.clone()).unwrap();
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        assert!(!digits.contains(CARD), "{what} came back: {text}");
        assert_eq!(it.api.head().await, it.head, "{what} has written something");
    }
    assert!(!it.api.log().contains(CARD), "it was logged");
}

#[tokio::test]
async fn a_private_key_is_never_repeated() {
    let it = Refuser::new().await;
    let order =
        json!({ "order_id": "o-2", "currency": "EUR", "lines": [{ "sku": "a", "quantity": 1, "unit_price": "1.00" }] });
    let place = |data: Value| it.api.commanding("place-order", &data);
    for secret in [XPRV, PHRASE] {
        let in_words = secret.replace(' ', "-");
        let requests = [
            ("a field's name", place(with(&order, &format!("/{secret}"), json!(1)))),
            ("a currency", place(with(&order, "/currency", json!(secret)))),
            ("a list's value", place(with(&order, "/refund_order", json!(secret)))),
            ("an amount", place(with(&order, "/lines/0/unit_price", json!(secret)))),
            ("a rate", place(with(&order, "/lines/0/taxes", json!([{ "rate": secret }])))),
            ("a time", place(with(&order, "/occurred_at", json!(secret)))),
            ("text in place of a list", place(with(&order, "/lines", json!(secret)))),
            ("a command's name", it.api.commanding(&in_words, &order)),
            ("an idempotency key", place(order.clone()).header("idempotency-key", secret)),
            ("a correlation id", place(order.clone()).header("correlation-id", secret)),
            ("an address", it.api.request(Method::GET, &format!("/v1/queries/orders/{in_words}"))),
            ("a parameter", it.api.request(Method::GET, &format!("/v1/queries/payments?method={in_words}"))),
            ("a parameter's name", it.api.request(Method::GET, &format!("/v1/queries/payments?{in_words}=1"))),
        ];
        for (what, request) in requests {
            let answer = it.api.send(request).await;
            assert!((400..500).contains(&answer.status), "{what}: {answer:?}");
            let text = String::from_utf8(answer.body.clone()).unwrap();
            assert!(![XPRV, PHRASE, &in_words].iter().any(|it| text.contains(&it[..30])), "{what} came back: {text}");
            assert_eq!(it.api.head().await, it.head, "{what} has written something");
        }
        assert!(!it.api.log().contains(&in_words[..30]) && !it.api.log().contains(&secret[..30]), "it was logged");
    }
}

/// A body that has every field with a value of its kind.
fn example(document: &Value, schema: &Value) -> Value {
    let schema = resolved(document, schema);
    match kind(schema) {
        "object" => {
            let fields = schema["properties"].as_object().unwrap().iter();
            // Either a price or tiers, either an amount or a rate.
            let fields = fields.filter(|(name, _)| !matches!(name.as_str(), "price_tiers" | "rate") || is_tax(schema));
            fields.map(|(name, field)| (name.clone(), example_of(document, name, field))).collect()
        }
        "array" => json!([example(document, &schema["items"])]),
        other => panic!("no example of {other}: {schema}"),
    }
}

fn is_tax(schema: &Value) -> bool {
    !schema["properties"]["jurisdiction"].is_null()
}

fn example_of(document: &Value, name: &str, field: &Value) -> Value {
    let field = resolved(document, field);
    match (name, kind(field)) {
        ("currency", _) => json!("EUR"),
        ("amount" | "unit_price" | "fee" | "fee_returned" | "tax_relief", _) => json!("1.00"),
        ("rate" | "cap_rate", _) => json!("0.20"),
        ("limit" | "cap_amount" | "order_from" | "multiple", _) => json!("1.00"),
        ("frequency", _) => json!("monthly"),
        ("time_zone", _) => json!("UTC"),
        ("weekend" | "order" | "holidays", _) => json!([]),
        ("starts_on" | "first_due_on", _) => json!("2020-02-29"),
        ("asset" | "fee_asset", _) => json!("eip155:1/slip44:60"),
        ("chain", _) => json!("eip155:1"),
        ("transaction" | "block_hash" | "replaced_by", _) => json!("0".repeat(64)),
        ("spread" | "subtract" | "tolerance", _) => json!("0.20"),
        ("on", _) => json!("2020-01-31"),
        ("at", _) => json!("2020-01-31T12:00:00Z"),
        ("to", _) if field["format"] == "date-time" => json!("2020-01-31T12:00:00Z"),
        ("occurred_at", _) => json!("2020-01-31T12:00:00Z"),
        ("attempt", _) => json!("authorisation"),
        (_, "string") => match field["pattern"].as_str() {
            Some(pattern) => json!(pattern.trim_matches(['^', '$', '(', ')']).split('|').next()),
            None => json!("x"),
        },
        (_, "integer") => json!(1),
        (_, "boolean") => json!(false),
        (_, "array") if kind(resolved(document, &field["items"])) == "string" => json!(["x"]),
        (_, _) => example(document, field),
    }
}

/// Pointers to every field that takes free text or an id.
fn free_texts(document: &Value, schema: &Value, place: &str) -> Vec<String> {
    let schema = resolved(document, schema);
    let mut found = Vec::new();
    for (name, field) in schema["properties"].as_object().unwrap() {
        let (field, place) = (resolved(document, field), format!("{place}/{name}"));
        match kind(field) {
            _ if NOT_FREE.contains(&name.as_str()) => (),
            "string" if is_free(field) => found.push(place),
            "object" if name != "price_tiers" => found.extend(free_texts(document, field, &place)),
            "array" => match kind(resolved(document, &field["items"])) {
                "string" => found.push(format!("{place}/0")),
                _object => found.extend(free_texts(document, &field["items"], &format!("{place}/0"))),
            },
            _other => (),
        }
    }
    found
}

/// Whether a text may be anything: neither a date nor one of a few words.
fn is_free(schema: &Value) -> bool {
    schema["format"].is_null() && schema["pattern"].is_null()
}

/// The schema itself, behind references and behind "or null".
fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    if let Some(reference) = schema["$ref"].as_str() {
        return resolved(document, document.pointer(reference.trim_start_matches('#')).unwrap());
    }
    let choices = schema["oneOf"].as_array().or_else(|| schema["anyOf"].as_array());
    match choices.and_then(|all| all.iter().find(|it| it["type"] != "null")) {
        Some(choice) => resolved(document, choice),
        None => schema,
    }
}

fn kind(schema: &Value) -> &str {
    match &schema["type"] {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).find(|it| *it != "null").unwrap(),
        Value::String(kind) => kind,
        _none if schema["enum"].is_array() => "string",
        other => panic!("a schema of no type: {other}: {schema}"),
    }
}

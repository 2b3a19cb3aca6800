//! The OpenAPI 3.1 document, made from the code: the same structs that read bodies and write answers.

mod onchain;
mod plans;
mod seal;

use crate::commands::http::{BulkItem, BulkOutcome, CommandAnswer};
use crate::commands::{Described, described};
use crate::events::cloud::{self, CloudEvent};
use crate::events::{EventPage, EventView};
use crate::health::Readiness;
use crate::problem::Problem;
use crate::queries::customers::CustomerView;
use actix_web::web;
use mizan_projections::{Answer, Page, accounts, customers, journal, orders, payments, periods, statements, takings};
use std::sync::Arc;
use utoipa::openapi::path::{HttpMethod, Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ArrayBuilder, Components, ComponentsBuilder, ContentBuilder, InfoBuilder, LicenseBuilder, ObjectBuilder, OpenApi,
    OpenApiBuilder, PathItem, PathsBuilder, Ref, RefOr, Required, Response, ResponseBuilder, Schema, Type,
};
use utoipa::{PartialSchema, ToSchema};
use utoipa_swagger_ui::{Config, SwaggerUi};

const INTRODUCTION: &str = "\
Commands append immutable events; queries read what follows from them.

**Money** is text in the decimals of its currency (`\"12.30\"`), never a JSON number, and is never rounded.

**Ids are yours.** The same command with the same ids again is the same fact: nothing happens twice. \
`Idempotency-Key` also gives the first answer again (`Idempotency-Replayed: true`); the same key with other content is 422.

**Reading your writes**: a command answers with a `position`; a query with `min_position` shows it and everything that \
followed from it. The `ETag` of a command or of a single order or payment is the revision of its stream; `If-Match` \
with it refuses a command (412) when somebody else was first.

**Lists** take `field=value`, `field[gte]=`, `[gt]`, `[lte]`, `[lt]`, `[ne]`, `[in]=a,b`, `sort=field` or `sort=-field`, \
`limit` and `cursor`.

**A no** is a problem document (RFC 9457) with a stable `code`, `retryable`, and pointers to the fields at fault.";

/// The whole document.
#[must_use]
pub fn document() -> OpenApi {
    let mut components = ComponentsBuilder::new();
    let scheme =
        HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("The API key: `mizan key` prints it."));
    components = components.security_scheme("key", SecurityScheme::Http(scheme.build()));
    let mut paths = PathsBuilder::new();
    for command in described() {
        paths = paths.path(format!("/v1/commands/{}", command.name), PathItem::new(HttpMethod::Post, one(&command)));
        components = components.schemas_from_iter(command.schemas);
    }
    paths = paths.path("/v1/commands", PathItem::new(HttpMethod::Post, many()));
    let asked = queries().into_iter().chain(plans::queries()).chain(onchain::queries());
    for (path, operation) in asked.chain(seal::operations()) {
        paths = paths.path(path, PathItem::new(HttpMethod::Get, operation));
    }
    let components = with_schemas(components);
    let info = InfoBuilder::new()
        .title("Mizan")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(INTRODUCTION))
        .license(Some(LicenseBuilder::new().name("MIT OR Apache-2.0").build()));
    OpenApiBuilder::new().info(info).paths(paths).components(Some(components)).build()
}

/// `/openapi.json`, and a page to read it at `/docs/`.
pub(crate) fn routes(config: &mut web::ServiceConfig, document: &Arc<OpenApi>) {
    let page = SwaggerUi::new("/docs/{_:.*}")
        .url("/openapi.json", OpenApi::clone(document))
        .config(Config::new(["/openapi.json"]).try_it_out_enabled(true).persist_authorization(true));
    config.service(web::redirect("/docs", "/docs/")).service(page);
}

fn with_schemas(components: ComponentsBuilder) -> Components {
    components.schemas_from_iter(answers()).build()
}

/// The schemas of everything that is answered.
fn answers() -> Vec<(String, RefOr<Schema>)> {
    let mut schemas = Vec::new();
    add::<CommandAnswer>(&mut schemas);
    add::<BulkItem>(&mut schemas);
    add::<BulkOutcome>(&mut schemas);
    add::<Problem>(&mut schemas);
    add::<Readiness>(&mut schemas);
    add::<EventView>(&mut schemas);
    add::<EventPage>(&mut schemas);
    add::<CloudEvent>(&mut schemas);
    add_page::<orders::OrderRow>(&mut schemas);
    add_answer::<orders::OrderRow>(&mut schemas);
    add_page::<payments::PaymentRow>(&mut schemas);
    add_answer::<payments::PaymentRow>(&mut schemas);
    add_page::<accounts::AccountRow>(&mut schemas);
    add_page::<journal::JournalEntry>(&mut schemas);
    add_answer::<accounts::TrialBalance>(&mut schemas);
    add_answer::<accounts::TrialBalanceChanges>(&mut schemas);
    add_page::<CustomerView>(&mut schemas);
    add_answer::<CustomerView>(&mut schemas);
    add_page::<periods::PeriodRow>(&mut schemas);
    add_answer::<periods::PeriodRow>(&mut schemas);
    add_answer::<statements::Statement>(&mut schemas);
    add_page::<takings::DayRow>(&mut schemas);
    plans::answers(&mut schemas);
    onchain::answers(&mut schemas);
    seal::schemas(&mut schemas);
    schemas
}

fn add<T: ToSchema>(schemas: &mut Vec<(String, RefOr<Schema>)>) {
    add_as::<T>(schemas, T::name().into_owned());
}

fn add_as<T: ToSchema>(schemas: &mut Vec<(String, RefOr<Schema>)>, name: String) {
    schemas.push((name, <T as PartialSchema>::schema()));
    T::schemas(schemas);
}

fn add_page<T: ToSchema>(schemas: &mut Vec<(String, RefOr<Schema>)>) {
    add::<T>(schemas);
    add_as::<Page<T>>(schemas, page::<T>());
}

fn add_answer<T: ToSchema>(schemas: &mut Vec<(String, RefOr<Schema>)>) {
    add::<T>(schemas);
    add_as::<Answer<T>>(schemas, answer::<T>());
}

/// Every page has a name of its own: utoipa calls them all `Page`.
fn page<T: ToSchema>() -> String {
    format!("PageOf{}", T::name())
}

/// The same for single things.
fn answer<T: ToSchema>() -> String {
    format!("AnswerOf{}", T::name())
}

fn reference(name: &str) -> RefOr<Schema> {
    RefOr::Ref(Ref::from_schema_name(name))
}

fn json(schema: RefOr<Schema>, media_type: &str, description: &str) -> ResponseBuilder {
    ResponseBuilder::new()
        .description(description)
        .content(media_type, ContentBuilder::new().schema(Some(schema)).build())
}

fn operation(id: &str, tag: &str, summary: &str) -> OperationBuilder {
    let problem = |text: &str| json(reference(&Problem::name()), "application/problem+json", text).build();
    OperationBuilder::new()
        .operation_id(Some(id))
        .tag(tag)
        .summary(Some(summary))
        .security(SecurityRequirement::new::<_, [String; 0], String>("key", []))
        .response("400", problem("The request cannot be read."))
        .response("401", problem("No API key, or not ours."))
        .response("429", problem("Too many requests."))
        .response("503", problem("Try again: see Retry-After."))
}

const AS_OF: &str = "What was known then: a position, or a time of recording (RFC 3339).";
const EFFECTIVE_AT: &str =
    "What had happened by then, whenever it was recorded: a time (RFC 3339), or a date and its end.";

fn header(name: &str, description: &str) -> Parameter {
    parameter(name, ParameterIn::Header, description, Type::String)
}

fn query(name: &str, description: &str, kind: Type) -> Parameter {
    parameter(name, ParameterIn::Query, description, kind)
}

fn parameter(name: &str, place: ParameterIn, description: &str, kind: Type) -> Parameter {
    let required = if place == ParameterIn::Path { Required::True } else { Required::False };
    let schema = ObjectBuilder::new().schema_type(kind);
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(required)
        .description(Some(description))
        .schema(Some(schema))
        .build()
}

fn one(command: &Described) -> Operation {
    let problem = |text: &str| json(reference(&Problem::name()), "application/problem+json", text).build();
    let body = ContentBuilder::new().schema(Some(reference(&command.schema))).build();
    operation(command.name, "commands", command.summary)
        .parameter(header("Idempotency-Key", "Up to 255 characters; the same key gives the first answer again."))
        .parameter(header("If-Match", "The ETag that the order or payment must still have."))
        .parameter(header("Correlation-Id", "A UUID that the events carry; the command's own id, if left out."))
        .parameter(header("traceparent", "W3C trace context; the events carry it."))
        .parameter(query("dry_run", "Answer what would happen, and append nothing.", Type::Boolean))
        .request_body(Some(
            RequestBodyBuilder::new().required(Some(Required::True)).content("application/json", body).build(),
        ))
        .response(
            "200",
            json(reference(&CommandAnswer::name()), "application/json", "Done, durable, or said before.").build(),
        )
        .response("404", problem("The order or payment is not known."))
        .response("409", problem("The id was used before with other content."))
        .response("412", problem("Somebody else was first."))
        .response("413", problem("The body is too large."))
        .response("415", problem("The body is not JSON."))
        .response("422", problem("The rules refuse it."))
        .build()
}

fn many() -> Operation {
    let list = |item: RefOr<Schema>| RefOr::T(Schema::Array(utoipa::openapi::ArrayBuilder::new().items(item).build()));
    let body = ContentBuilder::new().schema(Some(list(reference(&BulkItem::name())))).build();
    operation("commands", "commands", "Send up to 1000 commands, with an outcome for each")
        .description(Some(
            "A JSON array, or one object a line as application/x-ndjson. Commands of one order are done in order.",
        ))
        .parameter(query("dry_run", "Answer what would happen, and append nothing.", Type::Boolean))
        .request_body(Some(
            RequestBodyBuilder::new().required(Some(Required::True)).content("application/json", body).build(),
        ))
        .response(
            "200",
            json(list(reference(&BulkOutcome::name())), "application/json", "An outcome for each.").build(),
        )
        .build()
}

fn list(id: &str, summary: &str, schema: &str, fields: &str) -> Operation {
    operation(id, "queries", summary)
        .description(Some(format!("Fields to filter by: {fields}.")))
        .parameter(query("limit", "Rows of a page, 1 to 100; 20 if left out.", Type::Integer))
        .parameter(query("cursor", "The next_cursor of the page before.", Type::String))
        .parameter(query("sort", "A field, or -field for the largest first.", Type::String))
        .parameter(query("min_position", "Wait until the read models show this position.", Type::Integer))
        .parameter(query("as_of", AS_OF, Type::String))
        .parameter(query("effective_at", EFFECTIVE_AT, Type::String))
        .response("200", json(reference(schema), "application/json", "A page.").build())
        .build()
}

fn single(id: &str, summary: &str, schema: &str) -> OperationBuilder {
    let missing = json(reference(&Problem::name()), "application/problem+json", "There is none.").build();
    operation(id, "queries", summary)
        .parameter(query("min_position", "Wait until the read models show this position.", Type::Integer))
        .parameter(query("as_of", AS_OF, Type::String))
        .parameter(query("effective_at", EFFECTIVE_AT, Type::String))
        .response("200", json(reference(schema), "application/json", "Found.").build())
        .response("404", missing)
}

fn by_id(id: &str, summary: &str, schema: &str) -> Operation {
    single(id, summary, schema).parameter(parameter("id", ParameterIn::Path, "Its id.", Type::String)).build()
}

fn of_period(id: &str, schema: &str) -> Operation {
    let until = parameter("until", ParameterIn::Path, "Its last day.", Type::String);
    single(id, "A closed period", schema).parameter(until).build()
}

/// An answer that comes in two forms, as the `Accept` header says.
fn in_forms(schema: &str, description: &str, media_type: &str, other: RefOr<Schema>) -> Response {
    let other = ContentBuilder::new().schema(Some(other)).build();
    json(reference(schema), "application/json", description).content(media_type, other).build()
}

fn cloud_event() -> RefOr<Schema> {
    reference(&CloudEvent::name())
}

fn queries() -> Vec<(&'static str, Operation)> {
    let batch = RefOr::T(Schema::Array(ArrayBuilder::new().items(cloud_event()).build()));
    let events = operation("events", "history", "The history, every event in order")
        .description(Some(
            "A page as JSON; with `Accept: application/x-ndjson` everything after a position, one a line; with \
             `Accept: application/cloudevents-batch+json` a page of CloudEvents, whose `Link` leads to the next. The \
             header `Mizan-Position` says where the history ended when it was served.",
        ))
        .parameter(query("after", "The position before the first event wanted; 0 if left out.", Type::Integer))
        .parameter(query("limit", "Events of a page, 1 to 1000; 100 if left out.", Type::Integer))
        .parameter(query("stream", "Only this stream, for example order/o-1001.", Type::String))
        .parameter(query("category", "Only streams of this category, for example order.", Type::String))
        .parameter(query("kind", "Only this kind, for example order-placed.v1; may stand several times.", Type::String))
        .parameter(query("kind[in]", "Only these kinds, with commas between them.", Type::String))
        .parameter(query("correlation_id", "Only the story that this command began.", Type::String))
        .parameter(query("causation_id", "Only what policies answered this event with.", Type::String))
        .parameter(query("recorded_at[gte]", "Recorded then or later, RFC 3339; also [gt].", Type::String))
        .parameter(query("recorded_at[lt]", "Recorded before, RFC 3339; also [lte].", Type::String))
        .response("200", in_forms(&EventPage::name(), "A page.", cloud::BATCH_MEDIA_TYPE, batch))
        .build();
    let missing = json(reference(&Problem::name()), "application/problem+json", "There is none.").build();
    let event = operation("event", "history", "One event")
        .parameter(parameter("position", ParameterIn::Path, "Its place in the history.", Type::Integer))
        .response("200", in_forms(&EventView::name(), "Found.", cloud::MEDIA_TYPE, cloud_event()))
        .response("404", missing)
        .build();
    let plain = |id: &str, summary: &str| {
        OperationBuilder::new().operation_id(Some(id)).tag("operations").summary(Some(summary))
    };
    vec![
        ("/v1/queries/orders", list("orders", "Orders", &page::<orders::OrderRow>(), &orders::fields())),
        ("/v1/queries/orders/{id}", by_id("order", "One order", &answer::<orders::OrderRow>())),
        ("/v1/queries/payments", list("payments", "Payments", &page::<payments::PaymentRow>(), &payments::fields())),
        ("/v1/queries/payments/{id}", by_id("payment", "One payment", &answer::<payments::PaymentRow>())),
        (
            "/v1/queries/accounts",
            list("accounts", "Accounts and balances", &page::<accounts::AccountRow>(), &accounts::fields()),
        ),
        (
            "/v1/queries/journal",
            list("journal", "The journal, entry by entry", &page::<journal::JournalEntry>(), &journal::fields()),
        ),
        (
            "/v1/queries/trial-balance",
            single("trial-balance", "The trial balance", &answer::<accounts::TrialBalance>())
                .parameter(query("currency", "Only this currency.", Type::String))
                .parameter(query("from", "The first day of posting.", Type::String))
                .parameter(query("until", "The last day of posting.", Type::String))
                .build(),
        ),
        (
            "/v1/queries/trial-balance/changes",
            single(
                "trial-balance-changes",
                "The difference of the books between two points",
                &answer::<accounts::TrialBalanceChanges>(),
            )
            .parameter(query("since", "The first point: a position, or a time of recording. Required.", Type::String))
            .parameter(query("currency", "Only this currency.", Type::String))
            .build(),
        ),
        (
            "/v1/queries/customers/{id}/statement",
            single("statement", "A customer's statement", &answer::<statements::Statement>())
                .parameter(parameter("id", ParameterIn::Path, "The customer's id.", Type::String))
                .parameter(query("from", "The first moment, RFC 3339.", Type::String))
                .parameter(query("to", "The moment before which it ends, RFC 3339.", Type::String))
                .parameter(query("currency", "Only this currency.", Type::String))
                .build(),
        ),
        (
            "/v1/queries/daily-takings",
            list(
                "daily-takings",
                "What came in and went out, by day, method and currency",
                &page::<takings::DayRow>(),
                &takings::fields(),
            ),
        ),
        (
            "/v1/queries/customers",
            list("customers", "Customers, opened", &page::<CustomerView>(), &customers::fields()),
        ),
        (
            "/v1/queries/customers/{id}",
            by_id("customer", "Who a customer is, as far as it can be read", &answer::<CustomerView>()),
        ),
        ("/v1/queries/periods", list("periods", "Closed periods", &page::<periods::PeriodRow>(), &periods::fields())),
        ("/v1/queries/periods/{until}", of_period("period", &answer::<periods::PeriodRow>())),
        ("/v1/events", events),
        ("/v1/events/{position}", event),
        (
            "/readyz",
            plain("ready", "Whether the service can work")
                .response("200", json(reference(&Readiness::name()), "application/json", "It can.").build())
                .response("503", json(reference(&Readiness::name()), "application/json", "It cannot.").build())
                .build(),
        ),
        (
            "/healthz",
            plain("alive", "Whether the process lives")
                .response("200", ResponseBuilder::new().description("It does.").build())
                .build(),
        ),
        (
            "/metrics",
            plain("metrics", "Figures for Prometheus")
                .response("200", ResponseBuilder::new().description("Text.").build())
                .build(),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// Two schemas of one name would be one, and the document wrong about the other.
    #[test]
    fn every_schema_has_a_name_of_its_own() {
        let mut known: BTreeMap<String, serde_json::Value> = BTreeMap::new();
        for (name, schema) in described().into_iter().flat_map(|it| it.schemas).chain(answers()) {
            let schema = serde_json::to_value(schema).unwrap();
            let first = known.entry(name.clone()).or_insert_with(|| schema.clone());
            assert_eq!(*first, schema, "{name}");
        }
    }
}

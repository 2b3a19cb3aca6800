//! Questions about who customers are. The rows are sealed; what can still be opened is opened here, for the answer.

use super::{Answered, alone, named, page, ready, tagged};
use crate::engine::Engine;
use crate::problem::Problem;
use crate::server::{Caller, only};
use actix_web::{HttpRequest, web};
use chrono::{DateTime, Utc};
use mizan_domain::customer::Details;
use mizan_domain::id::MerchantId;
use mizan_projections::customers::{self, CustomerRow};
use mizan_projections::{Answer, Page};
use mizan_store::Position;
use serde::Serialize;
use utoipa::ToSchema;

/// Who a customer is, as far as it can still be read.
#[derive(Serialize, ToSchema)]
pub struct CustomerView {
    /// Their opaque id.
    pub customer_id: String,
    /// How they are called.
    pub name: Option<String>,
    /// Where to write to.
    pub email: Option<String>,
    /// Where to call.
    pub phone: Option<String>,
    /// Where they live, or where things are sent.
    pub address: Option<String>,
    /// A number of theirs with an authority.
    pub tax_id: Option<String>,
    /// Anything else.
    pub note: Option<String>,
    /// Whether they were erased: then nobody can read any of it, in no copy of the history.
    pub is_erased: bool,
    /// When they were.
    pub erased_at: Option<DateTime<Utc>>,
    /// When the last event happened.
    pub updated_at: DateTime<Utc>,
    /// How many events there are: what `If-Match` takes.
    pub revision: i64,
    /// The last event's place in the history.
    #[schema(value_type = i64)]
    pub position: Position,
}

impl CustomerView {
    fn of(row: CustomerRow, opened: Details<String>) -> Self {
        let Details { name, email, phone, address, tax_id, note } = opened;
        let CustomerRow { customer_id, is_erased, erased_at, updated_at, revision, position, .. } = row;
        Self {
            customer_id,
            name,
            email,
            phone,
            address,
            tax_id,
            note,
            is_erased,
            erased_at,
            updated_at,
            revision,
            position,
        }
    }
}

/// What is asked where.
pub(super) fn routes(config: &mut web::ServiceConfig) {
    let get = |path: &str| web::resource(format!("/queries/{path}")).default_service(only("GET"));
    config
        .service(get("customers").route(web::get().to(list)))
        .service(get("customers/{id}").route(web::get().to(one)));
}

async fn list(engine: web::Data<Engine>, caller: Caller, request: HttpRequest) -> Answered {
    let (reads, pairs) = ready(&engine, &request).await?;
    let Page { data, next_cursor, position } = customers::search(&reads, &caller.merchant, &pairs).await?;
    let data = opened(&engine, &caller.merchant, data).await?;
    page(&request, &Page { data, next_cursor, position })
}

async fn one(engine: web::Data<Engine>, caller: Caller, request: HttpRequest, id: web::Path<String>) -> Answered {
    let reads = alone(&engine, &request).await?;
    let found = customers::get(&reads, &caller.merchant, named(&id, "customer")?).await?;
    let Answer { data, position } = found.ok_or_else(|| Problem::not_found("customer"))?;
    let revision = data.revision;
    let mut opened = opened(&engine, &caller.merchant, vec![data]).await?;
    let data = opened.pop().ok_or_else(|| Problem::not_found("customer"))?;
    tagged(revision, &Answer { data, position })
}

async fn opened(engine: &Engine, merchant: &MerchantId, rows: Vec<CustomerRow>) -> Result<Vec<CustomerView>, Problem> {
    let sealed = rows.iter().map(|it| (it.customer_id.as_str(), it.details.0.clone())).collect();
    let opened = engine.vault.open(merchant, sealed).await.map_err(|error| {
        tracing::error!(%error, "personal values were not opened");
        Problem::unavailable("personal values cannot be opened now; the service's log says why")
    })?;
    Ok(rows.into_iter().zip(opened).map(|(row, opened)| CustomerView::of(row, opened)).collect())
}

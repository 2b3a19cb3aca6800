//! What the books gained between two points of the history: the roll-forward from one trial balance to the next.

use crate::amount::Amount;
use crate::past::{About, Room};
use crate::reads::{Answer, QueryError, Reads};
use crate::search::SearchError;
use mizan_domain::id::MerchantId;
use mizan_store::Position;
use serde::{Deserialize, Serialize};
use sqlx::FromRow;
use utoipa::ToSchema;

/// The difference of the books between two points.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TrialBalanceChanges {
    /// The point after which it begins; the answer's `position` is the one that it ends with.
    #[schema(value_type = i64)]
    pub since: Position,
    /// A line for each account and currency, by currency and account.
    pub lines: Vec<AccountChange>,
    /// Whether every currency's debits and credits are equal. Anything else is a fault in the books.
    pub is_balanced: bool,
}

/// One account in one currency. Balances are debits less credits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, FromRow, ToSchema)]
pub struct AccountChange {
    /// The account.
    pub account: String,
    /// Its class.
    pub class: String,
    /// The currency of the amounts.
    pub currency: String,
    /// Its balance at the first point.
    pub opening: Amount,
    /// What went to its debit since.
    pub debits: Amount,
    /// What went to its credit since.
    pub credits: Amount,
    /// Its balance at the second point.
    pub closing: Amount,
}

const CHANGES: &str = "select account, class, currency, balance - coalesce(since.debits, 0) + coalesce(since.credits, 0) as opening, \
         coalesce(since.debits, balance - balance) as debits, coalesce(since.credits, balance - balance) as credits, \
         balance as closing \
     from accounts left join (select account, currency, sum(debit) as debits, sum(credit) as credits from postings \
         where merchant_id = $1 and layer = 'posted' and position > $2 group by account, currency) since \
         using (account, currency) \
     where merchant_id = $1 and ($3::text is null or currency = $3) order by currency, account";

/// The difference between the point `since` and the one that is asked about. It takes `currency`.
///
/// # Errors
/// [`QueryError`].
pub async fn changes(
    reads: &Reads,
    merchant: &MerchantId,
    since: Position,
    pairs: &[(String, String)],
) -> Result<Answer<TrialBalanceChanges>, QueryError> {
    let mut currency = None;
    for (name, value) in pairs {
        match name.as_str() {
            "currency" => currency = Some(value),
            _unknown => {
                let message =
                    format!("the changes have no {name:?}; they take since, as_of, effective_at and currency");
                return Err(SearchError::new("unknown_parameter", name, message).into());
            }
        }
    }
    let (mut connection, position) = reads.begin(About { merchant, rooms: &[Room::Books], only: None }).await?;
    if since > position {
        let message = format!("since is {since}, and the answer ends at {position}: the first point comes first");
        return Err(SearchError::new("bad_value", "since", message).into());
    }
    let query = sqlx::query_as(CHANGES).bind(merchant.as_str()).bind(since).bind(currency);
    let lines: Vec<AccountChange> = query.fetch_all(&mut *connection).await?;
    let is_balanced = balanced(&lines).ok_or_else(|| sqlx::Error::Protocol("a sum is too large".to_owned()))?;
    Ok(Answer { data: TrialBalanceChanges { since, lines, is_balanced }, position })
}

/// Whether debits and credits are equal in each currency; none where they cannot be summed.
fn balanced(lines: &[AccountChange]) -> Option<bool> {
    let mut is_balanced = true;
    for of_one in lines.chunk_by(|it, next| it.currency == next.currency) {
        let mut sum: Option<Amount> = None;
        for it in of_one {
            let moved = it.debits.minus(it.credits).ok()?;
            match &mut sum {
                Some(sum) => sum.add(moved).ok()?,
                None => sum = Some(moved),
            }
        }
        is_balanced &= sum.is_none_or(|it| it == it.negated());
    }
    Some(is_balanced)
}

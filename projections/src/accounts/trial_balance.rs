//! The trial balance: whether everything sums to zero, of all time, of a period, or up to a day.

use super::AccountRow;
use crate::amount::Amount;
use crate::apply::Misfit;
use crate::past::{About, Room};
use crate::periods::POSTED_ON;
use crate::reads::{Answer, QueryError, Reads};
use crate::search::{SearchError, day};
use chrono::NaiveDate;
use mizan_domain::id::MerchantId;
use mizan_domain::{Account, Currency, Money};
use serde::{Deserialize, Serialize};
use sqlx::QueryBuilder;
use utoipa::ToSchema;

/// The balance of every account, to the debit or to the credit, and their sums.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TrialBalance {
    /// A line for each account and currency, by currency and account.
    pub lines: Vec<TrialBalanceLine>,
    /// Their sums, one for each currency.
    pub totals: Vec<TrialBalanceTotal>,
    /// Whether debit and credit are equal in every currency. Anything else is a fault in the books.
    pub is_balanced: bool,
}

/// One account in one currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TrialBalanceLine {
    /// The account.
    pub account: String,
    /// Its class.
    pub class: String,
    /// The currency of the amounts.
    pub currency: String,
    /// The balance, where it is a debit.
    pub debit: Amount,
    /// The balance, where it is a credit.
    pub credit: Amount,
}

/// The sums of one currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TrialBalanceTotal {
    /// The currency.
    pub currency: String,
    /// The sum of the debits.
    pub debit: Amount,
    /// The sum of the credits; equal to the debits.
    pub credit: Amount,
}

/// The trial balance. It takes `currency`, and the first and the last day of posting as `from` and `until`: what was
/// recorded after a period was closed is posted to the next one.
///
/// # Errors
/// [`QueryError`].
pub async fn trial_balance(
    reads: &Reads,
    merchant: &MerchantId,
    pairs: &[(String, String)],
) -> Result<Answer<TrialBalance>, QueryError> {
    let (mut currency, mut from, mut until) = (None, None, None);
    for (name, value) in pairs {
        match name.as_str() {
            "currency" => currency = Some(value),
            "from" => from = Some(day(name, value)?),
            "until" => until = Some(day(name, value)?),
            _unknown => {
                let message = format!("the trial balance has no {name:?}; it takes currency, from and until");
                return Err(SearchError::new("unknown_parameter", name, message).into());
            }
        }
    }
    let mut sql = if from.is_none() && until.is_none() {
        let mut sql = QueryBuilder::new("select * from accounts where merchant_id = ");
        sql.push_bind(merchant.as_str());
        sql
    } else {
        posted(merchant, from, until)
    };
    if let Some(currency) = currency {
        sql.push(" and currency = ").push_bind(currency);
    }
    sql.push(" order by currency, account");
    let (mut connection, position) = reads.begin(About { merchant, rooms: &[Room::Books], only: None }).await?;
    let rows: Vec<AccountRow> = sql.build_query_as().fetch_all(&mut *connection).await?;
    let data = balanced(rows).map_err(|_| sqlx::Error::Protocol("a sum of balances is too large".to_owned()))?;
    Ok(Answer { data, position })
}

/// The balances of all accounts that are not zero, debits positive, as what is posted up to a day makes them.
///
/// # Errors
/// [`QueryError`].
pub async fn balances(
    reads: &Reads,
    merchant: &MerchantId,
    until: NaiveDate,
) -> Result<Vec<(Account, Money)>, QueryError> {
    let found = trial_balance(reads, merchant, &[("until".to_owned(), until.to_string())]).await?;
    let bad = |why: String| QueryError::Database(sqlx::Error::Decode(why.into()));
    let mut balances = Vec::new();
    for it in found.data.lines {
        let account = it.account.parse().map_err(|_| bad(format!("there is no account {:?}", it.account)))?;
        let currency = Currency::parse(&it.currency).map_err(|error| bad(error.to_string()))?;
        let (debit, credit) = (it.debit.to_string(), it.credit.to_string());
        let money = |text: &str| Money::parse(text, currency).map_err(|error| bad(error.to_string()));
        let balance = money(&debit)?.minor() - money(&credit)?.minor();
        if balance != 0 {
            balances.push((account, Money::of_minor(balance, currency)));
        }
    }
    Ok(balances)
}

/// Accounts as the postings of some days make them.
fn posted(merchant: &MerchantId, from: Option<NaiveDate>, until: Option<NaiveDate>) -> QueryBuilder<sqlx::Postgres> {
    let mut sql = QueryBuilder::new(
        "select accounts.merchant_id, account, currency, class, moved.debits, moved.credits, \
             moved.debits - moved.credits as balance, moved.pending_debits, moved.pending_credits, moved.position \
         from accounts join (select account, currency, max(position) as position, \
             sum(case layer when 'posted' then debit else debit - debit end) as debits, \
             sum(case layer when 'posted' then credit else credit - credit end) as credits, \
             sum(case layer when 'pending' then debit else debit - debit end) as pending_debits, \
             sum(case layer when 'pending' then credit else credit - credit end) as pending_credits \
         from postings journal where merchant_id = ",
    );
    sql.push_bind(merchant.as_str());
    if let Some(from) = from {
        sql.push(" and ").push(POSTED_ON).push(" >= ").push_bind(from);
    }
    if let Some(until) = until {
        // A posting is never put on an earlier day than the one that counts.
        sql.push(" and effective_on <= ").push_bind(until);
        sql.push(" and ").push(POSTED_ON).push(" <= ").push_bind(until);
    }
    sql.push(" group by account, currency) moved using (account, currency) where accounts.merchant_id = ");
    sql.push_bind(merchant.as_str());
    sql
}

fn balanced(rows: Vec<AccountRow>) -> Result<TrialBalance, Misfit> {
    let mut totals: Vec<TrialBalanceTotal> = Vec::new();
    let mut lines = Vec::with_capacity(rows.len());
    for it in rows {
        let nothing = it.balance.minus(it.balance)?;
        let (debit, credit) =
            if it.balance.is_positive() { (it.balance, nothing) } else { (nothing, it.balance.negated()) };
        match totals.last_mut().filter(|total| total.currency == it.currency) {
            Some(total) => {
                total.debit.add(debit)?;
                total.credit.add(credit)?;
            }
            None => totals.push(TrialBalanceTotal { currency: it.currency.clone(), debit, credit }),
        }
        let AccountRow { account, class, currency, .. } = it;
        lines.push(TrialBalanceLine { account, class, currency, debit, credit });
    }
    let is_balanced = totals.iter().all(|it| it.debit == it.credit);
    Ok(TrialBalance { lines, totals, is_balanced })
}

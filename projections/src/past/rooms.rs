//! What the past is made of: which tables follow which streams, and which are only ever added to.

use crate::apply::NotApplied;
use crate::lately::Kept;
use crate::{clocks, credit_lines, customers, onchain, plans, streams};
use mizan_domain::onchain::{deposit, holding, invoice, payout, wallet};
use mizan_domain::{Decider, clock, credit, customer, order, payment, plan};
use mizan_store::Recorded;
use sqlx::PgConnection;
use std::sync::Arc;

/// Read models that have a past together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    /// What follows from streams of one category.
    Of(Streams),
    /// Journal, accounts, statements, takings and periods.
    Books,
}

/// Streams with rows that are functions of each stream alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Streams {
    Orders,
    Payments,
    Plans,
    Credit,
    Clock,
    Customers,
    Wallets,
    Invoices,
    Deposits,
    Holdings,
    Payouts,
}

/// A table of such rows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table {
    pub(super) name: &'static str,
    /// Whether a stream has several rows, some of which may be older than its last change.
    pub(super) has_many: bool,
}

const fn one(name: &'static str) -> Table {
    Table { name, has_many: false }
}

const fn many(name: &'static str) -> Table {
    Table { name, has_many: true }
}

impl Streams {
    pub(super) fn category(self) -> &'static str {
        match self {
            Self::Orders => order::Order::CATEGORY,
            Self::Payments => payment::Payment::CATEGORY,
            Self::Plans => plan::Plan::CATEGORY,
            Self::Credit => credit::Credit::CATEGORY,
            Self::Clock => clock::Clock::CATEGORY,
            Self::Customers => customer::Customer::CATEGORY,
            Self::Wallets => wallet::Wallet::CATEGORY,
            Self::Invoices => invoice::Invoice::CATEGORY,
            Self::Deposits => deposit::Deposit::CATEGORY,
            Self::Holdings => holding::Holding::CATEGORY,
            Self::Payouts => payout::Payout::CATEGORY,
        }
    }

    /// The column with the stream's name; there is one clock, with one name.
    pub(super) fn id(self) -> &'static str {
        match self {
            Self::Orders => "order_id",
            Self::Payments => "payment_id",
            Self::Plans => "plan_id",
            Self::Credit | Self::Customers => "customer_id",
            Self::Clock => "'merchant'",
            Self::Wallets => "wallet_id",
            Self::Invoices => "invoice_id",
            Self::Deposits => "deposit_id",
            Self::Holdings => "holding_id",
            Self::Payouts => "payout_id",
        }
    }

    /// Its tables. The first has a row for every stream, and in it the stream's last position.
    pub(super) fn tables(self) -> &'static [Table] {
        match self {
            Self::Orders => &const { [one("orders")] },
            Self::Payments => &const { [one("payments")] },
            Self::Plans => {
                &const { [one("plans"), many("plan_installments"), many("plan_history"), many("plan_agreements")] }
            }
            Self::Credit => &const { [many("credit_lines")] },
            Self::Clock => &const { [one("clocks")] },
            Self::Customers => &const { [one("customers")] },
            Self::Wallets => &const { [one("wallets"), many("onchain_addresses")] },
            Self::Invoices => &const { [one("invoices")] },
            Self::Deposits => &const { [one("deposits")] },
            Self::Holdings => &const { [one("holdings")] },
            Self::Payouts => &const { [one("payouts")] },
        }
    }

    /// Folds events into the tables that the transaction's names mean.
    pub(super) async fn apply(self, tx: &mut PgConnection, batch: &[Arc<Recorded>]) -> Result<(), NotApplied> {
        // A stream is folded from its first event: there is nothing to keep.
        let mut kept = Kept::nothing().streams;
        match self {
            Self::Orders => streams::apply(tx, &mut kept.orders, batch).await,
            Self::Payments => streams::apply(tx, &mut kept.payments, batch).await,
            Self::Plans => plans::apply(tx, &mut kept.plans, batch).await,
            Self::Credit => credit_lines::apply(tx, batch).await,
            Self::Clock => clocks::apply(tx, batch).await,
            Self::Customers => customers::apply(tx, batch).await,
            Self::Wallets => onchain::wallets::apply(tx, &mut kept.wallets, batch).await,
            Self::Invoices => streams::apply(tx, &mut kept.invoices, batch).await,
            Self::Deposits => streams::apply(tx, &mut kept.deposits, batch).await,
            Self::Holdings => streams::apply(tx, &mut kept.holdings, batch).await,
            Self::Payouts => streams::apply(tx, &mut kept.payouts, batch).await,
        }
    }
}

/// The journal up to a position.
pub(super) const JOURNAL_AS_OF: &str = "
    create temp view journal as select * from read.journal
        where merchant_id = current_setting('mizan.merchant') and position <= current_setting('mizan.position')::bigint;";

/// The books up to a position: they are only ever added to, so what came later is left out. An account is what it is
/// now less what came since.
pub(super) const BOOKS_AS_OF: &str = "
    create temp view journal_blocks as select * from read.journal_blocks
        where merchant_id = current_setting('mizan.merchant') and position <= current_setting('mizan.position')::bigint;
    create temp view statement_lines as select * from read.statement_lines
        where merchant_id = current_setting('mizan.merchant') and position <= current_setting('mizan.position')::bigint;
    create temp view takings as select * from read.takings
        where merchant_id = current_setting('mizan.merchant') and position <= current_setting('mizan.position')::bigint;
    create temp view periods as select * from read.periods
        where merchant_id = current_setting('mizan.merchant') and position <= current_setting('mizan.position')::bigint;
    create temp view accounts as
        with since as (
            select account, currency,
                sum(debit) filter (where layer = 'posted') as debits, sum(credit) filter (where layer = 'posted') as credits,
                sum(debit) filter (where layer = 'pending') as pending_debits,
                sum(credit) filter (where layer = 'pending') as pending_credits
            from read.postings where merchant_id = current_setting('mizan.merchant')
                and position > current_setting('mizan.position')::bigint
            group by account, currency
        )
        select it.merchant_id, it.account, it.currency, it.class,
            it.debits - coalesce(since.debits, 0) as debits, it.credits - coalesce(since.credits, 0) as credits,
            it.balance - coalesce(since.debits, 0) + coalesce(since.credits, 0) as balance,
            it.pending_debits - coalesce(since.pending_debits, 0) as pending_debits,
            it.pending_credits - coalesce(since.pending_credits, 0) as pending_credits, last.position
        from read.accounts it left join since using (account, currency)
            cross join lateral (
                select found.position from (
                    select block from read.journal_blocks
                    where merchant_id = it.merchant_id and account = it.account and currency = it.currency
                        and position <= current_setting('mizan.position')::bigint) block
                cross join lateral (
                    select position from read.postings
                    where merchant_id = it.merchant_id and account = it.account and currency = it.currency
                        and position >= block.block * 4096 and position < (block.block + 1) * 4096
                        and position <= current_setting('mizan.position')::bigint
                    order by position desc limit 1) found
                order by block.block desc limit 1) last
        where it.merchant_id = current_setting('mizan.merchant');";

/// The journal of what had happened by a moment. Steps of a plan that were undone because a fact came to light late count
/// from the day from which they were undone, as what undid them does: together they are nothing.
pub(super) const JOURNAL_EFFECTIVE: &str = "
    create temp view journal as select * from read.journal it
        where merchant_id = current_setting('mizan.merchant') and position <= current_setting('mizan.position')::bigint
            and (effective_at <= current_setting('mizan.effective_at')::timestamptz or exists (
                select from read.plan_history step join read.plan_history unwinding using (merchant_id, plan_id)
                where it.category = 'plan' and step.merchant_id = it.merchant_id and step.plan_id = it.stream
                    and step.position = it.position and unwinding.kind = 'unwound'
                    and unwinding.position <= current_setting('mizan.position')::bigint
                    and unwinding.effective_on <= current_setting('mizan.effective_at')::timestamptz::date
                    and (unwinding.details::jsonb -> 'undone') @> to_jsonb(step.step)));";

/// The other books of what had happened by a moment.
pub(super) const BOOKS_EFFECTIVE: &str = "
    create temp view statement_lines as select * from read.statement_lines
        where merchant_id = current_setting('mizan.merchant') and position <= current_setting('mizan.position')::bigint
            and at <= current_setting('mizan.effective_at')::timestamptz;
    create temp view takings as select * from read.takings
        where merchant_id = current_setting('mizan.merchant') and position <= current_setting('mizan.position')::bigint
            and at <= current_setting('mizan.effective_at')::timestamptz;
    create temp view periods as select * from read.periods
        where merchant_id = current_setting('mizan.merchant') and position <= current_setting('mizan.position')::bigint;
    create temp view accounts as
        with sums as (
            select merchant_id, account, currency, max(position) as position,
                sum(case layer when 'posted' then debit else debit - debit end) as debits,
                sum(case layer when 'posted' then credit else credit - credit end) as credits,
                sum(case layer when 'pending' then debit else debit - debit end) as pending_debits,
                sum(case layer when 'pending' then credit else credit - credit end) as pending_credits
            from pg_temp.postings group by merchant_id, account, currency
        )
        select merchant_id, account, currency, it.class, sums.debits, sums.credits, sums.debits - sums.credits as balance,
            sums.pending_debits, sums.pending_credits, sums.position
        from sums join read.accounts it using (merchant_id, account, currency);";

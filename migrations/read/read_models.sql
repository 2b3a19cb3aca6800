-- The read models: what the facts look like. Everything here follows from the event log alone and can be thrown away.
--
-- Names are unqualified on purpose: this file runs under `set local search_path`, so that the same text makes the live
-- schema (read) and one that is rebuilt beside it (read_next); read_indexes.sql follows it. It is not a migration: when
-- it changes, the read models are built anew. Every key starts with the merchant; text is collated bytewise, so that
-- order is the same everywhere. Amounts are exact decimals with the digits of their currency.

-- How far the log is applied. The row moves in the transaction that applies a batch, or neither happens.
create table checkpoint (
    one boolean primary key default true check (one),
    position bigint not null check (position >= 0),
    -- Changes when these tables take the place of others, so that whoever still knows the others is refused.
    epoch bigint not null,
    -- Which program and which version of this file the rows are made by.
    shape text collate "C" not null
);

create table orders (
    merchant_id text collate "C" not null,
    order_id text collate "C" not null,
    customer_id text collate "C",
    reference text collate "C",
    currency text collate "C" not null,
    status text collate "C" not null,
    payment_status text collate "C" not null,
    net numeric not null,
    tax numeric not null,
    gross numeric not null,
    value numeric not null,
    allocated numeric not null,
    due numeric not null,
    credit numeric not null,
    refunded numeric not null,
    cancelled_value numeric not null,
    returned_value numeric not null,
    allowance numeric not null,
    placed_at timestamptz,
    updated_at timestamptz not null,
    revision bigint not null,
    position bigint not null,
    lines json not null,
    payments json not null,
    primary key (merchant_id, order_id)
) with (fillfactor = 80);

create table payments (
    merchant_id text collate "C" not null,
    payment_id text collate "C" not null,
    order_id text collate "C",
    plan_id text collate "C",
    customer_id text collate "C",
    method text collate "C" not null,
    currency text collate "C" not null,
    status text collate "C" not null,
    unknown_attempt text collate "C",
    amount numeric not null,
    authorised numeric not null,
    captured numeric not null,
    given_back numeric not null,
    reversed numeric not null,
    refund_pending numeric not null,
    refunded numeric not null,
    disputed numeric not null,
    dispute_lost numeric not null,
    over_recovery numeric not null,
    refundable numeric not null,
    fees numeric not null,
    paid_out numeric not null,
    provider_reference text collate "C",
    created_at timestamptz not null,
    updated_at timestamptz not null,
    revision bigint not null,
    position bigint not null,
    captures json not null,
    refunds json not null,
    disputes json not null,
    primary key (merchant_id, payment_id)
) with (fillfactor = 80);

create table accounts (
    merchant_id text collate "C" not null,
    account text collate "C" not null,
    currency text collate "C" not null,
    class text collate "C" not null,
    debits numeric not null,
    credits numeric not null,
    -- Debits less credits.
    balance numeric not null,
    pending_debits numeric not null,
    pending_credits numeric not null,
    position bigint not null,
    primary key (merchant_id, account, currency)
) with (fillfactor = 50);

-- One row an entry, its legs in arrays: the posted layer before the pending one. The view postings has a row a leg.
create table journal (
    merchant_id text collate "C" not null,
    position bigint not null,
    -- How many of the legs are of the posted layer.
    posted integer not null,
    accounts text[] collate "C" not null,
    -- Of each leg; or one, where all have the same.
    currencies text[] collate "C" not null,
    -- Debits are positive.
    amounts numeric[] not null,
    party text collate "C",
    event_id uuid not null,
    kind text collate "C" not null,
    category text collate "C" not null,
    stream text collate "C" not null,
    correlation_id uuid not null,
    effective_at timestamptz not null,
    -- The day that counts in the books, in the time zone of whoever it concerns.
    effective_on date not null,
    recorded_at timestamptz not null
);

-- In which stretches of 4,096 positions an account has postings, with the position of the first.
create table journal_blocks (
    merchant_id text collate "C" not null,
    account text collate "C" not null,
    block bigint not null,
    currency text collate "C" not null,
    position bigint not null,
    primary key (merchant_id, account, block, currency)
);

-- What customers owe: one row a fact that changes it.
create table statement_lines (
    merchant_id text collate "C" not null,
    position bigint not null,
    -- Where the payment names no customer, its order does.
    customer_id text collate "C",
    order_id text collate "C",
    payment_id text collate "C",
    plan_id text collate "C",
    kind text collate "C" not null,
    -- The fact's own id: a cancellation, a capture, a refund.
    fact_id text collate "C" not null,
    currency text collate "C" not null,
    amount numeric not null,
    at timestamptz not null
);

-- What came in and went out: one row a movement of money between customers, providers and the merchant.
create table takings (
    merchant_id text collate "C" not null,
    position bigint not null,
    at timestamptz not null,
    payment_id text collate "C" not null,
    method text collate "C" not null,
    currency text collate "C" not null,
    captured numeric not null,
    reversed numeric not null,
    refunded numeric not null,
    fees numeric not null,
    disputed numeric not null
);

-- Installment plans as they stand. What grows with a plan's life is in the tables after this one.
create table plans (
    merchant_id text collate "C" not null,
    plan_id text collate "C" not null,
    customer_id text collate "C" not null,
    order_id text collate "C",
    product text collate "C",
    currency text collate "C" not null,
    status text collate "C" not null,
    amount numeric not null,
    down_payment numeric not null,
    financed numeric not null,
    discount numeric not null,
    finance_charge numeric not null,
    total_cost numeric not null,
    -- Percent.
    apr_us text collate "C",
    apr_eu text collate "C",
    -- A fraction of one.
    rate text collate "C" not null,
    starts_on date not null,
    opened_at timestamptz,
    principal numeric not null,
    interest numeric not null,
    fees numeric not null,
    outstanding numeric not null,
    accrued numeric not null,
    paid numeric not null,
    refunded numeric not null,
    overpaid numeric not null,
    charged_off numeric not null,
    recovered numeric not null,
    refund_recovered numeric not null,
    cash_back numeric not null,
    interest_returned numeric not null,
    merchant_payable numeric not null,
    discount_unearned numeric not null,
    next_due_on date,
    wakes_at timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    revision bigint not null,
    position bigint not null,
    primary key (merchant_id, plan_id)
) with (fillfactor = 80);

-- One row a payment of a plan, as it stands; number 0 is the down payment. Whether it is late is a question of the day.
create table plan_installments (
    merchant_id text collate "C" not null,
    plan_id text collate "C" not null,
    number integer not null,
    customer_id text collate "C" not null,
    currency text collate "C" not null,
    due_on date not null,
    from_on date not null,
    until_on date not null,
    principal_due numeric not null,
    principal_paid numeric not null,
    principal_cancelled numeric not null,
    principal_waived numeric not null,
    principal_written_off numeric not null,
    principal_outstanding numeric not null,
    interest_due numeric not null,
    interest_paid numeric not null,
    interest_cancelled numeric not null,
    interest_waived numeric not null,
    interest_written_off numeric not null,
    interest_outstanding numeric not null,
    fee_due numeric not null,
    fee_paid numeric not null,
    fee_cancelled numeric not null,
    fee_waived numeric not null,
    fee_written_off numeric not null,
    fee_outstanding numeric not null,
    outstanding numeric not null,
    is_settled boolean not null,
    position bigint not null,
    primary key (merchant_id, plan_id, number)
) with (fillfactor = 80);

-- One row an event of a plan.
create table plan_history (
    merchant_id text collate "C" not null,
    plan_id text collate "C" not null,
    position bigint not null,
    revision bigint not null,
    -- None where the event changed nothing on the customer's side.
    step integer,
    kind text collate "C" not null,
    effective_on date,
    at timestamptz not null,
    currency text collate "C" not null,
    amount numeric,
    number integer,
    payment_id text collate "C",
    fact_id text collate "C",
    reason text collate "C",
    details json,
    -- What was owed after it.
    principal numeric,
    interest numeric,
    fees numeric,
    overpaid numeric,
    is_reapplied boolean not null
);

-- What was agreed, as the event has it.
create table plan_agreements (
    merchant_id text collate "C" not null,
    plan_id text collate "C" not null,
    position bigint not null,
    at timestamptz not null,
    agreement json not null
);

-- How much customers may owe, and how much of that is taken.
create table credit_lines (
    merchant_id text collate "C" not null,
    customer_id text collate "C" not null,
    currency text collate "C" not null,
    credit_limit numeric not null,
    score text collate "C",
    source text collate "C",
    outstanding numeric not null,
    reserved numeric not null,
    available numeric not null,
    updated_at timestamptz not null,
    revision bigint not null,
    position bigint not null,
    primary key (merchant_id, customer_id, currency)
) with (fillfactor = 80);

-- What the clocks of merchants in test mode show; the others have none.
create table clocks (
    merchant_id text collate "C" not null,
    now timestamptz not null,
    revision bigint not null,
    position bigint not null,
    primary key (merchant_id)
) with (fillfactor = 50);

-- Accounting periods that were closed.
create table periods (
    merchant_id text collate "C" not null,
    until date not null,
    through bigint not null,
    trial_balance json not null,
    note text collate "C" not null,
    closed_at timestamptz not null,
    position bigint not null,
    primary key (merchant_id, until)
);

-- Who customers are, sealed: nothing here can be read without the customer's key, which is elsewhere.
create table customers (
    merchant_id text collate "C" not null,
    customer_id text collate "C" not null,
    details json not null,
    is_erased boolean not null,
    erased_at timestamptz,
    updated_at timestamptz not null,
    revision bigint not null,
    position bigint not null,
    primary key (merchant_id, customer_id)
) with (fillfactor = 80);

-- Watch-only wallets.
create table wallets (
    merchant_id text collate "C" not null,
    wallet_id text collate "C" not null,
    chain text collate "C" not null,
    script text collate "C" not null,
    account_key text collate "C" not null,
    label text collate "C",
    allocated bigint not null,
    used bigint not null,
    unused_in_a_row bigint not null,
    is_beyond_gap boolean not null,
    opened_at timestamptz not null,
    updated_at timestamptz not null,
    revision bigint not null,
    position bigint not null,
    primary key (merchant_id, wallet_id)
) with (fillfactor = 80);

-- Which address belongs to which invoice, and until when watchers look at it.
create table onchain_addresses (
    merchant_id text collate "C" not null,
    wallet_id text collate "C" not null,
    index bigint not null,
    chain text collate "C" not null,
    address text collate "C" not null,
    invoice_id text collate "C" not null,
    customer_id text collate "C",
    asset text collate "C" not null,
    decimals integer not null,
    confirming json not null,
    is_used boolean not null,
    watched_until timestamptz not null,
    allocated_at timestamptz not null,
    position bigint not null,
    primary key (merchant_id, wallet_id, index)
) with (fillfactor = 80);

-- Invoices that are paid on chains.
create table invoices (
    merchant_id text collate "C" not null,
    invoice_id text collate "C" not null,
    order_id text collate "C",
    customer_id text collate "C",
    currency text collate "C" not null,
    price numeric not null,
    asset text collate "C" not null,
    decimals integer not null,
    due numeric not null,
    rate text collate "C" not null,
    source text collate "C" not null,
    spread text collate "C" not null,
    quoted_at timestamptz not null,
    expires_at timestamptz not null,
    watched_until timestamptz not null,
    terms json not null,
    wallet_id text collate "C" not null,
    chain text collate "C" not null,
    address text collate "C" not null,
    link text collate "C",
    funding text collate "C" not null,
    funding_confirmed text collate "C" not null,
    payment_window text collate "C" not null,
    settlement text collate "C" not null,
    seen numeric not null,
    confirmed numeric not null,
    missing numeric not null,
    excess numeric not null,
    worth numeric not null,
    left_over numeric not null,
    needs_attention boolean not null,
    attention json not null,
    times_settled bigint not null,
    payment_id text collate "C",
    is_cancelled boolean not null,
    reference text collate "C",
    deposits json not null,
    refunds json not null,
    wakes_at timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    revision bigint not null,
    position bigint not null,
    primary key (merchant_id, invoice_id)
) with (fillfactor = 70);

-- One row an output or token transfer that watchers told of.
create table deposits (
    merchant_id text collate "C" not null,
    deposit_id text collate "C" not null,
    chain text collate "C" not null,
    transaction text collate "C" not null,
    place text collate "C" not null,
    index bigint,
    asset text collate "C" not null,
    decimals integer not null,
    amount numeric not null,
    address text collate "C" not null,
    wallet_id text collate "C" not null,
    invoice_id text collate "C",
    customer_id text collate "C",
    state text collate "C" not null,
    is_replaceable boolean not null,
    confirmations_needed bigint not null,
    confirmations bigint not null,
    times_confirmed bigint not null,
    block_height bigint,
    block_hash text collate "C",
    rate text collate "C",
    source text collate "C",
    currency text collate "C",
    value numeric,
    replaced_by text collate "C",
    confirming json not null,
    first_seen_at timestamptz not null,
    confirmed_at timestamptz,
    sequence bigint not null,
    updated_at timestamptz not null,
    revision bigint not null,
    position bigint not null,
    primary key (merchant_id, deposit_id)
) with (fillfactor = 80);

-- One row an asset that is taken or held.
create table holdings (
    merchant_id text collate "C" not null,
    holding_id text collate "C" not null,
    asset text collate "C" not null,
    decimals integer not null,
    symbol text collate "C",
    currency text collate "C",
    is_registered boolean not null,
    settings json,
    payout_rules json,
    destinations json not null,
    quantity numeric not null,
    available numeric not null,
    frozen numeric not null,
    promised numeric not null,
    promises json not null,
    cost numeric,
    realised numeric,
    valued_on date,
    valued_at_rate text collate "C",
    value numeric,
    unrealised numeric,
    lots json not null,
    updated_at timestamptz not null,
    revision bigint not null,
    position bigint not null,
    primary key (merchant_id, holding_id)
) with (fillfactor = 70);

-- Coins that somebody is to be paid.
create table payouts (
    merchant_id text collate "C" not null,
    payout_id text collate "C" not null,
    asset text collate "C" not null,
    decimals integer not null,
    state text collate "C" not null,
    purpose text collate "C" not null,
    invoice_id text collate "C",
    refund_id text collate "C",
    customer_id text collate "C",
    amount numeric not null,
    currency text collate "C" not null,
    value numeric not null,
    is_in_money boolean not null,
    price_revision bigint not null,
    rate text collate "C",
    destination text collate "C" not null,
    requested_by text collate "C" not null,
    reason text collate "C",
    rules json not null,
    approvals_needed bigint not null,
    approvals json not null,
    transaction text collate "C",
    transactions json not null,
    fee numeric,
    fee_asset text collate "C",
    is_over_fee_cap boolean not null,
    completions bigint not null,
    ended_by text collate "C",
    ended_reason text collate "C",
    withheld text collate "C",
    requested_at timestamptz not null,
    ended_at timestamptz,
    updated_at timestamptz not null,
    revision bigint not null,
    position bigint not null,
    primary key (merchant_id, payout_id)
) with (fillfactor = 70);

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

-- One row a posting, numbered in its event, the posted layer before the pending one.
create table journal (
    merchant_id text collate "C" not null,
    position bigint not null,
    leg integer not null,
    layer text collate "C" not null,
    account text collate "C" not null,
    currency text collate "C" not null,
    debit numeric not null,
    credit numeric not null,
    party text collate "C",
    event_id uuid not null,
    kind text collate "C" not null,
    category text collate "C" not null,
    stream text collate "C" not null,
    correlation_id uuid not null,
    effective_at timestamptz not null,
    recorded_at timestamptz not null
);

-- What customers owe: one row a fact that changes it.
create table statement_lines (
    merchant_id text collate "C" not null,
    position bigint not null,
    -- Where the payment names no customer, its order does.
    customer_id text collate "C",
    order_id text collate "C",
    payment_id text collate "C",
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

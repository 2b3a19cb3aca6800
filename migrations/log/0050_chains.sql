-- What watchers have seen of chains, until it is final: no part of the history, and nothing that follows from it.
--
-- A round of a watcher is one transaction here: the blocks, how each output stands, and that the ledger has to be told
-- (told < looked). Telling comes after it and may be repeated. So a crash loses neither a payment nor that one was taken
-- back.

create schema chains;

create table chains.cursors (
    chain text collate "C" primary key,
    -- The number of the last look at the chain. It only rises, and begins with the clock's milliseconds.
    sequence bigint not null check (sequence >= 0),
    -- The height up to which the chain says that nothing changes any more.
    finalized bigint,
    -- Who was paid in a block that nobody has read yet may have been watched then and not be any more.
    recorded_at timestamptz not null default clock_timestamp()
);

-- The newest blocks, without a gap.
create table chains.blocks (
    chain text collate "C" not null,
    height bigint not null check (height >= 0),
    hash text collate "C" not null,
    primary key (chain, height)
);

-- Payments to our addresses, and how each stood at the last look. Two merchants may share an address.
create table chains.outputs (
    chain text collate "C" not null,
    transaction text collate "C" not null,
    place text collate "C" not null,
    merchant_id text collate "C" not null,
    address text collate "C" not null,
    -- The token; none for the chain's own coin.
    token text collate "C",
    amount_minor numeric(39) not null check (amount_minor > 0),
    is_replaceable boolean not null,
    -- What only one transaction can use up: whoever does has replaced this one.
    claims text[] not null,
    -- For what the address is watched, and what is expected there.
    watch json not null,
    expected text collate "C" not null,
    state text collate "C" not null
        check (state in ('waiting', 'included', 'orphaned', 'replaced', 'forgotten', 'failed')),
    height bigint check ((height is null) = (block is null)),
    block text collate "C" check ((block is null) = (state <> 'included')),
    replaced_by text collate "C",
    first_seen_at timestamptz not null,
    looked_at timestamptz not null default clock_timestamp(),
    -- The number of the last look, and of the last one that the ledger knows.
    looked bigint not null,
    told bigint not null default 0,
    is_final boolean not null default false,
    -- Why it could not be told, and when it is tried again.
    tries integer not null default 0,
    try_again_at timestamptz,
    why text,
    primary key (chain, transaction, place, merchant_id)
);

create index outputs_untold on chains.outputs (chain, looked) where told < looked;
create index outputs_in_blocks on chains.outputs (chain, block) where block is not null;

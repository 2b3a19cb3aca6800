-- A history whose events EventStoreDB keeps: their positions, and where they are.
--
-- Everything here but the idempotency keys follows from EventStoreDB's own order and can be thrown away and built again,
-- and comes out the same (docs/decisions/0040). Empty where PostgreSQL keeps the history itself.

create schema esdb;

-- How far EventStoreDB has been read, and the last position that was given. Whoever moves it has read from where it was,
-- so every event is counted once and in order, however many processes count.
create table esdb.head (
    one boolean primary key default true check (one),
    position bigint not null,
    -- Never goes back, whatever the clocks of the cluster do.
    recorded_at timestamptz not null,
    -- Of the last record that was read, ours or not; none before the first.
    commit_position bigint,
    prepare_position bigint,
    -- Whether some of the events were recorded elsewhere first, and brought their time with them.
    has_brought_times boolean not null default false
);

insert into esdb.head (position, recorded_at) values (0, '1970-01-01 00:00:00Z');

create table esdb.streams (
    stream_id bigint generated always as identity primary key,
    merchant_id text collate "C" not null,
    category text collate "C" not null,
    name text collate "C" not null,
    revision bigint not null check (revision > 0),
    unique (merchant_id, name, category)
) with (fillfactor = 80);

create table esdb.places (
    position bigint primary key check (position > 0),
    stream_id bigint not null,
    revision bigint not null check (revision > 0),
    event_id uuid not null,
    kind text not null,
    recorded_at timestamptz not null,
    commit_position bigint not null,
    prepare_position bigint not null,
    -- The hash of the leaf, over every byte of the event: what the seal has, and what a repeated append is held against.
    leaf bytea not null check (octet_length(leaf) = 32),
    unique (stream_id, revision)
);

-- When events that were moved here had been recorded first.
create table esdb.brought_times (
    event_id uuid primary key,
    recorded_at timestamptz not null
);

-- Idempotency keys of appends that are under way. A row lives inside one transaction only: whoever wants the same key
-- waits for its end. What was done under a key is in command_keys, as for PostgreSQL's own history.
create unlogged table esdb.keys_in_use (
    merchant_id text collate "C" not null,
    key bytea not null,
    primary key (merchant_id, key)
);

create trigger append_only before update or delete or truncate on esdb.places
    for each statement execute function history_is_never_edited();
create trigger append_only before delete or truncate on esdb.streams
    for each statement execute function history_is_never_edited();
create trigger append_only before delete or truncate on esdb.head
    for each statement execute function history_is_never_edited();
create trigger only_forward before update on esdb.head for each row
    when (new.position < old.position or new.recorded_at < old.recorded_at)
    execute function history_is_never_edited();

-- Gives the next events their positions, and says whether it did: not where somebody else has read on since. The
-- events come in EventStoreDB's order; the first one gets the position after the head's.
create function esdb.give_positions(
    from_commit bigint, from_prepare bigint, to_commit bigint, to_prepare bigint,
    merchants text[], categories text[], names text[], revisions bigint[], event_ids uuid[], kinds text[],
    recorded timestamptz[], commits bigint[], prepares bigint[], leaves bytea[],
    brought_ids uuid[], brought timestamptz[]
) returns boolean language plpgsql
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
declare
    base bigint;
begin
    update esdb.head set
        position = position + cardinality(event_ids),
        recorded_at = greatest(recorded_at, recorded[cardinality(recorded)]),
        commit_position = to_commit, prepare_position = to_prepare,
        has_brought_times = has_brought_times or cardinality(brought_ids) > 0
    where (commit_position, prepare_position) is not distinct from (from_commit, from_prepare)
    returning position - cardinality(event_ids) into base;
    if not found then
        return false;
    end if;

    insert into esdb.brought_times (event_id, recorded_at)
    select * from unnest(brought_ids, brought) on conflict do nothing;

    insert into esdb.streams (merchant_id, category, name, revision)
    select e.m, e.c, e.n, max(e.revision)
    from unnest(merchants, categories, names, revisions) as e(m, c, n, revision)
    group by e.m, e.c, e.n having min(e.revision) = 1 and max(e.revision) = count(*)
    on conflict do nothing;

    update esdb.streams known set revision = grown.last
    from (select e.m, e.c, e.n, min(e.revision) as first, max(e.revision) as last, count(*) as events
          from unnest(merchants, categories, names, revisions) as e(m, c, n, revision)
          group by e.m, e.c, e.n) grown
    where known.merchant_id = grown.m and known.category = grown.c and known.name = grown.n
        and known.revision = grown.first - 1 and known.revision + grown.events = grown.last;

    insert into esdb.places (position, stream_id, revision, event_id, kind, recorded_at,
                             commit_position, prepare_position, leaf)
    select base + e.nth, known.stream_id, e.revision, e.event_id, e.kind, e.at, e.commit_at, e.prepare_at, e.leaf
    from unnest(merchants, categories, names, revisions, event_ids, kinds, recorded, commits, prepares, leaves)
        with ordinality as e(m, c, n, revision, event_id, kind, at, commit_at, prepare_at, leaf, nth)
    join esdb.streams known on known.merchant_id = e.m and known.category = e.c and known.name = e.n
        and known.revision >= e.revision;
    get diagnostics base = row_count;
    if base <> cardinality(event_ids) then
        raise exception 'a stream in EventStoreDB has a hole: % of % events follow those before them',
            base, cardinality(event_ids) using errcode = 'data_exception';
    end if;
    return true;
end $$;

-- The event log: one gapless history of every merchant.
--
-- The order comes from a row that is locked and counted (log_head), never from a sequence: a sequence hands out
-- numbers before their rows are visible, and every reader that trusted one has lost events. Positions are 1, 2, 3...
-- without holes, in the order of commit, so a reader needs nothing but `position > $1`.

create table log_head (
    one boolean primary key default true check (one),
    position bigint not null,
    -- Never goes back, whatever the machine's clock does.
    recorded_at timestamptz not null
);

insert into log_head (position, recorded_at) values (0, '1970-01-01 00:00:00Z');

create table streams (
    stream_id bigint generated always as identity primary key,
    merchant_id text collate "C" not null,
    category text collate "C" not null,
    name text collate "C" not null,
    -- The revision of the last event. A stream comes into being with its first one.
    revision bigint not null check (revision > 0),
    -- The name before the category: it tells more streams apart, and auditors ask for it alone.
    unique (merchant_id, name, category)
-- Room beside each row for its next revision, so that no index has to hear of it.
) with (fillfactor = 80);

create table events (
    position bigint primary key check (position > 0),
    stream_id bigint not null,
    revision bigint not null check (revision > 0),
    event_id uuid not null,
    kind text not null,
    recorded_at timestamptz not null,
    -- The exact bytes that were written, so that hashes over them can be recomputed.
    payload bytea not null,
    metadata bytea not null,
    unique (stream_id, revision)
);

-- Idempotency keys, for ever: what a key was used for, and the revisions that it made.
create table command_keys (
    merchant_id text collate "C" not null,
    key bytea not null,
    fingerprint bytea not null,
    category text collate "C" not null,
    name text collate "C" not null,
    -- The events of the command; none when last = first - 1 (it had been said before under another key).
    first_revision bigint not null,
    last_revision bigint not null,
    primary key (merchant_id, key)
);

-- History is never edited, not by the owner of the tables and not by a superuser either, nor while triggers sleep
-- (session_replication_role). Who may alter the tables can still take the triggers away; that is what the seal is for.
create function history_is_never_edited() returns trigger language plpgsql as $$
begin
    raise exception '% on % is refused: history is never edited', tg_op, tg_table_name using errcode = 'restrict_violation';
end $$;

create trigger append_only before update or delete or truncate on events
    for each statement execute function history_is_never_edited();
create trigger append_only before update or delete or truncate on command_keys
    for each statement execute function history_is_never_edited();
create trigger append_only before delete or truncate on streams
    for each statement execute function history_is_never_edited();
create trigger append_only before delete or truncate on log_head
    for each statement execute function history_is_never_edited();

-- A stream is never renamed and only grows; the head only grows.
create trigger only_forward before update on streams for each row
    when ((new.stream_id, new.merchant_id, new.category, new.name) is distinct from
          (old.stream_id, old.merchant_id, old.category, old.name) or new.revision < old.revision)
    execute function history_is_never_edited();
create trigger only_forward before update on log_head for each row
    when (new.position < old.position or new.recorded_at < old.recorded_at)
    execute function history_is_never_edited();

alter table events enable always trigger append_only;
alter table command_keys enable always trigger append_only;
alter table streams enable always trigger append_only;
alter table log_head enable always trigger append_only;
alter table streams enable always trigger only_forward;
alter table log_head enable always trigger only_forward;

-- Appends a batch: some events to each of some streams, in one round trip and one commit.
--
-- A stream whose revision is not the expected one loses, and says so; the others are appended. The caller sends the
-- streams sorted by (merchant, category, name) and each of them once; `counts` says how many of the events, which come
-- in the same order, belong to each.
--
-- Outcomes: appended · duplicate (exactly these events are there already: a repeated batch) · conflict (somebody else
-- appended first) · key_used (one of its idempotency keys exists).
--
-- Batches of several processes never wait in a circle, because all take their locks in the same order: the streams
-- that exist, the new streams, the keys, the head; and inside each of these by name. Nothing is waited for after it.
--
-- The settings keep every plan a walk along an index, whatever the planner believes of the tables: a first batch on
-- empty tables must not choose the plan of the millionth, and nothing here ever wants to read a whole table.
create function append_batch(
    merchants text[], categories text[], names text[], expected bigint[], counts int[],
    event_ids uuid[], kinds text[], payloads bytea[], metadatas bytea[],
    key_streams int[], keys bytea[], fingerprints bytea[], first_revisions bigint[], last_revisions bigint[]
) returns table (stream int, outcome text, first_position bigint, recorded timestamptz) language plpgsql
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
declare
    -- One element for each stream, like the parameters.
    ids bigint[];
    new_ids bigint[];
    actual bigint[];
    outcomes text[];
    starts bigint[];
    firsts bigint[];
    recordeds timestamptz[];
    -- Streams that may not have their keys.
    barred int[] := '{}';
    winners int;
    winners_before int;
    total bigint;
    base bigint;
    now_at timestamptz;
begin
    -- How many events of the batch stand before those of each stream.
    select array_agg(running.n order by running.no) into starts
    from (select s.no, sum(s.n) over (order by s.no) - s.n as n from unnest(counts) with ordinality as s(n, no)) running;
    if starts[cardinality(counts)] + counts[cardinality(counts)] is distinct from cardinality(event_ids) then
        raise exception 'the counts of the streams do not add up to the events' using errcode = 'data_exception';
    end if;

    select array_agg(locked.stream_id order by s.no), array_agg(coalesce(locked.revision, 0) order by s.no)
    into ids, actual
    from unnest(merchants, categories, names) with ordinality as s(m, c, n, no)
    left join lateral (
        select known.stream_id, known.revision from streams known
        where known.merchant_id = s.m and known.category = s.c and known.name = s.n
        for update
    ) locked on true;

    -- New streams and keys are written in the hope that nobody has them, which saves looking. Where somebody has, or
    -- is just writing them and is waited for, all of that is undone and whoever lost is left out of the next attempt.
    loop
        select array_agg(case when actual[s.no] <> expected[s.no] then 'conflict'
                              when s.no = any (barred) then 'key_used'
                              else 'appended' end order by s.no)
        into outcomes from generate_subscripts(merchants, 1) as s(no);
        winners := cardinality(array_positions(outcomes, 'appended'));
        if winners = winners_before then
            raise exception 'a stream stands twice in the batch' using errcode = 'cardinality_violation';
        end if;
        winners_before := winners;
        begin
            select array_agg(case when ids[s.no] is null and counts[s.no] > 0 and outcomes[s.no] = 'appended'
                                  then nextval('streams_stream_id_seq') end order by s.no)
            into new_ids from generate_subscripts(merchants, 1) as s(no);

            insert into streams (stream_id, merchant_id, category, name, revision) overriding system value
            select new_ids[s.no], merchants[s.no], categories[s.no], names[s.no], counts[s.no]
            from generate_subscripts(merchants, 1) as s(no) where new_ids[s.no] is not null order by s.no;

            insert into command_keys (merchant_id, key, fingerprint, category, name, first_revision, last_revision)
            select merchants[k.s], k.key, k.fingerprint, categories[k.s], names[k.s], k.first_revision, k.last_revision
            from unnest(key_streams, keys, fingerprints, first_revisions, last_revisions)
                as k(s, key, fingerprint, first_revision, last_revision)
            where outcomes[k.s] = 'appended' order by merchants[k.s] collate "C", k.key;
            exit;
        exception when unique_violation then
            -- Not locked: a stream that was new to this batch and exists has lost already.
            select array_agg(coalesce(ids[s.no], known.stream_id) order by s.no),
                   array_agg(coalesce(known.revision, actual[s.no]) order by s.no)
            into ids, actual
            from generate_subscripts(merchants, 1) as s(no)
            left join streams known on ids[s.no] is null and expected[s.no] = 0
                and known.merchant_id = merchants[s.no] and known.category = categories[s.no] and known.name = names[s.no];

            select coalesce(array_agg(distinct k.s), '{}') into barred
            from (select k.s, merchants[k.s] as m, k.key,
                         row_number() over (partition by merchants[k.s], k.key order by k.no) as nth
                  from unnest(key_streams, keys) with ordinality as k(s, key, no)) k
            where k.nth > 1 or exists (select from command_keys used where used.merchant_id = k.m and used.key = k.key);
        end;
    end loop;

    if 'conflict' = any (outcomes) then
        select array_agg(case when there.first is null then outcomes[s.no] else 'duplicate' end order by s.no),
               array_agg(there.first order by s.no), array_agg(there.recorded_at order by s.no)
        into outcomes, firsts, recordeds
        from generate_subscripts(merchants, 1) as s(no)
        left join lateral (
            select min(e.position) as first, min(e.recorded_at) as recorded_at
            from generate_series(1, counts[s.no]) as nth
            join events e on e.stream_id = ids[s.no] and e.revision = expected[s.no] + nth
            -- Every byte: an id alone may have been used for something else.
            where outcomes[s.no] = 'conflict' and actual[s.no] > expected[s.no] and (e.event_id, e.kind, e.payload, e.metadata)
                = (event_ids[starts[s.no] + nth], kinds[starts[s.no] + nth], payloads[starts[s.no] + nth], metadatas[starts[s.no] + nth])
            having count(*) = counts[s.no]
        ) there on true;
    end if;

    select coalesce(sum(counts[s.no]), 0) into total
    from generate_subscripts(merchants, 1) as s(no) where outcomes[s.no] = 'appended';

    if total > 0 then
        update log_head set position = position + total, recorded_at = greatest(recorded_at, clock_timestamp())
        returning position - total, recorded_at into base, now_at;

        select array_agg(case when won.n > 0 then base + 1 + won.before else firsts[won.no] end order by won.no),
               array_agg(case when won.n > 0 then now_at else recordeds[won.no] end order by won.no)
        into firsts, recordeds
        from (select s.no, s.n, sum(s.n) over (order by s.no) - s.n as before
              from (select s.no, case when outcomes[s.no] = 'appended' then counts[s.no] else 0 end as n
                    from generate_subscripts(merchants, 1) as s(no)) s) won;

        insert into events (position, stream_id, revision, event_id, kind, recorded_at, payload, metadata)
        select firsts[s.no] + nth - 1, coalesce(new_ids[s.no], ids[s.no]), expected[s.no] + nth, event_ids[starts[s.no] + nth],
               kinds[starts[s.no] + nth], now_at, payloads[starts[s.no] + nth], metadatas[starts[s.no] + nth]
        from generate_subscripts(merchants, 1) as s(no), generate_series(1, counts[s.no]) as nth
        where outcomes[s.no] = 'appended';

        update streams known set revision = expected[s.no] + counts[s.no]
        from generate_subscripts(merchants, 1) as s(no)
        where known.stream_id = ids[s.no] and outcomes[s.no] = 'appended' and counts[s.no] > 0;
    end if;

    return query
        select s.no, outcomes[s.no], firsts[s.no], recordeds[s.no]
        from generate_subscripts(merchants, 1) as s(no) order by s.no;
end $$;

-- The revision of a stream is said once, by its last event. It stood beside the name too, where every event of a known
-- stream changed a row: a lock, a new version of the row and two records of the write-ahead log, for what the key
-- (stream_id, revision) of the events says anyway.
--
-- Whoever appends takes the head first, so that one append is at work at a time, whichever process it is of. Nothing is
-- waited for after it, and in no order of locks could two appends wait in a circle.

drop trigger only_forward on streams;
drop trigger append_only on streams;
alter table streams drop column revision;
-- A row that never changes needs no room beside it.
alter table streams reset (fillfactor);

-- A stream is never renamed.
create trigger append_only before update or delete or truncate on streams
    for each statement execute function history_is_never_edited();
alter table streams enable always trigger append_only;

-- Appends a batch whole: all of its events, in the order in which they were decided, or none.
--
-- What follows from a command is decided and kept with it, in the same commit and behind it, whichever streams it is in;
-- append_batch would put it in the order of the streams. Where anybody else was first at one of the streams, or one of the
-- keys was used, nothing is taken, and the caller goes the careful way (append_batch), stream by stream.
--
-- The streams come in three parts: the first `known_streams` of them have events already, the last of which is
-- `expected`, and get more; the next `new_streams` get their first ones; and of the rest only keys speak. `event_streams`
-- and `key_streams` say which of the streams events and keys belong to.
drop function append_whole;
create function append_whole(
    known_streams int, new_streams int, merchants text[], categories text[], names text[], expected bigint[],
    event_streams int[], revisions bigint[], event_ids uuid[], kinds text[], payloads bytea[], metadatas bytea[],
    key_streams int[], keys bytea[], fingerprints bytea[], first_revisions bigint[], last_revisions bigint[],
    out first_position bigint, out recorded timestamptz
) language plpgsql
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
declare
    -- Of the streams that get events.
    ids bigint[] := '{}';
    total int := cardinality(event_ids);
begin
    if total > 0 then
        update log_head set position = position + total, recorded_at = greatest(recorded_at, clock_timestamp())
        returning position - total + 1, recorded_at into first_position, recorded;
    else
        perform from log_head for update;
    end if;

    if known_streams > 0 then
        -- That nobody has appended since is for the key of the events to say. That the last event is there is asked: a
        -- database that was set back must not get events behind a gap.
        select array_agg(known.stream_id order by s.no) into ids
        from unnest(merchants, categories, names, expected) with ordinality as s(m, c, name, e, no)
        cross join lateral (
            select it.stream_id from streams it
            where it.merchant_id = s.m and it.category = s.c and it.name = s.name offset 0
        ) known
        cross join lateral (
            select from events it where it.stream_id = known.stream_id and it.revision = s.e offset 0
        ) is_there
        where s.no <= known_streams;
        if cardinality(ids) is distinct from known_streams then
            raise exception 'a stream is not as it was thought to be' using errcode = 'MZ001';
        end if;
    end if;

    if new_streams > 0 then
        -- The rows are numbered in the order of the arrays, in which a function in FROM gives them.
        with made as (
            insert into streams (merchant_id, category, name)
            select s.m, s.c, s.name from unnest(merchants, categories, names) with ordinality as s(m, c, name, no)
            where s.no > known_streams and s.no <= known_streams + new_streams
            returning stream_id
        )
        select ids || array_agg(made.stream_id order by made.stream_id) into ids from made;
    end if;

    if cardinality(keys) > 0 then
        insert into command_keys (merchant_id, key, fingerprint, category, name, first_revision, last_revision)
        select merchants[k.s], k.key, k.fingerprint, categories[k.s], names[k.s], k.first_revision, k.last_revision
        from unnest(key_streams, keys, fingerprints, first_revisions, last_revisions)
            as k(s, key, fingerprint, first_revision, last_revision);
    end if;

    if total > 0 then
        insert into events (position, stream_id, revision, event_id, kind, recorded_at, payload, metadata)
        select first_position + e.no - 1, ids[e.s], e.revision, e.id, e.kind, recorded, e.payload, e.metadata
        from unnest(event_streams, revisions, event_ids, kinds, payloads, metadatas) with ordinality
            as e(s, revision, id, kind, payload, metadata, no);
    end if;
end $$;

-- Appends a batch stream by stream, as 0001_event_log.sql says: some events to each of some streams, in one round trip and
-- one commit. A stream whose revision is not the expected one loses, and says so; the others are appended.
create or replace function append_batch(
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

    -- Whoever has the head appends alone; what it reads from here on stays as it is.
    perform from log_head for update;

    select array_agg(known.stream_id order by s.no), array_agg(coalesce(known.revision, 0) order by s.no)
    into ids, actual
    from unnest(merchants, categories, names) with ordinality as s(m, c, n, no)
    left join lateral (
        select it.stream_id, last.revision from streams it
        left join lateral (
            select e.revision from events e where e.stream_id = it.stream_id order by e.revision desc limit 1
        ) last on true
        where it.merchant_id = s.m and it.category = s.c and it.name = s.n offset 0
    ) known on true;

    -- Keys are written in the hope that nobody has them, which saves looking. Where somebody has, all of that is undone
    -- and whoever lost is left out of the next attempt.
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

            insert into streams (stream_id, merchant_id, category, name) overriding system value
            select new_ids[s.no], merchants[s.no], categories[s.no], names[s.no]
            from generate_subscripts(merchants, 1) as s(no) where new_ids[s.no] is not null order by s.no;

            insert into command_keys (merchant_id, key, fingerprint, category, name, first_revision, last_revision)
            select merchants[k.s], k.key, k.fingerprint, categories[k.s], names[k.s], k.first_revision, k.last_revision
            from unnest(key_streams, keys, fingerprints, first_revisions, last_revisions)
                as k(s, key, fingerprint, first_revision, last_revision)
            where outcomes[k.s] = 'appended' order by merchants[k.s] collate "C", k.key;
            exit;
        exception when unique_violation then
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
    end if;

    return query
        select s.no, outcomes[s.no], firsts[s.no], recordeds[s.no]
        from generate_subscripts(merchants, 1) as s(no) order by s.no;
end $$;

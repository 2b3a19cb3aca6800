-- Appends a batch whole: all of its events, in the order in which they were decided, or none.
--
-- What follows from a command is decided and kept with it, in the same commit and behind it, whichever streams it is in;
-- append_batch would put it in the order of the streams. Where anybody else was first at one of the streams, or one of the
-- keys was used, nothing is taken, and the caller goes the careful way (append_batch), stream by stream.
--
-- The streams come in three parts: the first `known_streams` of them have events already and get more, the next
-- `new_streams` get their first ones, and of the rest only keys speak. `counts` says how many events each gets,
-- `event_streams` and `key_streams` which of the streams they belong to. Each part is sorted by (merchant, category, name),
-- and keys by (merchant, key): the same order of locks as append_batch, so that no two appends ever wait in a circle.
create function append_whole(
    known_streams int, new_streams int, merchants text[], categories text[], names text[], expected bigint[], counts int[],
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
    -- A function in FROM gives its rows in the order of the arrays, and a walk along the index takes them in that order.
    if known_streams > 0 then
        with moved as (
            update streams it set revision = s.e + s.n
            from unnest(merchants, categories, names, expected, counts) with ordinality as s(m, c, name, e, n, no)
            where s.no <= known_streams
                and it.merchant_id = s.m and it.category = s.c and it.name = s.name and it.revision = s.e
            returning s.no, it.stream_id
        )
        select array_agg(moved.stream_id order by moved.no) into ids from moved;
        if cardinality(ids) is distinct from known_streams then
            raise exception 'somebody else has appended to one of the streams' using errcode = 'MZ001';
        end if;
    end if;

    if new_streams > 0 then
        select ids || array_agg(nextval('streams_stream_id_seq')) into ids from generate_series(1, new_streams);
        insert into streams (stream_id, merchant_id, category, name, revision) overriding system value
        select ids[s.no], s.m, s.c, s.name, s.n
        from unnest(merchants, categories, names, counts) with ordinality as s(m, c, name, n, no)
        where s.no > known_streams and s.no <= known_streams + new_streams;
    end if;

    if cardinality(keys) > 0 then
        insert into command_keys (merchant_id, key, fingerprint, category, name, first_revision, last_revision)
        select merchants[k.s], k.key, k.fingerprint, categories[k.s], names[k.s], k.first_revision, k.last_revision
        from unnest(key_streams, keys, fingerprints, first_revisions, last_revisions)
            as k(s, key, fingerprint, first_revision, last_revision);
    end if;

    if total > 0 then
        update log_head set position = position + total, recorded_at = greatest(recorded_at, clock_timestamp())
        returning position - total + 1, recorded_at into first_position, recorded;

        insert into events (position, stream_id, revision, event_id, kind, recorded_at, payload, metadata)
        select first_position + e.no - 1, ids[e.s], e.revision, e.id, e.kind, recorded, e.payload, e.metadata
        from unnest(event_streams, revisions, event_ids, kinds, payloads, metadatas) with ordinality
            as e(s, revision, id, kind, payload, metadata, no);
    end if;
end $$;

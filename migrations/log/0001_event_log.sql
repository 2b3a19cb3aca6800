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
    -- The revision of the last event; 0 where there is none yet.
    revision bigint not null default 0 check (revision >= 0),
    unique (merchant_id, category, name)
);

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

-- History is never edited. Also the owner of the tables is refused; only a superuser who disables the triggers is
-- not, and that is what the seal is for.
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

-- A stream is never renamed, and revisions only grow; the head only grows.
create function only_forward() returns trigger language plpgsql as $$
begin
    if tg_table_name = 'log_head' then
        if new.position < old.position or new.recorded_at < old.recorded_at then
            raise exception 'the head of the log only moves forward' using errcode = 'restrict_violation';
        end if;
    elsif (new.stream_id, new.merchant_id, new.category, new.name) is distinct from
          (old.stream_id, old.merchant_id, old.category, old.name) or new.revision < old.revision then
        raise exception 'a stream is never renamed and only grows' using errcode = 'restrict_violation';
    end if;
    return new;
end $$;

create trigger only_forward before update on streams for each row execute function only_forward();
create trigger only_forward before update on log_head for each row execute function only_forward();

-- Appends a batch: some events to each of some streams, in one round trip and one commit.
--
-- A stream whose revision is not the expected one loses, and says so; the others are appended. The caller sends the
-- streams sorted by (merchant, category, name) and each of them once; rows are locked in that order and the head last,
-- so that batches of several processes never wait in a circle.
--
-- Outcomes: appended · duplicate (exactly these events are there already: a repeated batch) · conflict (somebody else
-- appended first) · key_used (one of its idempotency keys exists).
create function append_batch(
    merchants text[], categories text[], names text[], expected bigint[],
    event_streams int[], event_ids uuid[], kinds text[], payloads bytea[], metadatas bytea[],
    key_streams int[], keys bytea[], fingerprints bytea[], first_revisions bigint[], last_revisions bigint[]
) returns table (stream int, outcome text, first_position bigint, recorded timestamptz) language plpgsql as $$
declare
    counts bigint[];
    ids bigint[];
    actual bigint[];
    outcomes text[];
    firsts bigint[];
    total bigint;
    base bigint;
    now_at timestamptz;
    written bigint;
begin
    insert into streams (merchant_id, category, name)
    select s.m, s.c, s.n from unnest(merchants, categories, names, expected) with ordinality as s(m, c, n, e, no)
    where s.e = 0 order by s.no
    on conflict do nothing;

    select array_agg(locked.stream_id order by s.no), array_agg(locked.revision order by s.no)
    into ids, actual
    from unnest(merchants, categories, names) with ordinality as s(m, c, n, no)
    left join lateral (
        select known.stream_id, known.revision from streams known
        where known.merchant_id = s.m and known.category = s.c and known.name = s.n
        for update
    ) locked on true;

    select array_agg(coalesce(counted.n, 0) order by s.no) into counts
    from generate_subscripts(merchants, 1) as s(no)
    left join (select e.s, count(*) as n from unnest(event_streams) as e(s) group by e.s) counted on counted.s = s.no;

    select array_agg(case
        when actual[s.no] is not distinct from expected[s.no] then
            case when s.no in (
                select k.s from unnest(key_streams, keys) as k(s, key)
                join command_keys used on used.merchant_id = merchants[k.s] and used.key = k.key
            ) then 'key_used' else 'appended' end
        when counts[s.no] > 0 and counts[s.no] = (
            select count(*) from (
                select e.id, expected[s.no] + row_number() over (order by e.no) as revision
                from unnest(event_streams, event_ids) with ordinality as e(s, id, no) where e.s = s.no
            ) asked
            join events there on there.stream_id = ids[s.no] and there.revision = asked.revision and there.event_id = asked.id
        ) then 'duplicate'
        else 'conflict' end order by s.no)
    into outcomes from generate_subscripts(merchants, 1) as s(no);

    insert into command_keys (merchant_id, key, fingerprint, category, name, first_revision, last_revision)
    select merchants[k.s], k.key, k.fingerprint, categories[k.s], names[k.s], k.first_revision, k.last_revision
    from unnest(key_streams, keys, fingerprints, first_revisions, last_revisions)
        as k(s, key, fingerprint, first_revision, last_revision)
    where outcomes[k.s] = 'appended' order by merchants[k.s], k.key
    on conflict do nothing;
    get diagnostics written = row_count;
    if written <> (select count(*) from unnest(key_streams) as k(s) where outcomes[k.s] = 'appended') then
        -- Another process used one of these keys at this very moment: the batch is tried again.
        raise exception 'an idempotency key was used at the same time' using errcode = 'serialization_failure';
    end if;

    select coalesce(sum(counts[s.no]), 0) into total
    from generate_subscripts(merchants, 1) as s(no) where outcomes[s.no] = 'appended';

    if total > 0 then
        update log_head set position = position + total, recorded_at = greatest(recorded_at, clock_timestamp())
        returning position - total, recorded_at into base, now_at;

        insert into events (position, stream_id, revision, event_id, kind, recorded_at, payload, metadata)
        select base + row_number() over (order by e.no),
               ids[e.s], expected[e.s] + row_number() over (partition by e.s order by e.no),
               e.id, e.kind, now_at, e.payload, e.metadata
        from unnest(event_streams, event_ids, kinds, payloads, metadatas) with ordinality
            as e(s, id, kind, payload, metadata, no)
        where outcomes[e.s] = 'appended' order by e.no;

        update streams known set revision = expected[s.no] + counts[s.no]
        from generate_subscripts(merchants, 1) as s(no)
        where known.stream_id = ids[s.no] and outcomes[s.no] = 'appended' and counts[s.no] > 0;
    end if;

    return query
        select s.no, outcomes[s.no], there.position, there.recorded_at
        from generate_subscripts(merchants, 1) as s(no)
        left join events there on there.stream_id = ids[s.no] and there.revision = expected[s.no] + 1
            and counts[s.no] > 0 and outcomes[s.no] in ('appended', 'duplicate')
        order by s.no;
end $$;

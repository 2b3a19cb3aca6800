-- The keys of personal values, one for each subject. They are no part of the history: a key can be destroyed, and the
-- history, whose ciphertext then nobody can read, stays as it was.
--
-- Keep this schema out of backups that live longer than an erasure may take (pg_dump --exclude-schema=vault, and a
-- backup of its own that is thrown away early): whoever has an old key can read an old copy of the history.

create schema vault;

create table vault.keys (
    merchant_id text collate "C" not null,
    subject_id text collate "C" not null,
    -- The subject's key, wrapped with the one that is in the data directory; none once it is destroyed.
    wrapped bytea,
    made_at timestamptz not null default clock_timestamp(),
    destroyed_at timestamptz,
    primary key (merchant_id, subject_id),
    check ((wrapped is null) = (destroyed_at is not null))
);

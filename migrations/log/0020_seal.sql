-- The seal: a Merkle tree over the history (RFC 6962), and its signed checkpoints. It follows the log; no append waits
-- for it. The position of an event less one is its index in the tree.
--
-- Whoever may alter these tables can forge them together with the log. A checkpoint that was kept outside cannot be
-- forged; it is what an audit holds against everything here.

create schema seal;

-- Tiles of the tree (C2SP tlog-tiles): level 0 has the hashes of the leaves, each level above the roots of the tiles of
-- the one below. A tile grows at its end until it has 256 hashes.
create table seal.tiles (
    level smallint not null check (level >= 0),
    index bigint not null check (index >= 0),
    hashes bytea not null check (octet_length(hashes) between 32 and 8192 and octet_length(hashes) % 32 = 0),
    primary key (level, index)
);
-- Hashes cannot be compressed.
alter table seal.tiles alter column hashes set storage external;

-- Every checkpoint that was ever signed, as the note that goes out.
create table seal.checkpoints (
    size bigint primary key check (size >= 0),
    root bytea not null check (octet_length(root) = 32),
    note text not null,
    signed_at timestamptz not null default clock_timestamp()
);

-- The keys that signed, one after the other. Every key but the first comes with a record that it and its predecessor
-- have signed.
create table seal.keys (
    nth integer primary key check (nth > 0),
    verifier_key text not null unique,
    record text check ((record is null) = (nth = 1)),
    made_at timestamptz not null default clock_timestamp()
);

create trigger append_only before update or delete or truncate on seal.checkpoints
    for each statement execute function history_is_never_edited();
create trigger append_only before update or delete or truncate on seal.keys
    for each statement execute function history_is_never_edited();
create trigger append_only before delete or truncate on seal.tiles
    for each statement execute function history_is_never_edited();
create trigger only_forward before update on seal.tiles for each row
    when ((new.level, new.index) is distinct from (old.level, old.index)
          or substr(new.hashes, 1, octet_length(old.hashes)) <> old.hashes)
    execute function history_is_never_edited();

alter table seal.checkpoints enable always trigger append_only;
alter table seal.keys enable always trigger append_only;
alter table seal.tiles enable always trigger append_only;
alter table seal.tiles enable always trigger only_forward;

-- The store of a Strongroom authority, version 4.

-- The truth: all else is made from it, but for what is counted.
-- What is long stands last, so that who wants the rest of a row need not read through it.
CREATE TABLE entry (
    idx         INTEGER PRIMARY KEY,    -- the place in the log, from 0, without gaps
    kind        INTEGER NOT NULL,       -- the kind of statement, by its number on the wire
    time        INTEGER NOT NULL,       -- when it was recorded, by the authority's clock: milliseconds since 1970
    salt        BLOB    NOT NULL,       -- random, 32 bytes: hides the attestation in the leaf
    id          BLOB    NOT NULL UNIQUE,-- the statement's id
    leaf        BLOB    NOT NULL,       -- the leaf's hash in the tree
    signature   BLOB    NOT NULL,       -- the log key's, over the attestation
    attestation BLOB    NOT NULL,       -- what became of it, as the authority signed it
    statement   BLOB    NOT NULL        -- the signed statement, as it came
) STRICT;

-- The tree and its head.

CREATE TABLE head (
    one         INTEGER PRIMARY KEY CHECK (one = 1),
    size        INTEGER NOT NULL,       -- the number of entries
    frontier    BLOB    NOT NULL,       -- the roots of the perfect subtrees, the largest first
    checkpoint  TEXT    NOT NULL        -- the signed checkpoint of this size
) STRICT;

CREATE TABLE tile (
    level       INTEGER NOT NULL,       -- counted in tiles, from the leaves
    idx         INTEGER NOT NULL,       -- the number within the level, from 0
    hashes      BLOB    NOT NULL,       -- 256 hashes: full tiles only
    root        BLOB    NOT NULL,       -- the root above them
    PRIMARY KEY (level, idx)
) STRICT;

-- Every index, in one: what keys and values mean is said in spec/authority.md#map.

CREATE TABLE map (
    key         BLOB    PRIMARY KEY,    -- the index's number, and what is looked up
    value       BLOB    NOT NULL        -- where in the log it is, mostly
) STRICT, WITHOUT ROWID;

-- What is counted and not logged.

CREATE TABLE counter (
    name        TEXT    PRIMARY KEY,    -- `refused` and why
    count       INTEGER NOT NULL        -- how often
) STRICT;

-- The store of a Strongroom authority, version 2.
-- `entry` is the truth. What stands under "indexes" is made from it, and can be dropped and made again.

CREATE TABLE entry (
    idx         INTEGER PRIMARY KEY,    -- the place in the log, from 0, without gaps
    kind        INTEGER NOT NULL,       -- the kind of statement, by its number on the wire
    time        INTEGER NOT NULL,       -- when it was recorded, by the authority's clock: milliseconds since 1970
    salt        BLOB    NOT NULL,       -- random, 32 bytes: hides the attestation in the leaf
    statement   BLOB    NOT NULL,       -- the signed statement, as it came
    attestation BLOB    NOT NULL,       -- what became of it, as the authority signed it
    signature   BLOB    NOT NULL,       -- the log key's, over the attestation
    id          BLOB    NOT NULL UNIQUE,-- the statement's id
    leaf        BLOB    NOT NULL        -- the leaf's hash in the tree
) STRICT;

-- The tree and its head. They follow from `entry` too; `audit` compares them.

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

-- What is counted and not logged.

CREATE TABLE counter (
    name        TEXT    PRIMARY KEY,    -- `refused` and why
    count       INTEGER NOT NULL        -- how often
) STRICT;

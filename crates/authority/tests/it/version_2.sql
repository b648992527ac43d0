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
-- Indexes: made from `entry` by replay, and by nothing else.

CREATE TABLE IF NOT EXISTS owner (
    id          BLOB    PRIMARY KEY,    -- the owner
    entry       INTEGER NOT NULL,       -- the enrolment
    code        BLOB    NOT NULL        -- the public key of the recovery code
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS owner_code ON owner (code);

CREATE TABLE IF NOT EXISTS device (
    owner       BLOB    NOT NULL,       -- the owner it speaks for
    key         BLOB    NOT NULL,       -- its public key
    entry       INTEGER NOT NULL,       -- the enrolment, or the decision that made it the owner's
    PRIMARY KEY (owner, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS device_key ON device (key);

CREATE TABLE IF NOT EXISTS deposit (
    owner       BLOB    NOT NULL,       -- whose it is
    serial      BLOB    NOT NULL,       -- its serial number, among this owner's
    entry       INTEGER NOT NULL,       -- the statement it came in
    place       INTEGER NOT NULL,       -- its place in that statement, from 0
    PRIMARY KEY (owner, serial)         -- one deposit for each
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS request (
    entry       INTEGER PRIMARY KEY,    -- the request
    digest      BLOB    NOT NULL UNIQUE,-- H(Q), by which statements name it
    owner       BLOB    NOT NULL,       -- whose keys it asks for
    device      BLOB    NOT NULL,       -- the key that asks
    asker       BLOB,                   -- the other owner whose device that was when it asked, if it was one's
    decision    INTEGER                 -- the decision, once there is one
) STRICT;

CREATE INDEX IF NOT EXISTS request_owner ON request (owner, decision);
CREATE INDEX IF NOT EXISTS request_device ON request (device);

CREATE TABLE IF NOT EXISTS change (
    entry       INTEGER PRIMARY KEY,    -- the change of the policy, as it was asked for
    digest      BLOB    NOT NULL UNIQUE,-- its digest, by which statements name it
    author      BLOB    NOT NULL,       -- the key that asks
    decision    INTEGER                 -- the decision, once there is one
) STRICT;

CREATE INDEX IF NOT EXISTS change_decision ON change (decision);

CREATE TABLE IF NOT EXISTS policy (
    entry       INTEGER PRIMARY KEY,    -- the decision behind which another policy is in force
    change      INTEGER NOT NULL        -- the change that has it
) STRICT;

CREATE TABLE IF NOT EXISTS word (
    subject     INTEGER NOT NULL,       -- the request or the change
    entry       INTEGER NOT NULL,       -- what was said to it: evidence, a veto, an officer's word
    PRIMARY KEY (subject, entry)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS departed (
    owner       BLOB    NOT NULL,       -- the owner
    author      BLOB    NOT NULL,       -- the officer's key
    entry       INTEGER NOT NULL,       -- the last word by that key on whether the owner has departed
    PRIMARY KEY (owner, author)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS release_page (
    request     INTEGER NOT NULL,       -- the request
    page        INTEGER NOT NULL,       -- the page of its deposits, from 0
    entry       INTEGER NOT NULL,       -- the release
    PRIMARY KEY (request, page)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS blob_claim (
    claim       BLOB    PRIMARY KEY,    -- which SIMPLEBLOB, however it is written
    entry       INTEGER NOT NULL,       -- the statement by which it was proved first
    place       INTEGER NOT NULL        -- its place in that statement, from 0
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS own_blob (
    owner       BLOB    NOT NULL,       -- whose
    serial      BLOB    NOT NULL,       -- the deposit
    entry       INTEGER NOT NULL,       -- the statement of which blob its file has
    PRIMARY KEY (owner, serial, entry)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS rsa_key (
    entry       INTEGER PRIMARY KEY     -- the statement of the authority's RSA key; the first counts
) STRICT;

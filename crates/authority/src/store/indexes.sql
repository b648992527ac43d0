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

CREATE INDEX IF NOT EXISTS deposit_entry ON deposit (owner, entry, place);

CREATE TABLE IF NOT EXISTS request (
    entry       INTEGER PRIMARY KEY,    -- the request
    digest      BLOB    NOT NULL UNIQUE,-- H(Q), by which statements name it
    owner       BLOB    NOT NULL,       -- whose keys it asks for
    device      BLOB    NOT NULL,       -- the key that asks
    asker       BLOB,                   -- the other owner whose device that was when it asked, if it was one's
    keys        INTEGER NOT NULL,       -- how many deposits it is for
    decision    INTEGER                 -- the decision, once there is one
) STRICT;

CREATE INDEX IF NOT EXISTS request_owner ON request (owner, decision);
CREATE INDEX IF NOT EXISTS request_decision ON request (decision);

CREATE TABLE IF NOT EXISTS change (
    entry       INTEGER PRIMARY KEY,    -- the change of the policy, as it was asked for
    digest      BLOB    NOT NULL UNIQUE,-- its digest, by which statements name it
    author      BLOB    NOT NULL,       -- the key that asks
    decision    INTEGER                 -- the decision, once there is one
) STRICT;

CREATE TABLE IF NOT EXISTS due (
    entry       INTEGER PRIMARY KEY,    -- a change of the policy that is not decided
    reign       INTEGER NOT NULL,       -- the entry since which the policy is in force that it is to replace, or 0
    time        INTEGER NOT NULL        -- when it is to be looked at: not too late; a replay has all looked at once
) STRICT;

CREATE INDEX IF NOT EXISTS due_time ON due (reign, time);

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

CREATE TABLE IF NOT EXISTS stream (
    name        BLOB    NOT NULL,       -- which entries are listed together, and whose
    entry       INTEGER NOT NULL,
    PRIMARY KEY (name, entry)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS rsa_key (
    entry       INTEGER PRIMARY KEY     -- the statement of the authority's RSA key; the first counts
) STRICT;

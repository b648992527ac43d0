-- Indexes: made from `entry` by replay, and by nothing else.

CREATE TABLE owner (
    id          BLOB    PRIMARY KEY,    -- the owner
    entry       INTEGER NOT NULL        -- the enrolment
) STRICT, WITHOUT ROWID;

CREATE TABLE device (
    owner       BLOB    NOT NULL,       -- the owner it speaks for
    key         BLOB    NOT NULL,       -- its public key
    entry       INTEGER NOT NULL,       -- the enrolment, or the decision that made it the owner's
    PRIMARY KEY (owner, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE deposit (
    owner       BLOB    NOT NULL,       -- whose it is
    serial      BLOB    NOT NULL,       -- its serial number, among this owner's
    entry       INTEGER NOT NULL,       -- the statement it came in
    place       INTEGER NOT NULL,       -- its place in that statement, from 0
    PRIMARY KEY (owner, serial)         -- one deposit for each
) STRICT, WITHOUT ROWID;

CREATE TABLE request (
    entry       INTEGER PRIMARY KEY,    -- the request
    digest      BLOB    NOT NULL UNIQUE,-- H(Q), by which statements name it
    owner       BLOB    NOT NULL,       -- whose keys it asks for
    device      BLOB    NOT NULL,       -- the key that asks
    decision    INTEGER                 -- the decision, once there is one
) STRICT;

CREATE TABLE request_statement (
    request     INTEGER NOT NULL,       -- the request
    entry       INTEGER NOT NULL,       -- evidence for it, or a veto of it
    PRIMARY KEY (request, entry)
) STRICT, WITHOUT ROWID;

CREATE TABLE release_page (
    request     INTEGER NOT NULL,       -- the request
    page        INTEGER NOT NULL,       -- the page of its deposits, from 0
    entry       INTEGER NOT NULL,       -- the release
    PRIMARY KEY (request, page)
) STRICT, WITHOUT ROWID;

-- The tables of home.db as version 4 made them, each version's behind those of the one before.

-- The authority this home is with; one row.
CREATE TABLE authority (
    one       INTEGER PRIMARY KEY CHECK (one = 1),
    address   TEXT NOT NULL,     -- its folder, relative to the home where it lies within
    founding  BLOB NOT NULL,     -- its founding statement, whose id is pinned
    owner     BLOB NOT NULL,     -- our owner id there
    code_key  BLOB,              -- public key of the recovery code
    enrolment BLOB,              -- our enrolment statement, from before it is submitted
    enrolled  INTEGER NOT NULL,  -- 1 once its receipt is verified
    seen      TEXT               -- the latest checkpoint seen
) STRICT;

-- Deposit statements with their receipts, kept so that an authority restored from a backup can be made whole.
CREATE TABLE statement (
    id      BLOB PRIMARY KEY,
    bytes   BLOB NOT NULL,
    receipt TEXT NOT NULL        -- verified before it was put here
) STRICT, WITHOUT ROWID;

-- What is deposited, one row a session key.
CREATE TABLE deposit (
    serial    BLOB PRIMARY KEY,
    statement BLOB NOT NULL REFERENCES statement,
    state     TEXT NOT NULL,     -- deposited or verified, as the receipt says
    time      INTEGER NOT NULL   -- when, by the authority's clock, in milliseconds
) STRICT, WITHOUT ROWID;

-- Headers of which we saw, holding the session key, that file, deposit and commitment agree.
CREATE TABLE matched (
    header BLOB PRIMARY KEY,     -- SHA-256 of the header
    serial BLOB NOT NULL,        -- the deposit of its session key
    own    BLOB NOT NULL         -- SHA-256 of the owner's own stanza in it
) STRICT, WITHOUT ROWID;
CREATE INDEX matched_by_own ON matched (own);

-- Recovery requests, kept from before they are submitted.
CREATE TABLE request (
    id       BLOB PRIMARY KEY,
    bytes    BLOB NOT NULL,
    seed     BLOB NOT NULL,      -- secret: seed of the key that keys are released to
    made     INTEGER NOT NULL,   -- order of making
    decision BLOB,               -- the authority's decision, once keys came
    pages    INTEGER             -- how many pages there are, once all of them came
) STRICT, WITHOUT ROWID;

-- Pages of released keys, sealed to the request's key.
CREATE TABLE release (
    request BLOB NOT NULL REFERENCES request,
    page    INTEGER NOT NULL,
    bytes   BLOB NOT NULL,
    PRIMARY KEY (request, page)
) STRICT, WITHOUT ROWID;

-- Which page holds which key.
CREATE TABLE released (
    serial  BLOB PRIMARY KEY,
    request BLOB NOT NULL,
    page    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The journal of headers being replaced in place.
CREATE TABLE rewrite (
    path   BLOB PRIMARY KEY,     -- absolute
    device INTEGER NOT NULL,     -- as the system numbers it, as a signed integer
    inode  INTEGER NOT NULL,
    length INTEGER NOT NULL,     -- of the whole file
    old    BLOB NOT NULL,        -- header
    new    BLOB NOT NULL,        -- header
    serial BLOB                  -- the deposit of its session key, if file and deposit are known to agree
) STRICT, WITHOUT ROWID;

-- What the authority's log was put back behind, and its owner accepted: the evidence that it was.
CREATE TABLE accepted (
    made INTEGER PRIMARY KEY,    -- order of accepting
    time INTEGER NOT NULL,       -- when, by our clock, in milliseconds
    seen TEXT NOT NULL,          -- the checkpoint seen before
    now  TEXT NOT NULL           -- the one it does not extend to, pinned instead
) STRICT;

-- The public key of a sealed identity file, so that encrypting takes no passphrase; one row.
CREATE TABLE recipient (
    one       INTEGER PRIMARY KEY CHECK (one = 1),
    file      BLOB NOT NULL,     -- SHA-256 of the identity file: of another one it says nothing
    recipient TEXT NOT NULL
) STRICT;

-- Deposits of files that have no pointer, by the label that says so: a claim, as a pointer is.
CREATE TABLE detached (
    mark   BLOB PRIMARY KEY,     -- SHA-256 of the header, or of a passphrase's stanza
    serial BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Deposits that a secret rides along with.
CREATE TABLE secret (
    serial BLOB PRIMARY KEY,
    name   TEXT,                 -- what it goes by; a later one of the name supersedes it
    entry  INTEGER NOT NULL      -- the place of its statement in the log, which says what is later
) STRICT, WITHOUT ROWID;
CREATE INDEX secret_by_name ON secret (name);

-- The command that shows whether a secret opens what it is for. It never leaves the home.
CREATE TABLE secret_check (
    serial  BLOB PRIMARY KEY REFERENCES secret,
    command TEXT NOT NULL,
    time    INTEGER NOT NULL,    -- when it was run last, by our clock, in milliseconds
    opens   INTEGER NOT NULL     -- 1 if it opened then
) STRICT, WITHOUT ROWID;

-- SIMPLEBLOBs that recovery put into files of CryptoAPI's, from before they are written.
CREATE TABLE own_blob (
    mark    BLOB PRIMARY KEY,    -- SHA-256 of the blob
    serial  BLOB NOT NULL,       -- the deposit of the session key in it
    padding TEXT NOT NULL        -- pkcs1 or oaep, whatever the deposit's label says of the blob before
) STRICT, WITHOUT ROWID;

PRAGMA application_id = 0x7374726f;
PRAGMA user_version = 4;

//! The tables of `home.db`. SQLite, one writer at a time under the home's lock, every commit on the disk.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;
use std::{fs, io};

use rusqlite::Connection as Database;
use rusqlite::backup::Backup;
use rusqlite::config::DbConfig;
use strongroom_protocol::id::Digest;

use super::HomeError;

/// `stro`: tells our databases from others'.
const APPLICATION_ID: i64 = 0x7374_726f;
/// The newest version that is known here.
const VERSION: i64 = 9;

/// What the home knows by itself, and the log does not.
const KEPT: &str = "
-- Headers of which we saw, holding the session key, that file, deposit and commitment agree.
CREATE TABLE matched (
    header BLOB PRIMARY KEY,     -- SHA-256 of the header
    serial BLOB NOT NULL,        -- the deposit of its session key
    own    BLOB NOT NULL,        -- SHA-256 of the stanza in it that the owner opened it by
    homes  INTEGER NOT NULL      -- 0 if that is of a key beside the home's: it is not lost with that
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

-- There from when `init` begins a home on: what was chosen there no other command knows, and so none finishes it. One row.
CREATE TABLE begun_by_init (
    one INTEGER PRIMARY KEY CHECK (one = 1)
) STRICT;

-- There from when somebody named where the authority is: where that failed, none is put elsewhere unasked. One row.
CREATE TABLE place_named (
    one INTEGER PRIMARY KEY CHECK (one = 1)
) STRICT;

-- The public key of the identity file, so that encrypting takes no passphrase, and that the kind of one that is lost is known;
-- one row.
CREATE TABLE recipient (
    one       INTEGER PRIMARY KEY CHECK (one = 1),
    file      BLOB NOT NULL,     -- SHA-256 of the identity file: of another one it says nothing
    recipient TEXT NOT NULL,
    sealed    INTEGER NOT NULL   -- 1 if the file is sealed with a passphrase
) STRICT;

-- Deposits of files that have no pointer, by the label that says so: a claim, as a pointer is.
CREATE TABLE detached (
    mark   BLOB PRIMARY KEY,     -- SHA-256 of the header, or of a passphrase's stanza
    serial BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- SIMPLEBLOBs that recovery put into files of CryptoAPI's, from before they are written.
CREATE TABLE own_blob (
    mark    BLOB PRIMARY KEY,    -- SHA-256 of the blob
    serial  BLOB NOT NULL,       -- the deposit of the session key in it
    padding TEXT NOT NULL        -- pkcs1 or oaep, whatever the deposit's label says of the blob before
) STRICT, WITHOUT ROWID;
";

/// What of others' this home has told its owner of, so that it is told once.
const TOLD: &str = "
CREATE TABLE told (
    about BLOB PRIMARY KEY       -- the key of a device, or the digest of a request
) STRICT, WITHOUT ROWID;

-- How many statements by this home's device were told of that this home did not make; one row.
CREATE TABLE told_elsewhere (
    one        INTEGER PRIMARY KEY CHECK (one = 1),
    statements INTEGER NOT NULL
) STRICT;
";

/// The statements of the replica.
const STATEMENT: &str = "
-- What concerns us in the log. Deposits that the log has lost stay, so that the authority can be made whole.
CREATE TABLE statement (
    number  INTEGER PRIMARY KEY,
    id      BLOB NOT NULL UNIQUE,
    kind    INTEGER NOT NULL,    -- by its number on the wire
    entry   INTEGER UNIQUE,      -- its place in the log; nothing if the log does not have it any more
    time    INTEGER NOT NULL,    -- when it was recorded, by the authority's clock, in milliseconds
    first   INTEGER NOT NULL,    -- the same, before the log lost it and it was sent again
    author  BLOB NOT NULL,       -- the key that signed it
    own     INTEGER NOT NULL DEFAULT 0,  -- 1 if this home submitted it
    bytes   BLOB NOT NULL,       -- as it was signed
    receipt TEXT NOT NULL        -- verified before it was put here
) STRICT;
CREATE INDEX statement_by_first ON statement (first, entry);
";

/// The devices of the replica.
const DEVICE: &str = "
-- The owner's devices, by the log.
CREATE TABLE device (
    key        BLOB PRIMARY KEY,
    entry      INTEGER NOT NULL, -- the enrolment, the decision or its own word that made it the owner's
    invitation BLOB,             -- the key of the invitation that it joined with
    revoked    INTEGER,          -- the entry that revoked it
    name       TEXT,             -- what it is called
    named      INTEGER           -- the entry that says so
) STRICT, WITHOUT ROWID;
CREATE INDEX device_by_invitation ON device (invitation);

-- Invitations to be another device of the owner's.
CREATE TABLE invitation (
    key     BLOB PRIMARY KEY,
    entry   INTEGER NOT NULL,
    inviter BLOB NOT NULL,       -- the device that made it
    until   INTEGER NOT NULL,    -- when it ends, by the authority's clock, in milliseconds
    revoked INTEGER              -- the entry that withdrew it
) STRICT, WITHOUT ROWID;
";

/// The rest of the replica of what concerns the owner in the authority's log (spec/home.md#replica), and what hangs on it. `home::replica`
/// fills all but `authority`, `statement`, `unread` and `secret_check` from the statements, in the log's order.
const REPLICA: &str = "
-- The authority this home is with; one row.
CREATE TABLE authority (
    one       INTEGER PRIMARY KEY CHECK (one = 1),
    address   TEXT NOT NULL,     -- its folder, relative to the home where it lies within
    founding  BLOB NOT NULL,     -- its founding statement, whose id is pinned
    owner     BLOB NOT NULL,     -- our owner id there
    code_key  BLOB,              -- public key of the recovery code
    enrolment BLOB,              -- our enrolment statement, from before it is submitted
    joining   BLOB,              -- our statement that this device joins by an invitation, from before it is submitted
    enrolled  INTEGER NOT NULL,  -- 1 once the receipt of either is verified
    seen      TEXT,              -- the latest checkpoint seen
    read      INTEGER NOT NULL   -- what concerns us in the log was read up to this index
) STRICT;

-- Entries that the authority could not read when it was asked.
CREATE TABLE unread (
    entry INTEGER PRIMARY KEY
) STRICT;

-- What is deposited, one row a session key.
CREATE TABLE deposit (
    serial      BLOB PRIMARY KEY,
    statement   INTEGER NOT NULL REFERENCES statement,
    place       INTEGER NOT NULL,  -- in its statement, from 0
    state       TEXT NOT NULL,     -- the authority's newest word on it
    label       BLOB NOT NULL,     -- H(L), what its owner signed
    unproven    INTEGER NOT NULL,  -- 1 if it is of a SIMPLEBLOB whose session key nobody showed to know
    particulars BLOB NOT NULL      -- what its owner said of it
) STRICT, WITHOUT ROWID;
CREATE INDEX deposit_by_statement ON deposit (statement, place);

-- Deposits that a secret rides along with.
CREATE TABLE secret (
    serial BLOB PRIMARY KEY REFERENCES deposit,
    name   TEXT                  -- what it goes by
) STRICT, WITHOUT ROWID;
CREATE INDEX secret_by_name ON secret (name);

-- Which secrets say that they supersede which.
CREATE TABLE supersedes (
    older BLOB NOT NULL,         -- the superseded deposit
    newer BLOB NOT NULL REFERENCES secret,
    PRIMARY KEY (older, newer)
) STRICT, WITHOUT ROWID;

-- The command that shows whether a secret opens what it is for. It belongs to the name, and never leaves the home.
CREATE TABLE secret_check (
    about   TEXT PRIMARY KEY,    -- `name:` and the name, or `serial:` and the serial of a secret without one
    command TEXT NOT NULL,
    serial  BLOB NOT NULL,       -- the secret it was run for last
    time    INTEGER NOT NULL,    -- when, by our clock, in milliseconds
    opens   INTEGER NOT NULL     -- 1 if it opened then
) STRICT, WITHOUT ROWID;

-- Secrets of another machine of the owner's of which it was said that this one can't open them.
CREATE TABLE not_compared (
    serial BLOB PRIMARY KEY
) STRICT, WITHOUT ROWID;

-- Requests and changes of the policy.
CREATE TABLE subject (
    digest    BLOB PRIMARY KEY,  -- by which statements name it
    statement INTEGER NOT NULL REFERENCES statement,
    owner     BLOB,              -- whose keys a request asks for
    device    BLOB NOT NULL,     -- the key that asks
    keys      INTEGER NOT NULL,  -- how many deposits a request is for
    answered  INTEGER NOT NULL,  -- how many of them were released or withheld
    verdict   TEXT,              -- of the decision, once there is one
    expires   INTEGER NOT NULL   -- in milliseconds
) STRICT, WITHOUT ROWID;
";

/// What the home saw of files' payloads (spec/deposit.md#mark).
const MARKS: &str = "
-- Files that were written here, or seen at both ends with their keys: what tells them from others with their headers.
CREATE TABLE file_mark (
    header BLOB PRIMARY KEY,     -- as in matched
    first  BLOB NOT NULL,        -- the payload's nonce; of a file of CryptoAPI's, the first 16 bytes of its ciphertext
    length INTEGER NOT NULL,     -- in bytes, header and all; of an armored file, that of what the armor holds
    last   BLOB NOT NULL         -- the tag of the last chunk; the last 16 bytes of the ciphertext
) STRICT, WITHOUT ROWID;
CREATE INDEX file_mark_by_first ON file_mark (first);

-- Files that were written here, or looked at with their keys, and were what they were written as.
CREATE TABLE look (
    path     BLOB PRIMARY KEY,   -- absolute
    stamp    BLOB NOT NULL,      -- SHA-256 of what changes when a file does: device, inode, length, mtime, ctime
    header   BLOB NOT NULL,      -- as in file_mark
    detached INTEGER NOT NULL,   -- 1 if the header does not say where the spare is
    with_key INTEGER NOT NULL    -- 1 if the key opened the beginning of the payload, or wrote it
) STRICT, WITHOUT ROWID;

-- What encrypted files were made of here: what changed since is encrypted anew.
CREATE TABLE source (
    path     BLOB PRIMARY KEY,   -- the encrypted file's, absolute
    length   INTEGER NOT NULL,   -- of the file that it was made of
    seconds  INTEGER NOT NULL,   -- when that was modified, since 1970
    nanos    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Files that were read to their ends, and what came of it the last time.
CREATE TABLE reading (
    path  BLOB PRIMARY KEY,      -- absolute
    mark  BLOB NOT NULL,         -- SHA-256 of what its mark had of the payload: first and last
    time  INTEGER NOT NULL,      -- when, by our clock, in milliseconds
    whole INTEGER NOT NULL       -- 1 if all of it was as it was written
) STRICT, WITHOUT ROWID;

-- Commands that read many files to their ends, and were not done when this was written last.
CREATE TABLE reading_begun (
    files BLOB PRIMARY KEY,      -- SHA-256 of their paths
    begun INTEGER NOT NULL       -- by our clock, in milliseconds
) STRICT, WITHOUT ROWID;
";

const TABLES: [&str; 6] = [KEPT, STATEMENT, DEVICE, REPLICA, TOLD, MARKS];

pub(super) fn create(path: &Path) -> Result<Database, HomeError> {
    let failed = |source| HomeError::Folder {
        path: path.to_path_buf(),
        source,
    };
    match create_private(path) {
        // A command was killed before it had put anything into it; but for a file of our own nothing is written to.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let metadata = fs::symlink_metadata(path).map_err(failed)?;
            if !metadata.is_file() {
                return Err(failed(error));
            }
        }
        created => drop(created.map_err(failed)?),
    }
    let mut database = Database::open(path)?;
    restrict(path)?;
    configure(&database)?;
    let transaction =
        database.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    make(&transaction)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()?;
    Ok(database)
}

pub(super) fn open(path: &Path) -> Result<Database, HomeError> {
    check_files(path)?;
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE;
    let database = Database::open_with_flags(path, flags)?;
    // It opens what can't be written all the same, to be read.
    if database.is_readonly("main")? {
        return Err(HomeError::ReadOnly {
            path: path.to_path_buf(),
        });
    }
    configure(&database)?;
    let pragma = |name| database.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    if pragma("application_id")? == 0 && pragma("user_version")? == 0 && is_empty(&database)? {
        drop(database);
        // A command was killed between making the file and the tables, and so nothing else was made yet.
        let failed = |source| HomeError::Folder {
            path: path.to_path_buf(),
            source,
        };
        return match is_alone(path).map_err(failed)? {
            true => create(path),
            false => Err(HomeError::Emptied {
                path: path.to_path_buf(),
            }),
        };
    }
    check(&database, path)?;
    Ok(database)
}

/// Opens a copy in memory, where the file can't be written to. What is written to the copy goes with it.
pub(super) fn open_copy(path: &Path) -> Result<Database, HomeError> {
    check_files(path)?;
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let file = Database::open_with_flags(path, flags)?;
    let copy = copy(&file)?;
    check(&copy, path)?;
    Ok(copy)
}

/// Makes a copy in memory.
pub(super) fn copy(database: &Database) -> Result<Database, HomeError> {
    let mut copy = Database::open_in_memory()?;
    Backup::new(database, &mut copy)?.run_to_completion(i32::MAX, Duration::ZERO, None)?;
    configure(&copy)?;
    Ok(copy)
}

fn check_files(path: &Path) -> Result<(), HomeError> {
    strongroom_files::check_database(path).map_err(|source| HomeError::Folder {
        path: path.to_path_buf(),
        source,
    })
}

/// Sees that a database is a home's, and of this version.
fn check(database: &Database, path: &Path) -> Result<(), HomeError> {
    let pragma = |name| database.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let version = pragma("user_version")?;
    if pragma("application_id")? != APPLICATION_ID {
        return Err(HomeError::NotOurs {
            path: path.to_path_buf(),
        });
    }
    if version > VERSION {
        return Err(HomeError::NewerVersion {
            found: version,
            known: VERSION,
        });
    }
    if version < 1 {
        return Err(HomeError::Damaged { what: "version" });
    }
    if version < VERSION {
        return Err(HomeError::OlderVersion {
            found: version,
            known: VERSION,
        });
    }
    check_schema(database)
}

fn make(database: &Database) -> rusqlite::Result<()> {
    TABLES
        .iter()
        .try_for_each(|tables| database.execute_batch(tables))
}

/// Sees that the schema is what this version makes, and nothing else: a trigger, a view, an index or a table with another
/// condition can make something else of what is written, or of what is asked.
fn check_schema(database: &Database) -> Result<(), HomeError> {
    let theirs = objects(database)?;
    if digest(&theirs).to_string() == SCHEMA {
        return Ok(());
    }
    let ours = Database::open_in_memory()?;
    make(&ours)?;
    let ours = objects(&ours)?;
    match ours.symmetric_difference(&theirs).next() {
        Some((name, ..)) => Err(HomeError::Schema { name: name.clone() }),
        None => Ok(()),
    }
}

/// SHA-256 of the schema, so that it is not made each time to be compared: that took most of what opening a home takes.
const SCHEMA: &str = "ce0e0a2106a83d108ae0908cfbf59a11bc2092cd8790d0b67d7add0ca1dc82ae";

/// Digests a schema: of each object the four columns, a zero byte behind each.
fn digest(objects: &BTreeSet<Object>) -> Digest {
    let mut text = String::new();
    for (name, kind, table, sql) in objects {
        for field in [name, kind, table, sql.as_ref().unwrap_or(&String::new())] {
            text.push_str(field);
            text.push('\0');
        }
    }
    Digest::of(&[text.as_bytes()])
}

/// A table, an index, a trigger or a view: its name, kind and table, and how it was made.
type Object = (String, String, String, Option<String>);

fn objects(database: &Database) -> rusqlite::Result<BTreeSet<Object>> {
    let sql = "SELECT name, type, tbl_name, sql FROM sqlite_schema";
    let mut statement = database.prepare(sql)?;
    let objects = statement.query_map((), |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
    })?;
    objects.collect()
}

/// Makes a file that is not there yet, and that only its owner may read.
fn create_private(path: &Path) -> io::Result<fs::File> {
    use std::os::unix::fs::OpenOptionsExt;

    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    options.open(path)
}

/// Tells whether there is nothing beside the database that a command makes later.
fn is_alone(path: &Path) -> io::Result<bool> {
    let folder = path.parent().unwrap_or(Path::new("."));
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let is_ours = name == super::LOCK || name.to_string_lossy().starts_with(super::DATABASE);
        if !is_ours {
            return Ok(false);
        }
    }
    Ok(true)
}

fn is_empty(database: &Database) -> rusqlite::Result<bool> {
    let tables: i64 =
        database.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0))?;
    Ok(tables == 0)
}

fn configure(database: &Database) -> rusqlite::Result<()> {
    // The home's lock lets one command in at a time, so that a rollback journal serves; it leaves one file.
    database.pragma_update(None, "journal_mode", "DELETE")?;
    database.pragma_update(None, "synchronous", "EXTRA")?;
    // Nothing that the file brings is run, also when somebody puts it there after the schema was checked.
    database.pragma_update(None, "trusted_schema", "OFF")?;
    database.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    database.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false)?;
    database.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    // A statement is planned once, and not again for what is asked with it: a question costs a third of that.
    database.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // In KiB: so that what a page of the log changes fits, and is not written before its commit, a part at a time.
    database.pragma_update(None, "cache_size", -16_384)?;
    database.pragma_update(None, "foreign_keys", true)?;
    database.pragma_update(None, "secure_delete", true)
}

/// Lets nobody else read the file, whatever the umask: it holds secrets later.
fn restrict(path: &Path) -> Result<(), HomeError> {
    use std::os::unix::fs::PermissionsExt;

    match fs::set_permissions(path, fs::Permissions::from_mode(0o600)) {
        // The disk keeps no permissions.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::PermissionDenied | io::ErrorKind::Unsupported
            ) =>
        {
            Ok(())
        }
        set => set.map_err(|source| HomeError::Folder {
            path: path.to_path_buf(),
            source,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_has_the_digest_that_it_is_known_by() {
        let database = Database::open_in_memory().unwrap();
        make(&database).unwrap();
        assert_eq!(digest(&objects(&database).unwrap()).to_string(), SCHEMA);
    }
}

//! What somebody can do to the rows of a store without any of its keys.

use std::fmt;
use std::path::{Path, PathBuf};

use rand_core::Rng;
use rusqlite::Connection;
use rusqlite::types::{Value, ValueRef};
use strongroom_testkit::TestRng;

use super::story::Story;

/// Something that is done to a store.
#[derive(Clone)]
pub(super) enum Edit {
    /// Statements of SQL, of which some may be refused.
    Sql(Vec<String>),
    /// The store is put back as it was.
    Older(PathBuf),
}

impl Edit {
    pub(super) fn make(&self, store: &Path) {
        match self {
            Self::Sql(statements) => {
                let sql = Connection::open(store).unwrap();
                sql.pragma_update(None, "synchronous", "OFF").unwrap();
                for statement in statements {
                    let _ = sql.execute(statement, []);
                }
            }
            Self::Older(older) => {
                for name in ["store.db-wal", "store.db-shm"] {
                    let _ = std::fs::remove_file(store.with_file_name(name));
                }
                std::fs::copy(older, store).unwrap();
            }
        }
    }
}

impl fmt::Display for Edit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sql(statements) => {
                let short = |sql: &String| match sql.char_indices().nth(300) {
                    Some((end, _)) => format!("{}..", sql.get(..end).unwrap()),
                    None => sql.clone(),
                };
                let statements: Vec<String> = statements.iter().map(short).collect();
                f.write_str(&statements.join("; "))
            }
            Self::Older(older) => write!(f, "{}", older.display()),
        }
    }
}

/// A table: the column that finds a row, and the others.
struct Table {
    name: &'static str,
    key: &'static str,
    columns: &'static [&'static str],
}

const TABLES: [Table; 4] = [
    Table {
        name: "entry",
        key: "idx",
        columns: &[
            "kind",
            "time",
            "salt",
            "id",
            "leaf",
            "signature",
            "attestation",
            "statement",
        ],
    },
    Table {
        name: "head",
        key: "one",
        columns: &["size", "frontier", "checkpoint"],
    },
    Table {
        name: "map",
        key: "key",
        columns: &["value"],
    },
    Table {
        name: "counter",
        key: "name",
        columns: &["count"],
    },
];

/// A row, with its key first.
type Row = Vec<Value>;

/// The rows of the story's store, and of those before it.
pub(super) struct Store {
    tables: Vec<Vec<Row>>,
    older: Vec<Vec<Vec<Row>>>,
    older_paths: Vec<PathBuf>,
}

fn read(path: &Path) -> Vec<Vec<Row>> {
    let sql = Connection::open(path).unwrap();
    let rows = |table: &Table| {
        let columns = table.columns.join(", ");
        let (name, key) = (table.name, table.key);
        let query = format!("SELECT {key}, {columns} FROM {name} ORDER BY {key}");
        let mut query = sql.prepare(&query).unwrap();
        let width = table.columns.len() + 1;
        let rows = query.query_map([], |row| {
            (0..width)
                .map(|column| row.get::<_, Value>(column))
                .collect::<Result<Row, _>>()
        });
        rows.unwrap().map(Result::unwrap).collect()
    };
    TABLES.iter().map(rows).collect()
}

fn literal(value: &Value) -> String {
    match ValueRef::from(value) {
        ValueRef::Blob(bytes) => {
            let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("x'{digits}'")
        }
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Null => "NULL".to_owned(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(text) => {
            let text = String::from_utf8_lossy(text).replace('\'', "''");
            format!("'{text}'")
        }
    }
}

fn zero_of(value: &Value) -> Value {
    match value {
        Value::Blob(bytes) => Value::Blob(vec![0; bytes.len()]),
        Value::Integer(_) => Value::Integer(0),
        Value::Null => Value::Null,
        Value::Real(_) => Value::Real(0.0),
        Value::Text(_) => Value::Text(String::new()),
    }
}

impl Table {
    fn found(&self, row: &Row) -> String {
        format!("{} = {}", self.key, literal(&row[0]))
    }

    fn delete(&self, row: &Row) -> Edit {
        sql([format!(
            "DELETE FROM {} WHERE {}",
            self.name,
            self.found(row)
        )])
    }

    /// Sets a column; column 0 is the key.
    fn set(&self, row: &Row, column: usize, value: &Value) -> String {
        let name = match column.checked_sub(1) {
            None => self.key,
            Some(column) => self.columns[column],
        };
        format!(
            "UPDATE OR REPLACE {} SET {name} = {} WHERE {}",
            self.name,
            literal(value),
            self.found(row)
        )
    }

    fn zero(&self, row: &Row, column: usize) -> Edit {
        sql([self.set(row, column, &zero_of(&row[column]))])
    }

    /// Exchanges a column of two rows.
    fn exchange(&self, one: &Row, other: &Row, column: usize) -> Edit {
        let parked = match &one[column] {
            Value::Integer(_) => Value::Integer(1 << 40),
            Value::Null | Value::Real(_) | Value::Text(_) | Value::Blob(_) => {
                Value::Blob(vec![0xee; 33])
            }
        };
        if column > 0 {
            return sql([
                self.set(one, column, &parked),
                self.set(other, column, &one[column]),
                self.set(one, column, &other[column]),
            ]);
        }
        let mut parked_row = one.clone();
        parked_row[0] = parked.clone();
        sql([
            self.set(one, 0, &parked),
            self.set(other, 0, &one[0]),
            self.set(&parked_row, 0, &other[0]),
        ])
    }

    fn insert(&self, row: &Row) -> Edit {
        let values: Vec<String> = row.iter().map(literal).collect();
        sql([format!(
            "INSERT OR REPLACE INTO {} ({}, {}) VALUES ({})",
            self.name,
            self.key,
            self.columns.join(", "),
            values.join(", ")
        )])
    }
}

fn sql<const N: usize>(statements: [String; N]) -> Edit {
    Edit::Sql(statements.to_vec())
}

const SCHEMAS: [&str; 6] = [
    "CREATE TRIGGER t AFTER INSERT ON entry BEGIN \
        UPDATE entry SET statement = zeroblob(16) WHERE idx = NEW.idx; END",
    "CREATE VIEW v AS SELECT * FROM entry",
    "CREATE INDEX i ON entry (kind)",
    "CREATE TABLE t (a)",
    "ALTER TABLE counter ADD COLUMN b",
    "DROP TABLE counter",
];

impl Store {
    pub(super) fn read(story: &Story) -> Self {
        Self {
            tables: read(&story.world.path("authority/store.db")),
            older: story.older.iter().map(|path| read(path)).collect(),
            older_paths: story.older.clone(),
        }
    }

    fn rows(&self) -> impl Iterator<Item = (&'static Table, &Vec<Row>, usize)> {
        let tables = TABLES.iter().zip(&self.tables);
        tables.flat_map(|(table, rows)| (0..rows.len()).map(move |row| (table, rows, row)))
    }

    /// Every edit of one row that is told here.
    pub(super) fn single_edits(&self) -> Vec<Edit> {
        let mut edits = Vec::new();
        for (table, rows, number) in self.rows() {
            let row = &rows[number];
            edits.push(table.delete(row));
            for column in 1..row.len() {
                edits.push(table.zero(row, column));
                let other = &rows[(number + 1) % rows.len()];
                edits.push(table.exchange(row, other, column));
            }
            edits.push(table.exchange(row, &rows[(number + 2) % rows.len()], 0));
        }
        edits.extend(self.older_paths.iter().cloned().map(Edit::Older));
        edits.extend(SCHEMAS.map(|schema| sql([schema.to_owned()])));
        edits
    }

    /// One to three edits, whatever the seed says.
    pub(super) fn random_edits(&self, rng: &mut TestRng) -> Vec<Edit> {
        let count = 1 + below(rng, 3);
        (0..count).map(|_| self.random_edit(rng)).collect()
    }

    fn random_edit(&self, rng: &mut TestRng) -> Edit {
        // Most rows are the map's, and most of what can be said falsely is there.
        let table_number = [0, 0, 1, 2, 2, 2, 2, 3][below(rng, 8)];
        let (table, rows) = (&TABLES[table_number], &self.tables[table_number]);
        if rows.is_empty() {
            return Edit::Older(self.older_paths[below(rng, self.older_paths.len())].clone());
        }
        let row = &rows[below(rng, rows.len())];
        let other = &rows[below(rng, rows.len())];
        let column = below(rng, row.len());
        match below(rng, 12) {
            0 | 1 => table.delete(row),
            2 => table.zero(row, column),
            3 | 4 => table.exchange(row, other, column),
            // A bit, or the end, of what is there.
            5 => sql([table.set(row, column, &spoiled(&row[column], rng))]),
            // What another row has, too.
            6 | 7 => sql([table.set(row, column, &other[column])]),
            // A row of another's, with a part of this one's key.
            8 | 9 => {
                let mut planted = row.clone();
                planted[0] = joined(&row[0], &other[0], rng);
                table.insert(&planted)
            }
            // As it was before.
            10 => {
                let older = &self.older[below(rng, self.older.len())][table_number];
                match older.get(below(rng, older.len().max(1))) {
                    Some(row) => table.insert(row),
                    None => table.delete(row),
                }
            }
            _ => match below(rng, 8) {
                0 => Edit::Older(self.older_paths[below(rng, self.older_paths.len())].clone()),
                1 => sql([SCHEMAS[below(rng, SCHEMAS.len())].to_owned()]),
                _ => {
                    let fresh = 1_000 + i64::try_from(below(rng, 9)).unwrap();
                    let mut planted = row.clone();
                    planted[0] = if matches!(row[0], Value::Integer(_)) {
                        Value::Integer(fresh)
                    } else {
                        spoiled(&row[0], rng)
                    };
                    table.insert(&planted)
                }
            },
        }
    }

    /// Rows that somebody would gain by, each with what it is to say.
    pub(super) fn planted(&self) -> Vec<(&'static str, Vec<Edit>)> {
        let map = &TABLES[2];
        let rows = |index: u8| {
            let rows = self.tables[2].iter();
            rows.filter(move |row| bytes(&row[0])[0] == index)
        };
        let all = |index: u8| rows(index).map(|row| map.delete(row)).collect::<Vec<_>>();
        let owner_of = |entry: u64| {
            let row = rows(0x11).find(|row| bytes(&row[0])[1..] == entry.to_be_bytes());
            bytes(&row.unwrap()[1]).to_vec()
        };
        // The owner's enrolment is entry 1, the other's the next.
        let (owner, other) = (owner_of(1), owner_of(2));
        let others_device = rows(0x18)
            .find(|row| bytes(&row[0])[1..33] == other[..])
            .unwrap();
        let device = bytes(&others_device[0])[33..].to_vec();
        let put = |key: Vec<u8>, value: &[u8]| {
            map.insert(&vec![Value::Blob(key), Value::Blob(value.to_vec())])
        };
        let number = |entry: u64| entry.to_be_bytes();
        let mut planted = Vec::new();
        for entry in [1, 2] {
            let by_owner = put([&[0x18], &owner[..], &device].concat(), &number(entry));
            let by_key = [&[0x19], &device[..], &number(entry), &owner].concat();
            planted.push((
                "the other's device is the owner's",
                vec![by_owner, put(by_key, &[])],
            ));
        }
        planted.push(("no owner is enrolled", all(0x10)));
        planted.push((
            "nobody is enrolled at all",
            [all(0x10), all(0x11), all(0x12), all(0x18), all(0x19)].concat(),
        ));
        planted.push((
            "the other's enrolment is the owner's",
            vec![put([&[0x10], &owner[..]].concat(), &number(2))],
        ));
        // Rows that nobody ever wrote, by which it is told who asks.
        let own_device = rows(0x18)
            .find(|row| bytes(&row[0])[1..33] == owner[..])
            .unwrap();
        let own_device = bytes(&own_device[0])[33..].to_vec();
        for cut in [0, 1, 32] {
            let key = [&[0x19], &own_device[..], &number(1), &owner[..cut]].concat();
            planted.push(("a device is nobody's", vec![put(key, &[])]));
        }
        planted.push((
            "a device asks for what is none",
            vec![put([&[0x39], &own_device[..], &[0xff; 8]].concat(), &[])],
        ));
        planted.push(("no deposit is found by its serial", all(0x20)));
        planted.push(("no deposit is found in order", all(0x21)));
        planted.push(("no deposit is found", [all(0x20), all(0x21)].concat()));
        planted.push(("nothing was said", all(0x36)));
        planted.push(("no policy came into force", all(0x43)));
        planted.push(("nothing concerns anybody", [all(0x50), all(0x51)].concat()));
        planted.push((
            "no change is due",
            [all(0x44), all(0x45), all(0x46)].concat(),
        ));
        planted.push((
            "a change that is none is due",
            vec![put([&[0x44][..], &[0; 16], &[0xff; 8]].concat(), &[])],
        ));
        planted.push((
            "a request that is none is open",
            vec![put([&[0x3a], &owner[..], &[0xff; 8]].concat(), &[])],
        ));
        planted
    }
}

fn bytes(value: &Value) -> &[u8] {
    let Value::Blob(bytes) = value else {
        panic!("{value:?} has no bytes");
    };
    bytes
}

fn spoiled(value: &Value, rng: &mut TestRng) -> Value {
    match value {
        Value::Blob(bytes) if !bytes.is_empty() => {
            let mut bytes = bytes.clone();
            let at = below(rng, bytes.len());
            match below(rng, 3) {
                0 => bytes.truncate(at),
                1 => bytes.push(7),
                _ => bytes[at] ^= 1 << below(rng, 8),
            }
            Value::Blob(bytes)
        }
        Value::Blob(_) => Value::Blob(vec![7]),
        Value::Integer(number) => Value::Integer(number + 1),
        Value::Text(text) => Value::Text(text.chars().rev().collect()),
        Value::Null | Value::Real(_) => value.clone(),
    }
}

/// The beginning of one key, and the rest of another.
fn joined(one: &Value, other: &Value, rng: &mut TestRng) -> Value {
    match (one, other) {
        (Value::Blob(one), Value::Blob(other)) => {
            let at = [1, 9, 17, 33][below(rng, 4)].min(one.len());
            let rest = other.get(at..).unwrap_or_default();
            Value::Blob([&one[..at], rest].concat())
        }
        (Value::Integer(one), _) => Value::Integer(one + 1),
        (one, _) => one.clone(),
    }
}

fn below(rng: &mut TestRng, end: usize) -> usize {
    usize::try_from(rng.next_u64() % u64::try_from(end).unwrap()).unwrap()
}

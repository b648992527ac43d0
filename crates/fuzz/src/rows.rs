//! Edits of a database behind its owner's back: any value of any row of any table there is, as drawn.

use std::path::Path;

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use crate::draw::Draw;

/// Makes a few edits; what the schema refuses stays away. Returns how many rows are others.
pub(crate) fn edit(path: &Path, draw: &mut Draw<'_>) -> usize {
    let database = Connection::open(path).unwrap();
    for (pragma, value) in [("foreign_keys", "OFF"), ("synchronous", "OFF")] {
        database.pragma_update(None, pragma, value).unwrap();
    }
    let tables = texts(
        &database,
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name",
    );
    let mut changed = 0;
    for _ in 0..draw.below(5) {
        let table: &String = draw.pick(&tables);
        changed += edit_table(&database, table, draw);
    }
    changed
}

fn edit_table(database: &Connection, table: &str, draw: &mut Draw<'_>) -> usize {
    let types = texts(
        database,
        &format!("SELECT type FROM pragma_table_info('{table}') ORDER BY cid"),
    );
    let before = rows(database, table, types.len());
    let mut rows = before.clone();
    let column = draw.below(types.len());
    let what = draw.byte();
    let [one, other] = [draw.byte(), draw.byte()].map(|row| usize::from(row) % before.len().max(1));
    match what % 8 {
        0 => rows.push(types.iter().map(|kind| value(kind, draw)).collect()),
        1 => rows.clear(),
        _ if rows.is_empty() => return 0,
        2 => drop(rows.remove(one)),
        3 => rows[one][column] = rows[other][column].clone(),
        4 => {
            let cell = rows[one][column].clone();
            rows[one][column] = std::mem::replace(&mut rows[other][column], cell);
        }
        5 => rows[one][column] = value(&types[column], draw),
        6 => rows[one][column] = Value::Null,
        _ => patch(&mut rows[one][column], draw),
    }
    database
        .execute_batch(&format!("BEGIN; DELETE FROM {table}"))
        .unwrap();
    let places = vec!["?"; types.len()].join(",");
    let mut insert = database
        .prepare(&format!("INSERT OR REPLACE INTO {table} VALUES ({places})"))
        .unwrap();
    for (row, before) in rows
        .iter()
        .zip(before.iter().map(Some).chain(std::iter::repeat(None)))
    {
        if insert.execute(params_from_iter(row)).is_err()
            && let Some(before) = before
        {
            insert.execute(params_from_iter(before)).unwrap();
        }
    }
    drop(insert);
    database.execute_batch("COMMIT").unwrap();
    let after = self::rows(database, table, types.len());
    after.len().abs_diff(before.len()) + after.iter().filter(|row| !before.contains(row)).count()
}

fn value(kind: &str, draw: &mut Draw<'_>) -> Value {
    match kind {
        "INTEGER" => Value::Integer(draw.number().cast_signed()),
        "TEXT" => Value::Text(String::from_utf8_lossy(draw.bytes()).into_owned()),
        _ => Value::Blob(draw.bytes().to_vec()),
    }
}

/// Changes a part of a value, or its end.
fn patch(value: &mut Value, draw: &mut Draw<'_>) {
    let place = draw.number();
    let at = |length: usize| usize::try_from(place % (length as u64 + 1)).unwrap();
    match value {
        Value::Integer(number) => *number ^= 1 << (place % 64),
        Value::Blob(bytes) => {
            let (at, patch) = (at(bytes.len()), draw.bytes());
            let end = if draw.flag() {
                bytes.len()
            } else {
                bytes.len().min(at + patch.len())
            };
            bytes.splice(at..end, patch.iter().copied());
        }
        Value::Text(text) => {
            let mut at = at(text.len());
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            text.truncate(at);
            text.push_str(&String::from_utf8_lossy(draw.bytes()));
        }
        Value::Null | Value::Real(_) => *value = Value::Integer(place.cast_signed()),
    }
}

fn rows(database: &Connection, table: &str, columns: usize) -> Vec<Vec<Value>> {
    let mut rows = database.prepare(&format!("SELECT * FROM {table}")).unwrap();
    let rows = rows.query_map([], |row| {
        (0..columns).map(|column| row.get(column)).collect()
    });
    rows.unwrap().map(Result::unwrap).collect()
}

pub(crate) fn texts(database: &Connection, sql: &str) -> Vec<String> {
    let mut rows = database.prepare(sql).unwrap();
    let rows = rows.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

/// Returns all that tables have, in the order of their rows' values.
pub(crate) fn dump(path: &Path, leave_out: &[(&str, &str)]) -> Vec<String> {
    let database = Connection::open(path).unwrap();
    let tables = texts(
        &database,
        "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name",
    );
    let mut dump = Vec::new();
    for table in tables {
        let columns = texts(
            &database,
            &format!("SELECT name FROM pragma_table_info('{table}') ORDER BY cid"),
        );
        let mut lines: Vec<_> = rows(&database, &table, columns.len())
            .iter()
            .map(|row| {
                let cells = columns.iter().zip(row);
                let cells = cells.filter(|(column, _)| !leave_out.contains(&(&table, column)));
                let cells: Vec<_> = cells
                    .map(|(column, value)| format!("{column} {value:?}"))
                    .collect();
                format!("{table}: {}", cells.join(", "))
            })
            .collect();
        lines.sort();
        dump.extend(lines);
    }
    dump
}

//! The tables of the store: made, and found to be just ours. Not what is in them.

use std::collections::BTreeSet;

use rusqlite::Connection;

use super::StoreError;

const SCHEMA: &str = include_str!("schema.sql");

/// Makes the tables of a new store.
pub(super) fn make(connection: &Connection) -> Result<(), StoreError> {
    Ok(connection.execute_batch(SCHEMA)?)
}

/// Sees that the schema is what this version makes, and nothing else: a trigger, a view, an index or a table with another
/// condition can make something else of what is written, or of what is asked.
pub(super) fn check(connection: &Connection) -> Result<(), StoreError> {
    let ours = Connection::open_in_memory()?;
    make(&ours)?;
    let (ours, theirs) = (objects(&ours)?, objects(connection)?);
    match ours.symmetric_difference(&theirs).next() {
        Some((name, ..)) => Err(StoreError::Schema { name: name.clone() }),
        None => Ok(()),
    }
}

/// A table, an index, a trigger or a view: its name, kind and table, and how it was made.
type Object = (String, String, String, Option<String>);

fn objects(connection: &Connection) -> Result<BTreeSet<Object>, StoreError> {
    let sql = "SELECT name, type, tbl_name, sql FROM sqlite_schema";
    let mut statement = connection.prepare(sql)?;
    let objects = statement.query_map([], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
    })?;
    Ok(objects.collect::<Result<_, _>>()?)
}

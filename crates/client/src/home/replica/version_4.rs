//! A database of version 4, which had the owner's deposit statements and no others, taken into a replica.

use rusqlite::Transaction;
use strongroom_protocol::receipt::DepositState;
use strongroom_protocol::statement::{Kind, Statement};

use super::follow::add_deposits;
use crate::home::{HomeError, parse_statement};

/// Reads the statements of a database of version 4, which had those of deposits alone. Where they are in the log is read
/// from the log, as after a restoring.
pub(in crate::home) fn take_over(transaction: &Transaction<'_>) -> Result<(), HomeError> {
    let mut rows = transaction.prepare(
        "SELECT bytes, receipt, id,
                (SELECT min(time) FROM deposit_4 WHERE deposit_4.statement = statement_4.id) AS made
         FROM statement_4 ORDER BY made",
    )?;
    let mut rows = rows.query(())?;
    while let Some(row) = rows.next()? {
        let (bytes, receipt, id, time): (Vec<u8>, String, [u8; 32], Option<i64>) =
            (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        let signed = parse_statement(&bytes)?;
        let number: i64 = transaction.query_row(
            "INSERT INTO statement (id, kind, entry, time, first, author, bytes, receipt)
             VALUES (?1, ?2, NULL, ?3, ?3, ?4, ?5, ?6) RETURNING number",
            (
                id,
                Kind::Deposit.code().cast_signed(),
                time.unwrap_or(0),
                signed.author().as_bytes(),
                bytes,
                receipt,
            ),
            |row| row.get(0),
        )?;
        let Statement::Deposit(deposit) = signed.statement() else {
            return Err(HomeError::Damaged { what: "deposit" });
        };
        let mut kept = transaction
            .prepare_cached("SELECT 1 FROM deposit_4 WHERE serial = ?1 AND statement = ?2")?;
        let states = deposit.keys().iter().map(|key| {
            let is_kept = kept.exists((key.label.serial.as_bytes(), id))?;
            // The authority's word on each comes with the log, too.
            Ok(if is_kept {
                DepositState::Deposited
            } else {
                DepositState::Conflict
            })
        });
        let states = states.collect::<rusqlite::Result<Vec<_>>>()?;
        add_deposits(transaction, number, deposit, &states)?;
    }
    // What was the newest by the log's order stays so here: those deposits say nothing of what they supersede.
    transaction.execute_batch(
        "INSERT OR IGNORE INTO supersedes (older, newer)
         SELECT serial, next FROM
             (SELECT serial, lead(serial) OVER (PARTITION BY name ORDER BY entry) AS next
              FROM secret_4 WHERE name IS NOT NULL)
         WHERE next IS NOT NULL",
    )?;
    // The check of the newest of a name is the name's.
    transaction.execute_batch(
        "INSERT OR REPLACE INTO secret_check (about, command, serial, time, opens)
         SELECT coalesce('name:' || name, 'serial:' || lower(hex(secret_4.serial))), command,
                secret_4.serial, time, opens
         FROM secret_check_4 JOIN secret_4 ON secret_4.serial = secret_check_4.serial ORDER BY entry",
    )?;
    Ok(())
}

//! The home's database: one of another version is left alone, and so is one whose schema is not just ours.

use std::fs;

use rusqlite::Connection;
use strongroom_client::home::{Home, HomeError};
use strongroom_protocol::statement::Particulars;

use crate::fixture::{HOME, World};

impl World {
    fn database(&self, home: &str) -> Connection {
        Connection::open(self.path(home).join("home.db")).unwrap()
    }

    /// Opens a home that is not as this version makes it, which leaves it so.
    #[track_caller]
    fn refused_as_it_is(&self) -> HomeError {
        let path = self.path("home/home.db");
        let before = fs::read(&path).unwrap();
        let refused = Home::open(&self.path(HOME)).err().unwrap();
        assert_eq!(fs::read(&path).unwrap(), before);
        refused
    }
}

#[test]
fn a_home_that_is_too_old_or_too_new_is_refused_by_name_and_left_alone() {
    let world = World::new();
    for found in [1, 4, 8, 10, 11, 0, -1] {
        let database = world.database(HOME);
        database.pragma_update(None, "user_version", found).unwrap();
        drop(database);
        let refused = world.refused_as_it_is();
        let expected = match found {
            1..=8 => matches!(
                refused,
                HomeError::OlderVersion { found: told, known: 9 } if told == found
            ),
            10.. => matches!(
                refused,
                HomeError::NewerVersion { found: told, known: 9 } if told == found
            ),
            _ => matches!(refused, HomeError::Damaged { what: "version" }),
        };
        assert!(expected, "{refused:?}");
        let told = refused.to_string();
        assert!(found < 1 || told.contains(&found.to_string()), "{told}");
    }
    let database = world.database(HOME);
    database.pragma_update(None, "application_id", 7).unwrap();
    drop(database);
    let refused = world.refused_as_it_is();
    assert!(matches!(refused, HomeError::NotOurs { .. }), "{refused:?}");
}

/// Whoever can write the home once could have every later deposit, mark or checkpoint made into another.
#[test]
fn a_home_whose_schema_was_edited_is_refused_by_what_was_added() {
    for (edit, name) in [
        (
            "CREATE TRIGGER worm AFTER INSERT ON statement BEGIN DELETE FROM deposit; END",
            "worm",
        ),
        (
            "CREATE VIEW other AS SELECT serial FROM deposit",
            "other",
        ),
        ("CREATE INDEX own ON deposit (state)", "own"),
        ("CREATE TABLE more (a)", "more"),
        ("DROP INDEX matched_by_own", "matched_by_own"),
        ("ALTER TABLE told ADD COLUMN more BLOB", "told"),
        (
            "DROP TABLE recipient;
             CREATE TABLE recipient (one INTEGER PRIMARY KEY, file BLOB NOT NULL, recipient TEXT NOT NULL) STRICT",
            "recipient",
        ),
    ] {
        let world = World::new();
        world.database(HOME).execute_batch(edit).unwrap();
        let refused = world.refused_as_it_is();
        assert!(
            matches!(&refused, HomeError::Schema { name: told } if told == name),
            "{edit}: {refused:?}"
        );
    }
}

/// Also while a command has it open.
#[test]
fn a_trigger_that_comes_later_does_nothing() {
    let mut world = World::new();
    world.encrypt("letter", "dear reader");
    let database = world.database(HOME);
    let edit = "CREATE TRIGGER worm AFTER INSERT ON deposit BEGIN DELETE FROM deposit; END";
    let owner = world.identities(&world.home()).recipient().unwrap();
    world
        .with_client(|client| {
            database.execute_batch(edit).unwrap();
            let spares = client.deposit(&owner, &[], vec![Particulars::default()]);
            assert_eq!(spares.unwrap().len(), 1);
        })
        .unwrap();
    let kept = database.query_row("SELECT count(*) FROM deposit", (), |row| row.get(0));
    assert_eq!(kept, Ok(2));
    assert!(matches!(world.refused_as_it_is(), HomeError::Schema { .. }));
}

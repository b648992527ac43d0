//! Homes of older versions: what version 4 kept is there, and whole after one connection; what is too old or too new is
//! left alone.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use rusqlite::Connection;
use strongroom_client::home::{Check, CheckRun, Home, HomeError};
use strongroom_client::recover::Wanted;
use strongroom_client::status::{Doubt, Inspector};
use strongroom_protocol::id::Clock;
use strongroom_protocol::statement::Kind;

use crate::fixture::{HOME, World, parts};

impl World {
    fn database(&self, home: &str) -> Connection {
        Connection::open(self.path(home).join("home.db")).unwrap()
    }

    /// Writes a home's database as version 4 would have it.
    fn downgrade(&self, home: &str) {
        let path = self.path(home).join("home.db");
        let now = self.path(home).join("now.db");
        fs::rename(&path, &now).unwrap();
        let old = Connection::open(&path).unwrap();
        old.execute_batch(include_str!("migration/version_4.sql"))
            .unwrap();
        old.execute("ATTACH ?1 AS now", (now.to_str().unwrap(),))
            .unwrap();
        for table in [
            "matched",
            "request",
            "release",
            "released",
            "rewrite",
            "accepted",
            "recipient",
            "detached",
            "own_blob",
        ] {
            let copy = format!("INSERT INTO main.{table} SELECT * FROM now.{table}");
            old.execute(&copy, ()).unwrap();
        }
        // It had the statements of deposits alone, and each secret's own check.
        let deposit = Kind::Deposit.code();
        old.execute_batch(&format!(
            "INSERT INTO main.authority
                 SELECT one, address, founding, owner, code_key, enrolment, enrolled, seen FROM now.authority;
             INSERT INTO main.statement SELECT id, bytes, receipt FROM now.statement WHERE kind = {deposit};
             INSERT INTO main.deposit SELECT serial, id, state, time
                 FROM now.deposit JOIN now.statement ON number = statement;
             INSERT INTO main.secret SELECT serial, name, coalesce(entry, 0)
                 FROM now.secret JOIN now.deposit USING (serial) JOIN now.statement ON number = statement;
             INSERT INTO main.secret_check SELECT serial, command, time, opens FROM now.secret_check;",
        ))
        .unwrap();
        drop(old);
        fs::remove_file(now).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// Makes a home's database what version 5 would have.
    fn downgrade_to_5(&self, home: &str) {
        let database = self.database(home);
        database.pragma_update(None, "foreign_keys", false).unwrap();
        database
            .pragma_update(None, "legacy_alter_table", true)
            .unwrap();
        database
            .execute_batch(
                "ALTER TABLE statement RENAME TO now;
                 CREATE TABLE statement (
                     number INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, kind INTEGER NOT NULL,
                     entry INTEGER UNIQUE, time INTEGER NOT NULL, first INTEGER NOT NULL,
                     bytes BLOB NOT NULL, receipt TEXT NOT NULL) STRICT;
                 INSERT INTO statement SELECT number, id, kind, entry, time, first, bytes, receipt FROM now;
                 DROP TABLE now;
                 ALTER TABLE device RENAME TO now;
                 CREATE TABLE device (key BLOB PRIMARY KEY, entry INTEGER NOT NULL) STRICT, WITHOUT ROWID;
                 INSERT INTO device SELECT key, entry FROM now;
                 DROP TABLE now;
                 DROP TABLE told; DROP TABLE file_mark; DROP TABLE reading; DROP TABLE reading_begun;
                 PRAGMA user_version = 5;",
            )
            .unwrap();
    }

    fn schema(&self, home: &str) -> Vec<(String, String, Option<String>)> {
        let database = self.database(home);
        let mut rows = database
            .prepare("SELECT type, name, sql FROM sqlite_schema ORDER BY type, name")
            .unwrap();
        let rows = rows.query_map((), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
        rows.unwrap().map(Result::unwrap).collect()
    }

    fn schema_of_a_new_home(&self) -> Vec<(String, String, Option<String>)> {
        drop(Home::create(&self.path("new")).unwrap());
        self.schema("new")
    }

    fn serials(&self, home: &str) -> Vec<strongroom_protocol::id::Serial> {
        let deposits = self.contents(home).deposits.into_iter();
        let mut serials: Vec<_> = deposits.map(|deposit| deposit.0).collect();
        serials.sort();
        serials
    }
}

fn version(database: &Connection) -> i64 {
    database
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap()
}

/// An owner with files, secrets with a check, a second machine and a recovery behind them.
fn lived_in() -> (World, std::path::PathBuf, Check) {
    let mut world = World::new();
    let file = world.encrypt("letter", "dear reader");
    world.deposit_secret_at(HOME, "door", "rose");
    let door = world.deposit_secret_at(HOME, "door", "lily");
    let disk = world.deposit_secret_at(HOME, "disk", "key");
    let run = CheckRun {
        time: world.clock.now(),
        opens: true,
    };
    let mut home = world.home();
    home.record_check(door, "grep -q lily", run).unwrap();
    drop(home);
    world.rejoin("second");
    world.recover_at("second", &Wanted::Everything).unwrap();
    world.deposit_secret_at("second", "safe", "gold");
    world.recover(&Wanted::Serials(vec![disk])).unwrap();
    world.with_client(|_| ()).unwrap();
    let check = Check {
        command: "grep -q lily".to_owned(),
        run: Some(run),
    };
    (world, file, check)
}

#[test]
fn a_home_of_version_4_keeps_what_it_had_and_is_whole_after_one_connection() {
    let (mut world, file, check) = lived_in();
    let (whole, serials) = (world.contents(HOME), world.serials(HOME));
    world.downgrade(HOME);
    let path = world.path("home/home.db");
    let before = fs::read(&path).unwrap();
    // Somebody knows under which names it is copied.
    let others = world.path("others");
    fs::write(&others, "mine").unwrap();
    for name in ["home.db.backup-v4.part", "home.db.backup-v4"] {
        std::os::unix::fs::symlink(&others, path.with_file_name(name)).unwrap();
    }

    let home = world.home();
    assert_eq!(home.deposits_count().unwrap(), serials.len() as u64);
    let header = parts(&file).0;
    assert!(home.matched(&header).unwrap().is_some());
    assert_eq!(home.requests().unwrap().len(), 1);
    assert_eq!(home.released_serials().unwrap().len(), 1);
    assert_eq!(home.newest_secrets().unwrap(), whole.newest);
    let door = whole.newest["door"][0];
    let secrets = home.secrets().unwrap();
    let known = |serial| secrets.iter().find(|secret| secret.serial == serial);
    assert_eq!(known(door).unwrap().check, Some(check.clone()));
    assert_eq!(home.check_of("disk").unwrap(), None);
    assert_eq!(
        home.seen()
            .unwrap()
            .unwrap()
            .checkpoint()
            .size
            .cast_signed(),
        whole.read
    );
    // Nothing is protected before the authority was asked.
    let inspector = Inspector::new(&home, false).unwrap();
    assert!(!inspector.inspect(&file).unwrap().is_protected(true));
    drop(home);
    assert_eq!(world.serials(HOME), serials);

    let backup = world.path("home/home.db.backup-v4");
    assert_eq!(fs::read(&backup).unwrap(), before);
    assert!(fs::symlink_metadata(&backup).unwrap().is_file());
    assert_eq!(fs::read(&others).unwrap(), b"mine");
    let mode = fs::metadata(&backup).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(version(&world.database(HOME)), 6);
    assert_eq!(world.contents(HOME).read, 0);

    world.with_client(|_| ()).unwrap();
    assert_eq!(world.contents(HOME), whole);
    let home = world.home();
    let secrets = home.secrets().unwrap();
    let known = |serial| secrets.iter().find(|secret| secret.serial == serial);
    assert_eq!(known(door).unwrap().check, Some(check));
    drop(home);
    // Once: the copy stays that of version 4, and the tables are those of a new home.
    assert_eq!(fs::read(&backup).unwrap(), before);
    assert_eq!(world.schema(HOME), world.schema_of_a_new_home());
}

#[test]
fn a_home_of_version_4_whose_authority_was_restored_sends_what_is_lost() {
    let mut world = World::new();
    world.deposit_secret_at(HOME, "door", "rose");
    let backup = world.back_up("backup");
    let lost = world.deposit_secret_at(HOME, "door", "lily");
    world.restore(&backup);
    world.accept_at(HOME);
    world.downgrade(HOME);
    let synced = world.sync_at(HOME).unwrap();
    assert_eq!((synced.present, synced.sent), (1, 1));
    let deposit = world.home().deposit(lost).unwrap().unwrap();
    assert!(deposit.entry.is_some());
    assert_eq!(world.contents(HOME).newest["door"], [lost]);
    assert_eq!(world.home().accepted().unwrap().len(), 1);
}

#[test]
fn a_home_of_version_4_that_was_never_enrolled_goes_on() {
    let world = World::new();
    let mut home = Home::create(&world.path("begun")).unwrap();
    let founding = world.home().membership().unwrap().unwrap().founding;
    let place = strongroom_client::Address::Folder(world.path("authority"));
    home.join(&place, &founding, world.owner, false).unwrap();
    drop(home);
    world.downgrade("begun");
    let membership = world.home_at("begun").membership().unwrap().unwrap();
    assert!(!membership.enrolled);
    assert_eq!(membership.address, place);
    // And one that has not even joined.
    Home::create(&world.path("empty")).unwrap();
    world.downgrade("empty");
    assert!(world.home_at("empty").membership().unwrap().is_none());
}

#[test]
fn a_home_of_version_5_has_all_that_it_had_and_knows_who_deposited_what() {
    let (mut world, ..) = lived_in();
    let whole = world.contents(HOME);
    let by = |world: &World| {
        let mut by = Vec::new();
        world
            .home()
            .each_deposit::<HomeError>(&mut |deposit| {
                by.push(deposit.record.device);
                Ok(())
            })
            .unwrap();
        by
    };
    let devices = by(&world);
    assert_ne!(devices.first(), devices.last());
    world.downgrade_to_5(HOME);
    assert_eq!(by(&world), devices);
    assert_eq!(world.contents(HOME), whole);
    assert_eq!(version(&world.database(HOME)), 6);
    let backup = Connection::open(world.path("home/home.db.backup-v5")).unwrap();
    assert_eq!(version(&backup), 5);
    assert_eq!(world.schema(HOME), world.schema_of_a_new_home());
    // What became the owner's before is told of, once.
    let news = world.with_client(|client| client.news().unwrap()).unwrap();
    assert_eq!(news.devices.len(), 1);
}

#[test]
fn a_home_of_version_5_sees_its_files_anew() {
    let (mut world, file, _) = lived_in();
    world.downgrade_to_5(HOME);
    let inspect = |world: &mut World, with_key: bool| {
        let identities = world.identities(&world.home());
        let inspect = |client: &mut strongroom_client::Client<'_>| {
            let inspector = Inspector::new(client.home(), true).unwrap();
            let inspector = inspector.with_identities(with_key.then_some(&identities));
            let doubt = inspector.inspect(&file).unwrap().doubt;
            (doubt, inspector.learned())
        };
        world.with_client(inspect).unwrap()
    };
    assert_eq!(inspect(&mut world, false), (Some(Doubt::NotSeen), vec![]));
    assert!(world.path("home/home.db.backup-v5").exists());
    let (doubt, learned) = inspect(&mut world, true);
    assert_eq!((doubt, learned.len()), (None, 1));
    world.home().record_marks(&learned).unwrap();
    assert_eq!(inspect(&mut world, false), (None, vec![]));
}

#[test]
fn a_home_that_is_too_old_or_too_new_is_refused_by_name_and_left_alone() {
    let world = World::new();
    world.downgrade(HOME);
    let path = world.path("home/home.db");
    for found in [1, 2, 3, 7, 8, 0, -1] {
        let database = world.database(HOME);
        database.pragma_update(None, "user_version", found).unwrap();
        drop(database);
        let before = fs::read(&path).unwrap();
        let refused = Home::open(&world.path(HOME)).err().unwrap();
        let expected = match found {
            1..=3 => matches!(
                refused,
                HomeError::OlderVersion { found: told, known: 4 } if told == found
            ),
            7.. => matches!(
                refused,
                HomeError::NewerVersion { found: told, known: 6 } if told == found
            ),
            _ => matches!(refused, HomeError::Damaged { what: "version" }),
        };
        assert!(expected, "{refused:?}");
        let told = refused.to_string();
        assert!(found < 1 || told.contains(&found.to_string()), "{told}");
        assert_eq!(fs::read(&path).unwrap(), before);
        let files = fs::read_dir(world.path(HOME)).unwrap();
        let beside = files.filter(|file| {
            let name = file.as_ref().unwrap().file_name();
            name.to_string_lossy().contains("backup")
        });
        assert_eq!(beside.count(), 0);
    }
    let database = world.database(HOME);
    database.pragma_update(None, "application_id", 7).unwrap();
    drop(database);
    let refused = Home::open(&world.path(HOME)).err().unwrap();
    assert!(matches!(refused, HomeError::NotOurs { .. }), "{refused:?}");
}

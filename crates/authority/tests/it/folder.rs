//! The folder: founded whole, opened whole, and what is said when it is not.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use strongroom_authority::{
    Caller, FoundError, OpenError, PlaceError, RestoreError, Service, StoreError,
};
use strongroom_protocol::{Authority, SubmitError, Unavailable, UnavailableKind};
use strongroom_testkit::{Owner, TestClock, TestRng, submit};

use crate::{Embedded, found};

#[test]
fn a_founded_authority_is_opened_again() {
    let embedded = Embedded::found();
    let session = embedded.service.session(Caller::Operator);
    let mut owner = Owner::enrolled(&session, 1);
    let statement = owner.deposit(2);
    submit(&session, &statement);
    let id = embedded.service.about().authority();
    drop(embedded.service);
    let folder = embedded.parent.path().join("authority");
    let opened = Service::open(&folder, embedded.clock, TestRng::new(9)).unwrap();
    assert_eq!(opened.about().authority(), id);
    let session = opened.session(Caller::Operator);
    assert_eq!(submit(&session, &statement).index(), 2);
    submit(&session, &owner.deposit(1));
    assert_eq!(opened.verify_log().unwrap().size, 4);
}

#[test]
fn only_the_folder_itself_is_left_and_only_its_owner_reads_it() {
    let embedded = Embedded::found();
    drop(embedded.service);
    assert_eq!(names(embedded.parent.path()), ["authority"]);
    let folder = embedded.parent.path().join("authority");
    assert_eq!(names(&folder), ["keys.txt", "store.db"]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700);
        assert_eq!(mode(&folder.join("keys.txt")), 0o600);
        assert_eq!(mode(&folder.join("store.db")), 0o600);
    }
}

#[test]
fn an_empty_folder_is_taken_and_another_is_left_alone() {
    let parent = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    let folder = parent.path().join("authority");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("mine"), "kept").unwrap();
    let refused = found(&folder, &clock);
    assert!(matches!(
        refused,
        Err(FoundError::Place(PlaceError::Taken { .. }))
    ));
    assert_eq!(fs::read(folder.join("mine")).unwrap(), b"kept");
    fs::remove_file(folder.join("mine")).unwrap();
    found(&folder, &clock).unwrap();
    let refused = found(&folder, &clock);
    assert!(matches!(
        refused,
        Err(FoundError::Place(PlaceError::Taken { .. }))
    ));
    let file = folder.join("keys.txt");
    let refused = found(&file, &clock);
    assert!(matches!(
        refused,
        Err(FoundError::Place(PlaceError::Taken { .. }))
    ));
    assert_eq!(names(parent.path()), ["authority"]);
}

#[test]
fn a_folder_is_not_founded_where_nothing_is() {
    let parent = tempfile::tempdir().unwrap();
    let refused = found(&parent.path().join("missing/authority"), &TestClock::new());
    assert!(matches!(
        refused,
        Err(FoundError::Place(PlaceError::NoParent { .. }))
    ));
    assert!(names(parent.path()).is_empty());
}

#[test]
fn what_a_founding_that_crashed_left_is_in_nobodys_way() {
    let parent = tempfile::tempdir().unwrap();
    let draft = private_folder(parent.path().join(".authority.founding"));
    fs::write(draft.join("keys.txt"), "half").unwrap();
    fs::write(draft.join("store.db"), "half").unwrap();
    found(&parent.path().join("authority"), &TestClock::new()).unwrap();
    assert_eq!(names(parent.path()), ["authority"]);
}

#[test]
fn what_somebody_put_in_the_way_is_neither_followed_nor_removed() {
    use std::os::unix::fs::{PermissionsExt, symlink};

    let parent = tempfile::tempdir().unwrap();
    let (folder, draft) = (
        parent.path().join("authority"),
        parent.path().join(".authority.founding"),
    );
    let refused = || {
        let refused = found(&folder, &TestClock::new());
        let in_the_way = matches!(refused, Err(FoundError::Place(PlaceError::Io { .. })));
        assert!(in_the_way, "{refused:?}");
        assert!(!folder.exists());
    };
    let victim = private_folder(parent.path().join("victim"));
    fs::write(victim.join("store.db"), "somebody's").unwrap();
    symlink(&victim, &draft).unwrap();
    refused();
    assert_eq!(names(&victim), ["store.db"]);

    fs::remove_file(&draft).unwrap();
    fs::write(private_folder(&draft).join("id_rsa"), "somebody's").unwrap();
    refused();
    assert_eq!(names(&draft), ["id_rsa"]);

    fs::remove_file(draft.join("id_rsa")).unwrap();
    fs::set_permissions(&draft, fs::Permissions::from_mode(0o777)).unwrap();
    refused();
}

/// Makes a folder as a founding does.
fn private_folder(path: impl Into<PathBuf>) -> PathBuf {
    use std::os::unix::fs::DirBuilderExt;

    let path = path.into();
    fs::DirBuilder::new().mode(0o700).create(&path).unwrap();
    path
}

#[test]
fn two_who_found_at_once_found_one() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("authority");
    let founded: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| found(&folder, &TestClock::new()).map(|_| ())))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    let ok = founded.iter().filter(|founded| founded.is_ok()).count();
    assert_eq!(ok, 1, "{founded:?}");
    let refused = |result: &Result<(), FoundError>| {
        matches!(
            result,
            Ok(()) | Err(FoundError::Place(PlaceError::Taken { .. }))
        )
    };
    assert!(founded.iter().all(refused), "{founded:?}");
    assert_eq!(names(parent.path()), ["authority"]);
}

#[test]
fn a_folder_that_is_not_there_is_not_found() {
    let parent = tempfile::tempdir().unwrap();
    for folder in [parent.path().join("authority"), parent.path().to_owned()] {
        let error = open(&folder).unwrap_err();
        assert!(matches!(error, OpenError::NotFound { .. }), "{error:?}");
        let unavailable = Unavailable::from(error);
        assert_eq!(unavailable.kind, UnavailableKind::OutOfReach);
        assert!(unavailable.message.contains(folder.to_str().unwrap()));
    }
    assert!(names(parent.path()).is_empty(), "opening makes nothing");
}

#[test]
fn a_half_deleted_folder_is_refused() {
    let embedded = Embedded::found();
    drop(embedded.service);
    let folder = embedded.parent.path().join("authority");
    let hide = |name: &str| {
        let hidden = embedded.parent.path().join(name);
        fs::rename(folder.join(name), &hidden).unwrap();
        let error = open(&folder).unwrap_err();
        fs::rename(&hidden, folder.join(name)).unwrap();
        error
    };
    let (keys, store) = (hide("keys.txt"), hide("store.db"));
    assert!(matches!(keys, OpenError::KeysMissing { .. }));
    assert!(matches!(store, OpenError::StoreMissing { .. }));
    for error in [keys, store] {
        let unavailable = Unavailable::from(error);
        assert!(!unavailable.kind.may_pass(), "{unavailable}");
    }
    open(&folder).unwrap();
}

#[test]
fn the_keys_of_another_authority_are_refused() {
    let embedded = Embedded::found();
    let folder = embedded.folder();
    let other = embedded.parent.path().join("other");
    let clock = TestClock::new();
    let policy = strongroom_protocol::policy::Policy::code_alone();
    drop(Service::found(&other, policy, clock, TestRng::new(43)).unwrap());
    fs::copy(other.join("keys.txt"), folder.join("keys.txt")).unwrap();
    let error = open(&folder).unwrap_err();
    assert!(matches!(error, OpenError::OtherKeys { .. }), "{error:?}");
    fs::write(folder.join("keys.txt"), "no keys").unwrap();
    let error = open(&folder).unwrap_err();
    assert!(matches!(error, OpenError::Keys { .. }), "{error:?}");
}

#[test]
fn a_store_of_another_version_or_program_is_refused() {
    let embedded = Embedded::found();
    let folder = embedded.folder();
    embedded
        .sql()
        .pragma_update(None, "user_version", 5)
        .unwrap();
    let error = open(&folder).unwrap_err();
    assert!(
        error
            .source()
            .unwrap()
            .to_string()
            .contains("made by a newer Strongroom"),
        "{error:?}"
    );
    // None of those before was released.
    for older in [1, 2, 3] {
        embedded
            .sql()
            .pragma_update(None, "user_version", older)
            .unwrap();
        let error = store_error(&folder);
        assert!(
            matches!(error, StoreError::Older { found, known: 4 } if found == older),
            "{error:?}"
        );
    }
    for unknown in [0, -1] {
        embedded
            .sql()
            .pragma_update(None, "user_version", unknown)
            .unwrap();
        assert!(matches!(store_error(&folder), StoreError::Damaged(_)));
    }
    embedded
        .sql()
        .pragma_update(None, "user_version", 4)
        .unwrap();
    open(&folder).unwrap();
    embedded
        .sql()
        .pragma_update(None, "application_id", 7)
        .unwrap();
    assert!(matches!(store_error(&folder), StoreError::NotOurs));
    drop(embedded.service);
    fs::write(folder.join("store.db"), vec![b'x'; 10_000]).unwrap();
    assert!(matches!(store_error(&folder), StoreError::NotOurs));
    fs::write(folder.join("store.db"), "").unwrap();
    assert!(matches!(store_error(&folder), StoreError::NotOurs));
}

/// What somebody puts into the file, and what it is named by.
const FOREIGN: [(&str, &str); 6] = [
    (
        "CREATE TRIGGER t AFTER INSERT ON entry BEGIN DELETE FROM entry; END",
        "`t`",
    ),
    ("CREATE VIEW v AS SELECT 1", "`v`"),
    ("CREATE TABLE mine (x)", "`mine`"),
    ("CREATE INDEX i ON map (value)", "`i`"),
    ("ALTER TABLE counter ADD COLUMN more TEXT", "`counter`"),
    ("DROP TABLE map", "`map`"),
];

#[test]
fn a_store_that_has_something_else_in_it_is_refused_by_name() {
    for (edit, name) in FOREIGN {
        let embedded = Embedded::found();
        embedded.sql().execute_batch(edit).unwrap();
        let error = store_error(&embedded.folder());
        assert!(matches!(error, StoreError::Schema { .. }), "{edit}");
        assert!(error.to_string().contains(name), "{edit}: {error}");
        // As a backup it is, too.
        let folder = embedded.parent.path().join("restored");
        let clock = embedded.clock.clone();
        let from = embedded.folder();
        let refused = Service::restore(&from, None, &folder, clock, TestRng::new(5));
        let Err(RestoreError::Store(error)) = refused else {
            panic!("{edit}: {refused:?}");
        };
        assert!(error.to_string().contains(name), "{edit}: {error}");
        assert!(!folder.exists());
    }
}

#[test]
fn a_trigger_that_comes_while_it_is_open_does_nothing() {
    let embedded = Embedded::found();
    let session = embedded.service.session(Caller::Operator);
    let (edit, _) = FOREIGN[0];
    embedded.sql().execute_batch(edit).unwrap();
    let enrolment = Owner::new(embedded.service.about(), 1).enrolment();
    submit(&session, &enrolment);
    assert_eq!(embedded.service.verify_log().unwrap().size, 2);
}

#[test]
fn a_store_that_was_moved_away_takes_nothing_more() {
    let embedded = Embedded::found();
    let session = embedded.service.session(Caller::Operator);
    let mut owner = Owner::enrolled(&session, 1);
    fs::rename(embedded.folder(), embedded.parent.path().join("moved")).unwrap();
    let refused = session.submit(&owner.deposit(1));
    match refused {
        Err(SubmitError::Unavailable(error)) => assert_eq!(error.kind, UnavailableKind::OutOfReach),
        other => panic!("{other:?}"),
    }
    fs::rename(embedded.parent.path().join("moved"), embedded.folder()).unwrap();
    submit(&session, &owner.deposit(1));
}

#[test]
fn a_store_that_another_holds_is_waited_for() {
    let embedded = Embedded::found();
    let session = embedded.service.session(Caller::Operator);
    let mut owner = Owner::enrolled(&session, 1);
    let statement = owner.deposit(1);
    let sql = embedded.sql();
    sql.execute_batch("BEGIN IMMEDIATE").unwrap();
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| submit(&session, &statement).index());
        std::thread::sleep(std::time::Duration::from_millis(300));
        assert!(!waits.is_finished());
        sql.execute_batch("COMMIT").unwrap();
        assert_eq!(waits.join().unwrap(), 2);
    });
}

fn open(folder: &Path) -> Result<Service, OpenError> {
    Service::open(folder, TestClock::new(), TestRng::new(5))
}

fn store_error(folder: &Path) -> StoreError {
    match open(folder) {
        Err(OpenError::Store { source, .. }) => source,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("it opened"),
    }
}

fn names(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = names
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

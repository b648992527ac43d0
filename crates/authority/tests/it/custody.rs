//! Sealed custody: deposits are taken without the code, and nothing opens without it.

use std::fs;

use strongroom_authority::{
    Caller, CheckError, Extent, Keys, SealError, Service, UnlockError, WrongCode,
};
use strongroom_protocol::code::RecoveryCode;
use strongroom_protocol::id::Clock;
use strongroom_protocol::receipt::DepositState;
use strongroom_protocol::{Authority, ReleaseError, UnavailableKind};
use strongroom_testkit::{Asked, Owner, TestRng, submit};

use crate::Embedded;

fn code(seed: u64) -> RecoveryCode {
    RecoveryCode::generate(&mut TestRng::new(seed))
}

/// An owner with a deposit from before custody was sealed and one from after, and a request for both that is approved.
fn sealed() -> (Embedded, Owner, Asked) {
    let embedded = Embedded::found();
    let mut owner = {
        let session = embedded.service.session(Caller::Operator);
        let mut owner = Owner::enrolled(&session, 1);
        let opened = submit(&session, &owner.deposit(1));
        assert_eq!(opened.states(), [DepositState::Verified]);
        owner
    };
    embedded.service.seal(&code(5)).unwrap();
    let again = embedded.open_again(6);
    let session = again.session(Caller::Operator);
    assert!(again.is_sealed() && !embedded.service.is_sealed());
    let taken = submit(&session, &owner.deposit(1));
    assert_eq!(taken.states(), [DepositState::Deposited]);
    let asked = owner.ask(owner.everything(&session), embedded.clock.now());
    submit(&session, &asked.statement);
    submit(&session, &owner.evidence(&asked));
    (embedded, owner, asked)
}

#[test]
fn nothing_is_released_before_the_code_is_given_and_nothing_is_spoilt() {
    let (embedded, owner, asked) = sealed();
    let service = embedded.open_again(7);
    let session = service.session(Caller::Operator);
    let refused = session.release(asked.statement.id(), 0).unwrap_err();
    assert!(
        matches!(&refused, ReleaseError::Unavailable(error) if error.kind == UnavailableKind::Sealed),
        "{refused:?}"
    );
    assert_eq!(
        service.unlock(&code(4)),
        Err(UnlockError::WrongCode(WrongCode))
    );
    assert!(service.is_sealed());
    service.unlock(&code(5)).unwrap();
    let page = session.release(asked.statement.id(), 0).unwrap();
    assert_eq!(asked.open(service.about(), &page), owner.keys);
    // What was released is read again by whoever may, without the code.
    let later = embedded.open_again(8);
    let again = later.session(Caller::Operator);
    let read = again.release(asked.statement.id(), 0).unwrap();
    assert_eq!(
        read.release.statement.as_bytes(),
        page.release.statement.as_bytes()
    );
}

#[test]
fn a_check_wants_the_code_and_then_opens_what_was_only_deposited() {
    let (embedded, _, _) = sealed();
    let service = embedded.open_again(7);
    assert!(matches!(
        service.check(Extent::All, &mut |_, _| {}),
        Err(CheckError::Sealed)
    ));
    service.unlock(&code(5)).unwrap();
    let checked = service.check(Extent::All, &mut |_, _| {}).unwrap().checked;
    assert_eq!((checked.opened, checked.failed), (2, 0));
    assert!(checked.is_complete());
}

#[test]
fn the_key_is_sealed_once_and_is_not_left_in_clear() {
    let embedded = Embedded::found();
    let path = embedded.folder().join("keys.txt");
    let open = fs::read_to_string(&path).unwrap();
    let seed = open
        .lines()
        .find_map(|line| line.strip_prefix("wrap-key "))
        .unwrap();
    embedded.service.seal(&code(5)).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    assert!(!text.contains(seed) && text.contains("sealed"));
    let again = embedded.open_again(6).seal(&code(9));
    assert!(matches!(again, Err(SealError::Sealed)));
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
    let mut names: Vec<_> = fs::read_dir(embedded.folder())
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with("store.db"))
        .collect();
    names.sort();
    assert_eq!(names, ["keys.txt"]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn a_backup_of_sealed_custody_is_sealed() {
    let (embedded, owner, asked) = sealed();
    let backup = embedded.parent.path().join("backup");
    embedded.service.backup(&backup, Keys::Included).unwrap();
    let folder = embedded.parent.path().join("restored");
    let clock = embedded.clock.clone();
    let (restored, _) = Service::restore(&backup, None, &folder, clock, TestRng::new(8)).unwrap();
    let session = restored.session(Caller::Operator);
    assert!(restored.is_sealed());
    assert!(session.release(asked.statement.id(), 0).is_err());
    restored.unlock(&code(5)).unwrap();
    let page = session.release(asked.statement.id(), 0).unwrap();
    assert_eq!(asked.open(restored.about(), &page), owner.keys);
}

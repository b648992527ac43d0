//! Getting keys back: what is asked, what is continued, what is refused.

use std::fs;

use strongroom_client::connection::ExchangeError;
use strongroom_client::recover::{RecoverError, Wanted};
use strongroom_client::rewrap::How;
use strongroom_client::status::{SpareState, read_header};
use strongroom_client::{Client, ConnectError, Pointer};
use strongroom_protocol::ReleaseError;
use strongroom_protocol::code::RecoveryCode;
use strongroom_protocol::policy::SubjectState;
use strongroom_protocol::statement::Grounds;

use crate::fixture::{HOME, World, copy_folder, inspect, tamper};

fn request(
    client: &mut Client<'_>,
    wanted: &Wanted,
) -> Result<strongroom_client::home::PendingRequest, RecoverError> {
    client.request_recovery(wanted, &Grounds::default())
}

#[test]
fn a_wrong_code_releases_nothing_and_the_right_one_continues_the_same_request() {
    let mut world = World::new();
    let file = world.encrypt("letter", "dear reader");
    world.lose_identity();
    let wrong = RecoveryCode::generate(&mut world.rng);
    let id = world
        .with_client(|client| {
            let request = request(client, &Wanted::Everything).unwrap();
            let error = client.show_code(&request, &wrong).err();
            assert!(matches!(error, Some(RecoverError::WrongCode)), "{error:?}");
            let error = client.collect(&request, &mut |_| {}).err();
            let refused = matches!(
                error,
                Some(RecoverError::Released(ReleaseError::NotApproved {
                    state: SubjectState::Requested
                }))
            );
            assert!(refused, "{error:?}");
            request.statement().id()
        })
        .unwrap();
    let again = world
        .with_client(|client| {
            request(client, &Wanted::Everything)
                .unwrap()
                .statement()
                .id()
        })
        .unwrap();
    assert_eq!(id, again);
    world.recover(&Wanted::Everything).unwrap();
    assert_eq!(world.home().requests().unwrap().len(), 1);
    assert_eq!(world.rewrap(&file).unwrap(), How::InPlace);
    assert_eq!(world.decrypt(&file).unwrap(), "dear reader");
}

#[test]
fn an_identity_that_is_there_is_never_replaced() {
    let mut world = World::new();
    world.encrypt("letter", "dear reader");
    let identity = fs::read(world.path("home/identity.txt")).unwrap();
    world.recover(&Wanted::Everything).unwrap();
    assert_eq!(fs::read(world.path("home/identity.txt")).unwrap(), identity);
}

#[test]
fn only_what_was_asked_for_comes_back() {
    let mut world = World::new();
    let (one, other) = (world.encrypt("one", "1"), world.encrypt("other", "2"));
    world.lose_identity();
    let pointer = Pointer::find(&read_header(&one).unwrap(), world.authority).unwrap();
    let collected = world
        .recover(&Wanted::Serials(vec![pointer.serial]))
        .unwrap();
    assert_eq!(collected.keys, 1);
    assert!(world.rewrap(&other).is_err());
    assert_eq!(world.rewrap(&one).unwrap(), How::InPlace);
}

#[test]
fn more_keys_than_a_page_holds_come_back_page_by_page() {
    let mut world = World::new();
    let owner = world.identities(&world.home()).recipient().unwrap();
    for count in [256, 256, 10] {
        let particulars = vec![strongroom_protocol::statement::Particulars::default(); count];
        world
            .with_client(|client| client.deposit(&owner, &[], particulars).unwrap().len())
            .unwrap();
    }
    world.lose_identity();
    assert_eq!(world.recover(&Wanted::Everything).unwrap().keys, 522);
    assert_eq!(world.home().released_serials().unwrap().len(), 522);
}

#[test]
fn a_home_that_is_lost_altogether_is_made_again_from_the_sheet() {
    let mut world = World::new();
    let file = world.encrypt("letter", "dear reader");
    let stripped = world.encrypt("stripped", "dear stranger");
    tamper(&stripped, |stanzas| {
        stanzas.retain(|stanza| Pointer::from_stanza(stanza).is_none());
    });
    fs::remove_dir_all(world.path(HOME)).unwrap();
    world.rejoin(HOME);
    world.recover(&Wanted::Everything).unwrap();
    for (file, text) in [(&file, "dear reader"), (&stripped, "dear stranger")] {
        world.rewrap(file).unwrap();
        assert_eq!(world.decrypt(file).unwrap(), text);
    }
    // Its receipts are there again, and it can deposit.
    let (path, next) = (file.clone(), world.encrypt("next", "dear next"));
    for path in [path, next] {
        let state = world
            .with_client(|client| {
                let status = inspect(client, &path);
                (status.state, status.doubt)
            })
            .unwrap();
        assert_eq!(state, (Some(SpareState::Matched), None));
    }
}

#[test]
fn an_authority_restored_from_an_older_copy_is_refused() {
    let mut world = World::new();
    world.encrypt("one", "1");
    let (place, copy) = (world.path("authority"), world.path("copy"));
    copy_folder(&place, &copy);
    world.encrypt("two", "2");
    fs::remove_dir_all(&place).unwrap();
    fs::rename(&copy, &place).unwrap();
    let refused = world.with_client(|_| ()).err();
    let shrunk = matches!(
        refused,
        Some(ConnectError::Exchange(ExchangeError::LogShrunk {
            seen: 4,
            now: 3
        }))
    );
    assert!(shrunk, "{refused:?}");
}

#[test]
fn an_authority_whose_log_went_another_way_is_refused() {
    let mut world = World::new();
    world.encrypt("one", "1");
    let (place, copy) = (world.path("authority"), world.path("copy"));
    copy_folder(&place, &copy);
    let (home, earlier) = (world.path("home"), world.path("earlier"));
    copy_folder(&home, &earlier);
    world.encrypt("two", "2");
    // What the home saw is kept; the authority is set back and goes on with other deposits.
    let later = world.path("later");
    fs::rename(&home, &later).unwrap();
    fs::rename(&earlier, &home).unwrap();
    fs::remove_dir_all(&place).unwrap();
    fs::rename(&copy, &place).unwrap();
    world.encrypt("three", "3");
    fs::remove_dir_all(&home).unwrap();
    fs::rename(&later, &home).unwrap();
    let refused = world.with_client(|_| ()).err();
    assert!(
        matches!(
            refused,
            Some(ConnectError::Exchange(ExchangeError::LogForked { .. }))
        ),
        "{refused:?}"
    );
}

#[test]
fn a_copied_pointer_alone_never_shows_as_matched() {
    let mut world = World::new();
    let file = world.encrypt("letter", "dear reader");
    let pointer = read_header(&file)
        .unwrap()
        .stanzas()
        .last()
        .cloned()
        .unwrap();
    // A whole age file of somebody's, to the owner's own key, with the pointer of another.
    let identity = world.identities(&world.home()).recipient().unwrap();
    let key = strongroom_agefile::FileKey::generate(&mut world.rng);
    let stanzas = vec![identity.wrap(&key, &mut world.rng), pointer];
    let header = strongroom_agefile::Header::seal(stanzas, &key).unwrap();
    let forged = world.path("forged.age");
    fs::write(&forged, header.as_bytes()).unwrap();
    let status = world
        .with_client(|client| {
            let genuine = inspect(client, &file);
            assert!(genuine.is_protected(true) && !genuine.is_protected(false));
            inspect(client, &forged)
        })
        .unwrap();
    assert_eq!(status.state, Some(SpareState::Verified));
    assert!(!status.is_protected(true));
}

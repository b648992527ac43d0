//! An authority that lies: no lie is believed, and none costs anything that was there.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use strongroom_authority::{Caller, Service};
use strongroom_client::connection::ExchangeError;
use strongroom_client::recover::{Collected, RecoverError, Wanted};
use strongroom_client::rewrap::RewrapError;
use strongroom_client::spare::{DepositError, Spare};
use strongroom_client::status::Inspector;
use strongroom_client::{Client, ConnectError};
use strongroom_protocol::code::RecoveryCode;
use strongroom_protocol::policy::Policy;
use strongroom_protocol::statement::{Grounds, Particulars};
use strongroom_protocol::{Authority, QueryError, Refusal, SubmitError};
use strongroom_testkit::{HostileAuthority, TestRng, Trick};

use crate::fixture::{World, parts};

/// The world's authority, and in front of it one that lies.
pub(crate) fn lying(world: &mut World, trick: Trick) -> HostileAuthority {
    let device = world.home().ensure_device_key(&mut world.rng).unwrap();
    let caller = Caller::Device(device.verifying_key());
    let honest = Arc::new(world.service(30).session(caller));
    let log_key = HostileAuthority::steal_log_key(&world.path("authority"));
    HostileAuthority::new(honest, trick, &log_key)
}

/// Another authority altogether.
fn stranger(world: &World) -> Arc<dyn Authority> {
    let folder = world.path("stranger");
    let policy = Policy::code_alone();
    let service = Service::found(&folder, policy, world.clock.clone(), TestRng::new(31)).unwrap();
    Arc::new(service.session(Caller::Operator))
}

fn deposit(client: &mut Client<'_>) -> Result<Vec<Spare>, DepositError> {
    let mut ask = |_: &std::path::Path| panic!("the identity is not sealed");
    let owner = client.home().identities(&mut ask).unwrap().recipient();
    client.deposit(&owner.unwrap(), &[], vec![Particulars::default()])
}

/// Deposits with an authority that lies; returns why that was refused, and checks that nothing was kept of it.
fn refused_deposit(trick: impl FnOnce(&World) -> Trick) -> ExchangeError {
    let mut world = World::new();
    let trick = trick(&world);
    let authority = lying(&mut world, trick);
    let error = match world.with_authority(&authority, |client| deposit(client).err()) {
        Ok(Some(DepositError::Exchange(error))) | Err(ConnectError::Exchange(error)) => error,
        other => panic!("expected a refusal, and got {other:?}"),
    };
    assert_eq!(world.home().deposits_count().unwrap(), 0);
    // The honest one is believed as before.
    world
        .with_client(|client| deposit(client).unwrap())
        .unwrap();
    error
}

#[test]
fn a_receipt_that_does_not_hold_is_no_receipt() {
    for trick in [
        Trick::ForeignReceipt,
        Trick::ForgedReceipt,
        Trick::GarbledInclusion,
    ] {
        let error = refused_deposit(|_| trick);
        assert!(matches!(error, ExchangeError::Receipt(_)), "{error:?}");
    }
}

#[test]
fn another_authoritys_checkpoint_is_refused() {
    let error = refused_deposit(|world| Trick::ForeignCheckpoint(stranger(world)));
    assert!(
        matches!(error, ExchangeError::Checkpoint { .. }),
        "{error:?}"
    );
}

#[test]
fn an_authority_that_can_not_be_reached_leaves_nothing_behind() {
    let error = refused_deposit(|_| Trick::Unreachable(1));
    let unreachable =
        matches!(&error, ExchangeError::Query(QueryError::Unavailable(why)) if why.kind.may_pass());
    assert!(unreachable, "{error:?}");
}

#[test]
fn a_log_that_shrank_is_refused() {
    let mut world = World::new();
    let authority = lying(&mut world, Trick::Shrunk);
    world
        .with_client(|client| deposit(client).unwrap())
        .unwrap();
    let error = world.with_authority(&authority, |_| ()).err();
    assert!(
        matches!(
            error,
            Some(ConnectError::Exchange(ExchangeError::LogShrunk { .. }))
        ),
        "{error:?}"
    );
}

/// Recovers from an authority that lies.
fn recover_from(trick: Trick) -> (World, PathBuf, Result<Collected, RecoverError>) {
    let mut world = World::new();
    let file = world.encrypt("letter", "dear reader");
    world.lose_identity();
    let collected = collect_from(&mut world, trick);
    (world, file, collected)
}

fn collect_from(world: &mut World, trick: Trick) -> Result<Collected, RecoverError> {
    let authority = lying(world, trick);
    let code = RecoveryCode::parse(&world.code.to_text()).unwrap();
    world
        .with_authority(&authority, |client| {
            let (wanted, grounds) = (Wanted::Everything, Grounds::default());
            let request = client.request_recovery(&wanted, &grounds)?;
            client.show_code(&request, &code)?;
            client.collect(&request, &mut |_| {})
        })
        .unwrap()
}

#[test]
fn a_lie_does_not_take_the_place_of_a_key_that_was_released_before() {
    let mut world = World::new();
    let file = world.encrypt("letter", "dear reader");
    world.lose_identity();
    world.recover(&Wanted::Everything).unwrap();
    let lied = collect_from(&mut world, Trick::ReleaseWrongCommitment);
    assert!(matches!(lied, Err(RecoverError::Key { .. })), "{lied:?}");
    world.rewrap(&file).unwrap();
    assert_eq!(world.decrypt(&file).unwrap(), "dear reader");
}

#[test]
fn a_release_that_is_not_an_answer_is_refused_and_nothing_of_it_kept() {
    for trick in [Trick::ReleaseForOtherRequest, Trick::ReleaseToOtherKey] {
        let (world, file, collected) = recover_from(trick);
        // An encapsulation to another key opens to nothing that was sealed, and does not say so.
        let refused = matches!(
            collected,
            Err(RecoverError::Release | RecoverError::Key { .. })
        );
        assert!(refused, "{collected:?}");
        assert!(world.home().released_serials().unwrap().is_empty());
        // No key was made for what did not come.
        assert!(!world.home().has_identity().unwrap());
        assert!(file.exists());
    }
}

#[test]
fn a_released_key_that_was_not_deposited_is_named() {
    let (_, _, collected) = recover_from(Trick::ReleaseWrongKey);
    assert!(
        matches!(collected, Err(RecoverError::Key { .. })),
        "{collected:?}"
    );
}

#[test]
fn a_released_key_with_a_label_to_match_is_named_and_costs_no_file() {
    let (mut world, file, collected) = recover_from(Trick::ReleaseWrongCommitment);
    assert!(
        matches!(collected, Err(RecoverError::Key { .. })),
        "{collected:?}"
    );
    let before = fs::read(&file).unwrap();
    let rewrapped = world.rewrap(&file);
    assert!(
        matches!(rewrapped, Err(RewrapError::NoKey { .. })),
        "{rewrapped:?}"
    );
    assert_eq!(fs::read(&file).unwrap(), before);
}

#[test]
fn what_an_authority_does_not_show_is_not_protected() {
    let mut world = World::new();
    let files = [world.encrypt("a", "1"), world.encrypt("b", "2")];
    let mut protected = |trick| {
        let liar = lying(&mut world, trick);
        let looked = world.with_authority(&liar, |client| {
            let inspector = Inspector::new(client.home(), true).unwrap();
            let mut looked = [&files[0], &files[1]].map(|file| inspector.inspect(file).unwrap());
            let asked = client.confirm(&mut looked, &mut |_, _| {});
            (asked, looked.map(|status| status.is_protected(true)))
        });
        looked.unwrap()
    };
    assert!(matches!(
        protected(Trick::Unreachable(0)),
        (Ok(()), [true, true])
    ));
    for trick in [Trick::PossessionOfOld, Trick::PossessionOfOthers] {
        assert!(matches!(protected(trick), (Ok(()), [false, false])));
    }
    let (asked, protected) = protected(Trick::PossessionShort);
    assert!(matches!(asked, Err(ExchangeError::Possession)), "{asked:?}");
    assert_eq!(protected, [false, false]);
}

#[test]
fn what_is_withheld_is_said() {
    let (_, _, collected) = recover_from(Trick::Withheld);
    let collected = collected.unwrap();
    assert_eq!((collected.keys, collected.withheld.len()), (0, 1));
}

/// Asks for everything of an authority that says it holds the deposits of these files alone.
fn everything_of(hides: usize) -> (World, RecoverError) {
    let mut world = World::new();
    let mut files = vec![
        world.encrypt("letter", "dear reader"),
        world.encrypt("diary", "dear me"),
    ];
    files.truncate(files.len() - hides);
    let home = world.home();
    let serial = |file: &PathBuf| home.matched(&parts(file).0).unwrap().unwrap().serial;
    let mut held: Vec<_> = files.iter().map(serial).collect();
    held.sort_unstable();
    drop(home);
    let authority = lying(&mut world, Trick::HoldsOnly(held));
    let error = world.with_authority(&authority, |client| {
        let request = client.request_recovery(&Wanted::Everything, &Grounds::default());
        request.map(drop).unwrap_err()
    });
    (world, error.unwrap())
}

#[test]
fn an_authority_that_says_it_holds_nothing_is_asked_for_nothing_and_its_log_held_against_it() {
    let (world, error) = everything_of(2);
    assert!(
        matches!(error, RecoverError::LeftOut { known: 2 }),
        "{error:?}"
    );
    assert!(world.home().requests().unwrap().is_empty());
}

#[test]
fn what_is_said_to_be_held_and_is_less_is_no_request_for_everything() {
    let (mut world, error) = everything_of(1);
    let refused = matches!(
        error,
        RecoverError::Exchange(ExchangeError::Submit(SubmitError::Refused(
            Refusal::Holdings { .. }
        )))
    );
    assert!(refused, "{error:?}");
    // The honest one is asked anew.
    assert_eq!(world.recover(&Wanted::Everything).unwrap().keys, 2);
}

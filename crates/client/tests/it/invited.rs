//! Machines that were invited (spec/invitation.md): each has what the owner has, and no invitation does more than it says.

use std::fs;

use strongroom_agefile::Header;
use strongroom_authority::{Caller, Service};
use strongroom_client::ConnectError;
use strongroom_client::connection::ExchangeError;
use strongroom_client::home::{DeviceId, Home, Origin};
use strongroom_client::invitation::{OpenInvitationError, open, seal};
use strongroom_client::join::{JoinError, Joined};
use strongroom_protocol::id::{Clock, Time};
use strongroom_protocol::invitation::{Invitation, InvitationCode};
use strongroom_protocol::keys::SigningKey;
use strongroom_protocol::policy::Policy;
use strongroom_protocol::statement::{Device, DeviceWord, SignedStatement};
use strongroom_protocol::{Authority, Refusal, Select, SubmitError};
use strongroom_testkit::{TestRng, Trick, submit};

use crate::fixture::{HOME, World};
use crate::hostile::lying;

const SECOND: &str = "second";

/// An owner with a file and a secret, whose second machine joined.
fn two_machines() -> World {
    let mut world = World::new();
    world.encrypt("letter", "dear reader");
    world.deposit_secret_at(HOME, "door", "rose");
    let invitation = world.invite_at(HOME);
    assert_eq!(world.join(SECOND, &invitation).unwrap(), Joined::Now);
    world
}

impl World {
    /// Why a home is refused to join.
    #[track_caller]
    fn refused_to_join(&mut self, name: &str, invitation: &Invitation) -> Refusal {
        match self.join(name, invitation) {
            Err(JoinError::Exchange(ExchangeError::Submit(SubmitError::Refused(refusal)))) => {
                refusal
            }
            other => panic!("{other:?}"),
        }
    }

    fn both_alike(&mut self) {
        for home in [HOME, SECOND] {
            self.with_client_at(home, |_| ()).unwrap();
        }
        assert_eq!(self.contents(HOME), self.contents(SECOND));
    }

    fn said_of(&self, of: &SigningKey, word: DeviceWord, by: &SigningKey) -> SignedStatement {
        let said = Device {
            authority: self.authority,
            owner: self.owner,
            device_key: of.verifying_key(),
            word,
            created: self.clock.now(),
        };
        SignedStatement::sign(said, by)
    }

    fn joining_by(&self, device: &SigningKey, invitation: &SigningKey) -> SignedStatement {
        let whom = (self.authority, self.owner);
        let joins = Device::join(
            whom,
            device.verifying_key(),
            invitation,
            None,
            self.clock.now(),
        );
        SignedStatement::sign(joins, device)
    }
}

fn key(byte: u8) -> SigningKey {
    SigningKey::from_seed(&[byte; 32])
}

#[test]
fn a_machine_that_joined_has_what_the_first_has_and_a_device_of_its_own() {
    let mut world = two_machines();
    world.both_alike();
    let files = [HOME, SECOND].map(|home| fs::read(world.path(home).join("identity.txt")).unwrap());
    assert_eq!(files[0], files[1]);
    assert_ne!(
        world.device_at(HOME).expose_seed(),
        world.device_at(SECOND).expose_seed()
    );
    let devices = world.home().devices().unwrap();
    let [first, second] = &devices[..] else {
        panic!("{devices:?}");
    };
    assert!(matches!(first.origin, Origin::Enrolled));
    assert!(matches!(second.origin, Origin::Invited { by } if by == first.id));
    world.deposit_secret_at(SECOND, "door", "lily");
    world.deposit_secret_at(HOME, "disk", "key");
    world.both_alike();
    let newest = world.contents(SECOND).newest;
    assert!(newest.values().all(|newest| newest.len() == 1));
    assert_eq!(newest.len(), 2);
}

#[test]
fn a_home_joins_by_one_invitation_and_is_joined_over_by_none() {
    let mut world = World::new();
    let first = world.invite_at(HOME);
    world.join(SECOND, &first).unwrap();
    assert_eq!(world.join(SECOND, &first).unwrap(), Joined::Before);
    let second = world.invite_at(HOME);
    // Nor where an identity is, of which no log knows.
    let third = Home::create(&world.path("third")).unwrap();
    fs::write(third.identity_path(), "another").unwrap();
    drop(third);
    for home in [HOME, SECOND, "third"] {
        let taken = world.join(home, &second);
        assert!(matches!(taken, Err(JoinError::Taken)), "{taken:?}");
    }
    assert_eq!(
        world
            .home()
            .open_invitations(world.clock.now())
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn an_invitation_is_used_once() {
    let mut world = World::new();
    let invitation = world.invite_at(HOME);
    world.join(SECOND, &invitation).unwrap();
    assert_eq!(world.refused_to_join("third", &invitation), Refusal::Used);
    assert!(!world.home_at("third").identity_path().exists());
    world.deposit_secret_at(SECOND, "door", "rose");
    world.both_alike();
    // What it leaves behind joins by another one.
    let other = world.invite_at(SECOND);
    world.join("third", &other).unwrap();
    world.with_client_at("third", |_| ()).unwrap();
    world.both_alike();
    assert_eq!(world.contents("third"), world.contents(HOME));
}

#[test]
fn an_invitation_ends_and_leaves_nothing_that_opens_a_file() {
    let mut world = World::new();
    let invitation = world.invite_at(HOME);
    world.clock.advance_millis(Invitation::LASTS_MILLIS + 1);
    assert_eq!(world.refused_to_join(SECOND, &invitation), Refusal::Expiry);
    assert!(!world.path(SECOND).join("identity.txt").exists());
    let open = world.home().open_invitations(world.clock.now());
    assert_eq!(open.unwrap(), []);
}

#[test]
fn an_invitation_ends_with_the_machine_that_made_it_and_who_joined_before_stays() {
    let mut world = two_machines();
    let [left, withdrawn] = [world.invite_at(HOME), world.invite_at(SECOND)];
    let first = DeviceId::from(&world.device_at(HOME).verifying_key());
    let key = DeviceId::from(&withdrawn.key.verifying_key());
    world
        .with_client_at(SECOND, |client| {
            client.revoke_device(first).unwrap();
            client.revoke_device(key).unwrap();
            let open = client.home().open_invitations(Time::from_millis(0));
            assert_eq!(open.unwrap(), []);
        })
        .unwrap();
    for invitation in [&left, &withdrawn] {
        assert_eq!(world.refused_to_join("third", invitation), Refusal::Author);
    }
    world.deposit_secret_at(SECOND, "door", "lily");
}

#[test]
fn another_authority_and_another_owner_are_not_joined() {
    let mut world = World::new();
    let invitation = world.invite_at(HOME);
    let (folder, clock) = (world.path("stranger"), world.clock.clone());
    let policy = Policy::code_alone();
    let stranger = Service::found(&folder, policy, clock, TestRng::new(31)).unwrap();
    let session = stranger.session(Caller::Anybody);
    let mut home = Home::create(&world.path(SECOND)).unwrap();
    let to = (&strongroom_client::Address::Folder(folder), None);
    let (clock, rng) = (&*world.clock, &mut world.rng);
    let other = strongroom_client::join::join(&mut home, &invitation, to, &session, clock, rng);
    assert!(
        matches!(
            other,
            Err(JoinError::Exchange(ExchangeError::OtherAuthority { .. }))
        ),
        "{other:?}"
    );
    assert!(home.membership().unwrap().is_none());
    assert_eq!(session.checkpoint().unwrap().checkpoint().size, 1);
}

#[test]
fn a_word_that_a_device_joins_sent_again_is_the_same() {
    let world = two_machines();
    let joined = world.home_at(SECOND).joining().unwrap().unwrap();
    let size = world.operator().checkpoint().unwrap().checkpoint().size;
    let again = submit(&world.operator(), &joined);
    assert!(again.index() < size);
    let now = world.operator().checkpoint().unwrap().checkpoint().size;
    assert_eq!(now, size);
}

#[test]
fn a_sealed_invitation_opens_with_its_code_and_as_it_was_written() {
    let mut world = World::new();
    let invitation = world.invite_at(HOME);
    let code = InvitationCode::generate(&mut world.rng);
    let sealed = seal(&invitation, &code, &mut world.rng).unwrap();
    let opened = open(&sealed[..], &code).unwrap();
    assert_eq!(*opened.to_bytes(), *invitation.to_bytes());
    // As much work as age does for a passphrase of people's, and the code has 100 bits.
    let header = Header::read(&mut &sealed[..]).unwrap();
    let [stanza] = header.stanzas() else {
        panic!("a passphrase is alone");
    };
    assert_eq!((stanza.tag(), stanza.args()[1].as_str()), ("scrypt", "18"));
    assert_eq!(InvitationCode::CHARACTERS * 5, 100);
    let other = InvitationCode::generate(&mut world.rng);
    let refused = open(&sealed[..], &other);
    assert!(matches!(refused, Err(OpenInvitationError::Code)));
    let header = header.as_bytes().len();
    // The MAC, the nonce, the chunk, its tag; cut; and more behind it.
    for place in [header - 2, header + 3, header + 40, sealed.len() - 1] {
        let mut altered = sealed.clone();
        altered[place] ^= 1;
        assert!(open(&altered[..], &code).is_err(), "{place}");
    }
    assert!(open(&sealed[..sealed.len() - 1], &code).is_err());
    assert!(open(&[&sealed[..], &[0]].concat()[..], &code).is_err());
}

/// Shows the home what no honest authority takes, and expects it to be refused.
#[track_caller]
fn is_refused(world: &mut World, shown: Vec<SignedStatement>) {
    let before = world.contents(HOME);
    let liar = lying(world, Trick::ListingWithStrangers(shown));
    let _ = liar.entries(Select::Owner(world.owner), 0);
    let refused = world.with_authority(&liar, |_| ()).unwrap_err();
    let ConnectError::Exchange(ExchangeError::Wrong { what, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert!(what.contains("can't be true"), "{what}");
    assert_eq!(world.contents(HOME), before);
}

#[test]
fn a_home_believes_nobody_who_joined_as_they_may_not() {
    let mut world = two_machines();
    world.both_alike();
    let (first, second) = (world.device_at(HOME), world.device_at(SECOND));
    let used = world.home_at(SECOND).joining().unwrap().unwrap();
    let invitation = world.invite_at(HOME);
    let now = world.clock.now();
    let until = |until| DeviceWord::Invite { until };
    let soon = until(now.plus_millis(60_000));
    // Invited by nobody of the owner's, or not at all.
    let by_stranger = world.said_of(&key(0x61), soon.clone(), &key(0x62));
    is_refused(&mut world, vec![by_stranger]);
    let joins = world.joining_by(&key(0x63), &key(0x61));
    is_refused(&mut world, vec![joins]);
    // By an invitation that was over, withdrawn, used, or made by a machine that was revoked.
    let over = world.said_of(&key(0x64), until(Time::from_millis(1)), &first);
    let joins = world.joining_by(&key(0x63), &key(0x64));
    is_refused(&mut world, vec![over, joins]);
    let withdrawn = world.said_of(&invitation.key, DeviceWord::Revoke, &second);
    let joins = world.joining_by(&key(0x63), &invitation.key);
    is_refused(&mut world, vec![withdrawn, joins.clone()]);
    let twice = world.joining_by(&key(0x65), &invitation.key);
    is_refused(&mut world, vec![joins, twice]);
    let made = world.said_of(&key(0x66), soon, &second);
    let revoked = world.said_of(&second, DeviceWord::Revoke, &first);
    let joins = world.joining_by(&key(0x63), &key(0x66));
    is_refused(
        &mut world,
        vec![made.clone(), revoked.clone(), joins.clone()],
    );
    // A revocation that comes behind is none of the one who joined, but of what it forbids.
    submit(&world.operator(), &used);
    submit(&world.operator(), &made);
    submit(&world.operator(), &joins);
    submit(&world.operator(), &revoked);
    world.with_client(|_| ()).unwrap();
    assert!(world.home().is_device(&key(0x63).verifying_key()).unwrap());
}

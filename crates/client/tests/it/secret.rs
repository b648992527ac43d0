//! Secrets as the library keeps them: which of a name counts, what a release shows, and deposits that only look like one.

use std::num::NonZeroUsize;

use strongroom_agefile::{
    FileKey, Header, KeyType, Passphrase, PassphraseIdentity, Recipient, UnwrapError, payload,
    wrap_to,
};
use strongroom_authority::Caller;
use strongroom_client::home::{Home, KeysError};
use strongroom_client::recover::Wanted;
use strongroom_client::secret::{self, DepositSecretsError, OpenSecretError, Secret, WrongLength};
use strongroom_client::status::{Doubt, FileStatus, Inspector, SpareState};
use strongroom_client::{Client, Pointer};
use strongroom_protocol::id::{Clock, Serial};
use strongroom_protocol::session_key::{BlindedKey, SessionKey};
use strongroom_protocol::statement::{Deposit, Draft, Particulars, SignedStatement};
use strongroom_testkit::{TestRng, submit};

use crate::fixture::{HOME, World, named};

/// A secret of the home's owner, if its key was released.
fn released(home: &Home, serial: Serial) -> Result<Option<Secret>, OpenSecretError> {
    let owner = home.membership().unwrap().unwrap().owner;
    secret::released(home, owner, serial)
}

/// An age file of `text` under a key, with a stanza for the owner and a pointer.
fn age_file(key: &FileKey, owner: &Recipient, pointer: Pointer, text: &[u8]) -> Vec<u8> {
    let mut stanzas = wrap_to(std::slice::from_ref(owner), key, &mut TestRng::new(31)).unwrap();
    stanzas.push(pointer.to_stanza());
    let mut file = Header::seal(stanzas, key).unwrap().as_bytes().to_vec();
    let nonce = [3; payload::NONCE_BYTES];
    payload::seal(key, nonce, text, &mut file, NonZeroUsize::MIN, &mut |_| {}).unwrap();
    file
}

impl World {
    fn recipient(&self) -> Recipient {
        self.identities(&self.home()).recipient().unwrap()
    }

    fn deposit_secret(&mut self, name: &str, secret: &str) -> Serial {
        self.deposit_secret_at(HOME, name, secret)
    }

    /// Deposits what another program with the owner's device key might: a session key with anything beside it. This
    /// home learns of it as of any other.
    fn deposit_beside(
        &mut self,
        attach: impl FnOnce(&FileKey, &Recipient, Pointer) -> Vec<u8>,
    ) -> Serial {
        let membership = self.home().membership().unwrap().unwrap();
        let (founding, owner) = (membership.founding, membership.owner);
        let device = self.home().ensure_device_key(&mut self.rng).unwrap();
        let serial = Serial::generate(&mut self.rng);
        let key = FileKey::generate(&mut self.rng);
        let authority = founding.authority();
        let pointer = Pointer { authority, serial };
        let attachment = attach(&key, &self.recipient(), pointer);
        let draft = Draft {
            serial,
            key: BlindedKey::new(SessionKey::age_file_key(key.expose()), &mut self.rng),
            particulars: Particulars::default().with_attachment(attachment).unwrap(),
        };
        let wrap_key = &founding.found().wrap_key;
        let deposit = Deposit::seal(authority, wrap_key, owner, &[draft], &mut self.rng).unwrap();
        let service = self.service(50);
        let session = service.session(Caller::Device(device.verifying_key()));
        submit(&session, &SignedStatement::sign(deposit, &device));
        drop(session);
        drop(service);
        self.with_client(|_| ()).unwrap();
        serial
    }

    fn standing(&mut self, serial: Serial) -> FileStatus {
        let inspect = |client: &mut Client<'_>| {
            let inspector = Inspector::new(client.home(), true).unwrap();
            let mut status = inspector.inspect_secret(serial).unwrap();
            client.confirm([&mut status], &mut |_, _| {}).unwrap();
            status
        };
        self.with_client(inspect).unwrap()
    }

    fn open(&self, serial: Serial) -> Result<Secret, OpenSecretError> {
        let home = self.home();
        secret::open(&home, &self.identities(&home), serial)
    }

    /// Forgets what this home saw of headers, as one that was lost has.
    fn forget_matches(&self) {
        let database = rusqlite::Connection::open(self.path("home/home.db")).unwrap();
        assert!(database.execute("DELETE FROM matched", ()).unwrap() > 0);
    }
}

#[test]
fn of_one_name_and_one_time_the_one_deposited_later_counts() {
    let mut world = World::new();
    let [first, second] = ["old", "new"].map(|text| world.deposit_secret("door", text));
    let secrets = world.home().secrets().unwrap();
    assert_eq!(secrets[0].since, secrets[1].since);
    let superseded: Vec<_> = secrets
        .iter()
        .map(|secret| (secret.serial, secret.superseded))
        .collect();
    assert_eq!(superseded, [(first, true), (second, false)]);
    assert_eq!(world.open(first).unwrap().expose(), b"old");
    assert_eq!(world.open(second).unwrap().expose(), b"new");
    // In one statement there is no later one.
    let owner = world.recipient();
    let twice = vec![named("door", b"a"), named("door", b"b")];
    let refused = world.with_client(|client| client.deposit_secrets(&owner, twice));
    let refused = refused.unwrap().unwrap_err();
    assert!(matches!(refused, DepositSecretsError::NameTwice { name } if name == "door"));
    assert_eq!(world.home().secrets().unwrap().len(), 2);
}

#[test]
fn a_secret_that_was_released_is_matched() {
    let mut world = World::new();
    let serial = world.deposit_secret("door", "rose");
    assert_eq!(world.standing(serial).state, Some(SpareState::Matched));
    world.forget_matches();
    let standing = world.standing(serial);
    let copied = (Some(SpareState::Verified), Some(Doubt::NotMatched));
    assert_eq!((standing.state, standing.doubt), copied);
    assert!(released(&world.home(), serial).unwrap().is_none());

    world.lose_identity();
    world.recover(&Wanted::Serials(vec![serial])).unwrap();
    let standing = world.standing(serial);
    assert_eq!(
        (standing.state, standing.doubt),
        (Some(SpareState::Matched), None)
    );
    let back = released(&world.home(), serial).unwrap().unwrap();
    assert_eq!(back.expose(), b"rose");
}

#[test]
fn what_only_looks_like_a_secret_never_is_one() {
    let mut world = World::new();
    let good = world.deposit_secret("door", "rose");
    let copied = world.home().particulars(good).unwrap().unwrap();
    let no_file = world.deposit_beside(|_, _, _| b"no age file".to_vec());
    let cut = world.deposit_beside(|key, owner, pointer| {
        let mut file = age_file(key, owner, pointer, b"rose");
        file.truncate(file.len() - 1);
        file
    });
    let empty = world.deposit_beside(|key, owner, pointer| age_file(key, owner, pointer, b""));
    let long =
        world.deposit_beside(|key, owner, pointer| age_file(key, owner, pointer, &[7; 4097]));
    let others = world.deposit_beside(|_, owner, pointer| {
        age_file(&FileKey::from_bytes(&[5; 16]), owner, pointer, b"weed")
    });
    let copy = world.deposit_beside(|_, _, _| copied.attachment().to_vec());
    let all = [no_file, cut, empty, long, others, copy];

    assert!(matches!(
        world.open(no_file),
        Err(OpenSecretError::Header(_))
    ));
    assert!(matches!(world.open(cut), Err(OpenSecretError::Payload(_))));
    let wrong = |opened: Result<Secret, OpenSecretError>| match opened {
        Err(OpenSecretError::Length(wrong)) => wrong,
        _ => panic!("it is of no wrong length"),
    };
    assert_eq!(wrong(world.open(empty)), WrongLength::Empty);
    assert_eq!(wrong(world.open(long)), WrongLength::Long);
    let unmatched = |world: &mut World| {
        for serial in all {
            let standing = world.standing(serial);
            assert_ne!(standing.state, Some(SpareState::Matched), "{serial}");
            assert!(!standing.is_protected(true), "{serial}");
        }
        assert!(world.standing(good).is_protected(true));
    };
    unmatched(&mut world);
    assert_eq!(world.standing(no_file).doubt, Some(Doubt::NoSecret));
    assert_eq!(world.standing(copy).doubt, Some(Doubt::NoSecret));
    assert_eq!(world.standing(others).doubt, Some(Doubt::NotMatched));

    // With the keys that were deposited it shows which are of another.
    world.lose_identity();
    let collected = world.recover(&Wanted::Everything).unwrap();
    assert_eq!(collected.keys, 7);
    let home = world.home();
    let refused = |serial| released(&home, serial).err().unwrap();
    assert!(matches!(refused(no_file), OpenSecretError::Header(_)));
    assert!(matches!(refused(cut), OpenSecretError::Payload(_)));
    for serial in [empty, long] {
        assert!(matches!(refused(serial), OpenSecretError::Length(_)));
    }
    for serial in [others, copy] {
        assert!(matches!(
            refused(serial),
            OpenSecretError::Unwrap(UnwrapError::Altered)
        ));
    }
    assert_eq!(released(&home, good).unwrap().unwrap().expose(), b"rose");
    drop(home);
    unmatched(&mut world);
}

#[test]
fn depositing_takes_no_passphrase_and_opening_does() {
    let mut world = World::new();
    world.lose_identity();
    let passphrase = || Passphrase::new("correct horse".to_owned().into()).unwrap();
    let now = world.clock.now();
    let mut home = world.home();
    home.ensure_sealed_identity(KeyType::Hybrid, now, &passphrase(), &mut TestRng::new(3))
        .unwrap();
    let owner = home.recipient(&mut |_| panic!("it was asked for")).unwrap();
    drop(home);
    let new = vec![named("door", b"rose")];
    let deposited = world.with_client(|client| client.deposit_secrets(&owner, new));
    let serial = deposited.unwrap().unwrap()[0].spare.serial;
    assert_eq!(world.standing(serial).state, Some(SpareState::Matched));

    let home = world.home();
    let mut asked = 0;
    let identities = home.identities(&mut |_| {
        asked += 1;
        Ok(PassphraseIdentity::new(passphrase()))
    });
    let opened = secret::open(&home, &identities.unwrap(), serial).unwrap();
    assert_eq!((opened.expose(), asked), (&b"rose"[..], 1));
    let wrong = home.identities(&mut |_| {
        Ok(PassphraseIdentity::new(
            Passphrase::new("wrong".to_owned().into()).unwrap(),
        ))
    });
    assert!(!matches!(
        wrong.err(),
        None | Some(KeysError::IdentityMissing { .. })
    ));
}

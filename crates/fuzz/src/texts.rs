//! Texts that people keep: recovery sheets and codes, officers' keys and pins, identities and recipients.

use std::cell::RefCell;
use std::fs;

use strongroom_agefile::identity_file::{
    IdentityFile, identity_text, parse_identities, parse_recipients, seal_identities,
};
use strongroom_agefile::{Identity, KeyType, Passphrase, PassphraseIdentity, WorkFactor};
use strongroom_client::Address;
use strongroom_client::officer::{OfficerKey, Pin};
use strongroom_client::sheet::Sheet;
use strongroom_protocol::code::RecoveryCode;
use strongroom_protocol::invitation::{ExchangeFiles, Invitation, InvitationCode};
use strongroom_protocol::keys::SigningKey;
use strongroom_protocol::policy::file::{officer_key_text, parse_officer_key};
use strongroom_protocol::statement::DeviceName;
use strongroom_testkit::TestRng;
use tempfile::TempDir;
use zeroize::Zeroizing;

use crate::cast::{NOW, cast};
use crate::log::checkpoint_text;

/// Recovery sheets: what is written of one that was read, reads as the same.
pub(crate) fn read_sheet(bytes: &[u8]) -> Option<()> {
    let sheet = Sheet::parse(str::from_utf8(bytes).ok()?).ok()?;
    // An address that is not seen as it is can be read, and is not written.
    let text = sheet.to_text(NOW).ok()?;
    let again = Sheet::parse(&text).unwrap();
    assert_eq!(again.address, sheet.address);
    assert_eq!(
        (again.authority, again.owner),
        (sheet.authority, sheet.owner)
    );
    assert_eq!(*again.code.to_text(), *sheet.code.to_text());
    Some(())
}

/// Recovery codes and officers' public keys: each has one text.
pub(crate) fn read_code(bytes: &[u8]) -> Option<()> {
    let text = str::from_utf8(bytes).ok()?;
    if let Ok(key) = parse_officer_key(text) {
        assert_eq!(officer_key_text(&key), text);
        return Some(());
    }
    let code = RecoveryCode::parse(text).ok()?;
    let written = code.to_text();
    let again = RecoveryCode::parse(&written.to_lowercase().replace('-', " ")).unwrap();
    assert_eq!(*again.to_text(), *written);
    // A slip of one letter is noticed.
    let place = usize::from(bytes[0]) % written.len();
    let other = if written[place..].starts_with('Q') {
        "P"
    } else {
        "Q"
    };
    let mut slipped = written.to_string();
    slipped.replace_range(place..=place, other);
    assert!(RecoveryCode::parse(&slipped).is_err());
    Some(())
}

/// What pins an authority for an officer.
pub(crate) fn read_pin(bytes: &[u8]) -> Option<()> {
    let pin = Pin::parse(str::from_utf8(bytes).ok()?).ok()?;
    assert_eq!(Pin::parse(&pin.to_text()).as_ref(), Ok(&pin));
    Some(())
}

thread_local! {
    static FOLDER: RefCell<Option<TempDir>> = const { RefCell::new(None) };
}

/// Files with a signing key.
pub(crate) fn read_signing_key(bytes: &[u8]) -> Option<()> {
    FOLDER.with_borrow_mut(|folder| {
        let folder = folder
            .get_or_insert_with(|| tempfile::tempdir().unwrap())
            .path();
        let (path, again) = (folder.join("key"), folder.join("again"));
        fs::write(&path, bytes).unwrap();
        let key = OfficerKey::read(&path).ok()?;
        let _ = fs::remove_file(&again);
        key.write(&again, "ada\nof the desk", &mut TestRng::new(1))
            .unwrap();
        let same = OfficerKey::read(&again).unwrap();
        assert_eq!(
            same.signing_key().expose_seed(),
            key.signing_key().expose_seed()
        );
        Some(())
    })
}

/// Files of identities, sealed or not.
pub(crate) fn read_identities(bytes: &[u8]) -> Option<()> {
    let identities = match IdentityFile::read(bytes).ok()? {
        IdentityFile::Plain(list) => list,
        IdentityFile::Sealed(sealed) => {
            let cheap = WorkFactor::from_log_n(4).unwrap();
            let passphrase = PassphraseIdentity::new(passphrase()).with_work_factor_max(cheap);
            sealed.open(&passphrase).ok()?
        }
    };
    assert!(!identities.identities.is_empty());
    for identity in &identities.identities {
        let text = identity_text(identity, "now\nand then");
        let [again] = &parse_identities(text.as_bytes()).unwrap().identities[..] else {
            panic!("one identity");
        };
        assert_eq!(again.recipient(), identity.recipient());
    }
    Some(())
}

/// Files of recipients.
pub(crate) fn read_recipients(bytes: &[u8]) -> Option<()> {
    let recipients = parse_recipients(bytes).ok()?;
    let lines = recipients.iter().map(|recipient| format!("{recipient}\n"));
    let text: String = lines.collect();
    assert_eq!(parse_recipients(text.as_bytes()).as_ref(), Ok(&recipients));
    Some(())
}

fn passphrase() -> Passphrase {
    Passphrase::new(Zeroizing::new("correct horse".to_owned())).unwrap()
}

fn identity(key_type: KeyType) -> Identity {
    Identity::generate(key_type, &mut TestRng::new(5))
}

fn code() -> RecoveryCode {
    RecoveryCode::generate(&mut TestRng::new(6))
}

pub(crate) fn sheet_seeds() -> Vec<Vec<u8>> {
    let sheet = |address| Sheet {
        address: Address::parse(address).unwrap(),
        authority: cast().authority(),
        owner: cast().owner,
        code: code(),
    };
    let whole = sheet("/mnt/other disk/authority").to_text(NOW).unwrap();
    let lines: Vec<_> = whole.lines().filter(|line| line.contains(": ")).collect();
    vec![whole.as_bytes().to_vec(), lines.join("\r\n").into_bytes()]
}

pub(crate) fn code_seeds() -> Vec<Vec<u8>> {
    let code = code().to_text();
    let typed = code.to_lowercase().replace('-', " ");
    let officer = officer_key_text(&cast().keys[5].verifying_key());
    vec![
        code.as_bytes().to_vec(),
        typed.into_bytes(),
        officer.into_bytes(),
    ]
}

pub(crate) fn pin_seeds() -> Vec<Vec<u8>> {
    let pins = [None, Some(checkpoint_text())].map(|seen| Pin {
        authority: cast().authority(),
        seen,
    });
    pins.iter().map(|pin| pin.to_text().into_bytes()).collect()
}

pub(crate) fn signing_key_seeds() -> Vec<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    let rng = &mut TestRng::new(7);
    OfficerKey::generate(rng).write(&path, "ada", rng).unwrap();
    vec![fs::read(path).unwrap()]
}

pub(crate) fn identities_seeds() -> Vec<Vec<u8>> {
    let texts = [KeyType::Hybrid, KeyType::X25519]
        .map(|key_type| identity_text(&identity(key_type), "now"));
    let cheap = WorkFactor::from_log_n(2).unwrap();
    let sealed = seal_identities(&texts[1], &passphrase(), cheap, &mut TestRng::new(8)).unwrap();
    let both = [texts[0].as_bytes(), b"\r\n", texts[1].as_bytes()].concat();
    vec![texts[0].as_bytes().to_vec(), both, sealed.into_bytes()]
}

pub(crate) fn recipients_seeds() -> Vec<Vec<u8>> {
    let recipient = |key_type| format!("# somebody\n{}\n", identity(key_type).recipient());
    let [hybrid, classic] = [KeyType::Hybrid, KeyType::X25519].map(recipient);
    vec![
        (hybrid + "\n" + &classic).into_bytes(),
        classic.into_bytes(),
    ]
}

/// What invitations hold, and their codes: each has one form.
pub(crate) fn read_invitation(bytes: &[u8]) -> Option<()> {
    if let Ok(text) = str::from_utf8(bytes)
        && let Ok(code) = InvitationCode::parse(text)
    {
        let again = InvitationCode::parse(&code.expose().to_lowercase().replace('-', " "));
        assert_eq!(again.unwrap().expose(), code.expose());
        return Some(());
    }
    let invitation = Invitation::from_bytes(bytes).ok()?;
    assert_eq!(*invitation.to_bytes(), bytes);
    // Nothing behind it, and nothing less.
    assert!(Invitation::from_bytes(&[bytes, &[0]].concat()).is_err());
    assert!(Invitation::from_bytes(&bytes[..bytes.len() - 1]).is_err());
    Some(())
}

pub(crate) fn invitation_seeds() -> Vec<Vec<u8>> {
    let cast = cast();
    let invitation = |name: Option<&str>, exchange| Invitation {
        authority: cast.authority(),
        owner: cast.owner,
        address: "/mnt/other disk/authority".to_owned(),
        key: SigningKey::from_seed(&[0x1f; 32]),
        until: NOW,
        name: name.map(|name| DeviceName::new(name.to_owned()).unwrap()),
        identity: Zeroizing::new(b"AGE-SECRET-KEY-1..".to_vec()),
        exchange,
    };
    let exchange = ExchangeFiles {
        is_sealed: true,
        private: Zeroizing::new(vec![1; 20]),
        public: vec![2; 9],
    };
    let code = InvitationCode::generate(&mut TestRng::new(1));
    vec![
        invitation(None, None).to_bytes().to_vec(),
        invitation(Some("the desk"), Some(exchange))
            .to_bytes()
            .to_vec(),
        code.expose().as_bytes().to_vec(),
    ]
}

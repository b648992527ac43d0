//! Identity and recipients files.

use std::io;

use strongroom_agefile::identity::ParseIdentityError;
use strongroom_agefile::identity_file::{
    IDENTITIES_BYTES_MAX, IdentityFile, OpenIdentitiesError, ParseIdentitiesError,
    ParseRecipientsError, ReadIdentitiesError, SealIdentitiesError, identity_text,
    parse_identities, parse_recipients, seal_identities,
};
use strongroom_agefile::recipient::ParseRecipientError;
use strongroom_agefile::{
    FileKey, Header, Identity, KeyType, Passphrase, PassphraseIdentity, UnwrapError, WorkFactor,
};

use strongroom_text::NotText;

use crate::rng::TestRng;

#[test]
fn an_identity_file_is_ages_own_text() {
    let identity = Identity::generate(KeyType::X25519, &mut TestRng::new(1));
    let text = identity_text(&identity, "2026-01-02T03:04:05Z\nAGE-SECRET-KEY-1");
    let public = identity.recipient();
    let secret = identity.to_text();
    let expected = format!(
        "# created: 2026-01-02T03:04:05Z\n# public key: {public}\n{}\n",
        *secret
    );
    assert_eq!(*text, expected);
    assert_eq!(texts(&plain(text.as_bytes())), [secret.as_str()]);
    let file = age::IdentityFile::from_buffer(text.as_bytes()).unwrap();
    assert_eq!(file.into_identities().unwrap().len(), 1);
}

#[test]
fn a_file_may_hold_several_identities_comments_and_empty_lines() {
    let mut rng = TestRng::new(2);
    let [first, second] = [KeyType::Hybrid, KeyType::X25519]
        .map(|key_type| Identity::generate(key_type, &mut rng).to_text());
    let text = format!("# one\n\n{}\r\n#{}\n{}", *first, *first, *second);
    assert_eq!(
        texts(&plain(text.as_bytes())),
        [first.as_str(), second.as_str()]
    );
}

#[test]
fn what_is_wrong_is_told_by_its_line_and_never_quoted() {
    let secret = Identity::generate(KeyType::X25519, &mut TestRng::new(3)).to_text();
    let text = format!("# comment\n\n{}Q\n", *secret);
    let error = parse_identities(text.as_bytes()).err().unwrap();
    assert_eq!(
        error,
        ParseIdentitiesError::Line {
            line: 3,
            source: ParseIdentityError::Invalid
        }
    );
    assert!(!format!("{error} {error:?}").contains("SECRET-KEY-1"));
    assert_eq!(
        parse_recipients(secret.as_bytes()),
        Err(ParseRecipientsError::Line {
            line: 1,
            source: ParseRecipientError::SecretKey
        })
    );
    let parse = |bytes: &[u8]| parse_identities(bytes).err();
    assert_eq!(parse(b"# nothing\n"), Some(ParseIdentitiesError::Empty));
    assert_eq!(
        parse(b"#\n\xff\n"),
        Some(ParseIdentitiesError::NotText(NotText::NotUtf8 { line: 2 }))
    );
    assert_eq!(parse_recipients(b""), Err(ParseRecipientsError::Empty));
}

#[test]
fn a_line_that_can_not_be_used_does_not_hinder_the_others() {
    let mut rng = TestRng::new(8);
    let [first, second] = [1, 2].map(|_| Identity::generate(KeyType::X25519, &mut rng).to_text());
    let text = format!(
        "\u{feff}AGE-PLUGIN-FOO-1DPJKCMR0X80STU\r\n  {} \t# mine\r\nnothing\r\n{}",
        *first, *second
    );
    let list = parse_identities(text.as_bytes()).unwrap();
    assert_eq!(texts(&list.identities), [first.as_str(), second.as_str()]);
    let unusable: Vec<_> = list
        .unusable
        .iter()
        .map(|one| (one.line, one.place, one.source))
        .collect();
    assert_eq!(
        unusable,
        [
            (1, 0, ParseIdentityError::Plugin),
            (3, 1, ParseIdentityError::Unknown)
        ]
    );
    // Whom a file is encrypted to is a list of which none may be missing.
    let recipient = list.identities[0].recipient();
    assert_eq!(
        parse_recipients(format!("{recipient} # Alice\nage1foo1bar\n").as_bytes()),
        Err(ParseRecipientsError::Line {
            line: 2,
            source: ParseRecipientError::Plugin
        })
    );
    let text = format!("\u{feff}\t{recipient} # Alice\r\n");
    assert_eq!(parse_recipients(text.as_bytes()).unwrap(), [recipient]);
}

#[test]
fn a_file_without_end_is_read_no_further_than_the_limit() {
    let read = IdentityFile::read(io::repeat(b'\n'));
    assert!(matches!(read, Err(ReadIdentitiesError::TooLong)));
    let longest = vec![b'\n'; IDENTITIES_BYTES_MAX];
    let read = IdentityFile::read(longest.as_slice());
    assert!(matches!(read, Err(ReadIdentitiesError::Parse(_))));
}

#[test]
fn a_recipients_file_is_a_list() {
    let mut rng = TestRng::new(4);
    let recipients = [KeyType::Hybrid, KeyType::X25519]
        .map(|key_type| Identity::generate(key_type, &mut rng).recipient());
    let text = format!("# ours\n{}\n\n{}\n", recipients[0], recipients[1]);
    assert_eq!(parse_recipients(text.as_bytes()).unwrap(), recipients);
}

#[test]
fn a_passphrase_seals_and_opens_identities() {
    let mut rng = TestRng::new(5);
    let identity = Identity::generate(KeyType::Hybrid, &mut rng);
    let text = identity_text(&identity, "today");
    let file = seal_identities(&text, &passphrase("right"), low(), &mut rng).unwrap();
    assert!(file.starts_with("-----BEGIN AGE ENCRYPTED FILE-----\n"));
    let sealed = sealed(file.as_bytes());
    let opened = sealed.open(&PassphraseIdentity::new(passphrase("right")));
    assert_eq!(
        texts(&opened.unwrap().identities),
        [identity.to_text().as_str()]
    );
    let wrong = sealed.open(&PassphraseIdentity::new(passphrase("wrong")));
    assert!(matches!(
        wrong,
        Err(OpenIdentitiesError::Unwrap(UnwrapError::NoMatch))
    ));

    let theirs = age::scrypt::Identity::new("right".to_owned().into());
    let reader = age::armor::ArmoredReader::new(file.as_bytes());
    let decryptor = age::Decryptor::new(reader).unwrap();
    let opened = decryptor.decrypt(std::iter::once(&theirs as _)).unwrap();
    assert_eq!(io::read_to_string(opened).unwrap(), *text);
}

#[test]
fn what_holds_no_identity_is_not_sealed() {
    let mut rng = TestRng::new(6);
    let sealed = seal_identities("# nothing", &passphrase("right"), low(), &mut rng);
    assert_eq!(
        sealed.err(),
        Some(SealIdentitiesError::Parse(ParseIdentitiesError::Empty))
    );
}

#[test]
fn a_file_encrypted_to_a_key_is_no_sealed_identity_file() {
    let mut rng = TestRng::new(7);
    let file_key = FileKey::generate(&mut rng);
    let recipient = Identity::generate(KeyType::X25519, &mut rng).recipient();
    let stanza = recipient.wrap(&file_key, &mut rng);
    let header = Header::seal(vec![stanza], &file_key).unwrap();
    let read = IdentityFile::read(header.as_bytes());
    assert!(matches!(read, Err(ReadIdentitiesError::NotByPassphrase)));
    let cut = &header.as_bytes()[..40];
    assert!(matches!(
        IdentityFile::read(cut),
        Err(ReadIdentitiesError::Header(_))
    ));
}

fn plain(bytes: &[u8]) -> Vec<Identity> {
    match IdentityFile::read(bytes).unwrap() {
        IdentityFile::Plain(list) => list.identities,
        IdentityFile::Sealed(_) => panic!("the file is sealed"),
    }
}

fn sealed(bytes: &[u8]) -> strongroom_agefile::identity_file::SealedIdentities {
    match IdentityFile::read(bytes).unwrap() {
        IdentityFile::Plain(_) => panic!("the file is not sealed"),
        IdentityFile::Sealed(sealed) => sealed,
    }
}

fn texts(identities: &[Identity]) -> Vec<String> {
    identities
        .iter()
        .map(|identity| identity.to_text().to_string())
        .collect()
}

fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(text.to_owned().into()).unwrap()
}

fn low() -> WorkFactor {
    WorkFactor::from_log_n(2).unwrap()
}

//! Recipients, identities and passphrases.

use bech32::primitives::checksum::Checksum;
use bech32::primitives::decode::CheckedHrpstring;
use bech32::{Bech32, Hrp};
use proptest::prelude::*;
use strongroom_agefile::identity::ParseIdentityError;
use strongroom_agefile::recipient::{MixedRecipients, ParseRecipientError};
use strongroom_agefile::{
    FileKey, Identity, KeyType, Passphrase, PassphraseIdentity, Recipient, Stanza,
    UnwrapStanzaError, WorkFactor, wrap_to,
};
use zeroize::Zeroizing;

use crate::rng::TestRng;

#[test]
fn a_key_is_its_text() {
    let mut rng = TestRng::new(1);
    for (key_type, secret, public, length) in [
        (KeyType::Hybrid, "AGE-SECRET-KEY-PQ-1", "age1pq1", 1959),
        (KeyType::X25519, "AGE-SECRET-KEY-1", "age1", 62),
    ] {
        let identity = Identity::generate(key_type, &mut rng);
        let text = identity.to_text();
        assert!(text.starts_with(secret));
        let again: Identity = text.parse().unwrap();
        assert_eq!(again.key_type(), key_type);
        assert_eq!(again.to_text(), text);
        let recipient = identity.recipient();
        assert_eq!(again.recipient(), recipient);
        let text = recipient.to_string();
        assert!(text.starts_with(public));
        assert_eq!(text.len(), length);
        assert_eq!(text.parse(), Ok(recipient));
    }
}

#[test]
fn a_key_unwraps_what_is_wrapped_to_it_alone() {
    let mut rng = TestRng::new(2);
    let identities = [
        Identity::generate(KeyType::Hybrid, &mut rng),
        Identity::generate(KeyType::Hybrid, &mut rng),
        Identity::generate(KeyType::X25519, &mut rng),
        Identity::generate(KeyType::X25519, &mut rng),
    ];
    let file_key = FileKey::generate(&mut rng);
    for (place, identity) in identities.iter().enumerate() {
        let stanza = identity.recipient().wrap(&file_key, &mut rng);
        for (other, identity) in identities.iter().enumerate() {
            let unwrapped = identity.unwrap(&stanza).unwrap();
            assert_eq!(unwrapped.is_some(), place == other);
            assert!(unwrapped.is_none_or(|unwrapped| unwrapped == file_key));
        }
    }
}

#[test]
fn a_text_that_is_no_recipient_is_told_why() {
    use ParseRecipientError as Error;
    let mut rng = TestRng::new(3);
    let x25519 = Identity::generate(KeyType::X25519, &mut rng);
    let hybrid = Identity::generate(KeyType::Hybrid, &mut rng);
    let public = x25519.recipient().to_string();
    for (text, error) in [
        (x25519.to_text().as_str(), Error::SecretKey),
        (hybrid.to_text().as_str(), Error::SecretKey),
        (&x25519.to_text().to_lowercase(), Error::SecretKey),
        ("AGE-PLUGIN-YUBIKEY-1QQQQ", Error::SecretKey),
        ("ssh-ed25519 AAAA", Error::Ssh),
        ("ssh-rsa AAAA", Error::Ssh),
        ("ecdsa-sha2-nistp256 AAAA", Error::Ssh),
        ("age1yubikey1qqqqqqqq", Error::Plugin),
        ("age1tag1qqqqqqqq", Error::Tagged),
        ("age1tagpq1qqqqqqqq", Error::Tagged),
        ("age1", Error::Invalid),
        ("age1pq1", Error::Invalid),
        (public.get(1..).unwrap(), Error::Unknown),
        (public.get(..61).unwrap(), Error::Invalid),
        (&format!("{public} "), Error::Invalid),
        (&public.to_uppercase(), Error::Unknown),
        ("", Error::Unknown),
        ("somebody@example.org", Error::Unknown),
    ] {
        assert_eq!(text.parse::<Recipient>(), Err(error), "{text}");
    }
}

#[test]
fn a_recipient_of_low_order_is_refused() {
    let encode = |prefix, bytes: &[u8]| {
        bech32::encode::<LongBech32>(Hrp::parse(prefix).unwrap(), bytes).unwrap()
    };
    let one = [[1].as_slice(), &[0; 31]].concat();
    let hybrid = Identity::generate(KeyType::Hybrid, &mut TestRng::new(9))
        .recipient()
        .to_string();
    let checked = CheckedHrpstring::new::<LongBech32>(&hybrid).unwrap();
    let mut bytes: Vec<u8> = checked.byte_iter().collect();
    assert_eq!(encode("age1pq", &bytes), hybrid);
    for point in [&[0; 32], one.as_slice()] {
        let refused = Err(ParseRecipientError::Invalid);
        assert_eq!(encode("age", point).parse::<Recipient>(), refused);
        bytes.truncate(1184);
        bytes.extend_from_slice(point);
        assert_eq!(encode("age1pq", &bytes).parse::<Recipient>(), refused);
    }
}

#[test]
fn a_text_that_is_no_identity_is_told_why() {
    use ParseIdentityError as Error;
    let mut rng = TestRng::new(4);
    let identity = Identity::generate(KeyType::X25519, &mut rng);
    let secret = identity.to_text();
    for (text, error) in [
        (identity.recipient().to_string().as_str(), Error::Recipient),
        (&secret.to_lowercase(), Error::Invalid),
        (secret.get(..70).unwrap(), Error::Invalid),
        (&secret.replace("KEY-1", "KEY-PQ-1"), Error::Invalid),
        ("AGE-PLUGIN-YUBIKEY-1QQQQ", Error::Plugin),
        ("-----BEGIN OPENSSH PRIVATE KEY-----", Error::Ssh),
        ("", Error::Unknown),
        ("hunter2", Error::Unknown),
    ] {
        assert_eq!(text.parse::<Identity>().err(), Some(error), "{text}");
    }
}

#[test]
fn post_quantum_and_classic_recipients_are_not_mixed() {
    let mut rng = TestRng::new(5);
    let file_key = FileKey::generate(&mut rng);
    let hybrid = Identity::generate(KeyType::Hybrid, &mut rng).recipient();
    let x25519 = Identity::generate(KeyType::X25519, &mut rng).recipient();
    let mut tags = |recipients: &[Recipient]| {
        wrap_to(recipients, &file_key, &mut rng).map(|stanzas| {
            stanzas
                .iter()
                .map(|stanza| stanza.tag().to_owned())
                .collect::<Vec<_>>()
        })
    };
    assert_eq!(tags(&[]), Ok(vec![]));
    assert_eq!(
        tags(&[hybrid.clone(), hybrid.clone()]),
        Ok(vec!["mlkem768x25519".to_owned(); 2])
    );
    assert_eq!(
        tags(&[x25519.clone(), x25519.clone()]),
        Ok(vec!["X25519".to_owned(); 2])
    );
    assert_eq!(
        tags(&[hybrid.clone(), x25519.clone()]),
        Err(MixedRecipients)
    );
    assert_eq!(
        tags(&[x25519.clone(), x25519, hybrid]),
        Err(MixedRecipients)
    );
}

#[test]
fn a_work_factor_above_what_is_allowed_is_refused_before_the_work() {
    let stanza = |log_n: &str| Stanza::new("scrypt", ["A".repeat(22).as_str(), log_n], [0; 32]);
    let unwrap =
        |identity: &PassphraseIdentity, log_n| identity.unwrap(&stanza(log_n).unwrap()).err();
    let identity = PassphraseIdentity::new(passphrase());
    for (log_n, number) in [("21", 21), ("31", 31), ("200", 200)] {
        assert_eq!(
            unwrap(&identity, log_n),
            Some(UnwrapStanzaError::WorkFactor {
                log_n: number,
                log_n_max: 20
            })
        );
    }
    for log_n in ["0", "01", "+4", "-4", "4 ", "256", "x"] {
        if let Ok(stanza) = stanza(log_n) {
            assert_eq!(
                identity.unwrap(&stanza).err(),
                Some(UnwrapStanzaError::Arguments),
                "{log_n}"
            );
        }
    }
    let cautious = identity.with_work_factor_max(WorkFactor::from_log_n(3).unwrap());
    assert!(unwrap(&cautious, "4").is_some());
    assert!(unwrap(&cautious, "3").is_none());
}

#[test]
fn a_passphrase_opens_what_it_wrapped() {
    let mut rng = TestRng::new(6);
    let file_key = FileKey::generate(&mut rng);
    let stanza = passphrase()
        .wrap(&file_key, WorkFactor::from_log_n(2).unwrap(), &mut rng)
        .unwrap();
    assert_eq!(stanza.args()[1], "2");
    let unwrapped = PassphraseIdentity::new(passphrase())
        .unwrap(&stanza)
        .unwrap();
    assert!(unwrapped.unwrap() == file_key);
    assert!(Passphrase::new(Zeroizing::new(String::new())).is_err());
    assert_eq!(WorkFactor::from_log_n(0), None);
    assert_eq!(WorkFactor::from_log_n(31), None);
}

#[test]
fn a_share_of_low_order_is_refused() {
    let mut rng = TestRng::new(7);
    let file_key = FileKey::generate(&mut rng);
    let identity = Identity::generate(KeyType::Hybrid, &mut rng);
    let stanza = identity.recipient().wrap(&file_key, &mut rng);
    // The last 32 bytes of the encapsulation, whose base64 ends in the middle of a byte of the part before.
    let mut zeros = stanza.args()[0].clone();
    zeros.replace_range(1494 - 43.., &"A".repeat(43));
    let forged = Stanza::new(stanza.tag(), [zeros], stanza.body()).unwrap();
    assert_eq!(
        identity.unwrap(&forged).err(),
        Some(UnwrapStanzaError::LowOrder)
    );
}

proptest! {
    #[test]
    fn a_mistyped_key_is_refused(place in any::<prop::sample::Index>(), typed in "[A-Z0-9]") {
        let text = Identity::generate(KeyType::Hybrid, &mut TestRng::new(8)).to_text();
        let place = place.index(text.len());
        let mut mistyped = text.clone();
        mistyped.replace_range(place..=place, &typed);
        prop_assume!(mistyped != text);
        prop_assert!(mistyped.parse::<Identity>().is_err());
    }

    #[test]
    fn no_text_makes_a_parser_panic(text in "(age1|age1pq1|AGE-SECRET-KEY-1)?\\PC{0,80}") {
        _ = text.parse::<Identity>();
        _ = text.parse::<Recipient>();
    }
}

fn passphrase() -> Passphrase {
    Passphrase::new(Zeroizing::new("correct horse".to_owned())).unwrap()
}

/// Bech32 without a limit to its length.
enum LongBech32 {}

impl Checksum for LongBech32 {
    type MidstateRepr = <Bech32 as Checksum>::MidstateRepr;
    type CorrectionField = <Bech32 as Checksum>::CorrectionField;
    const ROOT_GENERATOR: Self::CorrectionField = Bech32::ROOT_GENERATOR;
    const ROOT_EXPONENTS: std::ops::RangeInclusive<usize> = Bech32::ROOT_EXPONENTS;
    const CODE_LENGTH: usize = usize::MAX;
    const CHECKSUM_LENGTH: usize = Bech32::CHECKSUM_LENGTH;
    const GENERATOR_SH: [Self::MidstateRepr; 5] = Bech32::GENERATOR_SH;
    const TARGET_RESIDUE: Self::MidstateRepr = Bech32::TARGET_RESIDUE;
}

//! Deposits of SIMPLEBLOBs (spec/simple-blob.md): what is sealed, committed to and claimed. Nothing here looks inside one.

use strongroom_protocol::id::{Digest, Serial};
use strongroom_protocol::session_key::{Algorithm, SessionKey};
use strongroom_protocol::simple_blob::{BlindedBlob, claim};
use strongroom_protocol::statement::{
    BlobKey, BlobPadding, Content, Deposit, Kind, OpenedKey, Release, RsaKey, SealedKey,
    SignedStatement,
};
use strongroom_protocol::wrap::Opening;

use crate::cast::{Cast, blob_draft, deposit_in, release_in, serial};
use crate::rng::Counting;
use crate::wire::{Batch, Parts, h};

#[test]
fn the_numbers_of_kind_and_padding_say_what_a_blob_is() {
    let cast = Cast::new();
    for (proven, padding, numbers) in [
        (true, BlobPadding::Pkcs1, (2, 1)),
        (true, BlobPadding::Oaep, (2, 2)),
        (false, BlobPadding::Pkcs1, (3, 1)),
        (false, BlobPadding::Oaep, (3, 2)),
    ] {
        let mut draft = blob_draft(1, proven);
        draft.padding = padding;
        let signed = SignedStatement::sign(cast.deposit_of_blobs(vec![draft]), &cast.device);
        let raw = Batch::of(&signed);
        assert_eq!((raw.keys[0].kind, raw.keys[0].padding), numbers);
        assert_eq!((raw.keys[0].algorithm, raw.keys[0].bits), (0x660e, 128));
        let read = SignedStatement::parse(signed.as_bytes()).unwrap();
        let label = deposit_in(&read).keys()[0].label;
        assert_eq!(label.content, Content::SimpleBlob { padding, proven });
        assert_eq!(label.content.is_unproven(), !proven);
    }
}

#[test]
fn a_proven_blob_is_committed_to_by_its_key_and_an_unproven_one_by_itself() {
    let cast = Cast::new();
    let drafts = vec![blob_draft(1, true), blob_draft(2, false)];
    let deposit = cast.deposit_of_blobs(drafts);
    let opening = opening(&cast, &deposit);
    let [proven, unproven] = deposit.keys() else {
        panic!()
    };
    let opened = proven.open_blob(&opening).unwrap();
    assert_eq!(opened.blob(), [1; 268]);
    let commitment_to = |key: &[u8]| {
        let key = SessionKey::capi(0x660e, key).unwrap();
        opened.around(key).commitment(serial(1))
    };
    assert!(commitment_to(&[1; 16]) == proven.label.commitment);
    assert!(commitment_to(&[2; 16]) != proven.label.commitment);
    assert!(commitment_to(&[1; 15]) != proven.label.commitment);

    let opened = unproven.open_blob(&opening).unwrap();
    assert_eq!(opened.blob(), [2; 268]);
    let aes = Algorithm::capi(0x660e);
    let committed = unproven.label.commitment;
    assert!(opened.commitment(serial(2), aes, 128) == committed);
    assert!(opened.commitment(serial(1), aes, 128) != committed);
    assert!(opened.commitment(serial(2), Algorithm::capi(0x6801), 128) != committed);
    assert!(opened.commitment(serial(2), aes, 120) != committed);
    // Not as a key, though they are the same bytes: the two have labels of their own.
    let as_key = SessionKey::capi(0x660e, &opened.blob()[..16]).unwrap();
    let short = BlindedBlob::from_plaintext(&opened.to_plaintext()[..48]).unwrap();
    assert!(short.commitment(serial(2), aes, 128) != opened.around(as_key).commitment(serial(2)));
}

#[test]
fn an_unproven_deposit_opens_to_the_blob_committed_to_alone() {
    let cast = Cast::new();
    let deposit = cast.deposit_of_blobs(vec![blob_draft(1, false)]);
    let to = cast.wrap_key.public_key();
    let sealing = to.seal_deposits(cast.authority, &mut Counting(3));
    let opening = cast
        .wrap_key
        .open_deposits(cast.authority, sealing.encapsulation())
        .unwrap();
    let key = &deposit.keys()[0];
    let right = blob_draft(1, false).blob.to_plaintext();
    let seal = |plaintext: &[u8]| SealedKey {
        sealed: sealing.seal(key.label.serial, key.label.digest(), plaintext),
        ..key.clone()
    };
    assert!(seal(&right).open_blob(&opening).is_ok());
    for place in [0, 31, 32, 299] {
        let mut other = right.to_vec();
        other[place] ^= 1;
        assert!(seal(&other).open_blob(&opening).is_err(), "byte {place}");
    }
    for wrong in [&right[..299], &right[..32], &right[..31], &[], &[0; 577]] {
        assert!(seal(wrong).open_blob(&opening).is_err());
    }
}

#[test]
fn a_session_key_and_a_blob_do_not_pass_for_each_other() {
    let cast = Cast::new();
    let keys = cast.deposit(1);
    assert!(keys.keys()[0].open_blob(&opening(&cast, &keys)).is_err());
    for proven in [true, false] {
        let blobs = cast.deposit_of_blobs(vec![blob_draft(1, proven)]);
        let opening = opening(&cast, &blobs);
        assert!(blobs.keys()[0].open(&opening).is_err());
        assert!(blobs.keys()[0].open_released(&opening).is_err());
        // Nor a proven one for an unproven one, nor with the other padding.
        for content in [
            Content::SessionKey,
            Content::SimpleBlob {
                padding: BlobPadding::Pkcs1,
                proven: !proven,
            },
            Content::SimpleBlob {
                padding: BlobPadding::Oaep,
                proven,
            },
        ] {
            let mut moved = blobs.keys()[0].clone();
            moved.label.content = content;
            assert!(moved.open_blob(&opening).is_err(), "{content:?}");
        }
    }
}

#[test]
fn a_release_has_the_key_and_says_whether_it_could_be_checked() {
    let cast = Cast::new();
    let deposit = cast.deposit_of_blobs(vec![blob_draft(1, true), blob_draft(2, false)]);
    let released = release(&cast, &deposit, &[[1; 16], [9; 16]]);
    let read = SignedStatement::parse(released.as_bytes()).unwrap();
    let release_opening = cast
        .release_key
        .open_release(
            cast.authority,
            cast.origin().request,
            cast.origin().decision,
            release_in(&read).encapsulation().unwrap(),
        )
        .unwrap();
    let [proven, unproven] = release_in(&read).keys() else {
        panic!()
    };
    let opened = proven.open_released(&release_opening).unwrap();
    assert!(matches!(&opened, OpenedKey::Matched(_)));
    assert_eq!(opened.into_key().into_key().expose(), [1; 16]);
    assert!(proven.open(&release_opening).is_ok());
    let opened = unproven.open_released(&release_opening).unwrap();
    assert!(matches!(&opened, OpenedKey::Unproven(_)));
    assert_eq!(opened.into_key().into_key().expose(), [9; 16]);
    assert!(unproven.open(&release_opening).is_err());

    // Of a proven one another key is noticed.
    let released = release(&cast, &deposit, &[[2; 16], [9; 16]]);
    let release = release_in(&released);
    let opened = cast
        .release_key
        .open_release(
            cast.authority,
            cast.origin().request,
            cast.origin().decision,
            release.encapsulation().unwrap(),
        )
        .unwrap();
    assert!(release.keys()[0].open_released(&opened).is_err());
}

#[test]
fn a_ciphertext_is_as_long_as_its_kind_lets_it_and_in_a_release_as_a_keys() {
    let cast = Cast::new();
    let deposit = cast.deposit_of_blobs(vec![blob_draft(1, true)]);
    let of = |length| {
        let signed = SignedStatement::sign(deposit.clone(), &cast.device);
        let mut batch = Batch::of(&signed);
        batch.keys[0].sealed = vec![0; length];
        batch.sign(Kind::Deposit, &cast.device)
    };
    assert!(SignedStatement::parse(&of(572).to_bytes()).is_ok());
    assert!(of(573).error().starts_with("malformed carried key"));
    let of = |length| {
        let mut batch = Batch::of(&release(&cast, &deposit, &[[1; 16]]));
        batch.keys[0].sealed = vec![0; length];
        batch.sign(Kind::Release, &cast.log_key)
    };
    assert!(SignedStatement::parse(&of(112).to_bytes()).is_ok());
    assert!(of(113).error().starts_with("malformed carried key"));
    let blob = |length| BlindedBlob::new(&vec![0; length], &mut Counting(1)).is_ok();
    assert!(blob(1) && blob(524) && !blob(0) && !blob(525));
}

#[test]
fn a_statement_takes_256_of_the_longest_blobs() {
    let cast = Cast::new();
    let longest = |number| {
        let mut draft = blob_draft(number, true);
        draft.blob = BlindedBlob::new(&[7; 524], &mut Counting(1)).unwrap();
        draft.key = BlobKey::Known(SessionKey::capi(0x6610, &[7; 32]).unwrap());
        draft
    };
    let deposit = cast.deposit_of_blobs((0..256).map(longest).collect());
    let signed = SignedStatement::sign(deposit, &cast.device);
    assert!(SignedStatement::parse(signed.as_bytes()).is_ok());
    let to = cast.wrap_key.public_key();
    let of = |drafts| {
        let rng = &mut Counting(1);
        Deposit::seal_blobs(cast.authority, &to, cast.owner, drafts, rng)
    };
    assert!(of(Vec::new()).is_err());
    assert!(of((0..257).map(longest).collect()).is_err());
    assert!(of(vec![longest(1), longest(1)]).is_err());
}

#[test]
fn a_claim_is_of_the_rsa_key_and_the_number_alone() {
    let key = Digest::from_bytes([5; 32]);
    let made = claim(key, &[6; 256]);
    let by_hand = h(&[b"strongroom/blob-claim/v1\0", &[5; 32], &[6; 256]]);
    assert_eq!(made.as_bytes(), &by_hand);
    assert_ne!(made, claim(key, &[6; 257]));
    assert_ne!(made, claim(Digest::from_bytes([6; 32]), &[6; 256]));
    let draft = blob_draft(1, true);
    let particulars = draft.particulars.with_own_blob(key).unwrap();
    assert_eq!(particulars.blob(), Some(Digest::from_bytes([1; 32])));
    assert_eq!(particulars.own_blob(), Some(key));
    assert_eq!(particulars.own_labels().count(), 0);
}

#[test]
fn an_rsa_key_is_a_blob_of_276_to_532_bytes() {
    let cast = Cast::new();
    let of = |length| RsaKey {
        public_key: vec![1; length],
        ..cast.rsa_key()
    };
    for (length, fits) in [
        (0, false),
        (275, false),
        (276, true),
        (532, true),
        (533, false),
    ] {
        let signed = SignedStatement::sign(of(length), &cast.log_key);
        let read = SignedStatement::parse(&Parts::of(&signed).to_bytes());
        assert_eq!(read.is_ok(), fits, "{length}");
    }
}

#[test]
fn an_rsa_key_opens_with_the_wrapping_key_it_was_sealed_with() {
    let cast = Cast::new();
    let sealed = cast
        .wrap_key
        .seal_rsa_key(cast.authority, b"private", &mut Counting(1));
    assert_eq!(sealed.len(), 7 + 48);
    let opened = cast.wrap_key.open_rsa_key(cast.authority, &sealed).unwrap();
    assert_eq!(&**opened, b"private");
    let other = strongroom_protocol::id::AuthorityId::from_bytes([9; 32]);
    assert!(cast.wrap_key.open_rsa_key(other, &sealed).is_err());
    assert!(
        cast.release_key
            .open_rsa_key(cast.authority, &sealed)
            .is_err()
    );
    for place in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[place] ^= 1;
        assert!(
            cast.wrap_key
                .open_rsa_key(cast.authority, &changed)
                .is_err()
        );
    }
    for length in [0, 31, 32, 47] {
        let cut = &sealed[..length];
        assert!(cast.wrap_key.open_rsa_key(cast.authority, cut).is_err());
    }
}

/// The release of these keys for a deposit of blobs.
fn release(cast: &Cast, deposit: &Deposit, keys: &[[u8; 16]]) -> SignedStatement {
    let origin = cast.origin();
    let sealing = cast.release_key.public_key().seal_release(
        origin.authority,
        origin.request,
        origin.decision,
        &mut Counting(11),
    );
    let opening = opening(cast, deposit);
    let keys = deposit.keys().iter().zip(keys).map(|(sealed, key)| {
        let serial: Serial = sealed.label.serial;
        let key = SessionKey::capi(0x660e, key).unwrap();
        let key = sealed.open_blob(&opening).unwrap().around(key);
        SealedKey {
            sealed: sealing.seal(serial, sealed.label.digest(), &key.to_plaintext()),
            ..sealed.clone()
        }
    });
    let sealed = Some((sealing.encapsulation().clone(), keys.collect()));
    let release = Release::new(origin, 0, sealed, Vec::new()).unwrap();
    SignedStatement::sign(release, &cast.log_key)
}

fn opening(cast: &Cast, deposit: &Deposit) -> Opening {
    cast.wrap_key
        .open_deposits(cast.authority, deposit.encapsulation())
        .unwrap()
}

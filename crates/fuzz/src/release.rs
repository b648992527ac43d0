//! Releases and deposits as they are sealed: keys and blobs under any label, opened by whoever has the key.

use strongroom_protocol::id::{Digest, Serial};
use strongroom_protocol::session_key::{Algorithm, BlindedKey, SessionKey};
use strongroom_protocol::simple_blob::BlindedBlob;
use strongroom_protocol::statement::{
    BlobDraft, BlobKey, BlobPadding, Content, Deposit, DepositLabel, Draft, OpenedKey, Particulars,
    Release, ReleaseOrigin, SealedKey, SignedStatement, Statement,
};
use strongroom_testkit::TestRng;

use crate::cast::{DEVICE, cast, flip};
use crate::draw::{Draw, Seed};

pub(crate) fn read(bytes: &[u8]) -> Option<()> {
    let mut draw = Draw::new(bytes);
    if draw.flag() {
        read_deposit(draw)
    } else {
        read_release(draw)
    }
}

/// What an authority releases, under labels that need not be true.
fn read_release(mut draw: Draw<'_>) -> Option<()> {
    let origin = ReleaseOrigin {
        authority: cast().authority(),
        owner: cast().owner,
        request: Digest::of(&[b"request"]),
        decision: Digest::of(&[b"decision"]),
    };
    let rng = &mut TestRng::new(3);
    let recipient = cast().release_key.public_key();
    let sealing = recipient.seal_release(origin.authority, origin.request, origin.decision, rng);
    let (place, page) = (draw.number(), draw.number());
    let withheld = (0..draw.below(3))
        .map(|_| Serial::from_bytes([draw.byte(); 16]))
        .collect();
    let mut keys = Vec::new();
    let mut expected = Vec::new();
    for _ in 0..draw.below(4) {
        let (serial, what) = (Serial::from_bytes([draw.byte(); 16]), draw.byte());
        let algorithm = if what & 1 == 0 {
            Algorithm::AGE_FILE_KEY
        } else {
            Algorithm::capi(0x6610)
        };
        let content = match what >> 1 & 3 {
            0 | 1 => Content::SessionKey,
            2 => Content::SimpleBlob {
                padding: BlobPadding::Pkcs1,
                proven: true,
            },
            _ => Content::SimpleBlob {
                padding: BlobPadding::Oaep,
                proven: false,
            },
        };
        let bits = u16::try_from(draw.number() % 600).unwrap();
        let plaintext = draw.bytes();
        let key = BlindedKey::from_plaintext(algorithm, bits, plaintext).ok();
        let committed = key.as_ref().map(|key| key.commitment(serial));
        let is_true = what & 8 == 0;
        // Of a key that is none, or another, something is committed to all the same.
        let any = BlindedKey::new(SessionKey::age_file_key(&[1; 16]), rng).commitment(serial);
        let particulars = Particulars::default();
        let label = DepositLabel {
            authority: origin.authority,
            owner: origin.owner,
            serial,
            content,
            algorithm,
            bits,
            commitment: committed.filter(|_| is_true).unwrap_or(any),
            particulars: particulars.digest(),
        };
        let sealed = sealing.seal(serial, label.digest(), plaintext);
        expected.push((is_true || content.is_unproven()) && key.is_some());
        keys.push(SealedKey {
            label,
            particulars,
            sealed,
        });
    }
    let sealed = (!keys.is_empty()).then(|| (sealing.encapsulation().clone(), keys));
    let release = Release::new(origin, page, sealed, withheld).ok()?;
    let signed = SignedStatement::sign(release, cast().log_key());
    let signed = SignedStatement::parse(signed.as_bytes()).ok()?;
    let Statement::Release(release) = signed.statement() else {
        panic!("a release");
    };
    let opening = |decision| {
        let sealed = release.encapsulation()?;
        let secret = &cast().release_key;
        secret
            .open_release(origin.authority, release.request(), decision, sealed)
            .ok()
    };
    let Some(right) = opening(release.decision()) else {
        return release.keys().is_empty().then_some(());
    };
    let wrong = opening(release.request()).unwrap();
    for (key, expected) in release.keys().iter().zip(expected) {
        let opened = key.open_released(&right);
        assert_eq!(opened.is_ok(), expected, "{:?}", key.label);
        assert!(key.open_released(&wrong).is_err());
        assert_eq!(
            key.open(&right).is_ok(),
            expected && !key.label.content.is_unproven()
        );
        let mut changed = key.clone();
        changed.sealed = flip(&key.sealed, place);
        assert!(changed.open_released(&right).is_err());
        changed = SealedKey {
            sealed: key.sealed.clone(),
            ..changed
        };
        changed.label.bits ^= 8;
        assert!(changed.open_released(&right).is_err());
        if let Ok(OpenedKey::Matched(opened)) = opened {
            assert_eq!(opened.commitment(key.label.serial), key.label.commitment);
        }
    }
    Some(())
}

/// What an owner deposits, keys and blobs, opened by the authority.
fn read_deposit(mut draw: Draw<'_>) -> Option<()> {
    let (authority, owner) = (cast().authority(), cast().owner);
    let wrap_key = cast().wrap_key.public_key();
    let rng = &mut TestRng::new(4);
    let place = draw.number();
    let is_blobs = draw.flag();
    let count = draw.below(4);
    let serials: Vec<_> = (0..count)
        .map(|_| Serial::from_bytes([draw.byte(); 16]))
        .collect();
    let deposit = if is_blobs {
        let mut drafts = Vec::new();
        for serial in &serials {
            let is_known = draw.flag();
            let key = draw.bytes();
            let known = SessionKey::capi(0x6610, key).ok();
            let blob = draw.bytes();
            // What is no longer than a key could be one.
            if blob.len() <= SessionKey::BYTES_MAX {
                return None;
            }
            drafts.push(BlobDraft {
                serial: *serial,
                blob: BlindedBlob::new(blob, rng).ok()?,
                padding: BlobPadding::Pkcs1,
                key: match known.filter(|_| is_known) {
                    Some(key) => BlobKey::Known(key),
                    None => BlobKey::Unknown(Algorithm::capi(0x6610), u16::from(draw.byte())),
                },
                particulars: Particulars::default(),
            });
        }
        Deposit::seal_blobs(authority, &wrap_key, owner, drafts, rng).ok()?
    } else {
        let mut drafts = Vec::new();
        for serial in &serials {
            let key = SessionKey::capi(0x6610, draw.bytes()).ok()?;
            let key = BlindedKey::new(key, rng);
            drafts.push(Draft {
                serial: *serial,
                key,
                particulars: Particulars::default(),
            });
        }
        Deposit::seal(authority, &wrap_key, owner, &drafts, rng).ok()?
    };
    let signed = SignedStatement::sign(deposit, &cast().keys[DEVICE]);
    let signed = SignedStatement::parse(signed.as_bytes()).unwrap();
    let Statement::Deposit(deposit) = signed.statement() else {
        panic!("a deposit");
    };
    let opening = cast()
        .wrap_key
        .open_deposits(authority, deposit.encapsulation())
        .unwrap();
    for key in deposit.keys() {
        assert_eq!(key.open(&opening).is_ok(), !is_blobs);
        assert_eq!(key.open_blob(&opening).is_ok(), is_blobs);
        let mut changed = key.clone();
        changed.sealed = flip(&key.sealed, place);
        assert!(changed.open(&opening).is_err() && changed.open_blob(&opening).is_err());
    }
    Some(())
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    // Serial, what, bits, `blinding[32] ‖ key`.
    let key = |seed: Seed, serial: u8, what: u8, bytes: u8| {
        let plaintext = vec![7; 32 + usize::from(bytes)];
        seed.raw(&[serial, what])
            .number(u64::from(bytes) * 8)
            .bytes(&plaintext)
    };
    let release = |withheld: &[u8], keys: u8| {
        let count = u8::try_from(withheld.len()).unwrap();
        Seed::of([0, 3, 0, count]).raw(withheld).byte(keys)
    };
    let one = key(release(&[], 1), 1, 0, 16);
    let both = key(key(release(&[9], 2), 1, 1, 32), 2, 4 | 1, 16);
    let unproven = key(release(&[], 1), 1, 6 | 1, 24);
    let wrong = key(release(&[], 1), 1, 8, 16);
    let deposit = |is_blobs: u8, serials: &[u8]| {
        Seed::of([1, 3, is_blobs, u8::try_from(serials.len()).unwrap()]).raw(serials)
    };
    vec![
        one.done(),
        both.done(),
        unproven.done(),
        wrong.done(),
        release(&[1, 2], 0).done(),
        deposit(0, &[1, 2]).bytes(&[7; 16]).bytes(&[8; 32]).done(),
        deposit(1, &[1])
            .byte(1)
            .bytes(&[7; 32])
            .bytes(&[9; 268])
            .done(),
        deposit(1, &[1])
            .byte(0)
            .bytes(&[])
            .bytes(&[9; 268])
            .byte(128)
            .done(),
    ]
}

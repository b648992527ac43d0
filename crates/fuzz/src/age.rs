//! Age files: headers under a MAC that holds, stanzas that are wrapped to somebody, armor, payloads, our own stanzas.

use std::io::{Read as _, Write as _};
use std::num::NonZeroUsize;
use std::sync::LazyLock;

use strongroom_agefile::armor::{ArmoredWriter, Dearmored};
use strongroom_agefile::{
    FileKey, Header, Identity, KeyType, Passphrase, PassphraseIdentity, Stanza, Unwrap, WorkFactor,
    payload, wrap_to,
};
use strongroom_client::Pointer;
use strongroom_protocol::id::Serial;
use strongroom_testkit::TestRng;
use zeroize::Zeroizing;

use crate::cast::{cast, flip};
use crate::draw::{Draw, Seed};

const ONE: NonZeroUsize = NonZeroUsize::MIN;

fn file_key() -> FileKey {
    FileKey::from_bytes(&[9; 16])
}

/// The text of a header, or of a file in armor.
pub(crate) fn read_header(bytes: &[u8]) -> Option<()> {
    if let Ok(mut file) = Dearmored::new(bytes)
        && file.is_armored()
    {
        let header = Header::read(&mut file).ok()?;
        return look(&header);
    }
    let mut rest = bytes;
    let header = Header::read(&mut rest).ok()?;
    assert_eq!([header.as_bytes(), rest].concat(), bytes);
    look(&header)
}

/// Asks what can be asked of a header; where a stanza may be for somebody, under a MAC that holds.
fn look(header: &Header) -> Option<()> {
    assert!(!header.is_authentic(&file_key()));
    let sealed = Header::seal(header.stanzas().to_vec(), &file_key()).unwrap();
    assert!(sealed.is_authentic(&file_key()));
    // All but the MAC is as it was.
    let covered = sealed.as_bytes().len() - 44;
    assert_eq!(sealed.as_bytes()[..covered], header.as_bytes()[..covered]);
    let again = Header::read(&mut sealed.as_bytes()).unwrap();
    assert_eq!(again, sealed);
    let encoded: usize = header.stanzas().iter().map(Stanza::encoded_len).sum();
    assert_eq!(
        encoded + "age-encryption.org/v1\n--- \n".len() + 43,
        sealed.as_bytes().len()
    );
    unwrap(&sealed);
    for pointer in header.stanzas().iter().filter_map(Pointer::from_stanza) {
        assert!(header.stanzas().contains(&pointer.to_stanza()));
        assert!(Pointer::find(header, pointer.authority).is_some());
    }
    Some(())
}

fn unwrap(header: &Header) -> Option<FileKey> {
    let [hybrid, classic] = [KeyType::Hybrid, KeyType::X25519].map(identity);
    let words = Passphrase::new(Zeroizing::new("correct horse".to_owned())).unwrap();
    let cheap = WorkFactor::from_log_n(4).unwrap();
    let words = PassphraseIdentity::new(words).with_work_factor_max(cheap);
    let all: [&dyn Unwrap; 3] = [hybrid, classic, &words];
    let opened = header.unwrap(&all).ok()?;
    assert!(header.is_authentic(&opened));
    Some(opened)
}

/// Stanzas of any kind, some of them wrapped to somebody, in a header whose MAC holds.
pub(crate) fn read_stanzas(bytes: &[u8]) -> Option<()> {
    let mut draw = Draw::new(bytes);
    let place = draw.number();
    let mut stanzas = Vec::new();
    let mut is_for_us = false;
    while !draw.is_empty() && stanzas.len() < 6 {
        let (what, rng) = (draw.byte(), &mut TestRng::new(2));
        let key_type = if what & 1 == 0 {
            KeyType::Hybrid
        } else {
            KeyType::X25519
        };
        let stanza = match what >> 1 & 3 {
            0 => identity(key_type).recipient().wrap(&file_key(), rng),
            1 => {
                // Of the right form, and with any body and argument.
                let wrapped = identity(key_type).recipient().wrap(&file_key(), rng);
                let mut args = wrapped.args().to_vec();
                let text = str::from_utf8(draw.bytes()).ok()?;
                let overlap = text.len().min(args[0].len());
                args[0].replace_range(..overlap, text);
                Stanza::new(wrapped.tag(), args, draw.bytes()).ok()?
            }
            2 => Pointer {
                authority: cast().authority(),
                serial: Serial::from_bytes(draw.array()),
            }
            .to_stanza(),
            _ => {
                let words = str::from_utf8(draw.bytes()).ok()?;
                let mut words = words.split(' ');
                Stanza::new(words.next()?, words, draw.bytes()).ok()?
            }
        };
        is_for_us |= what >> 1 & 3 == 0;
        stanzas.push(stanza);
    }
    let header = Header::seal(stanzas, &file_key()).ok()?;
    let read = Header::read(&mut header.as_bytes()).unwrap();
    assert_eq!(read, header);
    let changed = flip(header.as_bytes(), place);
    assert!(
        Header::read(&mut &*changed)
            .is_ok_and(|changed| changed != header && !changed.is_authentic(&file_key()))
            || Header::read(&mut &*changed).is_err()
    );
    match unwrap(&header) {
        Some(opened) => assert_eq!(opened.expose(), file_key().expose()),
        // A stanza before it may be malformed, and for us.
        None => assert!(!is_for_us || header.stanzas().len() > 1),
    }
    look(
        &Header::read(
            &mut Header::seal(read.stanzas().to_vec(), &FileKey::from_bytes(&[8; 16]))
                .unwrap()
                .as_bytes(),
        )
        .unwrap(),
    )
}

static IDENTITIES: LazyLock<[Identity; 2]> = LazyLock::new(|| {
    let generate = |key_type| Identity::generate(key_type, &mut TestRng::new(5));
    [KeyType::Hybrid, KeyType::X25519].map(generate)
});

fn identity(key_type: KeyType) -> &'static Identity {
    match key_type {
        KeyType::Hybrid => &IDENTITIES[0],
        KeyType::X25519 => &IDENTITIES[1],
    }
}

/// What is in armor, and what is put into it.
pub(crate) fn read_armor(bytes: &[u8]) -> Option<()> {
    let mut writer = ArmoredWriter::new(Vec::new());
    writer.write_all(bytes).unwrap();
    let armored = writer.finish().unwrap();
    let mut again = Vec::new();
    Dearmored::new(&*armored)
        .unwrap()
        .read_to_end(&mut again)
        .unwrap();
    assert_eq!(again, bytes);

    let mut file = Dearmored::new(bytes).ok()?;
    let is_armored = file.is_armored();
    let mut binary = Vec::new();
    file.read_to_end(&mut binary).ok()?;
    if !is_armored {
        assert_eq!(binary, bytes);
        return None;
    }
    let mut writer = ArmoredWriter::new(Vec::new());
    writer.write_all(&binary).unwrap();
    let strict = writer.finish().unwrap();
    // But for line ends and what is around it and its lines, there is one armor of it.
    let text = str::from_utf8(bytes).unwrap();
    let lines = |text: &str| -> Vec<_> {
        let text = text.trim_start_matches('\u{feff}').trim();
        text.lines().map(|line| line.trim().to_owned()).collect()
    };
    assert_eq!(lines(text), lines(str::from_utf8(&strict).unwrap()));
    Some(())
}

/// Payloads: of any bytes, or sealed and then changed, across the end of a chunk as well.
pub(crate) fn read_payload(bytes: &[u8]) -> Option<()> {
    let mut draw = Draw::new(bytes);
    if draw.flag() {
        let sealed = draw.rest();
        // libFuzzer learns what is sealed under the other key from what that is compared with.
        let unused = FileKey::from_bytes(&[0x55; 16]);
        assert!(open(&unused, sealed).is_none(), "nobody has sealed this");
        assert!(!payload::open_first_chunk(&unused, sealed));
        return None;
    }
    let nonce = draw.array();
    let (length, what, place, cut) = (
        draw.number() % 140_000,
        draw.byte(),
        draw.number(),
        draw.number(),
    );
    let mut plaintext = vec![draw.byte(); usize::try_from(length).unwrap()];
    let begin = draw.rest();
    let overlap = begin.len().min(plaintext.len());
    plaintext[..overlap].copy_from_slice(&begin[..overlap]);
    let mut sealed = Vec::new();
    payload::seal(
        &file_key(),
        nonce,
        &*plaintext,
        &mut sealed,
        ONE,
        &mut |_| {},
    )
    .unwrap();
    assert_eq!(sealed.len() as u64, payload::sealed_len(length));
    assert_eq!(payload::plaintext_len(sealed.len() as u64), Some(length));
    let whole = sealed.clone();
    match what % 4 {
        0 => {}
        1 => sealed = flip(&sealed, place),
        2 => sealed.truncate(usize::try_from(place % (sealed.len() as u64 + 1)).unwrap()),
        _ => {
            // A chunk twice, or what is behind it in its place.
            let at = usize::try_from(cut % (sealed.len() as u64)).unwrap();
            sealed = [
                &whole[..at],
                &whole[usize::try_from(place % (whole.len() as u64)).unwrap()..],
            ]
            .concat();
        }
    }
    let opened = open(&file_key(), &sealed);
    assert_eq!(opened.is_some(), sealed == whole);
    let opened = opened?;
    assert!(opened == plaintext && payload::open_first_chunk(&file_key(), &sealed));
    Some(())
}

fn open(file_key: &FileKey, sealed: &[u8]) -> Option<Vec<u8>> {
    let mut plaintext = Vec::new();
    let opened = payload::open(file_key, sealed, &mut plaintext, ONE, &mut |_| {}).ok();
    let read_at = |buffer: &mut [u8], offset| {
        let rest = sealed.get(usize::try_from(offset).unwrap()..);
        rest.unwrap_or_default().read(buffer)
    };
    let length = sealed.len() as u64;
    let at_offsets = payload::open_at(file_key, length, read_at, |_, _| Ok(()), ONE, &mut |_| {});
    assert_eq!(opened, at_offsets.ok());
    assert_eq!(opened?.plaintext, plaintext.len() as u64);
    Some(plaintext)
}

pub(crate) fn header_seeds() -> Vec<Vec<u8>> {
    let rng = &mut TestRng::new(1);
    let [hybrid, classic] =
        [KeyType::Hybrid, KeyType::X25519].map(|kind| identity(kind).recipient());
    let pointer = Pointer {
        authority: cast().authority(),
        serial: Serial::from_bytes([7; 16]),
    };
    let other = FileKey::from_bytes(&[1; 16]);
    let mut classic_header = wrap_to(&[classic], &other, rng).unwrap();
    classic_header.push(pointer.to_stanza());
    let words = Passphrase::new(Zeroizing::new("correct horse".to_owned())).unwrap();
    let words = words
        .wrap(&other, WorkFactor::from_log_n(2).unwrap(), rng)
        .unwrap();
    let headers = [
        classic_header,
        wrap_to(&[hybrid], &other, rng).unwrap(),
        vec![words],
    ];
    let headers = headers.map(|stanzas| Header::seal(stanzas, &other).unwrap());
    let mut seeds: Vec<_> = headers
        .iter()
        .map(|header| header.as_bytes().to_vec())
        .collect();
    let mut armored = ArmoredWriter::new(Vec::new());
    armored.write_all(headers[0].as_bytes()).unwrap();
    seeds.push(armored.finish().unwrap());
    seeds
}

pub(crate) fn stanzas_seeds() -> Vec<Vec<u8>> {
    vec![
        Seed::of([3, 1, 4]).raw(&[7; 16]).done(),
        Seed::of([3, 0]).done(),
        Seed::of([3, 6])
            .bytes(b"a-tag with some arguments")
            .bytes(&[7; 100])
            .byte(1)
            .done(),
        Seed::of([3, 3]).bytes(b"AAAA").bytes(&[7; 32]).done(),
        Seed::of([3, 2]).bytes(b"AAAA").bytes(&[7; 32]).done(),
        Seed::of([3, 6])
            .bytes(b"scrypt AAAAAAAAAAAAAAAAAAAAAA 2")
            .bytes(&[7; 32])
            .done(),
    ]
}

pub(crate) fn armor_seeds() -> Vec<Vec<u8>> {
    let armored = |length: usize| {
        let mut writer = ArmoredWriter::new(Vec::new());
        writer.write_all(&vec![7; length]).unwrap();
        writer.finish().unwrap()
    };
    let spaced = [b"\n \n", &*armored(50), b"\r\n\n"].concat();
    vec![armored(1), armored(48), armored(100), spaced]
}

pub(crate) fn payload_seeds() -> Vec<Vec<u8>> {
    let seed = |length: u64, what: u8| {
        let seed = Seed::of([0]).raw(&[7; 16]).number(length);
        seed.raw(&[what, 90, 40, 3]).raw(b"plaintext").done()
    };
    vec![
        seed(0, 0),
        seed(9, 0),
        seed(65_536, 0),
        seed(65_537, 0),
        seed(131_072, 0),
    ]
}

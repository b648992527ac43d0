//! What programs and people have, beyond the form that is written here (spec/vectors/capi/wild): taken as the providers take
//! it, and named for what it is.

use strongroom_capi::key::KeyError;
use strongroom_capi::private_key::{NotOpened, UnequalPrimes, UnwrapError};
use strongroom_capi::public_key::Misfit;
use strongroom_capi::{
    Algorithm, Key, Padding, PrivateKey, PublicKey, SessionKey, SimpleBlob, Unarmoured, inspect,
};

use crate::keys::{file, key, pair, simple_blob};
use crate::rng::TestRng;

fn wild(name: &str) -> Vec<u8> {
    file(&format!("wild/{name}"))
}

#[test]
fn what_follows_a_wrapped_key_is_ignored_whatever_it_is() {
    let own = pair(&wild("plain.priv"));
    let mut rng = TestRng::new(1);
    let long = SimpleBlob::from_bytes(&wild("sess148.blob")).unwrap();
    let (short, tail) = long.split_at(128).unwrap();
    assert_eq!(tail, [0; 8]);
    let opened = own.unwrap(&long, Padding::Pkcs1, &mut rng).unwrap();
    let wanted = own.unwrap(&short, Padding::Pkcs1, &mut rng).unwrap();
    assert_eq!(opened.expose(), wanted.expose());
    assert_eq!(own.public().fitted(&long).unwrap(), short);
    for tail in [&[0; 1][..], &[7; 300], &[0xff; 5000]] {
        let bytes = [&short.to_bytes()[..], tail].concat();
        let blob = SimpleBlob::from_bytes(&bytes).unwrap();
        assert_eq!(blob.to_bytes(), bytes);
        assert!(own.unwrap(&blob, Padding::Pkcs1, &mut rng).is_ok());
        // Whoever can't try it takes zeros for a tail, and nothing else.
        assert_eq!(own.public().fitted(&blob).is_ok(), tail == [0; 1]);
        // The authority does not: one number has one name.
        let random = own.unwrap_or_random(&blob, Padding::Pkcs1, 16, &mut rng);
        assert_ne!(random.unwrap().expose(), wanted.expose());
    }
}

#[test]
fn lengths_are_public_and_said_and_all_else_is_one_answer() {
    let own = key("own2048");
    let mut rng = TestRng::new(1);
    let session = SessionKey::new(Algorithm::Aes128, b"0123456789abcdef").unwrap();
    for (other, found) in [("own1024", 128), ("openssl4096", 512), ("openssl1032", 129)] {
        let blob = key(other).public().wrap(&session, Padding::Pkcs1, &mut rng);
        let refused = own.unwrap(&blob.unwrap(), Padding::Pkcs1, &mut rng).err();
        let wanted = 256;
        assert_eq!(refused, Some(Misfit::Length { found, wanted }.into()));
    }
    let norm = pair(&wild("norm.priv"));
    let blob = SimpleBlob::from_bytes(&wild("aes256_16.blob")).unwrap();
    let refused = norm.unwrap(&blob, Padding::Pkcs1, &mut rng).err();
    assert_eq!(refused, Some(UnwrapError::NotOpened(NotOpened)));
    // What a provider exports of this key once it has imported it.
    let blob = SimpleBlob::from_bytes(&wild("des7.blob")).unwrap();
    let taken = norm.unwrap(&blob, Padding::Pkcs1, &mut rng).unwrap();
    assert_eq!(
        taken.expose(),
        [0x57, 0x78, 0x0a, 0xef, 0x34, 0xdd, 0x12, 0]
    );
    for name in ["des7.blob", "aes256_16.blob"] {
        let blob = SimpleBlob::from_bytes(&wild(name)).unwrap();
        let other = key("own2048").unwrap(&blob, Padding::Pkcs1, &mut rng).err();
        assert_eq!(other, Some(UnwrapError::NotOpened(NotOpened)), "{name}");
    }
}

#[test]
fn keys_in_buffers_that_are_longer_are_read_and_written_without_them() {
    let session = SessionKey::from_plaintext_blob(&wild("ptk48.key")).unwrap();
    assert_eq!(
        session.to_plaintext_blob().as_slice(),
        &wild("ptk48.key")[..44]
    );
    let norm = wild("norm.priv");
    for tail in [&[0; 4][..], &[9; 700]] {
        let longer = [&norm[..], tail].concat();
        let read = PrivateKey::from_blob(&longer).unwrap();
        assert_eq!(read.to_blob().unwrap().as_slice(), norm);
        let public = read.public().to_blob();
        let longer = [&public[..], tail].concat();
        assert_eq!(PublicKey::from_blob(&longer).unwrap().to_blob(), public);
        let said = inspect(&longer).remarks.concat();
        assert!(
            said.contains(&format!("{} bytes follow", tail.len())),
            "{said}"
        );
    }
}

#[test]
fn a_private_exponent_that_is_missing_is_computed() {
    let whole = wild("norm.priv");
    let own = pair(&whole);
    let session = SessionKey::new(Algorithm::Aes128, b"0123456789abcdef").unwrap();
    let mut rng = TestRng::new(1);
    let blob = own
        .public()
        .wrap(&session, Padding::Oaep, &mut rng)
        .unwrap();
    let mut zeros = whole.clone();
    zeros[916..].fill(0);
    for cut in [
        &whole[..916],
        &whole[..917],
        &whole[..1000],
        &whole[..1171],
        &zeros,
    ] {
        let key = PrivateKey::from_blob(cut).unwrap();
        let opened = key.unwrap(&blob, Padding::Oaep, &mut rng).unwrap();
        assert_eq!(opened.expose(), session.expose());
        // It may be another one that is as good; the rest is the same, and it is whole.
        let written = key.to_blob().unwrap();
        assert_eq!((written.len(), &written[..916]), (1172, &whole[..916]));
        assert!(PrivateKey::from_blob(&written).is_ok());
        let said = inspect(cut);
        assert_eq!(said.fault, None);
        assert!(
            said.remarks
                .concat()
                .contains("is computed from the primes")
        );
    }
    // What it is computed from has to be there, and another one does not pass.
    assert!(PrivateKey::from_blob(&whole[..915]).is_err());
    let mut wrong = whole.clone();
    wrong[1000] ^= 1;
    assert!(PrivateKey::from_blob(&wrong).is_err());
    let mut wrong = zeros;
    wrong[300] ^= 1;
    assert!(PrivateKey::from_blob(&wrong).is_err());
}

#[test]
fn a_modulus_whose_uppermost_bits_are_not_set_is_one() {
    let mut rng = TestRng::new(1);
    let session = SessionKey::new(Algorithm::Aes256, &[7; 32]).unwrap();
    for name in ["b2047.priv", "bits2047.pem"] {
        let own = pair(&wild(name));
        assert_eq!(
            (own.public().bits(), own.public().modulus_bytes()),
            (2048, 256)
        );
        let blob = own
            .public()
            .wrap(&session, Padding::Pkcs1, &mut rng)
            .unwrap();
        let opened = own.unwrap(&blob, Padding::Pkcs1, &mut rng).unwrap();
        assert_eq!(opened.expose(), session.expose());
        let written = own.to_blob().unwrap();
        assert_eq!(pair(&written).to_blob().unwrap(), written);
        let said = inspect(&written);
        assert_eq!(said.fault, None);
        assert!(said.remarks.concat().contains("2047 bits and not 2048"));
    }
    // Of every length within its bytes, and with primes as they come.
    for bits in [1024_u32, 1023, 1020, 1018] {
        let own = made(bits.div_ceil(2) + 1, bits / 2 - 1, bits, &mut rng);
        assert_eq!(own.public().modulus_bytes(), 128, "{bits}");
        let blob = own
            .public()
            .wrap(&session, Padding::Oaep, &mut rng)
            .unwrap();
        let opened = own.unwrap(&blob, Padding::Oaep, &mut rng).unwrap();
        assert_eq!(opened.expose(), session.expose(), "{bits}");
    }
}

#[test]
fn primes_of_unequal_length_open_and_have_no_room_in_a_blob() {
    let mut rng = TestRng::new(1);
    let session = SessionKey::new(Algorithm::Aes256, &[7; 32]).unwrap();
    for (p, q) in [(768, 512), (512, 768)] {
        let own = made(p, q, 0, &mut rng);
        assert_eq!(own.public().bits(), 1280);
        let blob = own
            .public()
            .wrap(&session, Padding::Pkcs1, &mut rng)
            .unwrap();
        let opened = own.unwrap(&blob, Padding::Pkcs1, &mut rng).unwrap();
        assert_eq!(opened.expose(), session.expose());
        assert_eq!(own.to_blob().err(), Some(UnequalPrimes));
        let again = pair(own.to_pem().as_bytes());
        assert_eq!(again.to_pem(), own.to_pem());
    }
}

/// A key of primes of these lengths, of `bits` unless that is 0, from nothing but its primes.
fn made(p: u32, q: u32, bits: u32, rng: &mut TestRng) -> PrivateKey {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use rsa::traits::PrivateKeyParts;
    let mut prime = |bits: u32| loop {
        // The primes of keys of twice the length, which is any number of bits.
        let key = rsa::PrivateKey::new_unchecked(rng, 2 * bits as usize);
        if let Ok(key) = key {
            break key.primes()[0].clone().get();
        }
    };
    loop {
        let (p, q) = (prime(p), prime(q));
        let n = crypto_bigint::ConcatenatingMul::concatenating_mul(&p, &q);
        if bits != 0 && n.bit_width() != bits {
            continue;
        }
        let number = |number: &rsa::BoxedUint| STANDARD.encode(number.to_be_bytes());
        let xml = format!(
            "<RSAKeyValue><Modulus>{}</Modulus><Exponent>AQAB</Exponent><P>{}</P><Q>{}</Q></RSAKeyValue>",
            number(&n),
            number(&p),
            number(&q)
        );
        if let Ok(key) = Key::read(xml.as_bytes()) {
            return key.into_pair().unwrap();
        }
    }
}

#[test]
fn keys_are_read_from_the_forms_of_others() {
    for (name, form) in [
        ("k1.der", "DER"),
        ("kpub.der", "DER"),
        ("key.xml", ".NET's XML"),
        ("snk.pub", "a public .snk file"),
        ("certkey.pem", "PEM"),
        ("indent.pem", "PEM"),
        ("csp_in_pem.pem", "PEM armour"),
    ] {
        let (_, found) = Key::read_form(&wild(name)).unwrap();
        assert_eq!(found.as_deref(), Some(form), "{name}");
    }
    let blob = wild("norm.priv");
    let own = pair(&blob);
    let number = |from: usize, bytes: usize| {
        let number = blob[from..from + bytes].iter().rev().copied();
        number.collect::<Vec<u8>>()
    };
    let (n, p, q) = (number(20, 256), number(276, 128), number(404, 128));
    let rest = [
        number(532, 128),
        number(660, 128),
        number(788, 128),
        number(916, 256),
    ]
    .concat();
    let cng = |magic: &[u8], lengths: [u32; 2], parts: &[&[u8]]| {
        let lengths = [2048, 3, 256]
            .into_iter()
            .chain(lengths)
            .flat_map(u32::to_le_bytes);
        let mut bytes = magic.to_vec();
        bytes.extend(lengths);
        bytes.extend([1, 0, 1]);
        bytes.extend(parts.concat());
        bytes
    };
    let pvk = [
        &[0x1e, 0xf1, 0xb5, 0xb0, 0, 0, 0, 0, 1, 0, 0, 0][..],
        &[0; 8],
        &[0x94, 4, 0, 0],
        &blob,
    ];
    for (form, bytes, is_pair) in [
        ("CNG's blob", cng(b"RSA1", [0, 0], &[&n]), false),
        ("CNG's blob", cng(b"RSA2", [128, 128], &[&n, &p, &q]), true),
        (
            "CNG's blob",
            cng(b"RSA3", [128, 128], &[&n, &p, &q, &rest]),
            true,
        ),
        ("a PVK file", pvk.concat(), true),
    ] {
        let (key, found) = Key::read_form(&bytes).unwrap();
        assert_eq!(found.as_deref(), Some(form));
        assert_eq!(key.public().fingerprint(), own.public().fingerprint());
        let pair = key.into_pair();
        assert_eq!(pair.is_some(), is_pair);
        if let Some(pair) = pair {
            assert_eq!(&pair.to_blob().unwrap()[..916], &blob[..916]);
        }
        for cut in 0..bytes.len() {
            let _ = Key::read(&bytes[..cut]);
        }
    }
}

#[test]
fn armour_of_any_kind_is_taken_off() {
    use base64::Engine;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    let blob = wild("sess148.blob");
    let base64 = STANDARD.encode(&blob);
    let lines: String = base64
        .as_bytes()
        .chunks(64)
        .map(|line| format!("{}\r\n", str::from_utf8(line).unwrap()))
        .collect();
    let utf16: Vec<u8> = base64.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let marked = [&[0xff, 0xfe][..], &utf16].concat();
    let big: Vec<u8> = base64.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let hex = |between: &str, before: &str| {
        let bytes: Vec<String> = blob
            .iter()
            .map(|byte| format!("{before}{byte:02X}"))
            .collect();
        bytes.join(between).into_bytes()
    };
    let certutil = format!("-----BEGIN CERTIFICATE-----\n{lines}-----END CERTIFICATE-----\n");
    let dump = |line: &dyn Fn(usize, &[u8]) -> String| {
        let lines = blob
            .chunks(16)
            .enumerate()
            .map(|(at, bytes)| line(16 * at, bytes));
        lines.collect::<String>().into_bytes()
    };
    let words = |bytes: &[u8]| {
        let bytes: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let (front, back) = bytes.split_at(bytes.len().min(8));
        format!("{}  {}", front.join(" "), back.join(" "))
    };
    let certutil_dump = dump(&|at, bytes| format!("{at:04x}\t{:<50}   .a:|..\r\n", words(bytes)));
    let canonical = dump(&|at, bytes| format!("{at:08x}  {:<50}  |.ab..|\n", words(bytes)));
    let xxd = dump(&|at, bytes| {
        let pairs: Vec<String> = bytes
            .chunks(2)
            .map(|pair| words(pair).replace(' ', ""))
            .collect();
        format!("{at:08x}: {:<39}  ..cafe..\n", pairs.join(" "))
    });
    let registry = format!(
        "\"key\"=hex:{}",
        String::from_utf8(hex(",", ""))
            .unwrap()
            .replacen(",AD", ",\\\r\n  AD", 1)
    );
    for (layers, text) in [
        (&["base64"][..], base64.clone().into_bytes()),
        (&["base64"], lines.clone().into_bytes()),
        (&["base64"], URL_SAFE_NO_PAD.encode(&blob).into_bytes()),
        (&["base64"], format!("\u{feff}{base64}").into_bytes()),
        (&["UTF-16", "base64"], utf16),
        (&["UTF-16", "base64"], marked),
        (&["UTF-16", "base64"], big),
        (&["hexadecimal"], hex("", "")),
        (&["hexadecimal"], hex(" ", "")),
        (&["hexadecimal"], hex(":", "")),
        (&["hexadecimal"], hex(",\n", "0x")),
        (&["hexadecimal"], hex("", "\\x")),
        (&["hexadecimal"], registry.into_bytes()),
        (&["PEM armour"], certutil.into_bytes()),
        (&["a hexadecimal dump"], certutil_dump),
        (&["a hexadecimal dump"], canonical),
        (&["a hexadecimal dump"], xxd),
        (&["base64", "base64"], STANDARD.encode(&base64).into_bytes()),
    ] {
        let read = Unarmoured::read(&text);
        // Base64 of base64 is of nothing that is known: text is not decoded until something comes out.
        if layers.len() == 2 && layers[0] == "base64" {
            assert_eq!(read.bytes(), text);
            continue;
        }
        assert_eq!(read.layers(), layers);
        assert_eq!(read.bytes(), blob);
    }
    let untouched = [
        &blob[..],
        b"Dear Sir",
        b"",
        b"AAAA",
        b"0102",
        b"-----BEGIN X-----",
    ];
    for bytes in untouched {
        assert_eq!(Unarmoured::read(bytes).bytes(), bytes);
        assert!(Unarmoured::read(bytes).layers().is_empty());
    }
    assert_eq!(
        Unarmoured::read(&wild("simpleblob.b64")).layers(),
        ["base64"]
    );
}

#[test]
fn what_is_no_key_is_named_with_the_command_that_helps() {
    let named = |bytes: &[u8]| {
        let error = Key::read(bytes).err().unwrap();
        (error.to_string(), error.help().unwrap_or_default())
    };
    let (said, help) = named(&wild("k.pfx"));
    assert!(
        said.contains("PFX") && help.starts_with("openssl pkcs12"),
        "{said}: {help}"
    );
    let (said, help) = named(&wild("encpriv.blob"));
    assert!(
        said.contains("encrypted under a session key, or damaged"),
        "{said}"
    );
    assert!(
        help.contains("tail -c +9 FILE | strongroom capi decrypt --session-key"),
        "{help}"
    );
    let certificate = String::from_utf8(wild("certkey.pem")).unwrap();
    let (certificate, _) = certificate.split_once("-----END CERTIFICATE-----").unwrap();
    let certificate = format!("{certificate}-----END CERTIFICATE-----\n");
    let (said, help) = named(certificate.as_bytes());
    assert!(
        said.contains("certificate") && help.starts_with("openssl x509 -in"),
        "{said}: {help}"
    );
    for (bytes, what) in [
        (&b"ssh-rsa AAAAB3NzaC1yc2E me@here\n"[..], "SSH public key"),
        (b"PuTTY-User-Key-File-2: ssh-rsa\n", "PuTTY"),
        (b"age-encryption.org/v1\n", "age file"),
        (b"KDBM\x01\0\0\0\x10\0\0\0", "BCRYPT_KEY_DATA_BLOB"),
        (b"ECS2\x20\0\0\0", "elliptic curves"),
        (b"\xfe\xed\xfe\xed\0\0\0\x02", "Java"),
        (b"{\"kty\":\"RSA\",\"n\":\"AQAB\"}", "JSON Web Key"),
        (b"<DSAKeyValue><P>AQ==</P></DSAKeyValue>", "DSA"),
        (b"\x01\0\0\0\xd0\x8c\x9d\xdf\x01\x15\xd1\x11\x8c\x7a\0\xc0\x4f\xc2\x97\xeb\x01", "DPAPI"),
        (b"\x1e\xf1\xb5\xb0\0\0\0\0\x01\0\0\0\x01\0\0\0\x10\0\0\0\x94\x04\0\0", "encrypted PVK"),
        (
            b"-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk=\n-----END OPENSSH PRIVATE KEY-----\n",
            "OpenSSH",
        ),
        (b"-----BEGIN EC PRIVATE KEY-----\nMAMCAQE=\n-----END EC PRIVATE KEY-----\n", "elliptic curves"),
        (b"\x30\x82\x01\x00\x02\x01\x00\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01", "not of RSA"),
    ] {
        assert!(named(bytes).0.contains(what), "{what}: {}", named(bytes).0);
    }
    let behind = [&[1, 2, 3, 4][..], &wild("norm.priv")].concat();
    assert!(named(&behind).0.contains("BLOB with other bytes before it"));
    assert_eq!(strongroom_capi::neighbour::blob_within(&behind), Some(4));
    // A BLOB that is broken is said to be broken where it is.
    let broken = Key::read(&file("malformed/pub-truncated.bin")).err();
    assert!(matches!(broken, Some(KeyError::Malformed(_))));
}

#[test]
fn a_modulus_from_its_other_end_is_noticed_where_that_shows() {
    // Turned around, own2048 is even, and the others have a small divisor; auth2048 has none, and is taken.
    for (name, shows) in [
        ("own1024", true),
        ("own2048", true),
        ("auth1024", true),
        ("auth2048", false),
    ] {
        let good = key(name).public().to_blob();
        assert!(
            !inspect(&good).remarks.concat().contains("other end"),
            "{name}"
        );
        let mut turned = good;
        turned[20..].reverse();
        let said = inspect(&turned);
        assert_eq!(said.remarks.concat().contains("other end"), shows, "{name}");
        assert!(shows || said.fault.is_none());
    }
}

#[test]
fn a_length_that_is_unusual_is_said_with_what_it_may_mean() {
    let remarks = |bytes: usize, zeros: usize| {
        let mut number = vec![0; zeros];
        number.resize(bytes, 0x55);
        inspect(&simple_blob(Algorithm::Rc4, &number).to_bytes())
            .remarks
            .concat()
    };
    assert!(remarks(136, 8).contains(
        "1088 bits is no usual length; the 8 zero bytes at the end may not belong to it"
    ));
    assert!(remarks(136, 3).contains("If yours has 1024, 8 bytes follow"));
    assert!(remarks(127, 0).contains("cut off"));
    assert!(!remarks(128, 0).contains("usual"));
    assert!(!remarks(256, 1).contains("usual"));
}

//! What lies beside CryptoAPI's BLOBs on people's disks and is none: named by its first bytes, with the command that helps.
//! Nothing here is opened.

use crate::blob::{BlobType, Fields, Header, RSA_KEYX};
use crate::der::{self, DerKind};
use crate::{Algorithm, cng, xml};

/// Something that is known, and no RSA key that is read here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// What it is, after `this is`.
    pub what: &'static str,
    /// The command that makes of it what is read, or opens it, with `FILE` for the file.
    pub help: Option<&'static str>,
}

/// By their first bytes.
const BEGINNINGS: [(&[u8], Neighbour); 19] = [
    (
        b"age-encryption.org/",
        row("an age file", "strongroom decrypt FILE"),
    ),
    (
        b"-----BEGIN AGE ENCRYPTED FILE",
        row("an age file", "strongroom decrypt FILE"),
    ),
    (
        b"AGE-SECRET-KEY-",
        row(
            "an age identity, which opens age files",
            "strongroom decrypt -i FILE ENCRYPTED",
        ),
    ),
    (
        b"\x01\0\0\0\xd0\x8c\x9d\xdf\x01\x15\xd1\x11\x8c\x7a\0\xc0\x4f\xc2\x97\xeb",
        row(
            "sealed by Windows' DPAPI, which opens it for the same user on the same machine alone (CryptUnprotectData)",
            "powershell: [Security.Cryptography.ProtectedData]::Unprotect([IO.File]::ReadAllBytes('FILE'), $null, 'CurrentUser')",
        ),
    ),
    (
        b"KDBM",
        row(
            "a session key of CNG's, BCRYPT_KEY_DATA_BLOB: the key itself begins at byte 12",
            "tail -c +13 FILE > key.bin",
        ),
    ),
    (
        b"ECK",
        row(
            "a key of CNG's for elliptic curves (Diffie-Hellman), and not of RSA",
            "",
        ),
    ),
    (
        b"ECS",
        row(
            "a key of CNG's for elliptic curves (signatures), and not of RSA",
            "",
        ),
    ),
    (b"DSPB", row("a DSA key of CNG's, and not of RSA", "")),
    (b"DSPV", row("a DSA key of CNG's, and not of RSA", "")),
    (
        b"DHPB",
        row("a Diffie-Hellman key of CNG's, and not of RSA", ""),
    ),
    (
        b"DHPV",
        row("a Diffie-Hellman key of CNG's, and not of RSA", ""),
    ),
    (
        b"\xfe\xed\xfe\xed",
        row(
            "a key store of Java's",
            "keytool -importkeystore -srckeystore FILE -destkeystore key.pfx -deststoretype PKCS12",
        ),
    ),
    (
        b"\xce\xce\xce\xce",
        row(
            "a key store of Java's (JCEKS)",
            "keytool -importkeystore -srcstoretype JCEKS -srckeystore FILE -destkeystore key.pfx -deststoretype PKCS12",
        ),
    ),
    (
        b"ssh-rsa ",
        row("an SSH public key", "ssh-keygen -e -m PKCS8 -f FILE"),
    ),
    (
        b"\0\0\0\x07ssh-rsa",
        row("an SSH public key without its first word", ""),
    ),
    (
        b"---- BEGIN SSH2 PUBLIC KEY",
        row(
            "an SSH public key",
            "ssh-keygen -i -m RFC4716 -f FILE > key.ssh && ssh-keygen -e -m PKCS8 -f key.ssh",
        ),
    ),
    (
        b"PuTTY-User-Key-File-",
        row(
            "a key of PuTTY's",
            "puttygen FILE -O private-openssh -o key.pem",
        ),
    ),
    (b"ssh-", row("an SSH public key, and not of RSA", "")),
    (b"ecdsa-sha2-", row("an SSH public key, and not of RSA", "")),
];

/// By the label of their PEM.
const LABELS: [(&str, Neighbour); 9] = [
    (
        "CERTIFICATE",
        row(
            "a certificate, with a public key in it",
            "openssl x509 -in FILE -pubkey -noout",
        ),
    ),
    ("NEW CERTIFICATE REQUEST", CERTIFICATE_REQUEST_IN_PEM),
    ("CERTIFICATE REQUEST", CERTIFICATE_REQUEST_IN_PEM),
    (
        "PKCS7",
        row(
            "certificates in PKCS#7",
            "openssl pkcs7 -in FILE -print_certs",
        ),
    ),
    (
        "CMS",
        row(
            "a message in CMS",
            "openssl cms -cmsout -print -inform PEM -in FILE",
        ),
    ),
    (
        "OPENSSH PRIVATE KEY",
        row(
            "a key in OpenSSH's own form",
            "cp FILE key.pem && ssh-keygen -p -m PEM -f key.pem",
        ),
    ),
    (
        "EC PRIVATE KEY",
        row("a key for elliptic curves, and not of RSA", ""),
    ),
    ("DSA PRIVATE KEY", row("a DSA key, and not of RSA", "")),
    (
        "PGP PRIVATE KEY BLOCK",
        row("a key of OpenPGP's", "gpg --import FILE"),
    ),
];

const CERTIFICATE_REQUEST_IN_PEM: Neighbour = row(
    "a request for a certificate",
    "openssl req -in FILE -pubkey -noout",
);

/// A key pair that CryptExportKey encrypted: all but its header.
pub(crate) const ENCRYPTED_PAIR: &str = "{ head -c 8 FILE; tail -c +9 FILE | strongroom capi decrypt --session-key SESSION.key -o - -; } > key.priv";

const fn row(what: &'static str, help: &'static str) -> Neighbour {
    let help = match help.is_empty() {
        true => None,
        false => Some(help),
    };
    Neighbour { what, help }
}

/// Names bytes that are no key.
#[must_use]
pub fn of(bytes: &[u8]) -> Option<Neighbour> {
    let by_beginning = BEGINNINGS
        .iter()
        .find(|(beginning, _)| bytes.starts_with(beginning));
    if let Some((_, neighbour)) = by_beginning {
        return Some(*neighbour);
    }
    if let Some(kind) = der::kind(bytes) {
        return Some(of_der(kind));
    }
    if bytes.starts_with(PVK) {
        return Some(row(
            "an encrypted PVK file",
            "openssl rsa -inform PVK -in FILE -out key.pem",
        ));
    }
    let text = bytes.trim_ascii_start();
    if text.starts_with(b"{") && text.windows(5).any(|window| window == b"\"kty\"") {
        return Some(row(
            "a JSON Web Key, which is not read here: have its program write PEM",
            "",
        ));
    }
    if text.starts_with(b"<") && text.windows(12).any(|window| window == b"DSAKeyValue>") {
        return Some(row("a DSA key in .NET's XML, and not of RSA", ""));
    }
    if bytes.starts_with(b"\x02\0\0\0\0\0\0\0") {
        return Some(row(
            "a key container's file, as Windows keeps them for a user: only that user's Windows opens it. Have it exported \
             there (CryptExportKey, certutil -exportPFX)",
            "",
        ));
    }
    (Header::read(bytes).is_err() && blob_within(bytes).is_some()).then_some(WITHIN)
}

/// The offset is what the command needs: [`blob_within`] says it.
const WITHIN: Neighbour = row(
    "a BLOB with other bytes before it",
    "tail -c +OFFSET FILE > key.blob",
);

/// Names what PEM is that holds no key, by its label.
pub(crate) fn of_pem(label: &str) -> Option<Neighbour> {
    let found = LABELS.iter().find(|(known, _)| *known == label)?;
    Some(found.1)
}

fn of_der(kind: DerKind) -> Neighbour {
    match kind {
        DerKind::Certificate => row(
            "a certificate, with a public key in it",
            "openssl x509 -inform DER -in FILE -pubkey -noout",
        ),
        DerKind::CertificateRequest => row(
            "a request for a certificate",
            "openssl req -inform DER -in FILE -pubkey -noout",
        ),
        DerKind::EncryptedKey => row(
            "an encrypted key in PKCS#8",
            "openssl pkcs8 -inform DER -in FILE -out key.pem",
        ),
        DerKind::OtherKey => row(
            "a key, and not of RSA",
            "openssl asn1parse -inform DER -in FILE",
        ),
        DerKind::Pfx => row(
            "a PFX file (PKCS#12)",
            "openssl pkcs12 -in FILE -nocerts -nodes -out key.pem",
        ),
        DerKind::SignedData => row(
            "certificates in PKCS#7, or a message",
            "openssl pkcs7 -inform DER -in FILE -print_certs",
        ),
        DerKind::Unknown => row(
            "DER, and no RSA key that can be used",
            "openssl asn1parse -inform DER -in FILE",
        ),
    }
}

/// Tells whether bytes begin as something that is named or read here, other than a BLOB.
pub(crate) fn is_known(bytes: &[u8]) -> bool {
    cng::is_cng(bytes)
        || bytes.starts_with(PVK)
        || in_snk(bytes).is_some()
        || xml::is_key(bytes)
        || der::kind(bytes)
            .is_some_and(|kind| kind != DerKind::Unknown || der::read(bytes).is_some())
        || BEGINNINGS
            .iter()
            .any(|(beginning, _)| bytes.starts_with(beginning))
        || bytes.starts_with(b"-----BEGIN ")
}

const PVK: &[u8] = b"\x1e\xf1\xb5\xb0";

/// Returns the PRIVATEKEYBLOB in a PVK file, if it is not encrypted: magic, reserved, key type, encryption, and the lengths
/// of salt and BLOB, a DWORD each.
pub(crate) fn in_pvk(bytes: &[u8]) -> Option<&[u8]> {
    let mut fields = Fields::new(bytes.strip_prefix(PVK)?);
    let (_reserved, _key_type) = (
        fields.dword("reserved").ok()?,
        fields.dword("keytype").ok()?,
    );
    let is_encrypted = fields.dword("encrypt").ok()? != 0;
    let salt = usize::try_from(fields.dword("saltlen").ok()?).ok()?;
    let _length = fields.dword("keylen").ok()?;
    fields.take("salt", salt).ok()?;
    (!is_encrypted).then(|| fields.rest())
}

/// Returns the PUBLICKEYBLOB in a public .snk file, behind the algorithms of signature and hash and its length.
pub(crate) fn in_snk(bytes: &[u8]) -> Option<&[u8]> {
    let (head, blob) = bytes.split_at_checked(12)?;
    let (length, _) = head.get(8..)?.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let is_public = Header::read(blob).is_ok_and(|header| header.kind == BlobType::PublicKey);
    (is_public && length <= blob.len()).then_some(blob)
}

/// Returns where a BLOB begins, behind other bytes.
#[must_use]
pub fn blob_within(bytes: &[u8]) -> Option<usize> {
    (1..bytes.len().min(SEARCHED_BYTES)).find(|at| {
        let blob = bytes.split_at(*at).1;
        let follows = |wanted: &[u8]| blob.get(8..).is_some_and(|rest| rest.starts_with(wanted));
        Header::read(blob).is_ok_and(|header| {
            let is_session_key = Algorithm::from_alg_id(header.alg_id).is_some();
            match header.kind {
                BlobType::Simple => is_session_key && follows(&RSA_KEYX.to_le_bytes()),
                BlobType::PublicKey => follows(b"RSA1"),
                BlobType::PrivateKey => follows(b"RSA2"),
                BlobType::PlaintextKey => is_session_key,
                BlobType::Opaque
                | BlobType::PublicKeyEx
                | BlobType::SymmetricWrapKey
                | BlobType::KeyState => false,
            }
        })
    })
}

/// Further behind, it belongs to something greater.
const SEARCHED_BYTES: usize = 4096;

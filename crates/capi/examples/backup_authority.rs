//! Microsoft's page "Storing session keys using a backup authority", step by step, each with the CryptoAPI call that a
//! program makes there. `docs/cryptoapi.md` goes through it; `tests/it/example.rs` runs it.

use std::error::Error;

use rand_core::CryptoRng;
use strongroom_capi::file::{self, EncryptedFile, FileHeader};
use strongroom_capi::{Algorithm, KeySpec, Padding, PrivateKey, PublicKey, SessionKey, SimpleBlob};

/// CryptExportKey without flags. With `CRYPT_OAEP` it is the other one; the blob does not say, so keep it beside.
const PADDING: Padding = Padding::Pkcs1;

/// What a user and the authority have of a file.
pub struct Stored {
    /// `DWORD length ‖ SIMPLEBLOB ‖ ciphertext`, on the user's disk.
    pub file: Vec<u8>,
    /// The SIMPLEBLOB that the authority keeps, with a description and a serial number.
    pub deposit: Vec<u8>,
}

/// Encrypts a file; its session key is stored with it and backed up with the authority.
///
/// # Errors
///
/// Whatever goes wrong.
pub fn store(
    plaintext: &[u8],
    user: &PublicKey,
    authority: &[u8],
    rng: &mut impl CryptoRng,
) -> Result<Stored, Box<dyn Error>> {
    // CryptGenKey(provider, CALG_AES_256, CRYPT_EXPORTABLE, &session_key)
    let session_key = SessionKey::generate(Algorithm::Aes256, 32, rng)?;

    // CryptExportKey(session_key, user_key, SIMPLEBLOB, 0, ..): stored with the file.
    let own_blob = user.wrap(&session_key, PADDING, rng)?;

    // CryptImportKey(provider, authority_blob, .., &authority_key): its PUBLICKEYBLOB, got once; compare the fingerprint
    // with one that came another way, or somebody else's key is in its place.
    let authority = PublicKey::from_blob(authority)?;
    // CryptExportKey(session_key, authority_key, SIMPLEBLOB, 0, ..): this is what a program adds.
    let deposit = authority.wrap(&session_key, PADDING, rng)?;

    // CryptEncrypt(session_key, ..), to the end.
    let mut encrypted = Vec::new();
    let header = FileHeader::new(&own_blob.to_bytes())?;
    file::encrypt(
        &header,
        &session_key,
        plaintext,
        &mut encrypted,
        &mut |_| {},
    )?;
    Ok(Stored {
        file: encrypted,
        deposit: deposit.to_bytes(),
    })
}

/// Decrypts a file with the user's key pair.
///
/// # Errors
///
/// Whatever goes wrong.
pub fn open(
    file: &[u8],
    user: &PrivateKey,
    rng: &mut impl CryptoRng,
) -> Result<Vec<u8>, Box<dyn Error>> {
    let file = EncryptedFile::open(file)?;
    // CryptImportKey(provider, blob, .., user_key, 0, &session_key)
    let blob = SimpleBlob::from_bytes(file.header().blob())?;
    let session_key = user.unwrap(&blob, PADDING, rng)?;
    // CryptDecrypt(session_key, ..), to the end.
    let mut plaintext = Vec::new();
    file.decrypt(&session_key, &mut plaintext, &mut |_| {})?;
    Ok(plaintext)
}

/// What the authority does for a user who showed who they are: the session key, for the user's new key.
///
/// # Errors
///
/// Whatever goes wrong.
pub fn recover(
    deposit: &[u8],
    authority: &PrivateKey,
    new_user: &PublicKey,
    rng: &mut impl CryptoRng,
) -> Result<Vec<u8>, Box<dyn Error>> {
    // CryptImportKey(provider, deposit, .., authority_key, CRYPT_EXPORTABLE, &session_key)
    let session_key = authority.unwrap(&SimpleBlob::from_bytes(deposit)?, PADDING, rng)?;
    // CryptExportKey(session_key, new_user_key, SIMPLEBLOB, 0, ..)
    Ok(new_user.wrap(&session_key, PADDING, rng)?.to_bytes())
}

/// Once around: stored, the user's key pair lost, recovered to a new one of `new_bits` bits, and opened again.
///
/// # Errors
///
/// Whatever goes wrong.
pub fn once_around(
    plaintext: &[u8],
    new_bits: usize,
    rng: &mut impl CryptoRng,
) -> Result<Vec<u8>, Box<dyn Error>> {
    // CryptGenKey(provider, AT_KEYEXCHANGE, 2048 << 16 | CRYPT_EXPORTABLE, &key), on either side.
    let authority = PrivateKey::generate(2048, KeySpec::Exchange, rng)?;
    let user = PrivateKey::generate(2048, KeySpec::Exchange, rng)?;
    // CryptExportKey(authority_key, 0, PUBLICKEYBLOB, 0, ..)
    let authority_blob = authority.public().to_blob();
    let stored = store(plaintext, user.public(), &authority_blob, rng)?;

    // The profile with the key container is gone.
    drop(user);

    let user = PrivateKey::generate(new_bits, KeySpec::Exchange, rng)?;
    let blob = recover(&stored.deposit, &authority, user.public(), rng)?;
    // The new blob takes the old one's place; the ciphertext stays as it is.
    let old = FileHeader::read(&mut stored.file.as_slice())?;
    let (_, ciphertext) = stored.file.split_at(usize::try_from(old.bytes())?);
    let mut file = Vec::new();
    FileHeader::new(&blob)?.write(&mut file)?;
    file.extend_from_slice(ciphertext);
    open(&file, &user, rng)
}

//! Whole streams, in constant memory.

use std::io::{self, Read, Write};

use zeroize::Zeroizing;

use super::engine::BLOCK_BYTES_MAX;
use super::{DecryptError, Decryptor, EncryptError, Encryptor, KeyedCipher};

/// How much is read, worked on and written at a time: enough to make calls rare, little enough for a cache.
const BUFFER_BYTES: usize = 64 << 10;

/// Encrypts what `reader` gives, up to its end, and returns its length in bytes.
///
/// `progress` is told how many bytes of plaintext are done with.
///
/// # Errors
///
/// Tells a source that cannot be read, a sink that cannot be written, and a plaintext that does not fill its blocks where
/// it has to. What was written then is no ciphertext.
pub fn encrypt<'k>(
    cipher: impl Into<KeyedCipher<'k>>,
    mut reader: impl Read,
    mut writer: impl Write,
    progress: &mut dyn FnMut(u64),
) -> Result<u64, EncryptError> {
    let mut encryptor = Encryptor::new(cipher);
    let mut plaintext = Zeroizing::new(vec![0; BUFFER_BYTES]);
    let mut ciphertext = Vec::with_capacity(BUFFER_BYTES + BLOCK_BYTES_MAX);
    let mut done = 0;
    loop {
        let section = read_full(&mut reader, &mut plaintext).map_err(EncryptError::Read)?;
        if section.is_empty() {
            break;
        }
        encryptor.update(section, &mut ciphertext);
        done += section.len() as u64;
        writer.write_all(&ciphertext).map_err(EncryptError::Write)?;
        ciphertext.clear();
        progress(done);
    }
    encryptor.finish(&mut ciphertext)?;
    writer.write_all(&ciphertext).map_err(EncryptError::Write)?;
    Ok(done)
}

/// Decrypts what `reader` gives, up to its end, and returns the plaintext's length in bytes.
///
/// Plaintext is written as it comes, before the end was seen, and no part of it was checked against anything: whoever
/// can check the file's digest does so first. `progress` is told how many bytes of plaintext are written.
///
/// # Errors
///
/// Tells a source that cannot be read, a sink that cannot be written, and a ciphertext that does not end as it must.
pub fn decrypt<'k>(
    cipher: impl Into<KeyedCipher<'k>>,
    mut reader: impl Read,
    mut writer: impl Write,
    progress: &mut dyn FnMut(u64),
) -> Result<u64, DecryptError> {
    let mut decryptor = Decryptor::new(cipher);
    let mut ciphertext = vec![0; BUFFER_BYTES];
    let mut plaintext = Zeroizing::new(Vec::with_capacity(BUFFER_BYTES + BLOCK_BYTES_MAX));
    let mut done = 0;
    let end = loop {
        let section = read_full(&mut reader, &mut ciphertext).map_err(DecryptError::Read)?;
        if section.is_empty() {
            break decryptor.finish(&mut plaintext);
        }
        decryptor.update(section, &mut plaintext);
        writer.write_all(&plaintext).map_err(DecryptError::Write)?;
        done += plaintext.len() as u64;
        plaintext.clear();
        progress(done);
    };
    end?;
    writer.write_all(&plaintext).map_err(DecryptError::Write)?;
    done += plaintext.len() as u64;
    progress(done);
    Ok(done)
}

/// Reads until `buffer` is full or the source has ended, and returns what was read: less than the buffer at the end only.
pub(crate) fn read_full<'b>(reader: &mut impl Read, buffer: &'b mut [u8]) -> io::Result<&'b [u8]> {
    let mut full = 0;
    while let Some(room) = buffer.get_mut(full..).filter(|room| !room.is_empty()) {
        match reader.read(room) {
            Ok(0) => break,
            Ok(bytes) => full += bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(buffer.get(..full).unwrap_or_default())
}

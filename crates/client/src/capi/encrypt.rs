//! Encrypting files in the example programs' layout: the ciphertext first, where nobody sees it, then its key's deposit
//! with its digest, then the file (spec/capi-owner.md#encrypting). A crash leaves no file without a receipt.

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, Write};
use std::path::{Path, PathBuf};

use rand_core::CryptoRng;
use strongroom_capi::file::{DigestWriter, FileHeader};
use strongroom_capi::{Padding, PublicKey, SessionKey, cipher};
use strongroom_files::output::{Output, Overwrite, ReadableBy};
use strongroom_protocol::id::Digest;
use strongroom_protocol::session_key::BlindedKey;
use strongroom_protocol::statement::{Draft, Particulars};

use super::{CipherName, key, mark, text};
use crate::client::Client;
use crate::encrypt::{EncryptError, Encrypted, Job, Jobs, Target, Watch, check};
use crate::home::SourceStamp;
use crate::home::{Matched, Observations};
use crate::mark::{FileMark, Marking};
use crate::spare::DepositError;

/// How files are encrypted.
pub struct CapiOptions<'o> {
    /// The owner's exchange key.
    pub owner: &'o PublicKey,
    /// How session keys are padded.
    pub padding: Padding,
    /// With what files are encrypted.
    pub cipher: CipherName,
    /// Where the ciphertext of a pipe waits for its receipt.
    pub spool: &'o Path,
}

/// A file that is encrypted, which nobody sees before its key is deposited.
pub struct Prepared {
    key: SessionKey,
    mark: FileMark,
    particulars: Particulars,
    file: Hidden,
    bytes: u64,
    changed: bool,
    made_of: Option<SourceStamp>,
}

/// A file that may appear: its key is deposited.
pub struct Deposited {
    file: Hidden,
    encrypted: Encrypted,
}

/// Where a file waits.
enum Hidden {
    /// Beside its place, without a name.
    File(Output, PathBuf),
    /// Without a name and for good, to be copied into a pipe.
    Spool(Output, Box<dyn Write + Send>),
}

impl Client<'_> {
    /// Deposits the keys of files that are encrypted, in one statement.
    ///
    /// # Errors
    ///
    /// Says what failed; then none of them appears.
    pub fn deposit_capi(&mut self, files: Vec<Prepared>) -> Result<Vec<Deposited>, DepositError> {
        let (mut drafts, mut matched, mut marks) = (Vec::new(), Vec::new(), Vec::new());
        for file in &files {
            let serial = self.generate_serial();
            let key = BlindedKey::new(key::to_deposited(&file.key), &mut self.rng);
            drafts.push(Draft {
                serial,
                key,
                particulars: file.particulars.clone(),
            });
            matched.push(Matched::detached(file.mark.header, serial));
            marks.push(file.mark);
        }
        let observed = Observations {
            marks: &marks,
            ..Observations::matched(&matched)
        };
        let kept = self.deposit_keys(&drafts, observed)?;
        let deposits = drafts.iter().map(|draft| draft.serial).zip(kept.states);
        Ok(files
            .into_iter()
            .zip(deposits)
            .map(|(file, (serial, state))| Deposited {
                file: file.file,
                encrypted: Encrypted {
                    path: None,
                    authority: kept.authority,
                    serial,
                    state,
                    bytes: file.bytes,
                    mark: file.mark,
                    changed: file.changed,
                    source: file.made_of,
                },
            })
            .collect())
    }
}

/// Encrypts the next jobs, so many as are deposited together; with each, its place among the jobs. None is left when this
/// returns none.
///
/// A job that fails does not stop the others; `watch` is told of it.
pub fn prepare_group(
    jobs: &mut Jobs,
    options: &CapiOptions<'_>,
    watch: &mut dyn Watch,
    rng: &mut impl CryptoRng,
) -> (Vec<usize>, Vec<Prepared>) {
    let (mut numbers, mut group, mut waiting) = (Vec::new(), Vec::new(), 0);
    for (number, job) in jobs.0.by_ref() {
        let mut progress = |bytes| watch.progress(number, bytes);
        match prepare(job, options, &mut progress, rng) {
            Ok(prepared) => {
                waiting += prepared.bytes;
                numbers.push(number);
                group.push(prepared);
            }
            Err(error) => watch.done(number, Err(error)),
        }
        if group.len() == GROUP_FILES || waiting >= GROUP_BYTES {
            break;
        }
    }
    (numbers, group)
}

/// How many files wait for one deposit at most: each holds two files open.
const GROUP_FILES: usize = 64;
/// How many bytes of plaintext make a group go before it has so many.
const GROUP_BYTES: u64 = 256 << 20;

/// Encrypts a file, which does not appear yet. It takes the owner's public key alone: no authority, and no home.
///
/// # Errors
///
/// Says what can't be read, written or wrapped.
pub fn prepare(
    job: Job,
    options: &CapiOptions<'_>,
    progress: &mut (dyn FnMut(u64) + Send),
    rng: &mut impl CryptoRng,
) -> Result<Prepared, EncryptError> {
    check(&job)?;
    let mut source = job.source.open()?;
    let mut file = match job.target {
        Target::File(path, overwrite) => {
            let mut output = Output::create(&path, overwrite, source.readable(), rng)?;
            source.pass_time_to(&mut output)?;
            Hidden::File(output, path)
        }
        Target::Stream(stream) => {
            let name = format!("strongroom-{:016x}", rng.next_u64());
            let path = options.spool.join(name);
            let output = Output::create(&path, Overwrite::Refuse, ReadableBy::Owner, rng)?;
            Hidden::Spool(output, stream)
        }
    };
    let key = SessionKey::generate(options.cipher.algorithm(), options.cipher.key_bytes(), rng)?;
    // The key as it is deposited, so that what the file has and what comes back are the same bytes.
    let key = key::from_deposited(&key::to_deposited(&key)).unwrap_or(key);
    let blob = options.owner.wrap(&key, options.padding, rng)?;
    let header = FileHeader::new(&blob.to_bytes())?;
    let (bytes, payload, mark) = write(&header, &key, &mut source, file.as_file(), progress)?;
    let changed = source.changed(bytes);
    let particulars = job
        .particulars
        .with_header(mark.header)?
        .with_payload(payload)?
        .with_padding(text::padding(options.padding))?;
    Ok(Prepared {
        key,
        mark,
        particulars,
        file,
        bytes,
        changed,
        made_of: source.stamp(),
    })
}

/// Writes header and ciphertext, and returns the plaintext's length, the ciphertext's digest, and the file's mark.
fn write(
    header: &FileHeader,
    key: &SessionKey,
    source: impl Read,
    file: &mut File,
    progress: &mut dyn FnMut(u64),
) -> Result<(u64, Digest, FileMark), cipher::EncryptError> {
    let failed = cipher::EncryptError::Write;
    header.write(file).map_err(failed)?;
    let mut marking = Marking::new(BufWriter::new(file));
    let mut payload = DigestWriter::new(&mut marking);
    let bytes = cipher::encrypt(key, source, &mut payload, progress)?;
    payload.flush().map_err(failed)?;
    let payload = Digest::from_bytes(payload.finish());
    Ok((bytes, payload, marking.mark(mark(header), header.bytes())))
}

impl Hidden {
    fn as_file(&mut self) -> &mut File {
        match self {
            Self::File(output, _) | Self::Spool(output, _) => output.file_mut(),
        }
    }
}

impl Deposited {
    /// Lets the file appear under its name, or its bytes go into the pipe.
    ///
    /// # Errors
    ///
    /// Says why it did not appear.
    pub fn appear(self) -> Result<Encrypted, EncryptError> {
        let mut encrypted = self.encrypted;
        match self.file {
            Hidden::File(output, path) => {
                output.commit()?;
                encrypted.path = Some(path);
            }
            Hidden::Spool(mut output, mut stream) => {
                let failed =
                    |error: io::Error| EncryptError::Capi(cipher::EncryptError::Write(error));
                output.file_mut().rewind().map_err(failed)?;
                io::copy(output.file_mut(), &mut stream).map_err(failed)?;
                stream.flush().map_err(failed)?;
            }
        }
        Ok(encrypted)
    }
}

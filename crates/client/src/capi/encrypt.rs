//! Encrypting files in the example programs' layout: the ciphertext first, where nobody sees it, then its key's deposit
//! with its digest, then the file (spec/capi-owner.md#encrypting). A crash leaves no file without a receipt.

use std::fs::File;
use std::io::{BufWriter, Read, Write};
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
use crate::home::{Matched, SourceStamp};
use crate::mark::{FileMark, Marking};
use crate::prepared::Prepared;
use crate::spare::DepositError;
use crate::unseen::{Load, Place, Unseen};

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
pub struct Undeposited {
    key: SessionKey,
    mark: FileMark,
    particulars: Particulars,
    output: Output,
    path: Option<PathBuf>,
    /// Where it is copied to, if it has no place of its own.
    stream: Option<Box<dyn Write + Send>>,
    bytes: u64,
    changed: bool,
    made_of: Option<SourceStamp>,
}

impl Client<'_> {
    /// Deposits the keys of files that are encrypted, in one statement.
    ///
    /// # Errors
    ///
    /// Says what failed; then none of them appears.
    pub fn deposit_capi(&mut self, files: Vec<Undeposited>) -> Result<Vec<Unseen>, DepositError> {
        let mut prepared = Prepared::new();
        for file in files {
            let serial = self.generate_serial();
            prepared.draft(Draft {
                serial,
                key: BlindedKey::new(key::to_deposited(&file.key), &mut self.rng),
                particulars: file.particulars.clone(),
            });
            prepared.mark(file.mark);
            prepared.wait(serial, Matched::detached(file.mark.header, serial), file);
        }
        let deposited = self.deposit_prepared(prepared)?.into_iter();
        Ok(deposited
            .map(|(file, spare)| Unseen {
                place: match file.stream {
                    None => Place::File(file.output),
                    Some(stream) => Place::Spool(file.output, stream),
                },
                encrypted: Encrypted {
                    path: file.path,
                    spare,
                    bytes: file.bytes,
                    mark: file.mark,
                    changed: file.changed,
                    source: file.made_of,
                },
                known_by_look: false,
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
) -> (Vec<usize>, Vec<Undeposited>) {
    let (mut numbers, mut group, mut load) = (Vec::new(), Vec::new(), Load::default());
    while let Some((number, job)) = jobs
        .0
        .next_if(|(_, job)| group.is_empty() || !load.is_full_for(job.source.bytes()))
    {
        let mut progress = |bytes| watch.progress(number, bytes);
        match prepare(job, options, &mut progress, rng) {
            Ok(file) => {
                load.add(&file.output, file.bytes);
                numbers.push(number);
                group.push(file);
            }
            Err(error) => watch.done(number, Err(error)),
        }
    }
    (numbers, group)
}

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
) -> Result<Undeposited, EncryptError> {
    check(&job)?;
    let mut source = job.source.open()?;
    let (mut output, path, stream) = match job.target {
        Target::File(path, overwrite) => {
            let mut output = Output::create(&path, overwrite, source.readable(), rng)?;
            source.pass_time_to(&mut output)?;
            (output, Some(path), None)
        }
        Target::Stream(stream) => {
            let name = format!("strongroom-{:016x}", rng.next_u64());
            let path = options.spool.join(name);
            let output = Output::create(&path, Overwrite::Refuse, ReadableBy::Owner, rng)?;
            (output, None, Some(stream))
        }
    };
    let key = SessionKey::generate(options.cipher.algorithm(), options.cipher.key_bytes(), rng)?;
    // The key as it is deposited, so that what the file has and what comes back are the same bytes.
    let key = key::from_deposited(&key::to_deposited(&key)).unwrap_or(key);
    let blob = options.owner.wrap(&key, options.padding, rng)?;
    let header = FileHeader::new(&blob.to_bytes())?;
    let file = output.file_mut();
    let (bytes, payload, mark) = write(&header, &key, &mut source, file, progress)?;
    let changed = source.changed(bytes);
    let particulars = job
        .particulars
        .with_header(mark.header)?
        .with_payload(payload)?
        .with_padding(text::padding(options.padding))?;
    Ok(Undeposited {
        key,
        mark,
        particulars,
        output,
        path,
        stream,
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

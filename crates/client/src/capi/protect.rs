//! Protecting files that some program of CryptoAPI's made: their session keys get a spare, and no byte of them changes
//! (spec/capi-owner.md#protecting).

use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::path::Path;

use rand_core::CryptoRng;
use strongroom_capi::beginning::BeginningWriter;
use strongroom_capi::cipher::{self, Parameters};
use strongroom_capi::file::FileHeader;
use strongroom_capi::{Padding, PrivateKey, SessionKey};
use strongroom_protocol::id::{AuthorityId, Digest};
use strongroom_protocol::session_key::BlindedKey;
use strongroom_protocol::statement::Draft;

use super::decrypt::{DecryptError, UnlockedCapiFile, parameters};
use super::{Known, Seen, file_mark, key, mark, text};
use crate::client::Client;
use crate::home::{Home, Matched};
use crate::mark::{Changed, FileMark, Marking};
use crate::prepared::Prepared;
use crate::protect::{Job, Look, ProtectError, Protected, Standing, Watch};
use crate::spare::DepositError;

/// The RSA key pair that files were made for, and how their keys are padded.
#[derive(Clone, Copy)]
pub struct CapiKey<'k> {
    /// The key pair.
    pub key: &'k PrivateKey,
    /// The padding. Nothing in a file tells it, and no other is tried.
    pub padding: Padding,
    /// What the program set on the session keys, if anybody says so. Nothing in a file tells that, either.
    pub parameters: Option<Parameters>,
}

impl Client<'_> {
    /// Protects each file, in groups whose keys are deposited together.
    ///
    /// A file that fails does not stop the others; `watch` is told of each.
    ///
    /// # Errors
    ///
    /// Says why a group's keys were not deposited; then neither that group nor what is behind it was protected.
    pub fn protect_capi(
        &mut self,
        jobs: impl IntoIterator<Item = Job>,
        key: CapiKey<'_>,
        watch: &mut dyn Watch,
    ) -> Result<(), DepositError> {
        self.protect_in_groups(
            jobs,
            watch,
            |client, group, number, job| client.prepare_capi(group, number, job, key),
            |_, group, watch| {
                for ((number, seen), spare) in group {
                    let protected = Protected {
                        spare,
                        detached: true,
                        before: Standing::Bare,
                        seen: Some(seen),
                    };
                    watch.done(number, Ok(protected));
                }
            },
        )
    }

    /// Puts a file into the group, unless it has its spare.
    fn prepare_capi(
        &mut self,
        group: &mut Prepared<(usize, Seen)>,
        number: usize,
        job: Job,
        key: CapiKey<'_>,
    ) -> Result<Option<Protected>, ProtectError> {
        let authority = self.connection.founding().authority();
        let (header, file) = read(&job.path)?;
        let spared = spared(
            self.home,
            authority,
            &job.path,
            &header,
            &file,
            key,
            &mut self.rng,
        )?;
        if let Some((standing, mark)) = spared {
            self.home.record_marks(mark.as_slice())?;
            return Ok(standing.protected());
        }
        let Opened {
            key: session_key,
            payload,
            mark: file_mark,
            seen,
        } = open(&job.path, &header, &file, key, None, &mut self.rng)?;
        let mark = file_mark.header;
        // A copy of a file in the same group shares its deposit. Another payload under the same header is another file.
        let shared_by = Digest::of(&[mark.as_bytes(), payload.as_bytes()]);
        let shared = group.shared.get(&shared_by).copied();
        let serial = shared.unwrap_or_else(|| self.generate_serial());
        if shared.is_none() {
            let mut particulars = job
                .particulars
                .with_header(mark)?
                .with_payload(payload)?
                .with_padding(text::padding(key.padding))?;
            if seen.parameters != Parameters::default() {
                particulars = particulars.with_cipher(&seen.parameters.to_string())?;
            }
            group.draft(Draft {
                serial,
                key: BlindedKey::new(key::to_deposited(&session_key), &mut self.rng),
                particulars,
            });
            group.mark(file_mark);
            group.shared.insert(shared_by, serial);
        }
        group.wait(serial, Matched::detached(mark, serial), (number, seen));
        Ok(None)
    }
}

/// Looks how a file stands and whether it could be protected now. Deposits nothing.
///
/// # Errors
///
/// Says why it could not be.
pub fn look(
    home: &Home,
    authority: AuthorityId,
    path: &Path,
    key: CapiKey<'_>,
    rng: &mut impl CryptoRng,
) -> Result<Look, ProtectError> {
    let (header, file) = read(path)?;
    let (before, seen) = match spared(home, authority, path, &header, &file, key, rng)? {
        Some((before, _)) => (before, None),
        None => {
            let opened = open(path, &header, &file, key, None, rng)?;
            (Standing::Bare, Some(opened.seen))
        }
    };
    Ok(Look {
        before,
        detached: true,
        seen,
    })
}

/// Finds the deposit that this home saw to hold the key in a header, and what the authority says of it; with the mark of the
/// file, if the home did not know that. One that a check found not to match is no spare, nor one that says something else to
/// be set on the key than was said now. What is behind the header must be what was there when the key was deposited.
fn spared(
    home: &Home,
    authority: AuthorityId,
    path: &Path,
    header: &FileHeader,
    file: &File,
    key: CapiKey<'_>,
    rng: &mut impl CryptoRng,
) -> Result<Option<(Standing, Option<FileMark>)>, ProtectError> {
    let known = home.known_capi_file(header)?.filter(|known| {
        let is_as_said = key
            .parameters
            .is_none_or(|said| known.parameters == Ok(said));
        known.matches && is_as_said
    });
    let Some(known) = known else {
        return Ok(None);
    };
    let record = home.deposit(known.serial)?;
    let Some(record) = record.filter(|record| record.state.is_kept()) else {
        return Ok(None);
    };
    let mut learned = None;
    if let Some(mark) = home.mark(mark(header))? {
        let now = file_mark(header, file).map_err(|source| ProtectError::Read {
            path: path.to_path_buf(),
            source,
        })?;
        if let Some(changed) = mark.compare(&now) {
            return Err(ProtectError::Changed(changed));
        }
    } else {
        let opened = open(path, header, file, key, Some(known), rng)?;
        if known
            .payload
            .is_some_and(|deposited| deposited != opened.payload)
        {
            return Err(ProtectError::Changed(Changed::OtherPayload));
        }
        learned = Some(opened.mark);
    }
    let spared = Standing::Spared {
        spare: record.confirmation(authority),
        detached: true,
    };
    Ok(Some((spared, learned)))
}

fn read(path: &Path) -> Result<(FileHeader, File), ProtectError> {
    let failed = |source| ProtectError::Read {
        path: path.to_path_buf(),
        source,
    };
    let mut file = strongroom_files::open(path).map_err(failed)?;
    Ok((FileHeader::read(&mut file)?, file))
}

/// A file that was read to its end with its key.
struct Opened {
    key: SessionKey,
    payload: Digest,
    mark: FileMark,
    seen: Seen,
}

/// Opens a file to its end: the key in its header decrypts what follows, as far as that can show.
fn open(
    path: &Path,
    header: &FileHeader,
    file: &File,
    key: CapiKey<'_>,
    known: Option<Known>,
    rng: &mut impl CryptoRng,
) -> Result<Opened, ProtectError> {
    let (parameters, source) = parameters(key.parameters, known)?;
    let unlocked = UnlockedCapiFile::unlock(header, key.key, key.padding, parameters, rng)?;
    unlocked.check_tail()?;
    let failed = |source| ProtectError::Read {
        path: path.to_path_buf(),
        source,
    };
    let mut marking = Marking::new(file);
    let mut beginning = BeginningWriter::new(io::sink());
    let decrypted = unlocked.decrypt(&mut marking, &mut beginning, None, &mut |_| {});
    match decrypted {
        Ok((_, payload)) => Ok(Opened {
            payload,
            mark: marking.mark(mark(header), header.bytes()),
            seen: unlocked.seen(source, beginning.finish()),
            key: unlocked.into_key(),
        }),
        Err(DecryptError::Cipher(cipher::DecryptError::End(_))) => {
            { file }
                .seek(SeekFrom::Start(header.bytes()))
                .map_err(failed)?;
            let explanation = unlocked.explain(file).map_err(failed)?;
            Err(ProtectError::CapiPayload { explanation })
        }
        Err(DecryptError::Cipher(
            cipher::DecryptError::Read(source) | cipher::DecryptError::Write(source),
        )) => Err(failed(source)),
        Err(error) => Err(failed(io::Error::other(error))),
    }
}

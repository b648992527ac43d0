//! Protecting files that some program of CryptoAPI's made: their session keys get a spare, and no byte of them changes
//! (spec/capi-owner.md#protecting).

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::path::Path;

use rand_core::CryptoRng;
use strongroom_capi::beginning::BeginningWriter;
use strongroom_capi::cipher::{self, Parameters};
use strongroom_capi::file::FileHeader;
use strongroom_capi::{Padding, PrivateKey, SessionKey};
use strongroom_protocol::id::{Digest, Serial};
use strongroom_protocol::receipt::DepositState;
use strongroom_protocol::session_key::BlindedKey;
use strongroom_protocol::statement::Draft;

use super::decrypt::{DecryptError, UnlockedCapiFile, parameters};
use super::{Known, Seen, file_mark, key, mark, text};
use crate::client::Client;
use crate::home::{Home, Matched, Observations};
use crate::mark::{Changed, FileMark, Marking};
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
        let mut jobs = jobs.into_iter().enumerate();
        loop {
            let mut group = Group::default();
            for (number, job) in jobs.by_ref() {
                match self.prepare_capi(&mut group, number, job, key) {
                    Ok(None) => {}
                    Ok(Some(protected)) => watch.done(number, Ok(protected)),
                    Err(error) => watch.done(number, Err(error)),
                }
                if group.drafts.len() == Self::SPARES_MAX {
                    break;
                }
            }
            if group.drafts.is_empty() {
                return Ok(());
            }
            let observed = Observations {
                marks: &group.marks,
                ..Observations::matched(&group.matched)
            };
            let kept = self.deposit_keys(&group.drafts, observed)?;
            let serials = group.drafts.iter().map(|draft| draft.serial);
            let states: BTreeMap<Serial, DepositState> = serials.zip(kept.states).collect();
            for (number, serial, seen) in group.files {
                watch.done(
                    number,
                    Ok(Protected {
                        seen: Some(seen),
                        authority: kept.authority,
                        serial,
                        // Each file's key is among those that were deposited.
                        state: states
                            .get(&serial)
                            .copied()
                            .unwrap_or(DepositState::Deposited),
                        detached: true,
                        before: Standing::Bare,
                    }),
                );
            }
        }
    }

    /// Puts a file into the group, unless it has its spare.
    fn prepare_capi(
        &mut self,
        group: &mut Group,
        number: usize,
        job: Job,
        key: CapiKey<'_>,
    ) -> Result<Option<Protected>, ProtectError> {
        let authority = self.connection.founding().authority();
        let (header, file) = read(&job.path)?;
        let spared = spared(self.home, &job.path, &header, &file, key, &mut self.rng)?;
        if let Some((serial, state, mark)) = spared {
            self.home.record_marks(mark.as_slice())?;
            return Ok(Some(Protected {
                authority,
                serial,
                state,
                detached: true,
                seen: None,
                before: Standing::Spared {
                    serial,
                    state,
                    detached: true,
                },
            }));
        }
        let Opened {
            key: session_key,
            payload,
            mark: file_mark,
            seen,
        } = open(&job.path, &header, &file, key, None, &mut self.rng)?;
        let mark = file_mark.header;
        // A copy of a file in the same group shares its deposit. Another payload under the same header is another file.
        if let Some(serial) = group.serials.get(&(mark, payload)) {
            group.files.push((number, *serial, seen));
            return Ok(None);
        }
        let mut particulars = job
            .particulars
            .with_header(mark)?
            .with_payload(payload)?
            .with_padding(text::padding(key.padding))?;
        if seen.parameters != Parameters::default() {
            particulars = particulars.with_cipher(&seen.parameters.to_string())?;
        }
        let serial = self.generate_serial();
        group.drafts.push(Draft {
            serial,
            key: BlindedKey::new(key::to_deposited(&session_key), &mut self.rng),
            particulars,
        });
        group.matched.push(Matched::detached(mark, serial));
        group.marks.push(file_mark);
        group.serials.insert((mark, payload), serial);
        group.files.push((number, serial, seen));
        Ok(None)
    }
}

/// Files whose keys are deposited together.
#[derive(Default)]
struct Group {
    files: Vec<(usize, Serial, Seen)>,
    drafts: Vec<Draft>,
    matched: Vec<Matched>,
    marks: Vec<FileMark>,
    /// The serials by the digests of header and payload.
    serials: HashMap<(Digest, Digest), Serial>,
}

/// Looks how a file stands and whether it could be protected now. Deposits nothing.
///
/// # Errors
///
/// Says why it could not be.
pub fn look(
    home: &Home,
    path: &Path,
    key: CapiKey<'_>,
    rng: &mut impl CryptoRng,
) -> Result<Look, ProtectError> {
    let (header, file) = read(path)?;
    let (before, seen) = match spared(home, path, &header, &file, key, rng)? {
        Some((serial, state, _)) => {
            let detached = true;
            let before = Standing::Spared {
                serial,
                state,
                detached,
            };
            (before, None)
        }
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
    path: &Path,
    header: &FileHeader,
    file: &File,
    key: CapiKey<'_>,
    rng: &mut impl CryptoRng,
) -> Result<Option<(Serial, DepositState, Option<FileMark>)>, ProtectError> {
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
    Ok(Some((record.serial, record.state, learned)))
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

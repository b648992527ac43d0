//! Protecting files that are encrypted already, by whatever age program: their session keys get a spare, and their
//! headers a pointer to it, or nothing at all (spec/protect.md). The payload stays as it is.
//!
//! The order of writes is `crate::prepared`'s, and of the headers, with one wait for the disk, spec/rewrite.md#groups. A crash in
//! between leaves deposits that no file names, of one group at most, and files as they were or done, or with a header that is
//! repaired. The next command passes over what is done.

mod open;
mod standing;

use std::path::{Path, PathBuf};

use rand_core::CryptoRng;
use strongroom_agefile::header::{InvalidHeader, ReadHeaderError};
use strongroom_agefile::{FileKey, Header, UnwrapError};
use strongroom_capi::file::{Explanation, HeaderError};
use strongroom_files::output::{CreateError, Output, Overwrite};
use strongroom_protocol::id::{AuthorityId, Serial};
use strongroom_protocol::statement::{Particulars, ParticularsError};

use self::open::{Opened, open};
pub use self::standing::{Standing, standing};
use crate::capi::decrypt::{Tail, UnlockError};
use crate::capi::{Seen, is_capi_file};
use crate::client::Client;
use crate::home::{AskPassphrase, Home, HomeError, Identities, Matched};
use crate::mark::{Changed, EndedFile, FileMark, header_digest};
use crate::pointer::{Pointer, header_mark, is_pad, pad};
use crate::prepared::{Confirmation, Prepared};
use crate::replace::{
    self, Beginning, BeginningError, Learned, Pending, ReplaceError, Replacement,
};
use crate::spare::{DepositError, draft};

/// A file to protect.
pub struct Job {
    /// Where it is.
    pub path: PathBuf,
    /// What the authority is told of it.
    pub particulars: Particulars,
}

/// How files are protected.
pub struct ProtectOptions<'o> {
    /// The home's identities, if it has any.
    pub identities: Option<&'o Identities>,
    /// Other identities that may open the files.
    pub others: &'o [Identities],
    /// Whether no byte of a file changes.
    pub detached: bool,
}

/// A file whose session key has a spare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protected {
    /// What the authority said of its spare.
    pub spare: Confirmation,
    /// Whether the file says nothing of it.
    pub detached: bool,
    /// How the file stood before; one that had its spare was passed over.
    pub before: Standing,
    /// What was seen of a file of CryptoAPI's that got its spare now.
    pub seen: Option<Seen>,
}

/// What is told of the work while it goes on.
pub trait Watch {
    /// So many bytes of job `job` are copied, of so many.
    fn progress(&mut self, job: usize, bytes: u64, of: u64);
    /// Job `job` ended.
    fn done(&mut self, job: usize, result: Result<Protected, ProtectError>);
}

impl Client<'_> {
    /// Protects each file, in groups whose keys are deposited together.
    ///
    /// A file that fails does not stop the others; `watch` is told of each. `ask` is asked for a passphrase where
    /// nothing else opens a file.
    ///
    /// # Errors
    ///
    /// Says why a group's keys were not deposited; then neither that group nor what is behind it was touched.
    pub fn protect(
        &mut self,
        jobs: impl IntoIterator<Item = Job>,
        options: &ProtectOptions<'_>,
        ask: &mut AskPassphrase<'_>,
        watch: &mut dyn Watch,
    ) -> Result<(), DepositError> {
        self.protect_in_groups(
            jobs,
            watch,
            |client, group, number, job| client.prepare(group, number, job, options, ask),
            |client, group, watch| client.finish(group, watch),
        )
    }

    /// Prepares files until they are a group, deposits their keys, finishes the group, and goes on with the next.
    ///
    /// What `prepare` returns had its spare, and does not wait.
    pub(crate) fn protect_in_groups<T>(
        &mut self,
        jobs: impl IntoIterator<Item = Job>,
        watch: &mut dyn Watch,
        mut prepare: impl FnMut(
            &mut Self,
            &mut Prepared<T>,
            usize,
            Job,
        ) -> Result<Option<Protected>, ProtectError>,
        mut finish: impl FnMut(&mut Self, Vec<(T, Confirmation)>, &mut dyn Watch),
    ) -> Result<(), DepositError> {
        let mut jobs = jobs.into_iter().enumerate();
        loop {
            let mut group = Prepared::new();
            for (number, job) in jobs.by_ref() {
                if let Some(done) = prepare(self, &mut group, number, job).transpose() {
                    watch.done(number, done);
                }
                if group.len() == Self::SPARES_MAX {
                    break;
                }
            }
            if group.len() == 0 {
                return Ok(());
            }
            let deposited = self.deposit_prepared(group)?;
            finish(self, deposited, watch);
        }
    }

    /// Puts a file into the group, unless it has its spare. What can be seen to fail now fails without a deposit.
    fn prepare(
        &mut self,
        group: &mut Prepared<Ready>,
        number: usize,
        job: Job,
        options: &ProtectOptions<'_>,
        ask: &mut AskPassphrase<'_>,
    ) -> Result<Option<Protected>, ProtectError> {
        let authority = self.connection.founding().authority();
        ensure_not_capi(&job.path)?;
        let file = EndedFile::open(&job.path)?;
        let before = standing(self.home, authority, &file.beginning.header)?;
        let is_known = is_known(self.home, &job.path, &file)?;
        if let Some(protected) = before.protected().filter(|_| is_known) {
            return Ok(Some(protected));
        }
        let detached = options.detached || file.beginning.header.is_for_passphrase();
        if !detached && before.protected().is_none() {
            Output::check(&job.path, Overwrite::Force)?;
        }
        let opened = open(&job.path, &file.beginning.header, options, ask)?;
        let (old, mark) = ensure_whole(&job.path, file, &opened)?;
        if let Some(protected) = before.protected() {
            self.home.record_marks(&[mark])?;
            return Ok(Some(protected));
        }
        let key = header_digest(&old.header);
        // A copy of a file in the same group shares its deposit.
        let shared = group.shared.get(&key).copied();
        let serial = shared.unwrap_or_else(|| self.generate_serial());
        let new = match detached {
            true => None,
            false => Some(point(
                &old.header,
                &opened.file_key,
                Pointer { authority, serial },
            )?),
        };
        if shared.is_none() {
            let particulars = match detached {
                true => job.particulars.with_header(header_mark(&old.header))?,
                false => job.particulars,
            };
            group.draft(draft(&opened.file_key, serial, particulars, &mut self.rng));
            group.shared.insert(key, serial);
        }
        let header = new.as_ref().unwrap_or(&old.header);
        let matched = Matched::new(header, serial, Some(opened.stanza));
        let is_anothers = opened.is_of_another_key(&old.header);
        group.mark(mark.under(&old.header, header));
        let ready = Ready {
            number,
            path: job.path,
            old,
            new,
            opened,
            serial,
            before,
        };
        group.wait(serial, matched.of_another_key(is_anothers), ready);
        Ok(None)
    }

    /// Lets files say so whose keys are deposited.
    fn finish(&mut self, group: Vec<(Ready, Confirmation)>, watch: &mut dyn Watch) {
        let mut headers = replace::Group::new();
        for (file, spare) in group {
            let number = file.number;
            let mut progress = |bytes, of| watch.progress(number, bytes, of);
            let replaced = file.replace(self.home, &mut headers, &mut self.rng, &mut progress);
            let protected = Protected {
                spare,
                detached: file.new.is_none(),
                before: file.before,
                seen: None,
            };
            match replaced {
                Ok(Some(pending)) => headers.wait(number, pending, protected),
                Ok(None) => headers.tell(number, Ok(protected)),
                Err(error) => headers.tell(number, Err(error)),
            }
            for (number, result) in headers.finish_if_full(self.home) {
                watch.done(number, result);
            }
        }
        for (number, result) in headers.finish(self.home) {
            watch.done(number, result);
        }
    }
}

/// A file that only waits for the deposit of its key.
struct Ready {
    number: usize,
    path: PathBuf,
    old: Beginning,
    /// The header with the pointer; none where the file stays as it is.
    new: Option<Header>,
    opened: Opened,
    serial: Serial,
    before: Standing,
}

impl Ready {
    /// Prepares the header that points to the deposit, if the file is to have one and has not.
    fn replace(
        &self,
        home: &mut Home,
        headers: &mut replace::Group<usize, Protected, ProtectError>,
        rng: &mut impl CryptoRng,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Option<Pending>, ProtectError> {
        let Some(new) = &self.new else {
            return Ok(None);
        };
        let replacement = Replacement {
            path: &self.path,
            old: &self.old,
            new,
            serial: Some(self.serial),
            // It is in the home since the deposit.
            learned: Learned::default(),
            in_place: self.opened.by_home,
            output: None,
        };
        match replacement.prepare(home, headers, rng, progress) {
            Ok(pending) => Ok(Some(pending)),
            // A file that was named twice, and is done.
            Err(_) if Beginning::read(&self.path).is_ok_and(|now| now.header == *new) => {
                headers.check_not_failed(&self.path)?;
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Makes the header of the same stanzas and session key that points to a deposit. The pointer stands last; one to the
/// same authority goes, and padding before it keeps the length where it can.
fn point(old: &Header, file_key: &FileKey, pointer: Pointer) -> Result<Header, InvalidHeader> {
    let is_replaced = |stanza| {
        let other = Pointer::from_stanza(stanza);
        is_pad(stanza) || other.is_some_and(|other| other.authority == pointer.authority)
    };
    let stanzas = old.stanzas().iter().filter(|stanza| !is_replaced(stanza));
    let mut stanzas: Vec<_> = stanzas.cloned().collect();
    stanzas.push(pointer.to_stanza());
    let plain = Header::seal(stanzas.clone(), file_key)?;
    let room = old.as_bytes().len().checked_sub(plain.as_bytes().len());
    let Some(pad) = room.filter(|room| *room > 0).and_then(pad) else {
        return Ok(plain);
    };
    stanzas.insert(stanzas.len() - 1, pad);
    Header::seal(stanzas, file_key)
}

/// Looks how a file stands and whether it could be protected now. Deposits nothing, and asks for no passphrase.
///
/// # Errors
///
/// Says why it could not be.
pub fn look(
    home: &Home,
    authority: AuthorityId,
    path: &Path,
    options: &ProtectOptions<'_>,
) -> Result<Look, ProtectError> {
    ensure_not_capi(path)?;
    let file = EndedFile::open(path)?;
    let before = standing(home, authority, &file.beginning.header)?;
    let passphrase = file.beginning.header.is_for_passphrase();
    let is_known = is_known(home, path, &file)?;
    let look = Look {
        before,
        detached: options.detached || passphrase,
        seen: None,
    };
    let is_spared = matches!(before, Standing::Spared { .. });
    if is_spared && is_known {
        return Ok(look);
    }
    if !look.detached && !is_spared {
        Output::check(path, Overwrite::Force)?;
    }
    if !passphrase {
        let nobody = &mut |_: &Path| Err(std::io::ErrorKind::Unsupported.into());
        let opened = open(path, &file.beginning.header, options, nobody)?;
        ensure_whole(path, file, &opened)?;
    }
    Ok(look)
}

/// Tells whether the home knows the mark of a file, which has to be what it was.
fn is_known(home: &Home, path: &Path, file: &EndedFile) -> Result<bool, ProtectError> {
    let Some(known) = home.mark(header_digest(&file.beginning.header))? else {
        return Ok(false);
    };
    let now = file.mark().map_err(|source| ProtectError::Read {
        path: path.to_path_buf(),
        source,
    })?;
    match known.compare(&now) {
        Some(changed) => Err(ProtectError::Changed(changed)),
        None => Ok(true),
    }
}

/// Sees, with the key, that both ends of the payload are the header's, and returns the file's mark.
fn ensure_whole(
    path: &Path,
    file: EndedFile,
    opened: &Opened,
) -> Result<(Beginning, FileMark), ProtectError> {
    let (beginning, ends) = file.into_ends().map_err(|source| ProtectError::Read {
        path: path.to_path_buf(),
        source,
    })?;
    if let Some(changed) = ends.changed(&opened.file_key) {
        return Err(ProtectError::Changed(changed));
    }
    let mark = ends.mark(&beginning.header);
    Ok((beginning, mark))
}

fn ensure_not_capi(path: &Path) -> Result<(), ProtectError> {
    match is_capi_file(path) {
        true => Err(ProtectError::CapiKey),
        false => Ok(()),
    }
}

/// How a file stands, and what would be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// How it stands.
    pub before: Standing,
    /// Whether it would stay as it is.
    pub detached: bool,
    /// What was seen of a file of CryptoAPI's that would get its spare.
    pub seen: Option<Seen>,
}

/// Why a file was not protected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProtectError {
    /// The header of a file of CryptoAPI's can't be read.
    #[error(transparent)]
    Capi(#[from] HeaderError),
    /// It is a file of CryptoAPI's, and no RSA key was named.
    #[error("this is a file of CryptoAPI's example programs, which an RSA key opens")]
    CapiKey,
    /// The key opens the header, and the payload does not end as one of its.
    #[error("{explanation}")]
    CapiPayload {
        /// What may have happened.
        explanation: Explanation,
    },
    /// Something follows the wrapped key in the header, which recovery would write over.
    #[error(transparent)]
    CapiTail(#[from] Tail),
    /// The RSA key does not open the header.
    #[error(transparent)]
    CapiUnlock(#[from] UnlockError),
    /// It is not whole, or its header is another file's.
    #[error("this is not what was encrypted: {0}")]
    Changed(Changed),
    /// The file can't be replaced by one with a pointer.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// The header can't be read.
    #[error(transparent)]
    Header(ReadHeaderError),
    /// The home can't be used.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// There is no room for the pointer.
    #[error(transparent)]
    Invalid(#[from] InvalidHeader),
    /// There is no room for the label by which a detached deposit is found.
    #[error(transparent)]
    Particulars(#[from] ParticularsError),
    /// No passphrase was given.
    #[error("no passphrase")]
    Passphrase {
        /// Why.
        source: std::io::Error,
    },
    /// The file can't be read.
    #[error("cannot read `{path}`")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system answered.
        source: std::io::Error,
    },
    /// The header could not be replaced.
    #[error(transparent)]
    Replace(#[from] ReplaceError),
    /// Nothing at hand opens the file, or its header was altered.
    #[error(transparent)]
    Unwrap(#[from] UnwrapError),
    /// Another passphrase opens the file.
    #[error("the passphrase does not open this file")]
    WrongPassphrase,
}

impl From<BeginningError> for ProtectError {
    fn from(error: BeginningError) -> Self {
        match error {
            BeginningError::Header(error) => Self::Header(error),
            BeginningError::Read { path, source } => Self::Read { path, source },
        }
    }
}

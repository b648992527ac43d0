//! What every subcommand is given: where the home is, the time, randomness, and how much to say.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Once, PoisonError};

use anyhow::Context as _;
use etcetera::BaseStrategy;
use rand_core::CryptoRng;
use strongroom_agefile::WorkFactor;
use strongroom_files::Exposed;
use strongroom_protocol::id::Clock;

use crate::options::Global;
use crate::prompt::PassphraseSource;
use crate::terminal::{shown, tell};

/// A source of randomness that fails never.
pub(crate) type Randomness = Box<dyn CryptoRng + Send>;

pub(crate) struct Context {
    /// The owner's home, which may not exist.
    pub(crate) home: PathBuf,
    /// Whether that was named, by the option or the variable: then it is where its owner put it, or not there now.
    pub(crate) home_is_named: bool,
    /// What must be there for a home to be made in it: the folder around one that was named, or else what the account's variables
    /// say, which may be on a disk as well.
    pub(crate) home_lies_in: Option<PathBuf>,
    pub(crate) clock: Arc<dyn Clock>,
    randomness: fn() -> Randomness,
    /// Whether to say only what failed.
    pub(crate) quiet: bool,
    /// Whether to say of each file what was done or found.
    pub(crate) verbose: bool,
    /// How much work a passphrase may take.
    pub(crate) work_factor_max: WorkFactor,
    /// Where passphrases come from.
    pub(crate) passphrase: PassphraseSource,
    /// How many threads encrypt and decrypt.
    pub(crate) threads: NonZeroUsize,
    /// What lets others at secret files, as far as it was told.
    exposed: Mutex<BTreeSet<Exposed>>,
    /// Done once this command has told its owner of requests by others.
    pub(crate) warned: Once,
}

/// The home was not named, and there is no home directory to put it into.
#[derive(Debug, thiserror::Error)]
#[error("cannot tell where your Strongroom folder is: there is no home directory")]
pub(crate) struct NoDataFolder;

impl Context {
    pub(crate) fn new(
        global: Global,
        clock: Arc<dyn Clock>,
        randomness: fn() -> Randomness,
    ) -> anyhow::Result<Self> {
        let home_is_named = global.home.is_some();
        let (home, account) = match global.home {
            Some(home) => (home, None),
            None => {
                let folders = etcetera::choose_base_strategy().map_err(|_| NoDataFolder)?;
                let data = std::env::var_os("XDG_DATA_HOME").filter(|data| !data.is_empty());
                let account = data.map_or_else(|| folders.home_dir().to_path_buf(), PathBuf::from);
                (folders.data_dir().join("strongroom"), Some(account))
            }
        };
        // The home's database keeps absolute paths, and the recovery sheet names one.
        let home = std::path::absolute(&home)
            .with_context(|| format!("cannot use the home `{}`", home.display()))?;
        let home_lies_in = account.or_else(|| home.parent().map(Path::to_path_buf));
        Ok(Self {
            home,
            home_is_named,
            home_lies_in,
            clock,
            randomness,
            quiet: global.quiet,
            verbose: global.verbose,
            work_factor_max: global.max_work_factor,
            passphrase: PassphraseSource::new(global.passphrase_file, global.passphrase_command),
            threads: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            exposed: Mutex::default(),
            warned: Once::new(),
        })
    }

    /// Returns a source of randomness.
    pub(crate) fn rng(&self) -> Randomness {
        (self.randomness)()
    }

    /// Says who else can read a secret file that is about to be read, or exchange it: once, and also when little is to be said.
    pub(crate) fn warn_if_exposed(&self, path: &Path) {
        let mut told = self.exposed.lock().unwrap_or_else(PoisonError::into_inner);
        for exposed in strongroom_files::exposed(path) {
            if told.contains(&exposed) {
                continue;
            }
            match &exposed {
                Exposed::File { path, mode } => tell(format_args!(
                    "warning: `{}` is secret, and not its owner alone can read it (mode {mode:04o}): `chmod go=` it",
                    shown(path)
                )),
                Exposed::Folder { path, mode } => tell(format_args!(
                    "warning: everybody can exchange what is in `{}` (mode {mode:04o}), secret files too: `chmod o-w` it",
                    shown(path)
                )),
            }
            told.insert(exposed);
        }
    }

    /// Says that the disk of a folder keeps nobody out, where it does not: when secrets are put there, also when little is to be
    /// said. Nothing can be done about it later.
    pub(crate) fn warn_if_open_to_all(&self, folder: &Path) {
        if strongroom_files::disk::permissions(folder).is_ok_and(|here| !here.kept) {
            tell(format_args!(
                "warning: the disk of `{}` keeps nobody out: it knows no permissions, as it is mounted here. Whoever can reach it \
                 can read what is secret there",
                shown(folder)
            ));
        }
    }

    /// Does so of the secret files in the home.
    pub(crate) fn warn_of_exposed_home(&self) {
        const SECRET: [&str; 7] = [
            "identity.txt",
            "device.key",
            "exchange.priv",
            "home.db",
            "officer.key",
            "recovery-sheet.txt",
            "authority/keys.txt",
        ];
        for name in SECRET {
            self.warn_if_exposed(&self.home.join(name));
        }
    }

    /// Says something on standard error, unless nothing is to be said.
    pub(crate) fn say(&self, text: impl std::fmt::Display) {
        if !self.quiet {
            tell(text);
        }
    }
}

//! What every subcommand is given: where the home is, the time, randomness, and how much to say.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::{Arc, Once};

use anyhow::Context as _;
use etcetera::BaseStrategy;
use rand_core::CryptoRng;
use strongroom_protocol::id::Clock;

use crate::options::Global;

/// A source of randomness that fails never.
pub(crate) type Randomness = Box<dyn CryptoRng + Send>;

pub(crate) struct Context {
    /// The owner's home, which may not exist.
    pub(crate) home: PathBuf,
    pub(crate) clock: Arc<dyn Clock>,
    randomness: fn() -> Randomness,
    /// Whether to say only what failed.
    pub(crate) quiet: bool,
    /// How many threads encrypt and decrypt.
    pub(crate) threads: NonZeroUsize,
    /// Done once this command has told its owner of requests by others.
    pub(crate) warned: Once,
}

impl Context {
    pub(crate) fn new(
        global: &Global,
        clock: Arc<dyn Clock>,
        randomness: fn() -> Randomness,
    ) -> anyhow::Result<Self> {
        let home = match &global.home {
            Some(home) => home.clone(),
            None => etcetera::choose_base_strategy()
                .context("cannot tell where your data folder is")?
                .data_dir()
                .join("strongroom"),
        };
        // The home's database keeps absolute paths, and the recovery sheet names one.
        let home = std::path::absolute(&home)
            .with_context(|| format!("cannot use the home `{}`", home.display()))?;
        Ok(Self {
            home,
            clock,
            randomness,
            quiet: global.quiet,
            threads: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            warned: Once::new(),
        })
    }

    /// Returns a source of randomness.
    pub(crate) fn rng(&self) -> Randomness {
        (self.randomness)()
    }

    /// Says something on standard error, unless nothing is to be said.
    pub(crate) fn say(&self, text: impl std::fmt::Display) {
        if !self.quiet {
            crate::terminal::tell(text);
        }
    }
}

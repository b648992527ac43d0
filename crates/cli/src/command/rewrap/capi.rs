//! Headers of CryptoAPI's files for the home's RSA key, or for another program's (spec/capi-owner.md#recovery).

use std::path::{Path, PathBuf};

use strongroom_capi::{Padding, PrivateKey, PublicKey};
use strongroom_client::capi::rewrap::{CapiRewrapOptions, Prepared, look, prepare};
use strongroom_client::home::{Home, read_exchange_key, read_public_key};
use strongroom_client::status::read_capi_header;
use strongroom_files::output::Overwrite;
use strongroom_protocol::id::{Digest, Serial};

use super::{Rewrapping, Taken, Told};
use crate::causes::is_out_of_reach;
use crate::context::Context;
use crate::input::Input;
use crate::progress::Progress;
use crate::rsa::ensure_not_legacy;
use crate::terminal::{shown, tell};
use crate::{prompt, reach};

/// For which RSA key headers are made, read when the first file needs it.
pub(crate) enum For {
    /// The home's. One that is lost is made anew if that is asked for, of so many bits where they were said.
    Home {
        make: Option<Option<usize>>,
        key: Option<Box<PrivateKey>>,
    },
    /// Another program's.
    Program {
        path: PathBuf,
        key: PublicKey,
        padding: Option<Padding>,
    },
}

impl For {
    /// The home's key as it is.
    pub(crate) fn home() -> Self {
        Self::Home {
            make: None,
            key: None,
        }
    }

    /// The home's key, or a new one where it is lost.
    pub(crate) fn recovered_home(bits: Option<usize>) -> Self {
        Self::Home {
            make: Some(bits),
            key: None,
        }
    }

    /// Another program's key. A legacy one is refused, unless that was said to do.
    pub(crate) fn program(
        path: &Path,
        padding: Option<Padding>,
        legacy: bool,
    ) -> anyhow::Result<Self> {
        let key = read_public_key(path)?;
        ensure_not_legacy(&key, legacy)?;
        Ok(Self::Program {
            path: path.to_path_buf(),
            key,
            padding,
        })
    }

    /// Tells whether it is another program's.
    pub(crate) fn is_programs(&self) -> bool {
        matches!(self, Self::Program { .. })
    }

    /// Rewraps a file. How far a copy has come, if it takes one, is told. Returns what became of those that are done.
    pub(crate) fn rewrap(
        &mut self,
        context: &Context,
        home: &mut Home,
        rewrapping: &mut Rewrapping,
        file: &Input,
        output: Option<&(PathBuf, Overwrite)>,
        bar: &Progress,
    ) -> anyhow::Result<Told> {
        rewrapping.settle(home, &file.path)?;
        self.read(context, home, &file.path)?;
        let (current, target, padding, whose) = match self {
            Self::Home { key, .. } => {
                let key = key.as_deref();
                (
                    key,
                    key.map(PrivateKey::public),
                    None,
                    "your key".to_owned(),
                )
            }
            Self::Program { path, key, padding } => {
                let whose = format!("the key in {}", shown(path));
                (None, Some(&*key), *padding, whose)
            }
        };
        let Some(target) = target else {
            anyhow::bail!("there is no RSA key");
        };
        let options = CapiRewrapOptions {
            current,
            target,
            padding,
            output: output.cloned(),
        };
        let mut progress = |bytes, of| bar.copied(bytes, of);
        let mut rng = context.rng();
        let prepared = prepare(home, &file.path, &options, &mut rng)?;
        if let Prepared::New(header) = &prepared
            && let Some((serial, digest)) = header.own_blob()
        {
            state_own_blob(context, home, serial, digest)?;
        }
        let of = Taken {
            file: file.clone(),
            passphrase: false,
            whose,
        };
        Ok(rewrapping.add_capi(home, prepared, of, &mut rng, &mut progress))
    }

    /// Looks whether a key for a file is at hand, and leaves the file as it is.
    pub(crate) fn look(&self, context: &Context, home: &Home, path: &Path) -> anyhow::Result<()> {
        // One that is lost opens nothing, and is not made for a look.
        let current = match self {
            Self::Home { .. } => read_exchange_key(home.root(), &mut prompt::passphrases(context)),
            Self::Program { .. } => return Ok(look(home, path, None, &mut context.rng())?),
        };
        Ok(look(home, path, current.ok().as_ref(), &mut context.rng())?)
    }

    fn read(&mut self, context: &Context, home: &mut Home, path: &Path) -> anyhow::Result<()> {
        let Self::Home { make, key } = self else {
            return Ok(());
        };
        if key.is_some() {
            return Ok(());
        }
        let ask = &mut prompt::passphrases(context);
        let Some(bits) = make else {
            *key = Some(Box::new(read_exchange_key(home.root(), ask)?));
            return Ok(());
        };
        // Nothing is made for a file of which no session key is here: it may be anybody's.
        let current = read_exchange_key(home.root(), ask).ok();
        look(home, path, current.as_ref(), &mut context.rng())?;
        let bits = match bits {
            Some(bits) => *bits,
            None => bits_of(path)
                .or(home.exchange_bits()?)
                .filter(|bits| SIZES.contains(bits))
                .unwrap_or(Home::EXCHANGE_BITS),
        };
        let ensured = home.recover_exchange_key(bits, ask, &mut context.rng())?;
        if let Some(moved) = &ensured.moved {
            context.say(format_args!(
                "the RSA key that was sealed to your lost key is now in {}",
                shown(moved)
            ));
        }
        if ensured.made {
            // Said in any case.
            tell(format_args!(
                "made a new RSA key of {bits} bits for CryptoAPI's files, in {}",
                shown(home.root())
            ));
        }
        *key = Some(Box::new(ensured.key));
        Ok(())
    }
}

/// Tells the authority which blob a file is about to have. Where it can't be reached the file comes first: this home knows
/// the new header, and another finds the deposit by the payload.
fn state_own_blob(
    context: &Context,
    home: &mut Home,
    serial: Serial,
    digest: Digest,
) -> anyhow::Result<()> {
    let mut state = || {
        let authority = reach::authority_of(context, home)?;
        let mut rng = context.rng();
        let mut client = reach::connect_silently(context, home, &authority, &mut rng)?;
        Ok(client.state_own_blob(serial, digest)?)
    };
    match state() {
        Err(error) if is_out_of_reach(anyhow::Error::as_ref(&error)) => {
            context.say("warning: the authority can't be reached, and was not told of the file's new header");
            Ok(())
        }
        stated => stated,
    }
}

/// The lengths in bits of the keys that are made.
const SIZES: [usize; 3] = [2048, 3072, 4096];

/// Returns the length in bits of the RSA key that a file was for: headers for another such keep their length.
fn bits_of(path: &Path) -> Option<usize> {
    const BLOB_START_BYTES: usize = 12;
    let header = read_capi_header(path).ok()?;
    Some(8 * header.blob().len().checked_sub(BLOB_START_BYTES)?)
}

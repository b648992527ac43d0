//! An officer's desk: the key, the authority in its folder, and what is pinned beside the key. It takes no home.

use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use clap::Args;
use strongroom_authority::Caller;
use strongroom_client::home::Home;
use strongroom_client::officer::{Desk, OfficerKey, Pin};
use strongroom_client::{Address, ConnectError};
use strongroom_files::replace;
use strongroom_protocol::id::AuthorityId;

use crate::context::Context;
use crate::ids;
use crate::reach;
use crate::terminal::shown;

/// Whose desk, and where.
#[derive(Args)]
pub(crate) struct DeskOptions {
    /// The authority's folder [default: the one of your home].
    #[arg(long, global = true, value_name = "DIR")]
    authority: Option<Address>,
    /// Your officer's key [default: `officer.key` in your home].
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "STRONGROOM_OFFICER_KEY",
        hide_env_values = true
    )]
    key: Option<PathBuf>,
    /// The authority's id, to be sure of it on the first use of a key.
    #[arg(long, global = true, value_name = "HEX", value_parser = ids::whole::<AuthorityId>)]
    authority_id: Option<AuthorityId>,
}

/// The key was used with another authority before.
#[derive(Debug, thiserror::Error)]
#[error("this key is for authority {pinned}, as `{}` says", path.display())]
pub(crate) struct OtherPin {
    pinned: AuthorityId,
    path: PathBuf,
}

impl DeskOptions {
    /// Returns where the key is, or is to be.
    pub(crate) fn key_path(&self, context: &Context) -> PathBuf {
        let in_home = || default_key_path(&context.home);
        self.key.clone().unwrap_or_else(in_home)
    }

    /// Tells whether a key was named.
    pub(crate) fn names_key(&self) -> bool {
        self.key.is_some()
    }

    /// Tells whether an authority was named.
    pub(crate) fn names_authority(&self) -> bool {
        self.authority.is_some()
    }

    /// Tells whether the authority that was named is the one at this address.
    pub(crate) fn is_with(&self, address: &Address) -> bool {
        let named = self.authority.as_ref().map(Address::absolute);
        named.is_some_and(|named| named.is_ok_and(|named| named == *address))
    }

    /// Opens the desk, lets `act` work at it, and keeps what was seen of the authority.
    pub(crate) fn at<T>(
        &self,
        context: &Context,
        act: impl FnOnce(&mut Desk<'_>) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let path = self.key_path(context);
        context.warn_if_exposed(&path);
        let key = OfficerKey::read(&path)?;
        let (address, known) = self.place(context)?;
        let pin_path = pin_path(&path);
        let pin = self.pin(&pin_path, known)?;
        let caller = Caller::Device(key.signing_key().verifying_key());
        let reached = reach::open(context, &address, caller)?;
        let now = context.clock.now();
        let mut desk = Desk::open(reached.authority(), pin.as_ref(), key.signing_key(), now)?;
        if pin.is_none() {
            context.say(format_args!(
                "this key is used for the first time; from now on it is for authority\n  {}\n\
                 See that this is the id on an owner's recovery sheet.",
                desk.founding().authority()
            ));
        }
        let keep = |desk: &Desk<'_>| {
            let text = desk.pin().to_text();
            replace(&pin_path, text.as_bytes(), &mut context.rng())
                .with_context(|| format!("cannot write `{}`", pin_path.display()))
        };
        // Before anything is said to it, and again with what was seen since.
        keep(&desk)?;
        let result = act(&mut desk);
        keep(&desk)?;
        result
    }

    /// Returns where the authority is, and its id where the home knows it.
    fn place(&self, context: &Context) -> anyhow::Result<(Address, Option<AuthorityId>)> {
        match &self.authority {
            Some(address) => Ok((address.clone(), None)),
            None => {
                let membership = Home::open_to_read(&context.home)?.membership()?;
                let membership = membership.ok_or(ConnectError::NoAuthority)?;
                Ok((membership.address, Some(membership.founding.authority())))
            }
        }
    }

    /// Returns what is pinned: beside the key, or by the option, or by the home. None on a first use without any.
    fn pin(&self, path: &Path, known: Option<AuthorityId>) -> anyhow::Result<Option<Pin>> {
        let named = self.authority_id.or(known);
        let Some(pin) = read_pin(path)? else {
            return Ok(named.map(|authority| Pin {
                authority,
                seen: None,
            }));
        };
        ensure!(
            named.is_none_or(|named| named == pin.authority),
            OtherPin {
                pinned: pin.authority,
                path: path.to_owned(),
            }
        );
        Ok(Some(pin))
    }
}

/// Returns where an officer's key is in a home, unless the officer says otherwise.
pub(crate) fn default_key_path(home: &Path) -> PathBuf {
    home.join("officer.key")
}

fn pin_path(key: &Path) -> PathBuf {
    let mut name = OsString::from(key);
    name.push(".authority");
    PathBuf::from(name)
}

fn read_pin(path: &Path) -> anyhow::Result<Option<Pin>> {
    let failed = || format!("cannot read `{}`", path.display());
    let file = match strongroom_files::open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        file => file.with_context(failed)?,
    };
    let mut bytes = Vec::new();
    file.take(Pin::BYTES_MAX)
        .read_to_end(&mut bytes)
        .with_context(failed)?;
    let text = strongroom_text::decode(&bytes).with_context(failed)?;
    Pin::parse(text).map(Some).with_context(|| shown(path))
}

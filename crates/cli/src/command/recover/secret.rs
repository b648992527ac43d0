//! A secret that comes back: written where its owner says, and nowhere else (spec/secret.md#recovery).

use std::io::Write as _;
use std::path::Path;

use anyhow::bail;
use strongroom_agefile::UnwrapError;
use strongroom_client::ConnectError;
use strongroom_client::home::{Home, KeysError};
use strongroom_client::secret::{self, OpenSecretError, Secret};
use strongroom_files::output::{Output, Overwrite, ReadableBy};
use strongroom_protocol::id::{OwnerId, Serial};
use strongroom_protocol::statement::Particulars;

use super::Arguments;
use crate::context::Context;
use crate::devices::Devices;
use crate::prompt;
use crate::stream;
use crate::terminal::{escape, words};

/// Which secret is wanted, and where.
pub(super) struct WantedSecret<'a> {
    serial: Serial,
    /// Somebody else, whose it is.
    owner: Option<OwnerId>,
    output: &'a Path,
    overwrite: Overwrite,
}

impl<'a> WantedSecret<'a> {
    /// Tells whether the options ask for a secret. That it can be written is seen before it is asked for.
    pub(super) fn of(arguments: &'a Arguments) -> anyhow::Result<Option<Self>> {
        let (Some(output), [serial]) = (&arguments.output, &arguments.serials[..]) else {
            return Ok(None);
        };
        if !arguments.paths.is_empty() || arguments.to.is_some() {
            return Ok(None);
        }
        let overwrite = arguments.overwrite();
        if !stream::is_sink(output) {
            Output::check(output, overwrite)?;
        }
        Ok(Some(Self {
            serial: *serial,
            owner: arguments.owner,
            output,
            overwrite,
        }))
    }

    /// Writes the secret, if a key at hand opens it.
    pub(super) fn write_if_it_opens(&self, context: &Context, home: &Home) -> anyhow::Result<bool> {
        let secret = match secret::released(home, self.owner(home)?, self.serial)? {
            Some(secret) => Some(secret),
            None if self.owner.is_none() => self.open(context, home)?,
            None => None,
        };
        match secret {
            Some(secret) => self.put(context, home, &secret).map(|()| true),
            None => Ok(false),
        }
    }

    fn open(&self, context: &Context, home: &Home) -> anyhow::Result<Option<Secret>> {
        // What the home does not know needs no key, and nobody is asked for a passphrase.
        if home.deposit(self.serial)?.is_none() {
            return Ok(None);
        }
        let identities = match home.identities(&mut prompt::passphrases(context)) {
            Err(KeysError::IdentityMissing { .. }) => return Ok(None),
            identities => identities?,
        };
        match secret::open(home, &identities, self.serial) {
            Ok(secret) => Ok(Some(secret)),
            Err(OpenSecretError::Unwrap(UnwrapError::NoMatch)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes the secret, whose key was released.
    pub(super) fn write(&self, context: &Context, home: &Home) -> anyhow::Result<()> {
        match secret::released(home, self.owner(home)?, self.serial)? {
            Some(secret) => self.put(context, home, &secret),
            // Why was said, where the authority said so.
            None => bail!(
                "no key was released for the deposit of serial {}",
                self.serial
            ),
        }
    }

    fn owner(&self, home: &Home) -> anyhow::Result<OwnerId> {
        let membership = home.membership()?.ok_or(ConnectError::NoAuthority)?;
        Ok(self.owner.unwrap_or(membership.owner))
    }

    fn put(&self, context: &Context, home: &Home, secret: &Secret) -> anyhow::Result<()> {
        self.say_which(context, home)?;
        if stream::is_sink(self.output) {
            let mut output = stream::output_to(Some(self.output))?;
            return Ok(output.write_secret(secret.expose())?);
        }
        let mut rng = context.rng();
        let mut output = Output::create(self.output, self.overwrite, ReadableBy::Owner, &mut rng)?;
        output.file_mut().write_all(secret.expose())?;
        output.commit()?;
        Ok(())
    }
}

impl WantedSecret<'_> {
    /// Says which secret this is, by the statement of its owner's that is in the home.
    fn say_which(&self, context: &Context, home: &Home) -> anyhow::Result<()> {
        if self.owner.is_some() {
            return Ok(());
        }
        let secrets = home.secrets()?;
        let known = secrets.iter().find(|secret| secret.serial == self.serial);
        let Some(known) = known else {
            return Ok(());
        };
        let said = home.particulars(self.serial)?;
        let name = escape(known.name.as_deref().unwrap_or("without a name"));
        let devices = Devices::of(home)?;
        let other = devices
            .by_other(known.device)
            .map(|other| format!("  deposited {other}"));
        let superseded = if known.superseded { "  superseded" } else { "" };
        let described = match said.as_ref().map(Particulars::description) {
            None | Some("") => String::new(),
            Some(described) => format!("  {}", words(described)),
        };
        context.say(format_args!(
            "{name}{superseded}  since {}{}{described}",
            known.since,
            other.unwrap_or_default()
        ));
        Ok(())
    }
}

/// Says which of the keys that were asked for by serial a secret rides along with.
pub(super) fn say_which(context: &Context, home: &Home, serials: &[Serial]) -> anyhow::Result<()> {
    let Some(membership) = home.membership()? else {
        return Ok(());
    };
    for serial in serials {
        if let Ok(Some(_)) = secret::released(home, membership.owner, *serial) {
            context.say(format_args!(
                "serial {serial} is a secret: `strongroom recover --serial {serial} -o -` prints it"
            ));
        }
    }
    Ok(())
}

//! `encrypt --format capi`: the layout of CryptoAPI's example programs (spec/capi-owner.md#encrypting).

use anyhow::{Context as _, ensure};
use clap::{Args, ValueEnum};
use strongroom_capi::Padding;
use strongroom_client::capi::encrypt::{CapiOptions, prepare};
use strongroom_client::capi::{CipherName, LegacyCipher};
use strongroom_client::encrypt::{Job, Source, Target, Watch};
use strongroom_client::home::Home;

use super::report::Report;
use crate::context::Context;
use crate::exit::Usage;
use crate::rsa::{KeyBits, ensure_not_legacy};
use crate::terminal::{shown, tell};
use crate::{prompt, reach};

/// The layout of an encrypted file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// An age file, which shows when it was changed.
    #[default]
    Age,
    /// The file of CryptoAPI's example programs, for programs that know no other: it has no integrity.
    Capi,
}

/// Which layout, and how.
#[derive(Args)]
pub(super) struct FormatOptions {
    /// The layout of the encrypted files.
    #[arg(
        long,
        value_enum,
        value_name = "FORMAT",
        default_value_t,
        hide_default_value = true
    )]
    format: Format,
    /// With --format capi: the cipher [default: aes-256].
    #[arg(long, value_name = "NAME")]
    cipher: Option<CipherName>,
    /// With --format capi: do use a legacy cipher, or a legacy RSA key.
    #[arg(long)]
    legacy: bool,
    /// With --format capi: pad keys as CryptExportKey does with CRYPT_OAEP.
    #[arg(long)]
    oaep: bool,
    /// With --format capi: the length of your RSA key, where the first use makes one [default: 2048].
    #[arg(long, value_name = "BITS")]
    key_bits: Option<KeyBits>,
}

/// A cipher that was not said to do.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(crate) struct LegacyRefused(#[from] LegacyCipher);

impl FormatOptions {
    /// Tells whether it is the layout of CryptoAPI's example programs, with options that go together.
    pub(super) fn is_capi(&self) -> anyhow::Result<bool> {
        if self.format == Format::Capi {
            match self.cipher.and_then(CipherName::cost) {
                Some(cost) if !self.legacy => return Err(LegacyRefused(cost).into()),
                _ => return Ok(true),
            }
        }
        let none = self.cipher.is_none() && !self.legacy && !self.oaep && self.key_bits.is_none();
        ensure!(
            none,
            Usage("`--cipher`, `--legacy`, `--oaep` and `--key-bits` are for `--format capi`")
        );
        Ok(false)
    }

    fn padding(&self) -> Padding {
        if self.oaep {
            Padding::Oaep
        } else {
            Padding::Pkcs1
        }
    }
}

pub(super) fn encrypt(
    context: &Context,
    mut home: Home,
    mut jobs: Vec<Job>,
    options: &FormatOptions,
    report: &mut Report<'_>,
) -> anyhow::Result<()> {
    let mut rng = context.rng();
    let bits = options.key_bits.map_or(Home::EXCHANGE_BITS, |bits| bits.0);
    let (owner, made) =
        home.ensure_exchange_key(bits, &mut prompt::passphrases(context), &mut rng)?;
    if made {
        // Said in any case.
        tell(format_args!(
            "made an RSA key of {} bits for CryptoAPI's files, exchange.priv and exchange.pub in {}",
            owner.bits(),
            shown(home.root())
        ));
    } else {
        ensure!(
            options.key_bits.is_none_or(|bits| bits.0 == owner.bits()),
            Usage("`--key-bits` chooses the length of the RSA key on the first use alone")
        );
    }
    ensure_not_legacy(&owner, options.legacy)?;
    let cipher = options.cipher.unwrap_or(CipherName::DEFAULT);
    if let Some(cost) = cipher.cost() {
        context.say(format_args!("warning: {cost}"));
    }
    let options = CapiOptions {
        owner: &owner,
        padding: options.padding(),
        cipher,
        spool: &std::env::temp_dir(),
    };
    let authority = reach::authority_of(context, &home)?;
    let mut client = reach::connect(context, &mut home, &authority, &mut rng)?;
    let piped = |job: &mut Job| {
        matches!(job.source, Source::Stream(_)) || matches!(job.target, Target::Stream(_))
    };
    let Some(job) = jobs.pop_if(piped) else {
        return Ok(client.encrypt_capi(jobs, &options, report)?);
    };
    // A pipe stands alone, and may last: the other end may even want this home. So the home is let go meanwhile.
    drop(home);
    let mut progress = |bytes| report.progress(0, bytes);
    let prepared = match prepare(job, &options, &mut progress, &mut rng) {
        Ok(prepared) => prepared,
        Err(error) => {
            report.done(0, Err(error));
            return Ok(());
        }
    };
    let mut home = Home::open(&context.home)?;
    let mut client = reach::connect(context, &mut home, &authority, &mut rng)?;
    let deposited = client.deposit_capi(vec![prepared])?;
    drop(home);
    let deposited = deposited
        .into_iter()
        .next()
        .context("the spare is missing")?;
    report.done(0, deposited.appear());
    Ok(())
}

/// Says what the layout does not do.
pub(super) fn say_no_integrity(context: &Context) {
    context.say(
        "this layout has no integrity: whoever can write to such a file can change it unseen by other programs. \
         `strongroom decrypt` compares it with its receipt in this home",
    );
}

//! `encrypt --format capi`: the layout of CryptoAPI's example programs (spec/capi-owner.md#encrypting).

use anyhow::ensure;
use clap::{Args, ValueEnum};
use strongroom_capi::{Algorithm, Padding};
use strongroom_client::capi::encrypt::{CapiOptions, prepare_group};
use strongroom_client::capi::{CipherName, LegacyCipher, NoCipher};
use strongroom_client::encrypt::{Appearing, Job, Jobs};
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
    #[arg(long, value_name = "NAME", value_parser = new_cipher)]
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

/// Reads the name of a cipher that new files are made with: with shorter keys of RC2 and RC4 old ones are opened, and no new
/// ones made.
fn new_cipher(text: &str) -> Result<CipherName, String> {
    let name: CipherName = text.parse().map_err(|error: NoCipher| error.to_string())?;
    let is_variable = matches!(name.algorithm(), Algorithm::Rc2 | Algorithm::Rc4);
    match is_variable && name.key_bytes() < 16 {
        true => Err(format!(
            "no new files are made with keys as short as {name}'s"
        )),
        false => Ok(name),
    }
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
    jobs: Vec<Job>,
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
    // Before hours of work for an authority that does not answer.
    reach::connect(context, &mut home, &authority, &mut rng)?;
    drop(home);
    let mut record = super::recorder(context, &jobs);
    let mut jobs = Jobs::of(jobs);
    let mut appearing = Appearing::default();
    let mut encrypt_all = |appearing: &mut Appearing, report: &mut Report<'_>| {
        loop {
            let (numbers, group) = prepare_group(&mut jobs, &options, report, &mut rng);
            if group.is_empty() {
                return anyhow::Ok(());
            }
            let mut home = Home::open(&context.home)?;
            let mut client = reach::connect(context, &mut home, &authority, &mut rng)?;
            let deposited = client.deposit_capi(group)?;
            // Whoever reads a pipe that this goes into may want the home.
            drop(home);
            for (number, unseen) in numbers.into_iter().zip(deposited) {
                appearing.push(number, unseen, report);
            }
            appearing.begin(report);
            appearing.record(&mut record)?;
        }
    };
    let done = encrypt_all(&mut appearing, report);
    appearing.finish(report);
    done.and(appearing.record(record))
}

/// Says what the layout does not do.
pub(super) fn say_no_integrity(context: &Context) {
    context.say(
        "this layout has no integrity: whoever can write to such a file can change it unseen by other programs. \
         `strongroom decrypt` compares it with its receipt in this home",
    );
}

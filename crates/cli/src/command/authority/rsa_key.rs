//! `strongroom authority rsa-key`: the key to which programs of CryptoAPI's export their session keys
//! (spec/simple-blob.md#rsa-key).

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::Args;
use strongroom_authority::RsaKeyError;
use strongroom_capi::PublicKey;
use strongroom_client::Address;
use strongroom_client::home::Home;
use strongroom_files::output::{Output, Overwrite, ReadableBy};
use strongroom_protocol::statement::Statement;

use crate::context::Context;
use crate::exit::{Exit, Usage};
use crate::rsa::KeyBits;
use crate::terminal::{self, shown};
use crate::{prompt, reach, stream};

/// Write the authority's RSA public key, having made one where there is none.
///
/// Programs of CryptoAPI's import it and export their session keys to it; `deposit --simple-blob` takes what they
/// exported. OUT becomes what its name says: .pub (PUBLICKEYBLOB) or .pem. The fingerprint is printed: whoever gets the file
/// compares it, past that file.
#[derive(Args)]
pub(super) struct Arguments {
    /// Write to OUT; a PUBLICKEYBLOB to a pipe if it is `-`.
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,
    /// Replace OUT if it is there already.
    #[arg(long, requires = "output")]
    force: bool,
    /// The length of a new key in bits: 2048, 3072 or 4096.
    #[arg(long, value_name = "BITS", default_value = "2048")]
    key_bits: KeyBits,
    /// The authority's folder [default: the one that your home is with].
    #[arg(long, value_name = "DIR")]
    authority: Option<PathBuf>,
    /// Read the recovery code from PATH, where the authority's key is sealed.
    #[arg(long, value_name = "PATH")]
    code_file: Option<PathBuf>,
}

pub(super) fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    let overwrite = if arguments.force {
        Overwrite::Force
    } else {
        Overwrite::Refuse
    };
    // Before a key is made that can't be written.
    let target = arguments.output.as_deref();
    let form = target.map(Form::of).transpose()?;
    if let Some(path) = target.filter(|path| !stream::is_sink(path)) {
        Output::check(path, overwrite)?;
    }
    let folder = match &arguments.authority {
        Some(folder) => folder.clone(),
        None => super::folder_of(&Home::open_to_read(&context.home)?)?,
    };
    let service = reach::service(context, &Address::Folder(folder))?;
    let statement = match service.make_rsa_key(arguments.key_bits.0) {
        Err(RsaKeyError::Sealed) => {
            let code = prompt::recovery_code(context, arguments.code_file.as_deref())?;
            service.unlock(&code)?;
            service.make_rsa_key(arguments.key_bits.0)?
        }
        made => made?,
    };
    let Statement::RsaKey(key) = statement.statement() else {
        bail!("the authority named another statement for its RSA key");
    };
    let key = PublicKey::from_blob(&key.public_key).context("the authority's RSA key")?;
    if let (Some(path), Some(form)) = (target, form) {
        let bytes = match form {
            Form::Blob => key.to_blob(),
            Form::Pem => key.to_pem().into_bytes(),
        };
        if stream::is_sink(path) {
            let mut output = stream::output_to(Some(path))?;
            output.write_all(&bytes)?;
            output.flush()?;
            return Ok(Exit::Done);
        }
        let mut output = Output::create(path, overwrite, ReadableBy::Umask, &mut context.rng())?;
        output.file_mut().write_all(&bytes)?;
        output.commit()?;
        context.say(format_args!("{}  {} bits", shown(path), key.bits()));
    }
    terminal::print(format_args!("fingerprint {}", key.fingerprint()))?;
    Ok(Exit::Done)
}

enum Form {
    Blob,
    Pem,
}

impl Form {
    fn of(path: &std::path::Path) -> Result<Self, Usage> {
        let ending = path.extension().and_then(std::ffi::OsStr::to_str);
        match ending {
            _ if stream::is_sink(path) => Ok(Self::Blob),
            Some("pub") => Ok(Self::Blob),
            Some("pem") => Ok(Self::Pem),
            _ => Err(Usage("the name of OUT says what it becomes: .pub or .pem")),
        }
    }
}

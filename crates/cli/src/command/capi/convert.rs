//! `capi convert`: RSA keys between BLOBs and PEM; and the example programs' files to age files, which have what those
//! lack: integrity, a cipher of today, and a pointer to their spare.

use std::fs::File;
use std::io::{self, BufReader, PipeWriter, Read, Seek, SeekFrom, Write};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::thread;

use anyhow::{Context as _, anyhow, bail, ensure};
use clap::Args;
use strongroom_capi::beginning::BeginningWriter;
use strongroom_capi::file::{DigestWriter, FileHeader, looks_like};
use strongroom_capi::{Key, PrivateKey};
use strongroom_client::capi::decrypt::{UnlockedCapiFile, parameters};
use strongroom_client::capi::{Seen, Source};
use strongroom_client::decrypt::SealedFile;
use strongroom_client::encrypt::{self, EncryptError, EncryptOptions, Encrypted};
use strongroom_client::file::same_file;
use strongroom_client::home::{Home, read_exchange_key};
use strongroom_files::output::{Output, ReadableBy};
use strongroom_protocol::id::Digest;
use strongroom_protocol::statement::Particulars;

use super::keys::{pair, read_key, read_pair};
use super::place::Target;
use super::warn_of;
use crate::cipher::{CipherOptions, judgement, warn_of_doubts};
use crate::context::Context;
use crate::exit::{Exit, Usage};
use crate::rsa::{NoPadding, PaddingOption};
use crate::terminal::{count, shown};
use crate::{founding, prompt, reach, stream};

/// Convert an RSA key between CryptoAPI's BLOBs and PEM, or a file of the example programs to an age file.
///
/// What IN is, its content says; what OUT becomes, its name: .pem, .pub (PUBLICKEYBLOB), .priv (PRIVATEKEYBLOB) or .age. Of
/// a key pair .pub and .pub.pem are the public half. Key pairs are written in the clear.
///
/// An age file is a copy, encrypted to you anew, with a spare at your authority. It is compared with what the original
/// decrypted to before it appears. Whether that is what the program encrypted, nothing in the original shows: what was
/// assumed is said, and how the plaintext begins. Look at the copy, then delete the original yourself: as long as it is there,
/// its old key opens it.
#[derive(Args)]
pub(super) struct Arguments {
    /// A key: a BLOB of CryptoAPI's, PEM, DER, .NET's XML, a .snk or PVK file, CNG's, or base64 or hexadecimal of one; from a
    /// pipe if it is `-`. Or an encrypted file.
    #[arg(value_name = "IN")]
    input: PathBuf,
    #[command(flatten)]
    target: Target,
    /// The RSA key pair that opens the file: a PRIVATEKEYBLOB or PEM [default: your home's].
    #[arg(long, value_name = "KEY")]
    key: Option<PathBuf>,
    #[command(flatten)]
    padding: PaddingOption,
    #[command(flatten)]
    cipher: CipherOptions,
    /// What the authority is told of the age file [default: the file's name].
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
}

/// The copy is not what the original decrypts to.
#[derive(Debug, thiserror::Error)]
#[error("the copy is not what the original decrypted to before: no copy was made")]
struct Differs;

pub(super) fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    let target = &arguments.target;
    let name = target.output.to_string_lossy().to_ascii_lowercase();
    if name.ends_with(".age") {
        return convert_file(context, arguments);
    }
    ensure!(
        arguments.key.is_none()
            && arguments.description.is_none()
            && arguments.padding.said().is_none()
            && arguments.cipher.said().is_none(),
        Usage(
            "`--key`, `--pkcs1`, `--oaep`, `--description` and what a program set on its session key are for files that become \
             age files"
        )
    );
    let key = read_key(&arguments.input)?;
    if name.ends_with(".pub.pem") {
        target.put_public(context, key.public().to_pem().as_bytes())?;
    } else if name.ends_with(".pub") {
        target.put_public(context, &key.public().to_blob())?;
    } else if name.ends_with(".priv") {
        target.put(context, &pair(&key, &arguments.input)?.to_blob()?)?;
    } else if name.ends_with(".pem") {
        match &key {
            Key::Public(key) => target.put_public(context, key.to_pem().as_bytes())?,
            Key::Private(key) => target.put(context, key.to_pem().as_bytes())?,
        }
    } else {
        bail!(Usage(
            "the name of OUT says what it becomes: .pem, .pub, .priv, .pub.pem or .age"
        ));
    }
    warn_of(context, key.public());
    Ok(Exit::Done)
}

/// Makes an age file of what the example programs' file decrypts to.
///
/// In this order: the original is decrypted to its end and thrown away, but for its digest, so that what is damaged makes no
/// copy; it is decrypted again, into the age file; that is decrypted and compared; and then it appears under its name. The
/// original may change between the two passes, and until the comparison an older OUT is all that there is.
fn convert_file(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    let (input, output) = (&arguments.input, &arguments.target.output);
    ensure!(
        !stream::is_pipe(input),
        Usage("a file is read more than once to be converted: a pipe can't be")
    );
    let overwrite = arguments.target.overwrite();
    Output::check(output, overwrite)?;
    ensure!(
        !same_file(input, output),
        EncryptError::OntoItself {
            path: output.clone()
        }
    );
    let original = Original::open(context, arguments)?;
    let (expected, seen) = original.digest()?;

    let mut home = founding::home(context)?;
    let readable = ReadableBy::ReadersOf(&original.file);
    let mut copy = Output::create(output, overwrite, readable, &mut context.rng())?;
    let encrypted = encrypt(context, arguments, &mut home, &original, copy.file_mut())?;
    ensure!(
        decrypt(context, &home, copy.file_mut())? == expected,
        Differs
    );
    copy.commit()?;
    warn_of(context, original.key.public());
    context.say(format_args!(
        "{}  {}  its spare is {}, serial {}",
        shown(output),
        count(encrypted.bytes, "byte", "bytes"),
        encrypted.spare.state.as_str(),
        encrypted.spare.serial
    ));
    for sentence in judgement(&seen) {
        context.say(format_args!("    {sentence}"));
    }
    warn_of_doubts(input, &seen);
    context.say(format_args!(
        "    look at the copy before you delete {}",
        shown(input)
    ));
    Ok(Exit::Done)
}

/// Decrypts the original into the copy, by way of a pipe.
fn encrypt(
    context: &Context,
    arguments: &Arguments,
    home: &mut Home,
    original: &Original,
    copy: &File,
) -> anyhow::Result<Encrypted> {
    let owner = home.recipient(&mut prompt::passphrases(context))?;
    let mut options = EncryptOptions::new(&owner);
    options.threads = context.threads;
    let description = arguments.description.clone().unwrap_or_else(|| {
        let name = arguments.input.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    });
    let particulars = Particulars::new(description, Default::default())?;
    let authority = reach::authority_of(context, home)?;
    let mut rng = context.rng();
    let mut client = reach::connect(context, home, &authority, &mut rng)?;
    let (reader, writer) = io::pipe().context("cannot make a pipe")?;
    let source = encrypt::Source::Stream(File::from(OwnedFd::from(reader)));
    let target = encrypt::Target::Stream(Box::new(copy.try_clone()?));
    let spares = client.deposit(&owner, &[], vec![particulars])?;
    let spare = spares.into_iter().next().context("the spare is missing")?;
    thread::scope(|scope| {
        let decrypting = scope.spawn(|| original.decrypt_into(writer));
        let encrypted = spare.encrypt(source, target, &options, &mut |_| {}, client.rng());
        let decrypted = decrypting.join();
        let encrypted = encrypted?;
        // The encryptor takes the pipe's end for the plaintext's, also where decrypting broke off.
        decrypted
            .map_err(|_| anyhow!("decrypting failed on the way"))?
            .context("the original did not decrypt a second time: no copy was made")?;
        client.record_written(&encrypted)?;
        Ok(encrypted)
    })
}

/// Decrypts the copy, from its beginning, and returns SHA-256 of what comes out.
fn decrypt(context: &Context, home: &Home, copy: &mut File) -> anyhow::Result<Digest> {
    copy.seek(SeekFrom::Start(0))?;
    let identities = home.identities(&mut prompt::passphrases(context))?;
    let mut digest = DigestWriter::new(io::sink());
    SealedFile::read(BufReader::new(copy))?
        .unlock(&identities.as_unwraps())?
        .decrypt(&mut digest, context.threads, &mut |_| {})?;
    Ok(Digest::from_bytes(digest.finish()))
}

/// A file of the example programs, with what opens it.
struct Original {
    /// Nobody reads the copy who could not read it.
    file: File,
    /// Where the ciphertext begins.
    start: u64,
    unlocked: UnlockedCapiFile,
    /// On whose word what was taken to be set on its session key is.
    source: Source,
    key: PrivateKey,
    /// The ciphertext's digest, where the home knows it.
    expected: Option<Digest>,
}

impl Original {
    fn open(context: &Context, arguments: &Arguments) -> anyhow::Result<Self> {
        let path = &arguments.input;
        let failed = || format!("cannot read `{}`", shown(path));
        let mut file = strongroom_files::open(path).with_context(failed)?;
        let mut prefix = [0; 16];
        let is_file = file.read_exact(&mut prefix).is_ok() && looks_like(&prefix);
        ensure!(
            is_file,
            "`{}` is no file of the example programs: an age file is made of nothing else",
            shown(path)
        );
        file.seek(SeekFrom::Start(0)).with_context(failed)?;
        let header = FileHeader::read(&mut file)?;
        let home = &context.home;
        let exists = Home::exists(home)?;
        let known = if exists {
            Home::open_to_read(home)?.known_capi_file(&header)?
        } else {
            None
        };
        let key = match &arguments.key {
            Some(path) => read_pair(path)?,
            None => {
                ensure!(
                    exists,
                    Usage("name the key that opens the file with `--key`")
                );
                read_exchange_key(home, &mut prompt::passphrases(context))?
            }
        };
        let padding = known.and_then(|known| known.padding);
        let padding = arguments.padding.said().or(padding).ok_or(NoPadding)?;
        let (parameters, source) = parameters(arguments.cipher.said(), known)?;
        let unlocked =
            UnlockedCapiFile::unlock(&header, &key, padding, parameters, &mut context.rng())
                .with_context(|| format!("cannot open `{}`", shown(path)))?;
        Ok(Self {
            start: header.bytes(),
            expected: known.and_then(|known| known.payload),
            file,
            unlocked,
            source,
            key,
        })
    }

    /// Decrypts it to its end, and returns SHA-256 of what comes out, and how that begins.
    fn digest(&self) -> anyhow::Result<(Digest, Seen)> {
        let mut digest = DigestWriter::new(io::sink());
        let mut beginning = BeginningWriter::new(&mut digest);
        if let Err(error) = self.decrypt(&mut beginning) {
            // A guess, where one can be made.
            let why = self.unlocked.explain(self.ciphertext()?)?;
            return Err(error.context(why.to_string()));
        }
        let seen = self.unlocked.seen(self.source, beginning.finish());
        Ok((Digest::from_bytes(digest.finish()), seen))
    }

    fn decrypt_into(&self, mut pipe: PipeWriter) -> anyhow::Result<()> {
        self.decrypt(&mut pipe)
    }

    fn decrypt(&self, sink: &mut dyn Write) -> anyhow::Result<()> {
        let ciphertext = self.ciphertext()?;
        self.unlocked
            .decrypt(ciphertext, sink, self.expected, &mut |_| {})?;
        Ok(())
    }

    fn ciphertext(&self) -> io::Result<BufReader<&File>> {
        let mut file = &self.file;
        file.seek(SeekFrom::Start(self.start))?;
        Ok(BufReader::with_capacity(1 << 16, file))
    }
}

//! `strongroom recover`: gets session keys back, and rewraps files for the key in use. Stopped anywhere, the same
//! command goes on (spec/recovery.md).

mod ask;
mod blob;
mod files;
mod secret;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{bail, ensure};
use clap::Args;
use strongroom_authority::Caller;
use strongroom_client::Address;
use strongroom_client::connection::ExchangeError;
use strongroom_client::home::Home;
use strongroom_client::{enroll, recover::Wanted};
use strongroom_files::output::Overwrite;
use strongroom_protocol::id::{OwnerId, Serial};
use strongroom_protocol::statement::Grounds;

use self::ask::Asked;
pub(crate) use self::ask::{Ended, ended};
use self::blob::WantedBlob;
use self::files::Files;
pub(crate) use self::files::{NotHeld, NotNamed};
use self::secret::WantedSecret;
use crate::context::Context;
use crate::exit::{Exit, Usage};
use crate::founding::{self, Finished};
use crate::ids::{self, TypedSerial};
use crate::input::Paths;
use crate::options::{KeyTypeName, NewPassphrase};
use crate::rsa::{KeyBits, PaddingOption};
use crate::terminal::count;
use crate::{prompt, reach, stream};

/// How long `--wait` lets pass between two looks.
const PAUSE: Duration = Duration::from_secs(10);

/// Get the keys of files back, and make the files open with your key again.
///
/// Asks for the recovery code, where the policy does. Makes a new key where yours is gone, once the keys are released, and
/// sealed with a passphrase if that was. Only the files' headers are rewritten; a file that opens already costs nothing. Run
/// again, it goes on where it stopped; while a request waits it says what for, and exits with 3. If it was denied or vetoed,
/// or lapsed, it says so once; run again, it asks anew.
#[derive(Args)]
#[command(after_help = "\
Examples:
  strongroom recover thesis.pdf.age      one file
  strongroom recover archive/            every encrypted file in a folder
  strongroom recover --all               all keys; `rewrap` applies them later
  strongroom recover --name wifi -o -    a secret that you deposited, to a pipe
  strongroom recover --serial N -o NEW FILE
                                         a file that has another file's header
  strongroom recover --sheet sheet.txt archive/
                                         if your Strongroom folder is lost, too
  strongroom recover --to new.pub data.bin.capi
                                         for a program's new RSA key
  strongroom recover --for OWNER --reason 'left us in May' archive/
                                         a colleague's files, by the policy")]
pub(crate) struct Arguments {
    #[command(flatten)]
    paths: Paths,
    /// Ask for all that you have deposited.
    #[arg(long, conflicts_with = "typed_serials")]
    all: bool,
    /// Ask for the deposit of this serial number, of which the beginning is enough; with files, try its key on them, whatever
    /// they name themselves.
    #[arg(long = "serial", value_name = "N")]
    typed_serials: Vec<TypedSerial>,
    /// The same, as the home knows them.
    #[arg(skip)]
    serials: Vec<Serial>,
    /// Ask for the secret that goes by this name, the newest one.
    #[arg(
        long,
        value_name = "NAME",
        conflicts_with_all = ["all", "owner", "paths", "typed_serials", "sheet"]
    )]
    name: Option<String>,
    /// Wait until the request is decided.
    #[arg(long)]
    wait: bool,
    /// Why you ask, for those who decide.
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    /// Ask for the keys of another owner, by their id, where the policy lets you; they are told.
    #[arg(
        long = "for",
        value_name = "OWNER",
        value_parser = ids::whole::<OwnerId>,
        requires = "reason",
        conflicts_with = "sheet"
    )]
    owner: Option<OwnerId>,
    /// Read the recovery code from PATH.
    #[arg(long, value_name = "PATH")]
    code_file: Option<PathBuf>,
    /// Rebuild a lost home from a recovery sheet; from a pipe if it is `-`.
    #[arg(long, value_name = "PATH", conflicts_with = "code_file")]
    sheet: Option<PathBuf>,
    /// Where the authority's folder is now, if it is not where the sheet says.
    #[arg(long, value_name = "DIR", requires = "sheet")]
    authority: Option<Address>,
    /// The kind of key, where a new one is made [default: that of the lost one].
    #[arg(long, value_enum, value_name = "TYPE")]
    key_type: Option<KeyTypeName>,
    #[command(flatten)]
    passphrase: NewPassphrase,
    /// Write the rewrapped file to OUT, and leave the file as it is; into OUT, if it is a folder or ends in `/`, or if several
    /// files or a folder were named. With `--name` or `--serial`, write that secret to OUT; to a pipe if it is `-`.
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,
    /// Get the keys, and rewrite no file.
    #[arg(long, conflicts_with = "output")]
    keys_only: bool,
    /// Replace OUT if it is there already.
    #[arg(long, requires = "output")]
    force: bool,
    /// Say what would be asked for and rewritten, and do nothing.
    #[arg(long)]
    dry_run: bool,
    /// Print a line of JSON for each file.
    #[arg(long)]
    json: bool,
    /// Make CryptoAPI's files open with this RSA public key, a PUBLICKEYBLOB or PEM, and not with yours; with --serial
    /// and -o, write a SIMPLEBLOB for it.
    #[arg(long, value_name = "KEY")]
    to: Option<PathBuf>,
    #[command(flatten)]
    padding: PaddingOption,
    /// Do wrap to a legacy RSA key.
    #[arg(long, requires = "to")]
    legacy: bool,
    /// The length of a new RSA key for CryptoAPI's files [default: that of the lost one].
    #[arg(long, value_name = "BITS", conflicts_with = "to")]
    key_bits: Option<KeyBits>,
}

impl Arguments {
    /// Tells whether keys are asked for, whatever files there are.
    fn asks_for_keys(&self) -> bool {
        self.all || self.name.is_some() || !self.typed_serials.is_empty()
    }

    fn overwrite(&self) -> Overwrite {
        if self.force {
            Overwrite::Force
        } else {
            Overwrite::Refuse
        }
    }
}

pub(crate) fn run(context: &Context, mut arguments: Arguments) -> anyhow::Result<Exit> {
    ensure!(
        !arguments.paths.is_empty() || arguments.asks_for_keys(),
        Usage("name files, or `--all`, or `--serial`, or `--name`")
    );
    arguments.serials = match &arguments.name {
        Some(name) => vec![serial_of(context, name)?],
        None => serials(context, &arguments.typed_serials)?,
    };
    let arguments = &arguments;
    ensure!(
        arguments.to.is_some() || arguments.padding.said().is_none(),
        Usage(
            "`--pkcs1` and `--oaep` say how to pad for `--to`: for your own key it is done as before"
        )
    );
    let lists = arguments.paths.files_from.iter().chain(&arguments.sheet);
    let lists = lists.chain(&arguments.code_file);
    stream::ensure_one_reader(lists.chain(context.passphrase.file()))?;
    let mut files = Files::new(context, arguments)?;
    let blob = WantedBlob::of(arguments)?;
    let secret = WantedSecret::of(arguments)?;
    if !arguments.paths.is_empty() {
        let is_wanting = files.sort_out(&interrupted(context));
        // No key is made, and no home, for what needs none.
        if !is_wanting && !arguments.asks_for_keys() {
            return Ok(files.end());
        }
    }
    if arguments.dry_run {
        return dry_run(context, arguments, &mut files);
    }
    let sheet = match &arguments.sheet {
        Some(path) => Some(prompt::read_sheet(context, path)?),
        None => None,
    };
    let code = match sheet {
        Some(sheet) => {
            rejoin(context, arguments, &sheet)?;
            Some(sheet.code)
        }
        None => None,
    };
    loop {
        let mut home = Home::open(&context.home)?;
        home.expect_files(files.count())?;
        let exit = attempt(
            context,
            arguments,
            &mut home,
            &mut files,
            (secret.as_ref(), blob.as_ref()),
            code.as_ref(),
        )?;
        if exit != Exit::Waiting || !arguments.wait {
            return Ok(exit);
        }
        // Others may use the home meanwhile.
        drop(home);
        std::thread::sleep(PAUSE);
    }
}

/// Finds the deposit of the newest secret of a name, by what the authority's log has now.
fn serial_of(context: &Context, name: &str) -> anyhow::Result<Serial> {
    let mut home = Home::open(&context.home)?;
    let authority = reach::authority_of(context, &home)?;
    let mut rng = context.rng();
    let client = reach::connect(context, &mut home, &authority, &mut rng)?;
    let mut newest = client.home().newest_secrets()?;
    match newest.remove(name).as_deref() {
        Some([serial]) => Ok(*serial),
        None | Some([]) => Err(NoSuchName {
            name: name.to_owned(),
        }
        .into()),
        Some(several) => {
            let serials = several.iter().map(Serial::to_string);
            bail!(
                "several machines of yours deposited a secret under the name `{name}`: name one of them with `--serial`: {}",
                serials.collect::<Vec<_>>().join(", ")
            )
        }
    }
}

/// No secret goes by a name.
#[derive(Debug, thiserror::Error)]
#[error("no secret goes by the name `{name}`")]
pub(crate) struct NoSuchName {
    name: String,
}

/// Returns which files a command that was interrupted was rewriting, if that can be told.
fn interrupted(context: &Context) -> Vec<PathBuf> {
    // Whatever is wrong with the home is said when it is opened for good.
    let home = Home::open(&context.home).ok();
    home.and_then(|home| home.interrupted().ok())
        .unwrap_or_default()
}

/// Says what would be asked for and rewritten, and does nothing.
fn dry_run(
    context: &Context,
    arguments: &Arguments,
    files: &mut Files<'_>,
) -> anyhow::Result<Exit> {
    let home = match Home::exists(&context.home)? {
        true => Some(Home::open(&context.home)?),
        false => None,
    };
    let has_identity = home.as_ref().map(Home::has_identity).transpose()?;
    if has_identity != Some(true) {
        context.say("a new key would be made");
    }
    if arguments.all {
        context.say("all keys would be asked for");
    }
    for serial in &arguments.serials {
        context.say(format_args!(
            "the key of serial {serial} would be asked for"
        ));
    }
    files.would(home.as_ref())?;
    Ok(files.end())
}

/// Returns the serials that were meant: of one that was typed in part, the one that the home knows.
fn serials(context: &Context, typed: &[TypedSerial]) -> anyhow::Result<Vec<Serial>> {
    let mut known = Vec::new();
    let is_partial = typed.iter().any(|serial| serial.whole().is_none());
    if is_partial && Home::exists(&context.home)? {
        let home = Home::open(&context.home)?;
        known = home.released_serials()?;
        home.each_deposit::<anyhow::Error>(&mut |deposit| {
            known.push(deposit.record.serial);
            Ok(())
        })?;
        known.sort_unstable();
        known.dedup();
    }
    let serials = typed.iter().map(|serial| serial.among(&known));
    Ok(serials.collect::<Result<_, _>>()?)
}

/// Goes as far as it can be gone now.
fn attempt(
    context: &Context,
    arguments: &Arguments,
    home: &mut Home,
    files: &mut Files<'_>,
    (secret, blob): (Option<&WantedSecret<'_>>, Option<&WantedBlob<'_>>),
    code: Option<&strongroom_protocol::code::RecoveryCode>,
) -> anyhow::Result<Exit> {
    if !home.has_identity()? {
        // Before anything is asked of who could not be answered.
        reach::authority_of(context, home)?.check_writable()?;
    }
    files::repair(context, home)?;
    // What opens with the keys at hand asks for nothing.
    files.rewrap(home)?;
    if let Some(secret) = secret
        && secret.write_if_it_opens(context, home)?
    {
        return Ok(Exit::Done);
    }
    if let Some(blob) = blob
        && blob.write_if_released(context, home)?
    {
        return Ok(Exit::Done);
    }
    let grounds = Grounds::new(arguments.reason.clone())?;
    let mut asked = false;
    // More than once where what came back tells which deposits the other files have.
    while let Some(wanted) = wanted(arguments, home, files, asked)? {
        asked = true;
        match ask::ask(context, arguments, home, wanted, &grounds, code, files)? {
            Asked::Nothing => continue,
            Asked::Waits => return Ok(Exit::Waiting),
            Asked::Released(collected) => {
                let keys = count(collected.keys, "key", "keys");
                context.say(format_args!("{keys} released"));
                files.not_released(home, &collected)?;
            }
        }
        // A header that was torn when its key was lost, too.
        files::repair(context, home)?;
        files.rewrap(home)?;
    }
    if !asked {
        return Ok(files.end());
    }
    match (secret, blob) {
        (Some(secret), _) => secret.write(context, home)?,
        (None, Some(blob)) => blob.write(context, home)?,
        (None, None) => secret::say_which(context, home, &arguments.serials)?,
    }
    Ok(files.end())
}

/// Returns what is to be asked for, if anything: what the owner said, or what the files name. `asked` tells whether there was
/// an answer to the first.
///
/// A file that names nothing that is there may be anybody's: whoever can put one into a folder is not to have everything of
/// its owner's asked for. That is for the owner to say, by `--all`, or by naming a file when a lost home knows no deposits.
fn wanted(
    arguments: &Arguments,
    home: &Home,
    files: &Files<'_>,
    asked: bool,
) -> anyhow::Result<Option<Wanted>> {
    if asked && arguments.asks_for_keys() {
        return Ok(None);
    }
    if arguments.all {
        return Ok(Some(Wanted::Everything));
    }
    if !arguments.serials.is_empty() {
        return Ok(files
            .are_wanting()
            .then(|| Wanted::Serials(arguments.serials.clone())));
    }
    let serials = files.missing();
    if !serials.is_empty() {
        return Ok(Some(Wanted::Serials(serials)));
    }
    let knows_nothing = home.deposits_count()? == 0;
    Ok(
        (!files.have_asked_for_everything() && knows_nothing && files.have_nameless())
            .then_some(Wanted::Everything),
    )
}

/// Makes the home that was lost anew, for the owner and the authority that the sheet names.
fn rejoin(
    context: &Context,
    arguments: &Arguments,
    sheet: &strongroom_client::sheet::Sheet,
) -> anyhow::Result<()> {
    let address = arguments.authority.as_ref().unwrap_or(&sheet.address);
    let address = address.absolute()?;
    // Before a home is made that would be in the way.
    let reached =
        reach::open(context, &address, Caller::Anybody).map_err(|source| NotThere { source })?;
    reached.check_writable()?;
    let authority = reached.authority();
    let (found, expected) = (authority.about()?.authority(), sheet.authority);
    ensure!(
        found == expected,
        ExchangeError::OtherAuthority { expected, found }
    );
    let known = if Home::exists(&context.home)? {
        let home = Home::open(&context.home)?;
        home.membership()?
    } else {
        // Stopped before it is whole, it is finished by no other command.
        founding::make(context)?.record_place_named()?;
        None
    };
    match known {
        None => {
            let mut home = Home::open(&context.home)?;
            let joined =
                enroll::rejoin(&mut home, &address, authority, sheet.owner, sheet.authority);
            Ok(joined?)
        }
        // Left by a command that was stopped.
        Some(known)
            if known.owner == sheet.owner && known.founding.authority() == sheet.authority =>
        {
            if arguments.authority.is_some() {
                Home::open(&context.home)?.record_address(&address)?;
            }
            Ok(())
        }
        Some(_) => {
            let mut home = Home::open(&context.home)?;
            // Left by a sheet that was another's, or mistyped: nothing came of it.
            ensure!(
                home.is_unused()?,
                Finished {
                    path: context.home.clone()
                }
            );
            home.forget_authority()?;
            let owner = sheet.owner;
            let joined = enroll::rejoin(&mut home, &address, authority, owner, sheet.authority);
            Ok(joined?)
        }
    }
}

/// The authority of a recovery sheet is not to be reached.
#[derive(Debug, thiserror::Error)]
#[error("{source}")]
pub(crate) struct NotThere {
    source: anyhow::Error,
}

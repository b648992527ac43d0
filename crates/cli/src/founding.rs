//! A home's beginning: the authority, the keys, the recovery code on its sheet, the enrolment. What a command that was
//! killed left of it is taken up (spec/home.md#enrolment says in what order things reach the disk).

mod authority;

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use strongroom_agefile::KeyType;
use strongroom_authority::{Caller, Service};
use strongroom_client::connection::ExchangeError;
use strongroom_client::enroll::Enrolling;
use strongroom_client::file::{Disks, Distance};
use strongroom_client::home::{Home, HomeError, KeysError, Membership};
use strongroom_client::sheet::Sheet;
use strongroom_client::{Address, ConnectError};
use strongroom_files::write_new;
use strongroom_protocol::Authority as _;
use strongroom_protocol::code::RecoveryCode;
use strongroom_protocol::id::OwnerId;
use zeroize::Zeroizing;

pub(crate) use self::authority::NothingToJoin;
use self::authority::{Place, open_or_found};
use crate::context::Context;
use crate::options::{KeyTypeName, NewPassphrase};
use crate::terminal::{self, count, escape, shown, tell};
use crate::{paths, prompt, reach};

/// How a home is to begin.
#[derive(Default)]
pub(crate) struct Plan {
    /// Where the authority is; within the home if this says nothing.
    pub(crate) authority: Option<Address>,
    /// A file for the code alone.
    pub(crate) code_file: Option<PathBuf>,
    /// Where the recovery sheet goes; within the home if this says nothing.
    pub(crate) sheet: Option<PathBuf>,
    pub(crate) key_type: KeyType,
    /// The passphrase that the identity is sealed with, if it is.
    pub(crate) passphrase: Option<NewPassphrase>,
    /// Whether the authority must be there already.
    pub(crate) join: bool,
}

/// A home was named, it is not there, and nobody sits there to say that it is to be made.
#[derive(Debug, thiserror::Error)]
#[error("there is no Strongroom home at `{}`, and it is not made unasked where a home was named", path.display())]
pub(crate) struct NamedHomeMissing {
    path: PathBuf,
}

/// The home is to be in a folder that is not there.
#[derive(Debug, thiserror::Error)]
#[error("there is no folder to put the home `{}` into", path.display())]
pub(crate) struct NoFolder {
    path: PathBuf,
}

/// `init` began the home and did not finish it.
#[derive(Debug, thiserror::Error)]
#[error("`init` began the home at `{}` and did not finish it", path.display())]
pub(crate) struct InitUnfinished {
    path: PathBuf,
}

/// `init --join` began the home and did not finish it.
#[derive(Debug, thiserror::Error)]
#[error("the home at `{}` was to join by an invitation, and that was not finished", path.display())]
pub(crate) struct JoinUnfinished {
    path: PathBuf,
}

/// The home is there, and nothing is to be begun.
#[derive(Debug, thiserror::Error)]
#[error("there is a finished home at `{}` already", path.display())]
pub(crate) struct Finished {
    pub(crate) path: PathBuf,
}

/// The home is with another authority than the one named.
#[derive(Debug, thiserror::Error)]
#[error("this home is with the authority in `{address}` already")]
pub(crate) struct OtherAddress {
    pub(crate) address: Address,
}

/// Opens the home, which is there and whole: nothing is made.
pub(crate) fn home(context: &Context) -> anyhow::Result<Home> {
    whole(context, Home::open(&context.home)?)
}

/// Returns a home that is whole.
fn whole(context: &Context, home: Home) -> anyhow::Result<Home> {
    if !home.is_enrolled()? {
        check_joined(context, &home)?;
        if home.is_begun_by_init()? {
            return Err(unfinished(context));
        }
        return Err(ConnectError::NoAuthority.into());
    }
    if !home.has_identity()? {
        let path = home.identity_path();
        return Err(KeysError::IdentityMissing { path }.into());
    }
    Ok(home)
}

/// Opens the home, or begins it: the documented first use, where nothing is there, or what an earlier first use left.
///
/// Nothing is begun in the place of what somebody named or began otherwise: an `init` that failed, a home on a disk that is
/// not there now.
pub(crate) fn home_or_found(
    context: &Context,
    key_type: Option<KeyTypeName>,
) -> anyhow::Result<Home> {
    let begun = if Home::exists(&context.home)? {
        let home = Home::open(&context.home)?;
        if home.is_enrolled()? {
            return whole(context, home);
        }
        check_joined(context, &home)?;
        if home.is_begun_by_init()? {
            return Err(unfinished(context));
        }
        let is_begun = home.address()?.is_some();
        let is_open = !is_begun && home.is_place_named()?;
        if !may_begin(context) || (is_open && !terminal::can_ask()) {
            return Err(ConnectError::NoAuthority.into());
        }
        is_begun
    } else if may_begin(context) {
        check_place(context)?;
        false
    } else {
        let path = context.home.clone();
        return Err(NamedHomeMissing { path }.into());
    };
    let answer = match begun {
        true => None,
        false => ask_for_authority(context)?,
    };
    let mut home = make(context)?;
    if answer.is_some() {
        // If it fails there, no other command is to found one elsewhere, with nobody to ask.
        home.record_place_named()?;
    }
    let plan = Plan {
        authority: answer.map(place_of).transpose()?,
        key_type: key_type.unwrap_or_default().into(),
        ..Plan::default()
    };
    match go_on(context, home, &plan) {
        // Another command finished it meanwhile.
        Err(error) if error.is::<Finished>() => Ok(Home::open(&context.home)?),
        founded => founded,
    }
}

/// Tells whether a first use may begin a home: in its default place, or when somebody sits there to answer for another.
fn may_begin(context: &Context) -> bool {
    !context.home_is_named || terminal::can_ask()
}

fn unfinished(context: &Context) -> anyhow::Error {
    let path = context.home.clone();
    InitUnfinished { path }.into()
}

/// Sees that a home is not one that `init --join` began: no other command finishes it.
pub(crate) fn check_joined(context: &Context, home: &Home) -> anyhow::Result<()> {
    if home.is_joining()? {
        let path = context.home.clone();
        return Err(JoinUnfinished { path }.into());
    }
    Ok(())
}

/// Does what `init` was told: from then on no other command finishes it.
pub(crate) fn init(context: &Context, plan: &Plan) -> anyhow::Result<()> {
    let mut home = make(context)?;
    if !home.is_enrolled()? {
        home.record_begun_by_init()?;
    }
    go_on(context, home, plan).map(drop)
}

/// Finishes a home that was begun, and says where everything is.
fn go_on(context: &Context, mut home: Home, plan: &Plan) -> anyhow::Result<Home> {
    strongroom_files::output::remove_leftovers(&context.home).ok();
    check_joined(context, &home)?;
    match home.membership()? {
        Some(membership) if membership.enrolled => {
            match plan.authority.as_ref().map(Address::absolute).transpose()? {
                Some(address) if address != membership.address => {
                    follow(context, &mut home, &membership, &address)?;
                    Ok(home)
                }
                _ => Err(Finished {
                    path: context.home.clone(),
                }
                .into()),
            }
        }
        membership => {
            enroll(context, &mut home, membership, plan)?;
            Ok(home)
        }
    }
}

/// Goes to where the home's authority was moved: the very same one, by its id.
fn follow(
    context: &Context,
    home: &mut Home,
    membership: &Membership,
    address: &Address,
) -> anyhow::Result<()> {
    let reached = reach::open(context, address, Caller::Anybody)?;
    let expected = membership.founding.authority();
    let found = reached.authority().about()?.authority();
    if found != expected {
        return Err(ExchangeError::OtherAuthority { expected, found }.into());
    }
    address.check_written()?;
    home.record_address(address)?;
    warn_of_disks(context, address);
    context.say(format_args!(
        "the authority is in {} now",
        escape(&address.to_string())
    ));
    Ok(())
}

/// Asks where the spare shall live, if somebody is there to say. Otherwise it lives in the home.
fn ask_for_authority(context: &Context) -> anyhow::Result<Option<String>> {
    if !terminal::can_ask() {
        return Ok(None);
    }
    let answer = prompt::question(&format!(
        "This is the first use here: it makes your key, in {}.\nWhere shall the spare of your keys live? Name a folder, best \
         on another disk, or press Enter for this machine's Strongroom folder, for now: ",
        shown(&context.home)
    ))?;
    Ok((!answer.is_empty()).then_some(answer))
}

/// Returns which folder an answer means.
fn place_of(answer: String) -> anyhow::Result<Address> {
    let address = paths::parse_address(answer).map_err(anyhow::Error::from_boxed)?;
    let Address::Folder(folder) = address;
    // A disk is named as often as a folder on it.
    let is_authority = folder.join("store.db").exists();
    Ok(Address::Folder(if folder.is_dir() && !is_authority {
        folder.join("strongroom-authority")
    } else {
        folder
    }))
}

/// Sees that what the home is to lie in is there: it may be a disk that is not.
fn check_place(context: &Context) -> Result<(), NoFolder> {
    let around = context.home_lies_in.as_deref();
    match around.is_none_or(|around| around.is_absolute() && around.is_dir()) {
        true => Ok(()),
        false => Err(NoFolder {
            path: context.home.clone(),
        }),
    }
}

/// Opens the home, or makes an empty one.
pub(crate) fn make(context: &Context) -> anyhow::Result<Home> {
    let root = &context.home;
    if !Home::exists(root)? {
        check_place(context)?;
        match Home::create(root) {
            // Another command was first.
            Err(HomeError::Database(_)) => {}
            made => return Ok(made?),
        }
    }
    Ok(Home::open(root)?)
}

fn enroll(
    context: &Context,
    home: &mut Home,
    begun: Option<Membership>,
    plan: &Plan,
) -> anyhow::Result<()> {
    let mut rng = context.rng();
    let clock = context.clock.as_ref();
    let named = plan.authority.as_ref().map(Address::absolute);
    let named = named
        .transpose()
        .context("cannot use the authority's folder")?;
    let address = match (begun, named) {
        (Some(membership), None) => membership.address,
        (Some(membership), Some(named)) if named == membership.address => named,
        // Nothing was said to it yet, and so nothing is decided.
        (Some(membership), Some(named)) if !membership.is_code_settled => {
            forget(context, home, &membership, plan)?;
            named
        }
        (Some(Membership { address, .. }), Some(_)) => return Err(OtherAddress { address }.into()),
        (None, named) => named.unwrap_or_else(|| Address::Folder(context.home.join("authority"))),
    };
    // Before there is a code that this would be the only way to.
    address.check_written()?;
    // Before anything is made that it is to seal.
    let passphrase = match plan.passphrase {
        Some(wanted) if !home.has_identity()? => Some(prompt::new_passphrase(context, wanted)?),
        _ => None,
    };
    let (service, how) = open_or_found(context, &address, plan.join)?;
    let authority = service.session(Caller::Anybody);
    if let Some(passphrase) = passphrase {
        home.ensure_sealed_identity(plan.key_type, clock.now(), &passphrase, &mut rng)?;
    }
    let mut enrolling = match Enrolling::resume(home)? {
        Some(enrolling) => {
            home.ensure_identity(plan.key_type, clock.now(), &mut rng)?;
            enrolling
        }
        None => Enrolling::begin(home, &address, &authority, plan.key_type, clock, &mut rng)?,
    };
    let owner = enrolling.membership().owner;
    let sheet = write_down(context, enrolling.membership(), enrolling.has_code(), plan)?;
    if let Some(code) = sheet.filter(|_| !enrolling.has_code()) {
        seal_custody(home, &service, &code)?;
        enrolling.settle_code(home, &code, clock, &mut rng)?;
    }
    enrolling.finish(home, &authority)?;
    say_where(context, home, &service, how, owner, &address, plan)
}

/// Gives up an authority with which nobody is enrolled from here yet, and the sheet that was written for it: its code is
/// nobody's.
fn forget(
    context: &Context,
    home: &mut Home,
    membership: &Membership,
    plan: &Plan,
) -> anyhow::Result<()> {
    let sheet = sheet_path(context, plan);
    if sheet_of(context, &sheet, membership).is_some() {
        std::fs::remove_file(&sheet)
            .with_context(|| format!("cannot remove the sheet `{}`", sheet.display()))?;
    }
    context.say(format_args!(
        "nothing was said to the authority in {} yet: it is given up",
        escape(&membership.address.to_string())
    ));
    Ok(home.forget_authority()?)
}

/// Seals the authority's key under the code where the identity is sealed, so that custody is never weaker than that.
///
/// Only in an authority that nobody is enrolled with: others could not recover without this owner's code. In one that a
/// command which was stopped sealed, the code must be that one.
fn seal_custody(home: &Home, service: &Service, code: &RecoveryCode) -> anyhow::Result<()> {
    let nobody_enrolled = || {
        let newest = service.session(Caller::Anybody).checkpoint()?;
        Ok::<_, anyhow::Error>(newest.checkpoint().size == 1)
    };
    if service.is_sealed() {
        service.unlock(code)?;
    } else if home.is_identity_sealed()? && nobody_enrolled()? {
        service.seal(code)?;
    }
    Ok(())
}

/// Writes the code down where its owner finds it: on the sheet, then alone if that was asked for.
///
/// A sheet that a killed command wrote for this very home is taken as it is, and with it its code.
fn write_down(
    context: &Context,
    membership: &Membership,
    settled: bool,
    plan: &Plan,
) -> anyhow::Result<Option<RecoveryCode>> {
    let mut rng = context.rng();
    let path = sheet_path(context, plan);
    let code = match sheet_of(context, &path, membership) {
        Some(sheet) => sheet.code,
        None if settled => return Ok(None),
        None => {
            let sheet = Sheet {
                address: membership.address.clone(),
                authority: membership.founding.authority(),
                owner: membership.owner,
                code: RecoveryCode::generate(&mut rng),
            };
            let text = sheet.to_text(context.clock.now())?;
            write_new(&path, text.as_bytes(), &mut rng)
                .context("cannot write the recovery sheet")?;
            sheet.code
        }
    };
    if let Some(path) = &plan.code_file {
        let text = Zeroizing::new(format!("{}\n", *code.to_text()));
        let found = prompt::code_file(path);
        if !found.is_ok_and(|found| *found == *text) {
            write_new(path, text.as_bytes(), &mut rng).context("cannot write the recovery code")?;
        }
    }
    Ok(Some(code))
}

/// Reads the sheet that is there, if it is this home's.
fn sheet_of(context: &Context, path: &Path, membership: &Membership) -> Option<Sheet> {
    let sheet = prompt::read_sheet(context, path).ok()?;
    let ours =
        sheet.authority == membership.founding.authority() && sheet.owner == membership.owner;
    ours.then_some(sheet)
}

fn sheet_path(context: &Context, plan: &Plan) -> PathBuf {
    let home = || prompt::sheet_path(&context.home);
    plan.sheet.clone().unwrap_or_else(home)
}

/// Says which disks of the two keep nobody out.
fn warn_of_disks(context: &Context, address: &Address) {
    let Address::Folder(folder) = address;
    context.warn_if_open_to_all(folder);
    if !folder.starts_with(&context.home) {
        context.warn_if_open_to_all(&context.home);
    }
}

fn say_where(
    context: &Context,
    home: &Home,
    service: &Service,
    how: Place,
    owner: OwnerId,
    address: &Address,
    plan: &Plan,
) -> anyhow::Result<()> {
    warn_of_disks(context, address);
    let distance = address.distance(&Disks::look(), &context.home);
    let how = match how {
        Place::Founded => "founded".to_owned(),
        Place::Joined(0) => "joined; nobody else is with it".to_owned(),
        Place::Joined(owners) => format!("joined {}", count(owners, "owner", "owners")),
    };
    let place = escape(&address.to_string());
    let sheet = sheet_path(context, plan);
    if context.quiet {
        // That a key was made is said in any case.
        tell(format_args!(
            "made your key in {}; authority {place}: {how}; recovery sheet: {}",
            shown(&context.home),
            shown(&sheet)
        ));
        return Ok(());
    }
    context.say(format_args!("home:      {}", shown(&context.home)));
    context.say(format_args!("owner:     {owner}"));
    context.say(format_args!("authority: {place}: {how}"));
    // One that was moved away already is where it belongs.
    if sheet.exists() {
        context.say(format_args!("sheet:     {}", shown(&sheet)));
    }
    context.say(
        "Print the recovery sheet, or move it to another place: with it you get your keys back, and so does whoever \
         has it and the authority's folder.",
    );
    context.say(match (home.is_identity_sealed()?, service.key_is_sealed()?) {
        (true, true) => {
            "Your key is sealed with the passphrase, the authority's with the recovery code: while the sheet lies in these \
             folders, whoever can read them can open every file. Spares are verified when `strongroom authority check` is \
             given the code."
        }
        (true, false) => {
            "Your key is sealed with the passphrase. The authority's key lies open, as others use it, too: whoever can read \
             its folder can open every file, whatever the policy."
        }
        (false, _) => {
            "Whoever can read these folders can open every file, whatever the policy."
        }
    });
    if let Some(where_to) = match distance {
        Distance::AnotherDisk => None,
        Distance::CannotTell => Some(
            "Nothing shows whether the spare is on another disk than your key: not shown to be protected against losing the \
             disk.",
        ),
        Distance::InMemory => Some("The spare is in memory: it is gone at the next start."),
        Distance::SameDisk => Some(
            "The spare is on the same disk as your key: not protected against losing the disk.",
        ),
    } {
        context.say(format_args!(
            "{where_to} To put it on another one, move its folder there, and say where it is now:\n\
             \x20   mv {place} DIR\n\
             \x20   strongroom init --authority DIR"
        ));
    }
    Ok(())
}

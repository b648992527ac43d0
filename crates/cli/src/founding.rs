//! A home's beginning: the authority, the keys, the recovery code on its sheet, the enrolment. What a command that was
//! killed left of it is taken up (spec/home.md#enrolment says in what order things reach the disk).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use strongroom_agefile::KeyType;
use strongroom_authority::{Caller, FoundError, OpenError, PlaceError, Service};
use strongroom_client::Address;
use strongroom_client::connection::ExchangeError;
use strongroom_client::enroll::Enrolling;
use strongroom_client::file::{Disks, Distance};
use strongroom_client::home::{Home, HomeError, KeysError, Membership};
use strongroom_client::sheet::Sheet;
use strongroom_files::write_new;
use strongroom_protocol::code::RecoveryCode;
use strongroom_protocol::id::OwnerId;
use strongroom_protocol::policy::Policy;
use strongroom_protocol::{Authority as _, Unavailable};
use zeroize::Zeroizing;

use crate::context::Context;
use crate::options::KeyTypeName;
use crate::terminal::{self, escape, shown};
use crate::{prompt, reach};

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
    /// Whether the identity is sealed with a passphrase.
    pub(crate) passphrase: bool,
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

/// Opens the home, or begins it: a first use is one where nothing is there.
pub(crate) fn home_or_found(
    context: &Context,
    key_type: Option<KeyTypeName>,
) -> anyhow::Result<Home> {
    let begun = if Home::exists(&context.home)? {
        let home = Home::open(&context.home)?;
        let enrolled = home.membership()?.is_some_and(|known| known.enrolled);
        if enrolled {
            if !home.has_identity()? {
                let path = home.identity_path();
                return Err(KeysError::IdentityMissing { path }.into());
            }
            return Ok(home);
        }
        true
    } else {
        false
    };
    let plan = Plan {
        authority: if begun { None } else { ask_for_authority()? },
        key_type: key_type.unwrap_or_default().into(),
        ..Plan::default()
    };
    match found(context, &plan) {
        // Another command finished it meanwhile.
        Err(error) if error.is::<Finished>() => Ok(Home::open(&context.home)?),
        founded => founded,
    }
}

/// Begins a home, or finishes one that was begun, and says where everything is.
pub(crate) fn found(context: &Context, plan: &Plan) -> anyhow::Result<Home> {
    let mut home = make(context)?;
    strongroom_files::output::remove_leftovers(&context.home).ok();
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
pub(crate) fn ask_for_authority() -> anyhow::Result<Option<Address>> {
    if !terminal::can_ask() {
        return Ok(None);
    }
    let answer = prompt::question(
        "This is the first use here. Where shall the spare of your keys live? Name a folder, best on another disk,\n\
         or press Enter for this machine's Strongroom folder, for now: ",
    )?;
    if answer.is_empty() {
        return Ok(None);
    }
    let Address::Folder(folder) = Address::parse(&answer)?;
    // A disk is named as often as a folder on it.
    let is_authority = folder.join("store.db").exists();
    Ok(Some(Address::Folder(if folder.is_dir() && !is_authority {
        folder.join("strongroom-authority")
    } else {
        folder
    })))
}

fn make(context: &Context) -> anyhow::Result<Home> {
    let root = &context.home;
    if !Home::exists(root)? {
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
    let address = match begun {
        Some(membership) => {
            if named.is_some_and(|named| named != membership.address) {
                return Err(OtherAddress {
                    address: membership.address,
                }
                .into());
            }
            membership.address
        }
        None => named.unwrap_or_else(|| Address::Folder(context.home.join("authority"))),
    };
    // Before there is a code that this would be the only way to.
    address.check_written()?;
    let service = open_or_found(context, &address)?;
    let authority = service.session(Caller::Anybody);
    if plan.passphrase && !home.has_identity()? {
        let passphrase = prompt::new_passphrase()?;
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
    say_where(context, home, &service, owner, &address, plan)
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

/// Opens the authority at an address, or founds one where there is none.
fn open_or_found(context: &Context, address: &Address) -> anyhow::Result<Service> {
    let Address::Folder(folder) = address;
    let open = || Service::open(folder, Arc::clone(&context.clock), context.rng());
    let failed = || format!("cannot use the authority in `{}`", folder.display());
    match open() {
        Ok(service) => return Ok(service),
        Err(OpenError::NotFound { .. }) => {}
        Err(error) => return Err(Unavailable::from(error)).with_context(failed),
    }
    let clock = Arc::clone(&context.clock);
    match Service::found(folder, Policy::code_alone(), clock, context.rng()) {
        Ok(service) => Ok(service),
        // Another command may have been first.
        Err(FoundError::Place(error @ PlaceError::Taken { .. })) => match open() {
            Ok(service) => Ok(service),
            Err(_) => Err(error.into()),
        },
        Err(error) => Err(error.into()),
    }
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
    owner: OwnerId,
    address: &Address,
    plan: &Plan,
) -> anyhow::Result<()> {
    warn_of_disks(context, address);
    let distance = address.distance(&Disks::look(), &context.home);
    context.say(format_args!("home:      {}", shown(&context.home)));
    context.say(format_args!("owner:     {owner}"));
    context.say(format_args!("authority: {}", escape(&address.to_string())));
    let sheet = sheet_path(context, plan);
    // One that was moved away already is where it belongs.
    if sheet.exists() {
        context.say(format_args!("sheet:     {}", shown(&sheet)));
    }
    context.say(
        "Print the recovery sheet, or move it to another place: with it you get your keys back, and so does whoever\n\
         has it and the authority's folder.",
    );
    context.say(match (home.is_identity_sealed()?, service.key_is_sealed()?) {
        (true, true) => {
            "Your key is sealed with the passphrase, the authority's with the recovery code: while the sheet lies in these\n\
             folders, whoever can read them can open every file. Spares are verified when `strongroom authority check` is\n\
             given the code."
        }
        (true, false) => {
            "Your key is sealed with the passphrase. The authority's key lies open, as others use it, too: whoever can read\n\
             its folder can open every file, whatever the policy."
        }
        (false, _) => {
            "Whoever can read these folders can open every file, whatever the policy."
        }
    });
    if let Some(where_to) = match distance {
        Distance::AnotherDisk => None,
        Distance::CannotTell => Some(
            "Nothing shows whether the spare is on another disk than your key: not shown to be protected against losing the\n\
             disk.",
        ),
        Distance::InMemory => Some("The spare is in memory: it is gone at the next start."),
        Distance::SameDisk => Some(
            "The spare is on the same disk as your key: not protected against losing the disk.",
        ),
    } {
        context.say(format_args!(
            "{where_to} `strongroom init\n--authority DIR` puts it on another one, in a new home."
        ));
    }
    Ok(())
}

//! `init --join`: this machine becomes another one of its owner's, by an invitation (spec/invitation.md#joining). In what order
//! things reach the disk is `strongroom_client::join`'s to say.

use std::path::Path;

use anyhow::Context as _;
use strongroom_authority::Caller;
use strongroom_client::connection::ExchangeError;
use strongroom_client::home::Home;
use strongroom_client::invitation;
use strongroom_client::join::{self, JoinError, Joined};
use strongroom_client::{Address, ConnectError};
use strongroom_protocol::invitation::Invitation;
use strongroom_protocol::statement::DeviceName;
use strongroom_protocol::{Refusal, SubmitError};

use crate::context::Context;
use crate::devices::{Devices, origin};
use crate::terminal::{escape, shown};
use crate::{founding, paths, prompt, reach};

/// The authority takes nobody by this invitation any more.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotJoined {
    #[error("the invitation has ended")]
    Ended,
    #[error("the invitation was used already")]
    Used,
    #[error(
        "the invitation does not hold: it was withdrawn, or the machine that made it was revoked"
    )]
    Withdrawn,
}

/// Joins; run again after it was stopped, it goes on.
pub(crate) fn run(
    context: &Context,
    file: &Path,
    moved: Option<&Address>,
    name: Option<DeviceName>,
) -> anyhow::Result<()> {
    let failed = || format!("cannot open the invitation `{}`", file.display());
    // Before the code is asked for.
    strongroom_files::open_input(file).with_context(failed)?;
    let invitation = prompt::invitation(|code| {
        let sealed = strongroom_files::open_input(file);
        let sealed = sealed.map_err(invitation::OpenInvitationError::Read)?;
        invitation::open(sealed, code)
    })
    .with_context(failed)?;
    let address = match moved {
        Some(moved) => moved.clone(),
        None => {
            paths::parse_address(invitation.address.clone()).map_err(anyhow::Error::from_boxed)?
        }
    };
    let address = address.absolute()?;
    address.check_written()?;
    let reached = reach::open(context, &address, Caller::Anybody)?;
    // Before anything is made here.
    let (expected, found) = (
        invitation.authority,
        reached.authority().about()?.authority(),
    );
    if found != expected {
        return Err(ExchangeError::OtherAuthority { expected, found }.into());
    }
    let mut home = founding::make(context)?;
    if home.membership()?.is_none() {
        home.record_begun_by_init()?;
    }
    let asked = name.clone();
    let name = name.or_else(|| invitation.name.clone()).or_else(host_name);
    let joined = join::join(
        &mut home,
        &invitation,
        (&address, name),
        reached.authority(),
        &*context.clock,
        &mut context.rng(),
    )
    .map_err(told)?;
    if joined == Joined::Before {
        context.say("this home has joined by this invitation already");
        return Ok(());
    }
    drop(reached);
    say_who(context, &mut home, &invitation, asked)
}

/// Returns what this machine calls itself, if that can be a name.
fn host_name() -> Option<DeviceName> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    DeviceName::new(name.trim().to_owned()).ok()
}

/// Says by what an invitation does not hold any more.
fn told(error: JoinError) -> anyhow::Error {
    let is = |expected| {
        matches!(&error, JoinError::Exchange(ExchangeError::Submit(SubmitError::Refused(refusal)))
            if *refusal == expected)
    };
    if is(Refusal::Author) {
        NotJoined::Withdrawn.into()
    } else if is(Refusal::Expiry) {
        NotJoined::Ended.into()
    } else if is(Refusal::Used) {
        NotJoined::Used.into()
    } else {
        error.into()
    }
}

/// Reads what the authority has of the owner's, and says who this machine is, and which others are the owner's.
fn say_who(
    context: &Context,
    home: &mut Home,
    invitation: &Invitation,
    asked: Option<DeviceName>,
) -> anyhow::Result<()> {
    let authority = reach::authority_of(context, home)?;
    let mut rng = context.rng();
    let mut client = reach::connect_silently(context, home, &authority, &mut rng)?;
    let ours = client.home().device_id().ok_or(ConnectError::NoAuthority)?;
    let mut devices = Devices::of(client.home())?;
    // What was signed before it was stopped may have another name.
    let called = devices.get(ours).and_then(|known| known.name.as_deref());
    if let Some(asked) = asked.filter(|asked| called != Some(asked.as_str())) {
        client.name_device(ours, asked)?;
        devices = Devices::of(client.home())?;
    }
    context.say(format_args!("home:      {}", shown(&context.home)));
    context.say(format_args!("owner:     {}", invitation.owner));
    context.say(format_args!("machine:   {}", devices.which(ours)));
    context.say(format_args!(
        "authority: {}",
        escape(&client.membership().address.to_string())
    ));
    for device in client.home().devices()? {
        if device.id != ours && device.revoked.is_none() {
            context.say(format_args!(
                "yours too: {}, {}",
                devices.which(device.id),
                origin(&device)
            ));
        }
    }
    // They were there before this machine was, and were told of here.
    if !context.quiet {
        let news = client.news()?;
        client.record_told(&news)?;
    }
    context.say("Your key is here. The invitation is used: delete it.");
    Ok(())
}

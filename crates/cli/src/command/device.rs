//! `strongroom device`: which devices are the owner's, what they are called, and that one is the owner's no more.

mod invite;

use anyhow::{bail, ensure};
use clap::{Args, Subcommand};
use serde::Serialize;
use strongroom_client::Client;
use strongroom_client::fingerprint::Fingerprint;
use strongroom_client::home::{
    ApprovedRequest, DeviceId, DeviceRecord, Home, OpenInvitation, OpenRequest, Origin,
};
use strongroom_protocol::id::Time;
use strongroom_protocol::statement::DeviceName;

use crate::command::officer::short;
use crate::context::Context;
use crate::devices::{Devices, digits, origin};
use crate::exit::Exit;
use crate::terminal::{self, tell, words};
use crate::{prompt, reach};

/// List your devices, invite another one, name one, or revoke one.
///
/// A device is a key that signs in your name: your first machine's, and that of each machine that you invited, or that recovered
/// with your code or by your officers. It opens no file.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Invite another machine of yours: it gets a device of its own, and your key.
    ///
    /// Writes a file, and prints the code that the file is sealed under. On the other machine `strongroom init --join FILE` asks for
    /// the code. Until the invitation was used, or a week has passed, whoever has both and a way to the authority becomes another
    /// machine of yours. Your key is in the file: delete it then, as file and code open your files for good.
    Invite(invite::Arguments),
    /// List the devices that are yours, or were: by what and since when, when each deposited last, and whether it was revoked.
    List {
        /// Print a line of JSON for each.
        #[arg(long)]
        json: bool,
    },
    /// Say what a device is called.
    Name {
        /// The name, of at most 64 bytes.
        name: String,
        /// Which device, by the beginning of its fingerprint [default: this machine].
        #[arg(long, value_name = "FINGERPRINT")]
        device: Option<String>,
    },
    /// Take a device's word away, for good: it deposits, vetoes and reads nothing in your name any more. Of an invitation, withdraw
    /// it.
    ///
    /// What it could open, it can open still. A file's key that it had, or was released, stays what it is: only encrypting
    /// anew takes access away. What it deposited stays yours.
    Revoke {
        /// Which device, by the beginning of its fingerprint.
        #[arg(value_name = "FINGERPRINT")]
        device: String,
        /// Revoke it without being asked.
        #[arg(long)]
        yes: bool,
    },
}

/// Why nothing was said of a device.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WrongDevice {
    #[error("more than one device of yours has a fingerprint that begins with `{given}`")]
    Ambiguous { given: String },
    #[error("no device of yours has a fingerprint that begins with `{given}`")]
    NotFound { given: String },
    #[error("nobody said that the device is to be revoked")]
    NotRevoked,
    #[error("it is the only device that you have")]
    Last,
    #[error("`{given}` is no beginning of a fingerprint: four hexadecimal digits or more")]
    NoFingerprint { given: String },
}

#[derive(Serialize)]
struct Line<'d> {
    fingerprint: String,
    name: Option<&'d str>,
    this_machine: bool,
    since: String,
    /// The device that invited it; nothing of one that was enrolled or recovered.
    invited_by: Option<String>,
    /// The request by which it became the owner's; nothing of one that was enrolled or invited.
    request: Option<RequestLine>,
    revoked: Option<RevokedLine>,
    last_deposit: Option<String>,
}

/// An invitation that nobody has used: no device yet.
#[derive(Serialize)]
struct InvitationLine {
    fingerprint: String,
    this_machine: bool,
    invited_by: String,
    since: String,
    invited_until: String,
}

impl InvitationLine {
    fn of(invitation: &OpenInvitation) -> Self {
        Self {
            fingerprint: digits(invitation.id),
            this_machine: false,
            invited_by: digits(invitation.by),
            since: invitation.since.to_string(),
            invited_until: invitation.until.to_string(),
        }
    }
}

#[derive(Serialize)]
struct RequestLine {
    id: String,
    asked: String,
    reason: String,
    by_code: bool,
    by_officers: Vec<String>,
    keys: u64,
    answered: u64,
}

#[derive(Serialize)]
struct RevokedLine {
    time: String,
    by: String,
}

pub(crate) fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    match &arguments.command {
        Command::Invite(arguments) => invite::run(context, arguments)?,
        Command::List { json } => {
            let home = Home::open_to_read(&context.home)?;
            connected(context, home, |client| {
                list(client.home(), context.clock.now(), *json)
            })?;
        }
        Command::Name { name, device } => {
            // Before anything is asked of anybody.
            let name = DeviceName::new(name.clone())?;
            let home = Home::open(&context.home)?;
            connected(context, home, |client| {
                let device = match device {
                    Some(given) => find(client.home(), given, context.clock.now())?,
                    None => DeviceId::from(&client.home().device_key()?.verifying_key()),
                };
                Ok(client.name_device(device, name)?)
            })?;
        }
        Command::Revoke { device, yes } => {
            let home = Home::open(&context.home)?;
            connected(context, home, |client| {
                let device = find(client.home(), device, context.clock.now())?;
                revoke(context, client, device, *yes)
            })?;
        }
    }
    Ok(Exit::Done)
}

/// Does something as the owner, connected.
fn connected(
    context: &Context,
    mut home: Home,
    act: impl FnOnce(&mut Client<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let authority = reach::authority_of(context, &home)?;
    let mut rng = context.rng();
    let mut client = reach::connect(context, &mut home, &authority, &mut rng)?;
    act(&mut client)
}

/// Finds a device by the beginning of its fingerprint, however that is spaced. Names are not looked at: anybody who has a
/// device of the owner's can give them.
fn find(home: &Home, given: &str, now: Time) -> anyhow::Result<DeviceId> {
    let mut wanted = given.to_ascii_lowercase();
    wanted.retain(|character| !character.is_whitespace() && character != '-');
    let given = given.to_owned();
    let is_hexadecimal = wanted.chars().all(|digit| digit.is_ascii_hexdigit());
    if !is_hexadecimal || wanted.len() < 4 {
        bail!(WrongDevice::NoFingerprint { given });
    }
    let devices = home.devices()?.into_iter().map(|device| device.id);
    let invitations = home.open_invitations(now)?.into_iter();
    let invitations = invitations.map(|invitation| invitation.id);
    let mut found: Vec<DeviceId> = devices.chain(invitations).collect();
    found.retain(|device| digits(*device).starts_with(&wanted));
    match found[..] {
        [device] => Ok(device),
        [] => bail!(WrongDevice::NotFound { given }),
        _ => bail!(WrongDevice::Ambiguous { given }),
    }
}

fn revoke(
    context: &Context,
    client: &mut Client<'_>,
    device: DeviceId,
    yes: bool,
) -> anyhow::Result<()> {
    let devices = Devices::of(client.home())?;
    let Some(known) = devices.get(device) else {
        // An invitation, then, which is nobody's machine yet.
        client.revoke_device(device)?;
        context.say(
            "withdrew the invitation: nobody joins by it. Your key is in its file, for whoever has the code: delete it",
        );
        return Ok(());
    };
    if let Some(gone) = known.revoked {
        context.say(format_args!("it was revoked on {} already", gone.time));
        return Ok(());
    }
    let mut all = client.home().devices()?.into_iter();
    ensure!(
        all.any(|other| other.id != device && other.revoked.is_none()),
        WrongDevice::Last
    );
    if devices.is_ours(device) {
        tell(
            "this is the machine that you are at: it can deposit nothing more, nor read what the authority has of yours",
        );
    }
    context.say(format_args!(
        "revokes {}, {}\n\
         From then on it deposits, vetoes and reads nothing in your name, for good. What it deposited stays yours.\n\
         It takes no key back: whoever has that machine opens what it could open, and what was released to it. Only \
         encrypting those files anew, and changing those secrets, ends that. Whoever knows your recovery code can \
         recover with it still.",
        devices.which(device),
        origin(known)
    ));
    ensure!(yes || is_meant()?, WrongDevice::NotRevoked);
    client.revoke_device(device)?;
    context.say("revoked");
    for open in by(&client.requests_by_others()?, device) {
        tell(format_args!(
            "warning: it asked for your keys on {}, and that goes on. To stop it: strongroom veto {}",
            open.recorded,
            short(open.id)
        ));
    }
    Ok(())
}

fn by(open: &[OpenRequest], device: DeviceId) -> impl Iterator<Item = &OpenRequest> {
    let asks = move |open: &&OpenRequest| DeviceId::from(&open.request.device_key) == device;
    open.iter().filter(asks)
}

fn is_meant() -> std::io::Result<bool> {
    if !terminal::can_ask() {
        return Ok(false);
    }
    let answer = prompt::question("Revoke it? Type yes: ")?;
    Ok(answer.eq_ignore_ascii_case("yes"))
}

fn list(home: &Home, now: Time, json: bool) -> anyhow::Result<()> {
    let devices = Devices::of(home)?;
    let last = home.last_deposits()?;
    for device in home.devices()? {
        let last = last.get(&device.id).copied();
        if json {
            terminal::print_json(&line(&device, &devices, last))?;
        } else {
            terminal::print_item(shown(&device, &devices, last))?;
        }
    }
    for invitation in home.open_invitations(now)? {
        if json {
            terminal::print_json(&InvitationLine::of(&invitation))?;
        } else {
            terminal::print_item(format_args!(
                "{}  an invitation by {} on {}, until {}",
                Fingerprint::from(invitation.id),
                devices.which(invitation.by),
                invitation.since,
                invitation.until
            ))?;
        }
    }
    Ok(())
}

fn shown(device: &DeviceRecord, devices: &Devices, last: Option<Time>) -> String {
    let mut text = Fingerprint::from(device.id).to_string();
    if let Some(name) = &device.name {
        text += &format!("  {}", words(name));
    }
    if devices.is_ours(device.id) {
        text += "  this machine";
    }
    text += &format!("  {}", origin(device));
    if let Some(gone) = device.revoked {
        let by = if gone.by == device.id {
            "itself".to_owned()
        } else {
            devices.which(gone.by)
        };
        text += &format!("  revoked on {} by {by}", gone.time);
    }
    match last {
        Some(time) => text + &format!("  last deposit {time}"),
        None => text + "  deposited nothing",
    }
}

fn line<'d>(device: &'d DeviceRecord, devices: &Devices, last: Option<Time>) -> Line<'d> {
    Line {
        fingerprint: digits(device.id),
        name: device.name.as_deref(),
        this_machine: devices.is_ours(device.id),
        since: device.since.to_string(),
        invited_by: match &device.origin {
            Origin::Invited { by } => Some(digits(*by)),
            Origin::Enrolled | Origin::Recovered(_) => None,
        },
        request: device.request().map(request_line),
        revoked: device.revoked.map(|gone| RevokedLine {
            time: gone.time.to_string(),
            by: digits(gone.by),
        }),
        last_deposit: last.map(|time| time.to_string()),
    }
}

fn request_line(request: &ApprovedRequest) -> RequestLine {
    RequestLine {
        id: request.id.to_string(),
        asked: request.asked.to_string(),
        reason: request.grounds.as_str().to_owned(),
        by_code: request.by_code,
        by_officers: request.by_officers.clone(),
        keys: request.keys,
        answered: request.answered,
    }
}

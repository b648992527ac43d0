//! `strongroom log`: the authority's log, read whole and held against its checkpoint.

use anyhow::ensure;
use clap::{Args, Subcommand};
use serde::Serialize;
use strongroom_authority::Caller;
use strongroom_client::Address;
use strongroom_client::connection::Connection;
use strongroom_client::history::{Act, DecidedOn};
use strongroom_client::home::{DeviceId, Home};
use strongroom_client::log::LogEntry;
use strongroom_client::restored::RestoredLog;
use strongroom_protocol::id::Time;
use strongroom_protocol::policy::Policy;
use strongroom_protocol::statement::{Grounds, Kind, Verdict};

use crate::command::officer::short;
use crate::context::Context;
use crate::devices::{DeviceLine, Devices, digits};
use crate::exit::Exit;
use crate::terminal::{self, count, escape, tell, words};
use crate::{prompt, reach};

/// Read the authority's log, or accept that it was restored.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Print the log, entry by entry: what happened, if it concerns you, and else its kind alone.
    Show {
        /// Print a line of JSON for each.
        #[arg(long)]
        json: bool,
        /// Only what was recorded since then: a day, as 2026-11-28, or a time, as 2026-11-28T22:00:00Z.
        #[arg(long, value_name = "TIME", value_parser = parse_time)]
        since: Option<Time>,
        /// Read the log of the authority in this folder, without a home: it names nobody.
        #[arg(long, value_name = "DIR")]
        authority: Option<Address>,
    },
    /// Check that the log holds together, and extends what this home saw of it.
    Verify {
        /// Print a line of JSON.
        #[arg(long)]
        json: bool,
        /// Check the log of the authority in this folder, without a home.
        #[arg(long, value_name = "DIR")]
        authority: Option<Address>,
    },
    /// Go on with an authority that was restored from a backup: its log does not have all that this home saw.
    ///
    /// What was seen is kept as evidence. `sync` then sends the deposits that are missing.
    AcceptRestored {
        /// Where the authority is now, if it was restored to another folder.
        #[arg(long, value_name = "DIR")]
        authority: Option<Address>,
        /// Accept it without being asked.
        #[arg(long)]
        yes: bool,
    },
}

/// Nobody said that the log is to be accepted.
#[derive(Debug, thiserror::Error)]
#[error("the restored log was not accepted")]
pub(crate) struct NotAccepted;

#[derive(Serialize)]
struct Line {
    index: u64,
    time: String,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    what: Option<String>,
    /// The device of the owner's that said it.
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<DeviceLine>,
}

/// What `log verify` found, for programs.
#[derive(Serialize)]
struct Verified {
    entries: u64,
    root: String,
    authority: String,
    /// How many entries this home had seen; nothing without a home.
    seen: Option<u64>,
    /// How many entries are ahead of this machine's clock.
    ahead: u64,
}

pub(crate) fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    match &arguments.command {
        Command::AcceptRestored { authority, yes } => {
            let mut home = Home::open(&context.home)?;
            accept_restored(context, &mut home, authority.as_ref(), *yes)
        }
        Command::Show {
            json,
            since,
            authority,
        } => show(context, *json, *since, authority.as_ref()),
        Command::Verify { json, authority } => verify(context, *json, authority.as_ref()),
    }
}

/// Reaches an authority as anybody, who has seen nothing of its log to hold it against.
fn at<T>(
    context: &Context,
    address: &Address,
    read: impl FnOnce(&Connection<'_>) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let reached = reach::open(context, &address.absolute()?, Caller::Anybody)?;
    let founding = reached.authority().about()?.founding;
    read(&Connection::open(reached.authority(), &founding, None)?)
}

fn show(
    context: &Context,
    json: bool,
    since: Option<Time>,
    authority: Option<&Address>,
) -> anyhow::Result<Exit> {
    let mut entries = Vec::new();
    let is_wanted = |entry: &LogEntry| since.is_none_or(|since| entry.time >= since);
    if let Some(address) = authority {
        at(context, address, |connection| {
            Ok(connection.read_log(&mut |entry| entries.push(entry))?)
        })?;
        for entry in entries.iter().filter(|entry| is_wanted(entry)) {
            print(entry, entry.kind.and_then(of_kind), None, json)?;
        }
        return Ok(Exit::Done);
    }
    let mut home = Home::open_to_read(&context.home)?;
    let authority = reach::authority_of(context, &home)?;
    let mut rng = context.rng();
    let client = reach::connect(context, &mut home, &authority, &mut rng)?;
    client.read_log(&mut |entry| entries.push(entry))?;
    let history = client.history()?;
    let devices = Devices::of(client.home())?;
    let policy = client.connection().policy()?;
    for entry in entries.iter().filter(|entry| is_wanted(entry)) {
        let act = history.get(&entry.index);
        let what = match act {
            Some(act) => Some(sentence(act, policy.policy(), &devices)),
            None => entry.kind.and_then(of_kind),
        };
        let by = act.and_then(author).map(|device| devices.line(device));
        print(entry, what, by, json)?;
    }
    Ok(Exit::Done)
}

fn verify(context: &Context, json: bool, authority: Option<&Address>) -> anyhow::Result<Exit> {
    let now = context.clock.now();
    let mut ahead: Vec<LogEntry> = Vec::new();
    let mut look = |entry: LogEntry| {
        if entry.time > now {
            ahead.push(entry);
        }
    };
    let (verified, seen) = match authority {
        Some(address) => (
            at(context, address, |connection| {
                connection.read_log(&mut look)?;
                Ok((
                    *connection.seen().checkpoint(),
                    connection.founding().authority(),
                ))
            })?,
            None,
        ),
        None => {
            let mut home = Home::open_to_read(&context.home)?;
            let authority = reach::authority_of(context, &home)?;
            let seen = home.seen()?.map_or(0, |seen| seen.checkpoint().size);
            let mut rng = context.rng();
            // This holds what is seen against what was seen.
            let client = reach::connect(context, &mut home, &authority, &mut rng)?;
            client.read_log(&mut look)?;
            let connection = client.connection();
            let newest = *connection.seen().checkpoint();
            ((newest, connection.founding().authority()), Some(seen))
        }
    };
    let (checkpoint, authority) = verified;
    if let Some(first) = ahead.first() {
        tell(format_args!(
            "warning: {} ahead of this machine's clock, from entry {} of {} on: a clock is wrong, or was",
            count(
                ahead.len() as u64,
                "entry of the log is",
                "entries of the log are"
            ),
            first.index,
            first.time
        ));
    }
    if json {
        terminal::print_json(&Verified {
            entries: checkpoint.size,
            root: checkpoint.root.to_string(),
            authority: authority.to_string(),
            seen,
            ahead: ahead.len() as u64,
        })?;
        return Ok(Exit::Done);
    }
    let against = match seen {
        Some(seen) => format!("extends the {seen} that this home saw"),
        None => format!("of authority {authority}, held against nothing that was seen before"),
    };
    terminal::print_item(format_args!(
        "{}, root {}, {against}",
        count(checkpoint.size, "entry", "entries"),
        checkpoint.root,
    ))?;
    Ok(Exit::Done)
}

/// Reads a day, or a time, in UTC unless it says where.
fn parse_time(text: &str) -> Result<Time, &'static str> {
    use jiff::{Timestamp, civil::Date, tz::TimeZone};

    let day = || {
        let day = text.parse::<Date>()?;
        TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0))
    };
    let time = text.parse::<Timestamp>().or_else(|_| day());
    let millis = time
        .ok()
        .and_then(|time| u64::try_from(time.as_millisecond()).ok());
    let millis = millis.ok_or("a time is 2026-11-28, or 2026-11-28T22:00:00Z")?;
    Ok(Time::from_millis(millis))
}

fn accept_restored(
    context: &Context,
    home: &mut Home,
    moved: Option<&Address>,
    yes: bool,
) -> anyhow::Result<Exit> {
    let moved = moved.map(Address::absolute).transpose()?;
    let authority = match &moved {
        Some(address) => reach::open(context, address, reach::caller(home)?)?,
        None => reach::authority_of(context, home)?,
    };
    let restored = RestoredLog::find(home, authority.authority())?;
    if let Some(restored) = restored {
        let (seen, now) = (restored.seen(), restored.now());
        context.say(format_args!(
            "this home saw {} of the log, root {}\n\
             the authority has {}, root {}: they do not extend what was seen\n\
             It was put back from a backup, or rewritten; which of them can't be told from here. Deposits, vetoes and \
             decisions made after the backup are missing in it. Both checkpoints are kept as evidence.",
            count(seen.size, "entry", "entries"),
            seen.root,
            count(now.size, "entry", "entries"),
            now.root,
        ));
        ensure!(yes || is_accepted()?, NotAccepted);
        let now = now.size;
        restored.accept(home, context.clock.now())?;
        context.say(format_args!(
            "accepted, at {}; `strongroom sync` sends what is missing",
            count(now, "entry", "entries")
        ));
    } else {
        context.say("the log extends what this home saw of it: there is nothing to accept");
    }
    if let Some(address) = moved {
        home.record_address(&address)?;
        context.say(format_args!("authority: {}", escape(&address.to_string())));
    }
    Ok(Exit::Done)
}

fn is_accepted() -> std::io::Result<bool> {
    if !terminal::can_ask() {
        return Ok(false);
    }
    let answer = prompt::question("Go on with this log? Type yes: ")?;
    Ok(answer.eq_ignore_ascii_case("yes"))
}

fn print(
    entry: &LogEntry,
    what: Option<String>,
    device: Option<DeviceLine>,
    json: bool,
) -> std::io::Result<()> {
    let line = Line {
        index: entry.index,
        time: entry.time.to_string(),
        kind: entry.kind.map_or("unknown", |kind| kind.as_str()),
        what,
        device,
    };
    if json {
        return terminal::print_json(&line);
    }
    let what = line
        .what
        .map(|what| format!(": {what}"))
        .unwrap_or_default();
    terminal::print_item(format_args!(
        "{:>8}  {}  {}{what}",
        line.index, line.time, line.kind
    ))
}

/// Returns which device of the owner's did it, of what only those can do.
fn author(act: &Act) -> Option<DeviceId> {
    if let Act::Deposit { by, .. }
    | Act::DeviceInvited { by, .. }
    | Act::DeviceJoined { device: by, .. }
    | Act::DeviceNamed { by, .. }
    | Act::DeviceRevoked { by, .. }
    | Act::OwnBlob { by } = act
    {
        return Some(*by);
    }
    None
}

/// Says what happened.
fn sentence(act: &Act, policy: &Policy, devices: &Devices) -> String {
    match act {
        Act::Approval {
            word,
            by,
            officer,
            grounds,
        } => {
            // By the name that they had then.
            let now = policy.officer(by).map(|officer| &officer.name);
            let who = officer.as_ref().or(now).map_or_else(
                || "an officer who is none any more".to_owned(),
                |name| escape(name),
            );
            let why = match grounds.as_str() {
                "" => String::new(),
                text => format!(": {}", words(text)),
            };
            format!("{who} said `{}`{why}", word.as_str())
        }
        Act::Checked => "the authority opened deposits, to see whether they match".to_owned(),
        Act::Decision {
            verdict,
            on,
            device,
        } => {
            let decided = decision(*verdict, *on);
            match device {
                Some(device) if devices.is_ours(*device) => {
                    format!("{decided}: this machine is yours since")
                }
                Some(device) => format!(
                    "{decided}: its device, {}, is yours since",
                    devices.which(*device)
                ),
                None => decided,
            }
        }
        Act::Deposit { keys, by } => format!(
            "{} deposited {}",
            devices.who(*by),
            count(*keys, "key", "keys")
        ),
        Act::DeviceInvited {
            invitation,
            until,
            by,
        } => format!(
            "{} made invitation {}, which ends on {until}",
            devices.who(*by),
            short(digits(*invitation))
        ),
        Act::DeviceJoined { device, invitation } => format!(
            "{} joined by invitation {}",
            devices.who(*device),
            short(digits(*invitation))
        ),
        Act::DeviceNamed { device, name, by } => format!(
            "{} said that {} is called {}",
            devices.who(*by),
            // By no name: that is what is said here.
            short(digits(*device)),
            words(name.as_str())
        ),
        Act::DeviceRevoked { device, by } if device == by => {
            format!("{} revoked itself", devices.who(*by))
        }
        // What was none of the owner's devices was an invitation.
        Act::DeviceRevoked { device, by } if devices.get(*device).is_none() => format!(
            "{} withdrew invitation {}",
            devices.who(*by),
            short(digits(*device))
        ),
        Act::DeviceRevoked { device, by } => {
            format!("{} revoked {}", devices.who(*by), devices.which(*device))
        }
        Act::Enroll => "you were enrolled".to_owned(),
        Act::Evidence => "somebody showed a recovery code".to_owned(),
        Act::Found => "the authority was founded".to_owned(),
        Act::PolicyChange { grounds, state } => {
            let state = state.as_str();
            format!(
                "somebody asked to change the policy ({state}){}",
                because(grounds)
            )
        }
        Act::OwnBlob { by } => {
            format!("{} said which SIMPLEBLOB a file has now", devices.who(*by))
        }
        Act::Release {
            keys,
            is_ours: true,
        } => format!("{} came back to you", keys_of(*keys)),
        Act::Release {
            keys,
            is_ours: false,
        } => {
            format!("{} left to another device", keys_of(*keys))
        }
        Act::Request {
            by,
            is_ours,
            owner,
            keys,
            grounds,
            state,
        } => {
            // Whose device it is by now says nothing of who asked: the decision says that it was made yours.
            let who = if *is_ours {
                "you".to_owned()
            } else {
                format!("somebody, with device {},", devices.which(*by))
            };
            let keys = keys.map_or_else(|| "all keys".to_owned(), keys_of);
            let (owner, state) = (short(owner), state.as_str());
            format!(
                "{who} asked for {keys} of owner {owner} ({state}){}",
                because(grounds)
            )
        }
        Act::Restored => "the authority was put back from a backup".to_owned(),
        Act::RsaKey => "the authority made its RSA key".to_owned(),
        Act::Veto { by, grounds } => {
            // Of a request for somebody else's keys it is theirs.
            let who = match devices.get(*by) {
                Some(_) => devices.who(*by),
                None => "a device of the owner's".to_owned(),
            };
            format!("{who} vetoed{}", because(grounds))
        }
    }
}

fn decision(verdict: Verdict, on: DecidedOn) -> String {
    let what = match on {
        DecidedOn::Change => "the change of the policy",
        DecidedOn::OurRequest => "your request",
        DecidedOn::Request => "somebody's request",
    };
    if verdict == Verdict::Lapsed {
        return format!("{what} lapsed");
    }
    format!("{what} was {}", verdict.as_str())
}

/// What happened where the kind tells it. Of whom an officer spoke is for those to know who have to decide.
const KINDS: [(Kind, &str); 3] = [
    (
        Kind::Checked,
        "the authority opened deposits, to see whether they match",
    ),
    (
        Kind::Departed,
        "an officer said of an owner whether they have departed",
    ),
    (Kind::Restored, "the authority was put back from a backup"),
];

fn of_kind(kind: Kind) -> Option<String> {
    let told = KINDS.iter().find(|(told, _)| *told == kind);
    told.map(|(_, what)| (*what).to_owned())
}

fn because(grounds: &Grounds) -> String {
    match grounds.as_str() {
        "" => String::new(),
        text => format!(", saying: {}", words(text)),
    }
}

fn keys_of(number: usize) -> String {
    count(number as u64, "key", "keys")
}

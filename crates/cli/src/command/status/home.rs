//! `strongroom status` of nothing in particular: this home, its authority, its owner's machines, and what waits.

use serde::Serialize;
use strongroom_client::file::{Disks, Distance};
use strongroom_client::home::{Home, Membership};
use strongroom_client::{Client, ConnectError};
use strongroom_protocol::statement::Checked;

use super::tell_of_check;
use crate::command::officer::short;
use crate::command::whoami::this_machine;
use crate::context::Context;
use crate::devices::Devices;
use crate::exit::{self, Exit};
use crate::terminal::{self, columns, count, escape, shown, wrapped};
use crate::{place, reach};

/// Where the second column begins.
const INDENT: usize = 12;

/// How a home stands.
#[derive(Serialize)]
struct Standing {
    home: String,
    owner: String,
    authority: String,
    authority_id: String,
    /// Where the authority lies, seen from the home.
    spare_on: &'static str,
    same_disk: Option<bool>,
    /// Whether it answered just now.
    reached: bool,
    machine: Option<String>,
    /// How many devices are the owner's.
    machines: usize,
    /// How many keys are deposited.
    deposits: u64,
    secrets: usize,
    last_check: Option<LastCheck>,
    /// What somebody has to do something about.
    waiting: Vec<String>,
}

#[derive(Serialize)]
struct LastCheck {
    time: String,
    found: String,
}

pub(super) fn run(context: &Context, json: bool) -> anyhow::Result<Exit> {
    let mut home = Home::open_to_read(&context.home)?;
    let membership = home.membership()?.ok_or(ConnectError::NoAuthority)?;
    let mut rng = context.rng();
    let mut waiting = Vec::new();
    let reached = reach::authority_of(context, &home).and_then(|authority| {
        let client = reach::connect(context, &mut home, &authority, &mut rng)?;
        waiting = waiting_at(&client)?;
        Ok(())
    });
    waiting.extend(waiting_here(&home)?);
    let standing = Standing::of(context, &home, &membership, reached.is_ok(), waiting)?;
    let failed = home.failed_checks()?;
    let mut exit = match (&failed, standing.waiting.is_empty()) {
        (None, true) => Exit::Done,
        _ => Exit::Failed,
    };
    if json {
        terminal::print_json(&standing)?;
    } else if !context.quiet || exit != Exit::Done {
        standing.print(context)?;
    }
    if let Some(failed) = failed {
        tell_of_check(&failed);
    }
    if let Err(error) = reached {
        exit = exit.and(exit::fail("", &error));
    }
    Ok(exit)
}

/// What the authority's log has that waits for the owner.
fn waiting_at(client: &Client<'_>) -> anyhow::Result<Vec<String>> {
    let mut waiting = Vec::new();
    for open in client.requests_by_others()? {
        let id = short(open.id);
        waiting.push(format!(
            "somebody asked for your keys on {}: `strongroom veto {id}` stops it",
            open.recorded
        ));
    }
    let lost = client.home().lost_statements()?.len() as u64;
    if lost > 0 {
        waiting.push(format!(
            "{} the authority lost or can't read: `strongroom sync` sends what this home has of it",
            count(lost, "entry", "entries")
        ));
    }
    if client.is_revoked()? {
        waiting.push(
            "this machine was revoked: `strongroom recover --all` makes another key for it"
                .to_owned(),
        );
    }
    Ok(waiting)
}

/// What was begun here, and not finished.
fn waiting_here(home: &Home) -> anyhow::Result<Vec<String>> {
    let mut waiting = Vec::new();
    // What a command is at work on is not waiting.
    let is_at_rest = !home.is_in_use();
    let requests = home.requests()?;
    let open = requests.iter().filter(|request| !request.is_complete());
    let open = open.count() as u64;
    if open > 0 && is_at_rest {
        waiting.push(format!(
            "{} of this machine's for your keys: the same `strongroom recover` goes on",
            count(open, "request", "requests")
        ));
    }
    let interrupted = home.interrupted()?.len() as u64;
    if interrupted > 0 && is_at_rest {
        waiting.push(format!(
            "{} whose header was being replaced when a command was interrupted: `strongroom rewrap FILE` goes on",
            count(interrupted, "file", "files")
        ));
    }
    if home.is_joining()? && is_at_rest {
        waiting.push(
            "this machine has yet to join as yours: `strongroom init --join FILE` goes on"
                .to_owned(),
        );
    } else if !home.has_identity()? && is_at_rest {
        waiting.push(
            "your key is missing: `strongroom recover FILE`, or `recover --all`, makes a new one"
                .to_owned(),
        );
    }
    Ok(waiting)
}

impl Standing {
    fn of(
        context: &Context,
        home: &Home,
        membership: &Membership,
        reached: bool,
        waiting: Vec<String>,
    ) -> anyhow::Result<Self> {
        let distance = membership.address.distance(&Disks::look(), &context.home);
        let devices = home.devices()?;
        let ours = devices.iter().filter(|device| device.revoked.is_none());
        let secrets = home.secrets()?;
        Ok(Self {
            home: context.home.to_string_lossy().into_owned(),
            owner: membership.owner.to_string(),
            authority: membership.address.to_string(),
            authority_id: membership.founding.authority().to_string(),
            spare_on: distance.as_str(),
            same_disk: place::is_same_disk(distance),
            reached,
            machine: this_machine(home, &Devices::of(home)?),
            machines: ours.count(),
            deposits: home.deposits_count()?,
            secrets: secrets.iter().filter(|secret| !secret.superseded).count(),
            last_check: home.last_check()?.map(|(time, checked)| LastCheck {
                time: time.to_string(),
                found: found(&checked),
            }),
            waiting,
        })
    }

    fn print(&self, context: &Context) -> std::io::Result<()> {
        let columns = columns();
        let line = |name: &str, text: &str| {
            let lines = wrapped(text, columns.saturating_sub(INDENT));
            lines.iter().enumerate().try_for_each(|(number, text)| {
                let name = if number == 0 { name } else { "" };
                terminal::print(format!("{name:INDENT$}{text}").trim_end())
            })
        };
        line("home", &shown(&context.home))?;
        line("owner", &self.owner)?;
        line("authority", &escape(&self.authority))?;
        let place = match self.same_disk {
            Some(false) if self.spare_on == Distance::InMemory.as_str() => {
                "in memory: gone at the next start"
            }
            Some(false) => "on another disk than this home",
            Some(true) => "on the same disk as this home: losing the disk loses both",
            None => "nothing shows whether it is on another disk than this home",
        };
        line("", place)?;
        if !self.reached {
            line(
                "",
                "can't be reached now: what follows is as of the last time",
            )?;
        }
        let check = match &self.last_check {
            Some(check) => format!("{}: {}", check.time, check.found),
            None => "none yet: `strongroom authority check` makes one".to_owned(),
        };
        line("last check", &check)?;
        let this = match &self.machine {
            Some(machine) => format!("; this one is {machine}"),
            None => String::new(),
        };
        let machines = count(self.machines as u64, "machine", "machines");
        line("machines", &format!("{machines} of yours{this}"))?;
        let secrets = count(self.secrets as u64, "secret", "secrets");
        let keys = count(self.deposits, "spare key", "spare keys");
        line("deposited", &format!("{keys}, {secrets} among them"))?;
        match &self.waiting[..] {
            [] => line("waiting", "nothing"),
            waiting => waiting
                .iter()
                .enumerate()
                .try_for_each(|(number, text)| match number {
                    0 => line("waiting", text),
                    _ => line("", text),
                }),
        }
    }
}

/// Says what a check found.
fn found(checked: &Checked) -> String {
    let looked = format!(
        "{} of {} opened",
        checked.opened,
        count(checked.kept, "deposit", "deposits")
    );
    match checked.is_clean() {
        true => format!("{looked}, nothing wrong"),
        false => format!("{looked}, and something is wrong"),
    }
}

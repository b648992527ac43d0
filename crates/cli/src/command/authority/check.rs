//! `strongroom authority check`: what was deposited long ago, opened and compared.

use std::path::Path;

use serde::Serialize;
use strongroom_authority::{CheckReport, Extent};
use strongroom_client::Address;
use strongroom_client::home::Home;
use strongroom_protocol::statement::Checked;

use crate::context::Context;
use crate::exit::Exit;
use crate::prompt;
use crate::reach::{self, Reached};
use crate::terminal::{self, count};

#[derive(Serialize)]
struct Line {
    /// The number of entries looked at.
    entries: u64,
    /// How many deposits are kept in them.
    kept: u64,
    opened: u64,
    failed: u64,
    /// How many entries could not be read.
    unread: u64,
    named: Vec<Named>,
    /// The statement that records the check.
    statement: String,
    time: String,
    /// How many of this home's are verified that were not.
    verified: u64,
}

#[derive(Serialize)]
struct Named {
    owner: String,
    serial: String,
}

pub(super) fn run(
    context: &Context,
    authority: Option<&Path>,
    extent: Extent,
    code_file: Option<&Path>,
    json: bool,
) -> anyhow::Result<Exit> {
    // Another's authority is checked for its own sake: what a home knows is of its own.
    let mut home = match authority {
        Some(_) => None,
        None => Some(Home::open(&context.home)?),
    };
    let folder = match (authority, &home) {
        (Some(folder), _) => folder.to_owned(),
        (None, Some(home)) => super::folder_of(home)?,
        (None, None) => return Ok(Exit::Failed),
    };
    let service = reach::service(context, &Address::Folder(folder))?;
    if service.is_sealed() {
        service.unlock(&prompt::recovery_code(context, code_file)?)?;
    }
    let report = service.check(extent)?;
    let mut verified = 0;
    if let Some(home) = &mut home {
        let reached = Reached::through(&service, reach::caller(home)?);
        let before = home.verified_count()?;
        let mut rng = context.rng();
        let mut client = reach::connect(context, home, &reached, &mut rng)?;
        if report.checked.unread > 0 {
            // What this home has read once, the authority may have lost.
            client.read_again(&mut |_, _| {})?;
        }
        verified = client.home().verified_count()?.saturating_sub(before);
    }
    let checked = &report.checked;
    if json {
        terminal::print_json(&line(&report, verified))?;
    } else {
        say(checked, verified)?;
    }
    Ok(if checked.failed == 0 && checked.unread == 0 {
        Exit::Done
    } else {
        Exit::Failed
    })
}

fn line(report: &CheckReport, verified: u64) -> Line {
    let checked = &report.checked;
    Line {
        entries: checked.size,
        kept: checked.kept,
        opened: checked.opened,
        failed: checked.failed,
        unread: checked.unread,
        named: checked.named.iter().map(named).collect(),
        statement: report.statement.id().to_string(),
        time: checked.time.to_string(),
        verified,
    }
}

fn named(deposit: &strongroom_protocol::statement::CheckedDeposit) -> Named {
    Named {
        owner: deposit.owner.to_string(),
        serial: deposit.serial.to_string(),
    }
}

fn say(checked: &Checked, verified: u64) -> std::io::Result<()> {
    for deposit in checked.named.iter().map(named) {
        terminal::print(format_args!(
            "serial {}  of owner {}  does not match",
            deposit.serial, deposit.owner
        ))?;
    }
    let mut line = format!(
        "{} of {} opened, {} did not match",
        checked.opened,
        count(checked.kept, "deposit", "deposits"),
        checked.failed
    );
    if checked.unread > 0 {
        line += &format!(
            "; {} of the log can't be read",
            count(checked.unread, "entry", "entries")
        );
    }
    if verified > 0 {
        line += &format!("; {verified} of yours are verified now that were not");
    }
    terminal::print(line)
}

//! `strongroom authority check`: what was deposited long ago, opened and compared; and the indexes, held against the entries,
//! or made what these say.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use strongroom_authority::{CheckReport, Extent, NamedDeposit, Service};
use strongroom_client::Address;
use strongroom_client::home::Home;
use strongroom_protocol::Unavailable;

use crate::context::Context;
use crate::exit::Exit;
use crate::progress::Progress;
use crate::prompt;
use crate::reach::{self, Reached};
use crate::terminal::{self, count, tell};

#[derive(Serialize)]
struct Line {
    /// The number of entries looked at.
    entries: u64,
    /// How many deposits are kept in them.
    kept: u64,
    opened: u64,
    failed: u64,
    named: Vec<NamedLine>,
    /// How many entries could not be read.
    unread: u64,
    /// Which: all, or the first.
    unread_entries: Vec<u64>,
    /// How many rows of each index are not what the entries make of them; of a sample none is looked at.
    differing: BTreeMap<&'static str, u64>,
    /// The entry that kept the indexes from being compared.
    not_compared: Option<u64>,
    /// The statement that records the check.
    statement: String,
    time: String,
    /// How many of this home's are verified that were not.
    verified: u64,
}

#[derive(Serialize)]
struct NamedLine {
    owner: String,
    serial: String,
    entry: u64,
    place: u64,
}

#[derive(Serialize)]
struct RepairLine {
    /// How many rows of each index were not what the entries make of them, and are now.
    repaired: BTreeMap<&'static str, u64>,
}

/// What `authority check` is to do.
pub(super) enum Work {
    Check(Extent),
    /// Make the indexes what the entries say.
    Repair,
}

pub(super) fn run(
    context: &Context,
    authority: Option<&Path>,
    work: &Work,
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
    let extent = match work {
        Work::Check(extent) => *extent,
        Work::Repair => return repair(context, &service, json),
    };
    if service.is_sealed() {
        service.unlock(&prompt::recovery_code(context, code_file)?)?;
    }
    let bar = Progress::counted(context, "entry", "entries");
    let report = service.check(extent, &mut |done, total| bar.of(done, total))?;
    drop(bar);
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
        say(&report, verified)?;
    }
    let is_compared = report
        .indexes
        .as_ref()
        .is_none_or(|indexes| indexes.blocked_by.is_none());
    if checked.is_clean() && is_compared {
        return Ok(Exit::Done);
    }
    if checked.differing > 0 {
        tell("hint: `strongroom authority check --repair` makes the indexes what the entries say");
    }
    if checked.unread + checked.failed > 0 {
        tell(
            "hint: whoever deposited it gives it back with `strongroom sync`; what nobody has any more is in an older backup",
        );
    }
    Ok(Exit::Failed)
}

fn repair(context: &Context, service: &Service, json: bool) -> anyhow::Result<Exit> {
    let bar = Progress::counted(context, "entry", "entries");
    let repaired = service.repair(&mut |done, total| bar.of(done, total));
    drop(bar);
    let repaired = repaired.map_err(Unavailable::from)?.differing;
    if json {
        terminal::print_json(&RepairLine { repaired })?;
        return Ok(Exit::Done);
    }
    if repaired.is_empty() {
        terminal::print("nothing to repair: the indexes are what the entries say")?;
    }
    for (index, rows) in &repaired {
        terminal::print(format_args!(
            "{index}: {} made what the entries say",
            count(*rows, "row", "rows")
        ))?;
    }
    Ok(Exit::Done)
}

fn line(report: &CheckReport, verified: u64) -> Line {
    let checked = &report.checked;
    let indexes = report.indexes.clone();
    Line {
        entries: checked.size,
        kept: checked.kept,
        opened: checked.opened,
        failed: checked.failed,
        named: report.named.iter().map(named).collect(),
        unread: checked.unread,
        unread_entries: checked.unread_named.clone(),
        not_compared: indexes.as_ref().and_then(|indexes| indexes.blocked_by),
        differing: indexes.map(|indexes| indexes.differing).unwrap_or_default(),
        statement: report.statement.id().to_string(),
        time: checked.time.to_string(),
        verified,
    }
}

fn named(deposit: &NamedDeposit) -> NamedLine {
    NamedLine {
        owner: deposit.owner.to_string(),
        serial: deposit.serial.to_string(),
        entry: deposit.at.entry,
        place: deposit.at.place,
    }
}

fn say(report: &CheckReport, verified: u64) -> std::io::Result<()> {
    let checked = &report.checked;
    for deposit in &report.named {
        terminal::print(format_args!(
            "serial {}  of owner {}  does not match",
            deposit.serial, deposit.owner
        ))?;
    }
    for entry in &checked.unread_named {
        terminal::print(format_args!("entry {entry}  can't be read"))?;
    }
    if let Some(indexes) = &report.indexes {
        for (index, rows) in &indexes.differing {
            terminal::print(format_args!(
                "{index}: {} not what the entries say",
                count(*rows, "row is", "rows are")
            ))?;
        }
        if let Some(entry) = indexes.blocked_by {
            terminal::print(format_args!(
                "the indexes could not be compared: it is not known what entry {entry} says"
            ))?;
        }
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
    if checked.differing > 0 {
        line += &format!(
            "; {} of the indexes not what the entries say",
            count(checked.differing, "row", "rows")
        );
    }
    if verified > 0 {
        line += &format!("; {verified} of yours are verified now that were not");
    }
    terminal::print(line)
}

//! `strongroom status`: what can be said of files' protection, and no more.

use std::path::Path;

use anyhow::ensure;
use clap::Args;
use serde::Serialize;
use strongroom_agefile::header::ReadHeaderError;
use strongroom_client::home::Home;
use strongroom_client::status::{Doubt, FileStatus, Inspector, SpareState, StatusError};

use crate::context::Context;
use crate::exit::{self, Exit, Usage, chain};
use crate::input::{Input, Paths};
use crate::reach;
use crate::terminal::{self, count, shown};

/// Tell of each file whether it is protected.
///
/// A file is protected when its spare was verified by the authority, matched the file's key, and lies on another disk.
/// That is about its key: whether the file itself is whole shows when it is decrypted. Exits with 1 if any file is not.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    paths: Paths,
    /// Print a line of JSON for each file.
    #[arg(long)]
    json: bool,
    /// Count a spare on the file's own disk as protection.
    #[arg(long)]
    same_disk_ok: bool,
}

#[derive(Serialize)]
struct Line<'l> {
    file: &'l str,
    serial: Option<String>,
    authority: Option<String>,
    state: Option<&'static str>,
    protected: bool,
    same_disk: bool,
    detached: bool,
    since: Option<String>,
    reason: Option<String>,
}

#[derive(Default)]
struct Totals {
    protected: u64,
    unprotected: u64,
    /// Those that would be protected, were the spare elsewhere.
    near: u64,
    /// Those whose deposit the authority had, and has no more.
    lost: u64,
    /// Those whose deposit the authority has not opened.
    unopened: u64,
    foreign: u64,
}

pub(crate) fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    ensure!(!arguments.paths.is_empty(), Usage("no file was named"));
    let files = arguments.paths.files()?;
    let mut home = Home::open(&context.home)?;
    let (totals, mut exit) = match inspect_with_authority(context, &mut home, &files, arguments) {
        Ok(totals) => (totals?, Exit::Done),
        Err(error) => {
            // What was seen is told all the same; that it is so still can't be said.
            let exit = exit::fail("", &error);
            let inspector = Inspector::new(&home, None)?;
            (inspect_all(inspector, &files, arguments)?, exit)
        }
    };
    if !arguments.json {
        terminal::print(totals.to_line())?;
    }
    if totals.lost > 0 {
        context.say("hint: `strongroom sync` sends the deposits that the authority has lost");
    }
    if totals.unopened > 0 {
        context.say(
            "hint: `strongroom authority check --all` opens what the authority has not opened",
        );
    }
    if totals.unprotected > 0 && exit == Exit::Done {
        exit = Exit::Failed;
    }
    Ok(exit)
}

/// The outer error says why the authority does not answer, the inner one what failed after it did.
fn inspect_with_authority(
    context: &Context,
    home: &mut Home,
    files: &[Input],
    arguments: &Arguments,
) -> anyhow::Result<anyhow::Result<Totals>> {
    let authority = reach::authority_of(context, home)?;
    let mut rng = context.rng();
    let client = reach::connect(context, home, &authority, &mut rng)?;
    let inspector = Inspector::new(client.home(), Some(client.connection()))?;
    Ok(inspect_all(inspector, files, arguments))
}

fn inspect_all(
    mut inspector: Inspector<'_>,
    files: &[Input],
    arguments: &Arguments,
) -> anyhow::Result<Totals> {
    let mut totals = Totals::default();
    for file in files {
        match inspector.inspect(&file.path) {
            Ok(status) => {
                let protected = status.is_protected(arguments.same_disk_ok);
                totals.count(protected, status.is_protected(true));
                totals.lost += u64::from(status.doubt == Some(Doubt::Lost));
                totals.unopened += u64::from(status.doubt == Some(Doubt::NotVerified));
                print(&file.path, &status, protected, arguments)?;
            }
            Err(StatusError::Header(ReadHeaderError::NotAge)) if !file.named => {
                totals.foreign += 1;
            }
            Err(StatusError::Home(error)) => return Err(error.into()),
            Err(error) => {
                totals.count(false, false);
                print_unread(&file.path, error, arguments)?;
            }
        }
    }
    Ok(totals)
}

impl Totals {
    fn count(&mut self, protected: bool, elsewhere: bool) {
        if protected {
            self.protected += 1;
        } else {
            self.unprotected += 1;
            self.near += u64::from(elsewhere);
        }
    }

    fn to_line(&self) -> String {
        let files = self.protected + self.unprotected;
        let mut line = format!(
            "{}: {} protected, {} not",
            count(files, "file", "files"),
            self.protected,
            self.unprotected
        );
        if self.near > 0 {
            line += &format!(" ({} with the spare on the same disk)", self.near);
        }
        if self.foreign > 0 {
            line += &format!(
                "; {} passed over",
                count(self.foreign, "other file", "other files")
            );
        }
        line
    }
}

fn print(
    path: &Path,
    status: &FileStatus,
    protected: bool,
    arguments: &Arguments,
) -> std::io::Result<()> {
    let state = status.state.map(SpareState::as_str);
    let reason =
        status.doubt.as_ref().map(reason).or_else(|| {
            (!protected && status.same_disk).then(|| "spare on the same disk".to_owned())
        });
    if arguments.json {
        return terminal::print_json(&Line {
            file: &path.to_string_lossy(),
            serial: status.pointer.map(|pointer| pointer.serial.to_string()),
            authority: status.pointer.map(|pointer| pointer.authority.to_string()),
            state,
            protected,
            same_disk: status.same_disk,
            detached: status.detached,
            since: status.since.map(|since| since.to_string()),
            reason,
        });
    }
    let mut line = match reason {
        // Only where that was said to do.
        _ if protected && status.same_disk => {
            format!(
                "{}  protected, with the spare on the same disk",
                shown(path)
            )
        }
        _ if protected => format!("{}  protected", shown(path)),
        // It would be, elsewhere; the two words are never said of it.
        Some(reason) if status.doubt.is_none() => format!("{}  {reason}", shown(path)),
        reason => format!(
            "{}  not protected: {}",
            shown(path),
            reason.unwrap_or_default()
        ),
    };
    if let Some(state) = state {
        line += &format!("  {state}");
    }
    if status.detached {
        line += "  detached";
    }
    if let Some(since) = status.since {
        line += &format!("  since {since}");
    }
    if let Some(pointer) = status.pointer {
        line += &format!("  serial {}  at {}", pointer.serial, pointer.authority);
    }
    terminal::print(line)
}

fn print_unread(path: &Path, error: StatusError, arguments: &Arguments) -> std::io::Result<()> {
    let reason = if let StatusError::Header(ReadHeaderError::NotAge) = error {
        "not an age file".to_owned()
    } else {
        chain(&error.into())
    };
    if arguments.json {
        return terminal::print_json(&Line {
            file: &path.to_string_lossy(),
            serial: None,
            authority: None,
            state: None,
            protected: false,
            same_disk: false,
            detached: false,
            since: None,
            reason: Some(reason),
        });
    }
    let reason = terminal::escape(&reason);
    terminal::print(format_args!("{}  not protected: {reason}", shown(path)))
}

/// Says what keeps a file from being protected.
fn reason(doubt: &Doubt) -> String {
    match doubt {
        Doubt::Lost => "the authority's log does not have its deposit any more".to_owned(),
        Doubt::Mismatch => {
            "the authority opened the deposit, and it is not what was deposited".to_owned()
        }
        Doubt::NotMatched => {
            "the header is not the one this home wrote: a pointer can be copied".to_owned()
        }
        Doubt::NoPointer => "the header names no deposit".to_owned(),
        Doubt::NotVerified => "the authority has not opened the deposit".to_owned(),
        Doubt::OtherAuthority => "the header names another authority's deposit".to_owned(),
        Doubt::OutOfReach => "the authority can't be asked".to_owned(),
        Doubt::Refuted(why) => format!("what the authority says does not hold: {why}"),
        Doubt::UnknownDeposit => "this home knows no such deposit".to_owned(),
        _ => "not known".to_owned(),
    }
}

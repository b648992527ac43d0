//! `strongroom sync`: sends an authority that was restored from a backup what it lost.

use clap::Args;
use serde::Serialize;
use strongroom_client::ConnectError;
use strongroom_client::connection::ExchangeError;
use strongroom_client::home::Home;
use strongroom_client::sync::{Synced, Unsent, give_back_all};

use crate::context::Context;
use crate::exit::Exit;
use crate::progress::Progress;
use crate::reach;
use crate::terminal::{self, count, tell};

/// Give the authority back what it lost or can't read, from the copies that this home keeps.
///
/// After damage, or after it was restored from a backup and `log accept-restored`. Run again, it has nothing to do. Exits with
/// 1 if the authority would not take something back, or can't read something of yours still.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Print a line of JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Line {
    /// Whether the owner was enrolled again.
    enrolled: bool,
    /// How many deposit statements the authority had.
    present: u64,
    /// How many deposit statements there are now by other machines of the owner's.
    by_others: u64,
    /// How many of those it could not read, and can again.
    mended: u64,
    /// How many statements were sent that it did not have.
    sent: u64,
    /// How many words on devices were not sent, as the log has newer names, or does not have those devices any more.
    moot: u64,
    /// How many entries of the owner's the authority can't read.
    unread: u64,
    unsent: Vec<UnsentLine>,
}

#[derive(Serialize)]
struct UnsentLine {
    serial: Option<String>,
    statement: Option<String>,
    reason: String,
}

pub(crate) fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    let mut home = Home::open(&context.home)?;
    let authority = reach::authority_of(context, &home)?;
    let mut rng = context.rng();
    // An authority that lost who its owners are, or where their entries stand, shows nothing before it has that again.
    let given_back = match reach::connect(context, &mut home, &authority, &mut rng).map(drop) {
        Ok(()) => 0,
        Err(error) if may_be_mended(&error) => give_back_all(&home, authority.authority())?,
        Err(error) => return Err(error),
    };
    let mut client = reach::connect(context, &mut home, &authority, &mut rng)?;
    let bar = Progress::counted(context, "entry", "entries");
    let mut synced = client.sync(&mut |done, total| bar.of(done, total))?;
    drop(bar);
    synced.mended += given_back;
    if arguments.json {
        terminal::print_json(&line(&synced))?;
    } else {
        say(context, &synced);
    }
    Ok(if synced.unsent.is_empty() && synced.unread == 0 {
        Exit::Done
    } else {
        Exit::Failed
    })
}

/// Tells whether an authority that can't be worked with may be one once it has back what it lost: not, where its log is
/// another than it was.
fn may_be_mended(error: &anyhow::Error) -> bool {
    let Some(ConnectError::Exchange(error)) = error.downcast_ref() else {
        return false;
    };
    !matches!(
        error,
        ExchangeError::LogForked { .. }
            | ExchangeError::LogShrunk { .. }
            | ExchangeError::OtherAuthority { .. }
    )
}

fn line(synced: &Synced) -> Line {
    Line {
        enrolled: synced.enrolled,
        present: synced.present,
        by_others: synced.by_others,
        mended: synced.mended,
        sent: synced.sent,
        moot: synced.moot,
        unread: synced.unread,
        unsent: synced.unsent.iter().map(unsent).collect(),
    }
}

fn say(context: &Context, synced: &Synced) {
    if synced.enrolled {
        context.say("the authority had lost you: enrolled again");
    }
    context.say(format_args!(
        "{} there, {} sent",
        count(synced.present, "deposit statement", "deposit statements"),
        synced.sent
    ));
    if synced.by_others > 0 {
        context.say(format_args!(
            "{} of them deposited by other machines of yours",
            synced.by_others
        ));
    }
    if synced.moot > 0 {
        context.say(format_args!(
            "{} not sent: the authority's log has newer names, or has lost what made those devices yours",
            count(synced.moot, "word on a device", "words on devices")
        ));
    }
    if synced.mended > 0 {
        context.say(format_args!(
            "{} the authority had lost or could not read: it has them again",
            count(synced.mended, "entry that", "entries that")
        ));
    }
    if synced.unread > 0 {
        tell(format_args!(
            "error: the authority can't read {} of yours in its log",
            count(synced.unread, "entry", "entries")
        ));
    }
    let mut refused = false;
    for lost in &synced.unsent {
        refused |= matches!(lost, Unsent::Refused { .. });
        let UnsentLine {
            serial,
            statement,
            reason,
        } = unsent(lost);
        let what = match serial {
            Some(serial) => format!("serial {serial}"),
            None => format!("statement {}", statement.unwrap_or_default()),
        };
        tell(format_args!(
            "error: {what}: the authority does not keep it: {reason}"
        ));
    }
    if refused {
        tell(
            "hint: if this device became yours by a recovery that the authority has lost, `strongroom recover --all` makes \
             it yours again; then run `sync` once more",
        );
    }
}

fn unsent(unsent: &Unsent) -> UnsentLine {
    match unsent {
        Unsent::NotKept { serial, state } => UnsentLine {
            serial: Some(serial.to_string()),
            statement: None,
            reason: state.as_str().to_owned(),
        },
        Unsent::Refused { statement, refusal } => UnsentLine {
            serial: None,
            statement: Some(statement.to_string()),
            reason: refusal.to_string(),
        },
    }
}

//! `strongroom policy set`: asks for a change of the policy, and goes on with it until it is in force.

use std::path::PathBuf;

use clap::Args;
use strongroom_client::ConnectError;
use strongroom_client::home::Home;
use strongroom_client::officer::{AfterWord, Desk, Pin, SayError};
use strongroom_protocol::policy::{Policy, Reason, SubjectState};
use strongroom_protocol::statement::{EvidenceKind, Grounds, Verdict};

use super::{read, uses_home};
use crate::command::officer::{exit_of, short, tell_out_of_office, tell_standing};
use crate::command::recover::ended;
use crate::context::Context;
use crate::desk::DeskOptions;
use crate::exit::Exit;
use crate::terminal::shown;
use crate::{prompt, reach};

/// Change the policy to the one in a file, once what the policy in force asks for is there.
///
/// Run again, it goes on with the same change; while that waits, it says what for and exits with 3. Where the policy
/// asks for recovery codes, every owner who has a deposit runs it once. Officers answer with `officer approve` or `officer deny`.
///
/// In a home with the `officer.key` of an officer it asks as that officer, whose own approval then does not count.
#[derive(Args)]
pub(super) struct Arguments {
    /// The policy; from a pipe if it is `-`.
    file: PathBuf,
    /// Why, for those who decide.
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    /// Read the recovery code from PATH.
    #[arg(long, value_name = "PATH")]
    code_file: Option<PathBuf>,
    /// Ask anew for a change that was denied.
    #[arg(long)]
    again: bool,
}

/// The change came to an end without coming into force.
#[derive(Debug, thiserror::Error)]
#[error("{}", ended("the change", *.verdict, .reasons))]
pub(crate) struct NotChanged {
    verdict: Verdict,
    reasons: Vec<Reason>,
}

pub(super) fn run(
    context: &Context,
    desk: &DeskOptions,
    arguments: &Arguments,
) -> anyhow::Result<Exit> {
    let policy = read(&arguments.file)?;
    let grounds = Grounds::new(arguments.reason.clone())?;
    let act = |desk: &mut Desk<'_>| propose(context, arguments, desk, &policy, grounds);
    let subject = if !uses_home(context, desk)? {
        desk.at(context, act)?
    } else if is_officers_home(context, desk)? {
        let key = desk.key_path(context);
        context.say(format_args!("as the officer with {}", shown(&key)));
        desk.at(context, act)?
    } else {
        as_owner(context, act)?
    };
    let subject = match subject {
        None => {
            context.say("this policy is in force");
            return Ok(Exit::Done);
        }
        Some(AfterWord::OutOfOffice { is_in_force }) => {
            tell_out_of_office(context, "change", is_in_force);
            return Ok(Exit::Done);
        }
        Some(AfterWord::Stands(subject)) => subject,
    };
    match subject.state() {
        SubjectState::Decided(verdict) if verdict != Verdict::Approved => Err(NotChanged {
            verdict,
            reasons: subject.reasons().to_vec(),
        }
        .into()),
        SubjectState::Requested => {
            tell_standing(context, &subject);
            context.say(format_args!(
                "Officers see it with `strongroom officer show {}`.",
                short(subject.id())
            ));
            Ok(exit_of(&subject))
        }
        SubjectState::Decided(_) | SubjectState::Released => {
            context.say("the policy is changed");
            Ok(Exit::Done)
        }
    }
}

/// Tells whether an officer works in this home: then they ask as that, and do not approve their own change.
fn is_officers_home(context: &Context, desk: &DeskOptions) -> anyhow::Result<bool> {
    Ok(
        desk.key_path(context).try_exists()?
            && desk.at(context, |desk| Ok(desk.is_in_office()?))?,
    )
}

/// Lets `act` work at a desk with the key of the home's device, and keeps what was seen in the home.
fn as_owner<T>(
    context: &Context,
    act: impl FnOnce(&mut Desk<'_>) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let mut home = Home::open(&context.home)?;
    let membership = home.membership()?.ok_or(ConnectError::NoAuthority)?;
    let key = home.device_key()?;
    let pin = Pin {
        authority: membership.founding.authority(),
        seen: home.seen()?.map(|seen| seen.as_text().to_owned()),
    };
    let reached = reach::authority_of(context, &home)?;
    let now = context.clock.now();
    let mut desk = Desk::open(reached.authority(), Some(&pin), &key, now)?;
    home.record_seen(&desk.seen())?;
    let result = act(&mut desk);
    home.record_seen(&desk.seen())?;
    result
}

/// Asks for the change, or goes on with it. None if the policy is in force already.
fn propose(
    context: &Context,
    arguments: &Arguments,
    desk: &mut Desk<'_>,
    policy: &Policy,
    grounds: Grounds,
) -> anyhow::Result<Option<AfterWord>> {
    let subject = match desk.propose(policy, grounds, arguments.again) {
        Err(SayError::InForce) => return Ok(None),
        after => match after? {
            AfterWord::Stands(subject) => subject,
            gone @ AfterWord::OutOfOffice { .. } => return Ok(Some(gone)),
        },
    };
    let kind = EvidenceKind::RecoveryCode;
    let wants_code = subject.state() == SubjectState::Requested
        && subject.reasons().iter().any(
            |reason| matches!(reason, Reason::NeedsEvidence { kind: wanted, .. } if *wanted == kind),
        );
    if !wants_code {
        return Ok(Some(AfterWord::Stands(subject)));
    }
    let code = prompt::recovery_code(context, arguments.code_file.as_deref())?;
    Ok(Some(desk.show_code(&subject, &code)?))
}

//! Asking the authority, with the recovery code where it wants it.

use anyhow::bail;
use strongroom_client::Client;
use strongroom_client::connection::ExchangeError;
use strongroom_client::fingerprint::Fingerprint;
use strongroom_client::home::{Home, PendingRequest};
use strongroom_client::recover::{Collected, RecoverError, RequestStanding, Wanted};
use strongroom_protocol::code::RecoveryCode;
use strongroom_protocol::policy::{Reason, SubjectState};
use strongroom_protocol::statement::{EvidenceKind, Grounds, Verdict};
use strongroom_protocol::{Refusal, SubmitError};

use super::Arguments;
use crate::command::officer::short;
use crate::context::Context;
use crate::prompt;
use crate::reach;
use crate::terminal::{Progress, one_line, tell};

/// What came of asking.
pub(super) enum Asked {
    /// The keys are in the home.
    Released(Collected),
    /// The request needs something still; why was said.
    Waits,
}

/// The request came to an end without keys.
#[derive(Debug, thiserror::Error)]
#[error("{}", ended("the request", *.verdict, .reasons))]
pub(crate) struct Ended {
    verdict: Verdict,
    reasons: Vec<Reason>,
}

/// Says how something that was asked came to its end.
pub(crate) fn ended(what: &str, verdict: Verdict, reasons: &[Reason]) -> String {
    if let (Verdict::Lapsed, [Reason::Lapsed { at }]) = (verdict, reasons) {
        return format!("{what} lapsed at {at}");
    }
    let reasons: Vec<String> = reasons.iter().map(Reason::to_string).collect();
    format!("{what} is {}: {}", verdict.as_str(), reasons.join("; "))
}

/// Asks for what is wanted, or goes on with the request that is pending.
pub(super) fn ask(
    context: &Context,
    arguments: &Arguments,
    home: &mut Home,
    wanted: Wanted,
    grounds: &Grounds,
    code: Option<&RecoveryCode>,
) -> anyhow::Result<Asked> {
    let mut rng = context.rng();
    // The authority shows a request to the device that made it.
    home.ensure_device_key(&mut rng)?;
    let authority = reach::authority_of(context, home)?;
    let mut client = reach::connect(context, home, &authority, &mut rng)?;
    let request = request(context, arguments, &mut client, wanted, grounds)?;
    let mut standing = client.standing(&request)?;
    let wanted = wants_code(&standing, |_| true);
    // Sealed custody opens with the code; what was released before is read again without.
    let sealed = authority.is_sealed() && may_be_released(&standing);
    if wanted || sealed {
        let is_own = request.request().owner == client.membership().owner;
        let asked = match code {
            Some(_) => None,
            None => ask_for_code(context, arguments, &standing, is_own)?,
        };
        if let Some(code) = code.or(asked.as_ref()) {
            if wanted {
                client.show_code(&request, code)?;
            }
            if sealed {
                authority.unlock(code)?;
            }
        }
        standing = client.standing(&request)?;
    }
    match standing.state {
        SubjectState::Decided(Verdict::Approved) | SubjectState::Released => {
            let total = request.request().scope.count();
            let bar = Progress::items(context);
            let collected = client.collect(&request, &mut |done| bar.set_of(done, total));
            drop(bar);
            Ok(Asked::Released(collected?))
        }
        SubjectState::Decided(verdict) => {
            // This is where it is told; the next command asks anew.
            client.forget(&request)?;
            bail!(Ended {
                verdict,
                reasons: standing.reasons,
            })
        }
        SubjectState::Requested => {
            tell("the request waits:");
            for reason in &standing.reasons {
                tell(format_args!("  {}", one_line(&reason.to_string())));
            }
            let id = short(request.statement().id());
            tell(format_args!(
                "Officers see it with `strongroom officer show {id}`. Tell them, past this machine, that the release \
                 key is\n  {}",
                Fingerprint::from(&request.request().release_key)
            ));
            Ok(Asked::Waits)
        }
    }
}

/// Makes the request. Where a header names a deposit that is not there, everything is asked for instead: the file's
/// own may be among it.
fn request(
    context: &Context,
    arguments: &Arguments,
    client: &mut Client<'_>,
    wanted: Wanted,
    grounds: &Grounds,
) -> anyhow::Result<PendingRequest> {
    // There is a key by now.
    let key_type = arguments.key_type.unwrap_or_default().into();
    let owner = arguments.owner.unwrap_or(client.membership().owner);
    match client.request_recovery_for(owner, &wanted, grounds, key_type) {
        Err(RecoverError::Exchange(ExchangeError::Submit(SubmitError::Refused(
            Refusal::Holdings,
        )))) if matches!(wanted, Wanted::Serials(_)) && arguments.serials.is_empty() => {
            let whose = if arguments.owner.is_some() {
                "theirs"
            } else {
                "yours"
            };
            context.say(format_args!(
                "a file names a deposit that is not there: asking for everything of {whose} instead"
            ));
            Ok(client.request_recovery_for(owner, &Wanted::Everything, grounds, key_type)?)
        }
        requested => Ok(requested?),
    }
}

/// Returns the recovery code: the one that was named, or the one that somebody types. Where the policy has another way,
/// or the keys are somebody else's, it goes on without.
fn ask_for_code(
    context: &Context,
    arguments: &Arguments,
    standing: &RequestStanding,
    is_own: bool,
) -> anyhow::Result<Option<RecoveryCode>> {
    let file = arguments.code_file.as_deref();
    Ok(match (file, is_own) {
        (None, false) => None,
        (None, true) if has_other_way(standing) => prompt::recovery_code_if_any()?,
        (_, _) => Some(prompt::recovery_code(context, file)?),
    })
}

fn may_be_released(standing: &RequestStanding) -> bool {
    match standing.state {
        SubjectState::Decided(verdict) => verdict == Verdict::Approved,
        SubjectState::Released => false,
        SubjectState::Requested => wants_code(standing, |_| true),
    }
}

/// Tells whether a rule that is not met yet wants the code: one of those that `among` picks.
fn wants_code(standing: &RequestStanding, among: impl Fn(&str) -> bool) -> bool {
    let kind = EvidenceKind::RecoveryCode;
    standing.state == SubjectState::Requested
        && standing.reasons.iter().any(|reason| {
            matches!(reason, Reason::NeedsEvidence { kind: wanted, rule }
                if *wanted == kind && among(rule))
        })
}

/// Tells whether a rule can be met without the code.
fn has_other_way(standing: &RequestStanding) -> bool {
    standing.reasons.iter().any(|reason| match reason {
        Reason::Frozen { rule }
        | Reason::NeedsApprovals { rule, .. }
        | Reason::Waits { rule, .. } => !wants_code(standing, |wanting| wanting == rule),
        Reason::Denied { .. }
        | Reason::Lapsed { .. }
        | Reason::NeedsEvidence { .. }
        | Reason::NoRule
        | Reason::Vetoed { .. }
        | _ => false,
    })
}

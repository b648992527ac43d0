//! Asking the authority, with the recovery code where it wants it.

use anyhow::bail;
use strongroom_authority::WrongCode;
use strongroom_client::connection::ExchangeError;
use strongroom_client::fingerprint::Fingerprint;
use strongroom_client::home::{Home, PendingRequest};
use strongroom_client::recover::{Collected, RecoverError, RequestStanding, Wanted};
use strongroom_client::{Client, ConnectError};
use strongroom_protocol::code::RecoveryCode;
use strongroom_protocol::policy::{Reason, SubjectState};
use strongroom_protocol::statement::{EvidenceKind, Grounds, Verdict};
use strongroom_protocol::{Refusal, SubmitError};

use super::Arguments;
use super::files::Files;
use crate::causes;
use crate::command::officer::short;
use crate::context::{Context, Randomness};
use crate::exit::chain;
use crate::progress::Progress;
use crate::prompt::{self, CodeFrom, TRIES};
use crate::reach;
use crate::terminal::{escape, one_line, shown, tell};

/// What came of asking.
pub(super) enum Asked {
    /// None of the deposits that were wanted is there.
    Nothing,
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
    files: &mut Files<'_>,
) -> anyhow::Result<Asked> {
    let mut rng = context.rng();
    // Before anything is asked for: a code with a mistake in it leaves no request that waits.
    let named = match code {
        None => named_code(context, arguments, home)?,
        Some(_) => None,
    };
    let code = code.or(named.as_ref());
    // The authority shows a request to the device that made it.
    home.ensure_device_key(&mut rng)?;
    if is_revoked(context, home, &mut rng)? {
        let aside = home.renew_device_key(&mut rng)?;
        tell(format_args!(
            "this machine's device is yours no more by the authority: it was revoked. It asks with a new key; the old one is {}",
            shown(&aside)
        ));
    }
    let authority = reach::authority_of(context, home)?;
    let mut client = reach::connect(context, home, &authority, &mut rng)?;
    let Some((request, wanted)) = request(arguments, &mut client, wanted, grounds, files)? else {
        return Ok(Asked::Nothing);
    };
    let mut standing = client.standing(&request)?;
    let wants_code = wants_code(&standing, |_| true);
    // Sealed custody opens with the code; what was released before is read again without.
    let sealed = authority.is_sealed() && may_be_released(&standing);
    if wants_code || sealed {
        let is_own = request.request().owner == client.membership().owner;
        let ask = || ask_for_code(context, arguments, &standing, is_own);
        for tries_left in (0..TRIES).rev() {
            let asked = match code {
                Some(_) => None,
                None => ask()?,
            };
            let from = asked.as_ref().map(|(_, from)| *from);
            let Some(code) = code.or(asked.as_ref().map(|(code, _)| code)) else {
                break;
            };
            let mut show = || {
                if wants_code {
                    client.show_code(&request, code)?;
                }
                if sealed {
                    authority.unlock(code)?;
                }
                Ok::<_, anyhow::Error>(())
            };
            match show() {
                Ok(()) => break,
                // Whoever typed it may have another sheet at hand.
                Err(error)
                    if from == Some(CodeFrom::Person) && tries_left > 0 && is_wrong(&error) =>
                {
                    tell(format_args!("{}. Once more:", escape(&chain(&error))));
                }
                Err(error) => return Err(error),
            }
        }
        standing = client.standing(&request)?;
    }
    match standing.state {
        SubjectState::Decided(Verdict::Approved) | SubjectState::Released => {
            // It is approved: what was shown is right.
            if arguments.all_for_own_key() {
                drop(client);
                files.ensure_identity(home)?;
                client = reach::connect(context, home, &authority, &mut rng)?;
            }
            let total = request.request().scope.count();
            let bar = Progress::counted(context, "key", "keys");
            let collected = client.collect(&request, &mut |done| bar.of(done, total));
            drop(bar);
            let collected = collected?;
            files.answered(&wanted);
            Ok(Asked::Released(collected))
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

/// Returns the code that was named. That in the variable is the owner's own, and nothing for somebody else's keys.
fn named_code(
    context: &Context,
    arguments: &Arguments,
    home: &Home,
) -> anyhow::Result<Option<RecoveryCode>> {
    let own = home.membership()?.map(|membership| membership.owner);
    let is_own = arguments.owner.is_none() || arguments.owner == own;
    match arguments.code_file.as_deref() {
        None if !is_own => Ok(None),
        file => prompt::named_code(context, file),
    }
}

/// Tells whether the device that this machine was is the owner's no more: as the home knows, or as the authority has it, which
/// shows it nothing.
fn is_revoked(context: &Context, home: &mut Home, rng: &mut Randomness) -> anyhow::Result<bool> {
    let authority = reach::authority_of(context, home)?;
    match reach::connect_silently(context, home, &authority, rng) {
        Ok(client) => Ok(client.is_revoked()?),
        Err(error) => match error.downcast_ref() {
            Some(ConnectError::Exchange(ExchangeError::Hidden)) => Ok(true),
            _ => Err(error),
        },
    }
}

/// Makes the request, without what the files name and the authority does not hold; none if it holds nothing of it.
fn request(
    arguments: &Arguments,
    client: &mut Client<'_>,
    mut wanted: Wanted,
    grounds: &Grounds,
    files: &mut Files<'_>,
) -> anyhow::Result<Option<(PendingRequest, Wanted)>> {
    let owner = arguments.owner.unwrap_or(client.membership().owner);
    loop {
        let refused = match client.request_recovery_for(owner, &wanted, grounds) {
            Ok(request) => return Ok(Some((request, wanted))),
            Err(error) => error,
        };
        let missing = if let RecoverError::Exchange(ExchangeError::Submit(SubmitError::Refused(
            Refusal::Holdings { missing },
        ))) = &refused
        {
            *missing
        } else {
            None
        };
        // One less each time, and none that was named on the command line.
        match (missing, &mut wanted) {
            (Some(missing), Wanted::Serials(serials))
                if serials.contains(&missing) && arguments.serials.is_empty() =>
            {
                serials.retain(|serial| *serial != missing);
                files.not_held(missing);
                if serials.is_empty() {
                    return Ok(None);
                }
            }
            _ => return Err(refused.into()),
        }
    }
}

/// Returns the recovery code: the one that was named, or the one that somebody types. Where the policy has another way,
/// or the keys are somebody else's, it goes on without.
fn ask_for_code(
    context: &Context,
    arguments: &Arguments,
    standing: &RequestStanding,
    is_own: bool,
) -> anyhow::Result<Option<(RecoveryCode, CodeFrom)>> {
    let file = arguments.code_file.as_deref();
    Ok(match (file, is_own) {
        (None, false) => None,
        (None, true) if has_other_way(standing) => prompt::recovery_code_if_any()?,
        (_, _) => Some(prompt::recovery_code_from(context, file)?),
    })
}

/// Tells whether a code is sound, and another owner's.
fn is_wrong(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(RecoverError::WrongCode))
        || causes::find::<WrongCode>(error.as_ref()).is_some()
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

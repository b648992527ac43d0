//! Asking the authority, with the recovery code where it wants it.

use anyhow::bail;
use strongroom_client::Client;
use strongroom_client::connection::ExchangeError;
use strongroom_client::home::{Home, PendingRequest};
use strongroom_client::recover::{RecoverError, Wanted};
use strongroom_protocol::code::RecoveryCode;
use strongroom_protocol::id::Serial;
use strongroom_protocol::policy::Reason;
use strongroom_protocol::statement::{EvidenceKind, Grounds, Verdict};
use strongroom_protocol::{Refusal, RequestState, RequestView, SubmitError};

use super::Arguments;
use crate::context::Context;
use crate::prompt;
use crate::reach;
use crate::terminal::tell;

/// What came of asking.
pub(super) enum Asked {
    /// The keys are in the home.
    Released { keys: u64, withheld: Vec<Serial> },
    /// The request needs something still; why was said.
    Waits,
}

/// The request came to an end without keys.
#[derive(Debug, thiserror::Error)]
#[error("the request is {}: {}", .verdict.as_str(), .reasons.join("; "))]
pub(crate) struct Ended {
    verdict: Verdict,
    reasons: Vec<String>,
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
    let mut view = client.view(&request)?;
    // Sealed custody opens with the code; what was released before is read again without.
    let sealed = authority.is_sealed() && may_be_released(&view);
    if wants_code(&view) || sealed {
        let asked = match code {
            Some(_) => None,
            None => Some(prompt::recovery_code(arguments.code_file.as_deref())?),
        };
        if let Some(code) = code.or(asked.as_ref()) {
            if wants_code(&view) {
                client.show_code(&request, code)?;
            }
            if sealed {
                authority.unlock(code)?;
            }
        }
        view = client.view(&request)?;
    }
    match view.state {
        RequestState::Decided(Verdict::Approved) | RequestState::Released => {
            let collected = client.collect(&request, &mut |_| {})?;
            Ok(Asked::Released {
                keys: collected.keys,
                withheld: collected.withheld,
            })
        }
        RequestState::Decided(verdict) => bail!(Ended {
            verdict,
            reasons: view.reasons.iter().map(Reason::to_string).collect(),
        }),
        RequestState::Requested => {
            tell("the request waits:");
            for reason in &view.reasons {
                tell(format_args!("  {reason}"));
            }
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
    match client.request_recovery(&wanted, grounds, key_type) {
        Err(RecoverError::Exchange(ExchangeError::Submit(SubmitError::Refused(
            Refusal::Holdings,
        )))) if matches!(wanted, Wanted::Serials(_)) && arguments.serials.is_empty() => {
            context.say(
                "a file names a deposit that is not there: asking for everything of yours instead",
            );
            Ok(client.request_recovery(&Wanted::Everything, grounds, key_type)?)
        }
        requested => Ok(requested?),
    }
}

fn may_be_released(view: &RequestView) -> bool {
    match view.state {
        RequestState::Decided(verdict) => verdict == Verdict::Approved,
        RequestState::Released => false,
        RequestState::Requested => wants_code(view),
    }
}

fn wants_code(view: &RequestView) -> bool {
    let kind = EvidenceKind::RecoveryCode;
    view.state == RequestState::Requested
        && view
            .reasons
            .iter()
            .any(|reason| matches!(reason, Reason::NeedsEvidence { kind: wanted, .. } if *wanted == kind))
}

//! `strongroom veto`: an owner says that a request for their keys is not theirs.

use anyhow::bail;
use clap::Args;
use strongroom_client::home::Home;
use strongroom_protocol::policy::{Reason, SubjectState};
use strongroom_protocol::statement::Grounds;

use crate::context::Context;
use crate::exit::Exit;
use crate::ids;
use crate::terminal::one_line;
use crate::{news, reach};

/// Stop a request for your keys that you did not make.
///
/// Every command that reaches the authority tells of such requests. Where the policy lets officers overrule a veto,
/// they settle it.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The beginning of the request's id.
    id: String,
    /// Why, for those who decide.
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
}

/// There is no such request, or there are several.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotVetoed {
    #[error("more than one open request for your keys begins with `{id}`")]
    Ambiguous { id: String },
    #[error("no open request for your keys that this device did not make begins with `{id}`")]
    NotFound { id: String },
}

pub(crate) fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    let grounds = Grounds::new(arguments.reason.clone())?;
    let mut home = Home::open(&context.home)?;
    let authority = reach::authority_of(context, &home)?;
    let mut rng = context.rng();
    // Of what is open it is told with what it does.
    let mut client = reach::connect_silently(context, &mut home, &authority, &mut rng)?;
    news::tell_news(&mut client);
    let id = &ids::lower(&arguments.id);
    let mut open = client.requests_by_others()?;
    open.retain(|open| open.id.to_string().starts_with(id));
    let open = match (open.pop(), open.pop()) {
        (Some(open), None) => open,
        (Some(_), Some(_)) => bail!(NotVetoed::Ambiguous { id: id.clone() }),
        (None, _) => bail!(NotVetoed::NotFound { id: id.clone() }),
    };
    let subject = client.veto(&open, grounds)?;
    let (state, reasons) = subject.standing(context.clock.now());
    context.say(said(state, &reasons));
    Ok(Exit::Done)
}

/// Says what the veto did: whether the policy lets it count is the policy's.
fn said(state: SubjectState, reasons: &[Reason]) -> String {
    let counts = reasons
        .iter()
        .any(|reason| matches!(reason, Reason::Vetoed { .. }));
    let mut text = match state {
        SubjectState::Requested if counts => {
            "you vetoed it; it waits for officers, who can overrule you:".to_owned()
        }
        SubjectState::Requested => {
            "your veto is on record; but the policy does not let it count:".to_owned()
        }
        state @ (SubjectState::Decided(_) | SubjectState::Released) => {
            format!("the request is {}:", state.as_str())
        }
    };
    for reason in reasons {
        text += &format!("\n  {}", one_line(&reason.to_string()));
    }
    text
}

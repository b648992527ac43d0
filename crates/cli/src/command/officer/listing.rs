//! What is asked, a line each.

use std::io;

use serde::Serialize;
use strongroom_client::fingerprint::Fingerprint;
use strongroom_client::officer::{Asked, Subject};

use super::{kind, needs, short};
use crate::context::Context;
use crate::terminal::{self, escape};

#[derive(Serialize)]
struct Line {
    id: String,
    kind: &'static str,
    state: &'static str,
    recorded: String,
    lapses: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    asker: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    release_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    keys: Option<u64>,
    reason: String,
    needs: Vec<String>,
}

impl From<&Subject> for Line {
    fn from(subject: &Subject) -> Self {
        let (request, reason) = match subject.asked() {
            Asked::Change(change) => (None, &change.grounds),
            Asked::Request(request) => (Some(request), &request.grounds),
        };
        Self {
            id: subject.id().to_string(),
            kind: kind(subject),
            state: subject.state().as_str(),
            recorded: subject.recorded().to_string(),
            lapses: subject.expires().to_string(),
            owner: request.map(|request| request.owner.to_string()),
            asker: subject.asker().map(|asker| asker.to_string()),
            release_key: request.map(|request| Fingerprint::from(&request.release_key).to_string()),
            keys: request.map(|_| subject.keys()),
            reason: reason.to_string(),
            needs: needs(subject),
        }
    }
}

pub(super) fn print(context: &Context, subjects: &[Subject], json: bool) -> io::Result<()> {
    if subjects.is_empty() && !json {
        context.say("nothing is open");
    }
    for line in subjects.iter().map(Line::from) {
        if json {
            terminal::print_json(&line)?;
            continue;
        }
        let about = match (&line.owner, &line.asker) {
            (None, _) => "the policy".to_owned(),
            (Some(owner), None) => format!("keys of {}", short(owner)),
            (Some(owner), Some(asker)) => {
                format!("keys of {}, for {}", short(owner), short(asker))
            }
        };
        terminal::print(format_args!(
            "{}  {}  {:7}  {:9}  {about}  {}",
            short(&line.id),
            line.recorded,
            line.kind,
            line.state,
            escape(&line.reason)
        ))?;
    }
    Ok(())
}

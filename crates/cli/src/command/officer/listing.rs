//! What is asked, a line each.

use std::io;

use serde::Serialize;
use strongroom_client::fingerprint::Fingerprint;
use strongroom_client::officer::{Said, Subject, Subjects, Who};
use strongroom_protocol::statement::Word;

use super::{kind, needs, short};
use crate::context::Context;
use crate::terminal::{self, escape, words};

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
    said: Vec<SaidLine>,
    needs: Vec<String>,
}

#[derive(Serialize)]
struct SaidLine {
    #[serde(skip_serializing_if = "Option::is_none")]
    who: Option<String>,
    what: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    when: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// Why it does not count; left out where it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    does_not_count: Option<String>,
}

impl From<&Said> for SaidLine {
    fn from(said: &Said) -> Self {
        let (who, what) = match &said.who {
            Who::Code => (None, "evidence"),
            Who::Device(key) => (Some(Fingerprint::from(key).to_string()), "veto"),
            Who::Officer(name, word) => (Some(name.clone()), word.as_str()),
        };
        Self {
            who,
            what,
            when: said.when.map(|when| when.to_string()),
            reason: said.grounds.as_ref().map(ToString::to_string),
            does_not_count: said.discount.map(|why| why.to_string()),
        }
    }
}

impl From<&Subject> for Line {
    fn from(subject: &Subject) -> Self {
        let request = subject.request();
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
            reason: subject.grounds().to_string(),
            said: subject.said().iter().map(SaidLine::from).collect(),
            needs: needs(subject),
        }
    }
}

pub(super) fn print_json(subject: &Subject) -> io::Result<()> {
    terminal::print_json(&Line::from(subject))
}

pub(super) fn print(context: &Context, subjects: &Subjects, json: bool) -> io::Result<()> {
    if subjects.read.is_empty() && subjects.damaged.is_empty() && !json {
        context.say("nothing is open");
    }
    for line in subjects.read.iter().map(Line::from) {
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
        let denied = line
            .said
            .iter()
            .filter(|said| said.what == Word::Deny.as_str())
            .filter_map(|said| said.who.as_deref().map(escape));
        let denied: Vec<_> = denied.collect();
        let by = if denied.is_empty() {
            String::new()
        } else {
            format!("  denied by {}", denied.join(", "))
        };
        terminal::print(format_args!(
            "{}  {}  {:7}  {:9}  {about}{by}  {}",
            short(&line.id),
            line.recorded,
            line.kind,
            line.state,
            words(&line.reason)
        ))?;
    }
    Ok(())
}

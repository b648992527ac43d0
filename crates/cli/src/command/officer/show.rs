//! All of a request or a change, as its officers have to see it before they say anything.

use std::io;

use strongroom_client::fingerprint::Fingerprint;
use strongroom_client::officer::{Said, Subject, Who};
use strongroom_protocol::id::OwnerId;
use strongroom_protocol::policy::{Policy, SubjectState};
use strongroom_protocol::statement::{Grounds, PolicyChange, Request, Scope, Word};

use super::{kind, needs, short};
use crate::command::policy::difference;
use crate::terminal::{count, escape, one_line, print as line, print_words};

/// The most serials that are printed one by one.
const SERIALS_SHOWN: usize = 20;

/// Prints a subject whose place in the log was verified.
pub(crate) fn print(subject: &Subject) -> io::Result<()> {
    line(format_args!("{} {}", kind(subject), subject.id()))?;
    field("stands", subject.state().as_str())?;
    if let Some(change) = subject.change() {
        print_change(subject, change)?;
    }
    if let Some(request) = subject.request() {
        print_request(subject, request)?;
    }
    field("recorded", subject.recorded())?;
    field("lapses", subject.expires())?;
    print_needs(subject)?;
    print_said(subject)?;
    print_reason(subject)
}

fn print_request(subject: &Subject, request: &Request) -> io::Result<()> {
    let policy = subject.policy();
    field("release key", Fingerprint::from(&request.release_key))?;
    line("               compare this with whoever asks, past this machine: the keys go to it")?;
    field("device", Fingerprint::from(&request.device_key))?;
    field("keys of", named(policy, request.owner))?;
    match subject.asker() {
        Some(asker) => field("asked by", named(policy, asker))?,
        None if subject.is_by_revoked() => field(
            "asked by",
            "a device that its owner REVOKED: it may be in somebody else's hands",
        )?,
        None => field("asked by", who_asks(subject))?,
    }
    if subject.is_departed() {
        line("               the owner has departed: their veto does not count")?;
    }
    if subject.has_rival() {
        line("               another request for this owner, with the evidence, is open")?;
    }
    if subject.is_of_an_old_policy() {
        line(
            "               the policy was changed since: words count of those who are officers by both",
        )?;
    }
    match &request.scope {
        Scope::Everything { count: keys, .. } => {
            field("scope", format_args!("everything: {}", keys_of(*keys)))?;
        }
        Scope::Serials(serials) => {
            field("scope", keys_of(serials.len() as u64))?;
            for serial in serials.iter().take(SERIALS_SHOWN) {
                line(format_args!("               {serial}"))?;
            }
            if serials.len() > SERIALS_SHOWN {
                line(format_args!(
                    "               and {} more",
                    serials.len() - SERIALS_SHOWN
                ))?;
            }
        }
    }
    for (name, value) in subject.labels().into_iter().flatten() {
        field("label", format_args!("{}={}", escape(name), escape(value)))?;
    }
    field("created", request.created)?;
    field("policy", short(request.policy))
}

/// Says who asks for their own keys, by what shows it.
fn who_asks(subject: &Subject) -> &'static str {
    let showed_code = subject.said().iter().any(|said| said.who == Who::Code);
    if showed_code {
        "whoever has the owner's recovery code"
    } else if subject.is_by_owners_device() {
        "a device of the owner's"
    } else if subject.has_rule_for_anyone() {
        "whoever says to be the owner: nothing shows it, and it may be an officer"
    } else {
        "whoever says to be the owner: nothing shows it yet"
    }
}

fn print_change(subject: &Subject, change: &PolicyChange) -> io::Result<()> {
    let policy = subject.policy();
    match policy.officer(subject.author()) {
        Some(officer) => field("asked by", escape(&officer.name))?,
        None => field(
            "asked by",
            format_args!("device {}", Fingerprint::from(subject.author())),
        )?,
    }
    field("created", change.created)?;
    line("the policy would change so:")?;
    difference::print(policy, &change.policy)
}

fn print_said(subject: &Subject) -> io::Result<()> {
    let said = subject.said();
    if said.is_empty() {
        return line("nothing was said to it so far");
    }
    line("said so far:")?;
    for said in said {
        line(format_args!("  {}", sentence(&said)))?;
        if let Some(why) = said.discount {
            line(format_args!("    which does not count: {why}"))?;
        }
        let words = said.grounds.as_ref().map_or("", Grounds::as_str);
        if !words.is_empty() {
            print_words(words)?;
        }
    }
    Ok(())
}

/// Prints why it is asked for, last: by then all that is known of it has been said.
fn print_reason(subject: &Subject) -> io::Result<()> {
    let grounds = match (subject.request(), subject.change()) {
        (Some(request), _) => request.grounds.as_str(),
        (None, Some(change)) => change.grounds.as_str(),
        (None, None) => "",
    };
    if grounds.is_empty() {
        return line("whoever asks gives no reason");
    }
    line("whoever asks gives this reason, in their own words:")?;
    print_words(grounds)
}

fn sentence(said: &Said) -> String {
    let mut text = match &said.who {
        Who::Code => "whoever asks showed the recovery code".to_owned(),
        Who::Device(key) => format!("the owner's device {} vetoed it", Fingerprint::from(key)),
        Who::Officer(name, word) => {
            let verb = match word {
                Word::Approve => "approved it",
                Word::Deny => "denied it",
                Word::Overrule => "overruled the veto",
                _ => word.as_str(),
            };
            format!("{} {verb}", escape(name))
        }
    };
    if let Some(when) = said.when {
        text += &format!(", {when} by their clock");
    }
    text
}

fn print_needs(subject: &Subject) -> io::Result<()> {
    let needs = needs(subject);
    if needs.is_empty() {
        return Ok(());
    }
    line(if subject.state() == SubjectState::Requested {
        "it needs still, by any one of the rules:"
    } else {
        "because:"
    })?;
    needs
        .iter()
        .try_for_each(|need| line(format_args!("  {}", one_line(need))))
}

/// Shows an owner, with the name that the policy has for them.
fn named(policy: &Policy, owner: OwnerId) -> String {
    let mut officers = policy.officers.iter();
    match officers.find(|officer| officer.owner == Some(owner)) {
        Some(officer) => format!("{owner} ({})", escape(&officer.name)),
        None => owner.to_string(),
    }
}

fn keys_of(number: u64) -> String {
    count(number, "key", "keys")
}

fn field(name: &str, value: impl std::fmt::Display) -> io::Result<()> {
    line(format_args!("  {name:12} {value}"))
}

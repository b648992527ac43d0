//! `strongroom officer`: what is asked of an authority, shown to whom it concerns, and what they say to it.

mod listing;
pub(crate) mod show;

use anyhow::ensure;
use clap::{Args, Subcommand};
use strongroom_client::home::Home;
use strongroom_client::officer::{AfterWord, SayError, Subject};
use strongroom_protocol::id::OwnerId;
use strongroom_protocol::policy::{Reason, SubjectState};
use strongroom_protocol::statement::{Grounds, Word};

use crate::context::Context;
use crate::desk::DeskOptions;
use crate::exit::{Exit, Usage};
use crate::prompt;
use crate::terminal::{self, one_line, tell};

/// Approve or deny what is asked of an authority, as one of its officers.
///
/// Everything shown is read from what was signed, and found in the authority's log, before it is shown. It takes the
/// authority's folder and your officer's key; no home. `keygen --officer` makes a key.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    desk: DeskOptions,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List what is open: requests for keys, and changes of the policy.
    List {
        /// Also what is decided.
        #[arg(long)]
        all: bool,
        /// Print a line of JSON for each.
        #[arg(long)]
        json: bool,
    },
    /// Show all of a request or a change.
    Show {
        /// The beginning of its id.
        id: String,
        /// Print a line of JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show it, and approve it.
    ///
    /// First compare the fingerprint of the release key with whoever asks, by telephone or face to face: the keys go
    /// to that key.
    Approve(Say),
    /// Deny it, and say why: whoever asked is told.
    Deny(Say),
    /// Say that an owner's veto does not count.
    Overrule(Say),
}

#[derive(Args)]
struct Say {
    /// The beginning of its id.
    id: String,
    /// Why, for whoever asks and for the other officers. A denial needs it, and asks for it at a terminal.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Do not ask whether you are sure.
    #[arg(short, long)]
    yes: bool,
}

/// Nobody said that they are sure.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unsure {
    #[error("nothing was signed")]
    Declined,
    #[error("somebody has to say that they are sure, and there is no terminal to ask")]
    Nobody,
}

pub(crate) fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    let desk = &arguments.desk;
    match &arguments.command {
        Command::List { all, json } => {
            let subjects = desk.at(context, |desk| Ok(desk.subjects(*all)?))?;
            listing::print(context, &subjects, *json)?;
            for index in &subjects.damaged {
                tell(format_args!(
                    "error: what was asked in entry {index} of the log can't be read: the authority's store is damaged"
                ));
            }
            Ok(if subjects.damaged.is_empty() {
                Exit::Done
            } else {
                Exit::Failed
            })
        }
        Command::Show { id, json } => {
            let subject = desk.at(context, |desk| {
                let subject = desk.find(id)?;
                if *json {
                    listing::print_json(&subject)?;
                } else {
                    show::print(&subject)?;
                }
                Ok(subject)
            })?;
            Ok(exit_of(&subject))
        }
        Command::Approve(say) => say_word(context, desk, say, Word::Approve),
        Command::Deny(say) => say_word(context, desk, say, Word::Deny),
        Command::Overrule(say) => say_word(context, desk, say, Word::Overrule),
    }
}

/// Shows a subject, asks why and whether the officer is sure, and says the word.
fn say_word(
    context: &Context,
    options: &DeskOptions,
    say: &Say,
    word: Word,
) -> anyhow::Result<Exit> {
    let grounds = named_grounds(word, say.reason.as_deref())?;
    let (before, after, discount) = options.at(context, |desk| {
        let subject = desk.find(&say.id)?;
        desk.may_say(&subject, word)?;
        if word != Word::Deny && is_of_this_home(context, &subject)? {
            return Err(SayError::Own.into());
        }
        if !say.yes {
            show::print(&subject)?;
        }
        let grounds = match grounds {
            Some(grounds) => grounds,
            None => grounds_of(word, &prompt::question("Why, for whoever asks: ")?)?,
        };
        if !say.yes {
            be_sure(word)?;
        }
        let after = desk.say(&subject, word, grounds)?;
        let discount = match &after {
            AfterWord::Stands(subject) => desk.discount(subject, word),
            AfterWord::OutOfOffice { .. } => None,
        };
        Ok((subject, after, discount))
    })?;
    match after {
        AfterWord::Stands(subject) => tell_standing(context, &subject),
        AfterWord::OutOfOffice { is_in_force } => {
            tell_out_of_office(context, kind(&before), is_in_force);
        }
    }
    if let Some(why) = discount {
        context.say(format_args!(
            "Your word is on record and does not count: {why}."
        ));
    }
    Ok(Exit::Done)
}

/// Says that what was said or asked for is on record, and that the speaker is no officer any more.
pub(crate) fn tell_out_of_office(context: &Context, what: &str, is_in_force: bool) {
    context.say(if is_in_force {
        "the change is in force; you are no officer by it".to_owned()
    } else {
        format!("it is on record; by the policy in force now you are no officer, and see the {what} no more")
    });
}

/// Tells whether this home asks, or is asked for: whether or not the policy knows the officer as its owner, who works here
/// with both does not approve their own.
fn is_of_this_home(context: &Context, subject: &Subject) -> anyhow::Result<bool> {
    if !Home::exists(&context.home)? {
        return Ok(false);
    }
    let home = Home::open_to_read(&context.home)?;
    let Some(membership) = home.membership()? else {
        return Ok(false);
    };
    let is_ours = |owner: Option<OwnerId>| owner == Some(membership.owner);
    let owner = subject.request().map(|request| request.owner);
    let author = home.device_key()?.verifying_key();
    Ok(*subject.author() == author || is_ours(owner) || is_ours(subject.asker()))
}

/// Takes the reason that was named. None if it has to be asked for, of somebody who is there.
fn named_grounds(word: Word, reason: Option<&str>) -> anyhow::Result<Option<Grounds>> {
    if reason.is_none() && word == Word::Deny && terminal::can_ask() {
        return Ok(None);
    }
    grounds_of(word, reason.unwrap_or_default()).map(Some)
}

fn grounds_of(word: Word, reason: &str) -> anyhow::Result<Grounds> {
    let is_enough = word != Word::Deny || !reason.trim().is_empty();
    ensure!(
        is_enough,
        Usage("whoever asked is told why it was denied: say it with `--reason`")
    );
    Ok(Grounds::new(reason.to_owned())?)
}

fn be_sure(word: Word) -> anyhow::Result<()> {
    ensure!(terminal::can_ask(), Unsure::Nobody);
    let question = format!("Type `yes` to {} it: ", word.as_str());
    ensure!(prompt::question(&question)? == "yes", Unsure::Declined);
    Ok(())
}

/// Says where a subject stands, and what it needs still.
pub(crate) fn tell_standing(context: &Context, subject: &Subject) {
    let what = kind(subject);
    match subject.state() {
        SubjectState::Requested => {
            context.say(format_args!("the {what} waits:"));
            for reason in subject.reasons() {
                context.say(format_args!("  {}", one_line(&reason.to_string())));
            }
        }
        state @ (SubjectState::Decided(_) | SubjectState::Released) => {
            context.say(format_args!("the {what} is {}", state.as_str()));
        }
    }
}

/// Returns the status for what a subject came to.
pub(crate) fn exit_of(subject: &Subject) -> Exit {
    if subject.state() == SubjectState::Requested {
        Exit::Waiting
    } else {
        Exit::Done
    }
}

/// Returns the word for what a subject is.
pub(crate) fn kind(subject: &Subject) -> &'static str {
    if subject.is_a_request() {
        "request"
    } else {
        "change"
    }
}

/// Returns as much of an id as people type.
pub(crate) fn short(id: impl std::fmt::Display) -> String {
    id.to_string().chars().take(12).collect()
}

fn needs(subject: &Subject) -> Vec<String> {
    subject.reasons().iter().map(Reason::to_string).collect()
}

//! `strongroom policy rehearse`: what becomes of people by a policy that nobody has lived with yet.

use std::io;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use strongroom_protocol::policy::file::{self, Rehearsal, Rehearsed, Story};

use super::{read, whose};
use crate::context::Context;
use crate::exit::Exit;
use crate::terminal::{columns, escape, print_json, print_wrapped};

/// Play through what happens to people: who gets keys by a policy, when, who is told and who can stop it.
///
/// A machine is lost, with the recovery code or without; somebody leaves; a thief has the code or a machine; an officer is
/// dishonest, refuses or is away. All who are honest do what they can; in the thieves' stories nobody notices, and it says who
/// could have. It does not judge: `policy check` does.
#[derive(Args)]
#[command(after_help = "\
Examples:
  strongroom policy rehearse policy.toml
  strongroom policy rehearse policy.toml --label class=payroll --keys 500")]
pub(super) struct Arguments {
    /// The policy; from a pipe if it is `-`.
    file: PathBuf,
    /// Whose keys are asked for: an owner's id, or an officer's name [default: those of an owner it does not name].
    #[arg(long = "for", value_name = "OWNER")]
    whose: Option<String>,
    /// How many keys are asked for.
    #[arg(long, value_name = "N", default_value_t = 1)]
    keys: u64,
    /// A label that all of them have.
    #[arg(long = "label", value_name = "NAME=VALUE", value_parser = crate::command::encrypt::parse_label)]
    labels: Vec<(String, String)>,
    /// Print a line of JSON for each story, and one for each rule that was for none of them.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Line<'l> {
    Story {
        story: &'static str,
        gets: bool,
        rule: Option<&'l str>,
        after_millis: Option<u64>,
        says: &'l [String],
    },
    Untried {
        rule: &'l str,
    },
}

pub(super) fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    let policy = read(&arguments.file)?;
    let asked = Rehearsed {
        whose: whose(&policy, arguments.whose.as_deref()),
        keys: arguments.keys,
        labels: arguments.labels.iter().cloned().collect(),
    };
    let rehearsal = file::rehearse(&policy, &asked)?;
    if arguments.json {
        print_lines(&rehearsal)?;
        return Ok(Exit::Done);
    }
    for story in &rehearsal.stories {
        print_story(story)?;
    }
    for rule in &rehearsal.untried {
        context.say(format_args!(
            "not rehearsed: rule `{}`, which is for other owners, fewer keys or labelled ones (--for, --keys, --label), or for askers of whom \
             none has an owner's id",
            escape(rule)
        ));
    }
    Ok(Exit::Done)
}

fn print_story(story: &Story) -> io::Result<()> {
    let columns = columns();
    print_wrapped(&format!("{}:", story.kind.sentence()), "", columns)?;
    let mut says = story.says.iter();
    says.try_for_each(|says| print_wrapped(&escape(says), "    ", columns))
}

fn print_lines(rehearsal: &Rehearsal) -> io::Result<()> {
    for story in &rehearsal.stories {
        let gets = story.gets.as_ref();
        print_json(&Line::Story {
            story: story.kind.as_str(),
            gets: gets.is_some(),
            rule: gets.map(|gets| gets.rule.as_str()),
            after_millis: gets.map(|gets| gets.after_millis),
            says: &story.says,
        })?;
    }
    for rule in &rehearsal.untried {
        print_json(&Line::Untried { rule })?;
    }
    Ok(())
}

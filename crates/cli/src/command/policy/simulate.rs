//! `strongroom policy simulate`: what a policy would say of a request that nobody made.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use strongroom_protocol::id::Time;
use strongroom_protocol::policy::Policy;
use strongroom_protocol::policy::file::{self, Outcome, Said, Scenario, Trial};
use strongroom_protocol::statement::Word;

use super::{read, whose};
use crate::context::Context;
use crate::exit::Exit;
use crate::terminal::{escape, print, print_json};

/// Try a policy on a request that nobody made, and say what it still needs and why.
///
/// Exits with 0 where the request would be approved, with 3 where it would wait, and with 1 where it would not be
/// approved any more.
#[derive(Args)]
#[command(after_help = "\
Examples:
  strongroom policy simulate policy.toml --code
  strongroom policy simulate policy.toml --approve ada --approve bob \\
      --after '72 hours'
  strongroom policy simulate policy.toml --asker ada --for cid --departed \\
      --approve bob")]
pub(super) struct Arguments {
    /// The policy; from a pipe if it is `-`.
    file: PathBuf,
    /// Whose keys are asked for: an owner's id, or an officer's name [default: those of an owner it does not name].
    #[arg(long = "for", value_name = "OWNER")]
    whose: Option<String>,
    /// The officer who asks for them, instead of their owner.
    #[arg(long, value_name = "NAME")]
    asker: Option<String>,
    /// How many keys are asked for.
    #[arg(long, value_name = "N", default_value_t = 1)]
    keys: u64,
    /// A label that all of them have.
    #[arg(long = "label", value_name = "NAME=VALUE", value_parser = crate::command::encrypt::parse_label)]
    labels: Vec<(String, String)>,
    /// The owner has departed.
    #[arg(long)]
    departed: bool,
    /// Another request for this owner, with the evidence, is open.
    #[arg(long)]
    rival: bool,
    /// The owner's recovery code is shown.
    #[arg(long)]
    code: bool,
    /// One of the owner's devices vetoes.
    #[arg(long)]
    veto: bool,
    /// An officer who approves.
    #[arg(long, value_name = "NAME")]
    approve: Vec<String>,
    /// An officer who denies.
    #[arg(long, value_name = "NAME")]
    deny: Vec<String>,
    /// An officer who overrules the veto.
    #[arg(long, value_name = "NAME")]
    overrule: Vec<String>,
    /// How long after the request: `90 seconds`, `30 minutes`, `72 hours`, `3 days`.
    #[arg(long, value_name = "TIME", default_value = "0 seconds", value_parser = parse_time)]
    after: u64,
    /// Print a line of JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Line {
    outcome: &'static str,
    rule: Option<String>,
    says: Vec<String>,
}

pub(super) fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    let policy = read(&arguments.file)?;
    let scenario = arguments.scenario(&policy, context.clock.now());
    let simulation = file::simulate(&policy, &scenario)?;
    let (exit, outcome, rule) = match &simulation.outcome {
        Outcome::Approved(rule) => (Exit::Done, "approved", Some(rule.clone())),
        Outcome::Ended(verdict, _) => (Exit::Failed, verdict.as_str(), None),
        Outcome::Pending(_) => (Exit::Waiting, "requested", None),
    };
    let says = simulation.lines();
    if arguments.json {
        print_json(&Line {
            outcome,
            rule,
            says,
        })?;
    } else {
        says.iter().try_for_each(|line| print(escape(line)))?;
    }
    Ok(exit)
}

impl Arguments {
    fn scenario(&self, policy: &Policy, recorded: Time) -> Scenario {
        let words = [
            (&self.approve, Word::Approve),
            (&self.deny, Word::Deny),
            (&self.overrule, Word::Overrule),
        ];
        let words = words
            .into_iter()
            .flat_map(|(names, word)| names.iter().map(move |name| (name, word)))
            .map(|(name, word)| Trial::Word(name.clone(), word));
        // A veto is said before it is overruled.
        let veto = self.veto.then_some(Trial::Veto);
        let code = self.code.then_some(Trial::Code);
        let said = veto.into_iter().chain(code).chain(words);
        let said = said.map(|what| Said { at: recorded, what });
        Scenario {
            whose: whose(policy, self.whose.as_deref()),
            asker: self.asker.clone(),
            keys: self.keys,
            labels: self.labels.iter().cloned().collect::<BTreeMap<_, _>>(),
            departed: self.departed,
            rival: self.rival,
            recorded,
            said: said.collect(),
            now: recorded.plus_millis(self.after),
        }
    }
}

/// Reads a time as a policy's file has it, in milliseconds.
fn parse_time(text: &str) -> Result<u64, &'static str> {
    const WRONG: &str = "write `30 minutes`, `72 hours` or `3 days`";
    let (number, unit) = text.split_once(' ').ok_or(WRONG)?;
    let unit = match unit.strip_suffix('s').unwrap_or(unit) {
        "second" => 1000,
        "minute" => 60 * 1000,
        "hour" => 60 * 60 * 1000,
        "day" => Policy::DAY_MILLIS,
        _ => return Err(WRONG),
    };
    let number: u64 = number.parse().map_err(|_| WRONG)?;
    number.checked_mul(unit).ok_or(WRONG)
}

//! `strongroom policy check`: a policy in sentences, and what in it was hardly meant.

use std::io;

use serde::Serialize;
use strongroom_protocol::policy::Policy;
use strongroom_protocol::policy::file::{self, Severity};

use crate::exit::Exit;
use crate::terminal::{escape, print, print_json};

#[derive(Serialize)]
struct Line {
    kind: &'static str,
    text: String,
}

/// Prints what a policy comes to. It fails where something in it does not work; a warning is not a failure.
pub(super) fn run(policy: &Policy, json: bool) -> anyhow::Result<Exit> {
    for text in file::explain(policy) {
        print_line(Line { kind: "says", text }, json)?;
    }
    let mut exit = Exit::Done;
    for finding in file::check(policy) {
        let kind = match finding.severity {
            Severity::Error => {
                exit = Exit::Failed;
                "error"
            }
            Severity::Warning => "warning",
        };
        let text = finding.text;
        print_line(Line { kind, text }, json)?;
    }
    Ok(exit)
}

fn print_line(line: Line, json: bool) -> io::Result<()> {
    if json {
        return print_json(&line);
    }
    match line.kind {
        "says" => print(escape(&line.text)),
        kind => print(format_args!("{kind}: {}", escape(&line.text))),
    }
}

//! A page as what somebody does who reads it.
//!
//! A box is fenced; what it is is said behind the fence or in a mark before it, a comment that is not shown:
//!
//! - ```` ```console ````: commands behind `$ `, which go on in indented lines, and what they print, of which lines may be left
//!   out. A comment behind a command may say `exit status N`, and `type WORD` where it asks.
//! - ```` ```crontab ````: lines for cron, each of which has to end well and to print nothing.
//! - `<!-- file: PATH -->`: the box is the contents of that file; `<!-- more of file: PATH -->`: what is added to it.
//! - `<!-- not run: REASON -->`: the box is not for typing, or can't be run here.
//!
//! Beside boxes, marks say what a reader has or does whom a page is for:
//!
//! - `<!-- run: COMMANDS -->`: what they did before.
//! - `<!-- as: NAME -->`: another person goes on, with an account of their own.
//! - `<!-- let: WORD = COMMAND -->`: they type what the command prints wherever the page says WORD.
//! - `<!-- later: +73h -->`: so much time has passed since the beginning.
//! - `<!-- needs: PROGRAM -->`: the page goes on only where that program is.

/// What is done with a page, in its order.
pub(super) struct Page {
    pub(super) steps: Vec<Step>,
}

pub(super) enum Step {
    As(String),
    Command(Typed),
    Cron(String),
    File {
        path: String,
        text: String,
        more: bool,
    },
    Later(String),
    Let {
        word: String,
        command: String,
    },
    Needs(String),
    NotRun {
        reason: String,
    },
    Run(String),
}

/// A command, and what the page shows of it.
pub(super) struct Typed {
    pub(super) command: String,
    pub(super) status: i32,
    /// What is typed when it asks.
    pub(super) answer: Option<String>,
    pub(super) shown: Vec<String>,
}

impl Page {
    /// Reads a page. A box that is neither run nor marked fails.
    pub(super) fn parse(name: &str, text: &str) -> Self {
        let mut steps = Vec::new();
        let mut mark: Option<(String, String)> = None;
        let mut lines = text.lines();
        let mut before = "";
        while let Some(line) = lines.next() {
            if let Some(comment) = line.strip_prefix("<!-- ") {
                assert!(
                    mark.is_none(),
                    "{name}: a mark without its box before `{line}`"
                );
                let mut comment = comment.to_owned();
                while !comment.ends_with("-->") {
                    let next = lines.next().expect("a comment ends");
                    comment = format!("{comment}\n{next}");
                }
                let comment = comment.strip_suffix("-->").unwrap().trim();
                let (what, rest) = comment.split_once(':').expect(comment);
                let rest = rest.trim().to_owned();
                match what {
                    "as" => steps.push(Step::As(rest)),
                    "later" => steps.push(Step::Later(rest)),
                    "needs" => steps.push(Step::Needs(rest)),
                    "run" => steps.push(Step::Run(rest)),
                    "let" => {
                        let (word, command) = rest.split_once(" = ").expect(&rest);
                        let (word, command) = (word.to_owned(), command.to_owned());
                        steps.push(Step::Let { word, command });
                    }
                    "file" | "more of file" | "not run" => mark = Some((what.to_owned(), rest)),
                    _ => panic!("{name}: no such mark as `{what}`"),
                }
            } else if let Some(kind) = line.strip_prefix("```") {
                let of_box = lines.by_ref().take_while(|line| *line != "```");
                let of_box: Vec<&str> = of_box.collect();
                let text = || of_box.iter().map(|line| format!("{line}\n")).collect();
                match (mark.take(), kind) {
                    (Some((what, reason)), _) if what == "not run" => {
                        assert!(reason.len() > 15, "{name}: why is it not run? {reason}");
                        steps.push(Step::NotRun { reason });
                    }
                    (Some((what, path)), _) => steps.push(Step::File {
                        path,
                        text: text(),
                        more: what != "file",
                    }),
                    (None, "console") => typed(name, &of_box, &mut steps),
                    (None, "crontab") => steps.push(Step::Cron(text())),
                    (None, _) => panic!("{name}: a box that is neither run nor marked: {of_box:?}"),
                }
            } else {
                let is_box = line.starts_with("    ") && before.is_empty();
                assert!(!is_box, "{name}: a box without a fence: `{line}`");
            }
            before = line;
        }
        assert!(mark.is_none(), "{name}: a mark without its box");
        Self { steps }
    }
}

/// Reads the commands of a box, with what they print.
fn typed(name: &str, lines: &[&str], steps: &mut Vec<Step>) {
    let mut lines = lines.iter().peekable();
    let mut any = false;
    while let Some(line) = lines.next() {
        let command = line.strip_prefix("$ ");
        let mut command = command
            .unwrap_or_else(|| panic!("{name}: before it: {line}"))
            .to_owned();
        while let Some(more) = lines.next_if(|line| line.starts_with("    ")) {
            command = format!("{command}\n{more}");
        }
        let comment = command
            .rsplit_once(" # ")
            .map_or("", |(_, comment)| comment);
        let after = |words| comment.split_once(words).map(|(_, after): (_, &str)| after);
        let word = |text: &str| {
            let is_end = |c: char| c.is_whitespace() || ".,:;".contains(c);
            text.split(is_end).next().unwrap().to_owned()
        };
        let status = after("exit status ").map(|text| word(text).parse().expect(comment));
        let answer = after("type ").map(word);
        let mut shown = Vec::new();
        while let Some(printed) = lines.next_if(|line| !line.starts_with("$ ")) {
            shown.push((*printed).to_owned());
        }
        steps.push(Step::Command(Typed {
            command,
            status: status.unwrap_or(0),
            answer,
            shown,
        }));
        any = true;
    }
    assert!(any, "{name}: a box with nothing to type");
}

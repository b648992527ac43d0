//! Two policies held against each other, as people write them: officer by officer, group by group, rule by rule, and only
//! within each line by line. What one rule loses and another gets is so never shown as kept.

use std::io;

use strongroom_protocol::policy::{Policy, file};

use crate::terminal::{escape, print as line};

/// What stands in one of two lists, or in both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Item<T> {
    Both(T, T),
    New(T),
    Old(T),
}

/// Prints the new policy whole, with what is new in it and what goes marked at the lines' beginnings.
pub(crate) fn print(old: &Policy, new: &Policy) -> io::Result<()> {
    let (old, new) = (file::to_text(old), file::to_text(new));
    for changed in difference(&old, &new) {
        match changed {
            Item::Both(text, _) => line(format_args!("    {}", escape(text)))?,
            Item::New(text) => line(format_args!("  + {}", escape(text)))?,
            Item::Old(text) => line(format_args!("  - {}", escape(text)))?,
        }
    }
    Ok(())
}

/// What a policy's text says of one thing.
#[derive(Clone, Copy)]
struct Part<'t> {
    /// Its heading, and its name if it has one: what it is, whatever is said of it.
    of: (Option<&'t str>, Option<&'t str>),
    text: &'t str,
}

impl PartialEq for Part<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.of == other.of
    }
}

/// Cuts a policy's text before each heading. No name in it has a line feed, so that what begins a line is the text's own.
fn parts(text: &str) -> Vec<Part<'_>> {
    let is_heading = |line: &str| line.starts_with('[') && !line.contains('.');
    let part = |text| {
        let mut lines = str::lines(text);
        Part {
            of: (
                lines.clone().next().filter(|line| is_heading(line)),
                lines.find(|line| line.starts_with("name = ")),
            ),
            text,
        }
    };
    let mut parts = Vec::new();
    let (mut begin, mut at) = (0, 0);
    for line in text.split_inclusive('\n') {
        if is_heading(line) && at > begin {
            parts.extend(text.get(begin..at).map(part));
            begin = at;
        }
        at += line.len();
    }
    parts.extend(text.get(begin..).map(part));
    parts
}

/// Finds the lines that two policies' texts have in common in one thing that both speak of, and those that they have not.
fn difference<'t>(old: &'t str, new: &'t str) -> Vec<Item<&'t str>> {
    let mut lines = Vec::new();
    for changed in compare(&parts(old), &parts(new)) {
        match changed {
            Item::Both(old, new) => {
                let [old, new] = [old, new].map(|part| part.text.lines().collect::<Vec<_>>());
                lines.extend(compare(&old, &new));
            }
            Item::New(part) => lines.extend(part.text.lines().map(Item::New)),
            Item::Old(part) => lines.extend(part.text.lines().map(Item::Old)),
        }
    }
    lines
}

/// Finds the longest common list, and puts what is old before what is new.
fn compare<T: Copy + PartialEq>(old: &[T], new: &[T]) -> Vec<Item<T>> {
    let width = new.len() + 1;
    // How much the rests of both have in common, from each place on.
    let mut common = vec![0_u32; (old.len() + 1) * width];
    let at = |common: &[u32], o: usize, n: usize| common.get(o * width + n).copied().unwrap_or(0);
    for (o, old) in old.iter().enumerate().rev() {
        for (n, new) in new.iter().enumerate().rev() {
            let length = if old == new {
                at(&common, o + 1, n + 1) + 1
            } else {
                at(&common, o + 1, n).max(at(&common, o, n + 1))
            };
            if let Some(place) = common.get_mut(o * width + n) {
                *place = length;
            }
        }
    }
    let (mut o, mut n) = (0, 0);
    let mut items = Vec::with_capacity(old.len().max(new.len()));
    loop {
        match (old.get(o), new.get(n)) {
            (Some(one), Some(other)) if one == other => {
                items.push(Item::Both(*one, *other));
                (o, n) = (o + 1, n + 1);
            }
            (Some(one), rest)
                if rest.is_none() || at(&common, o + 1, n) >= at(&common, o, n + 1) =>
            {
                items.push(Item::Old(*one));
                o += 1;
            }
            (_, Some(other)) => {
                items.push(Item::New(*other));
                n += 1;
            }
            (_, None) => return items,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_stands_before_what_comes() {
        let lines = difference("a\nb\nc\nd", "a\nx\nc\nd\ne");
        let expected = [
            Item::Both("a", "a"),
            Item::Old("b"),
            Item::New("x"),
            Item::Both("c", "c"),
            Item::Both("d", "d"),
            Item::New("e"),
        ];
        assert_eq!(lines, expected);
        assert_eq!(difference("", "a"), [Item::New("a")]);
        assert_eq!(difference("a", ""), [Item::Old("a")]);
    }

    #[test]
    fn what_one_rule_loses_and_another_gets_is_not_kept() {
        let old = "lapse = 1\n\n[[rule]]\nname = \"two\"\napprovals = \"board\"\nveto = true\n";
        let new = "lapse = 1\n\n[[rule]]\nname = \"two\"\n\n[[rule]]\nname = \"none\"\napprovals = \"board\"\nveto = true\n";
        let lines = difference(old, new);
        for line in ["approvals = \"board\"", "veto = true"] {
            assert!(lines.contains(&Item::Old(line)) && lines.contains(&Item::New(line)));
        }
        assert!(lines.contains(&Item::Both("name = \"two\"", "name = \"two\"")));
    }

    #[test]
    fn labels_are_their_rules() {
        let rule =
            |name: &str| format!("[[rule]]\nname = \"{name}\"\n\n[rule.labels]\nkind = \"x\"\n\n");
        let (old, new) = (rule("a"), rule("b") + &rule("a"));
        assert_eq!(parts(&new).len(), 2);
        let lines = difference(&old, &new);
        let kept = lines
            .iter()
            .filter(|line| matches!(line, Item::Both(..)))
            .count();
        assert_eq!((kept, lines.len()), (6, 12));
    }
}

//! Two policies held against each other, line by line, as people write them.

use std::io;

use strongroom_protocol::policy::{Policy, file};

use crate::terminal::{escape, print as line};

/// A line of one text or of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line<'t> {
    Both(&'t str),
    New(&'t str),
    Old(&'t str),
}

/// Prints the new policy whole, with what is new in it and what goes marked at the lines' beginnings.
pub(crate) fn print(old: &Policy, new: &Policy) -> io::Result<()> {
    let (old, new) = (file::to_text(old), file::to_text(new));
    for changed in difference(&old, &new) {
        match changed {
            Line::Both(text) => line(format_args!("    {}", escape(text)))?,
            Line::New(text) => line(format_args!("  + {}", escape(text)))?,
            Line::Old(text) => line(format_args!("  - {}", escape(text)))?,
        }
    }
    Ok(())
}

/// Finds the longest common lines, and puts what is old before what is new.
fn difference<'t>(old: &'t str, new: &'t str) -> Vec<Line<'t>> {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let width = new.len() + 1;
    // How many lines the rests of both have in common, from each place on.
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
    let mut lines = Vec::with_capacity(old.len().max(new.len()));
    loop {
        match (old.get(o), new.get(n)) {
            (Some(one), Some(other)) if one == other => {
                lines.push(Line::Both(one));
                (o, n) = (o + 1, n + 1);
            }
            (Some(one), rest)
                if rest.is_none() || at(&common, o + 1, n) >= at(&common, o, n + 1) =>
            {
                lines.push(Line::Old(one));
                o += 1;
            }
            (_, Some(other)) => {
                lines.push(Line::New(other));
                n += 1;
            }
            (_, None) => return lines,
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
            Line::Both("a"),
            Line::Old("b"),
            Line::New("x"),
            Line::Both("c"),
            Line::Both("d"),
            Line::New("e"),
        ];
        assert_eq!(lines, expected);
        assert_eq!(difference("", "a"), [Line::New("a")]);
        assert_eq!(difference("a", ""), [Line::Old("a")]);
    }
}

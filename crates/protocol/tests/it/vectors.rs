//! Reads `spec/vectors`: blocks of `key: value` lines, an empty line between blocks, `#` before a comment.
//! A key that comes twice has two values; `key:` alone has an empty one.

use std::fs;
use std::path::Path;

/// One block of a vector file.
pub(crate) struct Vector {
    file: String,
    fields: Vec<(String, String)>,
}

/// Reads the blocks of `spec/vectors/{file}`, of which there is at least one.
pub(crate) fn read(file: &str) -> Vec<Vector> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../spec/vectors")
        .join(file);
    let text = fs::read_to_string(path).unwrap();
    let vectors: Vec<_> = text
        .split("\n\n")
        .map(|block| Vector {
            file: file.to_owned(),
            fields: block
                .split('\n')
                .filter(|line| !line.is_empty() && !line.starts_with('#'))
                .map(|line| line.split_once(':').expect(line))
                .map(|(key, value)| {
                    (
                        key.to_owned(),
                        value.strip_prefix(' ').unwrap_or(value).to_owned(),
                    )
                })
                .collect(),
        })
        .filter(|vector| !vector.fields.is_empty())
        .collect();
    assert!(!vectors.is_empty(), "{file} has no vectors");
    vectors
}

impl Vector {
    /// Returns all values of a key.
    pub(crate) fn all(&self, key: &str) -> Vec<&str> {
        let with_key = self.fields.iter().filter(|(name, _)| name == key);
        with_key.map(|(_, value)| value.as_str()).collect()
    }

    /// Returns the one value of a key.
    pub(crate) fn one(&self, key: &str) -> &str {
        match self.all(key)[..] {
            [value] => value,
            _ => panic!("{self}: expected one `{key}`"),
        }
    }

    pub(crate) fn number(&self, key: &str) -> u64 {
        self.one(key).parse().unwrap()
    }

    pub(crate) fn bytes(&self, key: &str) -> Vec<u8> {
        unhex(self.one(key))
    }

    pub(crate) fn array<const N: usize>(&self, key: &str) -> [u8; N] {
        self.bytes(key).try_into().unwrap()
    }

    /// Returns the text made of the `line`s, each ended by a newline, and of the `rest` after them, if any.
    pub(crate) fn text(&self) -> String {
        let lines = self
            .all("line")
            .iter()
            .map(|line| format!("{line}\n"))
            .collect::<String>();
        lines + &self.all("rest").concat()
    }
}

/// Names the vector in a failure.
impl std::fmt::Display for Vector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} `{}`", self.file, self.all("case").concat())
    }
}

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    assert_eq!(text.len() % 2, 0, "{text}");
    let digits: Vec<char> = text.chars().collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap())
        .collect()
}

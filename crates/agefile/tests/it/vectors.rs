//! The vectors of the age format (CCTV), which are not kept in this tree: each file is some lines of `key: value`, an
//! empty line, and an age file.

use std::fs;
use std::io::{BufRead, BufReader, Cursor, Read};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};
use strongroom_agefile::armor::{ArmorError, ArmoredReader, ArmoredWriter, Dearmored};
use strongroom_agefile::header::ReadHeaderError;
use strongroom_agefile::payload::OpenError;
use strongroom_agefile::{
    FileKey, Header, Identity, Passphrase, PassphraseIdentity, Unwrap, UnwrapError, payload,
};

/// So many there are; a run that misses some must not pass.
const VECTORS: usize = 143;

#[test]
fn every_vector_answers_as_it_expects() {
    let Some(vectors) = read_vectors() else {
        return;
    };
    assert_eq!(vectors.len(), VECTORS);
    let wrong: Vec<_> = vectors
        .iter()
        .flat_map(|vector| [1, 2, 3].map(|threads| (vector, threads)))
        .filter_map(|(vector, threads)| {
            let answer = vector.decrypt(NonZeroUsize::new(threads).unwrap());
            let wrong = vector.compare(&answer);
            wrong.map(|wrong| format!("{}, {threads} threads: {wrong}", vector.name))
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn what_a_vector_holds_encodes_to_the_same_bytes() {
    let Some(vectors) = read_vectors() else {
        return;
    };
    let mut headers = 0;
    let mut payloads = 0;
    let mut armors = 0;
    for vector in vectors.iter().filter(|vector| vector.expect == "success") {
        let binary = vector.binary();
        if vector.armored {
            let mut writer = ArmoredWriter::new(Vec::new());
            std::io::Write::write_all(&mut writer, &binary).unwrap();
            let text = String::from_utf8(vector.file.clone()).unwrap();
            let expected = text.replace("\r\n", "\n").trim().to_owned() + "\n";
            let armored = String::from_utf8(writer.finish().unwrap()).unwrap();
            assert_eq!(armored, expected, "{}", vector.name);
            armors += 1;
        }
        let mut reader = binary.as_slice();
        let header = Header::read(&mut reader).unwrap();
        let file_key = vector.file_key();
        let sealed = Header::seal(header.stanzas().to_vec(), &file_key).unwrap();
        assert_eq!(sealed, header, "{}", vector.name);
        headers += 1;
        let mut plaintext = Vec::new();
        payload::open(
            &file_key,
            reader,
            &mut plaintext,
            NonZeroUsize::MIN,
            &mut |_| {},
        )
        .unwrap();
        let mut again = Vec::new();
        let nonce = *reader.first_chunk().unwrap();
        payload::seal(
            &file_key,
            nonce,
            plaintext.as_slice(),
            &mut again,
            NonZeroUsize::MIN,
            &mut |_| {},
        )
        .unwrap();
        assert!(again == reader, "{}", vector.name);
        payloads += 1;
    }
    assert_eq!((headers, payloads, armors), (26, 26, 7));
}

struct Vector {
    name: String,
    expect: String,
    payload: Option<Vec<u8>>,
    // Longer than a file key in some that are to be refused.
    file_key: Vec<u8>,
    identities: Vec<Box<dyn Unwrap>>,
    armored: bool,
    file: Vec<u8>,
}

impl Vector {
    fn parse(name: String, bytes: &[u8]) -> Self {
        let mut vector = Self {
            name,
            expect: String::new(),
            payload: None,
            file_key: Vec::new(),
            identities: Vec::new(),
            armored: false,
            file: Vec::new(),
        };
        let mut compressed = false;
        let mut reader = Cursor::new(bytes);
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            let line = line.strip_suffix('\n').expect("a line ends");
            if line.is_empty() {
                break;
            }
            let (key, value) = line.split_once(": ").unwrap_or((line, ""));
            match key {
                "expect" => vector.expect = value.to_owned(),
                "payload" => vector.payload = Some(unhex(value)),
                "file key" => vector.file_key = unhex(value),
                "identity" => {
                    let identity: Identity = value.parse().unwrap();
                    vector.identities.push(Box::new(identity));
                }
                "passphrase" => {
                    let passphrase = Passphrase::new(value.to_owned().into()).unwrap();
                    vector
                        .identities
                        .push(Box::new(PassphraseIdentity::new(passphrase)));
                }
                "armored" => vector.armored = true,
                "compressed" => {
                    assert_eq!(value, "zlib");
                    compressed = true;
                }
                "comment" => {}
                other => panic!("`{other}` is not known"),
            }
        }
        reader.read_to_end(&mut vector.file).unwrap();
        if compressed {
            vector.file = miniz_oxide::inflate::decompress_to_vec_zlib(&vector.file).unwrap();
        }
        vector
    }

    fn file_key(&self) -> FileKey {
        FileKey::from_bytes(self.file_key.as_slice().try_into().unwrap())
    }

    /// The file without its armor.
    fn binary(&self) -> Vec<u8> {
        let mut reader = Dearmored::new(self.file.as_slice()).unwrap();
        assert_eq!(reader.is_armored(), self.armored);
        let mut binary = Vec::new();
        reader.read_to_end(&mut binary).unwrap();
        binary
    }

    fn decrypt(&self, threads: NonZeroUsize) -> Answer {
        if self.armored {
            self.decrypt_from(ArmoredReader::new(self.file.as_slice()), threads)
        } else {
            self.decrypt_from(BufReader::new(self.file.as_slice()), threads)
        }
    }

    fn decrypt_from(&self, mut reader: impl BufRead + Send, threads: NonZeroUsize) -> Answer {
        let header = match Header::read(&mut reader) {
            Ok(header) => header,
            Err(ReadHeaderError::Read(error)) if ArmorError::of(&error).is_some() => {
                return Answer::failed("armor failure");
            }
            Err(_) => return Answer::failed("header failure"),
        };
        let identities: Vec<_> = self.identities.iter().map(AsRef::as_ref).collect();
        let file_key = match header.unwrap(&identities) {
            Ok(file_key) => file_key,
            Err(UnwrapError::NoMatch) => return Answer::failed("no match"),
            Err(UnwrapError::Altered) => return Answer::failed("HMAC failure"),
            Err(_) => return Answer::failed("header failure"),
        };
        let right_key = self.file_key == file_key.expose();
        let mut plaintext = Vec::new();
        let opened = payload::open(&file_key, reader, &mut plaintext, threads, &mut |_| {});
        let class = match opened {
            _ if !right_key => "another file key",
            Ok(opened) if opened.plaintext == plaintext.len() as u64 => "success",
            Ok(_) => "another length",
            Err(OpenError::Read(error)) if ArmorError::of(&error).is_some() => "armor failure",
            Err(OpenError::NoNonce) => "header failure",
            Err(error) if whole(&error) == plaintext.len() as u64 => "payload failure",
            Err(_) => "another length",
        };
        Answer { class, plaintext }
    }

    fn compare(&self, answer: &Answer) -> Option<String> {
        if self.expect != answer.class {
            return Some(format!("expected {}, got {}", self.expect, answer.class));
        }
        match &self.payload {
            Some(hash) if digest(&SHA256, &answer.plaintext).as_ref() != hash => Some(format!(
                "another plaintext, of {} bytes",
                answer.plaintext.len()
            )),
            // A vector of damaged armor states no hash.
            _ => None,
        }
    }
}

struct Answer {
    class: &'static str,
    plaintext: Vec<u8>,
}

impl Answer {
    fn failed(class: &'static str) -> Self {
        Self {
            class,
            plaintext: Vec::new(),
        }
    }
}

fn whole(error: &OpenError) -> u64 {
    match error {
        OpenError::Damaged { whole }
        | OpenError::DamagedOrTruncated { whole }
        | OpenError::Truncated { whole }
        | OpenError::Extended { whole }
        | OpenError::EmptyLastChunk { whole } => *whole,
        OpenError::Read(_) | OpenError::Write(_) | OpenError::NoNonce | _ => panic!("{error}"),
    }
}

/// Reads the vectors, from `AGE_VECTORS` or from beside the workspace. Without them there is nothing to test, which
/// is said loudly and is not enough where tests must all run.
fn read_vectors() -> Option<Vec<Vector>> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors/age");
    let folder = std::env::var_os("AGE_VECTORS").map_or(beside, PathBuf::from);
    if !folder.is_dir() {
        assert!(
            std::env::var_os("CI").is_none(),
            "the vectors of age are missing at {}",
            folder.display()
        );
        eprintln!(
            "SKIPPED: the {VECTORS} vectors of age are not at {}",
            folder.display()
        );
        return None;
    }
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    Some(
        files
            .iter()
            .map(|path| {
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                Vector::parse(name, &fs::read(path).unwrap())
            })
            .collect(),
    )
}

fn unhex(text: &str) -> Vec<u8> {
    text.as_bytes()
        .chunks(2)
        .map(|digits| u8::from_str_radix(str::from_utf8(digits).unwrap(), 16).unwrap())
        .collect()
}

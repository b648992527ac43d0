//! `capi inspect`: what a BLOB says, field by field, or where it breaks.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use serde::Serialize;
use strongroom_capi::blob::Header;
use strongroom_capi::file::{FileHeader, looks_like};
use strongroom_capi::key::KeyError;
use strongroom_capi::{BlobType, Inspection, Key, Unarmoured, inspect};
use strongroom_client::capi::PREFIX_BYTES;
use zeroize::Zeroizing;

use super::place;
use crate::exit::Exit;
use crate::stream;
use crate::terminal::{self, escape, shown, tell};

/// The bytes of a field's value that a line shows; `--json` has all of them.
const SHOWN_DIGITS: usize = 64;

/// Explain a key BLOB, field by field, or where it breaks.
///
/// Takes the example programs' file, too, and RSA keys of other forms: PEM, DER, .NET's XML, CNG's. Of what else lies beside
/// such keys it says what it is and which command helps. What is secret is not shown, as far as it can be told from what is
/// encrypted. Exits with 1 if it is not as it must be.
#[derive(Args)]
pub(super) struct Arguments {
    /// The BLOB; from a pipe if it is `-`.
    #[arg(value_name = "BLOB")]
    blob: PathBuf,
    /// Print one line of JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Explained {
    kind: Option<String>,
    meaning: Option<&'static str>,
    fields: Vec<Field>,
    remarks: Vec<String>,
    fault: Option<Fault>,
    /// The command that helps with what is wrong.
    help: Option<String>,
}

#[derive(Serialize)]
struct Field {
    offset: usize,
    length: usize,
    name: &'static str,
    value: String,
    meaning: String,
}

#[derive(Serialize)]
struct Fault {
    field: &'static str,
    offset: usize,
    what: String,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let explained = explain(&arguments.blob)?;
    let exit = if explained.fault.is_some() {
        Exit::Failed
    } else {
        Exit::Done
    };
    if arguments.json {
        terminal::print_json(&explained)?;
    } else {
        print(&explained)?;
    }
    if let Some(fault) = &explained.fault {
        tell(format_args!(
            "error: {}: {} at offset {}: {}",
            shown(&arguments.blob),
            fault.field,
            fault.offset,
            escape(&fault.what)
        ));
    }
    if let Some(help) = &explained.help {
        tell(format_args!("hint: {help}"));
    }
    Ok(exit)
}

/// Reads it, and takes it for what its beginning says it is.
fn explain(path: &Path) -> anyhow::Result<Explained> {
    let mut reader = place::open(path)?;
    let failed = || format!("cannot read `{}`", shown(path));
    let mut prefix = Zeroizing::new(Vec::with_capacity(64));
    let mut start = reader.by_ref().take(PREFIX_BYTES);
    start.read_to_end(&mut prefix).with_context(failed)?;
    if looks_like(&prefix) {
        let header = FileHeader::read(&mut prefix.chain(&mut reader)).with_context(failed)?;
        // The rest is only counted, and that of a file not even read.
        let metadata = reader.get_ref().metadata().with_context(failed)?;
        let ciphertext = if metadata.is_file() && !stream::is_pipe(path) {
            metadata.len().saturating_sub(header.bytes())
        } else {
            io::copy(&mut reader, &mut io::sink()).with_context(failed)?
        };
        let remark = format!(
            "a file of the example programs: a length, this SIMPLEBLOB, then {ciphertext} bytes of ciphertext"
        );
        return Ok(Explained::of(inspect(header.blob()), Some(remark)));
    }
    let bytes = place::read_from(prefix.chain(reader), path)?;
    let unarmoured = Unarmoured::read(&bytes);
    let blob = unarmoured.bytes();
    if looks_like(blob) {
        let header = FileHeader::read(&mut &*blob).with_context(failed)?;
        let layers = unarmoured.layers().join(", ");
        let remark = format!("a file of the example programs, in {layers}: this is its SIMPLEBLOB");
        return Ok(Explained::of(inspect(header.blob()), Some(remark)));
    }
    let explained = match Key::read_form(&bytes) {
        Ok((key, form)) => {
            let remark = form.map(|form| format!("from {form}; this is the BLOB that it is of"));
            let is_blob = Header::read(blob).is_ok();
            match &key {
                // As it is, with what it has beyond the form that would be written.
                _ if is_blob => Explained::of(inspect(blob), remark),
                Key::Public(key) => Explained::of(inspect(&key.to_blob()), remark),
                Key::Private(key) => match key.to_blob() {
                    Ok(blob) => Explained::of(inspect(&blob), remark),
                    Err(unequal) => {
                        let mut explained = Explained::of(inspect(&key.public().to_blob()), remark);
                        let unequal = format!("a key pair, and this its public half: {unequal}");
                        explained.remarks.insert(0, unequal);
                        explained
                    }
                },
            }
        }
        Err(error) if Header::read(blob).is_ok() => {
            let layers = unarmoured.layers();
            let remark = (!layers.is_empty()).then(|| format!("in {}", layers.join(", ")));
            Explained {
                help: error.help().map(|help| place::command(help, path, &bytes)),
                ..Explained::of(inspect(blob), remark)
            }
        }
        Err(KeyError::Malformed(_)) => Explained::of(inspect(blob), None),
        Err(error @ KeyError::Neighbour(_)) => Explained::neighbour(&error, path, &bytes),
        Err(error) if error.help().is_some() => Explained::neighbour(&error, path, &bytes),
        Err(error) => return Err(error).with_context(failed),
    };
    Ok(explained)
}

impl Explained {
    /// Something else, with the command that helps.
    fn neighbour(error: &KeyError, path: &Path, bytes: &[u8]) -> Self {
        Self {
            kind: None,
            meaning: None,
            fields: Vec::new(),
            remarks: Vec::new(),
            fault: Some(Fault {
                field: "bType",
                offset: 0,
                what: format!("no BLOB of CryptoAPI's: {error}"),
            }),
            help: error.help().map(|help| place::command(help, path, bytes)),
        }
    }

    /// What the inspection says, after a remark on where the BLOB came from.
    fn of(inspection: Inspection, remark: Option<String>) -> Self {
        let mut remarks = Vec::from_iter(remark);
        remarks.extend(inspection.remarks);
        Self {
            kind: inspection.kind.map(|kind| kind.to_string()),
            meaning: inspection.kind.map(BlobType::meaning),
            fields: inspection
                .fields
                .into_iter()
                .map(|field| Field {
                    offset: field.offset,
                    length: field.length,
                    name: field.name,
                    value: field.value,
                    meaning: field.meaning,
                })
                .collect(),
            remarks,
            fault: inspection.fault.map(|fault| Fault {
                field: fault.field,
                offset: fault.offset,
                what: fault.fault.to_string(),
            }),
            help: None,
        }
    }
}

fn print(explained: &Explained) -> io::Result<()> {
    if let (Some(kind), Some(meaning)) = (&explained.kind, explained.meaning) {
        terminal::print(format_args!("{kind}: {meaning}"))?;
    }
    for field in &explained.fields {
        let value = match field.value.get(..SHOWN_DIGITS) {
            Some(start) if field.value.len() > SHOWN_DIGITS => format!("{start}.."),
            _ => field.value.clone(),
        };
        terminal::print(format_args!(
            "{:>5}  {:>4}  {:<18}  {value}  {}",
            field.offset, field.length, field.name, field.meaning
        ))?;
    }
    explained
        .remarks
        .iter()
        .try_for_each(|remark| terminal::print(format_args!("- {remark}")))
}

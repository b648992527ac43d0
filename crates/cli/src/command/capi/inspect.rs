//! `capi inspect`: what a BLOB says, field by field, or where it breaks.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use strongroom_capi::file::FileHeader;
use strongroom_capi::{BlobType, Inspection, Key, inspect};

use super::place;
use crate::exit::Exit;
use crate::terminal::{self, escape, shown, tell};

/// The bytes of a field's value that a line shows; `--json` has all of them.
const SHOWN_DIGITS: usize = 64;

/// Explain a key BLOB, field by field, or where it breaks.
///
/// Takes PEM, and the example programs' file, too. Nothing secret is shown. Exits with 1 if it is not as it must be.
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
    let bytes = place::read(&arguments.blob)?;
    let mut remarks = Vec::new();
    let explained = if let Ok(header) = FileHeader::read(&mut bytes.as_slice()) {
        remarks.push(format!(
            "a file of the example programs: a length, this SIMPLEBLOB, then {} bytes of ciphertext",
            (bytes.len() as u64).saturating_sub(header.bytes())
        ));
        explain(inspect(header.blob()), remarks)
    } else if bytes.starts_with(b"-----") {
        let key = Key::read(&bytes)?;
        remarks.push("from PEM; this is the BLOB that it is of".to_owned());
        let blob = match &key {
            Key::Public(key) => key.to_blob().into(),
            Key::Private(key) => key.to_blob(),
        };
        explain(inspect(&blob), with_fingerprint(&key, remarks))
    } else {
        if let Ok(key) = Key::read(&bytes) {
            remarks = with_fingerprint(&key, remarks);
        }
        explain(inspect(&bytes), remarks)
    };
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
    Ok(exit)
}

fn with_fingerprint(key: &Key, mut remarks: Vec<String>) -> Vec<String> {
    remarks.push(format!("fingerprint {}", key.public().fingerprint()));
    remarks
}

fn explain(inspection: Inspection, mut remarks: Vec<String>) -> Explained {
    remarks.extend(inspection.remarks);
    Explained {
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
    }
}

fn print(explained: &Explained) -> std::io::Result<()> {
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

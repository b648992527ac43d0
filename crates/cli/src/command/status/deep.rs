//! `status --deep`: every file is read to its end. The home is let go while that lasts, and what was read is recorded in it from
//! time to time, so that a command that is killed does not read it again when it is run again. Where nothing can be recorded, it is
//! read all the same.

use std::path::Path;

use strongroom_agefile::header::ReadHeaderError;
use strongroom_client::home::{Home, HomeError, Identities};
use strongroom_client::whole::{Readable, WholeError, WholeReading};

use crate::account::Account;
use crate::context::Context;
use crate::input::Input;
use crate::progress::Progress;
use crate::prompt;
use crate::terminal::count;

/// How much is read before it is recorded: no more is read twice.
const UNRECORDED_BYTES_MAX: u64 = 4 << 20;
/// How many files are, of less.
const UNRECORDED_FILES_MAX: usize = 256;

/// What came of reading the files, beside what the home remembers of each already.
pub(super) struct Deep {
    pub(super) identities: Option<Identities>,
    /// How many could not be read to their ends.
    pub(super) unread: u64,
    /// What is to be recorded still.
    pub(super) reading: WholeReading,
}

/// Reads every file to its end, but for those that an interrupted command has read.
pub(super) fn read(
    context: &Context,
    files: &[Input],
    account: &mut Account<'_>,
) -> anyhow::Result<Deep> {
    let mut home = Home::open_to_read(&context.home)?;
    let identities = match home.has_identity()? {
        true => Some(home.identities(&mut prompt::passphrases(context))?),
        false => None,
    };
    let paths: Vec<&Path> = files.iter().map(|file| file.path.as_path()).collect();
    let begun = context.clock.now();
    let mut reading = WholeReading::begin(&mut home, &paths, begun)?;
    let (mut to_read, mut before, mut unread) = (Vec::new(), 0, 0);
    for file in files {
        // What can't be read is told of below.
        if reading.is_read(&home, &file.path).is_ok_and(|read| read) {
            before += 1;
        } else {
            to_read.push((file, Readable::of(&home, &file.path)));
        }
    }
    if before > 0 {
        context.say(format_args!(
            "going on with what was begun at {}: {} read already",
            reading.begun(),
            count(before, "file", "files")
        ));
    }
    // Others may use the home meanwhile.
    drop(home);
    let length = |path: &Path| path.metadata().map_or(0, |metadata| metadata.len());
    let total = to_read.iter().map(|(file, _)| length(&file.path)).sum();
    let bar = Progress::files(context, to_read.len() as u64, total);
    let (mut unrecorded_bytes, mut unrecorded_files) = (0, 0);
    for (file, readable) in to_read {
        let mut progress = |bytes| bar.bytes(bytes);
        let read =
            readable.and_then(|it| it.read(identities.as_ref(), context.threads, &mut progress));
        reading.add(&file.path, &read, context.clock.now());
        match read {
            Ok(_) => {}
            // Told of with the others, or passed over.
            Err(WholeError::Header(ReadHeaderError::NotAge)) => {}
            Err(error) => {
                unread += u64::from(!error.is_damage());
                bar.aside(|| account.fail(&file.path, &error.into()));
            }
        }
        let bytes = length(&file.path);
        bar.file();
        unrecorded_bytes += bytes;
        unrecorded_files += 1;
        if unrecorded_bytes >= UNRECORDED_BYTES_MAX || unrecorded_files >= UNRECORDED_FILES_MAX {
            // Where a command is at work, or nothing can be written, it waits for the next time.
            if let Ok(Some(mut home)) = Home::try_open(&context.home) {
                match reading.record(&mut home) {
                    Err(HomeError::Full) => {}
                    recorded => recorded?,
                }
            }
            (unrecorded_bytes, unrecorded_files) = (0, 0);
        }
    }
    drop(bar);
    Ok(Deep {
        identities,
        unread,
        reading,
    })
}

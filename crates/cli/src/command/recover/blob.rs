//! A SIMPLEBLOB for another program, of a key that came back (spec/capi-owner.md#recovery).

use std::io::Write as _;
use std::path::Path;

use anyhow::bail;
use strongroom_capi::{Padding, PublicKey};
use strongroom_client::capi::rewrap::released_blob;
use strongroom_client::home::{Home, read_public_key};
use strongroom_files::output::{Output, Overwrite, ReadableBy};
use strongroom_protocol::id::Serial;

use super::Arguments;
use crate::context::Context;
use crate::rsa::ensure_not_legacy;
use crate::stream;

/// Of which key, for which program, and where.
pub(super) struct WantedBlob<'a> {
    serial: Serial,
    to: PublicKey,
    padding: Option<Padding>,
    output: &'a Path,
    overwrite: Overwrite,
}

impl<'a> WantedBlob<'a> {
    /// Tells whether the options ask for a SIMPLEBLOB alone. That it can be written is seen before it is asked for.
    pub(super) fn of(arguments: &'a Arguments) -> anyhow::Result<Option<Self>> {
        let (Some(to), Some(output), [serial], true) = (
            &arguments.to,
            &arguments.output,
            &arguments.serials[..],
            arguments.paths.is_empty(),
        ) else {
            return Ok(None);
        };
        let to = read_public_key(to)?;
        ensure_not_legacy(&to, arguments.legacy)?;
        let overwrite = arguments.overwrite();
        if !stream::is_sink(output) {
            Output::check(output, overwrite)?;
        }
        Ok(Some(Self {
            serial: *serial,
            to,
            padding: arguments.padding.said(),
            output,
            overwrite,
        }))
    }

    /// Writes the blob, if its key was released.
    pub(super) fn write_if_released(&self, context: &Context, home: &Home) -> anyhow::Result<bool> {
        let mut rng = context.rng();
        let blob = released_blob(home, self.serial, &self.to, self.padding, &mut rng)?;
        let Some(blob) = blob else {
            return Ok(false);
        };
        if stream::is_sink(self.output) {
            let mut output = stream::output_to(Some(self.output))?;
            output.write_all(&blob)?;
            output.flush()?;
            return Ok(true);
        }
        let mut output = Output::create(self.output, self.overwrite, ReadableBy::Umask, &mut rng)?;
        output.write_all(&blob)?;
        output.commit()?;
        Ok(true)
    }

    /// Writes the blob, whose key was released.
    pub(super) fn write(&self, context: &Context, home: &Home) -> anyhow::Result<()> {
        if !self.write_if_released(context, home)? {
            // Why was said, where the authority said so.
            bail!(
                "no key was released for the deposit of serial {}",
                self.serial
            );
        }
        Ok(())
    }
}

//! `protect --key`: a spare for files that some program of CryptoAPI's made (spec/capi-owner.md#protecting).

use anyhow::ensure;
use strongroom_client::ConnectError;
use strongroom_client::capi::protect::{CapiKey, look};
use strongroom_client::home::{Home, read_private_key};
use strongroom_protocol::statement::Particulars;

use super::report::Report;
use super::{Arguments, jobs};
use crate::context::Context;
use crate::exit::{Exit, Usage};
use crate::input::Input;
use crate::reach;
use crate::rsa::{NoPadding, warn_of};
use crate::walk::Walk;

pub(super) fn protect(
    context: &Context,
    arguments: &Arguments,
    key: &std::path::Path,
    (files, walk): (&[Input], Walk),
    particulars: &Particulars,
) -> anyhow::Result<Exit> {
    ensure!(
        arguments.identities.is_empty(),
        Usage("`-i` opens age files, `--key` those of CryptoAPI's programs: one kind at a time")
    );
    let padding = arguments.padding.said().ok_or(NoPadding)?;
    let path = key;
    context.warn_if_exposed(path);
    let key = read_private_key(path)?;
    warn_of(context, path, key.public());
    let key = CapiKey {
        key: &key,
        padding,
        parameters: arguments.cipher.said(),
    };
    let mut home = match arguments.dry_run {
        true => Home::open_to_read(&context.home)?,
        false => Home::open(&context.home)?,
    };
    let membership = home.membership()?.ok_or(ConnectError::NoAuthority)?;
    let mut report = Report::new(context, arguments, files, walk, membership.address);
    let mut rng = context.rng();
    if arguments.dry_run {
        for (number, file) in files.iter().enumerate() {
            let authority = membership.founding.authority();
            report.looked(number, look(&home, authority, &file.path, key, &mut rng));
        }
        return report.end();
    }
    let authority = reach::authority_of(context, &home)?;
    let mut client = reach::connect(context, &mut home, &authority, &mut rng)?;
    client.protect_capi(jobs(arguments, files, particulars), key, &mut report)?;
    report.end()
}

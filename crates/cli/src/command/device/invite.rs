//! `strongroom device invite`: a file by which another machine becomes the owner's, and the code that it is sealed under.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use strongroom_client::home::{DeviceId, Home};
use strongroom_client::invitation;
use strongroom_protocol::invitation::InvitationCode;
use strongroom_protocol::statement::DeviceName;

use super::connected;
use crate::command::officer::short;
use crate::context::Context;
use crate::devices::digits;
use crate::terminal::{self, shown};

/// What to call the new machine, and where the file goes.
#[derive(Args)]
pub(super) struct Arguments {
    /// What the new machine is called, of at most 64 bytes [default: what it calls itself].
    #[arg(long)]
    name: Option<String>,
    /// The file to write, which must not exist.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

/// In this order: the file; that the authority knows of it; the code. A crash between two of them leaves a file that nobody
/// opens, or one that is for nothing.
pub(super) fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<()> {
    let Arguments { name, output } = arguments;
    // Before anything is asked of anybody.
    let name = name.clone().map(DeviceName::new).transpose()?;
    let mut rng = context.rng();
    let code = InvitationCode::generate(&mut rng);
    let home = Home::open(&context.home)?;
    connected(context, home, |client| {
        let invitation = client.draft_invitation(name)?;
        let sealed = invitation::seal(&invitation, &code, &mut rng)?;
        strongroom_files::write_new(output, &sealed, &mut rng)
            .context("cannot write the invitation")?;
        if let Err(error) = client.invite(&invitation) {
            // It may have been recorded all the same; then it ends by itself.
            std::fs::remove_file(output).ok();
            return Err(error.into());
        }
        context.warn_if_open_to_all(output.parent().unwrap_or(output));
        context.say(format_args!(
            "{} holds until {}, and is used once. To withdraw it: strongroom device revoke {}\n\
             On the other machine:\n\
             \x20   strongroom init --join FILE\n\
             It asks for this code, which is shown this once. Take it there another way than the file: whoever has both is you.",
            shown(output),
            invitation.until,
            short(digits(DeviceId::from(&invitation.key.verifying_key()))),
        ));
        Ok(terminal::print(code.expose())?)
    })
}

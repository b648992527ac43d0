//! `strongroom departed`: officers say that an owner has left, and so has no veto any more.

use clap::Args;
use strongroom_protocol::id::OwnerId;
use strongroom_protocol::statement::Grounds;

use crate::context::Context;
use crate::desk::DeskOptions;
use crate::exit::Exit;
use crate::ids;

/// Say, as an officer, that an owner has departed.
///
/// It counts once as many say so as the policy asks. A departed owner has no veto, and rules for departed owners
/// apply. An owner's id is on their recovery sheet, and in what `officer show` says.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    desk: DeskOptions,
    /// The owner's id.
    #[arg(value_parser = ids::whole::<OwnerId>)]
    owner: OwnerId,
    /// Say that they have not, after all.
    #[arg(long)]
    undo: bool,
    /// Why, for the log.
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

pub(crate) fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    let grounds = Grounds::new(arguments.reason.clone())?;
    let (owner, departed) = (arguments.owner, !arguments.undo);
    arguments.desk.at(context, |desk| {
        Ok(desk.say_departed(owner, departed, grounds)?)
    })?;
    let said = if departed { "has" } else { "has not" };
    context.say(format_args!(
        "it is on record that you say owner {owner} {said} departed"
    ));
    Ok(Exit::Done)
}

//! `strongroom completions`: what a shell completes, made from the options.

use std::io::Write as _;

use clap::Args;
use clap_complete::Shell;

use crate::exit::Exit;
use crate::options;

/// Print what your shell needs to complete commands, options and file names.
#[derive(Args)]
#[command(after_help = "\
Examples:
  cd ~/.local/share/bash-completion/completions
  strongroom completions bash > strongroom
  strongroom completions fish > ~/.config/fish/completions/strongroom.fish
  strongroom completions zsh > ~/.zfunc/_strongroom

For zsh, `fpath+=~/.zfunc` stands before `compinit` in ~/.zshrc.")]
pub(crate) struct Arguments {
    /// The shell.
    #[arg(value_enum, value_name = "SHELL")]
    shell: Shell,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let mut command = options::command();
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, "strongroom", &mut script);
    std::io::stdout().lock().write_all(&script)?;
    Ok(Exit::Done)
}

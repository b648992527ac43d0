//! Help, completions and manual pages, as those programs read them that they are for.

use std::fs;
use std::process::{Command, Stdio};

use crate::machine::{Machine, ran};

/// Tells whether a program is there, and says so where it is not: in CI it has to be.
fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap();
    let there = std::env::split_paths(&path).any(|folder| folder.join(program).is_file());
    if !there {
        assert!(
            std::env::var_os("CI").is_none(),
            "`{program}` is missing: `./test` installs it"
        );
        let skipped = format!("SKIPPED in part: there is no `{program}`; `./test` installs it\n");
        std::io::Write::write_all(&mut std::io::stderr(), skipped.as_bytes()).unwrap();
    }
    there
}

#[test]
fn shells_complete_commands_and_options() {
    let machine = Machine::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = machine.run(["completions", shell]).done().stdout;
        let name = format!("strongroom.{shell}");
        machine.write(&name, &script);
        if !is_there(shell) {
            continue;
        }
        ran(Command::new(shell).arg("-n").arg(machine.path(&name)), b"").done();
        let question = match shell {
            "bash" => {
                "source ./strongroom.bash; COMP_WORDS=(strongroom rec); COMP_CWORD=1; \
                 _strongroom strongroom rec strongroom; echo \"${COMPREPLY[@]}\"; \
                 COMP_WORDS=(strongroom authority init --po); COMP_CWORD=3; \
                 _strongroom strongroom --po init; echo \"${COMPREPLY[@]}\""
            }
            "fish" => {
                "source ./strongroom.fish; complete -C 'strongroom rec'; \
                 complete -C 'strongroom authority init --po'"
            }
            // What zsh completes is seen in its line editor alone: that it takes the function has to do.
            _ => {
                "autoload -Uz compinit; compinit -u -D; source ./strongroom.zsh; \
                  functions _strongroom | grep -o 'recover\\|--policy' | sort -u"
            }
        };
        let mut shell_command = Command::new(shell);
        shell_command
            .args(["-c", question])
            .current_dir(machine.path(""))
            .env("HOME", machine.path(""))
            .stdin(Stdio::null());
        let said = ran(&mut shell_command, b"").done();
        let said = said.text();
        assert!(
            said.contains("recover") && said.contains("--policy"),
            "{shell}: {said}"
        );
    }
}

#[test]
fn there_is_a_manual_page_of_each_command() {
    let machine = Machine::new();
    machine.run(["man", "pages"]).done();
    let names = machine.names("pages/man1");
    for name in [
        "strongroom.1",
        "strongroom-encrypt.1",
        "strongroom-authority-init.1",
    ] {
        assert!(names.iter().any(|there| there == name), "{name}: {names:?}");
    }
    assert_eq!(machine.names("pages/man7"), ["strongroom-words.7"]);
    let page = machine.read_text("pages/man1/strongroom-recover.1");
    for part in [
        "STRONGROOM_RECOVERY_CODE",
        "EXAMPLES",
        "work factor",
        "STRONGROOM_HOME",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(
        !names.iter().any(|name| name.contains("version")),
        "{names:?}"
    );
    machine.write("file", "");
    machine
        .run(["man", "file/pages"])
        .refused(1, &["cannot write manual pages into"]);
    if !is_there("groff") {
        return;
    }
    let pages = names.iter().map(|name| format!("man1/{name}"));
    for name in pages.chain(["man7/strongroom-words.7".to_owned()]) {
        let mut groff = Command::new("groff");
        let page = machine.path("pages").join(&name);
        let shown = ran(groff.args(["-man", "-Tutf8", "-ww"]).arg(&page), b"").done();
        assert_eq!(shown.stderr, "", "{name}");
        assert!(shown.stdout.len() > 500, "{name}");
    }
}

#[test]
fn help_fits_the_terminal() {
    let machine = Machine::new();
    let commands = fs::read_dir({
        machine.run(["man", "pages"]).done();
        machine.path("pages/man1")
    });
    for page in commands.unwrap() {
        let name = page.unwrap().file_name().into_string().unwrap();
        let Some(name) = name.strip_suffix(".1") else {
            continue;
        };
        // `rsa-key` and `accept-restored` have a dash of their own.
        let name = name
            .replace("rsa-key", "rsa_key")
            .replace("accept-restored", "accept_restored");
        let command: Vec<String> = name
            .split('-')
            .skip(1)
            .map(|word| word.replace('_', "-"))
            .collect();
        for (help, columns) in [("-h", 80), ("--help", 80), ("-h", 40), ("--help", 40)] {
            let mut asked = machine.command(command.iter().map(String::as_str).chain([help]));
            let shown = ran(asked.env("COLUMNS", columns.to_string()), b"").done();
            let text = shown.text();
            let wide = |line: &&str| line.chars().count() > columns && line.trim().contains(' ');
            assert_eq!(text.lines().find(wide), None, "{name} at {columns}");
            // A word a line, where the second column was at the right edge.
            let alone = |line: &str| {
                line.starts_with(&" ".repeat(columns / 2)) && !line.trim().contains(' ')
            };
            let lines: Vec<&str> = text.lines().collect();
            let narrow = lines
                .windows(3)
                .find(|lines| lines.iter().all(|line| alone(line)));
            assert_eq!(narrow, None, "{name} at {columns}");
        }
    }
}

#[test]
fn whatever_needs_the_passphrase_names_its_variable() {
    let machine = Machine::new();
    let with = |args: &[&str]| {
        machine
            .run_with("STRONGROOM_PASSPHRASE", "a long passphrase", args)
            .done()
    };
    with(&["init", "--passphrase"]);
    machine.write("file", "text");
    with(&["encrypt", "file"]);
    with(&["keygen", "--passphrase", "-o", "sealed"]);
    let commands: [&[&str]; 7] = [
        &["decrypt", "-o", "-", "file.age"],
        &["encrypt", "-i", "sealed", "-o", "other", "file"],
        &["keygen", "--passphrase", "-o", "another"],
        &["protect", "-i", "sealed", "file.age"],
        &["recover", "file.age"],
        &["rewrap", "file.age"],
        &["status", "--deep", "file.age"],
    ];
    for args in commands {
        let ran = machine.run(args);
        assert_ne!(ran.status, Some(0), "{args:?}");
        assert!(
            ran.stderr.contains("passphrase is needed"),
            "{args:?}: {}",
            ran.stderr
        );
        let help = machine.run([args[0], "-h"]).done();
        assert!(help.text().contains("STRONGROOM_PASSPHRASE"), "{args:?}");
    }
}

/// The public key that the example has is of the kind that the first use makes.
#[test]
fn the_example_with_somebody_elses_key_works() {
    let machine = Machine::with_home();
    machine.write("plan.txt", "a plan");
    machine.run(["keygen", "-o", "theirs.txt"]).done();
    let theirs = machine.read_text("theirs.txt");
    let key = theirs
        .lines()
        .find_map(|line| line.strip_prefix("# public key: "));
    let help = machine.run(["encrypt", "--help"]).done();
    let example = help
        .text()
        .lines()
        .find_map(|line| line.trim().strip_prefix("strongroom encrypt -r "));
    let (start, rest) = example.unwrap().split_once("...").unwrap();
    let file = rest.split_whitespace().next().unwrap();
    assert!(key.unwrap().starts_with(start), "{start}");
    machine.run(["encrypt", "-r", key.unwrap(), file]).done();
    machine
        .run(["decrypt", "-i", "theirs.txt", "-o", "-", "plan.txt.age"])
        .done();
}

#[test]
fn a_word_that_is_no_command_is_taken_for_none_that_is_spelled_otherwise() {
    let machine = Machine::new();
    assert_eq!(
        machine.run(["version"]).done().text(),
        machine.run(["--version"]).done().text()
    );
    machine.run(["lst"]).refused(2, &["similar", "'list'"]);
    for word in ["remove", "restore", "share", "rotate", "delete"] {
        let said = machine.run([word]);
        assert!(
            said.stderr.contains("unrecognized subcommand"),
            "{}",
            said.stderr
        );
        assert!(!said.stderr.contains("tip:"), "{word}: {}", said.stderr);
    }
}

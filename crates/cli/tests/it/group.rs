//! A group on one machine: owners with a home each, officers with a key each, and one authority with a policy.

use std::fmt::Write as _;

use serde_json::Value;

use crate::machine::{Machine, Ran};

pub(crate) struct Group {
    pub(crate) machine: Machine,
    officers: String,
}

/// Two officers of three approve; the owner can veto, and all officers together overrule that.
pub(crate) const TWO_OF_THREE: &str = r#"
lapse = "30 days"
departed = "two"
[[group]]
name = "two"
need = 2
of = ["ada", "bob", "cid"]
[[group]]
name = "all"
need = 3
of = ["ada", "bob", "cid"]
[[rule]]
name = "officers"
asker = "anyone"
approvals = "two"
wait = "1 millisecond"
veto = true
overrule = "all"
[[rule]]
name = "leaver"
owners = "departed"
asker = "two"
approvals = "two"
[change]
approvals = "two"
"#;

impl Group {
    /// Officers `ada`, `bob` and `cid`, an authority in `shared` with this policy, and nobody in it.
    pub(crate) fn new(policy: &str) -> Self {
        let group = Self::unfounded();
        group.machine.write("policy.toml", group.policy(policy));
        group
            .machine
            .run(["authority", "init", "shared", "--policy", "policy.toml"])
            .done();
        group
    }

    pub(crate) fn unfounded() -> Self {
        let machine = Machine::new();
        let mut officers = String::new();
        for name in ["ada", "bob", "cid"] {
            let key = format!("{name}.key");
            let ran = machine.run(["keygen", "--officer", "--name", name, "-o", &key]);
            write!(officers, "{}", ran.done().text()).unwrap();
        }
        Self { machine, officers }
    }

    /// The policy with its officers.
    pub(crate) fn policy(&self, text: &str) -> String {
        let (top, rest) = text.split_once("[[").unwrap();
        format!("{top}{}[[{rest}", self.officers)
    }

    /// An owner joins, with a file of theirs, and returns the owner's id.
    pub(crate) fn join(&self, owner: &str) -> String {
        let code = format!("{owner}.code");
        let sheet = format!("{owner}.sheet");
        self.of(
            owner,
            [
                "init",
                "--authority",
                "shared",
                "--code-file",
                &code,
                "--sheet",
                &sheet,
            ],
        )
        .done();
        let file = format!("{owner}.txt");
        self.machine.write(&file, owner);
        self.of(owner, ["encrypt", &file]).done();
        let sheet = self.machine.read_text(&sheet);
        let line = sheet
            .lines()
            .find_map(|line| line.strip_prefix("Owner id: "));
        line.unwrap().to_owned()
    }

    /// The command, by an owner.
    pub(crate) fn of<'a>(&self, owner: &'a str, args: impl IntoIterator<Item = &'a str>) -> Ran {
        let args = ["--home", owner].into_iter().chain(args);
        self.machine.run(args)
    }

    /// The command, by an officer, who has no home.
    pub(crate) fn officer(&self, name: &str, args: &[&str]) -> Ran {
        let key = format!("{name}.key");
        let place = ["--key", &key, "--authority", "shared", "--home", "nowhere"];
        self.machine.run(args.iter().chain(&place))
    }

    pub(crate) fn says(&self, name: &str, word: &str, id: &str) -> Ran {
        self.officer(name, &["officer", word, id, "--yes"])
    }

    pub(crate) fn denies(&self, name: &str, id: &str, why: &str) -> Ran {
        self.officer(name, &["officer", "deny", id, "--yes", "--reason", why])
    }

    /// What is open, as an officer sees it.
    pub(crate) fn open(&self) -> Vec<Value> {
        self.officer("ada", &["officer", "list", "--json"])
            .done()
            .json()
    }

    /// The id of the one thing that is open.
    pub(crate) fn only(&self) -> String {
        let open = self.open();
        assert_eq!(open.len(), 1, "{open:?}");
        open[0]["id"].as_str().unwrap().to_owned()
    }

    pub(crate) fn lose_key(&self, owner: &str) {
        self.machine.remove(&format!("{owner}/identity.txt"));
    }

    /// Asserts that an owner opens a file.
    pub(crate) fn opens(&self, owner: &str, file: &str, plaintext: &str) {
        let ran = self.of(owner, ["decrypt", "-o", "-", file]).done();
        assert_eq!(ran.text(), plaintext);
    }
}

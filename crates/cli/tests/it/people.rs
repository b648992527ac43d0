//! Recovery on other people's word: officers, owners who object, and owners who have left.

use crate::group::{Group, TWO_OF_THREE};

/// As much of an id as people type.
fn beginning(id: &str, digits: usize) -> &str {
    id.get(..digits).unwrap()
}

#[test]
fn two_officers_of_three_let_an_owner_back_in() {
    let group = Group::new(TWO_OF_THREE);
    group.join("ann");
    group.lose_key("ann");
    let said = group
        .of(
            "ann",
            ["recover", "--reason", "the laptop burned", "ann.txt.age"],
        )
        .refused(
            3,
            &[
                "the request waits",
                "needs the approval of `two`",
                "release key",
            ],
        );
    let id = group.only();

    // What `recover` printed is what an officer sees.
    let shown = group
        .officer("ada", &["officer", "show", beginning(&id, 8)])
        .refused(3, &[]);
    let fingerprint = shown
        .text()
        .lines()
        .find(|line| line.contains("release key"));
    let fingerprint = fingerprint
        .unwrap()
        .trim()
        .strip_prefix("release key")
        .unwrap()
        .trim();
    assert_eq!(fingerprint.len(), 29, "{fingerprint}");
    assert!(said.stderr.contains(fingerprint), "{}", said.stderr);
    for told in ["the laptop burned", "1 key", "nothing was said to it", &id] {
        assert!(shown.text().contains(told), "{}", shown.text());
    }

    group.says("ada", "approve", beginning(&id, 8)).done();
    group
        .says("ada", "approve", &id)
        .refused(1, &["you said `approve` to it already"]);
    group
        .of("ann", ["recover", "ann.txt.age"])
        .refused(3, &["so far: ada"]);
    let shown = group
        .officer("bob", &["officer", "show", &id])
        .refused(3, &[]);
    assert!(shown.text().contains("ada approved it"), "{}", shown.text());
    let ran = group.says("bob", "approve", &id).done();
    assert!(
        ran.stderr.contains("the request is approved"),
        "{}",
        ran.stderr
    );

    group.of("ann", ["recover", "ann.txt.age"]).done();
    group.opens("ann", "ann.txt.age", "ann");
    group
        .denies("cid", &id, "too late")
        .refused(1, &["it is released already"]);
    assert!(group.open().is_empty());
    let log = group.of("ann", ["log", "show"]).done();
    for told in [
        "you were enrolled",
        "you deposited 1 key",
        "you asked for 1 key",
        "ada said `approve`",
        "1 key came back to you",
    ] {
        assert!(log.text().contains(told), "{told} in {}", log.text());
    }
}

/// The code and one officer, or two officers and a wait.
const HELPDESK: &str = r#"
lapse = "30 days"
[[group]]
name = "one"
need = 1
of = ["ada", "bob", "cid"]
[[group]]
name = "two"
need = 2
of = ["ada", "bob", "cid"]
[[rule]]
name = "with the code"
evidence = ["recovery code"]
approvals = "one"
[[rule]]
name = "without it"
asker = "anyone"
approvals = "two"
wait = "3 seconds"
veto = true
[change]
approvals = "two"
"#;

#[test]
fn a_helpdesk_takes_the_code_and_one_officer_or_two_and_a_wait() {
    let group = Group::new(HELPDESK);
    group.join("ann");
    group.lose_key("ann");
    group
        .of("ann", ["recover", "--code-file", "ann.code", "ann.txt.age"])
        .refused(3, &["rule `with the code` needs the approval of `one`"]);
    group.says("cid", "approve", &group.only()).done();
    group.of("ann", ["recover", "ann.txt.age"]).done();
    group.opens("ann", "ann.txt.age", "ann");

    group.join("ben");
    group.lose_key("ben");
    // The code is lost too, and that is no failure.
    group.of("ben", ["recover", "ben.txt.age"]).refused(
        3,
        &[
            "rule `with the code` needs the owner's recovery code",
            "rule `without it` needs the approval of `two`",
            "rule `without it` waits until",
        ],
    );
    let id = group.only();
    group.says("ada", "approve", &id).done();
    group.says("bob", "approve", &id).done();
    let ran = group.of("ben", ["recover", "--wait", "ben.txt.age"]).done();
    assert!(ran.stderr.contains("waits until"), "{}", ran.stderr);
    group.opens("ben", "ben.txt.age", "ben");
}

#[test]
fn a_colleague_gets_a_leavers_files_and_the_leaver_keeps_them() {
    let group = Group::unfounded();
    group.machine.run(["authority", "init", "shared"]).done();
    let (ann, ben) = (group.join("ann"), group.join("ben"));
    // Who asks for the officers is neither the leaver nor the colleague: else none of them could approve.
    group.join("zoe");

    // The policy that is in force wants the code of everybody in it.
    let mut policy = group.policy(TWO_OF_THREE);
    let end = policy.find("[[officer]]\nname = \"bob\"").unwrap();
    policy.insert_str(end, &format!("owner = \"{ben}\"\n"));
    group.machine.write("policy.toml", policy);
    let set = |owner, code| group.of(owner, ["policy", "set", "policy.toml", "--code-file", code]);
    for (owner, code) in [("zoe", "zoe.code"), ("ann", "ann.code")] {
        set(owner, code).refused(3, &["rule `change` needs the owner's recovery code"]);
    }
    let ran = set("ben", "ben.code").done();
    assert!(
        ran.stderr.contains("the policy is changed"),
        "{}",
        ran.stderr
    );

    let reason = ["--reason", "ann left in May", "ann.txt.age"];
    let ask = || group.of("ben", [&["recover", "--for", &ann], &reason[..]].concat());
    ask().refused(1, &["the request is denied", "no rule for such a request"]);
    group
        .officer(
            "ada",
            &["departed", &ben.replace(|_| true, "0"), "--reason", "typo"],
        )
        .refused(1, &["the authority knows no such owner"]);
    for officer in ["ada", "cid"] {
        let args = ["departed", &ann, "--reason", "her contract ended"];
        group.officer(officer, &args).done();
    }
    ask().refused(3, &["rule `leaver` needs the approval of `two`"]);
    let id = group.only();
    let shown = group
        .officer("bob", &["officer", "show", &id])
        .refused(3, &[]);
    for told in [
        "ann left in May",
        &format!("{ben} (ada)"),
        "the owner has departed",
    ] {
        assert!(shown.text().contains(told), "{told} in {}", shown.text());
    }

    // The owner is told, whatever they do; and their veto is not asked for any more.
    let told = group.of("ann", ["list"]).done();
    let warning = format!("strongroom veto {}", beginning(&id, 12));
    assert!(
        told.stderr.contains("somebody asked for your keys"),
        "{}",
        told.stderr
    );
    assert!(told.stderr.contains("ann left in May"), "{}", told.stderr);
    assert_eq!(told.stderr.matches(&warning).count(), 1, "{}", told.stderr);
    let ran = group
        .of("ann", ["veto", &id, "--reason", "I am here"])
        .done();
    assert!(
        ran.stderr.contains("does not let it count"),
        "{}",
        ran.stderr
    );

    group
        .says("ada", "approve", &id)
        .refused(1, &["nobody approves their own request", "hint: "]);
    group.says("bob", "approve", &id).done();
    group.says("cid", "approve", &id).done();
    ask().done();
    group.opens("ben", "ann.txt.age", "ann");
    let log = group.of("ben", ["log", "show"]).done();
    let departed = "departed: an officer said of an owner whether they have departed";
    assert!(log.text().contains(departed), "{}", log.text());
    group.opens("ann", "ann.txt.age", "ann");
    assert_eq!(
        group.of("ben", ["status", "--json", "ann.txt.age"]).status,
        Some(1)
    );
    // Nothing of the colleague's own has changed.
    group.opens("ben", "ben.txt.age", "ben");
    let args = ["departed", &ann, "--undo", "--reason", "she is back"];
    group.officer("cid", &args).done();
    ask().done();
}

#[test]
fn an_owner_stops_a_thief_and_officers_stop_a_thiefs_veto() {
    let group = Group::new(TWO_OF_THREE);
    group.join("ann");
    // With the sheet, which somebody found.
    group
        .of("thief", ["recover", "--sheet", "ann.sheet", "--all"])
        .refused(3, &["the request waits"]);
    let id = group.only();
    let told = group.of("ann", ["status", "ann.txt.age"]);
    assert!(
        told.stderr.contains("somebody asked for your keys"),
        "{}",
        told.stderr
    );
    group
        .of("ann", ["veto", "ffff"])
        .refused(1, &["no open request for your keys", "hint: "]);
    let ran = group
        .of(
            "ann",
            [
                "veto",
                beginning(&id, 6),
                "--reason",
                "the sheet was stolen",
            ],
        )
        .done();
    assert!(
        ran.stderr.contains("it waits for officers"),
        "{}",
        ran.stderr
    );
    for officer in ["ada", "bob"] {
        group.says(officer, "approve", &id).done();
    }
    group
        .of("thief", ["recover", "--all"])
        .refused(3, &["stopped rule `officers`"]);
    let shown = group
        .officer("cid", &["officer", "show", &id])
        .refused(3, &[]);
    assert!(shown.text().contains("vetoed it"), "{}", shown.text());
    assert!(
        shown.text().contains("the sheet was stolen"),
        "{}",
        shown.text()
    );

    // It was the owner after all, and the device that vetoes is the thief's.
    for officer in ["ada", "bob", "cid"] {
        group.says(officer, "overrule", &id).done();
    }
    group.of("thief", ["recover", "--all"]).done();
}

#[test]
fn a_denied_request_is_over_and_is_asked_for_anew() {
    let group = Group::new(TWO_OF_THREE);
    group.join("ann");
    group.lose_key("ann");
    group.of("ann", ["recover", "ann.txt.age"]).refused(3, &[]);
    let id = group.only();
    group
        .says("ada", "overrule", &id)
        .refused(1, &["there is nothing to overrule"]);
    group.denies("bob", &id, "not today").done();
    group
        .says("ada", "approve", &id)
        .refused(1, &["it is denied already"]);
    let recover = || group.of("ann", ["recover", "ann.txt.age"]);
    let denied = ["the request is denied", "`bob` denied it", "not today"];
    recover().refused(1, &denied);
    // It was told.
    recover().refused(3, &["the request waits"]);
    assert_ne!(group.only(), id);
}

#[test]
fn no_reason_draws_a_field_on_an_officers_screen() {
    let group = Group::new(TWO_OF_THREE);
    group.join("ann");
    group.lose_key("ann");
    // Each at the beginning of a line, on a terminal of eighty columns.
    let drawn = "  stands       approved by bob; only your approval is missing";
    let why = format!(
        "{:65}{:80}\n{drawn}\u{2028}{drawn}",
        "new laptop", "  asked by     bob, in person"
    );
    group
        .of("ann", ["recover", "--reason", &why, "ann.txt.age"])
        .refused(3, &[]);
    let shown = group
        .officer("ada", &["officer", "show", &group.only()])
        .refused(3, &[]);
    let lines: Vec<&str> = shown.text().lines().collect();
    let fields = |name: &str| {
        let begins = |line: &&&str| line.starts_with(&format!("  {name}"));
        lines.iter().filter(begins).count()
    };
    assert_eq!(
        (fields("stands"), fields("asked by")),
        (1, 1),
        "{}",
        shown.text()
    );
    // All of it stands last, marked.
    let words = lines
        .iter()
        .position(|line| line.contains("in their own words"))
        .unwrap();
    assert!(
        lines[words + 1..]
            .iter()
            .all(|line| line.starts_with("    > ") && line.len() < 90)
    );
    assert!(lines[words + 1].contains("new laptop asked by bob, in person"));
    let listed = group.officer("ada", &["officer", "list"]).done();
    assert!(
        listed.text().contains("\"new laptop asked by bob"),
        "{}",
        listed.text()
    );
    assert_eq!(listed.text().lines().count(), 1);
}

#[test]
fn an_officers_reason_is_read_wherever_somebody_looks() {
    let group = Group::new(TWO_OF_THREE);
    group.join("ann");
    group.lose_key("ann");
    group.of("ann", ["recover", "ann.txt.age"]).refused(3, &[]);
    let id = group.only();
    // Who denies has to say why.
    for blank in [&[][..], &["--reason", " "]] {
        let deny = [&["officer", "deny", &id, "--yes"], blank].concat();
        group.officer("bob", &deny).refused(2, &["`--reason`"]);
    }
    let long = "a".repeat(4097);
    group
        .denies("bob", &id, &long)
        .refused(1, &["longer than 4096 bytes"]);
    // What a terminal would follow is spelled out.
    let why = "ann is here, and asked for nothing\u{1b}[2J";
    let told = "ann is here, and asked for nothing\\u{1b}[2J";
    let approve = ["officer", "approve", &id, "--yes", "--reason", "I called"];
    group.officer("ada", &approve).done();
    group.denies("bob", &id, why).done();

    group
        .of("ann", ["recover", "ann.txt.age"])
        .refused(1, &["the request is denied", told]);
    let shown = group.officer("ada", &["officer", "show", &id]).done();
    for said in ["I called", "bob denied it, ", "`bob` denied it"] {
        assert!(shown.text().contains(said), "{said} in {}", shown.text());
    }
    assert_eq!(shown.text().matches(told).count(), 2, "{}", shown.text());
    let shown = group.officer("ada", &["officer", "show", &id, "--json"]);
    let said = shown.done().json().remove(0)["said"].clone();
    assert_eq!(said[0]["reason"], "I called");
    assert_eq!(said[1]["who"], "bob");
    assert_eq!(said[1]["what"], "deny");
    assert_eq!(said[1]["reason"], why);
    let listed = group.officer("ada", &["officer", "list", "--all"]).done();
    assert!(listed.text().contains("denied by bob"), "{}", listed.text());
    let log = group.of("ann", ["log", "show"]).done();
    for said in [
        "ada said `approve`: \"I called\"",
        &format!("bob said `deny`: \"{told}\""),
    ] {
        assert!(log.text().contains(said), "{said} in {}", log.text());
    }
}

#[test]
fn changing_the_policy_takes_what_the_policy_asks() {
    let group = Group::new(TWO_OF_THREE);
    let stricter = TWO_OF_THREE.replace("1 millisecond", "3 days");
    group
        .machine
        .write("stricter.toml", group.policy(&stricter));
    let set = ["policy", "set", "stricter.toml", "--reason", "more time"];
    group.officer("ada", &set).refused(
        3,
        &["rule `change` needs the approval of `two`", "officer show"],
    );
    let id = group.only();
    group
        .says("ada", "approve", &id)
        .refused(1, &["nobody approves their own request"]);
    let shown = group
        .officer("bob", &["officer", "show", &id])
        .refused(3, &[]);
    for told in ["asked by     ada", "more time", "  + wait = \"3 days\""] {
        assert!(shown.text().contains(told), "{told} in {}", shown.text());
    }
    assert!(!shown.text().contains("\n  - [["), "{}", shown.text());
    group.says("bob", "approve", &id).done();
    // Asked again it is the same change.
    group.officer("ada", &set).refused(3, &["so far: bob"]);
    group.says("cid", "approve", &id).done();
    let ran = group.officer("ada", &set).done();
    assert!(
        ran.stderr.contains("this policy is in force"),
        "{}",
        ran.stderr
    );
    let shown = group.officer("cid", &["policy", "show"]).done();
    assert!(
        shown.text().contains("wait = \"3 days\""),
        "{}",
        shown.text()
    );

    // And an owner's next request is under it.
    group.join("ann");
    group.lose_key("ann");
    group
        .of("ann", ["recover", "ann.txt.age"])
        .refused(3, &["rule `officers` waits until"]);

    // Back to the old one: denied, which is the end of it.
    let back = ["policy", "set", "policy.toml"];
    group.officer("bob", &back).refused(3, &[]);
    let open = group.open();
    let change = open
        .iter()
        .find(|subject| subject["kind"] == "change")
        .unwrap();
    group
        .denies("cid", change["id"].as_str().unwrap(), "we just agreed")
        .done();
    group.officer("bob", &back).refused(
        1,
        &[
            "the change is denied",
            "`cid` denied it",
            "we just agreed",
            "--again",
        ],
    );
    let ran = group.officer("bob", &[&back[..], &["--again"]].concat());
    ran.refused(3, &[]);
}

#[test]
fn a_change_that_wants_codes_is_seen_by_each_home_of_an_owner_and_converges() {
    let group = Group::unfounded();
    let machine = &group.machine;
    machine.run(["authority", "init", "shared"]).done();
    group.join("ann");
    group.join("zoe");
    // Ann's second machine, made from her sheet.
    group
        .of("ann2", ["recover", "--sheet", "ann.sheet", "--all"])
        .done();
    machine.write("policy.toml", group.policy(TWO_OF_THREE));
    let set = |home, code| group.of(home, ["policy", "set", "policy.toml", "--code-file", code]);
    set("zoe", "zoe.code").refused(3, &["rule `change` needs the owner's recovery code"]);
    // Another's change is seen by every machine of an owner's, which no folder's keeper has to help with.
    for home in ["ann", "ann2"] {
        let log = group.of(home, ["log", "show"]).done();
        let told = "somebody asked to change the policy (requested)";
        assert!(log.text().contains(told), "{}", log.text());
    }
    // The code of an owner counts once, whichever machine shows it: it is one change, and no second.
    let ran = set("ann2", "ann.code").done();
    assert!(
        ran.stderr.contains("the policy is changed"),
        "{}",
        ran.stderr
    );
    for (home, code) in [("ann", "ann.code"), ("zoe", "zoe.code")] {
        let ran = set(home, code).done();
        assert!(ran.stderr.contains("is in force"), "{}", ran.stderr);
        let log = group.of(home, ["log", "show"]).done();
        for told in [
            "asked to change the policy (approved)",
            "the change of the policy was approved",
        ] {
            assert_eq!(log.text().matches(told).count(), 1, "{}", log.text());
        }
    }
}

#[test]
fn an_officers_key_is_for_one_authority() {
    let group = Group::new(TWO_OF_THREE);
    let id = group.machine.run(["authority", "init", "other"]).done();
    let id = id.text().trim();
    let list = |place: &str, more: &[&str]| {
        let args = ["officer", "list", "--key", "ada.key", "--authority", place];
        group.machine.run(args.iter().chain(more))
    };
    list("shared", &["--authority-id", id]).refused(1, &["another authority answers"]);
    let ran = list("shared", &[]).done();
    assert!(ran.stderr.contains("for the first time"), "{}", ran.stderr);
    let ran = list("shared", &[]).done();
    assert!(!ran.stderr.contains("for the first time"), "{}", ran.stderr);
    list("other", &[]).refused(1, &["another authority answers"]);
    list("other", &["--authority-id", id]).refused(1, &["this key is for authority", "hint: "]);
    list("nowhere", &[]).refused(75, &["there is no authority"]);
}

#[test]
fn who_is_no_officer_says_nothing_and_who_does_not_say_yes_signs_nothing() {
    let group = Group::new(TWO_OF_THREE);
    group.join("ann");
    group.lose_key("ann");
    group.of("ann", ["recover", "ann.txt.age"]).refused(3, &[]);
    let id = group.only();
    let machine = &group.machine;
    machine.run(["keygen", "--officer", "-o", "eve.key"]).done();
    // To whom the authority shows nothing.
    group
        .says("eve", "approve", &id)
        .refused(1, &["nothing that was asked is shown to it"]);
    group
        .officer("ada", &["officer", "approve", &id])
        .refused(1, &["no terminal to ask", "--yes"]);
    group
        .officer("ada", &["officer", "approve", "ffff", "--yes"])
        .refused(1, &["begins with `ffff`", "officer list"]);
    machine.remove("ada.key");
    group
        .says("ada", "approve", &id)
        .refused(1, &["there is no officer's key in", "--key"]);
    assert!(
        group
            .officer("bob", &["officer", "show", &id])
            .text()
            .contains("nothing was said")
    );
}

#[test]
fn an_officers_key_is_private_and_its_policy_lines_name_the_owner() {
    use std::os::unix::fs::PermissionsExt;

    let group = Group::unfounded();
    let machine = &group.machine;
    machine
        .run(["keygen", "--officer"])
        .refused(2, &["there is no home to keep the key in"]);
    machine
        .run(["keygen", "--officer", "-o", "ada.key"])
        .refused(1, &["ada.key"]);
    machine.run(["authority", "init", "shared"]).done();
    let ann = group.join("ann");
    let ran = group
        .of("ann", ["keygen", "--officer", "--name", "Ann \"A\""])
        .done();
    assert!(
        ran.text().contains("name = \"Ann \\\"A\\\"\""),
        "{}",
        ran.text()
    );
    assert!(
        ran.text().contains(&format!("owner = \"{ann}\"")),
        "{}",
        ran.text()
    );
    let key = machine.path("ann/officer.key");
    let mode = std::fs::metadata(key).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let secret = machine.read_text("ann/officer.key");
    let secret = secret.lines().last().unwrap().rsplit(' ').next().unwrap();
    assert!(!ran.text().contains(secret) && !ran.stderr.contains(secret));
    // The home is one still.
    group.opens("ann", "ann.txt.age", "ann");
}

#[test]
fn a_policy_is_explained_and_tried_before_it_matters() {
    let group = Group::unfounded();
    let machine = &group.machine;
    machine.write("policy.toml", group.policy(TWO_OF_THREE));
    let says = machine.run(["policy", "check", "policy.toml"]);
    assert!(
        says.text().contains("The officers are ada, bob and cid."),
        "{}",
        says.text()
    );
    assert!(
        says.text()
            .contains("Rule `officers`: whoever says to be an owner gets their keys"),
        "{}",
        says.text()
    );
    let findings = machine
        .run(["policy", "check", "policy.toml", "--json"])
        .json();
    assert!(findings.iter().any(|line| line["kind"] == "says"));
    assert!(findings.iter().all(|line| line["text"].is_string()));
    let simulate = |args: &[&str]| {
        let begin = ["policy", "simulate", "policy.toml", "--after", "1 second"];
        machine.run(begin.iter().chain(args))
    };
    simulate(&[]).refused(3, &[]);
    simulate(&["--approve", "ada"]).refused(3, &[]);
    let ran = simulate(&["--approve", "ada", "--approve", "bob", "--json"]).done();
    assert_eq!(ran.json()[0]["rule"], "officers");
    simulate(&["--deny", "cid"]).refused(1, &[]);
    simulate(&["--approve", "eve"]).refused(1, &["no officer `eve`"]);
    let tried = simulate(&["--approve", "ada"]);
    assert!(
        tried
            .text()
            .contains("rule `officers` is for whoever says to be the owner"),
        "{}",
        tried.text()
    );
    machine
        .run(["policy", "simulate", "policy.toml", "--after", "soon"])
        .refused(2, &["72 hours"]);

    let rehearsed = machine.run(["policy", "rehearse", "policy.toml"]).done();
    let story = "An owner's machine is lost, and their recovery code too:\n    Keys after 1 millisecond, by rule `officers`.\n";
    assert!(rehearsed.text().contains(story), "{}", rehearsed.text());
    assert!(
        rehearsed
            .text()
            .lines()
            .all(|line| line.chars().count() <= 80)
    );
    let stories = machine
        .run(["policy", "rehearse", "policy.toml", "--json"])
        .json();
    assert_eq!(stories[1]["story"], "lost-machine-and-code");
    assert_eq!(stories[1]["after_millis"], 1);
    machine
        .run(["policy", "rehearse", "policy.toml", "--for", "eve"])
        .refused(1, &["no officer `eve`"]);

    machine.write(
        "wrong.toml",
        group.policy(&TWO_OF_THREE.replace("need = 2", "need = 4")),
    );
    machine
        .run(["policy", "check", "wrong.toml"])
        .refused(1, &["wrong.toml", "line ", "more than it has"]);
    // What is behind the longest that is read is not left out.
    let long = format!(
        "{}\n{}\nno TOML",
        group.policy(TWO_OF_THREE),
        "#".repeat(1 << 20)
    );
    machine.write("long.toml", long);
    for command in [
        &["policy", "check"][..],
        &["authority", "init", "other", "--policy"],
        &["policy", "set"],
    ] {
        let args = [command, &["long.toml"]].concat();
        machine
            .run(args)
            .refused(1, &["long.toml", "longer than 1048576 bytes"]);
    }
}

#[test]
fn an_officer_whom_the_asker_brought_in_is_told_that_their_word_does_not_count() {
    let group = Group::unfounded();
    group.machine.run(["authority", "init", "shared"]).done();
    group.join("ann");
    group
        .machine
        .write("policy.toml", group.policy(TWO_OF_THREE));
    group
        .of(
            "ann",
            ["policy", "set", "policy.toml", "--code-file", "ann.code"],
        )
        .done();
    group.lose_key("ann");
    group.of("ann", ["recover", "ann.txt.age"]).refused(3, &[]);
    let ran = group.says("ada", "approve", &group.only()).done();
    assert!(ran.stderr.contains("does not count"), "{}", ran.stderr);
}

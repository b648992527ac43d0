//! Who is an officer, by which policy, and what the commands say of it: on the officer's own screen too.

use std::fs;

use crate::group::{Group, TWO_OF_THREE};

/// Two of three, but without one of them.
fn without(group: &Group, name: &str) -> String {
    let text = group.policy(TWO_OF_THREE);
    let officer = text.find(&format!("name = \"{name}\"")).unwrap();
    let (before, behind) = text.split_at(officer);
    let (before, _) = before.rsplit_once("[[officer]]").unwrap();
    let (_, behind) = behind.split_once("[[").unwrap();
    let text = format!("{before}[[{behind}");
    let text = text.replace(&format!(", \"{name}\""), "");
    text.replace("need = 3", "need = 2")
}

#[test]
fn the_approval_that_removes_its_approver_ends_well() {
    let group = Group::new(TWO_OF_THREE);
    group.machine.write("smaller.toml", without(&group, "cid"));
    let set = ["policy", "set", "smaller.toml"];
    group.officer("ada", &set).refused(3, &[]);
    let change = group.only();
    group.says("bob", "approve", &change).done();
    let ran = group.says("cid", "approve", &change).done();
    let said = "the change is in force; you are no officer by it";
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
    group
        .says("cid", "approve", &change)
        .refused(1, &["no officer's", "policy show"]);
}

#[test]
fn a_word_of_an_officer_who_was_removed_is_shown_not_to_count() {
    let group = Group::new(TWO_OF_THREE);
    group.join("ann");
    group.lose_key("ann");
    group.of("ann", ["recover", "ann.txt.age"]).refused(3, &[]);
    let request = group.only();
    group.says("cid", "approve", &request).done();
    group.machine.write("smaller.toml", without(&group, "cid"));
    let set = ["policy", "set", "smaller.toml"];
    group.officer("ada", &set).refused(3, &[]);
    let open = group.open();
    let change = open.iter().find(|it| it["kind"] == "change").unwrap();
    let change = change["id"].as_str().unwrap();
    for officer in ["bob", "cid"] {
        group.says(officer, "approve", change).done();
    }
    let shown = group.officer("bob", &["officer", "show", &request]);
    for told in [
        "cid approved it",
        "which does not count: by the policy in force now that key is no officer's",
        "the policy was changed since",
        "asked by     a device of the owner's",
    ] {
        assert!(shown.text().contains(told), "{told} in {}", shown.text());
    }
    let json = group.officer("bob", &["officer", "show", &request, "--json"]);
    let said = &json.json()[0]["said"][0];
    assert!(
        said["does_not_count"]
            .as_str()
            .unwrap()
            .contains("no officer's")
    );
    group.says("bob", "approve", &request).done();
    group
        .of("ann", ["recover", "ann.txt.age"])
        .refused(3, &["so far: bob"]);
    group.says("ada", "approve", &request).done();
    group.of("ann", ["recover", "ann.txt.age"]).done();
}

#[test]
fn who_has_a_home_and_an_officers_key_in_it_asks_as_the_officer() {
    let group = Group::new(TWO_OF_THREE);
    group.join("ann");
    let in_home = group.machine.path("ann/officer.key");
    let change = group.policy(&TWO_OF_THREE.replace("30 days", "29 days"));
    group.machine.write("changed.toml", change);
    let set = ["policy", "set", "changed.toml"];
    // A key that is nobody's yet does not keep an owner from asking.
    let key = ["keygen", "--officer", "--name", "ann"];
    group.of("ann", key).done();
    let ran = group.of("ann", set).refused(3, &[]);
    assert!(!ran.stderr.contains("as the officer"), "{}", ran.stderr);
    // What a machine's owner asked for is not approved on it with whichever key.
    let by_owner = group.only();
    fs::remove_file(&in_home).unwrap();
    fs::copy(group.machine.path("ada.key"), &in_home).unwrap();
    let approve = ["officer", "approve", &by_owner, "--yes"];
    group
        .of("ann", approve)
        .refused(1, &["nobody approves their own"]);
    let deny = ["officer", "deny", &by_owner, "--yes", "--reason", "mine"];
    group.of("ann", deny).done();

    let ran = group
        .of("ann", ["policy", "set", "changed.toml", "--again"])
        .refused(3, &["as the officer with"]);
    assert!(ran.stderr.contains("officer.key"), "{}", ran.stderr);
    let by_officer = group.only();
    let shown = group.officer("bob", &["officer", "show", &by_officer]);
    assert!(
        shown.text().contains("asked by     ada"),
        "{}",
        shown.text()
    );
    group
        .says("ada", "approve", &by_officer)
        .refused(1, &["nobody approves their own"]);

    // Nor what it asks of its own keys.
    group.lose_key("ann");
    group.of("ann", ["recover", "ann.txt.age"]).refused(3, &[]);
    let open = group.open();
    let request = open.iter().find(|it| it["kind"] == "request").unwrap();
    let approve = [
        "officer",
        "approve",
        request["id"].as_str().unwrap(),
        "--yes",
    ];
    group
        .of("ann", approve)
        .refused(1, &["nobody approves their own"]);
}

#[test]
fn a_policy_says_whom_its_rules_are_for_or_is_none() {
    let group = Group::unfounded();
    let check = |text: &str| {
        group.machine.write("policy.toml", group.policy(text));
        group.machine.run(["policy", "check", "policy.toml"])
    };
    let says = check(TWO_OF_THREE);
    for told in [
        "Rule `officers`: whoever says to be an owner gets their keys with the approval of `two`",
        "and who asks may be one, so that it takes 1 more",
        "warning: rule `officers` is for whoever says to be the owner, who may be one of those who approve: then one other",
        "warning: ada, bob and cid have no `owner`",
        "warning: rule `officers` is for whoever says to be the owner, who has only 1 millisecond",
    ] {
        assert!(says.text().contains(told), "{told} in {}", says.text());
    }
    for (right, wrong, error) in [
        (
            "asker = \"anyone\"\n",
            "",
            "it is for whoever says to be the owner",
        ),
        (
            "wait = \"1 millisecond\"\n",
            "",
            "it takes a `wait`, and `veto = true`",
        ),
        ("veto = true\n", "", "it takes a `wait`, and `veto = true`"),
        (
            "need = 2",
            "need = 1",
            "one person is enough for its approvals",
        ),
        (
            "asker = \"anyone\"",
            "asker = \"Anyone\"",
            "there is no `Anyone`",
        ),
        ("name = \"all\"", "name = \"anyone\"", "nobody's name"),
    ] {
        let text = TWO_OF_THREE.replacen(right, wrong, 1);
        assert_ne!(text, TWO_OF_THREE);
        let text = text.replace("overrule = \"all\"\n", "");
        check(&text).refused(1, &["policy.toml", error]);
    }
    let init = ["authority", "init", "shared", "--policy", "policy.toml"];
    group.machine.run(init).refused(1, &["nobody's name"]);
}

//! Policies: their text, their encoding, and what is said of them.

use std::fs;
use std::path::Path;

use strongroom_protocol::policy::Policy;
use strongroom_protocol::policy::file::{check, explain, parse, to_text};
use strongroom_protocol::statement::{Found, Kind, SignedStatement, Statement};

use crate::cast::{LOG, NOW, cast, sign, unhex, vectors};
use crate::cbor::Item;

/// Policies as people write them.
pub(crate) fn read_text(bytes: &[u8]) -> Option<()> {
    let text = str::from_utf8(bytes).ok()?;
    let policy = parse(text).ok()?;
    look(&policy);
    assert_eq!(encoded(&policy), Some(policy));
    Some(())
}

/// Policies as they are signed.
pub(crate) fn read(bytes: &[u8]) -> Option<()> {
    let bytes = Item::read(bytes).map_or_else(|| bytes.to_vec(), |item| item.write());
    let policy = decoded(&bytes)?;
    look(&policy);
    assert_eq!(encoded(&policy), Some(policy));
    Some(())
}

/// Asks what can be asked of a policy that was read.
pub(crate) fn look(policy: &Policy) {
    assert_eq!(policy.validate(), Ok(()));
    let text = to_text(policy);
    assert_eq!(parse(&text).as_ref(), Ok(policy), "{text}");
    let again = decoded(&found(policy).1).map(|policy| policy.digest());
    assert_eq!(again, Some(policy.digest()));
    let sentences = explain(policy);
    assert!(sentences.iter().all(|sentence| sentence.ends_with('.')));
    // Each of its rules and groups is spoken of.
    for name in policy
        .rules
        .iter()
        .map(|rule| &rule.name)
        .chain(policy.groups.iter().map(|group| &group.name))
    {
        let named = format!("`{name}`");
        assert!(
            sentences.iter().any(|sentence| sentence.contains(&named)),
            "{named}"
        );
    }
    let _ = check(policy);
    for group in &policy.groups {
        let people = group.people(policy);
        assert!(
            group.is_met(policy, &people),
            "all of `{}` are not enough",
            group.name
        );
        assert!(
            !group.is_met(policy, &Default::default()),
            "nobody of `{}` is enough",
            group.name
        );
    }
}

/// A founding under a policy, and the encoding of the policy in it.
fn found(policy: &Policy) -> (SignedStatement, Vec<u8>) {
    let found = cast().founding.found();
    let found = Found {
        log_key: found.log_key,
        wrap_key: found.wrap_key.clone(),
        policy: policy.clone(),
        created: NOW,
    };
    let statement = SignedStatement::sign(found, &cast().keys[LOG]);
    let wire = Item::read(statement.as_bytes()).unwrap();
    let body = Item::read(wire.as_array().unwrap()[2].as_bytes().unwrap()).unwrap();
    let policy = body.as_array().unwrap()[2].write();
    (statement, policy)
}

/// Writes and reads a policy in a founding statement.
fn encoded(policy: &Policy) -> Option<Policy> {
    let (statement, _) = found(policy);
    policy_of(&SignedStatement::parse(statement.as_bytes()).ok()?)
}

/// Reads a policy's encoding, in the founding statement that has it.
fn decoded(policy: &[u8]) -> Option<Policy> {
    let (statement, ours) = found(&cast().founding.found().policy);
    let wire = Item::read(statement.as_bytes()).unwrap();
    let body = wire.as_array().unwrap()[2].as_bytes().unwrap();
    let place = body
        .windows(ours.len())
        .position(|window| window == ours)
        .unwrap();
    let body = [&body[..place], policy, &body[place + ours.len()..]].concat();
    let statement = sign(Kind::Found, &body, &[], &cast().keys[LOG]);
    policy_of(&SignedStatement::parse(&statement).ok()?)
}

fn policy_of(statement: &SignedStatement) -> Option<Policy> {
    match statement.statement() {
        Statement::Found(found) => Some(found.policy.clone()),
        _ => None,
    }
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let policies = vectors("policy/accept.txt", "policy");
    let mut seeds: Vec<_> = policies.iter().map(|policy| unhex(policy)).collect();
    let texts = texts();
    let examples = texts.iter().map(|text| found(&parse(text).unwrap()).1);
    seeds.extend(examples);
    let open = |policy: &Vec<u8>| Item::read(policy).unwrap().write_open();
    seeds.iter().map(open).collect()
}

pub(crate) fn text_seeds() -> Vec<Vec<u8>> {
    texts().into_iter().map(String::into_bytes).collect()
}

/// The policies of `docs/policies`.
fn texts() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/policies");
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path());
    let mut texts: Vec<_> = files
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    texts.sort();
    texts
}

//! The suite that every authority must pass.

use std::path::Path;

use strongroom_authority::{Caller, Service};
use strongroom_protocol::policy::Policy;
use strongroom_testkit::suite::{self, Setting, Speaker};
use strongroom_testkit::{TestClock, TestRng};

#[test]
fn the_embedded_authority_records_statements() {
    run(suite::statements);
}

#[test]
fn the_embedded_authority_refuses_statements() {
    run(suite::refusals);
}

#[test]
fn the_embedded_authority_gives_keys_back() {
    run(suite::recovery);
}

#[test]
fn the_embedded_authority_heeds_officers() {
    run(suite::people);
}

#[test]
fn the_embedded_authority_changes_its_policy_as_it_says() {
    run(suite::changes);
}

#[test]
fn the_embedded_authority_keeps_simple_blobs() {
    run(suite::blobs);
}

#[test]
fn the_embedded_authority_lists_what_is_whose_to_see() {
    run(suite::listings);
}

#[test]
fn the_embedded_authority_decides_when_somebody_acts() {
    run(suite::looking);
}

#[test]
fn the_embedded_authority_keeps_a_log() {
    run(suite::log);
}

fn run(cases: fn(&mut dyn FnMut(Policy) -> Setting)) {
    let folders = tempfile::tempdir().unwrap();
    let mut founded = 0;
    cases(&mut |policy| {
        founded += 1;
        setting(&folders.path().join(founded.to_string()), policy, founded)
    });
}

fn setting(folder: &Path, policy: Policy, seed: u64) -> Setting {
    let clock = TestClock::new();
    let service = Service::found(folder, policy, clock.clone(), TestRng::new(seed)).unwrap();
    let operator = service.clone();
    Setting {
        clock,
        make_rsa_key: Box::new(move || drop(operator.make_rsa_key(2048).unwrap())),
        session: Box::new(move |speaker| {
            let caller = match speaker {
                Speaker::Anybody => Caller::Anybody,
                Speaker::Device(key) => Caller::Device(key),
                Speaker::Operator => Caller::Operator,
            };
            Box::new(service.session(caller))
        }),
    }
}

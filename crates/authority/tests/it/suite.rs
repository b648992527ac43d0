//! The suite that every authority must pass, held against it over each store.

use std::path::Path;
use std::sync::Arc;

use strongroom_authority::{Caller, Service};
use strongroom_protocol::policy::Policy;
use strongroom_testkit::suite::{self, Setting, Speaker};
use strongroom_testkit::{TestClock, TestRng};

#[test]
fn it_records_statements() {
    run(suite::statements);
}

#[test]
fn it_refuses_statements() {
    run(suite::refusals);
}

#[test]
fn it_gives_keys_back() {
    run(suite::recovery);
}

#[test]
fn it_heeds_officers() {
    run(suite::people);
}

#[test]
fn it_changes_its_policy_as_it_says() {
    run(suite::changes);
}

#[test]
fn it_knows_an_owners_devices() {
    run(suite::devices);
}

#[test]
fn it_keeps_simple_blobs() {
    run(suite::blobs);
}

#[test]
fn it_lists_what_is_whose_to_see() {
    run(suite::listings);
}

#[test]
fn it_decides_when_somebody_acts() {
    run(suite::looking);
}

#[test]
fn it_keeps_a_log() {
    run(suite::log);
}

fn run(cases: fn(&mut dyn FnMut(Policy) -> Setting)) {
    let folders = tempfile::tempdir().unwrap();
    let mut founded = 0;
    cases(&mut |policy| {
        founded += 1;
        let folder = folders.path().join(founded.to_string());
        in_folder(&folder, policy, founded)
    });
    cases(&mut |policy| {
        founded += 1;
        in_memory(policy, founded)
    });
}

fn in_folder(folder: &Path, policy: Policy, seed: u64) -> Setting {
    let clock = TestClock::new();
    let service = Service::found(folder, policy, clock.clone(), TestRng::new(seed)).unwrap();
    setting(service, clock)
}

fn in_memory(policy: Policy, seed: u64) -> Setting {
    let clock = TestClock::new();
    let service = Service::found_in_memory(policy, clock.clone(), TestRng::new(seed)).unwrap();
    setting(service, clock)
}

fn setting(service: Service, clock: Arc<TestClock>) -> Setting {
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

//! Many at once: threads in one process, and processes on one folder.

use std::process::{Child, Command};
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use strongroom_authority::{Caller, Service};
use strongroom_protocol::Authority;
use strongroom_protocol::receipt::DepositState;
use strongroom_protocol::statement::SignedStatement;
use strongroom_testkit::{Owner, TestClock, TestRng, submit};

use crate::Embedded;

#[test]
fn threads_commit_together_and_every_receipt_verifies() {
    const THREADS: u64 = 8;
    const EACH: usize = 12;
    let embedded = Embedded::found();
    let session = embedded.service.session(Caller::Operator);
    let mut owners: Vec<_> = (1..=THREADS)
        .map(|seed| Owner::enrolled(&session, seed))
        .collect();
    let start = Barrier::new(owners.len());
    thread::scope(|scope| {
        for owner in &mut owners {
            let (session, start) = (&session, &start);
            scope.spawn(move || {
                let statements: Vec<_> = (0..EACH).map(|_| owner.deposit(1)).collect();
                start.wait();
                let mut last = *session.checkpoint().unwrap().checkpoint();
                for statement in statements {
                    let receipt = submit(session, &statement);
                    assert_eq!(receipt.states(), [DepositState::Verified]);
                    let head = *receipt.checkpoint().checkpoint();
                    let proof = session.consistency(last.size, head.size).unwrap();
                    proof
                        .verify(last.size, last.root, head.size, head.root)
                        .unwrap();
                    last = head;
                }
            });
        }
    });
    let statements = THREADS * EACH as u64;
    let head = embedded.service.verify_log().unwrap();
    assert_eq!(head.size, 1 + THREADS + statements);
}

#[test]
fn those_who_wait_for_the_store_are_committed_together() {
    const THREADS: usize = 8;
    let embedded = Embedded::found();
    let commits = CommitCounter::watch(&embedded);
    let session = embedded.service.session(Caller::Operator);
    let mut owner = Owner::enrolled(&session, 1);
    let statements: Vec<_> = (0..THREADS).map(|_| owner.deposit(1)).collect();
    let before = commits.count();
    let sql = embedded.sql();
    sql.execute_batch("BEGIN IMMEDIATE").unwrap();
    thread::scope(|scope| {
        for statement in &statements {
            let session = &session;
            scope.spawn(move || submit(session, statement));
        }
        // Those who are not in the queue by then make a group of their own: it costs the test its point, not its truth.
        thread::sleep(Duration::from_secs(2));
        sql.execute_batch("COMMIT").unwrap();
    });
    assert_eq!(embedded.service.verify_log().unwrap().size, 2 + 8);
    let commits = commits.count() - before;
    assert!(
        (1..=3).contains(&commits),
        "{commits} commits for 8 statements"
    );
}

#[test]
fn the_same_statement_from_many_threads_has_one_entry() {
    let embedded = Embedded::found();
    let session = embedded.service.session(Caller::Operator);
    let mut owner = Owner::enrolled(&session, 1);
    let statement = owner.deposit(3);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let receipt = submit(&session, &statement);
                assert_eq!(receipt.index(), 2);
                assert_eq!(receipt.states(), [DepositState::Verified; 3]);
            });
        }
    });
    assert_eq!(embedded.service.verify_log().unwrap().size, 3);
}

#[test]
fn a_page_asked_for_at_once_is_released_once() {
    let embedded = Embedded::found();
    let other = embedded.open_again(7);
    let session = embedded.service.session(Caller::Operator);
    let mut owner = Owner::enrolled(&session, 1);
    submit(&session, &owner.deposit(20));
    let scope = owner.everything(&session);
    let asked = owner.ask(scope, strongroom_protocol::id::Clock::now(&*embedded.clock));
    submit(&session, &asked.statement);
    submit(&session, &owner.evidence(&asked));
    let pages: Vec<_> = thread::scope(|scope| {
        let ask = |service: &'static str| {
            let service = if service == "one" {
                &embedded.service
            } else {
                &other
            };
            let session = service.session(Caller::Operator);
            session.release(asked.statement.id(), 0).unwrap()
        };
        let threads: Vec<_> = ["one", "other", "one", "other"]
            .into_iter()
            .map(|service| scope.spawn(move || ask(service)))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    for page in &pages {
        assert_eq!(
            page.release.statement.as_bytes(),
            pages[0].release.statement.as_bytes()
        );
        assert_eq!(asked.open(embedded.service.about(), page), owner.keys);
    }
    // Founding, enrolment, deposit, request, evidence, decision, release.
    assert_eq!(other.verify_log().unwrap().size, 7);
}

#[test]
fn two_processes_on_one_folder_both_succeed() {
    let embedded = Embedded::found();
    let session = embedded.service.session(Caller::Operator);
    let children: Vec<_> = (1..=2)
        .map(|seed| spawn_depositor(&embedded, seed))
        .collect();
    // And this one, meanwhile.
    let mut owner = Owner::enrolled(&session, 3);
    for _ in 0..DEPOSITS {
        submit(&session, &owner.deposit(1));
    }
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(
        embedded.service.verify_log().unwrap().size,
        1 + 3 * (1 + DEPOSITS)
    );
}

#[test]
fn a_process_killed_while_it_commits_leaves_a_whole_log() {
    let embedded = Embedded::found();
    let session = embedded.service.session(Caller::Operator);
    let mut size = 1;
    for seed in 1..=4 {
        let mut child = spawn_depositor(&embedded, seed);
        // Somewhere among its commits: each time a little later.
        while session.checkpoint().unwrap().checkpoint().size < size + 3 * seed {
            assert!(child.try_wait().unwrap().is_none(), "it was done too soon");
            thread::sleep(Duration::from_millis(1));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        size = embedded.service.verify_log().unwrap().size;
        let other = embedded.open_again(50 + seed);
        let mut owner = Owner::enrolled(&other.session(Caller::Operator), 60 + seed);
        submit(&session, &owner.deposit(1));
        size += 2;
        assert_eq!(other.verify_log().unwrap().size, size);
        other.rebuild().unwrap();
    }
}

const DEPOSITS: u64 = 20;
const FOLDER: &str = "STRONGROOM_TEST_FOLDER";
const SEED: &str = "STRONGROOM_TEST_SEED";

/// Runs this test binary once more, for the one test that deposits.
fn spawn_depositor(embedded: &Embedded, seed: u64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "concurrency::a_depositor_in_a_process_of_its_own",
        ])
        .env(FOLDER, embedded.folder())
        .env(SEED, seed.to_string())
        .spawn()
        .unwrap()
}

#[test]
fn a_depositor_in_a_process_of_its_own() {
    // Without a folder it is a test among others, with nothing to do.
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let seed = std::env::var(SEED).unwrap().parse().unwrap();
    let clock = TestClock::new();
    let service = Service::open(folder.as_ref(), clock, TestRng::new(100 + seed)).unwrap();
    let session = service.session(Caller::Operator);
    let mut owner = Owner::enrolled(&session, seed);
    let statements: Vec<SignedStatement> = (0..DEPOSITS).map(|_| owner.deposit(1)).collect();
    for statement in &statements {
        let receipt = submit(&session, statement);
        assert_eq!(receipt.states(), [DepositState::Verified]);
    }
}

/// Counts commits: each ends with a frame in the log that SQLite writes ahead, which says so.
struct CommitCounter(std::path::PathBuf);

impl CommitCounter {
    fn watch(embedded: &Embedded) -> Self {
        // From here on nothing is taken out of it.
        let flush = "PRAGMA wal_checkpoint(TRUNCATE)";
        embedded.sql().query_row(flush, [], |_| Ok(())).unwrap();
        Self(embedded.folder().join("store.db-wal"))
    }

    fn count(&self) -> usize {
        const HEADER: usize = 32;
        const FRAME_HEADER: usize = 24;
        let log = std::fs::read(&self.0).unwrap();
        if log.is_empty() {
            return 0;
        }
        let number = |at: usize| u32::from_be_bytes(log[at..at + 4].try_into().unwrap());
        let frame = FRAME_HEADER + usize::try_from(number(8)).unwrap();
        // In the last frame of a commit stands how long the file is then, in the others 0.
        let frames = (HEADER..log.len()).step_by(frame);
        frames.filter(|at| number(at + 4) > 0).count()
    }
}

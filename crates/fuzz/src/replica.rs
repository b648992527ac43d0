//! What a home takes up of a log that anybody may have written but for its signatures: the authority has its own key, and
//! says that the log has any statements, in any order.

use std::path::Path;
use std::sync::LazyLock;

use strongroom_client::Client;
use strongroom_client::home::{Home, HomeError};
use strongroom_client::status::Inspector;
use strongroom_protocol::id::Time;
use strongroom_protocol::receipt::{DepositState, Outcome};
use strongroom_protocol::statement::{Kind, SignedStatement, Statement};
use strongroom_testkit::{TestClock, TestRng};

use crate::cast::{Drawn, NOW, cast, statements};
use crate::cbor::Item;
use crate::draw::{Draw, Seed};
use crate::rows;
use crate::shown::{Entry, Homes, Log, Shown};

/// The statements of the vectors, which belong together: an enrolment, a deposit, a request with all that follows.
static STORY: LazyLock<Vec<SignedStatement>> = LazyLock::new(statements);

thread_local! {
    static HOMES: Homes = Homes::new(|_| {});
}

pub(crate) fn read(bytes: &[u8]) -> Option<()> {
    let mut draw = Draw::new(bytes);
    let first = draw.below(32);
    let mut log = Log::default();
    while !draw.is_empty() && log.entries.len() < 32 {
        append(&mut log, &mut draw);
    }
    let first = first.min(log.entries.len());
    HOMES.with(|homes| {
        let (once, twice) = (homes.copy("once"), homes.copy("twice"));
        let at_once = connect(&once, &log, log.entries.len());
        let begun = connect(&twice, &log, first);
        let in_two = begun.and_then(|()| connect(&twice, &log, log.entries.len()));
        // What a home knows does not depend on when it looked.
        assert_eq!(at_once, in_two);
        at_once?;
        check_authors(&log);
        assert_eq!(dump(&once), dump(&twice));
        let before = dump(&once);
        connect(&once, &log, log.entries.len()).unwrap();
        assert_eq!(dump(&once), before);
        Some(())
    })
}

/// Has a home read the first `size` entries of the log, and all again.
fn connect(folder: &Path, log: &Log, size: usize) -> Option<()> {
    let mut home = Home::open(folder).unwrap();
    let shown = Shown {
        log,
        size,
        release: None,
    };
    let (clock, rng) = (TestClock::new(), &mut TestRng::new(3));
    let mut client = Client::connect(&mut home, &shown, &*clock, rng).ok()?;
    let _ = client.history().unwrap();
    client.read_again(&mut |_, _| {}).unwrap();
    drop(client);
    let _ = (home.secrets().unwrap(), home.newest_secrets().unwrap());
    let inspector = Inspector::new(&home, true).unwrap();
    let mut serials = Vec::new();
    home.each_deposit::<HomeError>(&mut |deposit| {
        serials.push(deposit.record.serial);
        Ok(())
    })
    .unwrap();
    for serial in serials {
        inspector.inspect_secret(serial).unwrap();
    }
    let membership = home.membership().unwrap().unwrap();
    let _ = home.open_requests(&membership, None, NOW).unwrap();
    Some(())
}

fn dump(folder: &Path) -> Vec<String> {
    // A receipt is of the checkpoint at which it was shown.
    rows::dump(
        &folder.join("home.db"),
        &[
            ("statement", "receipt"),
            ("statement", "number"),
            ("deposit", "statement"),
            ("subject", "statement"),
        ],
    )
}

/// Draws an entry: what it says, what became of it, and when.
fn append(log: &mut Log, draw: &mut Draw<'_>) {
    let how = draw.byte();
    let (state, later) = (draw.byte(), draw.byte());
    let statement = if how & 1 == 0 {
        draw.pick(&STORY).clone()
    } else {
        let drawn = Drawn::from(Draw::new(draw.bytes())).map(|drawn| drawn.sign());
        match drawn.and_then(|bytes| SignedStatement::parse(&bytes).ok()) {
            Some(statement) => statement,
            None => return,
        }
    };
    let is_known = log
        .entries
        .iter()
        .any(|entry| entry.statement.id() == statement.id());
    // No authority has one statement twice, nor another's.
    if is_known || statement.authority() != cast().authority() {
        return;
    }
    let outcome = match statement.statement() {
        Statement::Deposit(deposit) => {
            let states = (0..deposit.keys().len()).map(|place| state_of(state, place));
            Outcome::Deposited(states.collect())
        }
        _ => Outcome::Recorded,
    };
    let last = log
        .entries
        .last()
        .map_or(NOW, |last| last.attestation.attestation().time);
    let time = match how & 0x80 {
        0 => last.plus_millis(later.into()),
        _ => Time::from_millis(last.as_millis() - u64::from(later)),
    };
    if how & 0x40 != 0 {
        log.damaged.push(log.entries.len() as u64);
    }
    log.push(statement, outcome, time);
}

/// What is deposited in the owner's name is by a key that something before it names: a stranger's is not taken.
fn check_authors(log: &Log) {
    for (index, Entry { statement, .. }) in log.entries.iter().enumerate() {
        let author = statement.author().as_bytes();
        let names = |entry: &Entry| {
            let wire = Item::read(entry.statement.as_bytes()).unwrap();
            let body = wire.as_array().unwrap()[2].as_bytes().unwrap().to_vec();
            body.windows(author.len()).any(|window| window == author)
        };
        let is_deposit = matches!(statement.statement(), Statement::Deposit(_));
        // What can't be read may name it.
        let is_named = log.entries[..index].iter().any(names) || !log.damaged.is_empty();
        assert!(!is_deposit || is_named, "a stranger's deposit was taken");
    }
}

fn state_of(drawn: u8, place: usize) -> DepositState {
    let states = [
        DepositState::Verified,
        DepositState::Deposited,
        DepositState::Conflict,
        DepositState::Mismatch,
    ];
    states[usize::from(drawn >> (2 * (place % 4)) & 3)]
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    assert_eq!(STORY[0].id(), cast().founding.statement().id());
    // What an owner is shown, in the order of the story: who has departed is nobody's to see, and a release and a decision
    // are on the request before them.
    let place = |kind: Kind| {
        let place = STORY.iter().position(|statement| statement.kind() == kind);
        u8::try_from(place.unwrap()).unwrap()
    };
    let of_story = |seed: Seed, kind: Kind| seed.raw(&[0, 0, 9, place(kind)]);
    let story = |first: u8, kinds: &[Kind]| kinds.iter().copied().fold(Seed::of([first]), of_story);
    let begun = [Kind::Found, Kind::Enroll, Kind::Deposit];
    let asked = [Kind::Request, Kind::Evidence, Kind::Decision, Kind::Release];
    let others = [
        Kind::PolicyChange,
        Kind::OwnBlob,
        Kind::RsaKey,
        Kind::Checked,
        Kind::Restored,
    ];
    let all = [&begun[..], &asked, &others].concat();
    // A deposit that is drawn, of which one key was refused and the other is not verified.
    let deposit = STORY
        .iter()
        .find(|statement| statement.kind() == Kind::Deposit)
        .unwrap();
    let drawn = Drawn::seed(Seed::default(), deposit.as_bytes());
    vec![
        story(2, &begun).done(),
        story(5, &all).done(),
        story(3, &[&begun[..], &[Kind::Request, Kind::Veto]].concat()).done(),
        story(2, &begun[..2])
            .raw(&[1, 0b1001, 3])
            .bytes(&drawn)
            .done(),
        // The deposit can't be read, and what rests on it can.
        story(1, &begun[..2])
            .raw(&[0x40, 0, 9, place(Kind::Deposit)])
            .raw(&[0, 0, 9, place(Kind::OwnBlob)])
            .done(),
    ]
}

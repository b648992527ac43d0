//! What an owner collects of a release: a decision, a release and its keys, each right or not, with receipts that hold.

use std::sync::LazyLock;

use strongroom_client::Client;
use strongroom_client::home::{Home, PendingRequest};
use strongroom_client::released::ReleasedKeys;
use strongroom_protocol::id::{Digest, OwnerId, RequestId, Serial};
use strongroom_protocol::receipt::{DepositState, Outcome};
use strongroom_protocol::session_key::{BlindedKey, SessionKey};
use strongroom_protocol::statement::{
    Decision, Deposit, Draft, Enroll, Evidence, EvidenceKind, Grounds, Particulars, Release,
    ReleaseOrigin, Request, Scope, SealedKey, SignedStatement, Statement, Verdict,
};
use strongroom_protocol::wrap::{Sealing, SecretKey};
use strongroom_testkit::{TestClock, TestRng};

use crate::cast::{CODE, DEVICE, LOG, NOW, STRANGER, cast};
use crate::draw::{Draw, Seed};
use crate::shown::{Homes, Log, Shown};

/// The keys that were deposited, and the statement that did so.
static DEPOSIT: LazyLock<SignedStatement> = LazyLock::new(|| {
    let draft = |number: u8| Draft {
        serial: serial(number),
        key: key(number),
        particulars: Particulars::default(),
    };
    let drafts: Vec<_> = (0..KEYS).map(draft).collect();
    let wrap_key = cast().wrap_key.public_key();
    let rng = &mut TestRng::new(2);
    let deposit = Deposit::seal(cast().authority(), &wrap_key, cast().owner, &drafts, rng);
    SignedStatement::sign(deposit.unwrap(), &cast().keys[DEVICE])
});

static REQUEST: LazyLock<SignedStatement> = LazyLock::new(|| {
    let device = &cast().keys[DEVICE];
    let found = cast().founding.found();
    let request = Request {
        authority: cast().authority(),
        request: RequestId::from_bytes([10; 16]),
        owner: cast().owner,
        scope: Scope::of((0..KEYS).map(serial)).unwrap(),
        release_key: cast().release_key.public_key(),
        device_key: device.verifying_key(),
        grounds: Grounds::default(),
        policy: found.policy.digest(),
        created: NOW,
        expires: NOW.plus_millis(found.policy.lapse_millis),
    };
    SignedStatement::sign(request, device)
});

const KEYS: u8 = 2;

fn serial(number: u8) -> Serial {
    Serial::from_bytes([number; 16])
}

fn key(number: u8) -> BlindedKey {
    let rng = &mut TestRng::new(number.into());
    BlindedKey::new(SessionKey::age_file_key(&[number; 16]), rng)
}

fn request() -> &'static Request {
    match REQUEST.statement() {
        Statement::Request(request) => request,
        _ => panic!("a request"),
    }
}

thread_local! {
    static HOMES: Homes = Homes::new(|home| {
        let secret = SecretKey::from_seed(cast().release_key.expose_seed());
        home.record_request(&PendingRequest::new(REQUEST.clone(), secret).unwrap()).unwrap();
    });
}

pub(crate) fn read(bytes: &[u8]) -> Option<()> {
    let mut draw = Draw::new(bytes);
    let evidence = evidence();
    let (decision, is_right) = decision(&mut draw, &evidence);
    let Drawn {
        release,
        answered,
        holds,
    } = release(&mut draw, &decision)?;
    let mut log = Log::default();
    let recorded = |log: &mut Log, statement: &SignedStatement, outcome| {
        log.push(statement.clone(), outcome, NOW);
        log.entries.len() - 1
    };
    let states = vec![DepositState::Verified; KEYS.into()];
    let enrolment = enrolment();
    recorded(&mut log, cast().founding.statement(), Outcome::Recorded);
    recorded(&mut log, &enrolment, Outcome::Recorded);
    recorded(&mut log, &DEPOSIT, Outcome::Deposited(states));
    recorded(&mut log, &REQUEST, Outcome::Recorded);
    recorded(&mut log, &evidence, Outcome::Recorded);
    let is_in_order = !draw.flag();
    let mut at = [&decision, &release];
    if !is_in_order {
        at.reverse();
    }
    let mut at = at.map(|statement| recorded(&mut log, statement, Outcome::Recorded));
    if !is_in_order {
        at.reverse();
    }
    let shown = Shown {
        log: &log,
        size: log.entries.len(),
        release: Some((at[0], at[1])),
    };
    HOMES.with(|homes| {
        let mut home = Home::open(&homes.copy("collecting")).unwrap();
        let [pending] = &home.requests().unwrap()[..] else {
            panic!("one request");
        };
        let pending = PendingRequest::new(
            pending.statement().clone(),
            SecretKey::from_seed(pending.release_key().expose_seed()),
        );
        let (clock, rng) = (TestClock::new(), &mut TestRng::new(3));
        // The log says all of it: what the home can't believe of it, it does not read.
        let collected = match Client::connect(&mut home, &shown, &*clock, rng) {
            Ok(mut client) => client.collect(&pending.unwrap(), &mut |_| {}).ok(),
            Err(_) => None,
        };
        let expected = is_right && is_in_order && holds;
        assert_eq!(collected.is_some(), expected);
        // What was kept is what was deposited, whatever came with it.
        let mut released = ReleasedKeys::of(&home);
        for number in 0..KEYS {
            if let Ok(Some(released)) = released.key(serial(number)) {
                assert_eq!(released.key.into_key().expose(), [number; 16]);
            }
        }
        let collected = collected?;
        assert_eq!(collected.keys, answered);
        assert_eq!(collected.withheld.len() as u64, u64::from(KEYS) - answered);
        Some(())
    })
}

fn enrolment() -> SignedStatement {
    let enroll = Enroll {
        authority: cast().authority(),
        owner: cast().owner,
        device_key: cast().keys[DEVICE].verifying_key(),
        code_key: cast().keys[CODE].verifying_key(),
        created: NOW,
    };
    SignedStatement::sign(enroll, &cast().keys[DEVICE])
}

fn evidence() -> SignedStatement {
    let evidence = Evidence {
        authority: cast().authority(),
        request: request().digest(),
        kind: EvidenceKind::RecoveryCode,
    };
    SignedStatement::sign(evidence, &cast().keys[CODE])
}

/// Draws a decision, and whether it is the authority's yes to the request.
fn decision(draw: &mut Draw<'_>, evidence: &SignedStatement) -> (SignedStatement, bool) {
    let what = draw.byte();
    let other = |bit: u8, digest: Digest| {
        if what & bit == 0 {
            digest
        } else {
            Digest::of(&[b"another"])
        }
    };
    let decision = Decision {
        authority: cast().authority(),
        request: other(1, request().digest()),
        policy: other(2, request().policy),
        evidence: if what & 4 == 0 {
            vec![evidence.id()]
        } else {
            Vec::new()
        },
        approvals: Vec::new(),
        asker: (what & 8 != 0).then(|| OwnerId::from_bytes([12; 32])),
        verdict: if what & 16 == 0 {
            Verdict::Approved
        } else {
            Verdict::Denied
        },
        not_after: request().expires,
    };
    let by = if what & 32 == 0 { LOG } else { STRANGER };
    // Who asks by the authority's word alone is no reason against it.
    (
        SignedStatement::sign(decision, &cast().keys[by]),
        what & !(8 | 64 | 128) == 0,
    )
}

/// A release, how many keys are in it, and whether it answers the request with what was deposited.
struct Drawn {
    release: SignedStatement,
    answered: u64,
    holds: bool,
}

fn release(draw: &mut Draw<'_>, decision: &SignedStatement) -> Option<Drawn> {
    let what = draw.byte();
    let Statement::Decision(decision) = decision.statement() else {
        panic!("a decision");
    };
    let origin = ReleaseOrigin {
        authority: cast().authority(),
        owner: if what & 1 == 0 {
            cast().owner
        } else {
            OwnerId::from_bytes([12; 32])
        },
        request: if what & 2 == 0 {
            request().digest()
        } else {
            decision.digest()
        },
        decision: if what & 4 == 0 {
            decision.digest()
        } else {
            request().digest()
        },
    };
    let recipient = if what & 8 == 0 {
        &cast().release_key
    } else {
        &cast().wrap_key
    };
    let rng = &mut TestRng::new(5);
    let sealing =
        recipient
            .public_key()
            .seal_release(origin.authority, origin.request, origin.decision, rng);
    let page = u64::from(what >> 4 & 1);
    let (mut keys, mut withheld) = (Vec::new(), Vec::new());
    let mut holds = what & 0x1f == 0;
    for number in 0..KEYS {
        match draw.below(8) {
            0..=2 => keys.push(released(number, key(number), &sealing, None)),
            3 | 4 => withheld.push(serial(number)),
            wrong => {
                holds = false;
                match wrong {
                    // Left out.
                    5 => {}
                    // Another key under the label of the one that was deposited.
                    6 => keys.push(released(number, key(9), &sealing, None)),
                    // Another key, and a label that is true of it.
                    _ => keys.push(released(number, key(9), &sealing, Some(key(9)))),
                }
            }
        }
    }
    if origin.owner != cast().owner {
        keys.iter_mut()
            .for_each(|key| key.label.owner = origin.owner);
    }
    let answered = keys.len() as u64;
    let sealed = (!keys.is_empty()).then(|| (sealing.encapsulation().clone(), keys));
    // To whom it is sealed is of no matter where there is nothing.
    holds |= answered == 0 && what & 0x17 == 0 && withheld.len() == usize::from(KEYS);
    let release = Release::new(origin, page, sealed, withheld).ok()?;
    let by = if what & 64 == 0 { LOG } else { STRANGER };
    Some(Drawn {
        release: SignedStatement::sign(release, &cast().keys[by]),
        answered,
        holds: holds && by == LOG,
    })
}

/// Seals a key under the label that was deposited, or under one that commits to another key.
fn released(
    number: u8,
    key: BlindedKey,
    sealing: &Sealing,
    committed: Option<BlindedKey>,
) -> SealedKey {
    let Statement::Deposit(deposit) = DEPOSIT.statement() else {
        panic!("a deposit");
    };
    let deposited = &deposit.keys()[usize::from(number)];
    let mut label = deposited.label;
    if let Some(committed) = committed {
        label.commitment = committed.commitment(label.serial);
    }
    SealedKey {
        label,
        particulars: deposited.particulars.clone(),
        sealed: sealing.seal(label.serial, label.digest(), &key.to_plaintext()),
    }
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    // The decision, the release, and its keys: both, one that is withheld, none.
    let all = [[0, 0, 0, 0], [0, 0, 0, 3], [8, 0, 3, 0], [0, 8, 3, 4]];
    all.into_iter()
        .map(|bytes| Seed::of(bytes).byte(0).done())
        .collect()
}

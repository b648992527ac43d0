//! Decisions: a policy of a few people, a request or a change, and words of anybody to it, each signed; in whatever order.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use strongroom_protocol::id::{AuthorityId, Digest, OwnerId, RequestId, Serial, Time};
use strongroom_protocol::keys::SigningKey;
use strongroom_protocol::policy::file::{officer_key_text, parse};
use strongroom_protocol::policy::{
    Around, Decided, LoggedWord, OwnerKeys, Person, Policy, Scene, Sponsorship, Subject,
    SubjectState,
};
use strongroom_protocol::statement::{
    Approval, Decision, Evidence, EvidenceKind, Grounds, PolicyChange, Request, Scope,
    SignedStatement, Verdict, Veto, Word,
};

use crate::cast::{ASKING, CODE, DEVICE, NOW, OFFICERS, STRANGER, cast};
use crate::draw::{Draw, Seed};
use crate::policy;

const HOUR: u64 = 60 * 60 * 1000;

pub(crate) fn read(bytes: &[u8]) -> Option<()> {
    let mut draw = Draw::new(bytes);
    let policy = parse(&draw_policy(&mut draw)).ok()?;
    policy::look(&policy);
    let is_change = draw.flag();
    let asked = if is_change {
        change(&mut draw, &policy)
    } else {
        request(&mut draw, &policy)
    };
    let recorded = NOW.plus_millis(u64::from(draw.byte()) * HOUR);
    let now = recorded.plus_millis(u64::from(draw.byte()) * HOUR);
    let around = if is_change {
        around_change(&mut draw)
    } else {
        around_request(&mut draw)
    };
    let (digest, _) = asked.statement().asks().unwrap();
    let (mut words, mut to_it) = (Vec::new(), Vec::new());
    while !draw.is_empty() && words.len() < 12 {
        let (statement, is_to_it) = word(&mut draw, digest, &policy);
        let index = 8 + words.len() as u64;
        let word = LoggedWord { index, statement };
        to_it.extend(is_to_it.then(|| word.clone()));
        words.push(word);
    }
    let subject = |words: &[LoggedWord], decided| {
        let (place, policy) = ((7, recorded), policy.clone());
        Subject::new(
            asked.clone(),
            place,
            policy,
            words.to_vec(),
            decided,
            around.clone(),
        )
        .unwrap()
    };
    let ruled = subject(&words, None);
    // Whatever the order, and however often.
    let mut others = words.clone();
    others.reverse();
    others.extend(words.iter().take(3).cloned());
    let stir = others.len() / 2;
    others.rotate_left(stir);
    let decision = ruled.decision(now);
    assert_eq!(subject(&others, None).decision(now), decision);
    // What was said of something else, to somebody else or by another policy does not count.
    assert_eq!(subject(&to_it, None).decision(now), decision);
    let all: Vec<_> = words.iter().map(|word| word.statement.id()).collect();
    if let Some(decision) = &decision {
        assert_eq!(decision.request, digest);
        assert_eq!(decision.policy, policy.digest());
        if decision.verdict == Verdict::Approved {
            let mut ids = decision.evidence.iter().chain(&decision.approvals);
            assert!(ids.clone().next().is_some(), "it rests on nothing");
            assert!(ids.all(|id| all.contains(id)));
            assert!(now < decision.not_after && decision.not_after == ruled.deadline());
            // What it does not name is not needed.
            let named = |word: &&LoggedWord| {
                let id = word.statement.id();
                decision.evidence.contains(&id) || decision.approvals.contains(&id)
            };
            let named: Vec<_> = words.iter().filter(named).cloned().collect();
            let alone = subject(&named, None).decision(now);
            assert!(alone.is_some_and(|alone| alone.verdict == Verdict::Approved));
        }
    }
    // Nobody's word is no word: without any, nothing is approved.
    let silent = subject(&[], None).decision(now);
    assert!(silent.is_none_or(|decision| decision.verdict != Verdict::Approved));
    look(&ruled, decision.as_ref(), now);
    if let Some(decision) = decision {
        let verdict = decision.verdict;
        let decided = Decided {
            decision,
            time: now,
        };
        after(&subject(&words, Some(decided)), verdict, now);
    }
    Some(())
}

/// What must hold of a subject that has no decision.
fn look(subject: &Subject, decision: Option<&Decision>, now: Time) {
    let (state, reasons) = subject.standing(now);
    match decision.map(|decision| decision.verdict) {
        Some(Verdict::Approved) => {
            assert_eq!((state, reasons.len()), (SubjectState::Requested, 0));
            assert_eq!(subject.approved(now).is_some(), subject.request().is_some());
            assert!(!subject.is_over(now));
        }
        Some(verdict) => {
            assert_eq!(state, SubjectState::Decided(verdict));
            assert!(!reasons.is_empty() && subject.is_over(now));
        }
        None => {
            assert_eq!(state, SubjectState::Requested);
            assert!(
                !reasons.is_empty() && !subject.is_over(now) && subject.approved(now).is_none()
            );
        }
    }
    for reason in &reasons {
        assert!(!reason.to_string().is_empty());
    }
    let due = subject.due(now);
    assert_eq!(due.is_some(), decision.is_none());
    let Some(due) = due else { return };
    // Time alone changes nothing before it is due, and in the end it lapses.
    assert!(due > now && due <= subject.deadline());
    let just_before = Time::from_millis(due.as_millis() - 1);
    assert_eq!(subject.decision(just_before), None);
    let lapsed = subject.decision(subject.deadline());
    assert!(lapsed.is_some_and(|decision| decision.verdict != Verdict::Approved));
}

/// What must hold of a subject that was decided.
fn after(subject: &Subject, verdict: Verdict, now: Time) {
    assert_eq!((subject.decision(now), subject.due(now)), (None, None));
    let (state, _) = subject.standing(now);
    if verdict == Verdict::Approved {
        let is_out = state == SubjectState::Released;
        assert_eq!(is_out, subject.is_released());
        assert!(is_out || state == SubjectState::Decided(verdict));
        assert!(subject.approved(subject.deadline()).is_none());
    } else {
        assert_eq!(state, SubjectState::Decided(verdict));
        assert!(subject.approved(now).is_none() && subject.is_over(now));
    }
}

const NAMES: [&str; 4] = ["both", "either", "desk", "board"];

/// Writes a policy of three officers, some groups and some rules: most make sense.
fn draw_policy(draw: &mut Draw<'_>) -> String {
    let mut text = format!("lapse = \"{} hours\"\n", draw.byte());
    let groups = 1 + draw.below(NAMES.len());
    let group = |draw: &mut Draw<'_>| NAMES[draw.below(groups)];
    if draw.flag() {
        writeln!(text, "departed = \"{}\"", group(draw)).unwrap();
    }
    for (place, name) in OFFICERS {
        let key = |place: usize| officer_key_text(&cast().keys[place].verifying_key());
        let mut keys = format!("\"{}\"", key(place));
        let owner = match draw.below(5) {
            0 => "",
            1 => &format!("owner = \"{}\"\n", cast().owner),
            2 => &format!("owner = \"{}\"\n", other_owner()),
            3 => {
                // Somebody who has a device of the owner's, or the one that asks, as an officer.
                let also = *draw.pick(&[DEVICE, ASKING, CODE, STRANGER]);
                write!(keys, ", \"{}\"", key(also)).unwrap();
                ""
            }
            _ => &format!("owner = \"{}\"\n", OwnerId::from_bytes([draw.byte(); 32])),
        };
        writeln!(
            text,
            "[[officer]]\nname = \"{name}\"\nkeys = [{keys}]\n{owner}"
        )
        .unwrap();
    }
    for (number, name) in NAMES.iter().take(groups).enumerate() {
        // Of officers, and of groups before it.
        let members: Vec<&str> = OFFICERS
            .iter()
            .map(|(_, name)| *name)
            .chain(NAMES)
            .collect();
        let members: Vec<_> = members[..3 + number]
            .iter()
            .filter(|_| draw.flag())
            .collect();
        writeln!(
            text,
            "[[group]]\nname = \"{name}\"\nneed = {}\nof = {members:?}",
            1 + draw.below(3)
        )
        .unwrap();
    }
    for number in 0..draw.below(4) {
        writeln!(text, "[[rule]]\nname = \"rule {number}\"").unwrap();
        let what = draw.byte();
        let mut named = |bit: u8, field: &str, draw: &mut Draw<'_>| {
            if what & bit != 0 {
                writeln!(text, "{field} = \"{}\"", group(draw)).unwrap();
            }
        };
        named(1, "approvals", draw);
        named(2, "overrule", draw);
        match draw.below(6) {
            0..=2 => {}
            3 => text.push_str("asker = \"anyone\"\n"),
            _ => writeln!(text, "asker = \"{}\"", group(draw)).unwrap(),
        }
        if what & 4 != 0 {
            text.push_str("evidence = [\"recovery code\"]\n");
        }
        if what & 8 != 0 {
            text.push_str("veto = true\n");
        }
        if what & 16 != 0 {
            writeln!(text, "keys-max = {}", draw.byte()).unwrap();
        }
        match draw.below(6) {
            0 => text.push_str("owners = \"departed\"\n"),
            1 => writeln!(text, "owners = [\"{}\"]", cast().owner).unwrap(),
            _ => {}
        }
        writeln!(text, "wait = \"{} hours\"", draw.below(80)).unwrap();
        if what & 32 != 0 {
            text.push_str("labels = { team = \"archive\" }\n");
        }
    }
    let codes = draw.flag();
    writeln!(
        text,
        "[change]\ncodes = {codes}\nwait = \"{} hours\"",
        draw.below(80)
    )
    .unwrap();
    if !codes || draw.flag() {
        writeln!(text, "approvals = \"{}\"", group(draw)).unwrap();
    }
    text
}

fn other_owner() -> OwnerId {
    OwnerId::from_bytes([12; 32])
}

fn request(draw: &mut Draw<'_>, policy: &Policy) -> SignedStatement {
    let device = &cast().keys[*draw.pick(&[ASKING, DEVICE, STRANGER, OFFICERS[0].0])];
    let request = Request {
        authority: cast().authority(),
        request: RequestId::from_bytes([10; 16]),
        owner: cast().owner,
        scope: Scope::Serials(vec![Serial::from_bytes([0; 16])]),
        release_key: cast().release_key.public_key(),
        device_key: device.verifying_key(),
        grounds: Grounds::default(),
        policy: policy.digest(),
        created: NOW,
        expires: NOW.plus_millis(u64::from(draw.byte()) * 4 * HOUR),
    };
    SignedStatement::sign(request, device)
}

fn change(draw: &mut Draw<'_>, policy: &Policy) -> SignedStatement {
    let author = draw.pick(&cast().keys);
    let change = PolicyChange {
        authority: cast().authority(),
        policy: Policy::code_alone(),
        replaces: policy.digest(),
        grounds: Grounds::default(),
        created: NOW,
        expires: NOW.plus_millis(u64::from(draw.byte()) * 4 * HOUR),
    };
    SignedStatement::sign(change, author)
}

fn around_request(draw: &mut Draw<'_>) -> Around {
    let key = |place: usize| cast().keys[place].verifying_key();
    let what = draw.byte();
    let labels = [("team", *draw.pick(&["archive", "other"]))];
    let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let officer = draw.pick(&OFFICERS).1.to_owned();
    let sponsor = draw.pick(&cast().keys).verifying_key();
    let mut scene = Scene {
        asker: (what & 1 != 0).then(other_owner),
        keys: draw.byte().into(),
        labels: BTreeMap::from(labels),
        departed: what & 2 != 0,
        rival: what & 4 != 0,
        ..Scene::default()
    };
    if what & 1 != 0 {
        scene.asker_keys.push(key(STRANGER));
    }
    if what & 8 != 0 {
        scene.sponsors.push(Sponsorship {
            officer: Person {
                name: Some(officer),
                ..Person::default()
            },
            by: Person {
                keys: vec![sponsor],
                ..Person::default()
            },
        });
    }
    Around::Request {
        owner: OwnerKeys {
            code_key: Some(key(CODE)),
            devices: vec![key(DEVICE)],
            revoked: Vec::new(),
        },
        scene,
        released: draw.byte().into(),
    }
}

fn around_change(draw: &mut Draw<'_>) -> Around {
    let superseded = draw.byte();
    let codes = cast().keys[CODE..=STRANGER].iter();
    Around::Change {
        author: draw.pick(&cast().keys).verifying_key(),
        codes: codes
            .take(draw.below(3))
            .map(SigningKey::verifying_key)
            .collect(),
        superseded: (superseded > 200)
            .then(|| NOW.plus_millis(u64::from(superseded - 200) * 8 * HOUR)),
    }
}

/// Something said by anybody, and whether it is said to the subject, as most of it is.
fn word(draw: &mut Draw<'_>, subject: Digest, policy: &Policy) -> (SignedStatement, bool) {
    let (what, key) = (draw.byte(), draw.pick(&cast().keys));
    let other = Digest::of(&[b"another"]);
    let subject = if what & 0x40 != 0 { other } else { subject };
    let policy = if what & 0x80 != 0 {
        other
    } else {
        policy.digest()
    };
    let authority = match what & 0x20 {
        0 => cast().authority(),
        _ => AuthorityId::from_bytes([5; 32]),
    };
    let grounds = Grounds::new(format!("word {}", what & 0x18)).unwrap();
    // Only an officer's word names the policy.
    let is_to_it = what & 0x60 == 0 && (what & 0x80 == 0 || what & 7 > 3);
    let approval = |word| Approval {
        authority,
        subject,
        policy,
        word,
        grounds: grounds.clone(),
        created: NOW,
    };
    let said = match what & 7 {
        0 | 1 => SignedStatement::sign(approval(Word::Approve), key),
        2 => SignedStatement::sign(approval(Word::Deny), key),
        3 => SignedStatement::sign(approval(Word::Overrule), key),
        4 => {
            let veto = Veto {
                authority,
                request: subject,
                grounds,
                created: NOW,
            };
            SignedStatement::sign(veto, key)
        }
        _ => {
            let evidence = Evidence {
                authority,
                request: subject,
                kind: EvidenceKind::RecoveryCode,
            };
            let by = if what & 7 == 7 {
                key
            } else {
                &cast().keys[CODE]
            };
            SignedStatement::sign(evidence, by)
        }
    };
    (said, is_to_it)
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    // Officers who are no owners; groups of all three and of two: one of whom, two of whom.
    let people = |groups: u8, seed: Seed| {
        let seed = seed.byte(groups - 1).byte(0).raw(&[0, 0, 0]);
        (0..groups).fold(seed, |seed, group| {
            let members = vec![1; 3];
            seed.raw(&members)
                .raw(&vec![0; group.into()])
                .byte(group % 2)
        })
    };
    let policy = |rules: &[&[u8]]| {
        let seed = people(2, Seed::of([240])).byte(u8::try_from(rules.len()).unwrap());
        let seed = rules.iter().fold(seed, |seed, rule| seed.raw(rule));
        // Changed with the codes, after a wait of two hours, and with nobody's approval.
        seed.raw(&[1, 2, 0])
    };
    // What it asks for, the groups it names, whose asker (the owner, anyone, a group), of any owner, after how many hours.
    let code: &[u8] = &[4, 0, 2, 0];
    let approved: &[u8] = &[1 | 2 | 8, 1, 1, 3, 2, 24];
    let for_others: &[u8] = &[1, 1, 4, 0, 2, 5];
    let (request, change) = (
        |seed: Seed| seed.raw(&[0, 0, 200]),
        |seed: Seed| seed.raw(&[1, 3, 200]),
    );
    // Recorded, and looked at thirty hours later.
    let times = |seed: Seed| seed.raw(&[1, 30]);
    let scene = |seed: Seed, what: u8| seed.raw(&[what, 0, 0, 0, 3, 0]);
    vec![
        scene(times(request(policy(&[code]))), 0)
            .raw(&[5, 0])
            .done(),
        scene(times(request(policy(&[code, approved]))), 0)
            .raw(&[0, 5, 0, 6])
            .done(),
        scene(times(request(policy(&[approved]))), 0)
            .raw(&[0, 5, 0, 6, 4, 1])
            .done(),
        scene(times(request(policy(&[approved]))), 2)
            .raw(&[0, 5, 0, 6, 4, 1, 2, 7])
            .done(),
        scene(times(request(policy(&[for_others]))), 1)
            .raw(&[0, 5, 0, 6])
            .done(),
        scene(times(request(policy(&[code]))), 4)
            .raw(&[5, 0, 2, 5])
            .done(),
        times(change(policy(&[code])))
            .raw(&[0, 3, 1])
            .raw(&[5, 0])
            .done(),
        times(change(policy(&[]))).raw(&[255, 3, 0]).done(),
    ]
}

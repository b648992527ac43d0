//! What an authority answers, as JSON and back (spec/authority-views.md), and what a client makes of it.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use base64::prelude::{BASE64_STANDARD, Engine};
use proptest::prelude::*;
use strongroom_protocol::id::{AuthorityId, Digest, OwnerId, Time};
use strongroom_protocol::keys::SigningKey;
use strongroom_protocol::policy::{
    Around, OwnerKeys, Person, Policy, Scene, Sponsorship, SubjectState,
};
use strongroom_protocol::receipt::Acknowledgement;
use strongroom_protocol::statement::{Decision, Kind, SignedStatement, Verdict, Word};
use strongroom_protocol::{
    About, Founding, Holdings, Page, Possession, PossessionProof, Recorded, ReleasePage,
    SubjectView, Succession,
};

use crate::cast::{Cast, NOW, logged, officer, two_officers};
use crate::receipt::Making;

/// A view that its own text is read as again, letter for letter.
macro_rules! writes_itself {
    ($view:expr, $type:ty) => {{
        let text = $view.to_json();
        let read = <$type>::from_json(&text).unwrap();
        assert_eq!(read.to_json(), text);
        read
    }};
}

#[test]
fn what_is_written_is_read_again() {
    let cast = Cast::new();
    let about = writes_itself!(about(&cast), About);
    assert_eq!(about.authority(), cast.authority);
    assert_eq!(about.founding.statement().id(), cast.found.id());
    let succession = about.policy.unwrap();
    assert_eq!(succession.change.kind(), Kind::PolicyChange);
    assert_eq!(succession.decision.statement.kind(), Kind::Decision);
    assert_eq!(about.rsa_key.unwrap().statement.kind(), Kind::RsaKey);

    let holdings = holdings();
    assert_eq!(writes_itself!(holdings, Holdings), holdings);

    assert_eq!(writes_itself!(possession(), Possession), possession());

    let page = writes_itself!(page(&cast), Page<Recorded>);
    assert_eq!((page.items.len(), page.next), (16, 40));
    for (read, made) in page.items.iter().zip(cast.every_kind()) {
        assert_eq!(read.statement.as_bytes(), made.as_bytes());
        assert_eq!(read.receipt, Making::of(&cast, &made).receipt());
        let key = cast.log_key.verifying_key();
        assert!(read.receipt.verify(&read.statement, &key).is_ok());
    }

    let release = writes_itself!(release(&cast), ReleasePage);
    assert_eq!(release.decision.statement.kind(), Kind::Decision);
    assert_eq!(release.release.statement.kind(), Kind::Release);

    for made in [request(&cast), change(&cast)] {
        let read = writes_itself!(made, SubjectView);
        assert_eq!(read.asked.statement.id(), made.asked.statement.id());
        assert_eq!(read.policy, made.policy);
        assert_eq!(read.around, made.around);
        assert_eq!(read.words.len(), made.words.len());
        assert_eq!(read.decision.is_some(), made.decision.is_some());
    }
}

/// How much is read at all is for whoever reads to bound.
#[test]
fn deep_and_long_texts_do_not_panic() {
    let text = holdings().to_json();
    let with = |more: &str| Holdings::from_json(&text.replacen('{', &format!("{{{more},"), 1));
    assert!(with("\"newer\":[[1,{\"a\":null}]]").is_ok());
    for depth in [1_000, 1_000_000] {
        let nested = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        // What is passed over takes no stack.
        assert!(with(&format!("\"newer\":{nested}")).is_ok());
        assert!(Holdings::from_json(&"[".repeat(depth)).is_err());
        assert!(SubjectView::from_json(&"{\"around\":".repeat(depth)).is_err());
        assert!(About::from_json(&"{\"a\":[".repeat(depth)).is_err());
    }
    let many = "0,".repeat(1_000_000);
    assert!(with(&format!("\"newer\":[{many}0]")).is_ok());
    for items in [
        many.clone(),
        "{},".repeat(1_000_000),
        "\"\",".repeat(1_000_000),
        "[".repeat(1_000_000),
    ] {
        assert!(
            Page::<Recorded>::from_json(&format!("{{\"next\":1,\"items\":[{items}0]}}")).is_err()
        );
    }
    let long = "A".repeat(8 << 20);
    assert!(About::from_json(&format!("{{\"founding\":\"{long}\"}}")).is_err());
    assert!(Holdings::from_json(&format!("{{\"count\":{}}}", "9".repeat(1 << 20))).is_err());
}

#[test]
fn a_statement_in_a_view_has_its_authors_signature() {
    let cast = Cast::new();
    let text = about(&cast).to_json();
    let bytes = cast.found.as_bytes();
    let whole = BASE64_STANDARD.encode(bytes);
    assert!(About::from_json(&text).is_ok());
    // The signature stands before the empty bytes that a founding statement carries.
    for place in [0, 40, bytes.len() - 2] {
        let mut changed = bytes.to_vec();
        changed[place] ^= 1;
        let changed = text.replace(&whole, &BASE64_STANDARD.encode(&changed));
        assert_ne!(changed, text);
        let error = About::from_json(&changed).unwrap_err().to_string();
        assert!(error.contains("this is no founding statement"), "{error}");
    }
}

#[test]
fn a_subject_is_put_together_from_what_was_verified() {
    let cast = Cast::new();
    let asked = acknowledged(&cast, &cast.statement(Kind::Request));
    let logged = acknowledged(&cast, &cast.statement(Kind::Decision));
    let open = SubjectView {
        decision: None,
        ..request(&cast)
    };
    let subject = open.into_subject(&asked, None).unwrap();
    assert_eq!(subject.request(), Some(&cast.request()));
    assert_eq!((subject.index(), subject.recorded()), (2, NOW));
    assert_eq!(subject.words().len(), 2);
    assert!(subject.decided().is_none());
    // There is a veto among the words, which the code alone does not have.
    assert_eq!(
        subject.decision(NOW).map(|decision| decision.verdict),
        Some(Verdict::Approved)
    );

    let subject = request(&cast).into_subject(&asked, Some(&logged)).unwrap();
    let decided = subject.decided().unwrap();
    assert_eq!((&decided.decision, decided.time), (&cast.decision(), NOW));
    assert_eq!(
        subject.standing(NOW).0,
        SubjectState::Decided(Verdict::Approved)
    );

    let asked = acknowledged(&cast, &cast.statement(Kind::PolicyChange));
    let subject = change(&cast).into_subject(&asked, None).unwrap();
    assert_eq!(subject.change(), Some(&cast.policy_change()));
}

#[test]
fn what_does_not_belong_together_is_no_subject() {
    let cast = Cast::new();
    let asked = acknowledged(&cast, &cast.statement(Kind::Request));
    let logged = acknowledged(&cast, &cast.statement(Kind::Decision));
    let whole = || request(&cast);
    let is_one = |view: SubjectView, decision: Option<&Acknowledgement>| {
        view.into_subject(&asked, decision).is_some()
    };
    assert!(is_one(whole(), Some(&logged)));

    // Another policy than the one that the request names: easier to meet, perhaps.
    let other_policy = SubjectView {
        policy: two_officers(),
        ..whole()
    };
    assert!(!is_one(other_policy, Some(&logged)));

    // A decision whose receipt nobody verified, and a receipt of nothing.
    assert!(!is_one(whole(), None));
    let undecided = SubjectView {
        decision: None,
        ..whole()
    };
    assert!(!is_one(undecided.clone(), Some(&logged)));
    assert!(is_one(undecided, None));

    let decided_by = |decision: Decision| {
        let decision = SignedStatement::sign(decision, &cast.log_key);
        SubjectView {
            decision: Some(recorded(&cast, &decision)),
            ..whole()
        }
    };
    assert!(is_one(decided_by(cast.decision()), Some(&logged)));
    for (name, other) in [
        (
            "on another request",
            Decision {
                request: Digest::from_bytes([1; 32]),
                ..cast.decision()
            },
        ),
        (
            "on a change",
            Decision {
                request: cast.policy_change().digest(),
                ..cast.decision()
            },
        ),
        (
            "by another policy",
            Decision {
                policy: two_officers().digest(),
                ..cast.decision()
            },
        ),
        (
            "of another authority",
            Decision {
                authority: AuthorityId::from_bytes([1; 32]),
                ..cast.decision()
            },
        ),
    ] {
        assert!(!is_one(decided_by(other), Some(&logged)), "{name}");
    }
    let no_decision = SubjectView {
        decision: Some(recorded(&cast, &cast.statement(Kind::Veto))),
        ..whole()
    };
    assert!(!is_one(no_decision, Some(&logged)));

    // What stands around another kind, and what asks for nothing.
    let around_another = SubjectView {
        around: change(&cast).around,
        ..whole()
    };
    assert!(!is_one(around_another, Some(&logged)));
    let asks_nothing = SubjectView {
        asked: recorded(&cast, &cast.statement(Kind::Evidence)),
        ..whole()
    };
    assert!(!is_one(asks_nothing, Some(&logged)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn whatever_stands_around_a_subject_is_read_again(
        around in around_anything(),
        (has_words, is_decided) in any::<(bool, bool)>(),
    ) {
        static CAST: LazyLock<Cast> = LazyLock::new(Cast::new);
        let cast = &*CAST;
        let view = if matches!(around, Around::Request { .. }) { request(cast) } else { change(cast) };
        let view = SubjectView {
            words: if has_words { view.words } else { Vec::new() },
            decision: view.decision.filter(|_| is_decided),
            around,
            ..view
        };
        let text = view.to_json();
        let read = SubjectView::from_json(&text).unwrap();
        prop_assert_eq!(&read.around, &view.around);
        prop_assert_eq!(read.to_json(), text);
    }

    #[test]
    fn whatever_is_read_is_written_to_what_reads_the_same(
        cut in any::<prop::sample::Index>(),
        patch in prop::sample::select(vec!["", " ", "\n", "0", "1", "-", "\"", ",", "{}", "null", "\\u0041", "=", "9", "e1"]),
        remove in 0..3_usize,
        which in 0..7_usize,
    ) {
        // Made once: keys cost more than what is read of them.
        static TEXTS: LazyLock<[String; 7]> = LazyLock::new(|| {
            let cast = Cast::new();
            [
                about(&cast).to_json(),
                holdings().to_json(),
                page(&cast).to_json(),
                release(&cast).to_json(),
                request(&cast).to_json(),
                change(&cast).to_json(),
                possession().to_json(),
            ]
        });
        let text = &TEXTS[which];
        let start = cut.index(text.len());
        let end = (start + remove).min(text.len());
        let bytes = text.as_bytes();
        let changed = [&bytes[..start], patch.as_bytes(), &bytes[end..]].concat();
        let changed = String::from_utf8(changed).expect("there is nothing but ASCII in it");
        macro_rules! same {
            ($view:ty) => {
                if let Ok(read) = <$view>::from_json(&changed) {
                    let written = read.to_json();
                    prop_assert_eq!(<$view>::from_json(&written).unwrap().to_json(), written);
                }
            };
        }
        same!(About);
        same!(Holdings);
        same!(Page<Recorded>);
        same!(Possession);
        same!(ReleasePage);
        same!(SubjectView);
    }
}

fn person() -> impl Strategy<Value = Person> {
    let key = any::<[u8; 32]>().prop_map(|seed| SigningKey::from_seed(&seed).verifying_key());
    let owner = any::<[u8; 32]>().prop_map(OwnerId::from_bytes);
    let known = (
        prop::option::of(any::<String>()),
        prop::collection::vec(key, 0..3),
        prop::collection::vec(owner, 0..3),
    );
    known.prop_map(|(name, keys, owners)| Person { name, keys, owners })
}

fn around_anything() -> impl Strategy<Value = Around> {
    let key = || any::<[u8; 32]>().prop_map(|seed| SigningKey::from_seed(&seed).verifying_key());
    let keys = move || prop::collection::vec(key(), 0..4);
    let scene = (
        prop::option::of(any::<[u8; 32]>().prop_map(OwnerId::from_bytes)),
        keys(),
        any::<u64>(),
        prop::collection::btree_map(any::<String>(), any::<String>(), 0..4),
        any::<(bool, bool)>(),
        prop::collection::vec((person(), person()), 0..3),
        prop::option::of(crate::policy::any_policy()),
    );
    let scene = scene.prop_map(
        |(asker, asker_keys, keys, labels, (departed, rival), sponsors, in_force)| Scene {
            asker,
            asker_keys,
            keys,
            labels,
            departed,
            rival,
            sponsors: sponsors
                .into_iter()
                .map(|(officer, by)| Sponsorship { officer, by })
                .collect(),
            in_force,
        },
    );
    let of_request = (
        prop::option::of(key()),
        (keys(), keys()),
        scene,
        any::<u64>(),
    );
    let of_request = of_request.prop_map(|(code_key, devices, scene, released)| Around::Request {
        owner: OwnerKeys {
            code_key,
            devices: devices.0,
            revoked: devices.1,
        },
        scene,
        released,
    });
    let superseded = prop::option::of(any::<u64>().prop_map(Time::from_millis));
    let of_change = (key(), keys(), superseded);
    let of_change = of_change.prop_map(|(author, codes, superseded)| Around::Change {
        author,
        codes,
        superseded,
    });
    prop_oneof![of_request, of_change]
}

pub(crate) fn about(cast: &Cast) -> About {
    let decision = Decision {
        request: cast.policy_change().digest(),
        ..cast.decision()
    };
    About {
        founding: Founding::new(cast.found.clone()).unwrap(),
        policy: Some(Succession {
            change: cast.statement(Kind::PolicyChange),
            decision: recorded(cast, &SignedStatement::sign(decision, &cast.log_key)),
        }),
        rsa_key: Some(recorded(cast, &cast.statement(Kind::RsaKey))),
    }
}

pub(crate) fn possession() -> Possession {
    let proof = PossessionProof {
        entry: 7,
        place: 255,
        hash: Digest::from_bytes([0xcd; 32]),
    };
    Possession {
        proofs: vec![Some(proof), None],
    }
}

pub(crate) fn holdings() -> Holdings {
    Holdings {
        tree_size: 1 << 40,
        count: 300,
        serials: Digest::from_bytes([0xab; 32]),
    }
}

pub(crate) fn page(cast: &Cast) -> Page<Recorded> {
    let items = cast.every_kind();
    Page {
        damaged: Vec::new(),
        items: items.iter().map(|item| recorded(cast, item)).collect(),
        next: 40,
    }
}

pub(crate) fn release(cast: &Cast) -> ReleasePage {
    ReleasePage {
        decision: recorded(cast, &cast.statement(Kind::Decision)),
        release: recorded(cast, &cast.statement(Kind::Release)),
    }
}

/// A request that was approved by the code alone; something in each place of what stands around it.
pub(crate) fn request(cast: &Cast) -> SubjectView {
    SubjectView {
        asked: recorded(cast, &cast.statement(Kind::Request)),
        policy: Policy::code_alone(),
        words: logged(&[
            cast.statement(Kind::Evidence),
            SignedStatement::sign(cast.veto(&cast.request()), &cast.device),
        ]),
        decision: Some(recorded(cast, &cast.statement(Kind::Decision))),
        around: Around::Request {
            owner: cast.owner_keys(),
            scene: Scene {
                asker: None,
                asker_keys: Vec::new(),
                keys: 2,
                labels: BTreeMap::from([("team".to_owned(), "archive".to_owned())]),
                departed: true,
                rival: false,
                sponsors: vec![Sponsorship {
                    officer: Person::from(&officer("ada")),
                    by: Person {
                        name: None,
                        keys: vec![cast.stranger.verifying_key()],
                        owners: vec![cast.owner],
                    },
                }],
                in_force: Some(two_officers()),
            },
            released: 1,
        },
    }
}

/// A change that is open.
pub(crate) fn change(cast: &Cast) -> SubjectView {
    let word = strongroom_protocol::statement::Approval {
        subject: cast.policy_change().digest(),
        ..cast.approval(&cast.request(), Word::Deny)
    };
    SubjectView {
        asked: recorded(cast, &cast.statement(Kind::PolicyChange)),
        policy: Policy::code_alone(),
        words: logged(&[SignedStatement::sign(word, &cast.officer)]),
        decision: None,
        around: Around::Change {
            author: cast.device.verifying_key(),
            codes: vec![cast.code.verifying_key()],
            superseded: Some(NOW),
        },
    }
}

pub(crate) fn recorded(cast: &Cast, statement: &SignedStatement) -> Recorded {
    Recorded {
        statement: statement.clone(),
        receipt: Making::of(cast, statement).receipt(),
    }
}

fn acknowledged(cast: &Cast, statement: &SignedStatement) -> Acknowledgement {
    let receipt = Making::of(cast, statement).receipt();
    receipt
        .verify(statement, &cast.log_key.verifying_key())
        .unwrap()
}

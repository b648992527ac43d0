use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE, Engine};
use serde_json::{Value, json};
use strongroom_protocol::id::OwnerId;
use strongroom_protocol::policy::{Around, Policy, Rule};
use strongroom_protocol::statement::{Found, Kind, SignedStatement, Statement};
use strongroom_protocol::{
    About, Founding, Holdings, Page as Listing, Possession, Recorded, ReleasePage, SubjectView,
};

use super::Page;
use crate::cast::Cast;
use crate::vectors;
use crate::views::{about, change, holdings, possession, recorded, release, request};

pub(super) fn pages() -> Vec<(&'static str, Page)> {
    vec![
        ("views/accept.txt", accept()),
        ("views/reject.txt", reject()),
    ]
}

fn accept() -> Page {
    let mut page = Page::new(
        "What an authority answers (spec/authority-views.md): `json` is the text of a `view`. It is written again letter for
        letter, or as `writes` has it.",
    );
    let cast = Cast::new();
    let entries = |kinds: &[Kind]| {
        let kinds = kinds.iter().map(|kind| cast.statement(*kind));
        let items = kinds.map(|statement| recorded(&cast, &statement)).collect();
        let listing: Listing<Recorded> = Listing {
            items,
            damaged: Vec::new(),
            next: 40,
        };
        listing.to_json()
    };
    let founded = About {
        policy: None,
        rsa_key: None,
        ..about(&cast)
    };
    let mut heirs = SubjectView {
        words: Vec::new(),
        decision: None,
        ..request(&cast)
    };
    if let Around::Request { scene, .. } = &mut heirs.around {
        scene.asker = Some(OwnerId::from_bytes([16; 32]));
        scene.asker_keys = vec![cast.stranger.verifying_key()];
        scene.labels.insert("\"a\"\n".to_owned(), "ö".to_owned());
    }
    let mut open = change(&cast);
    if let Around::Change { superseded, .. } = &mut open.around {
        *superseded = None;
    }
    let holdings = holdings().to_json();
    let founded_text = founded.to_json();
    let same = [
        ("an authority as it was founded", "about", founded.to_json()),
        (
            "an authority whose policy was changed",
            "about",
            about(&cast).to_json(),
        ),
        ("what an owner has", "holdings", holdings.clone()),
        (
            "two entries",
            "entries",
            entries(&[Kind::Deposit, Kind::Veto]),
        ),
        ("no entry", "entries", entries(&[])),
        (
            "one deposit that is there, and one that is not",
            "possession",
            possession().to_json(),
        ),
        ("a page of a release", "release", release(&cast).to_json()),
        ("a request", "subject", request(&cast).to_json()),
        (
            "a request by another owner, not decided",
            "subject",
            heirs.to_json(),
        ),
        ("a change", "subject", open.to_json()),
        (
            "a change that was superseded",
            "subject",
            change(&cast).to_json(),
        ),
    ];
    for (name, view, json) in same {
        page.case(name).field("view", view).field("json", json);
    }
    let others = [
        (
            "fields of a newer version",
            "holdings",
            holdings.replacen('{', r#"{"newer":[{"count":-1},null,1.5e300],"":"","#, 1),
            &holdings,
        ),
        (
            "another order, white space and escapes",
            "holdings",
            format!(
                r#" {{ "serials" : "\u0061{}" , "count" : 300 ,"tree_size":1099511627776}} "#,
                "b".to_owned() + &"ab".repeat(31)
            ),
            &holdings,
        ),
        (
            "what is not there, left out",
            "about",
            without(&founded_text, &["policy", "rsa_key"]),
            &founded_text,
        ),
    ];
    for (name, view, json, writes) in others {
        page.case(name)
            .field("view", view)
            .field("json", json)
            .field("writes", writes);
    }
    page
}

fn reject() -> Page {
    let mut page = Page::new(
        "Texts that are no such view (spec/authority-views.md): with what is no statement, receipt or policy in it, or another
        form than JSON's numbers, texts and lists have there.",
    );
    let cast = Cast::new();
    let mut case = |name: &str, view: &str, json: String| {
        page.case(name).field("view", view).field("json", json);
    };

    // A founding of a length that base64 pads.
    let Statement::Found(of_cast) = cast.found.statement() else {
        panic!("it founds nothing")
    };
    let rule = Rule::code_alone("recovery");
    let found = Found {
        policy: Policy {
            rules: vec![rule],
            ..Policy::code_alone()
        },
        ..(**of_cast).clone()
    };
    let found = SignedStatement::sign(found, &cast.log_key);
    let founded = About {
        founding: Founding::new(found.clone()).unwrap(),
        policy: None,
        rsa_key: None,
    }
    .to_json();
    let mut about =
        |name: &str, value: Value| case(name, "about", with(&founded, "/founding", value));
    let found = found.as_bytes();
    // So that what follows is refused for what its name says.
    let good = json!(BASE64_STANDARD.encode(found));
    assert!(again("about", &with(&founded, "/founding", good)).is_some());
    let base64 = BASE64_STANDARD.encode(found);
    let mut unsigned = found.to_vec();
    unsigned[found.len() - 2] ^= 1;
    about(
        "a statement whose signature does not verify",
        json!(BASE64_STANDARD.encode(&unsigned)),
    );
    about(
        "a founding that is another statement",
        json!(BASE64_STANDARD.encode(cast.statement(Kind::Enroll).as_bytes())),
    );
    about("a founding that is null", Value::Null);
    about(
        "base64 of another alphabet",
        json!(BASE64_URL_SAFE.encode(found)),
    );
    about(
        "base64 without its padding",
        json!(base64.trim_end_matches('=')),
    );
    about("base64 with more padding", json!(format!("{base64}=")));
    about("base64 in two lines", json!(base64.replacen('A', "A\n", 1)));
    about("base64 with unused bits", json!(with_unused_bits(&base64)));
    about("bytes as numbers", json!(found));
    case("no founding", "about", without(&founded, &["founding"]));
    case("an array of it", "about", format!("[{founded}]"));
    case("cut", "about", founded.trim_end_matches('}').to_owned());
    case("something behind it", "about", format!("{founded},"));

    let has = holdings().to_json();
    for (name, value) in [
        ("a number below zero", "-1"),
        ("a number too large", "18446744073709551616"),
        ("a number with a fraction", "1.5"),
        ("a number with an exponent", "3e2"),
        ("a number as a text", "\"300\""),
        ("a number with a zero before it", "0300"),
    ] {
        case(name, "holdings", has.replace("300", value));
    }
    let (low, up) = ("ab".repeat(32), "AB".repeat(32));
    case("a digest in upper case", "holdings", has.replace(&low, &up));
    case(
        "a digest that is short",
        "holdings",
        has.replace(&low, &"ab".repeat(31)),
    );
    case("no count", "holdings", without(&has, &["count"]));
    case(
        "a count twice",
        "holdings",
        has.replacen('{', "{\"count\":300,", 1),
    );

    let shown = possession().to_json();
    case("no proofs", "possession", without(&shown, &["proofs"]));
    case(
        "a proof without its place",
        "possession",
        shown.replace(",\"place\":255", ""),
    );

    let listing: Listing<Recorded> = Listing {
        damaged: Vec::new(),
        items: vec![recorded(&cast, &cast.statement(Kind::Veto))],
        next: 40,
    };
    let listing = listing.to_json();
    case(
        "no beginning of the next page",
        "entries",
        without(&listing, &["next"]),
    );
    case("no items", "entries", with(&listing, "/items", Value::Null));
    case(
        "an item that is null",
        "entries",
        with(&listing, "/items/0", Value::Null),
    );
    case(
        "an item without a receipt",
        "entries",
        with(&listing, "/items/0", json!({})),
    );
    let receipt = |text: &[u8]| {
        with(
            &listing,
            "/items/0/receipt",
            json!(BASE64_STANDARD.encode(text)),
        )
    };
    case(
        "a receipt that is none",
        "entries",
        receipt(b"c2sp.org/tlog-proof@v1\n"),
    );
    case(
        "a receipt that is no text",
        "entries",
        receipt(&[0xff; 100]),
    );
    let text = recorded(&cast, &cast.statement(Kind::Veto))
        .receipt
        .to_text();
    case(
        "a receipt as its text",
        "entries",
        with(&listing, "/items/0/receipt", json!(text)),
    );

    let release = release(&cast).to_json();
    case(
        "a release without its decision",
        "release",
        without(&release, &["decision"]),
    );

    let request = request(&cast).to_json();
    let wordless = with(&request, "/words", json!([]));
    assert!(again("subject", &wordless).is_some());
    let mut subject = |name: &str, place: &str, value: Value| {
        case(name, "subject", with(&request, place, value));
    };
    let asks_nothing = Policy {
        rules: vec![Rule {
            evidence: Vec::new(),
            ..Rule::code_alone("nothing")
        }],
        ..Policy::code_alone()
    };
    let senseless = SubjectView {
        policy: asks_nothing,
        ..change(&cast)
    };
    let senseless: Value = serde_json::from_str(&senseless.to_json()).unwrap();
    subject(
        "a policy that makes no sense",
        "/policy",
        senseless["policy"].clone(),
    );
    subject(
        "a word that is no statement",
        "/words/0/statement",
        json!("AAAA"),
    );
    subject("a word without a place", "/words/0/index", Value::Null);
    subject(
        "a policy in force that is none",
        "/around/request/scene/in_force",
        json!("AAAA"),
    );
    subject("words that are null", "/words", Value::Null);
    subject("nothing around it", "/around", Value::Null);
    subject(
        "something else around it",
        "/around",
        json!({ "device": {} }),
    );
    let around: Value = serde_json::from_str(&change(&cast).to_json()).unwrap();
    let mut both: Value = serde_json::from_str(&request).unwrap();
    both["around"]["change"] = around["around"]["change"].clone();
    subject("two kinds around it", "/around", both["around"].clone());
    subject(
        "fewer than no deposit released",
        "/around/request/released",
        json!(-1),
    );
    subject(
        "a yes that is a number",
        "/around/request/scene/departed",
        json!(1),
    );
    subject(
        "an asker in upper case",
        "/around/request/scene/asker",
        json!("AB".repeat(32)),
    );
    subject(
        "a label that is a number",
        "/around/request/scene/labels/team",
        json!(1),
    );
    subject(
        "a sponsorship by nobody",
        "/around/request/scene/sponsors/0/by",
        Value::Null,
    );
    subject(
        "a device that is no key",
        "/around/request/owner/devices/0",
        json!("ab"),
    );
    let change = change(&cast).to_json();
    case(
        "a time below zero",
        "subject",
        with(&change, "/around/change/superseded", json!(-1)),
    );
    case(
        "a time as people write it",
        "subject",
        with(
            &change,
            "/around/change/superseded",
            json!("2026-09-21T14:13:20Z"),
        ),
    );
    page
}

/// The text with another value in one place.
fn with(text: &str, place: &str, value: Value) -> String {
    let mut json: Value = serde_json::from_str(text).unwrap();
    *json.pointer_mut(place).expect(place) = value;
    json.to_string()
}

/// The text without some fields.
fn without(text: &str, fields: &[&str]) -> String {
    let mut json: Value = serde_json::from_str(text).unwrap();
    for field in fields {
        json.as_object_mut().unwrap().remove(*field).expect(field);
    }
    json.to_string()
}

/// The same bytes to who passes over the bits of the last digit that say nothing.
fn with_unused_bits(base64: &str) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut digits = base64.trim_end_matches('=').to_owned();
    let padding = base64.len() - digits.len();
    assert!(padding > 0, "there are no unused bits");
    let last = digits.pop().unwrap();
    let value = DIGITS.iter().position(|digit| char::from(*digit) == last);
    digits.push(DIGITS[value.unwrap() | 1].into());
    digits + &"=".repeat(padding)
}

/// What a text is written as again, by the view that it is of; nothing if it is none.
fn again(view: &str, json: &str) -> Option<String> {
    match view {
        "about" => About::from_json(json).ok().map(|view| view.to_json()),
        "entries" => Listing::<Recorded>::from_json(json)
            .ok()
            .map(|view| view.to_json()),
        "holdings" => Holdings::from_json(json).ok().map(|view| view.to_json()),
        "possession" => Possession::from_json(json).ok().map(|view| view.to_json()),
        "release" => ReleasePage::from_json(json).ok().map(|view| view.to_json()),
        "subject" => SubjectView::from_json(json).ok().map(|view| view.to_json()),
        other => panic!("{other} is no view"),
    }
}

#[test]
fn vectors_of_views_are_read() {
    for vector in vectors::read("views/accept.txt") {
        let json = vector.one("json");
        let writes = vector.all("writes");
        let expected = writes.first().copied().unwrap_or(json);
        assert_eq!(
            again(vector.one("view"), json).as_deref(),
            Some(expected),
            "{vector}"
        );
    }
}

#[test]
fn vectors_of_what_is_no_view_are_refused() {
    for vector in vectors::read("views/reject.txt") {
        assert_eq!(
            again(vector.one("view"), vector.one("json")),
            None,
            "{vector}"
        );
    }
}

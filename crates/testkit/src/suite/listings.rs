//! What each kind of caller is listed, in what order, and on what pages.

use strongroom_protocol::id::{Digest, StatementId};
use strongroom_protocol::keys::{SigningKey, VerifyingKey};
use strongroom_protocol::policy::Policy;
use strongroom_protocol::statement::{Draft, Kind, Particulars, SignedStatement, Word};
use strongroom_protocol::{Authority, Listed, QueryError, Recorded, ReleaseError, Select};

use super::people::{APPROVED, CAS, Staff, asked, assert_released, by, owner, say};
use super::{Setting, assert_refused};
use crate::blob::own_blob;
use crate::listing::{list, listed, look};
use crate::owner::{Owner, submit};
use crate::person::{Person, ask_change};

pub(super) fn all(found: &mut dyn FnMut(Policy) -> Setting) {
    let staff = Staff::new();
    an_owners_listing_has_what_concerns_the_owner_and_everybody(&found(others(&staff)), &staff);
    listings_of_owners_are_for_their_devices_and_the_operator(&found(staff.policy()), &staff);
    everybody_is_listed_the_subjects_they_may_see(&found(others(&staff)), &staff);
    what_is_decided_is_open_no_more_and_what_is_approved_until_it_is_out(
        &found(staff.policy()),
        &staff,
    );
    a_page_is_full_or_the_last(&found(Policy::code_alone()));
    a_page_of_long_statements_is_full_sooner(&found(Policy::code_alone()));
    a_page_is_proved_in_one_checkpoint(&found(Policy::code_alone()));
    who_shows_nothing_is_shown_the_log_and_no_more(&found(staff.policy()), &staff);
}

/// Officers approve, of the desk's asking too.
fn others(staff: &Staff) -> Policy {
    let mut policy = staff.policy();
    let own = by("board");
    policy.rules = vec![
        strongroom_protocol::policy::Rule {
            name: "others".to_owned(),
            wait_millis: 0,
            veto: false,
            asker: strongroom_protocol::policy::Asker::Group("desk".to_owned()),
            ..own.clone()
        },
        own,
    ];
    policy
}

fn change(setting: &Setting, key: &SigningKey) -> SignedStatement {
    let old = setting.in_force();
    let lapse_millis = old.lapse_millis - 1;
    let policy = Policy {
        lapse_millis,
        ..old.clone()
    };
    let change = ask_change(&setting.about(), &old, policy, setting.now(), key);
    submit(&*setting.operator(), &change);
    change
}

fn kinds(authority: &dyn Authority, select: Select) -> Vec<Kind> {
    let entries = list(authority, select).unwrap();
    entries.iter().map(|entry| entry.statement.kind()).collect()
}

fn an_owners_listing_has_what_concerns_the_owner_and_everybody(setting: &Setting, staff: &Staff) {
    let authority = setting.operator();
    let victim = owner(&*authority, 1);
    let mut boss = owner(&*authority, CAS);
    let stranger = owner(&*authority, 2);
    let foreign = boss.ask_for(&victim, victim.everything(&*authority), setting.now());
    submit(&*authority, &foreign.statement);
    let said = staff.ann.say_departed(&setting.about(), victim.id, false);
    submit(&*authority, &said);
    let two = [&staff.ann, &staff.ben];
    say(&*authority, &two, Word::Approve, &foreign);
    assert_released(setting, &victim, &foreign);
    let change = change(setting, &staff.cas.keys[0]);
    submit(&*authority, &staff.ann.say_of_change(Word::Deny, &change));
    (setting.make_rsa_key)();

    let of_request = [
        Kind::Request,
        Kind::Approval,
        Kind::Approval,
        Kind::Decision,
        Kind::Release,
    ];
    let of_everybody = [
        Kind::PolicyChange,
        Kind::Approval,
        Kind::Decision,
        Kind::RsaKey,
    ];
    let own = [Kind::Found, Kind::Enroll, Kind::Deposit];
    // Whose keys they are and who asks see all of a request; that somebody departed is nobody's to see.
    for owner in [&victim, &boss] {
        let device = setting.device(owner.device.verifying_key());
        let seen = kinds(&*device, Select::Owner(owner.id));
        assert_eq!(seen, [&own[..], &of_request, &of_everybody].concat());
        assert_eq!(kinds(&*authority, Select::Owner(owner.id)), seen);
    }
    let device = setting.device(stranger.device.verifying_key());
    let seen = kinds(&*device, Select::Owner(stranger.id));
    assert_eq!(seen, [&own[..], &of_everybody].concat());
    // From the middle on, the same.
    let all = list(&*device, Select::Owner(stranger.id)).unwrap();
    for (place, entry) in all.iter().enumerate() {
        let index = entry.receipt.index();
        let page = device.entries(Select::Owner(stranger.id), index).unwrap();
        let rest = page.items.iter().map(|item| item.statement.id());
        assert!(rest.eq(all[place..].iter().map(|entry| entry.statement.id())));
    }
    let end = device.entries(Select::Owner(stranger.id), setting.size());
    assert!(end.unwrap().items.is_empty());
}

fn listings_of_owners_are_for_their_devices_and_the_operator(setting: &Setting, staff: &Staff) {
    let authority = setting.operator();
    let mut owner = owner(&*authority, 1);
    let other = Owner::enrolled(&*authority, 2);
    let asked = asked(setting, &mut owner);
    let select = Select::Owner(owner.id);
    let refused = |key: &SigningKey| {
        let seen = setting.device(key.verifying_key()).entries(select, 0);
        assert!(matches!(seen, Err(QueryError::NotFound)), "{seen:?}");
    };
    for key in [
        &other.device,
        &owner.code,
        &asked.device,
        &staff.ann.keys[0],
    ] {
        refused(key);
    }
    let nobody = authority.entries(Select::Owner(Owner::id_of(9)), 0);
    assert!(matches!(nobody, Err(QueryError::NotFound)));
    // The device that asks is the owner's once that is approved.
    let two = [&staff.ann, &staff.ben];
    say(&*authority, &two, Word::Approve, &asked);
    let device = setting.device(asked.device.verifying_key());
    let seen = listed(&*device, select);
    assert_eq!(seen, listed(&*authority, select));
    assert!(seen.contains(&asked.statement.id()));
}

fn everybody_is_listed_the_subjects_they_may_see(setting: &Setting, staff: &Staff) {
    let authority = setting.operator();
    let (mut one, mut other) = (owner(&*authority, 1), owner(&*authority, 2));
    let mut boss = owner(&*authority, CAS);
    let first = asked(setting, &mut one);
    let second = asked(setting, &mut other);
    let foreign = boss.ask_for(&one, one.everything(&*authority), setting.now());
    submit(&*authority, &foreign.statement);
    let change = change(setting, &other.device);
    let (a, b, c, d) = (
        first.statement.id(),
        second.statement.id(),
        foreign.statement.id(),
        change.id(),
    );
    let code = &one.code;
    let sees: [(&str, Option<VerifyingKey>, &[StatementId]); 8] = [
        ("the operator", None, &[a, b, c, d]),
        (
            "an officer",
            Some(staff.ann.keys[1].verifying_key()),
            &[a, b, c, d],
        ),
        (
            "whose keys they are",
            Some(one.device.verifying_key()),
            &[a, c, d],
        ),
        ("another owner", Some(other.device.verifying_key()), &[b, d]),
        (
            "who asks for another's",
            Some(boss.device.verifying_key()),
            &[c, d],
        ),
        ("a new device", Some(first.device.verifying_key()), &[a]),
        (
            "another new device",
            Some(second.device.verifying_key()),
            &[b],
        ),
        ("a recovery code's key", Some(code.verifying_key()), &[]),
    ];
    for (who, key, subjects) in sees {
        let session = match key {
            None => setting.operator(),
            Some(key) => setting.device(key),
        };
        for select in [Select::Subjects, Select::Open] {
            assert_eq!(listed(&*session, select), subjects, "{who}");
        }
        for id in [a, b, c, d] {
            match look(&*session, id) {
                Ok(subject) => {
                    assert!(subjects.contains(&id), "{who}");
                    assert_eq!(subject.asked().id(), id);
                }
                Err(QueryError::NotFound) => assert!(!subjects.contains(&id), "{who}"),
                Err(error) => panic!("{error}"),
            }
        }
        // What is no request and no change is no subject, whoever asks.
        let founding = setting.about().statement().id();
        assert!(matches!(
            session.subject(founding),
            Err(QueryError::NotFound)
        ));
    }
}

fn what_is_decided_is_open_no_more_and_what_is_approved_until_it_is_out(
    setting: &Setting,
    staff: &Staff,
) {
    let authority = setting.operator();
    let mut owner = Owner::enrolled(&*authority, 1);
    for count in [256, 1] {
        submit(&*authority, &owner.deposit(count));
    }
    let (wanted, denied) = (asked(setting, &mut owner), asked(setting, &mut owner));
    let change = change(setting, &staff.cas.keys[0]);
    let device = setting.device(owner.device.verifying_key());
    let open = || {
        let open = listed(&*authority, Select::Open);
        assert_eq!(listed(&*device, Select::Open), open);
        open
    };
    let (wanted_id, denied_id) = (wanted.statement.id(), denied.statement.id());
    assert_eq!(open(), [wanted_id, denied_id, change.id()]);
    submit(&*authority, &staff.ann.say_of_change(Word::Deny, &change));
    assert_eq!(open(), [wanted_id, denied_id]);
    // Each of these denies a rule, and the vetoed code is the other.
    submit(&*authority, &owner.veto_by(&denied, &owner.device));
    say(&*authority, &[&staff.ben], Word::Deny, &denied);
    let two = [&staff.ann, &staff.ben];
    say(&*authority, &two, Word::Approve, &wanted);
    assert_eq!(setting.look(&wanted.statement).state, APPROVED);
    assert!(open().contains(&wanted_id));
    authority.release(wanted_id, 0).unwrap();
    assert!(open().contains(&wanted_id), "there is a page more");
    authority.release(wanted_id, 1).unwrap();
    assert!(!open().contains(&wanted_id));
    let all = listed(&*authority, Select::Subjects);
    assert_eq!(all, [wanted_id, denied_id, change.id()]);
}

/// Reads a listing page by page, and sees that each is full, or the last.
fn page_sizes(authority: &dyn Authority, select: Select) -> Vec<usize> {
    let size = authority.checkpoint().unwrap().checkpoint().size;
    let (mut from, mut sizes) = (0, Vec::new());
    while from < size {
        let page = authority.entries(select, from).unwrap();
        assert!(page.next > from);
        assert!(page.is_full() || page.next == size, "{sizes:?}");
        // Without its last item it would not have been.
        let bytes: usize = page.items.iter().map(Listed::bytes).sum();
        let last = page.items.last().map_or(0, Listed::bytes);
        assert!(bytes - last < Recorded::PAGE_BYTES);
        assert!(page.items.len() <= Recorded::PAGE_ITEMS);
        sizes.push(page.items.len());
        from = page.next;
    }
    sizes
}

fn a_page_is_full_or_the_last(setting: &Setting) {
    let authority = setting.operator();
    let about = setting.about();
    let (mut owner, mut other) = (Owner::new(&about, 1), Owner::new(&about, 2));
    for owner in [&mut owner, &mut other] {
        submit(&*authority, &owner.enrolment());
        submit(&*authority, &owner.deposit(1));
    }
    // Short ones: what a file has for a blob now.
    let mut number = 0_u64;
    let mut say = |owner: &Owner, count| {
        for _ in 0..count {
            number += 1;
            let digest = Digest::of(&[&number.to_be_bytes()]);
            let serial = *owner.keys.keys().next().unwrap();
            let said = own_blob(&about, owner.id, serial, digest, &owner.device);
            submit(&*authority, &said);
        }
    };
    say(&owner, 253);
    let select = Select::Owner(owner.id);
    // With the founding, the enrolment and the deposit it is just one page.
    assert_eq!(page_sizes(&*authority, select), [256]);
    say(&other, 3);
    assert_eq!(page_sizes(&*authority, select), [256]);
    say(&owner, 1);
    assert_eq!(page_sizes(&*authority, select), [256, 1]);
    let page = authority.entries(select, 0).unwrap();
    // The next page begins where there is something, behind what is others'.
    assert_eq!(page.next, 1 + 2 + 2 + 253 + 3);
    assert_eq!(list(&*authority, select).unwrap().len(), 257);
    let leaves = authority.leaves(1).unwrap();
    assert_eq!((leaves.items.len(), leaves.next), (261, setting.size()));
}

fn a_page_of_long_statements_is_full_sooner(setting: &Setting) {
    let authority = setting.operator();
    let mut owner = Owner::enrolled(&*authority, 1);
    for _ in 0..4 {
        let drafts: Vec<Draft> = (0..100)
            .map(|_| {
                let draft = owner.draft();
                let attachment = vec![7; Particulars::ATTACHMENT_BYTES_MAX];
                let named = draft.particulars.with_name("a long secret").unwrap();
                Draft {
                    particulars: named.with_attachment(attachment).unwrap(),
                    ..draft
                }
            })
            .collect();
        submit(&*authority, &owner.deposit_of(&drafts));
    }
    let sizes = page_sizes(&*authority, Select::Owner(owner.id));
    assert!(sizes.len() > 1, "{sizes:?}");
    assert_eq!(sizes.iter().sum::<usize>(), 6);
}

fn a_page_is_proved_in_one_checkpoint(setting: &Setting) {
    let authority = setting.operator();
    let mut owner = Owner::enrolled(&*authority, 1);
    for _ in 0..5 {
        submit(&*authority, &owner.deposit(1));
    }
    let entries = list(&*authority, Select::Owner(owner.id)).unwrap();
    let newest = authority.checkpoint().unwrap();
    for entry in entries {
        let checkpoint = entry.receipt.checkpoint();
        assert_eq!(checkpoint.as_text(), newest.as_text());
    }
}

fn who_shows_nothing_is_shown_the_log_and_no_more(setting: &Setting, staff: &Staff) {
    let authority = setting.operator();
    let mut owner = owner(&*authority, 1);
    let asked = asked(setting, &mut owner);
    let two = [&staff.ann, &staff.ben];
    say(&*authority, &two, Word::Approve, &asked);
    let anybody = setting.anybody();
    assert_eq!(
        anybody.about().unwrap().authority(),
        setting.about().authority()
    );
    assert_eq!(anybody.holdings(owner.id).unwrap().count, 2);
    let size = anybody.checkpoint().unwrap().checkpoint().size;
    assert_eq!(anybody.leaves(0).unwrap().items.len() as u64, size);
    anybody.consistency(1, size).unwrap();
    for select in [Select::Open, Select::Owner(owner.id), Select::Subjects] {
        let seen = anybody.entries(select, 0);
        assert!(matches!(seen, Err(QueryError::NotFound)), "{select:?}");
    }
    let id = asked.statement.id();
    assert!(matches!(anybody.subject(id), Err(QueryError::NotFound)));
    let released = anybody.release(id, 0);
    assert!(matches!(released, Err(ReleaseError::NotFound)));
    // What is signed speaks for itself, whoever brings it.
    let deposit = owner.deposit(1);
    submit(&*anybody, &deposit);
    let enrolment = Owner::new(&setting.about(), 5).enrolment();
    submit(&*anybody, &enrolment);
    let zoe = Person::new("zoe", 1).say(Word::Approve, &asked);
    assert_refused!(anybody.submit(&zoe), Author);
}

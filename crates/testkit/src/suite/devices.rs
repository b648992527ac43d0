//! What owners say of their devices (spec/statement.md#device): who may, and how a revoked one is nobody's from then on.

use strongroom_protocol::id::{Digest, Time};
use strongroom_protocol::keys::SigningKey;
use strongroom_protocol::policy::{Around, Asker, Policy, Reason, Rule, SubjectState};
use strongroom_protocol::statement::{DeviceName, DeviceWord, OwnBlob, SignedStatement, Word};
use strongroom_protocol::{QueryError, ReleaseError, Select};

use super::people::{self, APPROVED, DAY, Staff, asked, assert_kept, assert_released, say, state};
use super::{Setting, assert_refused};
use crate::listing::listed;
use crate::owner::{Asked, Owner, submit};
use crate::person::ask_change;

pub(super) fn all(found: &mut dyn FnMut(Policy) -> Setting) {
    let staff = Staff::new();
    let mut code = || found(Policy::code_alone());
    a_device_is_named_and_revoked_by_the_owners_devices_alone(&code());
    a_revoked_device_says_nothing_more(&code());
    a_revoked_device_is_shown_what_anybody_is(&code());
    the_last_device_is_not_revoked(&code());
    revoked_is_for_good(&code());
    whoever_lost_all_devices_to_a_thief_recovers_and_revokes_the_thiefs(&code());
    words_on_devices_are_listed_to_their_owner_and_sent_again_are_the_same(&code());
    a_device_joins_by_an_invitation_and_is_one_as_others_are(&code());
    an_invitation_is_used_once(&code());
    an_invitation_ends(&code());
    an_invitation_is_withdrawn_and_ends_with_the_device_that_made_it(&code());
    nobody_joins_but_by_the_owners_own_invitation(&code());
    a_veto_stays_when_its_device_is_revoked(&found(staff.policy()), &staff);
    a_revoked_device_vetoes_no_more(&found(staff.policy()), &staff);
    a_revoked_device_asks_for_nobody(&found(for_askers(&staff)), &staff);
    a_change_stays_its_officers_when_the_asking_device_is_revoked(&found(staff.policy()), &staff);
}

/// An owner with two deposits and two devices.
fn owner(setting: &Setting, seed: u64) -> (Owner, SigningKey) {
    let authority = setting.operator();
    let mut owner = people::owner(&*authority, seed);
    let second = owner.recover_device(&*authority, setting.now());
    (owner, second)
}

fn name(text: &str) -> DeviceWord {
    DeviceWord::Name(DeviceName::new(text.to_owned()).unwrap())
}

fn copy(key: &SigningKey) -> SigningKey {
    SigningKey::from_seed(key.expose_seed())
}

fn a_device_is_named_and_revoked_by_the_owners_devices_alone(setting: &Setting) {
    let authority = setting.operator();
    let (owner, second) = owner(setting, 1);
    let other = Owner::enrolled(&*authority, 2);
    let stranger = SigningKey::from_seed(&[9; 32]);
    let before = setting.size();
    for word in [name("laptop"), DeviceWord::Revoke] {
        for by in [&stranger, &other.device, &owner.code] {
            let word = word.clone();
            let said = owner.word_on(second.verifying_key(), word, by, setting.now());
            assert_refused!(authority.submit(&said), Author);
        }
        // Another owner's device, a stranger's key and the code's are no devices of the owner's.
        for of in [&stranger, &other.device, &owner.code] {
            let word = word.clone();
            let said = owner.word_on(of.verifying_key(), word, &owner.device, setting.now());
            assert_refused!(authority.submit(&said), Holdings);
        }
        let key = second.verifying_key();
        let said = other.word_on(key, word, &owner.device, setting.now());
        assert_refused!(authority.submit(&said), Author);
    }
    assert_eq!(setting.size(), before);
    let named = |of: &SigningKey, by: &SigningKey| {
        let (of, now) = (of.verifying_key(), setting.now());
        submit(&*authority, &owner.word_on(of, name("laptop"), by, now));
    };
    named(&second, &owner.device);
    named(&owner.device, &second);
    named(&second, &second);
    submit(&*authority, &owner.revocation(&second, &owner.device));
    // So that its owner knows which it was; and two machines may say the same at once.
    named(&second, &owner.device);
    let again = owner.word_on(
        second.verifying_key(),
        DeviceWord::Revoke,
        &owner.device,
        setting.now(),
    );
    submit(&*authority, &again);
}

fn a_revoked_device_says_nothing_more(setting: &Setting) {
    let authority = setting.operator();
    let (mut owner, second) = owner(setting, 1);
    let third = owner.recover_device(&*authority, setting.now());
    let kept = owner.deposit_by(&second);
    submit(&*authority, &kept);
    // Its request, which it may veto no more, and that it may not stop.
    let asked = asked(setting, &mut owner);
    submit(&*authority, &owner.revocation(&second, &owner.device));
    let held = authority.holdings(owner.id).unwrap();
    let before = setting.size();
    let (serial, _) = owner.keys.first_key_value().unwrap();
    let own_blob = OwnBlob {
        authority: setting.about().authority(),
        owner: owner.id,
        serial: *serial,
        digest: Digest::from_bytes([1; 32]),
    };
    let (founded, now) = (setting.about(), setting.now());
    let policy = Policy {
        lapse_millis: 1,
        ..Policy::code_alone()
    };
    let said = [
        owner.deposit_by(&second),
        SignedStatement::sign(own_blob, &second),
        owner.veto_by(&asked, &second),
        owner.revocation(&third, &second),
        owner.revocation(&second, &second),
        owner.word_on(second.verifying_key(), name("mine"), &second, now),
        ask_change(&founded, &founded.found().policy, policy, now, &second),
    ];
    for said in &said {
        assert_refused!(authority.submit(said), Author);
    }
    assert_eq!(setting.size(), before);
    // What it deposited stays, and the same bytes have the entry that they had.
    let receipt = submit(&*authority, &kept);
    assert!(receipt.index() < before);
    assert_eq!(authority.holdings(owner.id).unwrap().count, held.count);
    assert_eq!(held.count, 3);
    submit(&*authority, &owner.deposit_by(&third));
}

fn a_revoked_device_is_shown_what_anybody_is(setting: &Setting) {
    let (mut owner, second) = owner(setting, 1);
    let foreign = asked(setting, &mut owner);
    let revoked = setting.device(second.verifying_key());
    assert!(!listed(&*revoked, Select::Owner(owner.id)).is_empty());
    assert!(listed(&*revoked, Select::Subjects).len() > 1);
    submit(
        &*setting.operator(),
        &owner.revocation(&second, &owner.device),
    );
    let entries = revoked.entries(Select::Owner(owner.id), 0);
    assert!(matches!(entries, Err(QueryError::NotFound)));
    let subject = revoked.subject(foreign.statement.id());
    assert!(matches!(subject, Err(QueryError::NotFound)));
    let released = revoked.release(foreign.statement.id(), 0);
    assert!(matches!(released, Err(ReleaseError::NotFound)));
    // What it asked itself is left to it, as to any key.
    assert_eq!(listed(&*revoked, Select::Subjects).len(), 1);
    assert_eq!(revoked.holdings(owner.id).unwrap().count, 2);
}

fn the_last_device_is_not_revoked(setting: &Setting) {
    let authority = setting.operator();
    let (owner, second) = owner(setting, 1);
    // A device may revoke itself, as long as there is another.
    submit(&*authority, &owner.revocation(&owner.device, &owner.device));
    let last = owner.revocation(&second, &second);
    assert_refused!(authority.submit(&last), LastDevice);
    let other = Owner::enrolled(&*authority, 2);
    let last = other.revocation(&other.device, &other.device);
    assert_refused!(authority.submit(&last), LastDevice);
}

fn revoked_is_for_good(setting: &Setting) {
    let authority = setting.operator();
    let (mut owner, second) = owner(setting, 1);
    // It asked before it was revoked, and asks again after.
    let ask = |owner: &mut Owner| -> Asked {
        let scope = owner.everything(&*authority);
        let asked = owner.ask_by(copy(&second), scope, setting.now(), |_| {});
        submit(&*authority, &asked.statement);
        asked
    };
    let before = ask(&mut owner);
    submit(&*authority, &owner.revocation(&second, &owner.device));
    let after = ask(&mut owner);
    for asked in [&before, &after] {
        let view = setting.look(&asked.statement);
        let Around::Request { owner: keys, .. } = view.subject.around() else {
            panic!("a request");
        };
        assert_eq!(keys.revoked, [second.verifying_key()]);
        submit(&*authority, &owner.evidence(asked));
        // The keys are what the policy decides on, and are released; the device stays nobody's.
        assert_released(setting, &owner, asked);
    }
    assert_refused!(authority.submit(&owner.deposit_by(&second)), Author);
    let entries = setting
        .device(second.verifying_key())
        .entries(Select::Owner(owner.id), 0);
    assert!(matches!(entries, Err(QueryError::NotFound)));
}

fn whoever_lost_all_devices_to_a_thief_recovers_and_revokes_the_thiefs(setting: &Setting) {
    let authority = setting.operator();
    let (mut owner, thiefs) = owner(setting, 1);
    submit(&*authority, &owner.revocation(&owner.device, &thiefs));
    assert_refused!(
        authority.submit(&owner.revocation(&thiefs, &owner.device)),
        Author
    );
    let new = owner.recover_device(&*authority, setting.now());
    submit(&*authority, &owner.revocation(&thiefs, &new));
    assert_refused!(authority.submit(&owner.deposit_by(&thiefs)), Author);
    assert_refused!(authority.submit(&owner.revocation(&new, &thiefs)), Author);
    submit(&*authority, &owner.deposit_by(&new));
}

fn words_on_devices_are_listed_to_their_owner_and_sent_again_are_the_same(setting: &Setting) {
    let authority = setting.operator();
    let (owner, second) = owner(setting, 1);
    let other = Owner::enrolled(&*authority, 2);
    let named = |text, millis| {
        let time = setting.now().plus_millis(millis);
        owner.word_on(second.verifying_key(), name(text), &owner.device, time)
    };
    let said = [named("one", 0), named("two", 1), named("one", 2)];
    let places: Vec<_> = said
        .iter()
        .map(|said| submit(&*authority, said).index())
        .collect();
    for (said, place) in said.iter().zip(&places).rev() {
        assert_eq!(submit(&*authority, said).index(), *place);
    }
    assert!(places.is_sorted_by(|one, next| one < next));
    let device = setting.device(second.verifying_key());
    let all = listed(&*device, Select::Owner(owner.id));
    let ids: Vec<_> = said.iter().map(SignedStatement::id).collect();
    assert!(all.ends_with(&ids));
    let theirs = setting.device(other.device.verifying_key());
    let theirs = listed(&*theirs, Select::Owner(other.id));
    assert!(ids.iter().all(|id| !theirs.contains(id)));
}

fn key(byte: u8) -> SigningKey {
    SigningKey::from_seed(&[byte; 32])
}

/// An owner who has invited with the key 0x70, for a day.
fn invited(setting: &Setting) -> (Owner, SigningKey) {
    let authority = setting.operator();
    let owner = people::owner(&*authority, 1);
    let until = setting.now().plus_millis(DAY);
    let invitation = key(0x70);
    submit(
        &*authority,
        &owner.invitation(&invitation, &owner.device, until),
    );
    (owner, invitation)
}

fn a_device_joins_by_an_invitation_and_is_one_as_others_are(setting: &Setting) {
    let authority = setting.operator();
    let (mut owner, invitation) = invited(setting);
    let joins = key(0x71);
    let shown = setting.device(joins.verifying_key());
    let entries = |key: &SigningKey| {
        let device = setting.device(key.verifying_key());
        device.entries(Select::Owner(owner.id), 0)
    };
    assert!(matches!(entries(&joins), Err(QueryError::NotFound)));
    // It says it itself, to whom it is nobody yet.
    submit(&*shown, &owner.joining(&joins, &invitation));
    assert!(entries(&joins).is_ok());
    // The invitation's own key is none.
    assert!(matches!(entries(&invitation), Err(QueryError::NotFound)));
    assert_refused!(authority.submit(&owner.deposit_by(&invitation)), Author);
    submit(&*authority, &owner.deposit_by(&joins));
    let named = owner.word_on(invitation.verifying_key(), name("x"), &joins, setting.now());
    assert_refused!(authority.submit(&named), Holdings);
    submit(&*authority, &owner.revocation(&owner.device, &joins));
    // It stays, and is the last one now.
    submit(&*authority, &owner.deposit_by(&joins));
    let last = owner.revocation(&joins, &joins);
    assert_refused!(authority.submit(&last), LastDevice);
}

fn an_invitation_is_used_once(setting: &Setting) {
    let authority = setting.operator();
    let (mut owner, invitation) = invited(setting);
    let until = setting.now().plus_millis(DAY);
    let first = owner.joining(&key(0x71), &invitation);
    let place = submit(&*authority, &first).index();
    let size = setting.size();
    assert_refused!(
        authority.submit(&owner.joining(&key(0x72), &invitation)),
        Used
    );
    // The same bytes are the same entry, whoever sends them, also when its time is over.
    setting.clock.advance_millis(2 * DAY);
    assert_eq!(submit(&*authority, &first).index(), place);
    // A key is one thing: no device's is an invitation's, and no invitation's is another's.
    for known in [&invitation, &owner.device, &key(0x71)] {
        let again = owner.invitation(known, &owner.device, until.plus_millis(2 * DAY));
        assert_refused!(authority.submit(&again), Used);
    }
    assert_eq!(setting.size(), size);
    let second = key(0x73);
    let until = setting.now().plus_millis(DAY);
    submit(
        &*authority,
        &owner.invitation(&second, &owner.device, until),
    );
    for device in [&key(0x71), &owner.device, &second, &invitation] {
        assert_refused!(authority.submit(&owner.joining(device, &second)), Used);
    }
    submit(&*authority, &owner.joining(&key(0x74), &second));
    submit(&*authority, &owner.deposit_by(&key(0x74)));
}

fn an_invitation_ends(setting: &Setting) {
    let authority = setting.operator();
    let (owner, invitation) = invited(setting);
    let now = setting.now();
    let days = |days| now.plus_millis(days * DAY);
    for until in [now, days(31), Time::from_millis(u64::MAX)] {
        let wrong = owner.invitation(&key(0x72), &owner.device, until);
        assert_refused!(authority.submit(&wrong), Expiry);
    }
    submit(
        &*authority,
        &owner.invitation(&key(0x72), &owner.device, days(30)),
    );
    setting.clock.advance_millis(DAY + 1);
    let late = owner.joining(&key(0x71), &invitation);
    assert_refused!(authority.submit(&late), Expiry);
    submit(&*authority, &owner.joining(&key(0x71), &key(0x72)));
}

fn an_invitation_is_withdrawn_and_ends_with_the_device_that_made_it(setting: &Setting) {
    let authority = setting.operator();
    let (mut owner, invitation) = invited(setting);
    submit(&*authority, &owner.revocation(&invitation, &owner.device));
    let joins = owner.joining(&key(0x71), &invitation);
    assert_refused!(authority.submit(&joins), Author);
    let second = owner.recover_device(&*authority, setting.now());
    let until = setting.now().plus_millis(DAY);
    submit(&*authority, &owner.invitation(&key(0x72), &second, until));
    submit(&*authority, &owner.invitation(&key(0x73), &second, until));
    submit(&*authority, &owner.joining(&key(0x74), &key(0x73)));
    submit(&*authority, &owner.revocation(&second, &owner.device));
    let joins = owner.joining(&key(0x71), &key(0x72));
    assert_refused!(authority.submit(&joins), Author);
    let again = owner.invitation(&key(0x75), &second, until);
    assert_refused!(authority.submit(&again), Author);
    submit(&*authority, &owner.deposit_by(&key(0x74)));
}

fn nobody_joins_but_by_the_owners_own_invitation(setting: &Setting) {
    let authority = setting.operator();
    let (owner, invitation) = invited(setting);
    let mallory = Owner::enrolled(&*authority, 2);
    let until = setting.now().plus_millis(DAY);
    for by in [&mallory.device, &owner.code, &invitation, &key(0x79)] {
        let wrong = owner.invitation(&key(0x72), by, until);
        assert_refused!(authority.submit(&wrong), Author);
    }
    // By a key that is no invitation's, or another owner's.
    for by in [&key(0x72), &owner.device, &mallory.device] {
        let joins = owner.joining(&key(0x71), by);
        assert_refused!(authority.submit(&joins), Author);
    }
    let joins = mallory.joining(&key(0x71), &invitation);
    assert_refused!(authority.submit(&joins), Author);
    // A key that was revoked stays so.
    submit(&*authority, &owner.joining(&key(0x71), &invitation));
    submit(&*authority, &owner.revocation(&key(0x71), &owner.device));
    submit(
        &*authority,
        &owner.invitation(&key(0x72), &owner.device, until),
    );
    let joins = owner.joining(&key(0x71), &key(0x72));
    assert_refused!(authority.submit(&joins), Author);
}

/// If it did not, whoever has one of the owner's devices would revoke the other, and go on.
fn a_veto_stays_when_its_device_is_revoked(setting: &Setting, staff: &Staff) {
    let authority = setting.operator();
    let mut owner = people::owner(&*authority, 1);
    let recovered = asked(setting, &mut owner);
    say(
        &*authority,
        &[&staff.ann, &staff.ben],
        Word::Approve,
        &recovered,
    );
    let thiefs = copy(&recovered.device);
    let scope = owner.everything(&*authority);
    let asks = owner.ask_by(copy(&thiefs), scope, setting.now(), |_| {});
    submit(&*authority, &asks.statement);
    submit(&*authority, &owner.evidence(&asks));
    submit(&*authority, &owner.veto_by(&asks, &owner.device));
    submit(&*authority, &owner.revocation(&owner.device, &thiefs));
    setting.clock.advance_millis(2 * DAY);
    let vetoed = |reason: &Reason| matches!(reason, Reason::Vetoed { .. });
    assert_eq!(state(setting, &asks), SubjectState::Requested);
    assert!(people::reasons(setting, &asks).iter().any(vetoed));
    assert_kept(&*authority, &asks);
    // Officers can say that it is not to count, as of any veto.
    say(
        &*authority,
        &[&staff.ann, &staff.ben],
        Word::Overrule,
        &asks,
    );
    assert_released(setting, &owner, &asks);
}

/// A thief's veto stays no longer than the request.
fn a_revoked_device_vetoes_no_more(setting: &Setting, staff: &Staff) {
    let authority = setting.operator();
    let mut owner = people::owner(&*authority, 1);
    let thiefs = copy(&owner.device);
    let first = asked(setting, &mut owner);
    submit(&*authority, &owner.veto_by(&first, &thiefs));
    say(
        &*authority,
        &[&staff.ann, &staff.ben],
        Word::Approve,
        &first,
    );
    say(
        &*authority,
        &[&staff.ann, &staff.ben],
        Word::Overrule,
        &first,
    );
    submit(&*authority, &owner.evidence(&first));
    setting.clock.advance_millis(DAY);
    assert_eq!(state(setting, &first), APPROVED);
    submit(&*authority, &owner.revocation(&thiefs, &first.device));
    let next = asked(setting, &mut owner);
    assert_refused!(authority.submit(&owner.veto_by(&next, &thiefs)), Author);
    submit(&*authority, &owner.evidence(&next));
    setting.clock.advance_millis(2 * DAY);
    assert_eq!(state(setting, &next), APPROVED);
    assert_released(setting, &owner, &next);
}

/// The staff's policy, by which an officer who is an owner asks for others' keys.
fn for_askers(staff: &Staff) -> Policy {
    let mut policy = staff.policy();
    policy.groups.push(people::group("askers", 1, &["cas"]));
    policy.rules.push(Rule {
        asker: Asker::Group("askers".to_owned()),
        name: "leavers".to_owned(),
        ..people::by("board")
    });
    policy
}

fn a_revoked_device_asks_for_nobody(setting: &Setting, staff: &Staff) {
    let authority = setting.operator();
    let leaver = people::owner(&*authority, 1);
    let mut cas = people::owner(&*authority, people::CAS);
    let recovered = asked(setting, &mut cas);
    say(
        &*authority,
        &[&staff.ann, &staff.ben],
        Word::Approve,
        &recovered,
    );
    let scope = leaver.everything(&*authority);
    let before = cas.ask_for(&leaver, scope.clone(), setting.now());
    submit(&*authority, &before.statement);
    submit(&*authority, &cas.revocation(&cas.device, &recovered.device));
    let after = cas.ask_for(&leaver, scope, setting.now());
    submit(&*authority, &after.statement);
    // Who asked then stays who asked; from the revocation on the key is a stranger's, which says to be the owner's.
    assert_eq!(setting.look(&before.statement).scene().asker, Some(cas.id));
    assert_eq!(setting.look(&after.statement).scene().asker, None);
    let keys = setting.look(&before.statement).scene().asker_keys.clone();
    assert!(keys.contains(&cas.device.verifying_key()));
}

/// Else its officer would approve their own change, having revoked the device that asked for it.
fn a_change_stays_its_officers_when_the_asking_device_is_revoked(setting: &Setting, staff: &Staff) {
    let authority = setting.operator();
    let mut cas = people::owner(&*authority, people::CAS);
    let recovered = asked(setting, &mut cas);
    say(
        &*authority,
        &[&staff.ann, &staff.ben],
        Word::Approve,
        &recovered,
    );
    let (founded, in_force) = (setting.about(), setting.in_force());
    let policy = Policy {
        lapse_millis: in_force.lapse_millis + 1,
        ..in_force.clone()
    };
    let change = ask_change(&founded, &in_force, policy, setting.now(), &cas.device);
    submit(&*authority, &change);
    submit(&*authority, &cas.revocation(&cas.device, &recovered.device));
    for person in [&staff.cas, &staff.ann] {
        submit(&*authority, &person.say_of_change(Word::Approve, &change));
    }
    setting.clock.advance_millis(4 * DAY);
    assert_eq!(setting.ask_again(&change).state, SubjectState::Requested);
    submit(
        &*authority,
        &staff.ben.say_of_change(Word::Approve, &change),
    );
    assert_eq!(setting.ask_again(&change).state, APPROVED);
}

//! What recovery does with a header, row by row of spec/recovery.md#header.

use std::fs;
use std::num::NonZeroUsize;

use strongroom_agefile::{FileKey, Header, Identity, KeyType, Stanza, payload};
use strongroom_client::Pointer;
use strongroom_client::recover::Wanted;
use strongroom_client::rewrap::{How, RewrapError};
use strongroom_client::status::read_header;
use strongroom_protocol::id::{AuthorityId, Serial};

use crate::fixture::{World, inspect, parts, tamper};

/// A world with a file whose owner's key is lost and whose session key came back.
fn recovered(text: &str) -> (World, std::path::PathBuf) {
    let mut world = World::new();
    let file = world.encrypt("letter", text);
    world.lose_identity();
    let collected = world.recover(&Wanted::Everything).unwrap();
    assert_eq!((collected.keys, collected.withheld.len()), (1, 0));
    assert!(world.decrypt(&file).is_none());
    (world, file)
}

fn is_pointer(stanza: &Stanza) -> bool {
    Pointer::from_stanza(stanza).is_some()
}

fn pointer_to(authority: AuthorityId, serial: u8) -> Stanza {
    let serial = Serial::from_bytes([serial; 16]);
    Pointer { authority, serial }.to_stanza()
}

#[test]
fn a_header_that_holds_is_rewritten_in_place_and_costs_its_own_length() {
    let (mut world, file) = recovered("dear reader");
    let (before, payload) = parts(&file);
    assert_eq!(world.rewrap(&file).unwrap(), How::InPlace);
    let (after, same_payload) = parts(&file);
    assert_eq!(before.as_bytes().len(), after.as_bytes().len());
    assert_eq!(payload, same_payload);
    assert_eq!(before.stanzas()[1..], after.stanzas()[1..]);
    assert_eq!(world.decrypt(&file).unwrap(), "dear reader");
    assert_eq!(world.rewrap(&file).unwrap(), How::Current);
}

#[test]
fn a_pointer_that_was_stripped_is_put_back() {
    let (mut world, file) = recovered("dear reader");
    let pointer = parts(&file).0.stanzas().last().cloned();
    tamper(&file, |stanzas| {
        stanzas.retain(|stanza| !is_pointer(stanza));
    });
    assert_eq!(world.rewrap(&file).unwrap(), How::Copied);
    assert_eq!(world.decrypt(&file).unwrap(), "dear reader");
    assert_eq!(parts(&file).0.stanzas().last().cloned(), pointer);
}

#[test]
fn a_pointer_that_was_swapped_is_put_right() {
    let (mut world, file) = recovered("dear reader");
    let authority = world.authority;
    let pointer = parts(&file).0.stanzas().last().cloned();
    for other in [
        pointer_to(authority, 1),
        pointer_to(AuthorityId::from_bytes([1; 32]), 1),
    ] {
        let copy = world.path("copy.age");
        fs::copy(&file, &copy).unwrap();
        tamper(&copy, |stanzas| *stanzas.last_mut().unwrap() = other);
        assert_eq!(world.rewrap(&copy).unwrap(), How::InPlace);
        assert_eq!(world.decrypt(&copy).unwrap(), "dear reader");
        assert_eq!(parts(&copy).0.stanzas().last().cloned(), pointer);
    }
}

#[test]
fn a_pointer_to_anothers_file_does_not_open_this_one_with_its_key() {
    let mut world = World::new();
    let file = world.encrypt("letter", "dear reader");
    let other = world.encrypt("other", "dear other");
    let swapped = parts(&other).0.stanzas().last().cloned().unwrap();
    world.lose_identity();
    world.recover(&Wanted::Everything).unwrap();
    tamper(&file, |stanzas| *stanzas.last_mut().unwrap() = swapped);
    assert_eq!(world.rewrap(&file).unwrap(), How::InPlace);
    assert_eq!(world.decrypt(&file).unwrap(), "dear reader");
}

#[test]
fn an_altered_header_is_said_to_be_and_a_copy_made_only_when_told_to() {
    let (mut world, file) = recovered("dear reader");
    let stranger = Stanza::new("stranger", ["argument"], Vec::new()).unwrap();
    tamper(&file, |stanzas| stanzas.push(stranger));
    let altered = fs::read(&file).unwrap();
    assert!(matches!(world.rewrap(&file), Err(RewrapError::Altered)));
    assert_eq!(fs::read(&file).unwrap(), altered);
    let copy = world.path("copy.age");
    let written = world.rewrap_to(&file, Some(copy.clone())).unwrap();
    assert_eq!(written, How::Written(copy.clone()));
    assert_eq!(world.decrypt(&copy).unwrap(), "dear reader");
    assert_eq!(fs::read(&file).unwrap(), altered);
}

#[test]
fn a_file_that_nothing_opens_is_left_as_it_is() {
    let (mut world, file) = recovered("dear reader");
    let (header, mut payload) = parts(&file);
    payload[20] ^= 1;
    let mut bytes = header.as_bytes().to_vec();
    let mac = bytes.len() - 10;
    bytes[mac] = if bytes[mac] == b'A' { b'B' } else { b'A' };
    bytes.extend_from_slice(&payload);
    fs::write(&file, &bytes).unwrap();
    let error = world.rewrap_to(&file, Some(world.path("copy.age")));
    assert!(matches!(error, Err(RewrapError::NoKey { serial: Some(_) })));
    assert_eq!(fs::read(&file).unwrap(), bytes);
    assert!(!world.path("copy.age").exists());
}

#[test]
fn a_colleagues_stanza_stays_and_the_owners_is_replaced_where_the_home_knows_which_it_is() {
    let mut world = World::new();
    let colleague = Identity::generate(KeyType::Hybrid, &mut world.rng);
    let file = world.encrypt_for("letter", "dear both", &[colleague.recipient()]);
    let theirs = parts(&file).0.stanzas()[1].clone();
    world.lose_identity();
    world.recover(&Wanted::Everything).unwrap();
    assert_eq!(world.rewrap(&file).unwrap(), How::InPlace);
    assert_eq!(parts(&file).0.stanzas().len(), 3);
    assert_eq!(parts(&file).0.stanzas()[1], theirs);
    assert!(parts(&file).0.unwrap(&[&colleague]).is_ok());
    assert_eq!(world.decrypt(&file).unwrap(), "dear both");
}

#[test]
fn a_file_with_hard_links_is_copied_and_the_other_name_keeps_the_old_header() {
    let (mut world, file) = recovered("dear reader");
    let link = world.path("link.age");
    fs::hard_link(&file, &link).unwrap();
    let before = fs::read(&link).unwrap();
    assert_eq!(world.rewrap(&file).unwrap(), How::Copied);
    assert_eq!(world.decrypt(&file).unwrap(), "dear reader");
    assert_eq!(fs::read(&link).unwrap(), before);
}

#[test]
fn keys_released_for_files_not_at_hand_are_used_when_they_turn_up() {
    let mut world = World::new();
    let away = world.encrypt("away", "dear absent");
    let elsewhere = world.path("elsewhere");
    fs::rename(&away, &elsewhere).unwrap();
    world.lose_identity();
    world.recover(&Wanted::Everything).unwrap();
    // Offline, later.
    fs::remove_dir_all(world.path("authority")).unwrap();
    assert_eq!(world.rewrap(&elsewhere).unwrap(), How::InPlace);
    assert_eq!(world.decrypt(&elsewhere).unwrap(), "dear absent");
}

#[test]
fn a_stripped_pointer_is_put_back_for_an_owner_who_lost_nothing() {
    let mut world = World::new();
    let file = world.encrypt("letter", "dear reader");
    let header = read_header(&file).unwrap();
    tamper(&file, |stanzas| {
        stanzas.retain(|stanza| !is_pointer(stanza));
    });
    assert!(world.decrypt(&file).is_none());
    assert_eq!(world.rewrap(&file).unwrap(), How::Copied);
    assert_eq!(world.decrypt(&file).unwrap(), "dear reader");
    assert_eq!(
        read_header(&file).unwrap().stanzas().last(),
        header.stanzas().last()
    );
}

#[test]
fn a_file_made_to_be_mended_with_anothers_pointer_does_not_pass_for_that_one() {
    let mut world = World::new();
    let file = world.encrypt("letter", "dear reader");
    let genuine = parts(&file).0;
    let (own, pointer) = (genuine.stanzas()[0].clone(), genuine.stanzas()[1].clone());
    let owner = world.identities(&world.home()).recipient().unwrap();
    let key = FileKey::generate(&mut world.rng);
    let stranger = pointer_to(AuthorityId::from_bytes([1; 32]), 1);
    let wrapped = owner.wrap(&key, &mut world.rng);
    // Its MAC is right once the first pointer is put right, and there is no deposit of its key.
    for beside in [vec![], vec![own]] {
        let covered = [
            vec![wrapped.clone()],
            beside.clone(),
            vec![pointer.clone(); 2],
        ]
        .concat();
        let sealed = Header::seal(covered, &key).unwrap();
        let shown = [
            vec![wrapped.clone()],
            beside,
            vec![stranger.clone(), pointer.clone()],
        ];
        let shown = Header::seal(shown.concat(), &key).unwrap();
        let mac = shown.as_bytes().len() - 44;
        let mut bytes = shown.as_bytes()[..mac].to_vec();
        bytes.extend_from_slice(&sealed.as_bytes()[sealed.as_bytes().len() - 44..]);
        let (nonce, one) = ([7; 16], NonZeroUsize::MIN);
        payload::seal(&key, nonce, &b"planted"[..], &mut bytes, one, &mut |_| {}).unwrap();
        let planted = world.path("planted.age");
        fs::write(&planted, bytes).unwrap();
        world.rewrap(&planted).unwrap();
        let status = world
            .with_client(|client| inspect(client, &planted))
            .unwrap();
        assert!(!status.is_protected(true), "{status:?}");
    }
}

#[test]
fn a_copy_never_takes_the_place_of_the_file_that_was_to_be_left() {
    let (mut world, file) = recovered("dear reader");
    let before = fs::read(&file).unwrap();
    let link = world.path("link.age");
    std::os::unix::fs::symlink(&file, &link).unwrap();
    for target in [&file, &link] {
        let onto = world.rewrap_to(&file, Some(target.clone()));
        assert!(matches!(onto, Err(RewrapError::OntoItself { .. })));
    }
    assert_eq!(fs::read(&file).unwrap(), before);
}

//! The attacks that spec/simple-blob.md answers: all are one state, and nothing comes of any.

use strongroom_authority::{Caller, Extent};
use strongroom_capi::{Algorithm, KeySpec, Padding, PrivateKey};
use strongroom_protocol::id::{Clock, Digest, Serial};
use strongroom_protocol::policy::{Group, Policy, Rule};
use strongroom_protocol::receipt::DepositState;
use strongroom_protocol::session_key::{self, SessionKey};
use strongroom_protocol::statement::{
    BlobDraft, BlobKey, BlobPadding, OpenedKey, Particulars, SignedStatement, Word,
};
use strongroom_protocol::{Authority, Select};
use strongroom_testkit::{
    Owner, PageRelease, Person, Program, TestRng, deposits, own_blob, submit,
};

use crate::Embedded;
use crate::damage::{pairs, spoil_each};
use crate::map::{BLOB_CLAIM, Map, RSA_KEY};

const MISMATCH: DepositState = DepositState::Mismatch;
const VERIFIED: DepositState = DepositState::Verified;
const DEPOSITED: DepositState = DepositState::Deposited;

/// An authority with an RSA key and an officer, an owner who proved a blob, and a thief who has it.
struct Story {
    embedded: Embedded,
    owner: Owner,
    thief: Owner,
    program: Program,
    proof: SignedStatement,
}

impl Story {
    fn begin() -> Self {
        let mut policy = Policy::code_alone();
        policy.officers = vec![Person::new("ann", 1).officer()];
        policy.groups = vec![Group {
            name: "desk".to_owned(),
            need: 1,
            of: vec!["ann".to_owned()],
        }];
        let desk = Rule {
            approvals: Some("desk".to_owned()),
            ..Rule::code_alone("desk")
        };
        policy.rules = vec![desk, Rule::code_alone("code")];
        policy.change.codes = false;
        policy.change.approvals = Some("desk".to_owned());
        let embedded = Embedded::found_under(policy, 42);
        embedded.service.make_rsa_key(2048).unwrap();
        let session = embedded.service.session(Caller::Operator);
        let mut owner = Owner::enrolled(&session, 1);
        let thief = Owner::enrolled(&session, 2);
        let program = aes(&session, &mut owner);
        let draft = program.draft(program.known(), &mut owner.rng);
        let proof = owner.deposit_blobs(vec![draft]);
        assert_eq!(submit(&session, &proof).states(), [VERIFIED]);
        drop(session);
        Self {
            embedded,
            owner,
            thief,
            program,
            proof,
        }
    }

    /// What comes of the thief's deposits.
    fn tried(&mut self, drafts: Vec<BlobDraft>) -> Vec<DepositState> {
        let statement = self.thief.deposit_blobs(drafts);
        let session = self.embedded.service.session(Caller::Operator);
        submit(&session, &statement).states().to_vec()
    }

    /// What comes of the thief's deposit of a blob, under its true claim.
    fn tried_blob(&mut self, blob: Vec<u8>, key: BlobKey) -> DepositState {
        let program = Program {
            blob,
            ..self.clone()
        };
        let draft = program.draft(key, &mut self.thief.rng);
        self.tried(vec![draft])[0]
    }

    fn clone(&self) -> Program {
        Program {
            rsa: self.program.rsa.clone(),
            key: self.program.key.clone(),
            blob: self.program.blob.clone(),
            ..self.program
        }
    }

    /// A blob of the thief's own around a key, by which a change is not another's claim.
    fn own(&mut self) -> Program {
        let rsa = self.program.rsa.clone();
        let rng = &mut self.thief.rng;
        Program::under(rsa, Algorithm::Aes128, 16, Padding::Pkcs1, rng)
    }
}

#[test]
fn a_shifted_key_is_not_the_one_committed_to() {
    let mut story = Story::begin();
    let known = story.program.key.clone();
    let modulus = story.program.rsa.modulus();
    // c·t^e opens to K·t. Whatever the thief says of it, and they do not know K.
    for t in [2_u8, 3, 255] {
        let mut factor = vec![0; modulus.len()];
        *factor.last_mut().unwrap() = t;
        let shifted = times_power(&story.program.blob, &factor, 65_537, &modulus);
        for key in [
            known_key(0x660e, &known),
            known_key(0x660e, &shift(&known, t)),
            known_key(0x660e, &[0; 16]),
        ] {
            let state = story.tried_blob(shifted.clone(), key);
            assert_eq!(state, MISMATCH, "t = {t}");
        }
    }
    // As t = 1 it is the blob itself: the arithmetic is right, and the claim is its owner's.
    let mut one = vec![0; modulus.len()];
    *one.last_mut().unwrap() = 1;
    let same = times_power(&story.program.blob, &one, 65_537, &modulus);
    assert_eq!(same, story.program.blob);
    assert_eq!(story.tried_blob(same, known_key(0x660e, &known)), MISMATCH);
}

#[test]
fn another_algorithm_length_or_padding_opens_nothing() {
    let mut story = Story::begin();
    let program = story.own();
    let key = program.key.clone();
    let with_alg = |alg_id: u16| {
        let mut blob = program.blob.clone();
        blob[4..6].copy_from_slice(&alg_id.to_le_bytes());
        blob
    };
    // The header says RC4, in which this key is one, too; the label must agree with it, and then with the key.
    let rc4 = known_key(0x6801, &key);
    let mut draft = Program {
        blob: with_alg(0x6801),
        ..Program {
            rsa: program.rsa.clone(),
            key: key.clone(),
            ..program
        }
    }
    .draft(rc4, &mut story.thief.rng);
    // Nobody can tell this from a program's own: it is one who knows the key, and only they.
    draft.padding = BlobPadding::Pkcs1;
    assert_eq!(story.tried(vec![draft]), [VERIFIED]);
    let drafts = |story: &mut Story| {
        let program = story.own();
        let mut labelled = |key| program.draft(key, &mut story.thief.rng);
        let rc4_in_the_label = labelled(known_key(0x6801, &program.key));
        let mut oaep = labelled(program.known());
        oaep.padding = BlobPadding::Oaep;
        let shorter = labelled(known_key(0x660e, &program.key[1..]));
        let longer = labelled(known_key(0x660e, &[&[0], &program.key[..]].concat()));
        let no_algorithm = labelled(known_key(0x660d, &program.key));
        let age = labelled(BlobKey::Known(SessionKey::age_file_key(
            &program.key[..].try_into().unwrap(),
        )));
        vec![rc4_in_the_label, oaep, shorter, longer, no_algorithm, age]
    };
    let made = drafts(&mut story);
    assert_eq!(story.tried(made), [MISMATCH; 6]);
    // In the header alone: unknown ones, those that have no such keys, and one that has.
    for alg_id in [0, 0x660d, 0x6610, 0x6601, 0x2400, 0xa400, 0x6801] {
        let program = story.own();
        let mut blob = program.blob.clone();
        blob[4..6].copy_from_slice(&u16::to_le_bytes(alg_id));
        let state = story.tried_blob(blob, known_key(0x660e, &program.key));
        assert_eq!(state, MISMATCH, "{alg_id:04x}");
    }
    // RC4 keys of 40 bits as keys of 128, and the other way.
    let rsa = story.program.rsa.clone();
    let rng = &mut story.thief.rng;
    let short = Program::under(rsa, Algorithm::Rc4, 5, Padding::Pkcs1, rng);
    let zeros = [&[0; 11], &short.key[..]].concat();
    for stated in [&zeros[..], &zeros[1..], &short.key[1..]] {
        let draft = short.draft(known_key(0x6801, stated), &mut story.thief.rng);
        assert_eq!(story.tried(vec![draft]), [MISMATCH]);
    }
    // As it is, it is one.
    let draft = short.draft(short.known(), &mut story.thief.rng);
    assert_eq!(story.tried(vec![draft]), [VERIFIED]);
}

#[test]
fn blobs_that_are_none_are_all_one_answer() {
    let mut story = Story::begin();
    let modulus = story.program.rsa.modulus();
    let number = |bytes: &[u8]| {
        let mut blob = vec![1, 2, 0, 0, 0x0e, 0x66, 0, 0, 0, 0xa4, 0, 0];
        blob.extend(bytes.iter().rev());
        blob
    };
    let two = [&[0; 255][..], &[2]].concat();
    let mut above = modulus.clone();
    *above.last_mut().unwrap() |= 1;
    let good = story.own().blob;
    let mut type_byte = good.clone();
    type_byte[0] = 6;
    let mut wrapping = good.clone();
    wrapping[9] = 0x24;
    let blobs = [
        ("no blob", b"no blob".to_vec()),
        ("the header alone", good[..12].to_vec()),
        ("cut", good[..267].to_vec()),
        ("a byte more", [&good[..], &[0]].concat()),
        ("as to a key of 4,096 bits", [&good[..], &[0; 256]].concat()),
        ("another type", type_byte),
        ("another wrapping algorithm", wrapping),
        ("n", number(&modulus)),
        ("all ones", number(&[0xff; 256])),
        ("n or n + 1", number(&above)),
        ("0", number(&[0; 256])),
        ("1", number(&[&[0; 255][..], &[1]].concat())),
        ("2", number(&two)),
    ];
    for (name, blob) in blobs {
        for key in [&[0; 16][..], &[2; 16]] {
            let state = story.tried_blob(blob.clone(), known_key(0x660e, key));
            assert_eq!(state, MISMATCH, "{name}");
        }
    }
    // Noise is badly padded.
    for _ in 0..8 {
        let mut noise = story.own().blob;
        rand_core::Rng::fill_bytes(&mut story.thief.rng, &mut noise[12..267]);
        noise[267] = 0;
        let state = story.tried_blob(noise, known_key(0x660e, &[0; 16]));
        assert_eq!(state, MISMATCH);
    }
}

#[test]
fn badly_padded_blocks_are_one_answer() {
    let mut story = Story::begin();
    let modulus = story.program.rsa.modulus();
    let key = [7; 16];
    let block = |ps: usize, separator: u8, key: &[u8]| {
        let zeros = 256 - 3 - ps - key.len();
        let filling = vec![0x5a; ps];
        // What is left between is zeros: a short PS, and a longer key behind it.
        [&[0, 2][..], &filling, &[separator], &vec![0; zeros], key].concat()
    };
    let full = 256 - 3 - key.len();
    let good = block(full, 0, &key);
    let mut type_one = good.clone();
    type_one[1] = 1;
    let mut first = good.clone();
    first[0] = 1;
    let mut hole = good.clone();
    hole[9] = 0;
    let cases = [
        ("good", good, VERIFIED),
        ("block type 1", type_one, MISMATCH),
        ("another first byte", first, MISMATCH),
        ("no separator", block(full, 1, &key), MISMATCH),
        ("a hole in PS", hole, MISMATCH),
        ("PS of seven bytes", block(7, 0, &key), MISMATCH),
        ("an empty key", block(253, 0, &[]), MISMATCH),
        ("a key of 15 bytes", block(full + 1, 0, &key[1..]), MISMATCH),
        ("a key of 17 bytes", block(full - 1, 0, &[7; 17]), MISMATCH),
    ];
    for (name, block, expected) in cases {
        let wrapped = power(&block, 65_537, &modulus);
        let mut blob = vec![1, 2, 0, 0, 0x0e, 0x66, 0, 0, 0, 0xa4, 0, 0];
        blob.extend(wrapped.iter().rev());
        let state = story.tried_blob(blob, known_key(0x660e, &key));
        assert_eq!(state, expected, "{name}");
    }
}

#[test]
fn a_blob_to_another_key_and_a_key_of_another_blob_are_one_answer() {
    let mut story = Story::begin();
    let other = PrivateKey::generate(2048, KeySpec::Exchange, &mut TestRng::new(7)).unwrap();
    let rng = &mut story.thief.rng;
    let foreign = Program::under(
        other.public().clone(),
        Algorithm::Aes128,
        16,
        Padding::Pkcs1,
        rng,
    );
    // With the claim that its own key gives, and with that of the authority's.
    let draft = foreign.draft(foreign.known(), &mut story.thief.rng);
    assert_eq!(story.tried(vec![draft]), [MISMATCH]);
    let state = story.tried_blob(foreign.blob.clone(), foreign.known());
    assert_eq!(state, MISMATCH);
    let (one, two) = (story.own(), story.own());
    let draft = one.draft(two.known(), &mut story.thief.rng);
    assert_eq!(story.tried(vec![draft]), [MISMATCH]);
    // The claim of another blob, and none.
    let mut claims = one.draft(one.known(), &mut story.thief.rng);
    claims.particulars = Particulars::default().with_blob(two.claim()).unwrap();
    let mut nothing = one.draft(one.known(), &mut story.thief.rng);
    nothing.particulars = Particulars::default();
    assert_eq!(story.tried(vec![claims, nothing]), [MISMATCH; 2]);
    let draft = one.draft(one.known(), &mut story.thief.rng);
    assert_eq!(story.tried(vec![draft]), [VERIFIED]);
}

#[test]
fn a_foreign_blob_is_refused_however_it_is_written() {
    let mut story = Story::begin();
    let key = story.program.key.clone();
    let blob = story.program.blob.clone();
    let mut as_rc4 = blob.clone();
    as_rc4[4..6].copy_from_slice(&0x6801_u16.to_le_bytes());
    for (blob, key) in [
        (blob.clone(), known_key(0x660e, &key)),
        (blob.clone(), unknown_key(0x660e, 128)),
        (as_rc4.clone(), known_key(0x6801, &key)),
        (as_rc4, unknown_key(0x6801, 128)),
        (blob, known_key(0x660e, &[0; 16])),
    ] {
        assert_eq!(story.tried_blob(blob, key), MISMATCH);
    }
}

#[test]
fn unproven_deposits_are_looked_at_as_far_as_that_goes() {
    let mut story = Story::begin();
    let one = story.own();
    let good = |story: &mut Story| one.draft(one.unknown(), &mut story.thief.rng);
    let as_it_is = good(&mut story);
    assert_eq!(story.tried(vec![as_it_is]), [DEPOSITED]);
    let mut claims = good(&mut story);
    claims.particulars = Particulars::default();
    let length = one.draft(unknown_key(0x660e, 120), &mut story.thief.rng);
    let odd = one.draft(unknown_key(0x660e, 127), &mut story.thief.rng);
    let algorithm = one.draft(unknown_key(0x6610, 256), &mut story.thief.rng);
    let same_length = one.draft(unknown_key(0x6801, 128), &mut story.thief.rng);
    assert_eq!(
        story.tried(vec![claims, length, odd, algorithm, same_length]),
        [MISMATCH; 5]
    );
    let cut = one.blob[..267].to_vec();
    assert_eq!(story.tried_blob(cut, one.unknown()), MISMATCH);
    // What only the private key shows is not looked at: a blob that opens to nothing is taken, and gives a random key.
    let mut noise = one.blob.clone();
    noise[12..267].fill(0x11);
    noise[267] = 0;
    assert_eq!(story.tried_blob(noise, one.unknown()), DEPOSITED);
    let session = story.embedded.service.session(Caller::Operator);
    let scope = story.thief.everything(&session);
    let asked = story.thief.ask(scope, story.embedded.clock.now());
    submit(&session, &asked.statement);
    submit(&session, &Person::new("ann", 1).say(Word::Approve, &asked));
    submit(&session, &story.thief.evidence(&asked));
    let page = session.release(asked.statement.id(), 0).unwrap();
    let opened = asked.open_any(story.embedded.service.about(), &page);
    let keys: Vec<_> = opened
        .into_values()
        .map(|key| {
            assert!(matches!(&key, OpenedKey::Unproven(_)));
            key.into_key().into_key().expose().to_vec()
        })
        .collect();
    assert_eq!(keys.len(), 2);
    assert!(keys.contains(&one.key) && keys.iter().all(|key| key.len() == 16));
}

#[test]
fn a_check_opens_what_is_proven_and_looks_at_the_rest() {
    let mut story = Story::begin();
    let one = story.own();
    let unproven = one.draft(one.unknown(), &mut story.thief.rng);
    assert_eq!(story.tried(vec![unproven]), [DEPOSITED]);
    let service = story.embedded.open_again(5);
    let checked = service.check(Extent::All, &mut |_, _| {}).unwrap().checked;
    assert_eq!((checked.kept, checked.opened, checked.failed), (2, 2, 0));
    assert!(checked.is_complete());
    let sample = service
        .check(Extent::Sample(1), &mut |_, _| {})
        .unwrap()
        .checked;
    assert_eq!((sample.kept, sample.opened, sample.failed), (2, 1, 0));
    // Without the RSA key neither counts as opened.
    let keys = story.embedded.folder().join("keys.txt");
    let text = std::fs::read_to_string(&keys).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with("rsa-key"));
    let text: String = lines.map(|line| format!("{line}\n")).collect();
    std::fs::write(&keys, text.replace(" v2", " v1")).unwrap();
    let service = story.embedded.open_again(6);
    let checked = service.check(Extent::All, &mut |_, _| {}).unwrap().checked;
    assert_eq!((checked.kept, checked.opened, checked.failed), (2, 0, 0));
    assert!(!checked.is_complete());
    // And what comes is taken unopened.
    let session = service.session(Caller::Operator);
    let draft = one.draft(one.known(), &mut story.owner.rng);
    let statement = story.owner.deposit_blobs(vec![draft]);
    assert_eq!(submit(&session, &statement).states(), [DEPOSITED]);
}

#[test]
fn edited_claims_gain_nothing() {
    // Where a claim says that its proof is: the owner's is last, and the thief's two stand before it.
    let row = |entry: u64, place: u16| [&entry.to_be_bytes()[..], &place.to_be_bytes()].concat();
    type Edit<'e> = (&'static str, &'e dyn Fn(u64) -> Vec<u8>);
    let edits: [Edit<'_>; 7] = [
        // The thief's own proven blob, and the unproven one, in the place of the owner's proof.
        ("the thief's proof", &|proof| row(proof - 2, 0)),
        ("the thief's blob", &|proof| row(proof - 1, 0)),
        ("another place", &|proof| row(proof, 1)),
        ("an enrolment", &|_| row(1, 0)),
        ("no entry", &|_| row(99, 0)),
        ("no place", &|proof| row(proof, u16::MAX)),
        ("no row", &|proof| row(proof, 0)[..9].to_vec()),
    ];
    for (edit, claims) in edits {
        let mut story = Story::begin();
        let own = story.own();
        let program = Program {
            blob: own.blob.clone(),
            key: own.key.clone(),
            ..story.clone()
        };
        let proven = program.draft(program.known(), &mut story.thief.rng);
        assert_eq!(story.tried(vec![proven]), [VERIFIED]);
        let victims = fresh(&mut story);
        let unproven = victims.draft(victims.unknown(), &mut story.thief.rng);
        let stolen = unproven.serial;
        assert_eq!(story.tried(vec![unproven]), [DEPOSITED]);
        let session = story.embedded.service.session(Caller::Operator);
        let draft = victims.draft(victims.known(), &mut story.owner.rng);
        let proof = story.owner.deposit_blobs(vec![draft]);
        let proved = submit(&session, &proof);
        assert_eq!(proved.states(), [VERIFIED]);
        let claim = *victims.claim().as_bytes();
        let last = proved.index();
        let key = [&[BLOB_CLAIM], &claim[..]].concat();
        Map::of(&story.embedded).change(&key, |claim| *claim = claims(last));
        let scope = story.thief.everything(&session);
        let asked = story.thief.ask(scope, story.embedded.clock.now());
        submit(&session, &asked.statement);
        submit(&session, &Person::new("ann", 1).say(Word::Approve, &asked));
        submit(&session, &story.thief.evidence(&asked));
        if let Ok(page) = session.release(asked.statement.id(), 0) {
            assert_eq!(page.release().withheld(), [stolen], "{edit}");
        }
        // A deposit under it is answered with the damage, and a rebuild mends it.
        let again = victims.draft(victims.known(), &mut story.thief.rng);
        let again = story.thief.deposit_blobs(vec![again]);
        assert!(session.submit(&again).is_err(), "{edit}");
        story.embedded.service.rebuild().unwrap();
        assert_eq!(submit(&session, &again).states(), [MISMATCH], "{edit}");
    }
}

#[test]
fn claims_are_made_anew_from_the_log() {
    let mut story = Story::begin();
    let removed = Map::of(&story.embedded).remove_all(&[BLOB_CLAIM]);
    assert_eq!(removed.len(), 1);
    story.embedded.service.rebuild().unwrap();
    let (blob, key) = (story.program.blob.clone(), story.program.key.clone());
    assert_eq!(story.tried_blob(blob, known_key(0x660e, &key)), MISMATCH);
    let session = story.embedded.service.session(Caller::Operator);
    assert_eq!(submit(&session, &story.proof).states(), [VERIFIED]);
}

#[test]
fn no_value_in_any_column_panics_among_blobs() {
    let mut story = Story::begin();
    let about = story.embedded.service.about().clone();
    let session = story.embedded.service.session(Caller::Operator);
    let listed = deposits(&session, story.owner.id);
    let serial: Serial = listed[0].label.serial;
    let device = &story.owner.device;
    let own = own_blob(&about, story.owner.id, serial, Digest::of(&[]), device);
    submit(&session, &own);
    drop(session);
    let program = story.clone();
    let draft = program.draft(program.unknown(), &mut story.thief.rng);
    let again = story.thief.deposit_blobs(vec![draft]);
    let scope = story
        .owner
        .everything(&story.embedded.service.session(Caller::Operator));
    let asked = story.owner.ask(scope, story.embedded.clock.now());
    let evidence = story.owner.evidence(&asked);
    let edits = pairs(&Map::of(&story.embedded), BLOB_CLAIM..=RSA_KEY);
    let opened = spoil_each(&story.embedded, &edits, |service| {
        let session = service.session(Caller::Operator);
        let _ = session.about();
        let _ = session.entries(Select::Owner(story.owner.id), 0);
        let _ = session.submit(&again);
        submit(&session, &asked.statement);
        submit(&session, &evidence);
        // Whatever is in them, a session key that was proven leaves, or nothing does.
        if let Ok(page) = session.release(asked.statement.id(), 0) {
            let keys = asked.open_any(&about, &page).into_values();
            keys.for_each(|key| assert!(matches!(key, OpenedKey::Matched(_))));
        }
        let _ = service.check(Extent::All, &mut |_, _| {});
        service.rebuild().unwrap();
        assert!(session.about().unwrap().rsa_key.is_some());
    });
    assert!(opened >= 16, "{opened} were opened at all");
}

/// A blob of the owner's that is not deposited yet.
fn fresh(story: &mut Story) -> Program {
    let rsa = story.program.rsa.clone();
    let rng = &mut story.owner.rng;
    Program::under(rsa, Algorithm::Aes128, 16, Padding::Pkcs1, rng)
}

fn aes(authority: &dyn Authority, owner: &mut Owner) -> Program {
    Program::new(
        authority,
        Algorithm::Aes128,
        16,
        Padding::Pkcs1,
        &mut owner.rng,
    )
}

fn known_key(alg_id: u16, key: &[u8]) -> BlobKey {
    BlobKey::Known(SessionKey::capi(alg_id, key).unwrap())
}

fn unknown_key(alg_id: u16, bits: u16) -> BlobKey {
    BlobKey::Unknown(session_key::Algorithm::capi(alg_id), bits)
}

/// The key times t, as far as it stays within its bytes: what c·t^e has at its end.
fn shift(key: &[u8], t: u8) -> Vec<u8> {
    let number = u128::from_be_bytes(key.try_into().unwrap());
    number.wrapping_mul(t.into()).to_be_bytes().to_vec()
}

/// The blob with its number multiplied by factor^e.
fn times_power(blob: &[u8], factor: &[u8], exponent: u32, modulus: &[u8]) -> Vec<u8> {
    let number: Vec<u8> = blob[12..].iter().rev().copied().collect();
    let product = times(&number, &power(factor, exponent, modulus), modulus);
    [&blob[..12], &product.into_iter().rev().collect::<Vec<_>>()].concat()
}

/// number^exponent mod modulus, most significant byte first.
fn power(number: &[u8], exponent: u32, modulus: &[u8]) -> Vec<u8> {
    let mut result = vec![0; modulus.len()];
    *result.last_mut().unwrap() = 1;
    for bit in (0..32).rev().skip_while(|bit| exponent >> bit == 0) {
        result = times(&result, &result, modulus);
        if exponent >> bit & 1 == 1 {
            result = times(&result, number, modulus);
        }
    }
    result
}

/// a·b mod modulus, by doubling and adding: slow, and easily seen to be right.
fn times(a: &[u8], b: &[u8], modulus: &[u8]) -> Vec<u8> {
    let mut result = vec![0; modulus.len()];
    for byte in b {
        for bit in (0..8).rev() {
            let same = result.clone();
            add(&mut result, &same, modulus);
            if byte >> bit & 1 == 1 {
                add(&mut result, a, modulus);
            }
        }
    }
    result
}

/// Adds, of numbers below the modulus.
fn add(sum: &mut [u8], other: &[u8], modulus: &[u8]) {
    let mut carry = 0_u16;
    for (byte, other) in sum.iter_mut().zip(other).rev() {
        carry += u16::from(*byte) + u16::from(*other);
        *byte = carry.to_le_bytes()[0];
        carry >>= 8;
    }
    if carry == 1 || &*sum >= modulus {
        let mut borrow = 0_i16;
        for (byte, other) in sum.iter_mut().zip(modulus).rev() {
            let difference = i16::from(*byte) - i16::from(*other) - borrow;
            borrow = i16::from(difference < 0);
            *byte = difference.to_le_bytes()[0];
        }
    }
}

#[test]
fn the_arithmetic_here_is_right() {
    let small = |number: u16| number.to_be_bytes().to_vec();
    assert_eq!(power(&small(7), 5, &small(1000 | 1)), small(16807 % 1001));
    assert_eq!(times(&small(60_000), &small(60_001), &small(65_521)), {
        small(u16::try_from(60_000_u64 * 60_001 % 65_521).unwrap())
    });
}

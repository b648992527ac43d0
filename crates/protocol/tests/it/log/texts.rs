//! Leaves, checkpoints and receipts' proofs, as bytes and texts.

use base64::prelude::{BASE64_STANDARD, Engine};
use signed_note::{Note, StandardVerifier, VerifierList};
use strongroom_protocol::id::{AuthorityId, Time};
use strongroom_protocol::keys::{Signature, SigningKey, VerifyingKey};
use strongroom_protocol::log::{
    Checkpoint, CheckpointError, InclusionProof, Leaf, LeafSalt, NodeHash, NotIncluded, ProofError,
    SIZE_MAX, SignedCheckpoint, TlogProof, prove_inclusion,
};

use super::{Store, at, entries, mth};
use crate::vectors::{self, Vector};

#[test]
fn a_checkpoint_reads_back_what_was_signed() {
    for size in [0, 1, 40, SIZE_MAX] {
        let checkpoint = checkpoint(size);
        let signed = checkpoint.sign(&key());
        let read = SignedCheckpoint::parse(signed.as_text(), authority(), &public());
        assert_eq!(read, Ok(signed.clone()));
        assert_eq!(*signed.checkpoint(), checkpoint);
    }
}

#[test]
fn another_implementation_verifies_a_checkpoint() {
    let signed = checkpoint(40).sign(&key());
    let name = format!("strongroom/authority/{}", authority());
    let public = [&[1], &public().as_bytes()[..]].concat();
    let id = signed_note::key_id(&name, &public);
    let vkey = format!("{name}+{id:08x}+{}", BASE64_STANDARD.encode(public));
    let verifier = StandardVerifier::new(&vkey).unwrap();
    let note = Note::from_bytes(signed.as_text().as_bytes()).unwrap();
    let (verified, others) = note
        .verify(&VerifierList::new(vec![Box::new(verifier)]))
        .unwrap();
    assert_eq!((verified.len(), others.len()), (1, 0));
}

#[test]
fn a_checkpoint_with_any_byte_changed_is_refused() {
    let signed = checkpoint(40).sign(&key());
    for place in 0..signed.as_text().len() {
        for flip in [1, 4, 32] {
            let mut bytes = signed.as_text().as_bytes().to_vec();
            bytes[place] ^= flip;
            if let Ok(text) = String::from_utf8(bytes) {
                SignedCheckpoint::parse(&text, authority(), &public()).unwrap_err();
            }
        }
        if let Some(short) = signed.as_text().get(..place) {
            SignedCheckpoint::parse(short, authority(), &public()).unwrap_err();
        }
    }
}

#[test]
fn a_checkpoint_under_another_key_or_authority_is_refused() {
    let signed = checkpoint(40).sign(&key());
    let other_key = SigningKey::from_seed(&[8; 32]).verifying_key();
    let other_authority = AuthorityId::from_bytes([6; 32]);
    let parse = |authority, key| SignedCheckpoint::parse(signed.as_text(), authority, key);
    assert_eq!(
        parse(authority(), &other_key),
        Err(CheckpointError::NotSigned)
    );
    assert_eq!(
        parse(other_authority, &public()),
        Err(CheckpointError::WrongOrigin)
    );
    let beyond = checkpoint(SIZE_MAX + 1).sign(&key());
    let read = SignedCheckpoint::parse(beyond.as_text(), authority(), &public());
    assert_eq!(read, Err(CheckpointError::Malformed));
    let long = format!("{}{}", signed.as_text(), "x".repeat(128 * 1024));
    let read = SignedCheckpoint::parse(&long, authority(), &public());
    assert_eq!(read, Err(CheckpointError::TooLong));
}

#[test]
fn signatures_of_sixteen_witnesses_are_kept_and_ignored() {
    let signed = checkpoint(40).sign(&key());
    let mut text = signed.as_text().to_owned();
    for witness in 0..16 {
        let signature = BASE64_STANDARD.encode(vec![witness; 4 + 5000]);
        text += &format!("\u{2014} witness.example/{witness} {signature}\n");
    }
    let read = SignedCheckpoint::parse(&text, authority(), &public()).unwrap();
    assert_eq!(read.as_text(), text);
    assert_eq!(read.checkpoint(), signed.checkpoint());
}

#[test]
fn a_proof_reads_back_and_prints_the_same_bytes() {
    for size in [1, 2, 40, 300] {
        for extra in [&b""[..], b"x", &[7; 300]] {
            let proof = proof(extra, size - 1, size);
            let text = proof.to_string();
            let read = TlogProof::parse(&text).unwrap();
            assert_eq!(read, proof);
            assert_eq!(read.to_string(), text);
            assert_eq!((read.extra(), read.index()), (extra, size - 1));
            let leaf = entries(size - 1..size)[0];
            let signed = read.verify(leaf, authority(), &public(), None).unwrap();
            assert_eq!(*signed.checkpoint(), checkpoint(size));
        }
    }
}

#[test]
fn a_proof_of_another_leaf_or_index_or_log_is_refused() {
    let proof = proof(b"extra", 6, 40);
    let leaf = entries(6..7)[0];
    proof.verify(leaf, authority(), &public(), None).unwrap();
    let other_leaf = proof.verify(entries(7..8)[0], authority(), &public(), None);
    assert_eq!(other_leaf, Err(ProofError::NotIncluded(NotIncluded)));
    let other_index = TlogProof::parse(&proof.to_string().replace("index 6", "index 7")).unwrap();
    let other_index = other_index.verify(leaf, authority(), &public(), None);
    assert_eq!(other_index, Err(ProofError::NotIncluded(NotIncluded)));
    let other_authority = proof.verify(leaf, AuthorityId::from_bytes([6; 32]), &public(), None);
    assert_eq!(other_authority, Err(CheckpointError::WrongOrigin.into()));
}

/// A page of receipts has one checkpoint: its signature is verified once. That it was spared shows in a wrong key.
#[test]
fn the_signature_of_a_checkpoint_is_spared_where_it_is_known_letter_for_letter() {
    let proof = proof(b"extra", 6, 40);
    let leaf = entries(6..7)[0];
    let wrong_key = SigningKey::from_seed(&[8; 32]).verifying_key();
    let verify = |leaf, authority, known: &SignedCheckpoint| {
        proof.verify(leaf, authority, &wrong_key, Some(known))
    };
    let known = proof.verify(leaf, authority(), &public(), None).unwrap();
    assert_eq!(verify(leaf, authority(), &known), Ok(known.clone()));
    // Only the signature is: the leaf has to be in it, and it has to be this authority's.
    assert_eq!(
        verify(entries(7..8)[0], authority(), &known),
        Err(ProofError::NotIncluded(NotIncluded))
    );
    assert_eq!(
        verify(leaf, AuthorityId::from_bytes([6; 32]), &known),
        Err(CheckpointError::WrongOrigin.into())
    );
    // A checkpoint that says the same, signed by somebody besides, has other letters.
    let witnessed = format!("{}\u{2014} witness.example/1 AAAAAAAA\n", known.as_text());
    let witnessed = SignedCheckpoint::parse(&witnessed, authority(), &public()).unwrap();
    for other in [witnessed, checkpoint(41).sign(&key())] {
        assert_eq!(
            verify(leaf, authority(), &other),
            Err(CheckpointError::NotSigned.into())
        );
    }
}

#[test]
fn whatever_of_a_changed_proof_still_reads_prints_the_same_bytes() {
    let text = proof(b"extra", 6, 40).to_string();
    let mut read_count = 0;
    for place in 0..text.len() {
        for byte in [b'\n', b' ', b'0', b'=', b'A', b'+', 0] {
            let mut bytes = text.as_bytes().to_vec();
            bytes[place] = byte;
            let Ok(changed) = String::from_utf8(bytes) else {
                continue;
            };
            let Ok(read) = TlogProof::parse(&changed) else {
                continue;
            };
            assert_eq!(read.to_string(), changed);
            read_count += 1;
            let leaf = entries(6..7)[0];
            // The extra bytes are not authenticated; whatever else changed must not verify.
            let same = changed == text || read.extra() != b"extra";
            assert_eq!(
                read.verify(leaf, authority(), &public(), None).is_ok(),
                same,
                "{changed}"
            );
        }
    }
    assert!(read_count > 100);
}

#[test]
fn a_proof_that_is_too_long_is_refused() {
    let parse = |extra: usize, hashes: usize, rest: usize| {
        let extra = BASE64_STANDARD.encode(vec![1; extra]);
        let hash = BASE64_STANDARD.encode([1; 32]) + "\n";
        let (hashes, rest) = (hash.repeat(hashes), "x".repeat(rest));
        TlogProof::parse(&format!(
            "c2sp.org/tlog-proof@v1\nextra {extra}\nindex 0\n{hashes}\n{rest}"
        ))
    };
    parse(65_536, 48, 131_072).unwrap();
    parse(65_537, 48, 131_072).unwrap_err();
    parse(65_536, 49, 131_072).unwrap_err();
    parse(65_536, 100_000, 131_072).unwrap_err();
    parse(65_536, 48, 131_073).unwrap_err();
}

#[test]
fn vectors_of_leaves() {
    for vector in vectors::read("log/leaf.txt") {
        let leaf = Leaf::new(
            vector.number("kind"),
            Time::from_millis(vector.number("time")),
            &LeafSalt::from_bytes(vector.array("salt")),
            &vector.bytes("attestation"),
            &Signature::from_bytes(vector.array("signature")),
        );
        assert_eq!(leaf.to_bytes(), vector.bytes("leaf"), "{vector}");
        assert_eq!(leaf.hash().to_string(), vector.one("hash"), "{vector}");
        assert_eq!(
            leaf.hash(),
            super::hash(&[b"\0", &vector.bytes("leaf")]),
            "{vector}"
        );
    }
}

#[test]
fn vectors_of_checkpoints() {
    for vector in vectors::read("log/checkpoint-accept.txt") {
        let signed = parse_checkpoint(&vector).unwrap_or_else(|error| panic!("{vector}: {error}"));
        assert_eq!(signed.as_text(), vector.text(), "{vector}");
        assert_eq!(signed.checkpoint().size, vector.number("size"), "{vector}");
        assert_eq!(
            signed.checkpoint().root.to_string(),
            vector.one("root"),
            "{vector}"
        );
    }
    for vector in vectors::read("log/checkpoint-reject.txt") {
        let error = parse_checkpoint(&vector).expect_err(&vector.to_string());
        assert_eq!(error.to_string(), vector.one("error"), "{vector}");
    }
}

#[test]
fn vectors_of_proofs() {
    for vector in vectors::read("log/proof-accept.txt") {
        let proof =
            TlogProof::parse(&vector.text()).unwrap_or_else(|error| panic!("{vector}: {error}"));
        assert_eq!(proof.to_string(), vector.text(), "{vector}");
        assert_eq!(proof.extra(), vector.bytes("extra"), "{vector}");
        assert_eq!(proof.index(), vector.number("index"), "{vector}");
        let (leaf, authority, key) = (leaf_of(&vector), authority_of(&vector), key_of(&vector));
        let signed = proof
            .verify(leaf, authority, &key, None)
            .unwrap_or_else(|error| panic!("{vector}: {error}"));
        let leaves = entries(0..signed.checkpoint().size);
        assert_eq!(
            signed.checkpoint().root,
            mth(&leaves),
            "the vector is wrong"
        );
        assert_eq!(leaf, leaves[at(proof.index())], "the vector is wrong");
    }
    for vector in vectors::read("log/proof-reject.txt") {
        let error = match TlogProof::parse(&vector.text()) {
            Err(error) => error.to_string(),
            Ok(proof) => proof
                .verify(
                    leaf_of(&vector),
                    authority_of(&vector),
                    &key_of(&vector),
                    None,
                )
                .expect_err(&vector.to_string())
                .to_string(),
        };
        assert_eq!(error, vector.one("error"), "{vector}");
    }
}

#[test]
fn the_examples_in_the_specification_are_vectors() {
    let page = include_str!("../../../../../spec/log.md");
    for (file, case) in [
        ("log/checkpoint-accept.txt", "four entries"),
        ("log/proof-accept.txt", "with extra"),
    ] {
        let vectors = vectors::read(file);
        let vector = vectors.iter().find(|vector| vector.one("case") == case);
        let example = format!("```\n{}```\n", vector.unwrap().text());
        assert!(page.contains(&example), "{file} `{case}`");
    }
}

fn parse_checkpoint(vector: &Vector) -> Result<SignedCheckpoint, CheckpointError> {
    SignedCheckpoint::parse(&vector.text(), authority_of(vector), &key_of(vector))
}

fn authority_of(vector: &Vector) -> AuthorityId {
    vector.one("authority").parse().unwrap()
}

fn key_of(vector: &Vector) -> VerifyingKey {
    VerifyingKey::from_bytes(vector.array("key")).unwrap()
}

fn leaf_of(vector: &Vector) -> NodeHash {
    NodeHash::from_bytes(vector.array("leaf"))
}

fn authority() -> AuthorityId {
    AuthorityId::from_bytes([5; 32])
}

fn key() -> SigningKey {
    SigningKey::from_seed(&[7; 32])
}

fn public() -> VerifyingKey {
    key().verifying_key()
}

/// The checkpoint of the first `size` entries; of sizes beyond any that a test can hold, with some root.
fn checkpoint(size: u64) -> Checkpoint {
    Checkpoint {
        authority: authority(),
        size,
        root: mth(&entries(0..size.min(1000))),
    }
}

fn proof(extra: &[u8], index: u64, size: u64) -> TlogProof {
    let inclusion: InclusionProof = prove_inclusion(index, size, &Store::of(size).log()).unwrap();
    TlogProof::new(
        extra.to_vec(),
        index,
        inclusion,
        &checkpoint(size).sign(&key()),
    )
}

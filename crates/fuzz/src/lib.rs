//! Readers of strangers' bytes, each with what must hold of what it reads. libFuzzer makes the bytes up (`fuzz/`), and a
//! test replays what it found. What is made up is signed, so that a reader goes on behind its first check. Not for programs.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "what panics is found"
)]
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "of a kind that is new nothing is asked but what is asked of all"
)]

mod age;
mod capi;
mod cast;
mod cbor;
mod collect;
mod decide;
mod draw;
mod home;
mod log;
mod pages;
mod policy;
mod receipt;
mod release;
mod replica;
mod rows;
mod secret;
mod shown;
mod statement;
mod store;
mod texts;
mod tree;
mod view;
mod world;

/// Something that reads strangers' bytes.
pub struct Target {
    /// What it is called: by libFuzzer's caller, and as the folder of its corpus.
    pub name: &'static str,
    /// Reads made-up bytes, and panics where something does not hold that must. None if they were refused on the way.
    pub read: fn(&[u8]) -> Option<()>,
    /// Makes what libFuzzer starts from: each is read to its end.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// Lists targets, each with its reader and its seeds.
macro_rules! targets {
    ($($name:literal: $read:path, $seeds:path;)+) => {
        /// All targets there are.
        pub const TARGETS: &[Target] = &[$(Target { name: $name, read: $read, seeds: $seeds }),+];
    };
}

targets! {
    "age_armor": age::read_armor, age::armor_seeds;
    "age_header": age::read_header, age::header_seeds;
    "age_payload": age::read_payload, age::payload_seeds;
    "age_stanzas": age::read_stanzas, age::stanzas_seeds;
    "capi_file": capi::read_file, capi::file_seeds;
    "checkpoint": log::read_checkpoint, log::checkpoint_seeds;
    "code": texts::read_code, texts::code_seeds;
    "collect": collect::read, collect::seeds;
    "consistency": log::read_consistency, log::consistency_seeds;
    "decide": decide::read, decide::seeds;
    "home": home::read, home::seeds;
    "identities": texts::read_identities, texts::identities_seeds;
    "inspect": capi::read_inspected, capi::inspected_seeds;
    "invitation": texts::read_invitation, texts::invitation_seeds;
    "key": capi::read_key, capi::key_seeds;
    "neighbour": capi::read_neighbour, capi::neighbour_seeds;
    "pages": pages::read, pages::seeds;
    "parameters": capi::read_parameters, capi::parameters_seeds;
    "particulars": statement::read_particulars, statement::particulars_seeds;
    "pin": texts::read_pin, texts::pin_seeds;
    "plaintext_blob": capi::read_plaintext_blob, capi::plaintext_blob_seeds;
    "policy": policy::read, policy::seeds;
    "policy_text": policy::read_text, policy::text_seeds;
    "private_key": capi::read_private_key, capi::private_key_seeds;
    "proof": log::read_proof, log::proof_seeds;
    "public_key": capi::read_public_key, capi::public_key_seeds;
    "receipt": receipt::read, receipt::seeds;
    "recipients": texts::read_recipients, texts::recipients_seeds;
    "release": release::read, release::seeds;
    "replica": replica::read, replica::seeds;
    "secret": secret::read, secret::seeds;
    "secret_list": secret::read_list, secret::list_seeds;
    "sheet": texts::read_sheet, texts::sheet_seeds;
    "signing_key": texts::read_signing_key, texts::signing_key_seeds;
    "simple_blob": capi::read_simple_blob, capi::simple_blob_seeds;
    "statement": statement::read, statement::seeds;
    "store": store::read, store::seeds;
    "tree": log::read_tree, log::tree_seeds;
    "view": view::read, view::seeds;
}

/// Returns the target of a name.
#[must_use]
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

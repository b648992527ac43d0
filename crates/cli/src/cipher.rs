//! What a program set on a session key, as options and in words; and what is said of a file that was opened on somebody's
//! word, or on nobody's, so that a person can judge.

use std::path::Path;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use strongroom_capi::HashAlgorithm;
use strongroom_capi::beginning::{Beginning, Looks};
use strongroom_capi::cipher::{Mode, Parameters, ShortBytes};
use strongroom_client::capi::{Seen, Source};

use crate::terminal::{shown, tell, words};

/// What a program of CryptoAPI's set on the session key before it encrypted. Nothing in a file tells.
#[derive(Args, Clone, Copy)]
pub(crate) struct CipherOptions {
    /// The IV that a program of CryptoAPI's set (KP_IV): a block's bytes in hexadecimal [default: zeros].
    #[arg(long, value_name = "HEX")]
    iv: Option<ShortBytes<16>>,
    /// The mode that it set (KP_MODE) [default: cbc].
    #[arg(long, value_enum, value_name = "MODE")]
    mode: Option<ModeName>,
    /// The salt that it set on a key of RC2 or RC4 (KP_SALT_EX), in hexadecimal.
    #[arg(long, value_name = "HEX", conflicts_with = "no_salt")]
    salt: Option<ShortBytes<24>>,
    /// Its key of RC2 or RC4 has no salt, not even one of zeros (CRYPT_NO_SALT).
    #[arg(long)]
    no_salt: bool,
    /// The effective bits that it set on a key of RC2 (KP_EFFECTIVE_KEYLEN) [default: the key's].
    #[arg(long, value_name = "N")]
    effective_bits: Option<u16>,
    /// It said of no section that it is the last (CryptEncrypt with Final = FALSE), so that there is no padding.
    #[arg(long)]
    no_padding: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum ModeName {
    /// CRYPT_MODE_CBC.
    Cbc,
    /// CRYPT_MODE_ECB: each block by itself.
    Ecb,
    /// CRYPT_MODE_CFB, eight bits at a time.
    Cfb,
}

impl CipherOptions {
    /// Returns what was said, if anything.
    pub(crate) fn said(self) -> Option<Parameters> {
        let Self {
            iv,
            mode,
            salt,
            no_salt,
            effective_bits,
            no_padding,
        } = self;
        let no_salt = no_salt.then(ShortBytes::default);
        let said = iv.is_some()
            || mode.is_some()
            || salt.is_some()
            || no_salt.is_some()
            || effective_bits.is_some()
            || no_padding;
        said.then_some(Parameters {
            iv,
            mode: match mode {
                None | Some(ModeName::Cbc) => Mode::Cbc,
                Some(ModeName::Ecb) => Mode::Ecb,
                Some(ModeName::Cfb) => Mode::Cfb,
            },
            salt: salt.or(no_salt),
            effective_bits,
            no_padding,
        })
    }
}

/// Reads the word for a hash.
pub(crate) fn hash_names() -> impl TypedValueParser<Value = HashAlgorithm> {
    PossibleValuesParser::new(HashAlgorithm::ALL.map(HashAlgorithm::name)).try_map(|name| {
        let mut all = HashAlgorithm::ALL.into_iter();
        all.find(|hash| hash.name() == name).ok_or("no such hash")
    })
}

/// How much of a plaintext is shown.
const SHOWN_CHARACTERS: usize = 40;

/// Says how a plaintext begins: `text: "Dear Sir, .."`.
pub(crate) fn begins(beginning: &Beginning) -> String {
    let shown = || {
        let text: String = beginning.to_text().chars().take(SHOWN_CHARACTERS).collect();
        words(&text)
    };
    match beginning.looks() {
        Looks::Binary => format!(
            "bytes that are no text and no known kind of file: {}",
            beginning.to_hex()
        ),
        Looks::Empty => "nothing: the file is empty".to_owned(),
        Looks::Known(kind) => format!("{kind}: {}", beginning.to_hex()),
        Looks::Text => format!("text: {}", shown()),
    }
}

/// Says how a file was read, on whose word, and how it begins, a sentence each. What speaks against it, [`doubts`] says.
pub(crate) fn judgement(seen: &Seen) -> Vec<String> {
    let read_as = seen.parameters.describe(seen.algorithm);
    let mut said = vec![match seen.source {
        Source::Assumed => format!("read as {read_as}: assumed, as nothing in the file says it"),
        Source::Deposit => format!("read as {read_as}: as its deposit says"),
        Source::Said => format!("read as {read_as}: as you say"),
    }];
    said.push(format!("it begins with {}", begins(&seen.beginning)));
    if seen.beginning.looks() == Looks::Binary && !seen.is_other_iv() {
        said.push(
            "if that is not how it begins, the program set something else on its key: `--iv`, `--mode`, `--no-salt`, \
             `--effective-bits`"
                .to_owned(),
        );
    }
    said
}

/// Warns of what speaks against how a file was read, which nobody is to miss.
pub(crate) fn warn_of_doubts(path: &Path, seen: &Seen) {
    for doubt in doubts(seen) {
        tell(format_args!("warning: {}: {doubt}", shown(path)));
    }
}

/// Says what speaks against how a file was read.
pub(crate) fn doubts(seen: &Seen) -> Vec<String> {
    let mut said = Vec::new();
    if seen.is_other_iv() {
        said.push(
            "the first block of the plaintext is garbled and what follows is text: the program seems to have set an IV (`--iv`)"
                .to_owned(),
        );
    }
    if seen.tail > 0 {
        said.push(format!(
            "{} bytes that are not zeros follow the wrapped key in the header, and were passed over as CryptImportKey does: if \
             they are ciphertext, the beginning is missing",
            seen.tail
        ));
    }
    said
}

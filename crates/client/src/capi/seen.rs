//! What was seen of a file when its key was at hand, for a person to judge: neither a SIMPLEBLOB nor a ciphertext shows that
//! what was assumed of it is so (spec/capi-owner.md#what-is-assumed).

use strongroom_capi::Algorithm;
use strongroom_capi::beginning::Beginning;
use strongroom_capi::cipher::{Mode, Parameters};

/// Where it comes from what a program set on a session key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Nobody said anything: what CryptEncrypt does when nothing was set.
    Assumed,
    /// The file's deposit says it.
    Deposit,
    /// Whoever gave the command said it.
    Said,
}

/// How a file was decrypted, and what came out first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The cipher.
    pub algorithm: Algorithm,
    /// What was taken to be set on its key.
    pub parameters: Parameters,
    /// On whose word.
    pub source: Source,
    /// How many bytes follow the wrapped key in the header: 0, where they are zeros. CryptImportKey ignores them, but if the
    /// header's length is wrong, they are ciphertext.
    pub tail: usize,
    /// How the plaintext begins.
    pub beginning: Beginning,
}

impl Seen {
    /// Tells whether the program seems to have begun with another IV: the first block of a chain is no text, and what
    /// follows is.
    #[must_use]
    pub fn is_other_iv(&self) -> bool {
        // In ECB mode there is none.
        let block = self.algorithm.block_bytes();
        let chained = block.filter(|_| self.parameters.mode != Mode::Ecb);
        chained.is_some_and(|block| self.beginning.is_garbled_at_first(block))
    }
}

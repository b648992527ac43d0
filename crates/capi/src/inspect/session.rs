//! The blobs that hold a session key.

use zeroize::Zeroizing;

use super::{NOT_SHOWN, Walk};
use crate::blob::{RSA_KEYX, RSA_SIGN};
use crate::public_key::USUAL_BITS;
use crate::{Algorithm, Padding, SessionKey};

impl Walk<'_> {
    pub(super) fn simple_blob(&mut self) {
        self.number::<4>("wrapping algorithm", |alg_id| match alg_id {
            RSA_KEYX => "CALG_RSA_KEYX, an RSA key: the only one that wraps".to_owned(),
            _ => format!("{}, where only CALG_RSA_KEYX wraps", algorithm_name(alg_id)),
        });
        let length = self.rest.len();
        // A key under an exponent of one lies in there as it is.
        if opens_itself(self.rest) {
            self.secret("wrapped key", length, "not encrypted: see below");
            self.remark(
                "The wrapped key was made with an exponent of one, the trick for exporting a session key before there \
                 were PLAINTEXTKEYBLOBs. RSA has changed nothing: the session key lies in this blob in the clear, for \
                 anybody to read.",
            );
            return;
        }
        let bits = 8 * length;
        let usual = USUAL_BITS.iter().rev().find(|usual| **usual <= bits);
        let meaning = match usual {
            Some(usual) if *usual == bits => {
                format!("a number of {bits} bits, as the RSA key it is wrapped to has")
            }
            _ => format!("a number of {bits} bits, which is no usual length of an RSA key"),
        };
        let zeros = self
            .rest
            .iter()
            .rev()
            .take_while(|byte| **byte == 0)
            .count();
        self.shown("wrapped key", length, &meaning);
        match usual {
            Some(usual) if *usual == bits => {}
            Some(usual) if bits - usual == 8 * zeros => self.remark(format!(
                "{bits} bits is no usual length; the {zeros} zero bytes at the end may not belong to it. A key of {usual} bits opens \
                 the blob without them: CryptImportKey ignores them."
            )),
            Some(usual) => self.remark(format!(
                "Few RSA keys have {bits} bits. If yours has {usual}, {} bytes follow the wrapped key, which CryptImportKey ignores. \
                 If it has more than {bits}, the blob was cut off: a wrapped key may end in 00, and those bytes are part of it.",
                (bits - usual) / 8
            )),
            None => self.remark(format!(
                "Few RSA keys have {bits} bits. If yours has more, the blob was cut off: a wrapped key may end in 00, and those bytes \
                 are part of it."
            )),
        }
        self.remark(
            "Nothing in a SIMPLEBLOB says which padding was used, PKCS#1 v1.5 or OAEP, nor whose key it is wrapped to.",
        );
    }

    pub(super) fn plaintext_key(&mut self) {
        let length = self.number::<4>("dwKeySize", |bytes| format!("a key of {bytes} bytes"));
        if let Some(length) = length {
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            self.secret("rgbKeyData", length, "the session key");
            self.tail("the key");
        }
        self.remark(format!(
            "The session key lies in this blob in the clear. It is {NOT_SHOWN} here, but whoever has the file has it."
        ));
    }
}

/// Says which algorithm an `ALG_ID` is.
pub(super) fn algorithm_name(alg_id: u32) -> String {
    if let Some(algorithm) = Algorithm::from_alg_id(alg_id) {
        return algorithm.to_string();
    }
    match alg_id {
        RSA_KEYX => "CALG_RSA_KEYX, RSA for wrapping session keys",
        RSA_SIGN => "CALG_RSA_SIGN, RSA for signatures",
        0x6611 => "CALG_AES, AES of no particular length, which no key has",
        0x2200 => "CALG_DSS_SIGN, DSS for signatures",
        0xaa01 => "CALG_DH_SF, Diffie-Hellman with a stored key",
        0xaa02 => "CALG_DH_EPHEM, Diffie-Hellman with a passing key",
        0x8001 => "CALG_MD2, a hash",
        0x8002 => "CALG_MD4, a hash",
        0x8003 => "CALG_MD5, a hash",
        0x8004 => "CALG_SHA1, a hash",
        0x8009 => "CALG_HMAC, a keyed hash",
        0x800c => "CALG_SHA_256, a hash",
        0x800d => "CALG_SHA_384, a hash",
        0x800e => "CALG_SHA_512, a hash",
        _ => "not an algorithm that this program knows",
    }
    .to_owned()
}

/// Tells whether a padded key lies in the clear in a wrapped key: of any length, also one that its algorithm has not.
fn opens_itself(wrapped: &[u8]) -> bool {
    [Padding::Pkcs1, Padding::Oaep].into_iter().any(|padding| {
        let block = padding.unmask(Zeroizing::new(wrapped.iter().rev().copied().collect()));
        (1..=SessionKey::BYTES_MAX).any(|bytes| padding.is_key_of(&block, bytes).into())
    })
}

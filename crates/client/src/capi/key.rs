//! Session keys of CryptoAPI's as deposits have them, and back.

use strongroom_capi::session_key::WrongKeyLength;
use strongroom_capi::{Algorithm, SessionKey};
use strongroom_protocol::session_key as deposited;
use zeroize::Zeroizing;

/// Returns a session key as it is deposited: one of DES or 3DES with odd parity (spec/deposit.md#commitment).
pub(crate) fn to_deposited(key: &SessionKey) -> deposited::SessionKey {
    let mut bytes = Zeroizing::new(key.expose().to_vec());
    match key.algorithm() {
        Algorithm::Des | Algorithm::TripleDes | Algorithm::TripleDes112 => {
            bytes.iter_mut().for_each(|byte| *byte = odd(*byte));
        }
        Algorithm::Aes128
        | Algorithm::Aes192
        | Algorithm::Aes256
        | Algorithm::Rc2
        | Algorithm::Rc4 => {}
    }
    deposited::SessionKey::capi(alg_id(key.algorithm()), &bytes).expect("1 to 32 bytes")
}

/// Returns an algorithm as deposits have it.
pub(crate) fn algorithm(algorithm: Algorithm) -> deposited::Algorithm {
    deposited::Algorithm::capi(alg_id(algorithm))
}

fn alg_id(algorithm: Algorithm) -> u16 {
    u16::try_from(algorithm.alg_id()).expect("16 bits")
}

/// Returns a key that was deposited, if it is one of CryptoAPI's.
pub(super) fn from_deposited(key: &deposited::SessionKey) -> Option<SessionKey> {
    let algorithm = Algorithm::from_alg_id(key.algorithm().alg_id()?.into())?;
    let key: Result<_, WrongKeyLength> = SessionKey::new(algorithm, key.expose());
    key.ok()
}

fn odd(byte: u8) -> u8 {
    byte ^ u8::from(byte.count_ones().is_multiple_of(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parity_is_made_odd_and_no_other_bit_changes() {
        for byte in 0..=255 {
            assert_eq!(odd(byte).count_ones() % 2, 1);
            assert_eq!(odd(byte) & 0xfe, byte & 0xfe);
        }
    }

    #[test]
    fn a_des_key_is_deposited_with_odd_parity_and_an_aes_key_as_it_is() {
        let key = SessionKey::new(Algorithm::Des, &[0; 8]).unwrap();
        assert_eq!(to_deposited(&key).expose(), [1; 8]);
        let key = SessionKey::new(Algorithm::Aes128, &[0; 16]).unwrap();
        let deposited = to_deposited(&key);
        assert_eq!(deposited.expose(), [0; 16]);
        let back = from_deposited(&deposited).unwrap();
        assert_eq!(
            (back.algorithm(), back.expose()),
            (key.algorithm(), key.expose())
        );
    }
}

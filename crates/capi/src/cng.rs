//! CNG's RSA keys, `BCRYPT_RSAKEY_BLOB`: read alone, for those who exported with the newer interface.
//!
//! Six DWORDs: magic, bits, and the lengths of exponent, modulus, p and q; then these numbers, and in a full one d mod p-1,
//! d mod q-1, q^-1 mod p and d, from the most significant byte on.

use crate::blob::{Fields, Malformed};

/// The numbers of a key, most significant byte first.
pub(crate) struct CngNumbers<'b> {
    pub(crate) e: &'b [u8],
    pub(crate) n: &'b [u8],
    /// p and q, of a key pair.
    pub(crate) primes: Option<[&'b [u8]; 2]>,
    /// d mod p-1, d mod q-1, q^-1 mod p, d, of a full one.
    pub(crate) rest: Option<[&'b [u8]; 4]>,
}

/// Tells whether bytes begin as such a key does.
pub(crate) fn is_cng(bytes: &[u8]) -> bool {
    [b"RSA1", b"RSA2", b"RSA3"]
        .iter()
        .any(|magic| bytes.starts_with(*magic))
}

/// Reads one.
pub(crate) fn read(bytes: &[u8]) -> Result<CngNumbers<'_>, Malformed> {
    let mut fields = Fields::new(bytes);
    let magic = fields.take("Magic", 4)?;
    let _bits = fields.dword("BitLength")?;
    let mut length = |name| {
        let length = fields.dword(name)?;
        Ok::<_, Malformed>(usize::try_from(length).unwrap_or(usize::MAX))
    };
    let e = length("cbPublicExp")?;
    let n = length("cbModulus")?;
    let p = length("cbPrime1")?;
    let q = length("cbPrime2")?;
    Ok(CngNumbers {
        e: fields.take("PublicExponent", e)?,
        n: fields.take("Modulus", n)?,
        primes: match magic {
            b"RSA1" => None,
            _ => Some([fields.take("Prime1", p)?, fields.take("Prime2", q)?]),
        },
        rest: match magic {
            b"RSA3" => Some([
                fields.take("Exponent1", p)?,
                fields.take("Exponent2", q)?,
                fields.take("Coefficient", p)?,
                fields.take("PrivateExponent", n)?,
            ]),
            _ => None,
        },
    })
}

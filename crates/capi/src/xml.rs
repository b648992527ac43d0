//! .NET's RSA keys in XML, `<RSAKeyValue>` as `RSA.ToXmlString` writes it, and `<RSAParameters>` of its serializer: base64 of
//! numbers, each in an element of its own. Only these elements are looked at.

use zeroize::Zeroizing;

use crate::armour::base64;

/// The numbers of a key, most significant byte first.
pub(crate) struct XmlNumbers {
    pub(crate) n: Vec<u8>,
    pub(crate) e: Vec<u8>,
    /// P, Q, DP, DQ, InverseQ, D: those that there are.
    pub(crate) private: [Option<Zeroizing<Vec<u8>>>; 6],
}

/// Tells whether a text has such a key in it.
pub(crate) fn is_key(text: &[u8]) -> bool {
    str::from_utf8(text).is_ok_and(|text| text.contains("<") && element(text, "Modulus").is_some())
}

/// Reads one; nothing, if a number of the public key is missing.
pub(crate) fn read(text: &[u8]) -> Option<XmlNumbers> {
    let text = str::from_utf8(text).ok()?;
    let number = |name| element(text, name).and_then(base64);
    Some(XmlNumbers {
        n: number("Modulus")?.to_vec(),
        e: number("Exponent")?.to_vec(),
        private: ["P", "Q", "DP", "DQ", "InverseQ", "D"].map(number),
    })
}

/// The text in the first element of a name, whatever its namespace.
fn element<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    text.split('<').find_map(|tag| {
        let (tag, content) = tag.split_once('>')?;
        let tag = tag.split_whitespace().next()?;
        (tag.rsplit(':').next() == Some(name)).then_some(content)
    })
}

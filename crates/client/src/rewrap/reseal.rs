//! The new header: the owner's stanza replaced, the pointer in its place, the length kept where padding can.

use rand_core::CryptoRng;
use strongroom_agefile::header::InvalidHeader;
use strongroom_agefile::{Header, Recipient, Stanza};

use super::find::{Evidence, Found};
use crate::pointer::{Pointer, is_ours, is_pad, pad};

/// A header for today's key.
pub(super) struct Resealed {
    pub(super) header: Header,
    /// The place of the owner's stanza in it.
    pub(super) own: usize,
}

/// Makes the header of the same session key for `owner`.
///
/// The stanza known to be the owner's is replaced. Where it cannot be told which that is, all stay and the new one
/// is added: a colleague's access is not taken by guess. A new hybrid stanza beside a classic one that was there takes
/// nothing from the file, and so that mix is not refused as it is for new files. Of another file's header nothing stays: its
/// stanzas wrap that file's key. `pointer` goes where one to the same
/// authority was, or behind all others: the file changes in any case, and then says itself where its spare is.
pub(super) fn reseal(
    old: &Header,
    found: &Found,
    own: Option<usize>,
    pointer: Option<Pointer>,
    owner: &Recipient,
    rng: &mut impl CryptoRng,
) -> Result<Resealed, InvalidHeader> {
    let stanza = owner.wrap(&found.file_key, rng);
    let stanzas = match &found.evidence {
        Evidence::MacRestored(stanzas) => stanzas.clone(),
        Evidence::OthersHeader => Vec::new(),
        Evidence::Mac | Evidence::Payload => old.stanzas().to_vec(),
    };
    // One that somebody put before it may open for the owner, too, and to another key.
    let is_altered = matches!(found.evidence, Evidence::OthersHeader | Evidence::Payload);
    let mut kept = Vec::with_capacity(stanzas.len() + 1);
    let mut place = None;
    for (number, old) in stanzas.into_iter().enumerate() {
        if own == Some(number) {
            if !is_altered {
                place = Some(kept.len());
                kept.push(stanza.clone());
            }
        } else if !is_pad(&old) {
            kept.push(old);
        }
    }
    let own = place.unwrap_or_else(|| {
        kept.insert(0, stanza);
        0
    });
    if let Some(pointer) = pointer {
        point(&mut kept, pointer);
    }
    let plain = Header::seal(kept.clone(), &found.file_key)?;
    let spare = old.as_bytes().len().checked_sub(plain.as_bytes().len());
    let header = match spare.filter(|spare| *spare > 0).and_then(pad) {
        Some(pad) => {
            kept.push(pad);
            Header::seal(kept, &found.file_key)?
        }
        None => plain,
    };
    Ok(Resealed { header, own })
}

/// Lets the stanzas point to a deposit: once to its authority, and to others as before.
fn point(stanzas: &mut Vec<Stanza>, pointer: Pointer) {
    let is_same = |stanza: &&mut Stanza| {
        Pointer::from_stanza(stanza).is_some_and(|other| other.authority == pointer.authority)
    };
    match stanzas.iter_mut().find(is_same) {
        Some(stanza) => *stanza = pointer.to_stanza(),
        None => stanzas.push(pointer.to_stanza()),
    }
}

/// Finds the one stanza that wraps the session key to anybody, if there is only one.
pub(super) fn only_recipient(header: &Header) -> Option<usize> {
    let mut others = header
        .stanzas()
        .iter()
        .enumerate()
        .filter(|(_, stanza)| !is_ours(stanza));
    match (others.next(), others.next()) {
        (Some((place, _)), None) => Some(place),
        _ => None,
    }
}

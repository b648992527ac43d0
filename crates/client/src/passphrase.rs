//! Passphrases as people type them: how a new one is taken, and in which forms one is tried (spec/text.md).

use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};
use strongroom_agefile::passphrase::EmptyPassphrase;
use strongroom_agefile::{Passphrase, PassphraseIdentity};
use zeroize::Zeroizing;

/// How many characters a new passphrase has at least, unless its owner says otherwise.
pub const CHARACTERS_MIN: usize = 8;

/// Takes a new passphrase, which every keyboard can type again: its accents in the one form (NFC), without the line end that
/// a file or a command puts behind it.
///
/// # Errors
///
/// It is empty, shorter than [`CHARACTERS_MIN`] where not `however_short`, or has a character that no keyboard types.
pub fn new_passphrase(text: &str, however_short: bool) -> Result<Passphrase, NoPassphrase> {
    let text = composed(without_line_end(text));
    if text.chars().any(char::is_control) {
        return Err(NoPassphrase::Control);
    }
    let characters = text.chars().count();
    if !however_short && (1..CHARACTERS_MIN).contains(&characters) {
        return Err(NoPassphrase::Short);
    }
    Ok(Passphrase::new(text)?)
}

/// Takes a passphrase that is to open something, which need not be ours: as it is, and in the forms in which it may have been
/// typed then.
///
/// # Errors
///
/// It is empty.
pub fn to_open(text: &str) -> Result<PassphraseIdentity, EmptyPassphrase> {
    let bare = without_line_end(text);
    let mut forms = vec![composed(bare)];
    for form in [copy(bare), decomposed(bare), copy(text)] {
        if !forms.contains(&form) {
            forms.push(form);
        }
    }
    let mut forms = forms.into_iter().map(Passphrase::new);
    // An empty one stands for none of the others.
    let first = PassphraseIdentity::new(forms.next().ok_or(EmptyPassphrase)??);
    Ok(forms.flatten().fold(first, PassphraseIdentity::or))
}

fn without_line_end(text: &str) -> &str {
    let line = text.strip_suffix('\n').unwrap_or(text);
    line.strip_suffix('\r').unwrap_or(line)
}

fn copy(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.to_owned())
}

fn composed(text: &str) -> Zeroizing<String> {
    let mut composed = room(text);
    let written = ComposingNormalizerBorrowed::new_nfc().normalize_to(text, &mut *composed);
    debug_assert!(written.is_ok(), "a string takes all");
    composed
}

fn decomposed(text: &str) -> Zeroizing<String> {
    let mut decomposed = room(text);
    let written = DecomposingNormalizerBorrowed::new_nfd().normalize_to(text, &mut *decomposed);
    debug_assert!(written.is_ok(), "a string takes all");
    decomposed
}

/// As long as any form of a text is: one that grows leaves its beginning behind in memory.
fn room(text: &str) -> Zeroizing<String> {
    const FORM_BYTES_MAX: usize = 18;
    Zeroizing::new(String::with_capacity(FORM_BYTES_MAX * text.len()))
}

/// Why a text is no new passphrase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoPassphrase {
    /// It has a control character.
    #[error("the new passphrase has a control character in it, which nobody could type")]
    Control,
    /// It is empty.
    #[error(transparent)]
    Empty(#[from] EmptyPassphrase),
    /// It is too short.
    #[error("the new passphrase is shorter than {CHARACTERS_MIN} characters")]
    Short,
}

#[cfg(test)]
mod tests {
    use strongroom_agefile::{FileKey, WorkFactor};
    use strongroom_testkit::TestRng;

    use super::*;

    #[test]
    fn what_no_keyboard_types_again_is_not_taken() {
        let refused = |text: &str| new_passphrase(text, false).err();
        assert_eq!(refused("correct\thorse"), Some(NoPassphrase::Control));
        assert_eq!(refused("two lines\n\n"), Some(NoPassphrase::Control));
        assert_eq!(refused("\u{1b}correct horse"), Some(NoPassphrase::Control));
        assert_eq!(refused("seven77"), Some(NoPassphrase::Short));
        assert_eq!(refused("\n"), Some(NoPassphrase::Empty(EmptyPassphrase)));
        assert_eq!(refused("eight888"), None);
        assert!(new_passphrase("a", true).is_ok());
        assert!(new_passphrase("", true).is_err());
    }

    #[test]
    fn a_passphrase_opens_whatever_keyboard_it_was_typed_on() {
        let mut rng = TestRng::new(1);
        let work_factor = WorkFactor::from_log_n(2).unwrap();
        let file_key = FileKey::generate(&mut rng);
        let as_typed = |text: &str| Passphrase::new(copy(text)).unwrap();
        let ours = |text: &str| new_passphrase(text, false).unwrap();
        let (composed, decomposed) = ("w\u{f6}rd w\u{f6}rd", "wo\u{308}rd wo\u{308}rd");
        for (sealed, typed) in [
            (as_typed(composed), decomposed),
            (as_typed(decomposed), composed),
            (ours(decomposed), composed),
            (ours(composed), decomposed),
            (as_typed("correct horse"), "correct horse\n"),
            (as_typed("correct horse\n"), "correct horse\n"),
            (ours("correct horse\r\n"), "correct horse"),
        ] {
            let stanza = sealed.wrap(&file_key, work_factor, &mut rng).unwrap();
            let opened = to_open(typed).unwrap().unwrap(&stanza).unwrap();
            assert!(opened.is_some(), "{typed:?}");
            let other = to_open("another one").unwrap().unwrap(&stanza).unwrap();
            assert!(other.is_none());
        }
        assert!(to_open("").is_err());
    }
}

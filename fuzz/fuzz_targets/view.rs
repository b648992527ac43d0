//! What an authority answers, as JSON. A statement whose signature holds is hardly ever found in it: what counts is that
//! nothing panics on the way, and that what is read is written to what reads the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_protocol::{
    About, Holdings, Page, Possession, Recorded, ReleasePage, SubjectView,
};

macro_rules! read {
    ($text:expr, $($view:ty),+) => {$(
        if let Ok(view) = <$view>::from_json($text) {
            let written = view.to_json();
            let again = <$view>::from_json(&written).expect("our own JSON");
            assert_eq!(again.to_json(), written);
        }
    )+};
}

fuzz_target!(|text: &str| {
    read!(
        text,
        About,
        Holdings,
        Page<Recorded>,
        Possession,
        ReleasePage,
        SubjectView
    );
});

//! The example goes once around.

use std::fs;

use strongroom_testkit::{TestClock, TestRng};

#[path = "../../examples/whole_loop.rs"]
#[expect(unreachable_pub, reason = "an example is somebody's crate of its own")]
mod whole_loop;

#[test]
fn the_example_gets_the_letter_back() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("letter.txt"), "dear reader").unwrap();
    let text = whole_loop::whole_loop(
        folder.path(),
        TestClock::new(),
        TestRng::new(1),
        TestRng::new(2),
    );
    assert_eq!(text.unwrap(), b"dear reader");
}

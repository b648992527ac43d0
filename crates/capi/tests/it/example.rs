//! The example goes once around.

use crate::rng::TestRng;

#[path = "../../examples/backup_authority.rs"]
#[expect(unreachable_pub, reason = "an example is somebody's crate of its own")]
mod backup_authority;

#[test]
fn what_was_stored_is_recovered_to_a_key_of_the_same_size_and_of_another() {
    let mut rng = TestRng::new(1);
    let plaintext = vec![7; 100_000];
    for bits in [2048, 3072] {
        let opened = backup_authority::once_around(&plaintext, bits, &mut rng).unwrap();
        assert!(opened == plaintext);
    }
}

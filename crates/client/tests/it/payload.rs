//! Files that pass at offsets: their marks, and what becomes of one that changes on the way.

use std::fs::{self, File};
use std::io::{BufReader, Write};
use std::num::NonZeroUsize;
use std::path::Path;

use strongroom_agefile::payload::{CHUNK_BYTES, OpenError};
use strongroom_client::decrypt::{Decrypted, SealedFile};
use strongroom_client::encrypt::{EncryptError, EncryptOptions, Encrypted, Source, Target};
use strongroom_files::output::{Output, Overwrite, ReadableBy};
use strongroom_protocol::statement::Particulars;
use strongroom_testkit::TestRng;

use super::fixture::World;

/// More than every thread's first batch.
const LONG: usize = 100 * CHUNK_BYTES + 7;

#[test]
fn the_mark_is_the_same_however_a_file_passes() {
    let mut world = World::new();
    for length in [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, LONG] {
        let plaintext = plaintext(length);
        fs::write(world.path("plain"), &plaintext).unwrap();
        for armor in [false, true] {
            let encrypted = encrypt(&mut world, armor, &mut |_| {}).unwrap();
            assert!(!encrypted.changed);
            assert_eq!(encrypted.bytes, length as u64);
            let [at_offsets, streamed] = [true, false].map(|at_offsets| {
                let decrypted = decrypt(&world, at_offsets, &mut |_| {}).unwrap();
                assert!(fs::read(world.path("opened")).unwrap() == plaintext);
                fs::remove_file(world.path("opened")).unwrap();
                decrypted
            });
            assert_eq!(at_offsets, streamed);
            assert_eq!(at_offsets.mark, encrypted.mark, "{length}");
            fs::remove_file(world.path("sealed")).unwrap();
        }
    }
}

#[test]
fn a_file_that_grows_is_encrypted_as_it_was_and_said_to_have_changed() {
    let mut world = World::new();
    let plaintext = plaintext(LONG);
    let path = world.path("plain");
    fs::write(&path, &plaintext).unwrap();
    let mut grow = |_| {
        let mut file = File::options().append(true).open(&path).unwrap();
        file.write_all(b"more").unwrap();
    };
    let encrypted = encrypt(&mut world, false, &mut grow).unwrap();
    assert!(encrypted.changed);
    assert_eq!(encrypted.bytes, LONG as u64);
    decrypt(&world, true, &mut |_| {}).unwrap();
    assert!(fs::read(world.path("opened")).unwrap() == plaintext);
}

#[test]
fn a_file_that_becomes_shorter_is_read_again_and_said_to_have_changed() {
    for left in [0, 10, CHUNK_BYTES, 70 * CHUNK_BYTES] {
        let mut world = World::new();
        let plaintext = plaintext(LONG);
        let path = world.path("plain");
        fs::write(&path, &plaintext).unwrap();
        let mut cut = |_| {
            let file = File::options().write(true).open(&path).unwrap();
            file.set_len(left as u64).unwrap();
        };
        let encrypted = encrypt(&mut world, false, &mut cut).unwrap();
        assert!(encrypted.changed);
        assert_eq!(encrypted.bytes, left as u64);
        let decrypted = decrypt(&world, true, &mut |_| {}).unwrap();
        assert_eq!(decrypted.mark, encrypted.mark);
        assert!(fs::read(world.path("opened")).unwrap() == plaintext[..left]);
    }
}

#[test]
fn an_encrypted_file_that_changes_while_it_is_read_is_not_decrypted() {
    let mut world = World::new();
    fs::write(world.path("plain"), plaintext(LONG)).unwrap();
    encrypt(&mut world, false, &mut |_| {}).unwrap();
    let path = world.path("sealed");
    let whole = fs::read(&path).unwrap();
    for length in [0, whole.len() as u64 / 2, whole.len() as u64 + 1] {
        fs::write(&path, &whole).unwrap();
        let mut change = |_| {
            let file = File::options().write(true).open(&path).unwrap();
            file.set_len(length).unwrap();
        };
        let error = decrypt(&world, true, &mut change).unwrap_err();
        assert!(matches!(error, OpenError::Changed), "{error:?}");
        assert!(!world.path("opened").exists());
    }
}

#[test]
fn of_damage_in_many_places_the_first_is_told_and_no_file_appears() {
    let mut world = World::new();
    fs::write(world.path("plain"), plaintext(LONG)).unwrap();
    encrypt(&mut world, false, &mut |_| {}).unwrap();
    let path = world.path("sealed");
    let mut bytes = fs::read(&path).unwrap();
    let end = bytes.len();
    for chunk in [17, 33, 99] {
        // The last one has seven bytes and a tag.
        bytes[end - 23 - (100 - chunk) * (CHUNK_BYTES + 16)] ^= 1;
    }
    fs::write(&path, &bytes).unwrap();
    let error = decrypt(&world, true, &mut |_| {}).unwrap_err();
    let first = 17 * CHUNK_BYTES as u64;
    assert!(
        matches!(error, OpenError::Damaged { whole } if whole == first),
        "{error:?}"
    );
    assert!(!world.path("opened").exists());
}

/// Bytes of which no two chunks are alike.
fn plaintext(length: usize) -> Vec<u8> {
    (0_u8..251).cycle().take(length).collect()
}

/// Encrypts `plain` as `sealed`.
fn encrypt(
    world: &mut World,
    armor: bool,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<Encrypted, EncryptError> {
    let (source, target) = (world.path("plain"), world.path("sealed"));
    let owner = world.identities(&world.home()).recipient().unwrap();
    let encrypted = world.with_client(|client| {
        let spares = client.deposit(&owner, &[], vec![Particulars::default()]);
        let spare = spares.unwrap().pop().unwrap();
        let target = Target::File(target, Overwrite::Refuse);
        let options = EncryptOptions {
            armor,
            threads: two(),
            ..EncryptOptions::new(&owner)
        };
        spare.encrypt(
            Source::File(source),
            target,
            &options,
            progress,
            client.rng(),
        )
    });
    encrypted.unwrap()
}

#[test]
fn a_file_that_says_to_be_empty_is_decrypted_to_its_end() {
    let mut world = World::new();
    let plaintext = plaintext(LONG);
    fs::write(world.path("plain"), &plaintext).unwrap();
    encrypt(&mut world, false, &mut |_| {}).unwrap();
    let identities = world.identities(&world.home());
    let file = File::open(world.path("sealed")).unwrap();
    let sealed = SealedFile::read(BufReader::new(&file)).unwrap();
    let unlocked = sealed.unlock(&identities.as_unwraps()).unwrap();
    let mut output = create(&world.path("opened"));
    // Its length is said to be that of this one, as a program's file system may.
    let empty = File::create_new(world.path("empty")).unwrap();
    let decrypted = unlocked.decrypt_file(&empty, &mut output, two(), &mut |_| {});
    assert_eq!(decrypted.unwrap().bytes, LONG as u64);
    output.commit().unwrap();
    assert!(fs::read(world.path("opened")).unwrap() == plaintext);
}

/// Decrypts `sealed` as `opened`, which does not appear when it fails.
fn decrypt(
    world: &World,
    at_offsets: bool,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<Decrypted, OpenError> {
    let identities = world.identities(&world.home());
    let file = File::open(world.path("sealed")).unwrap();
    let sealed = SealedFile::read(BufReader::new(&file)).unwrap();
    let unlocked = sealed.unlock(&identities.as_unwraps()).unwrap();
    let mut output = create(&world.path("opened"));
    let decrypted = match at_offsets {
        true => unlocked.decrypt_file(&file, &mut output, two(), progress)?,
        false => unlocked.decrypt(&mut output, two(), progress)?,
    };
    output.commit().unwrap();
    Ok(decrypted)
}

fn create(path: &Path) -> Output {
    let mut rng = TestRng::new(3);
    Output::create(path, Overwrite::Refuse, ReadableBy::Owner, &mut rng).unwrap()
}

fn two() -> NonZeroUsize {
    NonZeroUsize::new(2).unwrap()
}

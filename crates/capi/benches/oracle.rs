//! Whether the time of an answer tells what the authority's key found (spec/capi.md#constant-time).
//! `cargo bench -p strongroom-capi --bench oracle`, on a machine that does nothing else.
//!
//! Blobs of each kind come in random order, each is used once, from the same place in memory, and the times of each kind
//! are compared with those of good ones by Welch's t-test, as dudect does: all of them, and the fastest nine tenths.
//! Beyond 4.5 they can be told apart. Then the unpadding alone, without RSA to hide it; and one that looks for the end of
//! the padding as anybody would write it, to show that this would be found.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark measures the real time, prints it, and may fail"
)]

use std::fs;
use std::hint::black_box;
use std::time::Instant;

use aws_lc_rs::rsa::{Pkcs1PrivateDecryptingKey, PrivateDecryptingKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rand_core::Rng;
use strongroom_capi::{Algorithm, Key, PrivateKey, SessionKey, SimpleBlob};
use zeroize::Zeroizing;

// The source itself: what is measured alone is not public.
#[expect(
    dead_code,
    unreachable_pub,
    reason = "used, and public, in the crate that it is taken from"
)]
#[path = "../src/padding.rs"]
mod padding;
#[path = "../tests/it/rng.rs"]
mod rng;
use rng::TestRng;

const KEY_BYTES: usize = 16;
const PADDINGS: [strongroom_capi::Padding; 2] = [
    strongroom_capi::Padding::Pkcs1,
    strongroom_capi::Padding::Oaep,
];

fn main() {
    // Without the option, from `cargo test --all-targets`, it only shows that it runs.
    let measures = std::env::args().any(|argument| argument == "--bench");
    let runs = |runs| if measures { runs } else { 2 };
    let mut rng = TestRng::new(1);
    unpadding(runs(50_000), &mut rng);
    for (own, other, count) in [
        ("own1024", "auth1024", 20_000),
        ("own2048", "other2048", 5_000),
    ] {
        unwrapping(own, other, runs(count), &mut rng);
    }
    aws_lc(runs(5_000), &mut rng);
}

/// The whole answer of the authority.
fn unwrapping(own: &str, other: &str, runs: usize, rng: &mut TestRng) {
    let (key, other) = (key(own), key(other));
    for padding in PADDINGS {
        let kinds = [
            "good",
            "good, again",
            "bad padding",
            "a key of another length",
            "wrapped to another key",
            "not below the modulus",
        ];
        let make = |kind, rng: &mut TestRng| blob(kind, &key, &other, padding, rng);
        compare(
            &format!("{own}, {padding:?}, unwrap_or_random"),
            kinds,
            runs,
            rng,
            make,
            |blob, rng| {
                black_box(
                    key.unwrap_or_random(&blob, padding, KEY_BYTES, rng)
                        .unwrap(),
                );
            },
        );
    }
}

fn blob(
    kind: usize,
    own: &PrivateKey,
    other: &PrivateKey,
    padding: strongroom_capi::Padding,
    rng: &mut TestRng,
) -> SimpleBlob {
    let public = match kind {
        4 => other.public(),
        _ => own.public(),
    };
    let bytes = if kind == 3 { 5 } else { KEY_BYTES };
    loop {
        let session = SessionKey::generate(Algorithm::Rc4, bytes, rng).unwrap();
        let mut blob = public.wrap(&session, padding, rng).unwrap();
        if kind == 2 || kind == 5 {
            let mut bytes = blob.to_bytes();
            let number = bytes.split_at_mut(12).1;
            rng.fill_bytes(number);
            if kind == 5 {
                number
                    .iter_mut()
                    .rev()
                    .take(8)
                    .for_each(|byte| *byte = 0xff);
            }
            blob = SimpleBlob::from_bytes(&bytes).unwrap();
        }
        if own.public().fits(&blob).is_ok() == (kind != 5) {
            return blob;
        }
    }
}

/// The unpadding alone, of blocks for 2,048 bits.
fn unpadding(runs: usize, rng: &mut TestRng) {
    use padding::Padding::{Oaep, Pkcs1};
    let kinds = [
        "good",
        "good, again",
        "noise",
        "a key of another length",
        "wrong in its first byte",
        "wrong in its last but the key",
    ];
    for padding in [Pkcs1, Oaep] {
        let make = |kind, rng: &mut TestRng| {
            let mut key = vec![0; if kind == 3 { 5 } else { KEY_BYTES }];
            rng.fill_bytes(&mut key);
            let mut block = padding.pad(&key, 256, rng);
            match kind {
                2 => rng.fill_bytes(&mut block),
                4 => block[0] = 1,
                5 => block[255 - KEY_BYTES] ^= 1,
                _ => {}
            }
            block
        };
        compare(
            &format!("{padding:?}, unpadding alone"),
            kinds,
            runs,
            rng,
            make,
            |block, _| {
                let block = padding.unmask(block);
                black_box(padding.is_key_of(&block, KEY_BYTES).unwrap_u8());
            },
        );
        if padding == Pkcs1 {
            let searched = |block: Zeroizing<Vec<u8>>, _: &mut TestRng| {
                let end = block.iter().skip(2).position(|byte| *byte == 0);
                black_box(block.starts_with(&[0, 2]) && end == Some(256 - 3 - KEY_BYTES));
            };
            compare(
                "Pkcs1, searched for its end",
                kinds,
                runs,
                rng,
                make,
                searched,
            );
        }
    }
}

/// The same question to aws-lc-rs, which tells failure by its answer anyway.
fn aws_lc(runs: usize, rng: &mut TestRng) {
    let (own, other) = (key("own2048"), key("other2048"));
    let base64 = pem("own2048");
    let base64: String = base64
        .lines()
        .filter(|line| !line.starts_with('-'))
        .collect();
    let pkcs8 = STANDARD.decode(base64).unwrap();
    let key = PrivateDecryptingKey::from_pkcs8(&pkcs8).unwrap();
    let key = Pkcs1PrivateDecryptingKey::new(key).unwrap();
    let kinds = [
        "good",
        "good, again",
        "bad padding",
        "a key of another length",
        "wrapped to another key",
    ];
    let make = |kind, rng: &mut TestRng| blob(kind, &own, &other, PADDINGS[0], rng);
    compare(
        "own2048, PKCS#1 of aws-lc-rs",
        kinds,
        runs,
        rng,
        make,
        |blob, _| {
            let mut opened = [0; 256];
            let _ = black_box(key.decrypt(blob.wrapped(), &mut opened));
        },
    );
}

/// Times each kind, and prints how it differs from the first.
///
/// Each input is copied just before: the copies lie where the last one lay. The inputs themselves lie at one another's
/// side in the order in which they were made, so that the kinds differ in their addresses, which shows.
fn compare<const N: usize, T: Clone>(
    what: &str,
    kinds: [&str; N],
    runs: usize,
    rng: &mut TestRng,
    make: impl Fn(usize, &mut TestRng) -> T,
    run: impl Fn(T, &mut TestRng),
) {
    let mut work: Vec<(usize, T)> = (0..N * runs)
        .map(|count| (count % N, make(count % N, rng)))
        .collect();
    for last in (1..work.len()).rev() {
        let other = rng.next_u64() % (last as u64 + 1);
        work.swap(last, usize::try_from(other).unwrap());
    }
    let mut times = kinds.map(|_| Vec::with_capacity(runs));
    for (kind, input) in &work {
        let input = input.clone();
        let start = Instant::now();
        run(input, rng);
        times[*kind].push(start.elapsed().as_secs_f64() * 1e9);
    }
    if runs > 2 {
        report(what, &kinds, &times);
    }
}

fn report(what: &str, kinds: &[&str], times: &[Vec<f64>]) {
    println!("{what}, {} times each", times[0].len());
    let quick = fastest(&times[0]);
    let (_, variance) = mean_and_variance(&quick);
    // Two samples as wide as this one whose means differ by so much have a t of 4.5.
    let shows = 4.5 * (2.0 * variance / quick.len() as f64).sqrt();
    println!("    a difference of {shows:.1} ns would show");
    for (kind, times_of_kind) in kinds.iter().zip(times) {
        let fastest = fastest(times_of_kind);
        let (mean, _) = mean_and_variance(&fastest);
        let all = welch(&times[0], times_of_kind);
        let t = welch(&quick, &fastest);
        println!("    {kind:30} {mean:10.0} ns, t = {t:8.2}, of all {all:8.2}");
    }
}

/// The fastest nine tenths: what interrupts a computation only makes it longer.
fn fastest(times: &[f64]) -> Vec<f64> {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.truncate((sorted.len() as f64 * 0.9) as usize);
    sorted
}

fn welch(a: &[f64], b: &[f64]) -> f64 {
    let (mean_a, variance_a) = mean_and_variance(a);
    let (mean_b, variance_b) = mean_and_variance(b);
    (mean_a - mean_b) / (variance_a / a.len() as f64 + variance_b / b.len() as f64).sqrt()
}

fn mean_and_variance(times: &[f64]) -> (f64, f64) {
    let count = times.len() as f64;
    let mean = times.iter().sum::<f64>() / count;
    let variance = times.iter().map(|time| (time - mean).powi(2)).sum::<f64>() / (count - 1.0);
    (mean, variance)
}

fn key(name: &str) -> PrivateKey {
    Key::read(pem(name).as_bytes())
        .unwrap()
        .into_pair()
        .unwrap()
}

fn pem(name: &str) -> String {
    let keys = concat!(env!("CARGO_MANIFEST_DIR"), "/../../spec/vectors/capi/keys");
    fs::read_to_string(format!("{keys}/{name}.pem")).unwrap()
}

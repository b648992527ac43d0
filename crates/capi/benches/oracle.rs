//! Whether the time of an answer tells what the authority's key found (spec/capi.md#constant-time).
//! `cargo bench -p strongroom-capi --bench oracle`, on a machine that does nothing else.
//!
//! For each kind of blob, its time is compared with a good one's by Welch's t-test, as dudect does: the kinds come in
//! random order, each blob is used once, and beside all times the fastest nine tenths are compared too. Beyond 4.5 the
//! two can be told apart. aws-lc-rs beside it shows what a difference looks like.

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
use std::time::{Duration, Instant};

use aws_lc_rs::rsa::{Pkcs1PrivateDecryptingKey, PrivateDecryptingKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rand_core::Rng;
use strongroom_capi::{Algorithm, Padding, PrivateKey, SessionKey, SimpleBlob};

#[path = "../tests/it/rng.rs"]
mod rng;
use rng::TestRng;

/// What a blob may be, other than good.
const KINDS: [&str; 5] = [
    "good",
    "noise: bad padding",
    "a key of another length",
    "wrapped to another key",
    "another good one",
];

const KEY_BYTES: usize = 16;

fn main() {
    // Without the option, from `cargo test --all-targets`, it only shows that it runs.
    let measures = std::env::args().any(|argument| argument == "--bench");
    for (own, other, runs) in [
        ("own1024", "auth1024", 20_000),
        ("own2048", "other2048", 6_000),
    ] {
        let runs = if measures { runs } else { 2 };
        let mut bench = Bench {
            own: key(own),
            other: key(other),
            rng: TestRng::new(1),
            runs,
        };
        for padding in [Padding::Pkcs1, Padding::Oaep] {
            let times = bench.times(padding, |own, blob, rng| {
                black_box(own.unwrap_or_random(blob, padding, KEY_BYTES, rng).unwrap());
            });
            if measures {
                report(&format!("{own}, {padding:?}, unwrap_or_random"), &times);
            }
        }
        if own == "own2048" {
            let aws = aws_lc(own);
            let times = bench.times(Padding::Pkcs1, |_, blob, _| {
                let mut key = [0; 256];
                let _ = black_box(aws.decrypt(blob.wrapped(), &mut key));
            });
            if measures {
                report("own2048, PKCS#1 of aws-lc-rs", &times);
            }
        }
    }
}

struct Bench {
    own: PrivateKey,
    other: PrivateKey,
    rng: TestRng,
    runs: usize,
}

impl Bench {
    /// The times in nanoseconds of each kind.
    fn times(
        &mut self,
        padding: Padding,
        mut unwrap: impl FnMut(&PrivateKey, &SimpleBlob, &mut TestRng),
    ) -> [Vec<f64>; KINDS.len()] {
        let mut times = KINDS.map(|_| Vec::with_capacity(self.runs));
        let mut work: Vec<(usize, SimpleBlob)> = (0..KINDS.len() * self.runs)
            .map(|count| (count % KINDS.len(), self.blob(count % KINDS.len(), padding)))
            .collect();
        for last in (1..work.len()).rev() {
            let other = self.rng.next_u64() % (last as u64 + 1);
            work.swap(last, usize::try_from(other).unwrap());
        }
        for (kind, blob) in &work {
            let start = Instant::now();
            unwrap(&self.own, blob, &mut self.rng);
            let nanoseconds = start.elapsed().as_secs_f64() * 1e9;
            times.get_mut(*kind).unwrap().push(nanoseconds);
        }
        times
    }

    fn blob(&mut self, kind: usize, padding: Padding) -> SimpleBlob {
        let rng = &mut self.rng;
        let key =
            |bytes, rng: &mut TestRng| SessionKey::generate(Algorithm::Rc4, bytes, rng).unwrap();
        let own = self.own.public();
        match kind {
            0 | 4 => own.wrap(&key(KEY_BYTES, rng), padding, rng).unwrap(),
            1 => loop {
                let key = key(KEY_BYTES, rng);
                let mut bytes = own.wrap(&key, padding, rng).unwrap().to_bytes();
                rng.fill_bytes(bytes.split_at_mut(12).1);
                let blob = SimpleBlob::from_bytes(&bytes).unwrap();
                if own.fits(&blob).is_ok() {
                    return blob;
                }
            },
            2 => own.wrap(&key(5, rng), padding, rng).unwrap(),
            _ => loop {
                let key = key(KEY_BYTES, rng);
                let blob = self.other.public().wrap(&key, padding, rng).unwrap();
                if own.fits(&blob).is_ok() {
                    return blob;
                }
            },
        }
    }
}

fn report(what: &str, times: &[Vec<f64>; KINDS.len()]) {
    println!("{what}");
    let good = &times[0];
    for (kind, times) in KINDS.iter().zip(times) {
        let (mean, _) = mean_and_variance(&fastest(times, 0.9));
        let mean = Duration::from_secs_f64(mean / 1e9);
        let all = welch(good, times);
        let cropped = welch(&fastest(good, 0.9), &fastest(times, 0.9));
        let count = times.len();
        println!(
            "    {kind:26} {count:6} times, mean {mean:9.1?}, t = {all:6.2}, of the fastest {cropped:6.2}"
        );
    }
}

/// The times below a quantile: what interrupts a computation only makes it longer.
fn fastest(times: &[f64], quantile: f64) -> Vec<f64> {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.truncate((sorted.len() as f64 * quantile) as usize);
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
    PrivateKey::from_pem(pem(name).as_bytes()).unwrap()
}

fn aws_lc(name: &str) -> Pkcs1PrivateDecryptingKey {
    let pem = pem(name);
    let base64: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let key = PrivateDecryptingKey::from_pkcs8(&STANDARD.decode(base64).unwrap()).unwrap();
    Pkcs1PrivateDecryptingKey::new(key).unwrap()
}

fn pem(name: &str) -> String {
    let keys = concat!(env!("CARGO_MANIFEST_DIR"), "/../../spec/vectors/capi/keys");
    fs::read_to_string(format!("{keys}/{name}.pem")).unwrap()
}

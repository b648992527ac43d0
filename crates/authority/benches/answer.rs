//! Whether the time of the authority's answer tells what was wrong with a SIMPLEBLOB (spec/simple-blob.md#one-answer).
//! `TMPDIR=/dev/shm cargo bench -p strongroom-authority --bench answer`, on a machine that does nothing else.
//!
//! Measured is all that a depositor sees: a statement submitted, its receipt in hand. That a deposit is good the answer
//! says, so that the times to compare are those of the bad ones: each kind against blobs whose padding holds and whose key is
//! another than the one committed to, by Welch's t-test, in random order, each blob once. Beyond 4.5 two can be told
//! apart.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark measures the real time, prints it, and may fail"
)]

use std::time::{Duration, Instant};

use rand_core::Rng;
use strongroom_authority::{Caller, Service};
use strongroom_capi::{Algorithm, KeySpec, Padding, PrivateKey, PublicKey, SimpleBlob};
use strongroom_protocol::Authority;
use strongroom_protocol::policy::Policy;
use strongroom_protocol::receipt::DepositState;
use strongroom_protocol::statement::{BlobPadding, Particulars, SignedStatement};
use strongroom_testkit::{Owner, Program, TestClock, TestRng, submit};

/// What is wrong; and one kind that is not.
const KINDS: [&str; 10] = [
    "another key's commitment",
    "the same again",
    "noise: bad padding",
    "a key of another length",
    "wrapped to another key",
    "the other padding",
    "another ALG_ID in the header",
    "another claim in the label",
    "no blob",
    "good",
];

fn main() {
    // Without the option, from `cargo test --all-targets`, it only shows that it runs.
    let measures = std::env::args().any(|argument| argument == "--bench");
    let runs = if measures { 1_500 } else { 2 };
    for padding in [Padding::Pkcs1, Padding::Oaep] {
        let times = measure(padding, runs);
        if measures {
            report(padding, &times);
        }
    }
}

fn measure(padding: Padding, runs: usize) -> [Vec<f64>; KINDS.len()] {
    let folder = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    let path = folder.path().join("authority");
    let service = Service::found(&path, Policy::code_alone(), clock, TestRng::new(1)).unwrap();
    service.make_rsa_key(2048).unwrap();
    let session = service.session(Caller::Operator);
    let mut owner = Owner::enrolled(&session, 1);
    let mut rng = TestRng::new(2);
    let own = Program::import(&session);
    let other = PrivateKey::generate(2048, KeySpec::Exchange, &mut rng).unwrap();
    let mut maker = Maker {
        own,
        other: other.public().clone(),
        padding,
    };
    let mut work: Vec<(usize, SignedStatement)> = (0..KINDS.len() * runs)
        .map(|count| {
            let kind = count % KINDS.len();
            (kind, maker.statement(kind, &mut owner))
        })
        .collect();
    for last in (1..work.len()).rev() {
        let place = rng.next_u64() % (last as u64 + 1);
        work.swap(last, usize::try_from(place).unwrap());
    }
    let mut times = KINDS.map(|_| Vec::with_capacity(runs));
    for (kind, statement) in &work {
        let start = Instant::now();
        let receipt = session.submit(statement).unwrap();
        times[*kind].push(start.elapsed().as_secs_f64() * 1e9);
        drop(receipt);
    }
    // What was measured is what it says.
    for (kind, statement) in work.iter().take(2 * KINDS.len()) {
        let expected = match KINDS[*kind] {
            "good" => DepositState::Verified,
            _ => DepositState::Mismatch,
        };
        assert_eq!(submit(&session, statement).states(), [expected]);
    }
    times
}

struct Maker {
    own: PublicKey,
    other: PublicKey,
    padding: Padding,
}

impl Maker {
    fn statement(&mut self, kind: usize, owner: &mut Owner) -> SignedStatement {
        let program = |rsa: &PublicKey, algorithm, bytes, owner: &mut Owner| {
            Program::under(rsa.clone(), algorithm, bytes, self.padding, &mut owner.rng)
        };
        let mut made = program(&self.own, Algorithm::Rc4, 16, owner);
        let mut key = made.known();
        match KINDS[kind] {
            "another key's commitment" | "the same again" => {
                key = program(&self.own, Algorithm::Rc4, 16, owner).known();
            }
            "noise: bad padding" => loop {
                owner.rng.fill_bytes(&mut made.blob[12..]);
                let blob = SimpleBlob::from_bytes(&made.blob).unwrap();
                if self.own.fits(&blob).is_ok() {
                    break;
                }
            },
            "a key of another length" => {
                made.blob = program(&self.own, Algorithm::Rc4, 5, owner).blob;
            }
            "wrapped to another key" => loop {
                made.blob = program(&self.other, Algorithm::Rc4, 16, owner).blob;
                let blob = SimpleBlob::from_bytes(&made.blob).unwrap();
                if self.own.fits(&blob).is_ok() {
                    break;
                }
            },
            "another ALG_ID in the header" => made.blob[4] = 0x02,
            "no blob" => made.blob.truncate(200),
            "the other padding" | "another claim in the label" | "good" => {}
            other => panic!("there is no kind `{other}`"),
        }
        let mut draft = made.draft(key, &mut owner.rng);
        if KINDS[kind] == "another ALG_ID in the header" {
            made.blob[5] = 0x66;
            draft = made.draft(made.known(), &mut owner.rng);
        }
        if KINDS[kind] == "the other padding" {
            draft.padding = match self.padding {
                Padding::Pkcs1 => BlobPadding::Oaep,
                Padding::Oaep => BlobPadding::Pkcs1,
            };
        }
        if KINDS[kind] == "another claim in the label" {
            let other = program(&self.own, Algorithm::Rc4, 16, owner).claim();
            draft.particulars = Particulars::default().with_blob(other).unwrap();
        }
        owner.deposit_blobs(vec![draft])
    }
}

fn report(padding: Padding, times: &[Vec<f64>; KINDS.len()]) {
    println!("{padding:?}, 2,048 bits, one deposit a statement");
    let base = &times[0];
    for (kind, times) in KINDS.iter().zip(times) {
        let (mean, _) = mean_and_variance(&fastest(times, 0.9));
        let mean = Duration::from_secs_f64(mean / 1e9);
        let all = welch(base, times);
        let cropped = welch(&fastest(base, 0.9), &fastest(times, 0.9));
        let count = times.len();
        println!(
            "    {kind:28} {count:6} times, mean {mean:9.1?}, t = {all:6.2}, of the fastest {cropped:6.2}"
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

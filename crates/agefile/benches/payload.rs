//! Our payload against the `age` crate's, in memory: encrypt and decrypt, one and two threads, as ratios.
//! `cargo bench -p strongroom-agefile`.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark measures the real time, prints it, and may fail"
)]

use std::io::{Read, Write};
use std::iter;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use strongroom_agefile::{FileKey, Header, Identity, payload};

const THREADS: [usize; 2] = [1, 2];

const NONCE: [u8; payload::NONCE_BYTES] = [7; payload::NONCE_BYTES];

fn main() {
    // Without the option, from `cargo test --all-targets`, it only shows that it runs.
    let measures = std::env::args().any(|argument| argument == "--bench");
    let (mib, runs) = if measures { (256, 7) } else { (1, 1) };
    let length = mib << 20;
    let plaintext: Vec<u8> = (0..=255).cycle().take(length).collect();
    let age_key = age::x25519::Identity::generate();
    let encrypted = encrypt_with_age(&age_key, &plaintext, Vec::new());

    let mut output = Vec::with_capacity(encrypted.len());
    let mut encrypting = Times::new("encrypt", length);
    let mut decrypting = Times::new("decrypt", length);
    // In turn, and the best counts: whatever else the machine does slows all alike, and only slows.
    for _ in 0..runs {
        encrypting.age(|| output = encrypt_with_age(&age_key, &plaintext, reuse(&mut output)));
        encrypting.ours(|threads| seal(&plaintext, &mut output, threads));
        decrypting.age(|| decrypt_with_age(&age_key, &encrypted, &mut output));
        assert!(output == plaintext);
        decrypting.ours(|threads| open(&age_key, &encrypted, &mut output, threads));
        assert!(output == plaintext);
    }
    if measures {
        encrypting.report();
        decrypting.report();
    }
}

/// The shortest times of the `age` crate, and of ours for each of [`THREADS`].
struct Times {
    what: &'static str,
    mib: f64,
    age: Duration,
    ours: [Duration; THREADS.len()],
}

impl Times {
    fn new(what: &'static str, length: usize) -> Self {
        Self {
            what,
            mib: f64::from(u32::try_from(length >> 20).unwrap()),
            age: Duration::MAX,
            ours: [Duration::MAX; THREADS.len()],
        }
    }

    fn age(&mut self, run: impl FnOnce()) {
        self.age = self.age.min(time(run));
    }

    fn ours(&mut self, mut run: impl FnMut(usize)) {
        for (threads, best) in THREADS.iter().zip(&mut self.ours) {
            *best = time(|| run(*threads)).min(*best);
        }
    }

    fn report(&self) {
        let what = self.what;
        let speed = |time: Duration| self.mib / time.as_secs_f64();
        println!("{what}, the age crate: {:.0} MiB/s", speed(self.age));
        for (threads, time) in THREADS.iter().zip(self.ours) {
            let ratio = self.age.as_secs_f64() / time.as_secs_f64();
            println!(
                "{what}, threads {threads}: {:.0} MiB/s, ours/age = {ratio:.2}",
                speed(time)
            );
        }
    }
}

fn time(run: impl FnOnce()) -> Duration {
    let start = Instant::now();
    run();
    start.elapsed()
}

fn seal(plaintext: &[u8], output: &mut Vec<u8>, threads: usize) {
    output.clear();
    let file_key = FileKey::from_bytes(&[7; 16]);
    let threads = NonZeroUsize::new(threads).unwrap();
    payload::seal(&file_key, NONCE, plaintext, output, threads, &mut |_| {}).unwrap();
}

fn open(age_key: &age::x25519::Identity, mut file: &[u8], output: &mut Vec<u8>, threads: usize) {
    use age::secrecy::ExposeSecret;
    output.clear();
    let identity: Identity = age_key.to_string().expose_secret().parse().unwrap();
    let header = Header::read(&mut file).unwrap();
    let file_key = header.unwrap(&[&identity]).unwrap();
    let threads = NonZeroUsize::new(threads).unwrap();
    payload::open(&file_key, file, output, threads, &mut |_| {}).unwrap();
}

fn encrypt_with_age(key: &age::x25519::Identity, plaintext: &[u8], output: Vec<u8>) -> Vec<u8> {
    let recipient = key.to_public();
    let encryptor = age::Encryptor::with_recipients(iter::once(&recipient as _)).unwrap();
    let mut writer = encryptor.wrap_output(output).unwrap();
    writer.write_all(plaintext).unwrap();
    writer.finish().unwrap()
}

fn decrypt_with_age(key: &age::x25519::Identity, file: &[u8], output: &mut Vec<u8>) {
    output.clear();
    let decryptor = age::Decryptor::new(file).unwrap();
    let mut reader = decryptor.decrypt(iter::once(key as _)).unwrap();
    reader.read_to_end(output).unwrap();
}

fn reuse(buffer: &mut Vec<u8>) -> Vec<u8> {
    let mut buffer = std::mem::take(buffer);
    buffer.clear();
    buffer
}

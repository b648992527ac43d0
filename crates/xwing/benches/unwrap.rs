//! Opening and making a wrap, with our X-Wing and with `hpke`'s own, in turn, as ratios: `cargo bench -p strongroom-xwing`.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark measures the real time, prints it, and may fail"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::{Deserializable, Kem, OpModeR, OpModeS};
use strongroom_testkit::TestRng;
use strongroom_xwing::XWing;

const SEED: [u8; 32] = [7; 32];

fn main() {
    // Without the option, from `cargo test --all-targets`, it only shows that it runs.
    let measures = std::env::args().any(|argument| argument == "--bench");
    let (runs, times) = if measures { (15, 200) } else { (1, 1) };
    let ours = <XWing as Kem>::PrivateKey::from_bytes(&SEED).unwrap();
    let mut best = [Duration::MAX; 4];
    for _ in 0..runs {
        let measured = [
            // As it is used: read once, and once for each wrap.
            time(times, unwrapping::<XWing>(|| ours.clone())),
            time(
                times,
                unwrapping::<hpke::kem::XWing>(|| {
                    <hpke::kem::XWing as Kem>::PrivateKey::from_bytes(&SEED).unwrap()
                }),
            ),
            time(times, wrapping::<XWing>()),
            time(times, wrapping::<hpke::kem::XWing>()),
        ];
        for (best, measured) in best.iter_mut().zip(measured) {
            *best = measured.min(*best);
        }
    }
    let [unwrap, their_unwrap, wrap, their_wrap] = best.map(|time| time.as_secs_f64() * 1e6);
    println!(
        "unwrap: {unwrap:.0} µs, hpke's own {their_unwrap:.0} µs: {:.2} x",
        their_unwrap / unwrap
    );
    println!(
        "wrap:   {wrap:.0} µs, hpke's own {their_wrap:.0} µs: {:.2} x",
        their_wrap / wrap
    );
}

fn time(times: u32, mut act: impl FnMut()) -> Duration {
    let start = Instant::now();
    (0..times).for_each(|_| act());
    start.elapsed() / times
}

fn wrapping<K: Kem>() -> impl FnMut() {
    let public = K::sk_to_pk(&K::PrivateKey::from_bytes(&SEED).unwrap());
    let mut rng = TestRng::new(1);
    move || {
        let sealed = hpke::single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, K>(
            &OpModeS::Base,
            &public,
            b"",
            &[1; 16],
            b"",
            &mut rng,
        );
        drop(black_box(sealed.unwrap()));
    }
}

fn unwrapping<K: Kem>(key: impl Fn() -> K::PrivateKey) -> impl FnMut() {
    let public = K::sk_to_pk(&key());
    let (sent, sealed) = hpke::single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, K>(
        &OpModeS::Base,
        &public,
        b"",
        &[1; 16],
        b"",
        &mut TestRng::new(1),
    )
    .unwrap();
    move || {
        let opened = hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, K>(
            &OpModeR::Base,
            &key(),
            &sent,
            b"",
            &sealed,
            b"",
        );
        drop(black_box(opened.unwrap()));
    }
}

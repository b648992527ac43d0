//! Blobs that a key must not open, made block by block: the owner gets one refusal, the authority a random key.

use rsa::traits::PublicKeyParts;
use strongroom_capi::private_key::NotOpened;
use strongroom_capi::public_key::Misfit;
use strongroom_capi::{Algorithm, Padding, PrivateKey, SessionKey, SimpleBlob};

use crate::keys::{key, private_operation, simple_blob, wrap_block};
use crate::rng::TestRng;

const KEY: [u8; 16] = *b"0123456789abcdef";

#[test]
fn a_block_of_pkcs1_opens_only_if_every_byte_is_in_its_place() {
    let own = key("own1024");
    let good = pkcs1(&KEY);
    assert_opens(&own, &wrap(&own, &good), Padding::Pkcs1);
    for (at, byte) in [(0, 1), (0, 0xff), (1, 0), (1, 1), (1, 3), (1, 0x82)] {
        let mut block = good.clone();
        block[at] = byte;
        // What is then not below the modulus, RSA takes for another number, which is no better.
        assert_refused(&own, &wrap(&own, &block), Padding::Pkcs1);
    }
    for hole in 2..good.len() - 17 {
        let mut block = good.clone();
        block[hole] = 0;
        assert_refused(&own, &wrap(&own, &block), Padding::Pkcs1);
    }
    let mut unseparated = good;
    let separator = unseparated.len() - 17;
    unseparated[separator] = 9;
    assert_refused(&own, &wrap(&own, &unseparated), Padding::Pkcs1);
}

#[test]
fn padding_of_eight_bytes_is_the_least() {
    // With 512 bits there is room for just that.
    let own = key("openssl512");
    let block = |filling: usize, key_bytes: usize| {
        let mut block = vec![7; 64];
        block[..2].copy_from_slice(&[0, 2]);
        block[2 + filling] = 0;
        assert_eq!(64 - 3 - filling, key_bytes);
        block
    };
    // Nothing with fewer than eight fits a key that exists: 53 bytes and more are left.
    for (filling, key_bytes) in [(7, 54), (8, 53), (0, 61)] {
        let blob = wrap_block(own.public(), Algorithm::Rc4, &block(filling, key_bytes));
        let opened = own.unwrap(&blob, Padding::Pkcs1, &mut TestRng::new(1));
        assert!(opened.is_err());
    }
    let blob = wrap_block(own.public(), Algorithm::Rc4, &block(45, 16));
    assert!(
        own.unwrap(&blob, Padding::Pkcs1, &mut TestRng::new(1))
            .is_ok()
    );
}

#[test]
fn a_key_that_its_algorithm_does_not_have_is_refused() {
    let own = key("own1024");
    for length in 0..40 {
        let block = pkcs1(&vec![7; length]);
        for algorithm in Algorithm::ALL {
            let blob = wrap_block(own.public(), algorithm, &block);
            let opened = own.unwrap(&blob, Padding::Pkcs1, &mut TestRng::new(1));
            // DES' 56 bits are taken in seven bytes, too.
            let is_taken = algorithm == Algorithm::Des && length == 7;
            assert_eq!(
                opened.is_ok(),
                is_taken || algorithm.accepts_key_bytes(length)
            );
        }
    }
}

#[test]
fn the_authority_opens_at_the_length_asked_for_and_no_other() {
    let own = key("own1024");
    let blob = wrap_block(own.public(), Algorithm::Rc4, &pkcs1(&KEY));
    for length in 5..16 {
        let key = random(&own, &blob, Padding::Pkcs1, length);
        assert_eq!(key.expose().len(), length);
        assert_ne!(key.expose(), &KEY[16 - length..]);
    }
    assert_eq!(random(&own, &blob, Padding::Pkcs1, 16).expose(), KEY);
    for length in [0, 4, 17, usize::MAX] {
        let mut rng = TestRng::new(1);
        let wrong = own.unwrap_or_random(&blob, Padding::Pkcs1, length, &mut rng);
        assert!(wrong.is_err());
    }
}

#[test]
fn each_padding_opens_its_own_alone() {
    let own = key("own2048");
    let mut rng = TestRng::new(1);
    let session = SessionKey::new(Algorithm::Aes128, &KEY).unwrap();
    for (one, other) in [
        (Padding::Pkcs1, Padding::Oaep),
        (Padding::Oaep, Padding::Pkcs1),
    ] {
        let blob = own.public().wrap(&session, one, &mut rng).unwrap();
        assert_opens(&own, &blob, one);
        assert_refused(&own, &blob, other);
    }
}

#[test]
fn oaep_opens_only_if_every_byte_is_as_it_was_made() {
    // One bit of the block changed, wherever, changes all of the rest.
    let own = key("own1024");
    let mut rng = TestRng::new(1);
    let session = SessionKey::new(Algorithm::Aes128, &KEY).unwrap();
    let blob = own
        .public()
        .wrap(&session, Padding::Oaep, &mut rng)
        .unwrap();
    let block = private_operation(&own, blob.wrapped());
    assert_opens(&own, &wrap(&own, &block), Padding::Oaep);
    for at in 0..block.len() - 17 {
        let mut changed = block.clone();
        changed[at] ^= 1;
        assert_refused(&own, &wrap(&own, &changed), Padding::Oaep);
    }
}

#[test]
fn what_another_key_wrapped_or_no_key_could_is_refused() {
    let own = key("own2048");
    let mut rng = TestRng::new(1);
    let session = SessionKey::new(Algorithm::Aes128, &KEY).unwrap();
    for padding in [Padding::Pkcs1, Padding::Oaep] {
        for other in ["other2048", "own1024", "openssl4096"] {
            let blob = key(other).public().wrap(&session, padding, &mut rng);
            assert_refused(&own, &blob.unwrap(), padding);
        }
        let mut one_above = own.public().modulus();
        *one_above.last_mut().unwrap() += 2;
        for number in [
            own.public().modulus(),
            one_above,
            vec![0xff; 256],
            vec![0; 256],
        ] {
            assert_refused(&own, &simple_blob(Algorithm::Aes128, &number), padding);
        }
    }
}

#[test]
fn a_good_wrap_with_the_modulus_added_is_refused() {
    // The same number to RSA, and another to whoever compares deposits: so it must not open.
    let own = key("own2048");
    let mut rng = TestRng::new(1);
    let session = SessionKey::new(Algorithm::Aes128, &KEY).unwrap();
    let n = own.public().modulus();
    let mut tried = 0;
    while tried < 3 {
        let blob = own
            .public()
            .wrap(&session, Padding::Pkcs1, &mut rng)
            .unwrap();
        let mut sum = vec![0; 256];
        let mut carry = 0;
        for at in (0..256).rev() {
            let digit = u16::from(n[at]) + u16::from(blob.wrapped()[at]) + carry;
            sum[at] = digit.to_le_bytes()[0];
            carry = digit >> 8;
        }
        if carry == 0 {
            assert_refused(&own, &simple_blob(Algorithm::Aes128, &sum), Padding::Pkcs1);
            tried += 1;
        }
    }
}

#[test]
fn a_wrap_multiplied_is_another_wrap_and_opens_to_nothing() {
    // RSA is malleable: c·t^e is the wrap of t times the block, as Bleichenbacher's questions are.
    let own = key("own1024");
    let blob = wrap(&own, &pkcs1(&KEY));
    let n = rsa::BoxedUint::from_be_slice_vartime(&own.public().modulus());
    let rsa = rsa::PublicKey::new_unchecked(n, own.public().exponent().into());
    for t in 2..50_u8 {
        let mut block = vec![0; 128];
        block[127] = t;
        let factor = wrap(&own, &block);
        let [c, factor] =
            [&blob, &factor].map(|blob| rsa::BoxedUint::from_be_slice_vartime(blob.wrapped()));
        let product = c.mul_mod(&factor, rsa.n()).to_be_bytes();
        let product = simple_blob(Algorithm::Aes128, &product);
        assert_ne!(product.wrapped(), blob.wrapped());
        assert_refused(&own, &product, Padding::Pkcs1);
    }
}

#[test]
fn a_relabelled_blob_opens_under_its_new_name() {
    // Nothing in the format covers the algorithm, so what is deposited has to say it again, and be believed there.
    let own = key("own1024");
    let blob = wrap_block(own.public(), Algorithm::Rc4, &pkcs1(&KEY));
    let relabelled = simple_blob(Algorithm::TripleDes112, blob.wrapped());
    let mut rng = TestRng::new(1);
    let opened = own.unwrap(&relabelled, Padding::Pkcs1, &mut rng).unwrap();
    assert_eq!(opened.algorithm(), Algorithm::TripleDes112);
    assert_eq!(opened.expose(), KEY);
    assert_eq!(relabelled.wrapped(), blob.wrapped());
}

#[test]
fn random_keys_differ_each_time() {
    let own = key("own1024");
    let mut block = pkcs1(&KEY);
    block[1] = 1;
    let blob = wrap(&own, &block);
    let mut rng = TestRng::new(1);
    let mut again = || own.unwrap_or_random(&blob, Padding::Pkcs1, 16, &mut rng);
    assert_ne!(again().unwrap().expose(), again().unwrap().expose());
}

#[test]
fn an_exponent_of_one_opens_by_that_name_alone() {
    let own = key("own1024");
    let blob = simple_blob(Algorithm::Aes128, &pkcs1(&KEY));
    assert_refused(&own, &blob, Padding::Pkcs1);
    assert_eq!(blob.unwrap_exponent_one().unwrap().expose(), KEY);
    let wrapped = wrap(&own, &pkcs1(&KEY));
    assert_eq!(wrapped.unwrap_exponent_one().err(), Some(NotOpened));
}

/// `00 02`, filling, `00` and the key, for 1,024 bits.
fn pkcs1(key: &[u8]) -> Vec<u8> {
    let mut block = vec![0, 2];
    block.resize(127 - key.len(), 0xa5);
    block.push(0);
    block.extend(key);
    block
}

fn wrap(own: &PrivateKey, block: &[u8]) -> SimpleBlob {
    wrap_block(own.public(), Algorithm::Aes128, block)
}

fn assert_opens(own: &PrivateKey, blob: &SimpleBlob, padding: Padding) {
    let opened = own.unwrap(blob, padding, &mut TestRng::new(1)).unwrap();
    assert_eq!(opened.expose(), KEY);
    assert_eq!(random(own, blob, padding, 16).expose(), KEY);
}

fn assert_refused(own: &PrivateKey, blob: &SimpleBlob, padding: Padding) {
    let refused = own.unwrap(blob, padding, &mut TestRng::new(1));
    match own.public().fits(blob) {
        Ok(()) => assert_eq!(refused.err(), Some(NotOpened.into())),
        Err(misfit @ Misfit::Length { .. }) => assert_eq!(refused.err(), Some(misfit.into())),
        Err(_) => assert_eq!(refused.err(), Some(NotOpened.into())),
    }
    let random = random(own, blob, padding, 16);
    assert_ne!(random.expose(), KEY);
    assert_eq!(random.algorithm(), Algorithm::Aes128);
}

fn random(own: &PrivateKey, blob: &SimpleBlob, padding: Padding, bytes: usize) -> SessionKey {
    own.unwrap_or_random(blob, padding, bytes, &mut TestRng::new(2))
        .unwrap()
}

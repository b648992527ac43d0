//! OpenSSL agrees, both ways: on keys as blobs, on what a wrap is, and on signatures.
//!
//! Where the command is missing these say so, and fail with `CI` set.

use std::fs;
use std::path::Path;
use std::process::Command;

use strongroom_capi::signature::HashName;
use strongroom_capi::{Algorithm, HashAlgorithm, Padding, SessionKey};
use tempfile::TempDir;

use crate::keys::{EVERY, key, lengths, pair, simple_blob};
use crate::rng::TestRng;

#[test]
fn openssl_reads_our_blobs_and_we_read_its() {
    let Some(openssl) = OpenSsl::find() else {
        return;
    };
    for (name, _) in EVERY {
        let own = key(name);
        let public = own.public();
        openssl.put("key.pem", own.to_pem().as_bytes());
        openssl.put("key.priv", &own.to_blob().unwrap());
        openssl.put("key.pub", &public.to_blob());

        openssl.run("rsa -in key.pem -outform MSBLOB -out its.priv");
        assert_eq!(
            openssl.get("its.priv"),
            own.to_blob().unwrap().as_slice(),
            "{name}"
        );
        openssl.run("rsa -in key.pem -pubout -outform MSBLOB -out its.pub");
        assert_eq!(openssl.get("its.pub"), public.to_blob(), "{name}");

        openssl.run("rsa -inform MSBLOB -in key.priv -out its.pem");
        assert_eq!(openssl.get("its.pem"), own.to_pem().as_bytes(), "{name}");
        openssl.run("rsa -pubin -inform MSBLOB -in key.pub -out its-pub.pem");
        assert_eq!(
            openssl.get("its-pub.pem"),
            public.to_pem().as_bytes(),
            "{name}"
        );

        // The older forms of PEM.
        openssl.run("rsa -in key.pem -traditional -out old.pem");
        let old = pair(&openssl.get("old.pem"));
        assert_eq!(old.to_blob(), own.to_blob(), "{name}");
        openssl.run("rsa -in key.pem -RSAPublicKey_out -out old-pub.pem");
        let old = crate::keys::public(&openssl.get("old-pub.pem"));
        assert_eq!(&old, public, "{name}");

        openssl.run("pkey -in key.pem -pubout -outform DER -out spki.der");
        openssl.run("dgst -sha256 -binary -out fingerprint spki.der");
        assert_eq!(openssl.get("fingerprint"), public.fingerprint().as_bytes());
    }
}

#[test]
fn openssl_opens_what_we_wrap_and_we_open_what_it_wraps() {
    let Some(openssl) = OpenSsl::find() else {
        return;
    };
    let mut rng = TestRng::new(1);
    for (name, bits) in EVERY {
        let own = key(name);
        openssl.put("key.pem", own.to_pem().as_bytes());
        for (padding, option) in [(Padding::Pkcs1, "pkcs1"), (Padding::Oaep, "oaep")] {
            let fits = padding.key_bytes_max(bits / 8);
            for (algorithm, key_bytes) in Algorithm::ALL
                .into_iter()
                .flat_map(|algorithm| lengths(algorithm).into_iter().map(move |n| (algorithm, n)))
                .filter(|(_, key_bytes)| *key_bytes <= fits)
            {
                let session = SessionKey::generate(algorithm, key_bytes, &mut rng).unwrap();
                let ours = own.public().wrap(&session, padding, &mut rng).unwrap();
                openssl.put("wrapped", ours.wrapped());
                let command = "-inkey key.pem -pkeyopt rsa_padding_mode:";
                openssl.run(&format!(
                    "pkeyutl -decrypt {command}{option} -in wrapped -out opened"
                ));
                assert_eq!(
                    openssl.get("opened"),
                    session.expose(),
                    "{name} {algorithm}"
                );

                openssl.put("session", session.expose());
                openssl.run(&format!(
                    "pkeyutl -encrypt {command}{option} -in session -out wrapped"
                ));
                let its = simple_blob(algorithm, &openssl.get("wrapped"));
                let opened = own.unwrap(&its, padding, &mut rng).unwrap();
                assert_eq!(opened.expose(), session.expose(), "{name} {algorithm}");
            }
        }
    }
}

#[test]
fn openssl_and_we_make_the_same_signatures() {
    let Some(openssl) = OpenSsl::find() else {
        return;
    };
    openssl.put("message", b"a SIMPLEBLOB");
    for (name, _) in EVERY {
        let own = key(name);
        openssl.put("key.pem", own.to_pem().as_bytes());
        let sign = |hash: &str| {
            openssl.run(&format!(
                "dgst -{hash} -sign key.pem -out signature message"
            ));
            openssl
                .get("signature")
                .into_iter()
                .rev()
                .collect::<Vec<u8>>()
        };
        let ours = own
            .sign(HashAlgorithm::Sha256, b"a SIMPLEBLOB", &mut TestRng::new(1))
            .unwrap();
        assert_eq!(ours, sign("sha256"), "{name}");
        let verified = own
            .public()
            .verify(HashAlgorithm::Sha1, b"a SIMPLEBLOB", &sign("sha1"));
        assert_eq!(verified, Ok(HashName::Named), "{name}");
    }
}

/// The command, in a folder of its own.
struct OpenSsl(TempDir);

impl OpenSsl {
    fn find() -> Option<Self> {
        match Command::new("openssl").arg("version").output() {
            Ok(output) if output.status.success() => Some(Self(tempfile::tempdir().unwrap())),
            _ => {
                assert!(std::env::var_os("CI").is_none(), "`openssl` is missing");
                eprintln!("SKIPPED: `openssl` is missing, so nobody else was asked");
                None
            }
        }
    }

    fn run(&self, arguments: &str) {
        let output = Command::new("openssl")
            .args(arguments.split(' '))
            .current_dir(&self.0)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {arguments}: {said}");
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path().join(name), bytes).unwrap();
    }

    fn get(&self, name: &str) -> Vec<u8> {
        fs::read(self.path().join(name)).unwrap()
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

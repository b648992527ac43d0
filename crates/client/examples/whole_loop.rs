//! Once around: a file is encrypted with a spare key, its owner's key is lost, and the file opens with a new one.
//! Clock and randomness are the caller's; `tests/it/example.rs` brings its own.

use std::error::Error;
use std::fs::{self, File};
use std::io::BufReader;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use rand_core::CryptoRng;
use strongroom_agefile::KeyType;
use strongroom_authority::{Caller, Service};
use strongroom_client::decrypt::SealedFile;
use strongroom_client::encrypt::{EncryptOptions, Source, Target};
use strongroom_client::enroll::Enrolling;
use strongroom_client::home::Home;
use strongroom_client::recover::Wanted;
use strongroom_client::rewrap::{RewrapOptions, rewrap};
use strongroom_client::{Address, Client};
use strongroom_files::output::Overwrite;
use strongroom_protocol::code::RecoveryCode;
use strongroom_protocol::id::Clock;
use strongroom_protocol::policy::Policy;
use strongroom_protocol::statement::{Grounds, Particulars};

/// Encrypts `folder/letter.txt`, loses the key, recovers it, and returns what the file decrypts to.
///
/// # Errors
///
/// Whatever goes wrong.
pub fn whole_loop(
    folder: &Path,
    clock: Arc<dyn Clock>,
    mut rng: impl CryptoRng,
    authority_rng: impl CryptoRng + Send + 'static,
) -> Result<Vec<u8>, Box<dyn Error>> {
    let ask = &mut |_: &Path| unreachable!("the identity is not sealed");
    let (letter, encrypted) = (folder.join("letter.txt"), folder.join("letter.txt.age"));

    // An authority in a folder, a home that joins it, a recovery code to write down.
    let place = folder.join("authority");
    let service = Service::found(&place, Policy::code_alone(), clock.clone(), authority_rng)?;
    let mut home = Home::create(&folder.join("home"))?;
    let device = home.ensure_device_key(&mut rng)?.verifying_key();
    let authority = service.session(Caller::Device(device));
    let mut enrolling = Enrolling::begin(
        &mut home,
        &Address::Folder(place),
        &authority,
        KeyType::Hybrid,
        &*clock,
        &mut rng,
    )?;
    let code = RecoveryCode::generate(&mut rng);
    enrolling.settle_code(&mut home, &code, &*clock, &mut rng)?;
    enrolling.finish(&mut home, &authority)?;

    // The spare key first, proved by its receipt; then the file.
    let owner = home.identities(ask)?.recipient()?;
    let mut client = Client::connect(&mut home, &authority, &*clock, &mut rng)?;
    for spare in client.deposit(&owner, &[], vec![Particulars::default()])? {
        let source = Source::File(letter.clone());
        let target = Target::File(encrypted.clone(), Overwrite::Refuse);
        let options = EncryptOptions::new(&owner);
        let encrypted = spare.encrypt(source, target, &options, &mut |_| {}, client.rng())?;
        client.record_written(&encrypted)?;
    }

    // The key is lost. The code brings the session key back, wrapped to a new one.
    fs::remove_file(client.home().identity_path())?;
    let request = client.request_recovery(&Wanted::Everything, &Grounds::default())?;
    client.show_code(&request, &code)?;
    client.collect(&request, &mut |_| {})?;
    home.ensure_identity(KeyType::Hybrid, clock.now(), &mut rng)?;
    let identities = home.identities(ask)?;
    let options = RewrapOptions::new(&identities);
    rewrap(&mut home, &encrypted, &options, &mut rng, &mut |_, _| {})?;

    // No authority is needed to read it.
    let mut text = Vec::new();
    SealedFile::read(BufReader::new(File::open(&encrypted)?))?
        .unlock(&identities.as_unwraps())?
        .decrypt(&mut text, NonZeroUsize::MIN, &mut |_| {})?;
    Ok(text)
}

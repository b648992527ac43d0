//! Invitations (spec/invitation.md): made by one machine of an owner's, sealed as an age file under a code, and opened by
//! another. What that one does with it is in `join`.

use std::io::{self, Read, Write};
use std::num::NonZeroUsize;

use rand_core::CryptoRng;
use strongroom_agefile::header::ReadHeaderError;
use strongroom_agefile::passphrase::NoMemory;
use strongroom_agefile::payload::{self, NONCE_BYTES, OpenError};
use strongroom_agefile::{
    FileKey, Header, Passphrase, PassphraseIdentity, UnwrapError, WorkFactor,
};
use strongroom_protocol::invitation::{Invitation, InvitationCode, InvitationError};
use strongroom_protocol::keys::SigningKey;
use strongroom_protocol::statement::{DeviceName, DeviceWord};
use zeroize::Zeroizing;

use crate::client::Client;
use crate::decrypt::SealedFile;
use crate::devices::DeviceError;
use crate::home::{DeviceId, KeysError};

/// The length in bytes of the longest file that an invitation is sealed in: header and chunks' tags are less than the rest.
const FILE_BYTES_MAX: usize = 2 * Invitation::BYTES_MAX;

impl Client<'_> {
    /// Makes an invitation to be another machine of the owner's. It holds once the authority [knows](Self::invite) of it.
    ///
    /// # Errors
    ///
    /// The identity, or the RSA key, can't be read.
    pub fn draft_invitation(&mut self, name: Option<DeviceName>) -> Result<Invitation, KeysError> {
        let (identity, exchange) = self.home.files_to_hand_over()?;
        Ok(Invitation {
            authority: self.connection.founding().authority(),
            owner: self.membership.owner,
            address: self.membership.address.to_string(),
            key: SigningKey::generate(&mut self.rng),
            until: self.clock.now().plus_millis(Invitation::LASTS_MILLIS),
            name,
            identity,
            exchange,
        })
    }

    /// Has the authority know of an invitation, once it is where its owner finds it.
    ///
    /// # Errors
    ///
    /// This device may not, or what the authority says does not hold.
    pub fn invite(&mut self, invitation: &Invitation) -> Result<(), DeviceError> {
        let key = DeviceId::from(&invitation.key.verifying_key());
        let until = invitation.until;
        self.say_of(key, DeviceWord::Invite { until })
    }
}

/// Seals an invitation under a code.
///
/// # Errors
///
/// There is not the memory that the code's passphrase takes.
#[expect(
    clippy::missing_panics_doc,
    reason = "nothing here depends on what is sealed"
)]
pub fn seal(
    invitation: &Invitation,
    code: &InvitationCode,
    rng: &mut impl CryptoRng,
) -> Result<Vec<u8>, NoMemory> {
    let file_key = FileKey::generate(rng);
    let mut nonce = [0; NONCE_BYTES];
    rng.fill_bytes(&mut nonce);
    let stanza = passphrase(code).wrap(&file_key, WorkFactor::DEFAULT, rng)?;
    let header = Header::seal(vec![stanza], &file_key).expect("the stanza is alone and short");
    let mut sealed = header.as_bytes().to_vec();
    let bytes = invitation.to_bytes();
    let (one, watch) = (NonZeroUsize::MIN, &mut |_| {});
    payload::seal(&file_key, nonce, &bytes[..], &mut sealed, one, watch)
        .expect("writing to memory does not fail");
    Ok(sealed)
}

/// Opens a sealed invitation, from bytes that anybody may have written.
///
/// # Errors
///
/// It can't be read, the code is another, it was altered, or it holds something else.
pub fn open(sealed: impl Read, code: &InvitationCode) -> Result<Invitation, OpenInvitationError> {
    let mut bytes = Vec::new();
    let limited = sealed.take(FILE_BYTES_MAX as u64 + 1);
    io::BufReader::new(limited)
        .read_to_end(&mut bytes)
        .map_err(OpenInvitationError::Read)?;
    if bytes.len() > FILE_BYTES_MAX {
        return Err(InvitationError::Other.into());
    }
    let file = SealedFile::read(&bytes[..])?;
    if !file.is_for_passphrase() {
        return Err(InvitationError::Other.into());
    }
    let file = file
        .unlock(&[&PassphraseIdentity::new(passphrase(code))])
        .map_err(|error| match error == UnwrapError::NoMatch {
            true => OpenInvitationError::Code,
            false => OpenInvitationError::Unwrap(error),
        })?;
    let mut opened = Zeroizing::new(Vec::with_capacity(bytes.len()));
    file.decrypt(
        &mut *opened as &mut (dyn Write + Send),
        NonZeroUsize::MIN,
        &mut |_| {},
    )?;
    Ok(Invitation::from_bytes(&opened)?)
}

fn passphrase(code: &InvitationCode) -> Passphrase {
    let text = Zeroizing::new(code.expose().to_owned());
    Passphrase::new(text).expect("a code is not empty")
}

/// Why an invitation was not opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenInvitationError {
    /// The code is another's.
    #[error("the code does not open the invitation")]
    Code,
    /// It is no age file.
    #[error("it is no invitation")]
    Header(#[from] ReadHeaderError),
    /// It opened, and holds something else.
    #[error(transparent)]
    Invitation(#[from] InvitationError),
    /// What follows its header was altered, or cut.
    #[error("the invitation is damaged")]
    Open(#[from] OpenError),
    /// It can't be read.
    #[error("cannot read the invitation")]
    Read(#[source] io::Error),
    /// Its header was altered, or asks for more work than it may.
    #[error("the invitation can't be opened")]
    Unwrap(#[source] UnwrapError),
}

//! What a home hands to another machine of its owner's, and how one that was invited keeps what it was given
//! (spec/invitation.md).

use std::fs;
use std::io::{self, Read as _};
use std::path::Path;

use rand_core::CryptoRng;
use rusqlite::OptionalExtension;
use strongroom_files as files;
use strongroom_protocol::Founding;
use strongroom_protocol::id::OwnerId;
use strongroom_protocol::invitation::{ExchangeFiles, Invitation};
use strongroom_protocol::statement::SignedStatement;
use zeroize::Zeroizing;

use super::exchange::{PLAIN, PUBLIC, SEALED};
use super::{DEVICE_KEY, Home, HomeError, KeysError, parse_statement};
use crate::address::Address;

impl Home {
    /// Reads the files that another machine of the owner's needs: the identity file, and those of the RSA key.
    pub(crate) fn files_to_hand_over(
        &self,
    ) -> Result<(Zeroizing<Vec<u8>>, Option<ExchangeFiles>), KeysError> {
        let path = self.identity_path();
        let identity = read(&path, Invitation::IDENTITY_BYTES_MAX)?;
        let identity = identity.ok_or(KeysError::IdentityMissing { path })?;
        for (name, is_sealed) in [(SEALED, true), (PLAIN, false)] {
            let half = |name| read(&self.root.join(name), ExchangeFiles::BYTES_MAX);
            if let Some(private) = half(name)? {
                let public = half(PUBLIC)?.map_or_else(Vec::new, |public| public.to_vec());
                let exchange = ExchangeFiles {
                    is_sealed,
                    private,
                    public,
                };
                return Ok((identity, Some(exchange)));
            }
        }
        Ok((identity, None))
    }

    /// Puts what an invitation holds into this home: never over another identity or RSA key.
    pub(crate) fn take_over(
        &self,
        invitation: &Invitation,
        rng: &mut impl CryptoRng,
    ) -> Result<(), KeysError> {
        let mut put = |name: &Path, bytes: &[u8]| {
            let path = self.root.join(name);
            // Put there by a command that was killed then.
            match read(&path, bytes.len())? {
                Some(there) if *there == bytes => Ok(()),
                _ => Ok::<_, KeysError>(files::write_new(&path, bytes, rng)?),
            }
        };
        if let Some(exchange) = &invitation.exchange {
            let private = match exchange.is_sealed {
                true => SEALED,
                false => PLAIN,
            };
            put(Path::new(private), &exchange.private)?;
            if !exchange.public.is_empty() {
                put(Path::new(PUBLIC), &exchange.public)?;
            }
        }
        put(&self.identity_path(), &invitation.identity)
    }

    /// Returns the statement by which this home's device joins its owner's, from before it was submitted on.
    ///
    /// # Errors
    ///
    /// The home can't be read.
    pub fn joining(&self) -> Result<Option<SignedStatement>, HomeError> {
        let bytes: Option<Option<Vec<u8>>> = self
            .database
            .query_row("SELECT joining FROM authority", (), |row| row.get(0))
            .optional()?;
        bytes.flatten().as_deref().map(parse_statement).transpose()
    }

    /// Tells whether this home is to join its owner, and has not yet.
    ///
    /// # Errors
    ///
    /// The home can't be read.
    pub fn is_joining(&self) -> Result<bool, HomeError> {
        Ok(!self.is_enrolled()? && self.joining()?.is_some())
    }

    /// Records whom this home is to join, and the word by which it does, so that the same bytes can be sent again.
    pub(crate) fn begin_joining(
        &mut self,
        address: &Address,
        founding: &Founding,
        owner: OwnerId,
        joining: &SignedStatement,
    ) -> Result<(), HomeError> {
        let address = self.kept_address(address)?;
        // In one step: a home with an owner, and no word of it, would be one that is being enrolled.
        self.database.execute(
            "INSERT INTO authority (one, address, founding, owner, joining, enrolled, read)
             VALUES (1, ?1, ?2, ?3, ?4, 0, 0)",
            (
                address,
                founding.statement().as_bytes(),
                owner.as_bytes(),
                joining.as_bytes(),
            ),
        )?;
        self.forget_membership();
        Ok(())
    }

    /// Forgets an owner whom this home was to join, and the device key that was made for it: the log may have that.
    pub(crate) fn give_up_joining(&mut self) -> Result<(), KeysError> {
        // Beside a database that knows no owner it would be taken for a damaged home's.
        let path = self.root.join(DEVICE_KEY);
        match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(KeysError::Read { path, source });
            }
            _ => {}
        }
        Ok(self.forget_authority()?)
    }
}

/// Reads a small file; none where there is none.
fn read(path: &Path, bytes_max: usize) -> Result<Option<Zeroizing<Vec<u8>>>, KeysError> {
    let failed = |source| KeysError::Read {
        path: path.to_path_buf(),
        source,
    };
    let mut file = match files::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    // Room first: what grows leaves its beginnings behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(bytes_max.saturating_add(1)));
    let read = (&mut file)
        .take(bytes_max as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if read > bytes_max {
        return Err(failed(io::Error::from(io::ErrorKind::FileTooLarge)));
    }
    Ok(Some(bytes))
}

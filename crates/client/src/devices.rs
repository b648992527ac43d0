//! The owner's devices: named, revoked, and told of (spec/statement.md#device). Which there are is the replica's to say.

use strongroom_protocol::keys::VerifyingKey;
use strongroom_protocol::statement::{Device, DeviceName, DeviceWord, SignedStatement};

use crate::client::Client;
use crate::connection::ExchangeError;
use crate::home::{DeviceId, HomeError, KeysError, News};

impl Client<'_> {
    /// Says what a device of the owner's is called.
    ///
    /// # Errors
    ///
    /// This device may not, or what the authority says does not hold.
    pub fn name_device(&mut self, device: DeviceId, name: DeviceName) -> Result<(), DeviceError> {
        self.say_of(device, DeviceWord::Name(name))
    }

    /// Says that a device is the owner's no more. That is for good.
    ///
    /// # Errors
    ///
    /// This device may not, or what the authority says does not hold.
    pub fn revoke_device(&mut self, device: DeviceId) -> Result<(), DeviceError> {
        self.say_of(device, DeviceWord::Revoke)
    }

    pub(crate) fn say_of(&mut self, device: DeviceId, word: DeviceWord) -> Result<(), DeviceError> {
        let key = self.home.device_key()?;
        let damaged = |_| KeysError::Home(HomeError::Damaged { what: "device" });
        let said = Device {
            authority: self.connection.founding().authority(),
            owner: self.membership.owner,
            device_key: VerifyingKey::from_bytes(*device.as_bytes()).map_err(damaged)?,
            word,
            created: self.clock.now(),
        };
        self.submit(SignedStatement::sign(said, &key))?;
        Ok(())
    }

    /// Returns which devices became the owner's and which requests for the owner's keys were approved, by others than this
    /// home, of which its owner was not told.
    ///
    /// # Errors
    ///
    /// The home can't be read.
    pub fn news(&self) -> Result<News, HomeError> {
        self.home.news(&self.membership, self.home.device_id())
    }

    /// Records that the owner was told: only once that is so.
    ///
    /// # Errors
    ///
    /// The home can't be written.
    pub fn record_told(&mut self, news: &News) -> Result<(), HomeError> {
        self.home.record_told(news)
    }

    /// Tells whether this home knows that its device was revoked.
    ///
    /// # Errors
    ///
    /// The home can't be read.
    pub fn is_revoked(&self) -> Result<bool, HomeError> {
        match self.home.device_id() {
            Some(ours) => self.home.is_revoked(ours),
            None => Ok(false),
        }
    }
}

/// Why nothing was said of a device.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// What the authority says does not hold.
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
    /// The device's key can't be used.
    #[error(transparent)]
    Keys(#[from] KeysError),
}

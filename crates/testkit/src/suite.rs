//! What every [`Authority`] must do, whatever it runs on. Each case founds an authority of its own.

mod blobs;
mod changes;
mod log;
mod people;
mod recovery;
mod refusals;
mod statements;

use std::sync::Arc;

use strongroom_protocol::keys::VerifyingKey;
use strongroom_protocol::policy::Policy;
use strongroom_protocol::{Founding, Authority};

use crate::TestClock;

/// Who speaks to the authority.
#[derive(Clone, Copy, Debug)]
pub enum Speaker {
    /// Somebody with this device key.
    Device(VerifyingKey),
    /// Whoever runs the authority.
    Operator,
}

/// An authority that was just founded, as different people meet it, and the clock it goes by.
pub struct Subject {
    /// The authority's clock.
    pub clock: Arc<TestClock>,
    /// Has its operator make an RSA key of 2,048 bits.
    pub make_rsa_key: Box<dyn Fn()>,
    /// Meets the authority as somebody.
    pub session: Box<dyn Fn(Speaker) -> Box<dyn Authority>>,
}

impl Subject {
    fn operator(&self) -> Box<dyn Authority> {
        (self.session)(Speaker::Operator)
    }

    fn device(&self, key: VerifyingKey) -> Box<dyn Authority> {
        (self.session)(Speaker::Device(key))
    }

    fn about(&self) -> Founding {
        self.operator().about().unwrap()
    }

    fn now(&self) -> strongroom_protocol::id::Time {
        strongroom_protocol::id::Clock::now(&*self.clock)
    }
}

/// Runs all cases; `found` founds an authority with a policy.
pub fn authority(found: &mut dyn FnMut(Policy) -> Subject) {
    statements(found);
    refusals(found);
    recovery(found);
    people(found);
    changes(found);
    blobs(found);
    log(found);
}

/// Runs the cases of statements that are recorded.
pub fn statements(found: &mut dyn FnMut(Policy) -> Subject) {
    statements::all(found);
}

/// Runs the cases of statements that are refused.
pub fn refusals(found: &mut dyn FnMut(Policy) -> Subject) {
    refusals::all(found);
}

/// Runs the cases of recoveries.
pub fn recovery(found: &mut dyn FnMut(Policy) -> Subject) {
    recovery::all(found);
}

/// Runs the cases of officers, and of who may ask for what.
pub fn people(found: &mut dyn FnMut(Policy) -> Subject) {
    people::all(found);
}

/// Runs the cases of changes of the policy.
pub fn changes(found: &mut dyn FnMut(Policy) -> Subject) {
    changes::all(found);
}

/// Runs the cases of SIMPLEBLOBs.
pub fn blobs(found: &mut dyn FnMut(Policy) -> Subject) {
    blobs::all(found);
}

/// Runs the cases of the log.
pub fn log(found: &mut dyn FnMut(Policy) -> Subject) {
    log::all(found);
}

/// Finds one kind of error, or says what there was instead.
macro_rules! assert_refused {
    ($result:expr, $refusal:ident) => {
        match $result {
            Err(strongroom_protocol::SubmitError::Refused(
                strongroom_protocol::Refusal::$refusal,
            )) => {}
            Err(other) => panic!(
                "expected {:?}, got {other:?}",
                strongroom_protocol::Refusal::$refusal
            ),
            Ok(_) => panic!(
                "expected {:?}, and it was recorded",
                strongroom_protocol::Refusal::$refusal
            ),
        }
    };
}
use assert_refused;

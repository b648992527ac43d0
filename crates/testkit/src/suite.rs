//! What every [`Authority`] must do, whatever it runs on. Each case founds an authority of its own.

mod blobs;
mod changes;
mod devices;
mod listings;
mod log;
mod looking;
mod people;
mod recovery;
mod refusals;
mod statements;

use std::sync::Arc;

use strongroom_protocol::keys::VerifyingKey;
use strongroom_protocol::policy::{Policy, Reason, Scene, Subject, SubjectState};
use strongroom_protocol::statement::SignedStatement;
use strongroom_protocol::{Authority, Founding};

use crate::TestClock;
use crate::listing;
use crate::owner::submit;

/// Who speaks to the authority.
#[derive(Clone, Copy, Debug)]
pub enum Speaker {
    /// Somebody who shows nothing.
    Anybody,
    /// Somebody with this device key.
    Device(VerifyingKey),
    /// Whoever runs the authority.
    Operator,
}

/// An authority that was just founded, as different people meet it, and the clock it goes by.
pub struct Setting {
    /// The authority's clock.
    pub clock: Arc<TestClock>,
    /// Has its operator make an RSA key of 2,048 bits.
    pub make_rsa_key: Box<dyn Fn()>,
    /// Meets the authority as somebody.
    pub session: Box<dyn Fn(Speaker) -> Box<dyn Authority>>,
}

impl Setting {
    fn operator(&self) -> Box<dyn Authority> {
        (self.session)(Speaker::Operator)
    }

    fn device(&self, key: VerifyingKey) -> Box<dyn Authority> {
        (self.session)(Speaker::Device(key))
    }

    fn anybody(&self) -> Box<dyn Authority> {
        (self.session)(Speaker::Anybody)
    }

    fn about(&self) -> Founding {
        self.operator().about().unwrap().founding
    }

    /// Looks at a request or a change, which decides nothing.
    fn look(&self, asked: &SignedStatement) -> SeenSubject {
        let subject = listing::look(&*self.operator(), asked.id()).unwrap();
        let (state, reasons) = subject.standing(self.now());
        SeenSubject {
            subject,
            state,
            reasons,
        }
    }

    /// Asks for the same again, by which what is due is decided, and looks at it.
    fn ask_again(&self, asked: &SignedStatement) -> SeenSubject {
        submit(&*self.operator(), asked);
        self.look(asked)
    }

    /// Returns the policy in force, as the authority says it.
    fn in_force(&self) -> Policy {
        let about = self.operator().about().unwrap();
        match &about.policy {
            None => about.found().policy.clone(),
            Some(succession) => crate::change_of(&succession.change).policy.clone(),
        }
    }

    fn size(&self) -> u64 {
        self.operator().checkpoint().unwrap().checkpoint().size
    }

    fn now(&self) -> strongroom_protocol::id::Time {
        strongroom_protocol::id::Clock::now(&*self.clock)
    }
}

/// A request or a change of the policy at some moment, and where it stands then.
struct SeenSubject {
    subject: Subject,
    state: SubjectState,
    reasons: Vec<Reason>,
}

impl SeenSubject {
    fn scene(&self) -> &Scene {
        self.subject.scene().unwrap()
    }
}

/// Runs all cases; `found` founds an authority with a policy.
pub fn authority(found: &mut dyn FnMut(Policy) -> Setting) {
    statements(found);
    refusals(found);
    recovery(found);
    people(found);
    changes(found);
    devices(found);
    blobs(found);
    listings(found);
    log(found);
    looking(found);
}

/// Runs the cases of statements that are recorded.
pub fn statements(found: &mut dyn FnMut(Policy) -> Setting) {
    statements::all(found);
}

/// Runs the cases of statements that are refused.
pub fn refusals(found: &mut dyn FnMut(Policy) -> Setting) {
    refusals::all(found);
}

/// Runs the cases of recoveries.
pub fn recovery(found: &mut dyn FnMut(Policy) -> Setting) {
    recovery::all(found);
}

/// Runs the cases of officers, and of who may ask for what.
pub fn people(found: &mut dyn FnMut(Policy) -> Setting) {
    people::all(found);
}

/// Runs the cases of changes of the policy.
pub fn changes(found: &mut dyn FnMut(Policy) -> Setting) {
    changes::all(found);
}

/// Runs the cases of what owners say of their devices.
pub fn devices(found: &mut dyn FnMut(Policy) -> Setting) {
    devices::all(found);
}

/// Runs the cases of SIMPLEBLOBs.
pub fn blobs(found: &mut dyn FnMut(Policy) -> Setting) {
    blobs::all(found);
}

/// Runs the cases of listings.
pub fn listings(found: &mut dyn FnMut(Policy) -> Setting) {
    listings::all(found);
}

/// Runs the cases of the log.
pub fn log(found: &mut dyn FnMut(Policy) -> Setting) {
    log::all(found);
}

/// Runs the cases of who decides, and when.
pub fn looking(found: &mut dyn FnMut(Policy) -> Setting) {
    looking::all(found);
}

/// Finds one kind of error, or says what there was instead.
macro_rules! assert_refused {
    ($result:expr, $refusal:ident) => {
        match $result {
            Err(strongroom_protocol::SubmitError::Refused(
                strongroom_protocol::Refusal::$refusal { .. },
            )) => {}
            Err(other) => panic!("expected {}, got {other:?}", stringify!($refusal)),
            Ok(_) => panic!("expected {}, and it was recorded", stringify!($refusal)),
        }
    };
}
use assert_refused;

//! An officer at work with an authority (spec/policy.md#approval): what is asked is read from the statements
//! themselves and found in the log before an officer is shown it, and only then does their key sign. An owner who
//! changes the policy works in the same way, with the key of their device. None of this takes a home.

mod key;
mod pin;
mod say;
mod subject;

pub use key::{OfficerKey, OfficerKeyError};
pub use pin::{Pin, PinError};
pub use say::SayError;
pub use subject::{Asked, Said, Subject, Who};

use std::collections::BTreeMap;

use strongroom_protocol::keys::SigningKey;
use strongroom_protocol::log::SignedCheckpoint;
use strongroom_protocol::policy::Policy;
use strongroom_protocol::receipt::{Acknowledgement, Receipt};
use strongroom_protocol::statement::SignedStatement;
use strongroom_protocol::{Founding, Authority, RequestState};

use crate::connection::{ExchangeError, agree, newest};
use crate::policy::PolicyInForce;
use subject::View;

/// A verified authority, and the key that speaks to it.
pub struct Desk<'a> {
    authority: &'a dyn Authority,
    about: Founding,
    key: &'a SigningKey,
    seen: SignedCheckpoint,
}

impl<'a> Desk<'a> {
    /// Verifies who answers, and that its log extends what `pin` says was seen of it.
    ///
    /// Without a pin the authority that answers is taken at its word; [`Self::pin`] returns what to hold it to from
    /// then on.
    ///
    /// # Errors
    ///
    /// Says so when it is another authority, when its log has shrunk or forked, or when it can't be reached.
    pub fn open(
        authority: &'a dyn Authority,
        pin: Option<&Pin>,
        key: &'a SigningKey,
    ) -> Result<Self, ExchangeError> {
        let about = authority.about()?;
        let found = about.authority();
        if let Some(pin) = pin.filter(|pin| pin.authority != found) {
            return Err(ExchangeError::OtherAuthority {
                expected: pin.authority,
                found,
            });
        }
        let seen = pin.and_then(|pin| pin.seen.as_deref());
        let seen = seen
            .map(|text| SignedCheckpoint::parse(text, found, &about.found().log_key))
            .transpose()
            .map_err(|_| ExchangeError::Checkpoint { authority: found })?;
        let seen = newest(authority, &about, seen.as_ref())?;
        Ok(Self {
            authority,
            about,
            key,
            seen,
        })
    }

    /// Returns who this is.
    #[must_use]
    pub fn about(&self) -> &Founding {
        &self.about
    }

    /// Returns what to hold the authority to the next time.
    #[must_use]
    pub fn pin(&self) -> Pin {
        Pin {
            authority: self.about.authority(),
            seen: Some(self.seen.as_text().to_owned()),
        }
    }

    /// Returns the latest checkpoint that was verified.
    #[must_use]
    pub fn seen(&self) -> &SignedCheckpoint {
        &self.seen
    }

    /// Returns the policy in force, once it is shown to be.
    ///
    /// # Errors
    ///
    /// Says so when it is not, or the authority can't be reached.
    pub fn policy(&mut self) -> Result<PolicyInForce, ExchangeError> {
        let view = self.authority.policy()?;
        let about = self.about.clone();
        PolicyInForce::verify(&about, view, |decision, receipt| {
            self.verify(decision, receipt)
        })
    }

    /// Returns what was asked, requests and changes of the policy, in the log's order: all of it, or what is open.
    ///
    /// # Errors
    ///
    /// Says so when anything of it does not hold, or the authority can't be reached.
    pub fn subjects(&mut self, all: bool) -> Result<Vec<Subject>, ExchangeError> {
        let mut views = self.views()?;
        views.retain(|view| all || view.state == RequestState::Requested);
        self.place(views)
    }

    /// Finds what was asked by the beginning of its id.
    ///
    /// # Errors
    ///
    /// Says so when nothing or more than one thing begins so, or it does not hold.
    pub fn find(&mut self, prefix: &str) -> Result<Subject, FindError> {
        let mut found = self.views()?;
        found.retain(|view| view.statement.id().to_string().starts_with(prefix));
        if found.len() > 1 || prefix.is_empty() {
            return Err(FindError::Ambiguous {
                prefix: prefix.to_owned(),
            });
        }
        let mut found = self.place(found)?;
        found.pop().ok_or_else(|| FindError::NotFound {
            prefix: prefix.to_owned(),
        })
    }

    /// Returns everything asked, its places in the log not verified yet.
    fn views(&self) -> Result<Vec<View>, ExchangeError> {
        let mut views = self.changes()?;
        let mut after = None;
        loop {
            let page = self.authority.requests(after)?;
            after = page.items.last().map(|view| view.index);
            // What is no request is none of the things that an officer has a say in.
            views.extend(page.items.into_iter().filter_map(View::of_request));
            if !page.more || after.is_none() {
                views.sort_by_key(|view| view.index);
                return Ok(views);
            }
        }
    }

    /// Returns the changes of the policy alone, in the log's order.
    fn changes(&self) -> Result<Vec<View>, ExchangeError> {
        let mut views = Vec::new();
        let mut after = None;
        loop {
            let page = self.authority.changes(after)?;
            after = page.items.last().map(|view| view.index);
            views.extend(page.items.into_iter().filter_map(View::of_change));
            if !page.more || after.is_none() {
                return Ok(views);
            }
        }
    }

    /// Verifies the places in the log, and finds the policy that each is decided by.
    fn place(&mut self, views: Vec<View>) -> Result<Vec<Subject>, ExchangeError> {
        let in_force = self.policy()?;
        let mut policies = BTreeMap::from([(in_force.digest(), in_force.policy().clone())]);
        if views
            .iter()
            .any(|view| !policies.contains_key(&view.decided_by()))
        {
            let former = self.former_policies()?;
            policies.extend(former.into_iter().map(|policy| (policy.digest(), policy)));
        }
        let mut subjects = Vec::with_capacity(views.len());
        for view in views {
            let receipt = self.authority.receipt(view.statement.id())?;
            let acknowledgement = self.verify(&view.statement, &receipt)?;
            // A policy is what its digest says, whoever shows it.
            let policy = policies.get(&view.decided_by());
            let policy = policy.ok_or(ExchangeError::Policy)?.clone();
            subjects.push(Subject::new(view, &acknowledgement, policy));
        }
        Ok(subjects)
    }

    /// Returns the policies that the authority was founded with and changed to, or was to be.
    fn former_policies(&self) -> Result<Vec<Policy>, ExchangeError> {
        let mut policies = vec![self.about.found().policy.clone()];
        let changes = self.changes()?;
        policies.extend(changes.iter().filter_map(View::new_policy).cloned());
        Ok(policies)
    }

    /// Submits a statement and verifies its receipt.
    fn submit(&mut self, statement: &SignedStatement) -> Result<(), ExchangeError> {
        let receipt = self.authority.submit(statement)?;
        self.verify(statement, &receipt)?;
        Ok(())
    }

    /// Verifies a receipt, and that its checkpoint agrees with the one seen; the later of them is kept.
    fn verify(
        &mut self,
        statement: &SignedStatement,
        receipt: &Receipt,
    ) -> Result<Acknowledgement, ExchangeError> {
        let acknowledgement = receipt.verify(statement, &self.about.found().log_key)?;
        let given = acknowledgement.checkpoint();
        agree(self.authority, &self.seen, given)?;
        if given.checkpoint().size > self.seen.checkpoint().size {
            self.seen = given.clone();
        }
        Ok(acknowledgement)
    }
}

/// Why nothing is found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FindError {
    /// More than one id begins so.
    #[error("more than one id begins with `{prefix}`")]
    Ambiguous {
        /// The beginning.
        prefix: String,
    },
    /// What the authority says does not hold.
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
    /// No id begins so.
    #[error("no request and no change has an id that begins with `{prefix}`")]
    NotFound {
        /// The beginning.
        prefix: String,
    },
}

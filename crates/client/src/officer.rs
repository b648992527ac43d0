//! An officer at work with an authority (spec/policy.md#approval): what is asked is read from the statements
//! themselves and found in the log before an officer is shown it, and only then does their key sign. An owner who
//! changes the policy works in the same way, with the key of their device. None of this takes a home.

mod key;
mod pin;
mod say;
mod subject;

pub use key::{OfficerKey, OfficerKeyError};
pub use pin::{Pin, PinError};
pub use say::{AfterWord, SayError};
pub use subject::{Said, Subject, Who};

use strongroom_protocol::id::Time;
use strongroom_protocol::keys::SigningKey;
use strongroom_protocol::log::SignedCheckpoint;
use strongroom_protocol::policy::SubjectState;
use strongroom_protocol::statement::SignedStatement;
use strongroom_protocol::{Authority, Founding, QueryError, Select, UnavailableKind};

use crate::connection::{Connection, ExchangeError};
use crate::home::Entry;
use crate::policy::PolicyInForce;

/// A verified authority, and the key that speaks to it.
pub struct Desk<'a> {
    connection: Connection<'a>,
    key: &'a SigningKey,
    /// As of when what is asked is looked at.
    now: Time,
}

impl<'a> Desk<'a> {
    /// Verifies who answers, and that its log extends what `pin` says was seen of it.
    ///
    /// Without a pin the authority that answers is taken at its word; [`Self::pin`] returns what to hold it to from
    /// then on.
    ///
    /// # Errors
    ///
    /// It is another authority, its log has shrunk or forked, or it can't be reached.
    pub fn open(
        authority: &'a dyn Authority,
        pin: Option<&Pin>,
        key: &'a SigningKey,
        now: Time,
    ) -> Result<Self, ExchangeError> {
        let founding = authority.about()?.founding;
        let found = founding.authority();
        if let Some(pin) = pin.filter(|pin| pin.authority != found) {
            return Err(ExchangeError::OtherAuthority {
                expected: pin.authority,
                found,
            });
        }
        let seen = pin.and_then(|pin| pin.seen.as_deref());
        let seen = seen
            .map(|text| SignedCheckpoint::parse(text, found, &founding.found().log_key))
            .transpose()
            .map_err(|_| ExchangeError::Checkpoint { authority: found })?;
        let connection = Connection::open(authority, &founding, seen.as_ref())?;
        Ok(Self {
            connection,
            key,
            now,
        })
    }

    /// Returns who this is.
    #[must_use]
    pub fn founding(&self) -> &Founding {
        self.connection.founding()
    }

    /// Returns what to hold the authority to the next time.
    #[must_use]
    pub fn pin(&self) -> Pin {
        Pin {
            authority: self.founding().authority(),
            seen: Some(self.connection.seen().as_text().to_owned()),
        }
    }

    /// Returns the latest checkpoint that was verified.
    #[must_use]
    pub fn seen(&self) -> SignedCheckpoint {
        self.connection.seen().clone()
    }

    /// Returns the policy in force, once it is shown to be.
    ///
    /// # Errors
    ///
    /// It is not, or the authority can't be reached.
    pub fn policy(&self) -> Result<PolicyInForce, ExchangeError> {
        self.connection.policy()
    }

    /// Returns what was asked, requests and changes of the policy, in the log's order: all of it, or what is open. What the
    /// authority can't read costs itself, and is counted.
    ///
    /// # Errors
    ///
    /// Anything of it does not hold, or the authority can't be reached.
    pub fn subjects(&self, all: bool) -> Result<Subjects, ExchangeError> {
        let select = if all { Select::Subjects } else { Select::Open };
        let mut read = Vec::new();
        let mut damaged = Vec::new();
        let unread = self.each_asked(select, &mut |asked| {
            match self.look_at(&asked.statement) {
                // Of what is open as the log has it, some may have come to its end since.
                Ok(subject) if all || subject.state() == SubjectState::Requested => {
                    read.push(subject);
                }
                Ok(_) => {}
                // Something that was said to it.
                Err(error) if is_damage(&error) => damaged.push(asked.acknowledgement.index()),
                Err(error) => return Err(error),
            }
            Ok(())
        })?;
        damaged.extend(unread);
        damaged.sort_unstable();
        Ok(Subjects { read, damaged })
    }

    /// Finds what was asked by the beginning of its id.
    ///
    /// # Errors
    ///
    /// Nothing or more than one thing begins so, or it does not hold.
    pub fn find(&self, prefix: &str) -> Result<Subject, FindError> {
        let prefix = prefix.trim().to_ascii_lowercase();
        let mut found = Vec::new();
        self.each_asked(Select::Subjects, &mut |asked| {
            if asked.statement.id().to_string().starts_with(&prefix) {
                found.push(asked.statement);
            }
            Ok(())
        })?;
        match (found.pop(), found.pop()) {
            (Some(_), Some(_)) => Err(FindError::Ambiguous { prefix }),
            (Some(_), None) if prefix.is_empty() => Err(FindError::Ambiguous { prefix }),
            (Some(asked), None) => Ok(self.look_at(&asked)?),
            (None, _) if !self.is_in_office()? => Err(FindError::OutOfOffice),
            (None, _) => Err(FindError::NotFound { prefix }),
        }
    }

    /// Calls `each` with the requests and changes that `select` picks, and returns where there are some that the authority
    /// can't read.
    fn each_asked(
        &self,
        select: Select,
        each: &mut dyn FnMut(Entry) -> Result<(), ExchangeError>,
    ) -> Result<Vec<u64>, ExchangeError> {
        let mut unread = Vec::new();
        for page in self.connection.entries(select, 0) {
            let page = page?;
            unread.extend(page.unread);
            for entry in page.entries {
                // What is neither is none of the things that an officer has a say in.
                if entry.statement.statement().asks().is_some() {
                    each(entry)?;
                }
            }
        }
        Ok(unread)
    }

    /// Looks at a request or a change, with what was said to it.
    fn look_at(&self, asked: &SignedStatement) -> Result<Subject, ExchangeError> {
        let subject = self.connection.subject(asked.id())?;
        Ok(Subject::new(subject, self.now))
    }

    /// Tells whether the key is an officer's under the policy in force.
    ///
    /// # Errors
    ///
    /// The policy is not shown to be in force, or the authority can't be reached.
    pub fn is_in_office(&self) -> Result<bool, ExchangeError> {
        let in_force = self.policy()?;
        let key = self.key.verifying_key();
        Ok(in_force.policy().officer(&key).is_some())
    }

    /// Submits a statement and verifies its receipt.
    fn submit(&self, statement: SignedStatement) -> Result<(), ExchangeError> {
        self.connection.submit(statement)?;
        Ok(())
    }
}

/// What was asked of an authority.
#[derive(Debug)]
pub struct Subjects {
    /// What could be read, in the log's order.
    pub read: Vec<Subject>,
    /// The indexes of requests and changes that can't be read, or of which something that was said to them can't be.
    pub damaged: Vec<u64>,
}

/// Tells whether an authority can't read what was asked for.
fn is_damage(error: &ExchangeError) -> bool {
    matches!(error, ExchangeError::Query(QueryError::Unavailable(why))
        if why.kind == UnavailableKind::Damaged)
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
    /// Nothing is shown to this key.
    #[error(
        "by the policy in force this key is no officer's: nothing that was asked is shown to it"
    )]
    OutOfOffice,
    /// No id begins so.
    #[error("no request and no change has an id that begins with `{prefix}`")]
    NotFound {
        /// The beginning.
        prefix: String,
    },
}

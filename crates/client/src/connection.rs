//! A conversation with an authority, in which nothing is believed before it is verified: who answers is the one that is
//! pinned, and its log extends what was seen of it. Owners and officers have the same; what they keep of it is theirs.

use std::cell::{Ref, RefCell};

use strongroom_protocol::id::{AuthorityId, StatementId};
use strongroom_protocol::log::{NotConsistent, SignedCheckpoint};
use strongroom_protocol::policy::Subject;
use strongroom_protocol::receipt::{Acknowledgement, Receipt, ReceiptError};
use strongroom_protocol::statement::SignedStatement;
use strongroom_protocol::{
    About, Authority, EndlessListing, Founding, Page, QueryError, Recorded, Select, SubmitError,
    pages,
};

use crate::home::{Entry, HomeError, TakeError};
use crate::policy::PolicyInForce;

/// An authority that proved to be the one that is pinned, and to have lost nothing since the last time.
pub struct Connection<'a> {
    authority: &'a dyn Authority,
    founding: Founding,
    /// The latest checkpoint that was verified, and shown to extend the one before.
    seen: RefCell<SignedCheckpoint>,
}

impl<'a> Connection<'a> {
    /// Verifies who answers, and that its log extends the last checkpoint seen.
    ///
    /// # Errors
    ///
    /// It is another authority, its log has shrunk or forked, or it can't be reached.
    pub fn open(
        authority: &'a dyn Authority,
        pinned: &Founding,
        seen: Option<&SignedCheckpoint>,
    ) -> Result<Self, ExchangeError> {
        Greeting::of(authority)?.verify(pinned, seen)
    }

    /// Proves the newest checkpoint to extend the one that was seen before.
    pub(crate) fn extends(&self, before: &SignedCheckpoint) -> Result<(), ExchangeError> {
        let newest = self.seen.borrow();
        let (old, new) = (before.checkpoint().size, newest.checkpoint().size);
        if new < old {
            return Err(ExchangeError::LogShrunk {
                seen: old,
                now: new,
            });
        }
        self.agree(before, &newest)
    }

    /// Returns who this is.
    #[must_use]
    pub fn founding(&self) -> &Founding {
        &self.founding
    }

    /// Returns the latest checkpoint that was verified.
    pub fn seen(&self) -> Ref<'_, SignedCheckpoint> {
        self.seen.borrow()
    }

    /// Returns the authority itself, for what proves itself otherwise.
    #[must_use]
    pub fn authority(&self) -> &'a dyn Authority {
        self.authority
    }

    /// Returns what the authority says of itself; all but its founding is still to be verified.
    pub(crate) fn about(&self) -> Result<About, ExchangeError> {
        Ok(self.authority.about()?)
    }

    /// Submits a statement, and returns it with its receipt once that is verified and the log extends what was seen.
    ///
    /// # Errors
    ///
    /// What was refused, or does not hold.
    pub fn submit(&self, statement: SignedStatement) -> Result<Entry, ExchangeError> {
        let receipt = self.authority.submit(&statement)?;
        self.verify(statement, receipt)
    }

    /// Verifies a receipt for a statement, and that its checkpoint agrees with the one seen; the later of them is kept.
    ///
    /// # Errors
    ///
    /// What does not hold.
    pub fn verify(
        &self,
        statement: SignedStatement,
        receipt: Receipt,
    ) -> Result<Entry, ExchangeError> {
        let acknowledgement = self.acknowledge(&statement, &receipt)?;
        Ok(Entry {
            statement,
            receipt,
            acknowledgement,
        })
    }

    pub(crate) fn acknowledge(
        &self,
        statement: &SignedStatement,
        receipt: &Receipt,
    ) -> Result<Acknowledgement, ExchangeError> {
        let seen = self.seen.borrow().clone();
        let log_key = &self.founding.found().log_key;
        let acknowledgement = receipt.verify_after(statement, log_key, Some(&seen))?;
        let given = acknowledgement.checkpoint();
        self.agree(&seen, given)?;
        if given.checkpoint().size > seen.checkpoint().size {
            *self.seen.borrow_mut() = given.clone();
        }
        Ok(acknowledgement)
    }

    /// Returns the policy in force, once it is shown to be.
    ///
    /// # Errors
    ///
    /// It is not, or the authority can't be reached.
    pub fn policy(&self) -> Result<PolicyInForce, ExchangeError> {
        PolicyInForce::verify(self, self.about()?.policy)
    }

    /// Returns a request or a change of the policy with what it is decided on: its place in the log and the decision
    /// verified, what is around it by the authority's word.
    ///
    /// # Errors
    ///
    /// There is none that the authority shows, or something of it does not hold.
    pub fn subject(&self, asked: StatementId) -> Result<Subject, ExchangeError> {
        let view = self.authority.subject(asked)?;
        if view.asked.statement.id() != asked {
            return Err(ExchangeError::Subject);
        }
        let acknowledged = self.acknowledge(&view.asked.statement, &view.asked.receipt)?;
        let decision = match &view.decision {
            Some(decision) if *decision.statement.author() == self.founding.found().log_key => {
                Some(self.acknowledge(&decision.statement, &decision.receipt)?)
            }
            Some(_) => return Err(ExchangeError::Subject),
            None => None,
        };
        view.into_subject(&acknowledged, decision.as_ref())
            .ok_or(ExchangeError::Subject)
    }

    /// Walks the entries that `select` picks, from index `from` to the end of the log as it was when this connected, page by
    /// page; each is verified, and stands behind the one before it.
    pub fn entries(
        &self,
        select: Select,
        from: u64,
    ) -> impl Iterator<Item = Result<EntriesPage, ExchangeError>> {
        let size = self.seen.borrow().checkpoint().size;
        let mut begin = from;
        let mut unread = 0;
        let pages = pages::<Recorded, ExchangeError>(from, size, move |from| {
            let page = self.authority.entries(select, from)?;
            unread += page.damaged.len();
            if unread > UNREAD_MAX {
                return Err(ExchangeError::Unread { from });
            }
            Ok(page)
        });
        pages.map(move |page| {
            let page = page?;
            let range = (begin, page.next);
            begin = page.next;
            self.verify_page(page, range)
        })
    }

    fn verify_page(
        &self,
        page: Page<Recorded>,
        (from, next): (u64, u64),
    ) -> Result<EntriesPage, ExchangeError> {
        let mut entries: Vec<Entry> = Vec::with_capacity(page.items.len());
        let mut least = from;
        for Recorded { statement, receipt } in page.items {
            let entry = self.verify(statement, receipt)?;
            let index = entry.acknowledgement.index();
            if index < least || index >= next {
                return Err(ExchangeError::Order { entry: index });
            }
            least = index + 1;
            entries.push(entry);
        }
        // No further than a checkpoint that was verified: the receipts' own, if others added to the log meanwhile.
        let next = next.min(self.seen.borrow().checkpoint().size);
        Ok(EntriesPage {
            from,
            next,
            entries,
            unread: page.damaged,
        })
    }

    /// Proves one of two checkpoints to extend the other.
    fn agree(
        &self,
        seen: &SignedCheckpoint,
        given: &SignedCheckpoint,
    ) -> Result<(), ExchangeError> {
        let (seen, given) = (seen.checkpoint(), given.checkpoint());
        if seen.size == given.size && seen.root == given.root {
            return Ok(());
        }
        let (old, new) = if seen.size <= given.size {
            (seen, given)
        } else {
            (given, seen)
        };
        let proof = self.authority.consistency(old.size, new.size)?;
        proof
            .verify(old.size, old.root, new.size, new.root)
            .map_err(|_: NotConsistent| ExchangeError::LogForked {
                old: old.size,
                new: new.size,
            })
    }
}

/// What an authority says first. None of it is verified yet.
pub(crate) struct Greeting<'a> {
    authority: &'a dyn Authority,
    /// Who it says to be.
    pub(crate) founding: Founding,
    /// The newest checkpoint of its log, as it says.
    pub(crate) newest: SignedCheckpoint,
}

impl<'a> Greeting<'a> {
    pub(crate) fn of(authority: &'a dyn Authority) -> Result<Self, ExchangeError> {
        Ok(Self {
            authority,
            founding: authority.about()?.founding,
            newest: authority.checkpoint()?,
        })
    }

    /// Verifies who answers, and that its log extends the last checkpoint seen.
    pub(crate) fn verify(
        self,
        pinned: &Founding,
        seen: Option<&SignedCheckpoint>,
    ) -> Result<Connection<'a>, ExchangeError> {
        let Some(seen) = seen else {
            return self.verify_alone(pinned);
        };
        // Nothing came since: the signature is the one that was verified then.
        if self.newest.as_text() == seen.as_text() {
            return self.connect(pinned, |_| Ok(seen.clone()));
        }
        let connection = self.verify_alone(pinned)?;
        connection.extends(seen)?;
        Ok(connection)
    }

    /// Verifies who answers. Its newest checkpoint is not held against anything yet.
    pub(crate) fn verify_alone(self, pinned: &Founding) -> Result<Connection<'a>, ExchangeError> {
        let log_key = &pinned.found().log_key;
        self.connect(pinned, |newest| {
            let authority = pinned.authority();
            SignedCheckpoint::parse(newest.as_text(), authority, log_key)
                .map_err(|_| ExchangeError::Checkpoint { authority })
        })
    }

    fn connect(
        self,
        pinned: &Founding,
        verified: impl FnOnce(&SignedCheckpoint) -> Result<SignedCheckpoint, ExchangeError>,
    ) -> Result<Connection<'a>, ExchangeError> {
        let (expected, found) = (pinned.authority(), self.founding.authority());
        if found != expected {
            return Err(ExchangeError::OtherAuthority { expected, found });
        }
        Ok(Connection {
            authority: self.authority,
            founding: pinned.clone(),
            seen: RefCell::new(verified(&self.newest)?),
        })
    }
}

/// The most entries of one listing that an authority may say it can't read. It shows nothing for them: it could sign a
/// checkpoint of a log of any size, and name them without end.
const UNREAD_MAX: usize = 1 << 14;

/// A page of entries, verified.
pub struct EntriesPage {
    /// The index that it begins with.
    pub from: u64,
    /// The index that it goes to: all that was picked between them is in it.
    pub next: u64,
    /// The entries, in the log's order.
    pub entries: Vec<Entry>,
    /// The indexes of entries that the authority could not read.
    pub unread: Vec<u64>,
}

/// What an authority said that does not hold, or did not say.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExchangeError {
    /// A checkpoint is not signed by the authority.
    #[error("the checkpoint is not signed by authority {authority}")]
    Checkpoint {
        /// Who should have signed it.
        authority: AuthorityId,
    },
    /// A listing does not come to an end.
    #[error(transparent)]
    Endless(#[from] EndlessListing),
    /// The home can't be read or written.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The log does not extend what was seen of it.
    #[error("the authority's log was rewritten: its {new} entries do not extend the first {old}")]
    LogForked {
        /// The size of the earlier checkpoint.
        old: u64,
        /// The size of the later one.
        new: u64,
    },
    /// The log has fewer entries than were seen in it.
    #[error("the authority's log has shrunk: it had {seen} entries and has {now}")]
    LogShrunk {
        /// How many were seen.
        seen: u64,
        /// How many there are.
        now: u64,
    },
    /// Entries are shown in another order than the log's.
    #[error("the authority shows entry {entry} of its log out of order")]
    Order {
        /// Its index.
        entry: u64,
    },
    /// It was asked to show that it has deposits, and answered something else.
    #[error("the authority does not answer whether it has what it was asked about")]
    Possession,
    /// Another authority answers.
    #[error("another authority answers: expected {expected}, found {found}")]
    OtherAuthority {
        /// The one this home knows.
        expected: AuthorityId,
        /// The one that answers.
        found: AuthorityId,
    },
    /// The policy is not shown to be in force.
    #[error("the authority does not show that the policy it names is in force")]
    Policy,
    /// A request or a change of the policy does not hold together.
    #[error("the authority shows a request or a change of the policy that does not hold together")]
    Subject,
    /// The authority does not know a device that its own log made the owner's: another one revoked it since, or that is a lie.
    #[error(
        "the authority's log made this device the owner's, and it shows it nothing more: another device of the owner's \
         revoked it, or the authority hides what is done in the owner's name"
    )]
    Hidden,
    /// An entry is earlier than one before it.
    #[error(
        "entry {entry} of the authority's log is earlier than one before it: its clock was put back"
    )]
    Time {
        /// Its index.
        entry: u64,
    },
    /// There are more entries than there can be of which the authority says that it can't read them.
    #[error("the authority says that it can't read most of its log, from entry {from} on")]
    Unread {
        /// Where the page with the last of them begins.
        from: u64,
    },
    /// An entry is not what an honest authority shows this owner.
    #[error("the authority's log can't be true for this owner, near entry {entry}: {what}")]
    Wrong {
        /// Where it is, or the page with it begins.
        entry: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// A question got no answer.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// A receipt does not hold.
    #[error("the authority's receipt does not hold: {0}")]
    Receipt(#[from] ReceiptError),
    /// A statement was not taken.
    #[error(transparent)]
    Submit(#[from] SubmitError),
}

impl ExchangeError {
    /// Says where it was that entries were not taken.
    pub(crate) fn near(entry: u64) -> impl FnOnce(TakeError) -> Self {
        move |error| match error {
            TakeError::Home(error) => Self::Home(error),
            TakeError::Wrong { what } => Self::Wrong { entry, what },
        }
    }
}

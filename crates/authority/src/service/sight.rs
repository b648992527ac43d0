//! Who is shown what (spec/authority-views.md#the-questions): entries, requests, changes of the policy. Not who may do what: that is
//! for each act to say.

use strongroom_protocol::id::OwnerId;
use strongroom_protocol::keys::VerifyingKey;
use strongroom_protocol::{QueryError, Select};

use super::Service;
use crate::Caller;
use crate::identity;
use crate::log::Log;
use crate::store::{RequestRow, Snapshot, StoreError, Stream, Subject as SubjectRow};

/// Which requests and changes somebody is shown.
pub(super) enum Sight {
    /// All: officers of the policy in force, and the operator.
    All,
    /// Those that are the matter of a key, or of the owners whose device it is.
    Of {
        key: VerifyingKey,
        owners: Vec<OwnerId>,
    },
}

impl Service {
    /// Returns which requests and changes a caller is shown; none at all if they have shown nothing.
    pub(super) fn sight(
        &self,
        store: &Snapshot<'_>,
        caller: Caller,
    ) -> Result<Option<Sight>, StoreError> {
        Ok(match caller {
            Caller::Anybody => None,
            Caller::Operator => Some(Sight::All),
            Caller::Device(key) if self.policy_now(store)?.policy.officer(&key).is_some() => {
                Some(Sight::All)
            }
            Caller::Device(key) => Some(Sight::Of {
                owners: identity::owners_of(&self.log, store, &key, u64::MAX)?,
                key,
            }),
        })
    }

    /// Returns the listings that `select` is the merge of, for this caller.
    pub(super) fn streams(
        &self,
        store: &Snapshot<'_>,
        caller: Caller,
        select: Select,
    ) -> Result<Vec<Stream>, QueryError> {
        let open = match select {
            Select::ChangesTo(policy) => {
                let sight = self.sight(store, caller)?.ok_or(QueryError::NotFound)?;
                let changes = sight.shows_changes().then_some(Stream::ChangesTo(policy));
                return Ok(changes.into_iter().collect());
            }
            Select::Owner(owner) if caller.speaks_for(&self.log, store, owner)? => {
                return Ok(vec![Stream::Owner(owner), Stream::Everybody]);
            }
            // An owner who is not there and one who is not the caller's to see are answered alike.
            Select::Owner(_) => return Err(QueryError::NotFound),
            Select::Open => true,
            Select::Subjects => false,
        };
        let sight = self.sight(store, caller)?.ok_or(QueryError::NotFound)?;
        let changes = if open {
            Stream::OpenChanges(store.reign(u64::MAX)?)
        } else {
            Stream::Changes
        };
        let shows_changes = sight.shows_changes();
        Ok(match sight {
            Sight::All if open => vec![changes, Stream::OpenRequests],
            Sight::All => vec![changes, Stream::Requests],
            Sight::Of { key, owners } => {
                let of = owners.iter().map(|owner| match open {
                    true => Stream::OpenRequestsOf(*owner),
                    false => Stream::RequestsOf(*owner),
                });
                let by = if open {
                    Stream::OpenRequestsBy(key)
                } else {
                    Stream::RequestsBy(key)
                };
                let changes = shows_changes.then_some(changes);
                [by].into_iter().chain(changes).chain(of).collect()
            }
        })
    }
}

impl Sight {
    /// Tells whether what is known of the owner that a request is about is the caller's to see: officers', and the owner's.
    pub(super) fn knows_owner_of(&self, subject: &SubjectRow) -> bool {
        match (self, subject) {
            (Self::All, _) | (_, SubjectRow::Change(_)) => true,
            (Self::Of { owners, .. }, SubjectRow::Request(row)) => owners.contains(&row.owner),
        }
    }

    /// Tells whether changes are shown: they are every owner's matter, since they may ask for every owner's code.
    fn shows_changes(&self) -> bool {
        match self {
            Self::All => true,
            Self::Of { owners, .. } => !owners.is_empty(),
        }
    }

    /// Tells whether a request or a change is among those that are shown.
    pub(super) fn shows(&self, subject: &SubjectRow) -> bool {
        match (self, subject) {
            (Self::All, _) => true,
            (Self::Of { .. }, SubjectRow::Change(_)) => self.shows_changes(),
            (Self::Of { key, owners }, SubjectRow::Request(row)) => {
                let is_theirs = |owner: &OwnerId| owners.contains(owner);
                row.device == *key
                    || is_theirs(&row.owner)
                    || row.asker.as_ref().is_some_and(is_theirs)
            }
        }
    }
}

impl Caller {
    /// Tells whether a request's keys are the caller's to take: who asks, whose keys they are, and the operator. Officers
    /// look at a request, and take no key.
    pub(super) fn has_part(
        self,
        log: &Log,
        store: &Snapshot<'_>,
        row: &RequestRow,
    ) -> Result<bool, StoreError> {
        Ok(match self {
            Self::Anybody => false,
            Self::Device(key) => row.device == key || self.speaks_for(log, store, row.owner)?,
            Self::Operator => true,
        })
    }
}

//! The service as one caller meets it: the protocol's `Authority`.

use strongroom_protocol::id::{OwnerId, Serial, StatementId};
use strongroom_protocol::log::{ConsistencyProof, SignedCheckpoint};
use strongroom_protocol::receipt::Receipt;
use strongroom_protocol::statement::SignedStatement;
use strongroom_protocol::{
    About, Authority, Challenge, Holdings, Listed, Page, Possession, QueryError, Recorded,
    ReleaseError, ReleasePage, Select, SubjectView, SubmitError, Unavailable, UnavailableKind,
};

use super::Service;
use super::commit::{Act, Answer};
use crate::Caller;
use crate::log;

/// An authority as one caller meets it. There is no call without one.
#[derive(Clone, Debug)]
pub struct Session {
    service: Service,
    caller: Caller,
}

impl Session {
    pub(super) fn new(service: Service, caller: Caller) -> Self {
        Self { service, caller }
    }
}

impl Authority for Session {
    fn about(&self) -> Result<About, QueryError> {
        let service = &self.service;
        service.store.read(|store| {
            let receipts = service.log.receipts(store)?;
            Ok(About {
                founding: service.about.clone(),
                policy: service.policy_now(store)?.succession(&receipts)?,
                rsa_key: service.recorded_rsa_key(store, &receipts)?,
            })
        })
    }

    fn submit(&self, statement: &SignedStatement) -> Result<Receipt, SubmitError> {
        let service = &self.service;
        let opened = service.open_deposit(statement).map_err(Unavailable::from)?;
        let statement = Box::new(statement.clone());
        match service.commit(Act::Submit { statement, opened })? {
            Answer::Given(receipt) => Ok(*receipt),
            Answer::Refused(refusal) => Err(refusal.into()),
            Answer::Failed(error) => Err(error.unavailable().into()),
            Answer::NotNow | Answer::Recorded(_) => {
                let message = "the statement was not recorded";
                Err(Unavailable::new(UnavailableKind::Busy, message).into())
            }
        }
    }

    fn entries(&self, select: Select, from: u64) -> Result<Page<Recorded>, QueryError> {
        self.service.entries(self.caller, select, from)
    }

    fn prove_possession(
        &self,
        owner: OwnerId,
        challenge: &Challenge,
        serials: &[Serial],
    ) -> Result<Possession, QueryError> {
        self.service
            .prove_possession(self.caller, owner, challenge, serials)
    }

    fn mend(&self, entries: &[Recorded]) -> Result<u64, QueryError> {
        self.service.mend_entries(entries)
    }

    fn subject(&self, asked: StatementId) -> Result<SubjectView, QueryError> {
        self.service.subject(self.caller, asked)
    }

    fn holdings(&self, owner: OwnerId) -> Result<Holdings, QueryError> {
        Ok(self.service.holdings(owner)?)
    }

    fn release(&self, request: StatementId, page: u64) -> Result<ReleasePage, ReleaseError> {
        self.service.release(self.caller, request, page)
    }

    fn checkpoint(&self) -> Result<SignedCheckpoint, QueryError> {
        let service = &self.service;
        Ok(service.store.read(|store| service.log.checkpoint(store))?)
    }

    fn consistency(&self, old: u64, new: u64) -> Result<ConsistencyProof, QueryError> {
        let service = &self.service;
        service.store.read(|store| {
            let size = service.log.checkpoint(store)?.checkpoint().size;
            if old > new || new > size {
                return Err(QueryError::NotFound);
            }
            Ok(service.log.consistency(store, old, new)?)
        })
    }

    fn leaves(&self, from: u64) -> Result<Page<Vec<u8>>, QueryError> {
        const LIMIT: u64 = <Vec<u8> as Listed>::PAGE_ITEMS as u64;
        let service = &self.service;
        service.store.read(|store| {
            let size = service.log.checkpoint(store)?.checkpoint().size;
            let mut page = Page {
                damaged: Vec::new(),
                items: Vec::new(),
                next: size,
            };
            let rows = store.leaf_rows(from, LIMIT + 1)?;
            let mut rows = rows.iter().peekable();
            for index in from..size {
                if page.is_full() {
                    page.next = index;
                    break;
                }
                match rows.next_if(|row| row.index == index) {
                    Some(row) => page.items.push(log::leaf_bytes(row)),
                    None => page.damaged.push(index),
                }
            }
            Ok(page)
        })
    }
}

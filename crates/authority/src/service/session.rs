//! The service as one caller meets it: the protocol's `Authority`.

use std::sync::Arc;

use strongroom_protocol::code::RecoveryCode;
use strongroom_protocol::id::{OwnerId, Serial, StatementId};
use strongroom_protocol::log::{ConsistencyProof, SignedCheckpoint};
use strongroom_protocol::receipt::Receipt;
use strongroom_protocol::statement::SignedStatement;
use strongroom_protocol::{
    Founding, Authority, ChangeView, Deposited, Holdings, Page, PolicyView, QueryError, ReleaseError,
    ReleasePage, RequestView, SubmitError, Unavailable,
};

use super::Service;
use super::commit::{Act, Answer};
use super::{SealError, WrongCode};
use crate::Caller;
use crate::log;

/// How many leaves a page has.
const LEAVES_PAGE: u64 = 1024;

/// An authority as one caller meets it. There is no call without one.
pub struct Session<'s> {
    service: Handle<'s>,
    caller: Caller,
}

enum Handle<'s> {
    Borrowed(&'s Service),
    Shared(Arc<Service>),
}

impl<'s> Session<'s> {
    pub(super) fn new(service: &'s Service, caller: Caller) -> Self {
        let service = Handle::Borrowed(service);
        Self { service, caller }
    }

    fn service(&self) -> &Service {
        match &self.service {
            Handle::Borrowed(service) => service,
            Handle::Shared(service) => service,
        }
    }
}

impl Session<'_> {
    /// Tells whether the authority's custody is sealed, and was not [unlocked](Self::unlock) here.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        self.service().is_sealed()
    }

    /// Tells whether the key file is sealed, whoever has it open.
    ///
    /// # Errors
    ///
    /// Says so when the key file can't be read.
    pub fn key_is_sealed(&self) -> Result<bool, SealError> {
        self.service().key_is_sealed()
    }

    /// [Seals](Service::seal) the key that opens deposits under a recovery code.
    ///
    /// # Errors
    ///
    /// Says so when it is sealed already, or the key file can't be read or written.
    pub fn seal(&self, code: &RecoveryCode) -> Result<(), SealError> {
        self.service().seal(code)
    }

    /// Opens the authority's sealed custody with the recovery code, for as long as the authority is open here.
    ///
    /// # Errors
    ///
    /// Says so when it is another code.
    pub fn unlock(&self, code: &RecoveryCode) -> Result<(), WrongCode> {
        self.service().unlock(code)
    }
}

impl Session<'static> {
    pub(super) fn sharing(service: Arc<Service>, caller: Caller) -> Self {
        let service = Handle::Shared(service);
        Self { service, caller }
    }
}

impl Authority for Session<'_> {
    fn about(&self) -> Result<Founding, QueryError> {
        Ok(self.service().about().clone())
    }

    fn submit(&self, statement: &SignedStatement) -> Result<Receipt, SubmitError> {
        let service = self.service();
        let opened = service.open_deposit(statement).map_err(Unavailable::from)?;
        let statement = Box::new(statement.clone());
        match service.commit(Act::Submit { statement, opened })? {
            Answer::Recorded(index) => {
                let receipt = service
                    .store
                    .read(|store| service.log.receipt(store, index));
                Ok(receipt.map_err(Unavailable::from)?)
            }
            Answer::Refused(refusal) => Err(refusal.into()),
            Answer::Failed(error) => Err(error.unavailable().into()),
            Answer::NotNow => Err(SubmitError::Unavailable(Unavailable {
                message: "the statement was not recorded".to_owned(),
                hint: None,
                retry: true,
                source: None,
            })),
        }
    }

    fn receipt(&self, statement: StatementId) -> Result<Receipt, QueryError> {
        let service = self.service();
        service.store.read(|store| {
            let index = log::find(store, statement)?.ok_or(QueryError::NotFound)?;
            Ok(service.log.receipt(store, index)?)
        })
    }

    fn statement(&self, statement: StatementId) -> Result<SignedStatement, QueryError> {
        self.service().deposit_statement(self.caller, statement)
    }

    fn deposits(
        &self,
        owner: OwnerId,
        after: Option<Serial>,
    ) -> Result<Page<Deposited>, QueryError> {
        self.service().deposits(self.caller, owner, after)
    }

    fn holdings(&self, owner: OwnerId) -> Result<Holdings, QueryError> {
        Ok(self.service().holdings(owner)?)
    }

    fn rsa_key(&self) -> Result<Option<SignedStatement>, QueryError> {
        Ok(self.service().rsa_key()?)
    }

    fn policy(&self) -> Result<PolicyView, QueryError> {
        self.service().policy_view()
    }

    fn changes(&self, after: Option<u64>) -> Result<Page<ChangeView>, QueryError> {
        self.service().changes(self.caller, after)
    }

    fn requests(&self, after: Option<u64>) -> Result<Page<RequestView>, QueryError> {
        self.service().requests(self.caller, after)
    }

    fn request(&self, request: StatementId) -> Result<RequestView, QueryError> {
        self.service().request(self.caller, request)
    }

    fn release(&self, request: StatementId, page: u64) -> Result<ReleasePage, ReleaseError> {
        self.service().release(self.caller, request, page)
    }

    fn checkpoint(&self) -> Result<SignedCheckpoint, QueryError> {
        let service = self.service();
        Ok(service.store.read(|store| service.log.checkpoint(store))?)
    }

    fn consistency(&self, old: u64, new: u64) -> Result<ConsistencyProof, QueryError> {
        let service = self.service();
        service.store.read(|store| {
            let size = service.log.checkpoint(store)?.checkpoint().size;
            if old > new || new > size {
                return Err(QueryError::NotFound);
            }
            Ok(service.log.consistency(store, old, new)?)
        })
    }

    fn leaves(&self, from: u64) -> Result<Page<Vec<u8>>, QueryError> {
        let rows = self
            .service()
            .store
            .read(|store| store.leaf_rows(from, LEAVES_PAGE + 1))
            .map_err(QueryError::from)?;
        let more = rows.len() as u64 > LEAVES_PAGE;
        let items = rows
            .iter()
            .take(usize::try_from(LEAVES_PAGE).unwrap_or(usize::MAX))
            .map(log::leaf_bytes)
            .collect();
        Ok(Page { items, more })
    }
}

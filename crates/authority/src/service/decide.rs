//! Decisions (spec/recovery.md#decision): a request is decided on what the log holds, once, by a logged statement;
//! and looked at again, on the same grounds, whenever a key is to leave on it.

use strongroom_protocol::id::{Serial, StatementId, Time};
use strongroom_protocol::policy::{self, Approved, OwnerKeys, Policy, Reason, Ruling};
use strongroom_protocol::receipt::Outcome;
use strongroom_protocol::statement::{
    Decision, Release, Request, Scope, SignedStatement, Statement, Verdict,
};
use strongroom_protocol::{QueryError, RequestState, RequestView};

use super::Service;
use super::commit::{Act, Checked};
use crate::Caller;
use crate::identity;
use crate::log::{self, Entry, Growth, Logged};
use crate::store::{Damage, RequestRow, Snapshot, StoreError};

/// A request with all that it is decided on, read from the log and verified.
pub(super) struct Case {
    entry: Entry,
    request: Request,
    owner: OwnerKeys,
    statements: Vec<SignedStatement>,
    decision: Option<Entry>,
}

/// Where a request stands at some moment.
pub(super) struct Standing {
    pub(super) case: Case,
    pub(super) state: RequestState,
    pub(super) reasons: Vec<Reason>,
    /// The approval that keys are released on; none if they are not, or not any more, or all were.
    pub(super) approval: Option<Logged<Approved>>,
}

impl Service {
    /// Returns where a request stands, for those who may see it.
    pub(super) fn request(
        &self,
        caller: Caller,
        request: StatementId,
    ) -> Result<RequestView, QueryError> {
        self.decide(caller, request)?;
        let now = self.clock.now();
        self.store.read(|store| {
            let case = self.case_for(store, caller, request)?;
            let standing = self.standing(store, case, now)?;
            Ok(RequestView {
                recorded: standing.case.entry.time(),
                deposits: deposit_count(standing.case.request()),
                state: standing.state,
                reasons: standing.reasons,
                request: standing.case.entry.into_statement(),
            })
        })
    }

    /// Decides a request, if it is not decided and can be.
    pub(super) fn decide(&self, caller: Caller, request: StatementId) -> Result<(), QueryError> {
        let now = self.clock.now();
        let decidable = self.store.read(|store| {
            let case = self.case_for(store, caller, request)?;
            let pending = matches!(case.decide(self.policy(), now), Ruling::Pending(_));
            Ok::<_, QueryError>(case.decision.is_none() && !pending)
        })?;
        if decidable {
            // What it comes to is read from the log.
            self.commit(Act::Decide(request))?;
        }
        Ok(())
    }

    pub(super) fn check_decide(
        &self,
        growth: &Growth<'_>,
        request: StatementId,
        now: Time,
    ) -> Result<Checked, StoreError> {
        let store = growth.store();
        let Some(row) = request_row(store, request)? else {
            return Ok(Checked::NotNow);
        };
        if let Some(decision) = row.decision {
            return Ok(Checked::Known(decision));
        }
        let case = self.case(store, &row)?;
        let decision = match case.decide(self.policy(), now) {
            Ruling::Approved(approved) => approved.decision(),
            Ruling::Ended(verdict, _) => Decision {
                authority: self.authority(),
                request: case.request.digest(),
                policy: self.policy().digest(),
                evidence: Vec::new(),
                approvals: Vec::new(),
                verdict,
                not_after: now,
            },
            Ruling::Pending(_) => return Ok(Checked::NotNow),
        };
        let decision = self.log.sign(decision);
        Ok(Checked::New(Box::new(decision), Outcome::Recorded))
    }

    /// Reads the case of a request that the caller may see: who asks, whose keys they are, and the operator.
    pub(super) fn case_for(
        &self,
        store: &Snapshot<'_>,
        caller: Caller,
        request: StatementId,
    ) -> Result<Case, QueryError> {
        let row = request_row(store, request)?.ok_or(QueryError::NotFound)?;
        let may = match caller {
            Caller::Device(key) => row.device == key || store.has_device(row.owner, &key)?,
            Caller::Operator => true,
        };
        if !may {
            return Err(QueryError::NotFound);
        }
        Ok(self.case(store, &row)?)
    }

    /// Reads a case: the index says where its parts are, and the parts are the log's.
    pub(super) fn case(&self, store: &Snapshot<'_>, row: &RequestRow) -> Result<Case, StoreError> {
        let wrong = |index, what| StoreError::from(Damage::of_entry(index, what));
        let entry = self.log.entry(store, row.entry)?;
        let Statement::Request(request) = entry.statement().statement() else {
            return Err(wrong(row.entry, "it is not a request"));
        };
        let request = (**request).clone();
        let owner = identity::owner_keys(&self.log, store, request.owner)?
            .ok_or_else(|| wrong(row.entry, "its owner is missing"))?;
        let statements = store.request_statements(row.entry)?;
        let statements = statements
            .into_iter()
            .map(|index| Ok(self.log.entry(store, index)?.into_statement()))
            .collect::<Result<_, StoreError>>()?;
        let decision = row.decision.map(|index| self.log.entry(store, index));
        Ok(Case {
            entry,
            request,
            owner,
            statements,
            decision: decision.transpose()?,
        })
    }

    /// Tells where a request stands now. What was decided stays decided; whether keys leave on it is asked again.
    pub(super) fn standing(
        &self,
        store: &Snapshot<'_>,
        case: Case,
        now: Time,
    ) -> Result<Standing, StoreError> {
        let logged = case
            .decision
            .as_ref()
            .map(|entry| verdict(entry, &case.request))
            .transpose()?;
        let as_of = match (logged, &case.decision) {
            // That it ended is told with the reasons there were.
            (Some(verdict), Some(decision)) if verdict != Verdict::Approved => decision.time(),
            _ => now,
        };
        let mut approval = None;
        let (state, reasons) = match (logged, case.decide(self.policy(), as_of)) {
            (Some(Verdict::Approved), _) if self.is_all_released(store, &case)? => {
                (RequestState::Released, Vec::new())
            }
            (Some(Verdict::Approved), Ruling::Approved(approved)) => {
                approval = self.confirm(approved, &case)?;
                (RequestState::Decided(Verdict::Approved), Vec::new())
            }
            // Its time ran out, or it was vetoed, before all of it was released.
            (Some(Verdict::Approved), Ruling::Ended(verdict, reasons)) => {
                (RequestState::Decided(verdict), reasons)
            }
            (Some(verdict), Ruling::Ended(_, reasons)) => (RequestState::Decided(verdict), reasons),
            (Some(verdict), Ruling::Approved(_)) if verdict != Verdict::Approved => {
                (RequestState::Decided(verdict), Vec::new())
            }
            (None, Ruling::Ended(verdict, reasons)) => (RequestState::Decided(verdict), reasons),
            // Not decided yet, or nothing that it was decided on is there any more.
            (_, Ruling::Pending(reasons)) => (RequestState::Requested, reasons),
            (_, Ruling::Approved(_)) => (RequestState::Requested, Vec::new()),
        };
        Ok(Standing {
            case,
            state,
            reasons,
            approval,
        })
    }

    fn confirm(
        &self,
        approved: Approved,
        case: &Case,
    ) -> Result<Option<Logged<Approved>>, StoreError> {
        let Some(decision) = &case.decision else {
            return Ok(None);
        };
        let logged = Logged::confirm(approved, decision, &self.log).ok_or(Damage::of_entry(
            decision.index(),
            "it does not approve the request that its index says",
        ))?;
        Ok(Some(logged))
    }

    pub(super) fn is_all_released(
        &self,
        store: &Snapshot<'_>,
        case: &Case,
    ) -> Result<bool, StoreError> {
        let pages = store.release_pages(case.entry.index())?;
        Ok(pages >= page_count(&case.request))
    }

    /// Returns the sorted serials a request is for. Those of a request for everything were frozen by their digest.
    pub(super) fn scope_serials(
        &self,
        store: &Snapshot<'_>,
        case: &Case,
    ) -> Result<Vec<Serial>, StoreError> {
        match &case.request.scope {
            Scope::Everything {
                tree_size, serials, ..
            } => {
                let held = store.serials(case.request.owner, *tree_size)?;
                if Scope::serials_digest(&held) != *serials {
                    return Err(Damage::of("the index of deposits is not what it was").into());
                }
                Ok(held)
            }
            Scope::Serials(serials) => Ok(serials.clone()),
        }
    }
}

impl Case {
    pub(super) fn decide(&self, policy: &Policy, now: Time) -> Ruling {
        let case = policy::Case {
            policy,
            request: &self.request,
            recorded: self.entry.time(),
            owner: &self.owner,
            statements: &self.statements,
        };
        policy::decide(&case, now)
    }

    /// Returns the index of the request's entry.
    pub(super) fn index(&self) -> u64 {
        self.entry.index()
    }

    pub(super) fn request(&self) -> &Request {
        &self.request
    }

    pub(super) fn owner(&self) -> &OwnerKeys {
        &self.owner
    }

    /// Returns how many statements it is decided on.
    pub(super) fn statement_count(&self) -> usize {
        self.statements.len()
    }

    pub(super) fn decision(&self) -> Option<&Entry> {
        self.decision.as_ref()
    }
}

/// Returns how many pages the deposits of a request have.
pub(super) fn page_count(request: &Request) -> u64 {
    deposit_count(request).div_ceil(Release::KEYS_MAX as u64)
}

fn deposit_count(request: &Request) -> u64 {
    match &request.scope {
        Scope::Everything { count, .. } => *count,
        Scope::Serials(serials) => serials.len() as u64,
    }
}

fn request_row(
    store: &Snapshot<'_>,
    request: StatementId,
) -> Result<Option<RequestRow>, StoreError> {
    match log::find(store, request)? {
        Some(entry) => store.request(entry),
        None => Ok(None),
    }
}

/// Reads the verdict of a decision on this very request.
fn verdict(entry: &Entry, request: &Request) -> Result<Verdict, StoreError> {
    let wrong = || Damage::of_entry(entry.index(), "it does not decide the request");
    let Statement::Decision(decision) = entry.statement().statement() else {
        return Err(wrong().into());
    };
    if decision.request != request.digest() {
        return Err(wrong().into());
    }
    Ok(decision.verdict)
}

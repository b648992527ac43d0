//! Decisions (spec/recovery.md#decision): a request is decided on what the log holds, once, by a logged statement;
//! and looked at again, on the same grounds, whenever a key is to leave on it.

use strongroom_protocol::id::{Digest, Serial, StatementId, Time};
use strongroom_protocol::policy::{self, Approved, OwnerKeys, Policy, Reason, Ruling, Scene};
use strongroom_protocol::receipt::Outcome;
use strongroom_protocol::statement::{
    Decision, Release, Request, Scope, SignedStatement, Statement, Verdict,
};
use strongroom_protocol::{Page, QueryError, RequestState, RequestView};

use super::Service;
use super::commit::{Act, Checked};
use super::scene::{Labels, Rivals};
use crate::Caller;
use crate::identity;
use crate::log::{self, Entry, Growth, Logged};
use crate::store::{Damage, RequestRow, Seen, Snapshot, StoreError};

/// How many requests a page of their listing has.
const PAGE: u64 = 32;

/// A request with all that it is decided on, read from the log and verified.
pub(super) struct Case {
    entry: Entry,
    request: Request,
    owner: OwnerKeys,
    /// The policy in force when the request was recorded, which decides it for ever.
    policy: Policy,
    scene: Scene,
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
        self.settle_now()?;
        self.decide(caller, request)?;
        let now = self.clock.now();
        self.store.read(|store| {
            let row = self.row_for(store, caller, request)?;
            Ok(self.view(store, &row, now)?)
        })
    }

    /// Returns the requests that the caller may see, having decided those that can be.
    pub(super) fn requests(
        &self,
        caller: Caller,
        after: Option<u64>,
    ) -> Result<Page<RequestView>, QueryError> {
        self.settle_now()?;
        let page = || {
            let now = self.clock.now();
            self.store.read(|store| {
                let seen = self.sight(store, caller)?;
                let mut rows = store.requests(seen, after.unwrap_or(0), PAGE + 1)?;
                let more = rows.len() as u64 > PAGE;
                rows.truncate(usize::try_from(PAGE).unwrap_or(usize::MAX));
                let mut decidable = Vec::new();
                let mut items = Vec::new();
                for row in &rows {
                    if self.decision_on(store, row, now)?.is_some() {
                        decidable.push(self.log.entry(store, row.entry)?.statement().id());
                    }
                    items.push(self.view(store, row, now)?);
                }
                Ok::<_, QueryError>((Page { items, more }, decidable))
            })
        };
        let (listed, decidable) = page()?;
        if decidable.is_empty() {
            return Ok(listed);
        }
        for request in decidable {
            self.commit(Act::Decide(request))?;
        }
        Ok(page()?.0)
    }

    /// Decides a request, if it is not decided and can be.
    pub(super) fn decide(&self, caller: Caller, request: StatementId) -> Result<(), QueryError> {
        let now = self.clock.now();
        let decision = self.store.read(|store| {
            let row = self.row_for(store, caller, request)?;
            Ok::<_, QueryError>(self.decision_on(store, &row, now)?)
        })?;
        if decision.is_some() {
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
        Ok(match self.decision_on(store, &row, now)? {
            Some(decision) => Checked::New(Box::new(decision), Outcome::Recorded),
            None => Checked::NotNow,
        })
    }

    /// Makes the decision on a request that has none, if it can be made now.
    pub(super) fn decision_on(
        &self,
        store: &Snapshot<'_>,
        row: &RequestRow,
        now: Time,
    ) -> Result<Option<SignedStatement>, StoreError> {
        if row.decision.is_some() {
            return Ok(None);
        }
        let case = self.case(store, row, now)?;
        let decision = match case.decide(now) {
            Ruling::Approved(approved) => approved.decision(),
            Ruling::Ended(verdict, _) => Decision {
                authority: self.authority(),
                request: case.request.digest(),
                policy: case.policy.digest(),
                evidence: Vec::new(),
                approvals: Vec::new(),
                verdict,
                not_after: now,
            },
            Ruling::Pending(_) => return Ok(None),
        };
        Ok(self.log.sign_decision(decision))
    }

    /// Reads the case of a request whose keys the caller may take: who asks, whose keys they are, and the operator.
    pub(super) fn case_to_release(
        &self,
        store: &Snapshot<'_>,
        caller: Caller,
        request: StatementId,
        now: Time,
    ) -> Result<Case, QueryError> {
        let row = request_row(store, request)?.ok_or(QueryError::NotFound)?;
        if !has_part(store, caller, &row)? {
            return Err(QueryError::NotFound);
        }
        Ok(self.case(store, &row, now)?)
    }

    /// Tells which requests and changes a caller may see in listings: officers and the operator all of them.
    pub(super) fn sight(&self, store: &Snapshot<'_>, caller: Caller) -> Result<Seen, StoreError> {
        Ok(match caller {
            Caller::Operator => Seen::All,
            Caller::Device(key) if self.policy_now(store)?.policy.officer(&key).is_some() => {
                Seen::All
            }
            Caller::Device(key) => Seen::By(key),
        })
    }

    /// Finds a request that the caller may see.
    fn row_for(
        &self,
        store: &Snapshot<'_>,
        caller: Caller,
        request: StatementId,
    ) -> Result<RequestRow, QueryError> {
        let row = request_row(store, request)?.ok_or(QueryError::NotFound)?;
        let may = matches!(self.sight(store, caller)?, Seen::All) || has_part(store, caller, &row)?;
        if !may {
            return Err(QueryError::NotFound);
        }
        Ok(row)
    }

    fn view(
        &self,
        store: &Snapshot<'_>,
        row: &RequestRow,
        now: Time,
    ) -> Result<RequestView, StoreError> {
        let case = self.case(store, row, now)?;
        let standing = self.standing(store, case, now)?;
        let case = standing.case;
        Ok(RequestView {
            index: case.entry.index(),
            recorded: case.entry.time(),
            scene: case.scene,
            statements: case.statements,
            state: standing.state,
            reasons: standing.reasons,
            request: case.entry.into_statement(),
        })
    }

    /// Reads a case: the index says where its parts are, and the parts are the log's.
    pub(super) fn case(
        &self,
        store: &Snapshot<'_>,
        row: &RequestRow,
        now: Time,
    ) -> Result<Case, StoreError> {
        self.read_case(store, row, Rivals::Sought(now), None)
    }

    /// Reads a case again, whose labels are known from before.
    pub(super) fn case_again(
        &self,
        store: &Snapshot<'_>,
        row: &RequestRow,
        labels: &Labels,
        now: Time,
    ) -> Result<Case, StoreError> {
        self.read_case(store, row, Rivals::Sought(now), Some(labels))
    }

    /// Reads the case of a request beside another for the same owner.
    pub(super) fn case_beside(
        &self,
        store: &Snapshot<'_>,
        row: &RequestRow,
    ) -> Result<Case, StoreError> {
        self.read_case(store, row, Rivals::Known, None)
    }

    fn read_case(
        &self,
        store: &Snapshot<'_>,
        row: &RequestRow,
        rivals: Rivals,
        labels: Option<&Labels>,
    ) -> Result<Case, StoreError> {
        let wrong = |what| StoreError::from(Damage::of_entry(row.entry, what));
        let entry = self.log.entry(store, row.entry)?;
        let Statement::Request(request) = entry.statement().statement() else {
            return Err(wrong("it is not a request"));
        };
        let request = (**request).clone();
        let owner = identity::owner_keys(&self.log, store, request.owner)?
            .ok_or_else(|| wrong("its owner is missing"))?;
        let in_force = self.policy_at(store, row.entry)?;
        if in_force.policy.digest() != request.policy {
            return Err(wrong("the policy it was asked under is missing"));
        }
        let scene = self.scene(store, row, &request, &in_force, rivals, labels)?;
        let decision = row.decision.map(|index| self.log.entry(store, index));
        Ok(Case {
            statements: self.words(store, row.entry)?,
            decision: decision.transpose()?,
            policy: in_force.policy,
            entry,
            request,
            owner,
            scene,
        })
    }

    /// Reads what was said to a request or a change.
    pub(super) fn words(
        &self,
        store: &Snapshot<'_>,
        subject: u64,
    ) -> Result<Vec<SignedStatement>, StoreError> {
        let words = store.words(subject)?.into_iter();
        let word = |index| Ok(self.log.entry(store, index)?.into_statement());
        words.map(word).collect()
    }

    /// Tells whether nothing that is said of a request matters any more.
    pub(super) fn is_over(
        &self,
        store: &Snapshot<'_>,
        case: &Case,
        now: Time,
    ) -> Result<bool, StoreError> {
        let refused = match &case.decision {
            Some(entry) => verdict(entry, case.request.digest())? != Verdict::Approved,
            None => false,
        };
        Ok(refused || case.has_ended(now) || self.is_all_released(store, case)?)
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
            .map(|entry| verdict(entry, case.request.digest()))
            .transpose()?;
        let as_of = match (logged, &case.decision) {
            // That it ended is told with the reasons there were.
            (Some(verdict), Some(decision)) if verdict != Verdict::Approved => decision.time(),
            _ => now,
        };
        let scene = case.scene_of(logged);
        let mut approval = None;
        let (state, reasons) = match (logged, case.decide_in(&scene, as_of)) {
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
            // What it ended on is not to be seen any more: it stays ended.
            (Some(verdict), _) if verdict != Verdict::Approved => {
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
        request: &Request,
    ) -> Result<Vec<Serial>, StoreError> {
        match &request.scope {
            Scope::Everything {
                tree_size, serials, ..
            } => {
                let held = store.serials(request.owner, *tree_size)?;
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
    pub(super) fn decide(&self, now: Time) -> Ruling {
        self.decide_in(&self.scene, now)
    }

    pub(super) fn has_ended(&self, now: Time) -> bool {
        matches!(self.decide(now), Ruling::Ended(..))
    }

    /// Returns the scene to tell reasons by: a rival that a denial settled may be gone, and an owner whose veto counted
    /// may have departed since.
    fn scene_of(&self, logged: Option<Verdict>) -> Scene {
        let mut scene = self.scene.clone();
        scene.rival |= logged == Some(Verdict::Denied);
        scene.departed &= logged != Some(Verdict::Vetoed);
        scene
    }

    fn decide_in(&self, scene: &Scene, now: Time) -> Ruling {
        let case = policy::Case {
            policy: &self.policy,
            request: &self.request,
            recorded: self.entry.time(),
            owner: &self.owner,
            scene,
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

    /// Returns the policy that it is decided by.
    pub(super) fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Returns the labels that all deposits asked for have, where the policy asks for any.
    pub(super) fn labels(&self) -> &Labels {
        &self.scene.labels
    }

    pub(super) fn decision(&self) -> Option<&Entry> {
        self.decision.as_ref()
    }
}

/// Returns how many pages the deposits of a request have.
pub(super) fn page_count(request: &Request) -> u64 {
    deposit_count(request).div_ceil(Release::KEYS_MAX as u64)
}

/// Returns how many deposits a request is for.
pub(super) fn deposit_count(request: &Request) -> u64 {
    match &request.scope {
        Scope::Everything { count, .. } => *count,
        Scope::Serials(serials) => serials.len() as u64,
    }
}

/// Tells whether a request is the caller's matter: who asks, whose keys they are, and the operator.
fn has_part(store: &Snapshot<'_>, caller: Caller, row: &RequestRow) -> Result<bool, StoreError> {
    Ok(match caller {
        Caller::Device(key) => row.device == key || store.has_device(row.owner, &key)?,
        Caller::Operator => true,
    })
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

/// Reads the verdict of a decision on this very request or change.
pub(super) fn verdict(entry: &Entry, subject: Digest) -> Result<Verdict, StoreError> {
    let wrong = || Damage::of_entry(entry.index(), "it does not decide what its index says");
    let Statement::Decision(decision) = entry.statement().statement() else {
        return Err(wrong().into());
    };
    if decision.request != subject {
        return Err(wrong().into());
    }
    Ok(decision.verdict)
}

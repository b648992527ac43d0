//! What officers have a say in: a recovery request, or a change of the policy, with what was said to it so far.

use std::collections::BTreeMap;

use strongroom_protocol::id::{Digest, OwnerId, StatementId, Time};
use strongroom_protocol::keys::VerifyingKey;
use strongroom_protocol::policy::{Policy, Reason, Scene};
use strongroom_protocol::receipt::Acknowledgement;
use strongroom_protocol::statement::{
    Grounds, PolicyChange, Request, SignedStatement, Statement, Verdict, Word,
};
use strongroom_protocol::{ChangeView, RequestState, RequestView};

/// Something asked of an authority, its place in the log verified.
#[derive(Clone, Debug)]
pub struct Subject {
    view: View,
    policy: Policy,
}

/// The same as the authority shows it, its signature verified and its place in the log not yet.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub(super) statement: SignedStatement,
    asked: Asked,
    digest: Digest,
    pub(super) index: u64,
    recorded: Time,
    scene: Scene,
    statements: Vec<SignedStatement>,
    pub(super) state: RequestState,
    reasons: Vec<Reason>,
}

/// What is asked.
#[derive(Clone, Debug)]
pub enum Asked {
    /// That the policy be changed.
    Change(Box<PolicyChange>),
    /// That keys be released.
    Request(Box<Request>),
}

/// Something that was said to it.
#[derive(Clone, Debug)]
pub struct Said {
    /// By whom.
    pub who: Who,
    /// When, by their own clock; evidence has no time.
    pub when: Option<Time>,
    /// Why.
    pub grounds: Option<Grounds>,
}

/// Who said what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// Somebody showed a recovery code.
    Code,
    /// A device of the owner's vetoed.
    Device(VerifyingKey),
    /// An officer said this.
    Officer(String, Word),
}

impl View {
    pub(super) fn of_request(view: RequestView) -> Option<Self> {
        let Statement::Request(request) = view.request.statement() else {
            return None;
        };
        Some(Self {
            digest: request.digest(),
            asked: Asked::Request(request.clone()),
            statement: view.request,
            index: view.index,
            recorded: view.recorded,
            scene: view.scene,
            statements: view.statements,
            state: view.state,
            reasons: view.reasons,
        })
    }

    pub(super) fn of_change(view: ChangeView) -> Option<Self> {
        let Statement::PolicyChange(change) = view.change.statement() else {
            return None;
        };
        Some(Self {
            digest: change.digest(),
            asked: Asked::Change(change.clone()),
            statement: view.change,
            index: view.index,
            recorded: view.recorded,
            scene: Scene::default(),
            statements: view.statements,
            state: view.state,
            reasons: view.reasons,
        })
    }

    /// Returns the policy that a change asks for.
    pub(super) fn new_policy(&self) -> Option<&Policy> {
        match &self.asked {
            Asked::Change(change) => Some(&change.policy),
            Asked::Request(_) => None,
        }
    }

    /// Returns the digest of the policy that it names, and is decided by.
    pub(super) fn decided_by(&self) -> Digest {
        match &self.asked {
            Asked::Change(change) => change.replaces,
            Asked::Request(request) => request.policy,
        }
    }
}

impl Subject {
    /// Takes place and time from the receipt, which was verified, and the policy it is decided by.
    pub(super) fn new(mut view: View, acknowledgement: &Acknowledgement, policy: Policy) -> Self {
        view.index = acknowledgement.index();
        view.recorded = acknowledgement.time();
        Self { view, policy }
    }

    /// Returns the policy that it names, and is decided by.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    pub(super) fn decided_by(&self) -> Digest {
        self.view.decided_by()
    }

    /// Returns its id.
    #[must_use]
    pub fn id(&self) -> StatementId {
        self.view.statement.id()
    }

    /// Returns what is asked.
    #[must_use]
    pub fn asked(&self) -> &Asked {
        &self.view.asked
    }

    /// Tells whether keys are asked for.
    #[must_use]
    pub fn is_a_request(&self) -> bool {
        matches!(self.view.asked, Asked::Request(_))
    }

    /// Returns the key that asks.
    #[must_use]
    pub fn author(&self) -> &VerifyingKey {
        self.view.statement.author()
    }

    /// Returns what approvals name: hashed here, from the whole of it.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.view.digest
    }

    /// Returns its index in the log.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.view.index
    }

    /// Returns when the authority recorded it.
    #[must_use]
    pub fn recorded(&self) -> Time {
        self.view.recorded
    }

    /// Returns where it stands, as the authority says.
    #[must_use]
    pub fn state(&self) -> RequestState {
        self.view.state
    }

    /// Returns why it stands there, as the authority says.
    #[must_use]
    pub fn reasons(&self) -> &[Reason] {
        &self.view.reasons
    }

    /// Tells whether it was approved, as the authority says: the policy is in force, the keys may leave.
    #[must_use]
    pub fn is_approved(&self) -> bool {
        matches!(
            self.view.state,
            RequestState::Released | RequestState::Decided(Verdict::Approved)
        )
    }

    /// Returns the other owner who asks, as the authority says.
    #[must_use]
    pub fn asker(&self) -> Option<OwnerId> {
        self.view.scene.asker
    }

    /// Returns how many keys are asked for, as the authority says.
    #[must_use]
    pub fn keys(&self) -> u64 {
        self.view.scene.keys
    }

    /// Returns the labels that all the deposits asked for have, as the authority says.
    #[must_use]
    pub fn labels(&self) -> &BTreeMap<String, String> {
        &self.view.scene.labels
    }

    /// Tells whether the owner has departed, as the authority says.
    #[must_use]
    pub fn is_departed(&self) -> bool {
        self.view.scene.departed
    }

    /// Tells whether another request for this owner is open, as the authority says.
    #[must_use]
    pub fn has_rival(&self) -> bool {
        self.view.scene.rival
    }

    /// Returns when it lapses by itself, if not before.
    #[must_use]
    pub fn expires(&self) -> Time {
        let expires = match &self.view.asked {
            Asked::Change(change) => change.expires,
            Asked::Request(request) => request.expires,
        };
        let lapse = self.policy.lapse_millis;
        self.view.recorded.plus_millis(lapse).min(expires)
    }

    /// Returns what was said to it, in the order in which the authority shows it. The signatures hold; what is for
    /// something else, or by nobody who has a say, is left out.
    #[must_use]
    pub fn said(&self) -> Vec<Said> {
        let said = |signed: &SignedStatement| match signed.statement() {
            Statement::Approval(approval) => {
                let officer = self.policy.officer(signed.author())?;
                let so =
                    approval.subject == self.view.digest && approval.policy == self.decided_by();
                so.then(|| Said {
                    who: Who::Officer(officer.name.clone(), approval.word),
                    when: Some(approval.created),
                    grounds: Some(approval.grounds.clone()),
                })
            }
            Statement::Evidence(evidence) => {
                (evidence.request == self.view.digest).then_some(Said {
                    who: Who::Code,
                    when: None,
                    grounds: None,
                })
            }
            Statement::Veto(veto) => (veto.request == self.view.digest).then(|| Said {
                who: Who::Device(*signed.author()),
                when: Some(veto.created),
                grounds: Some(veto.grounds.clone()),
            }),
            Statement::Decision(_)
            | Statement::Departed(_)
            | Statement::Deposit(_)
            | Statement::Enroll(_)
            | Statement::Found(_)
            | Statement::PolicyChange(_)
            | Statement::Release(_)
            | Statement::Request(_)
            | _ => None,
        };
        self.view.statements.iter().filter_map(said).collect()
    }
}

//! What officers have a say in: a recovery request, or a change of the policy, with what was said to it so far.

use std::collections::BTreeMap;

use strongroom_protocol::id::{Digest, OwnerId, StatementId, Time};
use strongroom_protocol::keys::VerifyingKey;
use strongroom_protocol::policy::{
    self, Around, Asker, Discount, LoggedWord, Policy, Reason, SubjectState,
};
use strongroom_protocol::statement::{
    Grounds, PolicyChange, Request, SignedStatement, Statement, Verdict, Word,
};

/// Something asked of an authority, its place in the log verified, and where it stands at some moment: computed here, of
/// what the log says, and of the authority's word on what is around it.
#[derive(Clone, Debug)]
pub struct Subject {
    subject: policy::Subject,
    state: SubjectState,
    reasons: Vec<Reason>,
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
    /// Why it does not count, if it is an officer's word that does not.
    pub discount: Option<Discount>,
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

impl Subject {
    pub(super) fn new(subject: policy::Subject, now: Time) -> Self {
        let (state, reasons) = subject.standing(now);
        Self {
            subject,
            state,
            reasons,
        }
    }

    /// Returns the statement that asks.
    pub(super) fn statement(&self) -> &SignedStatement {
        self.subject.asked()
    }

    /// Returns the policy that it names, and is decided by.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        self.subject.policy()
    }

    pub(super) fn decided_by(&self) -> Digest {
        self.subject.policy().digest()
    }

    /// Returns its id.
    #[must_use]
    pub fn id(&self) -> StatementId {
        self.subject.asked().id()
    }

    /// Returns the request, if keys are asked for.
    #[must_use]
    pub fn request(&self) -> Option<&Request> {
        self.subject.request()
    }

    /// Returns the change, if that is what is asked for.
    #[must_use]
    pub fn change(&self) -> Option<&PolicyChange> {
        self.subject.change()
    }

    /// Returns why, in the words of whoever asks.
    #[must_use]
    pub fn grounds(&self) -> &str {
        let request = self.request().map(|request| &request.grounds);
        let grounds = request.or_else(|| self.change().map(|change| &change.grounds));
        grounds.map_or("", Grounds::as_str)
    }

    /// Tells whether keys are asked for.
    #[must_use]
    pub fn is_a_request(&self) -> bool {
        self.subject.request().is_some()
    }

    /// Returns the key that asks.
    #[must_use]
    pub fn author(&self) -> &VerifyingKey {
        self.subject.asked().author()
    }

    /// Returns what approvals name: hashed here, from the whole of it.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.subject.digest()
    }

    /// Returns its index in the log.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.subject.index()
    }

    /// Returns when the authority recorded it.
    #[must_use]
    pub fn recorded(&self) -> Time {
        self.subject.recorded()
    }

    /// Returns where it stands, as of when it was looked at.
    #[must_use]
    pub fn state(&self) -> SubjectState {
        self.state
    }

    /// Returns why it stands there.
    #[must_use]
    pub fn reasons(&self) -> &[Reason] {
        &self.reasons
    }

    /// Tells whether it was approved: the policy is in force, the keys may leave.
    #[must_use]
    pub fn is_approved(&self) -> bool {
        matches!(
            self.state,
            SubjectState::Released | SubjectState::Decided(Verdict::Approved)
        )
    }

    /// Returns the other owner who asks, as the authority says.
    #[must_use]
    pub fn asker(&self) -> Option<OwnerId> {
        self.subject.scene().and_then(|scene| scene.asker)
    }

    /// Tells whether a device asks that the owner had and revoked, as the authority says.
    #[must_use]
    pub fn is_by_revoked(&self) -> bool {
        match self.subject.around() {
            Around::Request { owner, .. } => owner.revoked.contains(self.author()),
            Around::Change { .. } => false,
        }
    }

    /// Returns how many keys are asked for, as the authority says.
    #[must_use]
    pub fn keys(&self) -> u64 {
        self.subject.scene().map_or(0, |scene| scene.keys)
    }

    /// Returns the labels that all the deposits asked for have, as the authority says.
    #[must_use]
    pub fn labels(&self) -> Option<&BTreeMap<String, String>> {
        self.subject.scene().map(|scene| &scene.labels)
    }

    /// Tells whether the owner has departed, as the authority says.
    #[must_use]
    pub fn is_departed(&self) -> bool {
        self.subject.scene().is_some_and(|scene| scene.departed)
    }

    /// Tells whether one of the owner's devices asks, as the authority says.
    #[must_use]
    pub fn is_by_owners_device(&self) -> bool {
        matches!(self.subject.around(), Around::Request { owner, .. }
            if owner.devices.contains(self.author()))
    }

    /// Tells whether a rule of the policy that decides is for whoever says to be the owner.
    #[must_use]
    pub fn has_rule_for_anyone(&self) -> bool {
        let mut rules = self.policy().rules.iter();
        rules.any(|rule| rule.asker == Asker::Anyone)
    }

    /// Tells whether the policy in force is another than the one that decides it, as the authority says.
    #[must_use]
    pub fn is_of_an_old_policy(&self) -> bool {
        let in_force = |scene: &policy::Scene| scene.in_force.is_some();
        self.subject.scene().is_some_and(in_force)
    }

    /// Tells whether another request for this owner is open, as the authority says.
    #[must_use]
    pub fn has_rival(&self) -> bool {
        self.subject.scene().is_some_and(|scene| scene.rival)
    }

    /// Returns when it lapses by itself, if not before.
    #[must_use]
    pub fn expires(&self) -> Time {
        self.subject.deadline()
    }

    /// Returns what was said to it, in the order in which the authority shows it. The signatures hold; what is for
    /// something else, or by nobody who has a say, is left out.
    #[must_use]
    pub fn said(&self) -> Vec<Said> {
        let said = |word: &LoggedWord| {
            let signed = &word.statement;
            match signed.statement() {
                Statement::Approval(approval) => {
                    let officer = self.subject.policy().officer(signed.author())?;
                    let so =
                        approval.subject == self.digest() && approval.policy == self.decided_by();
                    so.then(|| Said {
                        who: Who::Officer(officer.name.clone(), approval.word),
                        when: Some(approval.created),
                        grounds: Some(approval.grounds.clone()),
                        discount: self.subject.discount(word),
                    })
                }
                Statement::Evidence(evidence) => {
                    (evidence.request == self.digest()).then_some(Said {
                        who: Who::Code,
                        when: None,
                        grounds: None,
                        discount: None,
                    })
                }
                Statement::Veto(veto) => (veto.request == self.digest()).then(|| Said {
                    who: Who::Device(*signed.author()),
                    when: Some(veto.created),
                    grounds: Some(veto.grounds.clone()),
                    discount: None,
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
            }
        };
        self.subject.words().iter().filter_map(said).collect()
    }
}

//! What somebody asked of an authority and its policy decides, a request for keys or a change of the policy, with all
//! that it is decided on. The authority that decides and whoever looks at it compute the same from it; where the facts
//! come from, and whether they are true, is for those who put it together.

use serde::{Deserialize, Serialize};

use super::case::{deadline, discount, discount_of_change, is_proved, vetoes};
use super::{
    Approved, Case, ChangeCase, Discount, LoggedWord, OwnerKeys, Policy, Reason, Ruling, Scene,
    decide, decide_change,
};
use crate::id::{Digest, Time};
use crate::keys::VerifyingKey;
use crate::statement::{Decision, PolicyChange, Request, SignedStatement, Statement, Verdict};

/// A request or a change of the policy, as the log has it at some moment.
#[derive(Clone, Debug)]
pub struct Subject {
    asked: SignedStatement,
    digest: Digest,
    expires: Time,
    index: u64,
    recorded: Time,
    policy: Policy,
    words: Vec<LoggedWord>,
    decided: Option<Decided>,
    // Invariant: `Request` around a request, `Change` around a change.
    around: Around,
}

/// The decision that the log has on a subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// What was decided, on what.
    pub decision: Decision,
    /// When the authority recorded it.
    pub time: Time,
}

/// What else the log says that matters for a subject.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(
    clippy::large_enum_variant,
    reason = "there is one at a time, of the subject that is looked at"
)]
pub enum Around {
    /// Around a change of the policy.
    Change {
        /// Who asks for it; by an officer's key, if they are one.
        author: VerifyingKey,
        /// The public keys of the recovery codes that are asked for it: of every owner who had a deposit before it, or none.
        codes: Vec<VerifyingKey>,
        /// When another policy came into force after it was asked for; then it is not to replace that one, nor the
        /// old one if that comes back.
        superseded: Option<Time>,
    },
    /// Around a request.
    Request {
        /// The keys of the owner whom it is about.
        owner: OwnerKeys,
        /// Who asks, for how much, and what else is going on.
        scene: Scene,
        /// How many of the deposits asked for were answered, released or withheld.
        released: u64,
    },
}

/// The states of a subject: requested, then decided; a request that was approved is released in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubjectState {
    /// It needs something still.
    Requested,
    /// It is decided.
    Decided(Verdict),
    /// It was approved, and all its keys have been handed out.
    Released,
}

impl SubjectState {
    /// Returns the word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Decided(verdict) => verdict.as_str(),
            Self::Released => "released",
        }
    }
}

impl Subject {
    /// Puts a subject together; none if what was asked is neither a request nor a change, or the rest is another kind's.
    ///
    /// `index` and `recorded` are of its entry, `policy` is the one that decides it, `words` is what was said to it.
    #[must_use]
    pub fn new(
        asked: SignedStatement,
        (index, recorded): (u64, Time),
        policy: Policy,
        words: Vec<LoggedWord>,
        decided: Option<Decided>,
        around: Around,
    ) -> Option<Self> {
        let (digest, _) = asked.statement().asks()?;
        let expires = match (asked.statement(), &around) {
            (Statement::Request(request), Around::Request { .. }) => request.expires,
            (Statement::PolicyChange(change), Around::Change { .. }) => change.expires,
            _ => return None,
        };
        Some(Self {
            asked,
            digest,
            expires,
            index,
            recorded,
            policy,
            words,
            decided,
            around,
        })
    }

    /// Returns the statement that asks.
    #[must_use]
    pub fn asked(&self) -> &SignedStatement {
        &self.asked
    }

    /// Returns the request, if it is one.
    #[must_use]
    pub fn request(&self) -> Option<&Request> {
        let Statement::Request(request) = self.asked.statement() else {
            return None;
        };
        Some(request)
    }

    /// Returns the change of the policy, if it is one.
    #[must_use]
    pub fn change(&self) -> Option<&PolicyChange> {
        let Statement::PolicyChange(change) = self.asked.statement() else {
            return None;
        };
        Some(change)
    }

    /// Returns what evidence, approvals and the decision name: H(Q), or the digest of the change.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Returns its index in the log.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.index
    }

    /// Returns when the authority recorded it.
    #[must_use]
    pub fn recorded(&self) -> Time {
        self.recorded
    }

    /// Returns the policy that decides it.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Returns what was said to it: evidence, vetoes, officers' words.
    #[must_use]
    pub fn words(&self) -> &[LoggedWord] {
        &self.words
    }

    /// Returns the decision that the log has on it.
    #[must_use]
    pub fn decided(&self) -> Option<&Decided> {
        self.decided.as_ref()
    }

    /// Returns what else the log says that matters.
    #[must_use]
    pub fn around(&self) -> &Around {
        &self.around
    }

    /// Returns what is going on around a request.
    #[must_use]
    pub fn scene(&self) -> Option<&Scene> {
        match &self.around {
            Around::Request { scene, .. } => Some(scene),
            Around::Change { .. } => None,
        }
    }

    /// Returns when it lapses.
    #[must_use]
    pub fn deadline(&self) -> Time {
        deadline(&self.policy, self.recorded, self.expires)
    }

    /// Returns the approval of a request, on which its keys may leave now, once it is logged.
    #[must_use]
    pub fn approved(&self, now: Time) -> Option<Approved> {
        // What was refused stays refused, also where a rival whom officers denied with it is gone by now.
        if self
            .verdict()
            .is_some_and(|logged| logged != Verdict::Approved)
        {
            return None;
        }
        let Around::Request { owner, scene, .. } = &self.around else {
            return None;
        };
        match decide(&self.case(owner, scene)?, now) {
            Ruling::Approved(approved) => Some(approved),
            Ruling::Ended(..) | Ruling::Pending(_) => None,
        }
    }

    /// Returns the decision to be logged, if it has none and can be decided now.
    #[must_use]
    pub fn decision(&self, now: Time) -> Option<Decision> {
        if self.decided.is_some() {
            return None;
        }
        match self.rule(&self.around, now) {
            Ruling::Approved(decision) => Some(decision),
            Ruling::Ended(verdict, _) => Some(Decision {
                authority: self.asked.authority(),
                request: self.digest,
                policy: self.policy.digest(),
                evidence: Vec::new(),
                approvals: Vec::new(),
                asker: self.scene().and_then(|scene| scene.asker),
                verdict,
                not_after: now,
            }),
            Ruling::Pending(_) => None,
        }
    }

    /// Returns the next moment at which time alone can change the ruling; none if it has been decided, or can be now.
    ///
    /// A rival that lapses is another subject, and due by itself.
    #[must_use]
    pub fn due(&self, now: Time) -> Option<Time> {
        if self.decided.is_some() {
            return None;
        }
        let Ruling::Pending(reasons) = self.rule(&self.around, now) else {
            return None;
        };
        let waits = reasons.iter().filter_map(|reason| {
            let Reason::Waits { until, .. } = reason else {
                return None;
            };
            Some(*until)
        });
        // It is pending, so that none of these is over: a wait that is has no reason, and what lapsed has ended.
        waits
            .chain([self.deadline()])
            .chain(self.superseded())
            .min()
    }

    /// Tells whether nothing that is said to it matters any more.
    #[must_use]
    pub fn is_over(&self, now: Time) -> bool {
        let has_ended = || matches!(self.rule(&self.around, now), Ruling::Ended(..));
        match (self.verdict(), &self.around) {
            // That it can't be approved any more is so before it is logged.
            (None, _) => has_ended(),
            // Keys that are not out yet can be stopped.
            (Some(Verdict::Approved), Around::Request { .. }) => self.is_released() || has_ended(),
            // What put a policy in force can't be taken back by a word, nor can what was refused be approved by one.
            (Some(_), _) => true,
        }
    }

    /// Tells whether it is a rival of every other request for the same owner by another device: it is open, and has all the
    /// evidence that a rule without approvals asks.
    #[must_use]
    pub fn is_rival(&self, now: Time) -> bool {
        let Around::Request { owner, scene, .. } = &self.around else {
            return false;
        };
        let case = self.case(owner, scene);
        self.decided.is_none() && !self.is_over(now) && case.is_some_and(|case| is_proved(&case))
    }

    /// Tells whether a device of the owner's has vetoed it, so that there is something to overrule.
    #[must_use]
    pub fn is_vetoed(&self) -> bool {
        let Around::Request { owner, scene, .. } = &self.around else {
            return false;
        };
        self.case(owner, scene)
            .is_some_and(|case| !vetoes(&case).is_empty())
    }

    /// Says why an officer's word on it does not count, if it does not.
    #[must_use]
    pub fn discount(&self, word: &LoggedWord) -> Option<Discount> {
        match &self.around {
            Around::Request { owner, scene, .. } => discount(&self.case(owner, scene)?, word),
            Around::Change { author, codes, .. } => {
                discount_of_change(&self.change_case(author, codes)?, word)
            }
        }
    }

    /// Tells whether all that a request was approved for was answered.
    #[must_use]
    pub fn is_released(&self) -> bool {
        // Of no key all are out before anybody decides.
        self.verdict() == Some(Verdict::Approved)
            && matches!(&self.around, Around::Request { scene, released, .. }
                if *released >= scene.keys)
    }

    /// Returns where it stands, and why. What was decided stays decided; whether keys may leave on it is asked again.
    #[must_use]
    pub fn standing(&self, now: Time) -> (SubjectState, Vec<Reason>) {
        let Some(Decided { decision, time }) = &self.decided else {
            return match self.rule(&self.around, now) {
                // Whoever acts next logs it; nothing that is said until then changes it.
                Ruling::Ended(verdict, reasons) => (SubjectState::Decided(verdict), reasons),
                Ruling::Pending(reasons) => (SubjectState::Requested, reasons),
                // It can be decided, and nobody has done anything since that would have. A word against it, or its
                // deadline, may still come first.
                Ruling::Approved(_) => (SubjectState::Requested, Vec::new()),
            };
        };
        let verdict = decision.verdict;
        if verdict != Verdict::Approved {
            let reasons = self.reasons_then(verdict, *time);
            return (SubjectState::Decided(verdict), reasons);
        }
        // The policy is in force. That it superseded what it was decided by, itself too, is no reason against it.
        if self.change().is_some() {
            return (SubjectState::Decided(verdict), Vec::new());
        }
        // Pages that are out stay out, whatever was said since and however late it is.
        if self.is_released() {
            return (SubjectState::Released, Vec::new());
        }
        match self.rule(&self.around, now) {
            Ruling::Approved(_) => (SubjectState::Decided(verdict), Vec::new()),
            // Its time ran out, or it was vetoed or denied, before all of it was released.
            Ruling::Ended(verdict, reasons) => (SubjectState::Decided(verdict), reasons),
            // A veto that can be overruled, or a rival, came before all of it was released: no key leaves until that is
            // settled.
            Ruling::Pending(reasons) => (SubjectState::Requested, reasons),
        }
    }

    /// Returns the verdict that is logged.
    fn verdict(&self) -> Option<Verdict> {
        self.decided
            .as_ref()
            .map(|decided| decided.decision.verdict)
    }

    /// Returns why it was refused at `time`, as far as that is still to be seen.
    fn reasons_then(&self, verdict: Verdict, time: Time) -> Vec<Reason> {
        let ended = |around: &Around| match self.rule(around, time) {
            Ruling::Ended(same, reasons) if same == verdict => Some(reasons),
            // What stands around it is another thing now, and gives reasons for something else.
            Ruling::Ended(..) | Ruling::Approved(_) | Ruling::Pending(_) => None,
        };
        let then = || self.around.may_have_been();
        ended(&self.around)
            .or_else(|| then().iter().find_map(ended))
            .unwrap_or_default()
    }

    /// Rules on it as the policy does; what it comes to is the decision to be logged.
    fn rule(&self, around: &Around, now: Time) -> Ruling<Decision> {
        let ruling = match around {
            Around::Request { owner, scene, .. } => self
                .case(owner, scene)
                .map(|case| decide(&case, now).map(|approved| approved.decision())),
            Around::Change {
                superseded: Some(at),
                ..
            } if *at <= now => {
                // It may have lapsed before.
                let at = self.deadline().min(*at);
                let lapsed = vec![Reason::Lapsed { at }];
                Some(Ruling::Ended(Verdict::Lapsed, lapsed))
            }
            Around::Change { author, codes, .. } => self
                .change_case(author, codes)
                .map(|case| decide_change(&case, now).map(|approved| approved.decision())),
        };
        // There is no subject of one kind with what is around another.
        ruling.unwrap_or(Ruling::Pending(Vec::new()))
    }

    fn case<'s>(&'s self, owner: &'s OwnerKeys, scene: &'s Scene) -> Option<Case<'s>> {
        Some(Case {
            policy: &self.policy,
            request: self.request()?,
            recorded: self.recorded,
            owner,
            scene,
            words: &self.words,
        })
    }

    fn change_case<'s>(
        &'s self,
        author: &'s VerifyingKey,
        codes: &'s [VerifyingKey],
    ) -> Option<ChangeCase<'s>> {
        Some(ChangeCase {
            policy: &self.policy,
            change: self.change()?,
            author,
            recorded: self.recorded,
            codes,
            words: &self.words,
        })
    }

    /// Returns when another policy came into force, if this is a change.
    fn superseded(&self) -> Option<Time> {
        match self.around {
            Around::Change { superseded, .. } => superseded,
            Around::Request { .. } => None,
        }
    }
}

impl Around {
    /// Returns what else may have been around a subject when it was refused.
    fn may_have_been(&self) -> Vec<Self> {
        let earlier = |change: fn(&mut Self)| {
            let mut around = self.clone();
            change(&mut around);
            around
        };
        vec![
            // A rival is gone, as officers denied one of the two so that the other could go on.
            earlier(|around| {
                if let Self::Request { scene, .. } = around {
                    scene.rival = true;
                }
            }),
            // The owner, whose veto counted then, has departed since.
            earlier(|around| {
                if let Self::Request { scene, .. } = around {
                    scene.departed = false;
                }
            }),
            // Officers whose word counted then are none any more.
            earlier(|around| {
                if let Self::Request { scene, .. } = around {
                    scene.in_force = None;
                }
            }),
            // Another policy came into force in the same millisecond, behind the decision.
            earlier(|around| {
                if let Self::Change { superseded, .. } = around {
                    *superseded = None;
                }
            }),
        ]
    }
}

impl<A> Ruling<A> {
    fn map<B>(self, into: impl FnOnce(A) -> B) -> Ruling<B> {
        match self {
            Self::Approved(approved) => Ruling::Approved(into(approved)),
            Self::Ended(verdict, reasons) => Ruling::Ended(verdict, reasons),
            Self::Pending(reasons) => Ruling::Pending(reasons),
        }
    }
}

//! What somebody asked of an authority and its policy decides, a request for keys or a change of the policy, with all
//! that it is decided on. The authority that decides and whoever looks at it compute the same from it; where the facts
//! come from, and whether they are true, is for those who put it together.

use serde::{Deserialize, Serialize};

use super::case::deadline;
use super::{
    Approved, Case, ChangeCase, OwnerKeys, Policy, Reason, Ruling, Scene, decide, decide_change,
};
use crate::id::{Digest, Time};
use crate::keys::VerifyingKey;
use crate::statement::{Decision, PolicyChange, Request, SignedStatement, Statement, Verdict};

/// A request or a change of the policy, as the log has it at some moment.
#[derive(Clone, Debug)]
pub struct Subject {
    asked: SignedStatement,
    index: u64,
    recorded: Time,
    policy: Policy,
    words: Vec<SignedStatement>,
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
pub enum Around {
    /// Around a change of the policy.
    Change {
        /// Who asks for it; by an officer's key, if they are one.
        author: VerifyingKey,
        /// The public keys of the recovery codes that are asked for it: of every owner enrolled before it, or none.
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
        words: Vec<SignedStatement>,
        decided: Option<Decided>,
        around: Around,
    ) -> Option<Self> {
        let fits = matches!(
            (asked.statement(), &around),
            (Statement::Request(_), Around::Request { .. })
                | (Statement::PolicyChange(_), Around::Change { .. })
        );
        fits.then_some(Self {
            asked,
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
        let asks = self.asked.statement().asks();
        asks.map_or(Digest::from_bytes([0; 32]), |(digest, _)| digest)
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
    pub fn words(&self) -> &[SignedStatement] {
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
        let expires = match (self.request(), self.change()) {
            (Some(request), _) => request.expires,
            (None, Some(change)) => change.expires,
            (None, None) => self.recorded,
        };
        deadline(&self.policy, self.recorded, expires)
    }

    /// Returns the approval of a request, on which its keys may leave now.
    #[must_use]
    pub fn approved(&self, now: Time) -> Option<Approved> {
        let Around::Request { scene, .. } = &self.around else {
            return None;
        };
        match self.rule_on_request(scene, now)? {
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
        match self.rule(now) {
            Ruling::Approved(decision) => Some(decision),
            Ruling::Ended(verdict, _) => Some(Decision {
                authority: self.asked.authority(),
                request: self.digest(),
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
    #[must_use]
    pub fn due(&self, now: Time) -> Option<Time> {
        if self.decided.is_some() {
            return None;
        }
        let Ruling::Pending(reasons) = self.rule(now) else {
            return None;
        };
        let waits = reasons.iter().filter_map(|reason| {
            let Reason::Waits { until, .. } = reason else {
                return None;
            };
            Some(*until)
        });
        waits.chain([self.deadline()]).min()
    }

    /// Tells whether nothing that is said to it matters any more.
    #[must_use]
    pub fn is_over(&self, now: Time) -> bool {
        let refused = |decided: &Decided| decided.decision.verdict != Verdict::Approved;
        let decided = self.decided.as_ref();
        decided.is_some_and(refused)
            || matches!(self.rule(now), Ruling::Ended(..))
            || match self.around {
                // What puts a policy in force can't be taken back by a word.
                Around::Change { .. } => decided.is_some(),
                // Keys that are not out yet can be stopped.
                Around::Request { .. } => self.is_released(),
            }
    }

    /// Tells whether all that a request was approved for was answered.
    #[must_use]
    pub fn is_released(&self) -> bool {
        match &self.around {
            Around::Request {
                scene, released, ..
            } => *released >= scene.keys,
            Around::Change { .. } => false,
        }
    }

    /// Returns where it stands, and why. What was decided stays decided; whether keys may leave on it is asked again.
    #[must_use]
    pub fn standing(&self, now: Time) -> (SubjectState, Vec<Reason>) {
        let Some(Decided { decision, time }) = &self.decided else {
            return match self.rule(now) {
                Ruling::Ended(verdict, reasons) => (SubjectState::Decided(verdict), reasons),
                Ruling::Pending(reasons) => (SubjectState::Requested, reasons),
                // It can be decided, and nobody has done anything since that would have.
                Ruling::Approved(_) => (SubjectState::Requested, Vec::new()),
            };
        };
        let verdict = decision.verdict;
        if verdict != Verdict::Approved {
            // That it ended is told with the reasons there were then; some are not to be seen any more.
            let reasons = match self.rule(*time) {
                Ruling::Ended(_, reasons) => reasons,
                Ruling::Approved(_) | Ruling::Pending(_) => Vec::new(),
            };
            return (SubjectState::Decided(verdict), reasons);
        }
        if self.change().is_some() {
            return (SubjectState::Decided(verdict), Vec::new());
        }
        if self.is_released() {
            return (SubjectState::Released, Vec::new());
        }
        match self.rule(now) {
            Ruling::Approved(_) => (SubjectState::Decided(verdict), Vec::new()),
            // Its time ran out, or it was vetoed or denied, before all of it was released.
            Ruling::Ended(verdict, reasons) => (SubjectState::Decided(verdict), reasons),
            // Nothing that it was decided on is there any more.
            Ruling::Pending(reasons) => (SubjectState::Requested, reasons),
        }
    }

    /// Rules on it as the policy does; what it comes to is the decision to be logged.
    fn rule(&self, now: Time) -> Ruling<Decision> {
        match &self.around {
            Around::Request { scene, .. } => {
                // To tell the reasons of a decision: a rival that a denial settled may be gone, and an owner whose veto
                // counted may have departed since.
                let verdict = self
                    .decided
                    .as_ref()
                    .map(|decided| decided.decision.verdict);
                let mut scene = scene.clone();
                scene.rival |= verdict == Some(Verdict::Denied);
                scene.departed &= verdict != Some(Verdict::Vetoed);
                let ruling = self.rule_on_request(&scene, now);
                ruling.map_or(Ruling::Pending(Vec::new()), |ruling| {
                    ruling.map(|approved| approved.decision())
                })
            }
            Around::Change {
                superseded: Some(at),
                ..
            } if *at <= now => Ruling::Ended(Verdict::Lapsed, vec![Reason::Lapsed { at: *at }]),
            Around::Change { author, codes, .. } => {
                let Some(change) = self.change() else {
                    return Ruling::Pending(Vec::new());
                };
                let case = ChangeCase {
                    policy: &self.policy,
                    change,
                    author,
                    recorded: self.recorded,
                    codes,
                    statements: &self.words,
                };
                decide_change(&case, now).map(|approved| approved.decision())
            }
        }
    }

    fn rule_on_request(&self, scene: &Scene, now: Time) -> Option<Ruling> {
        let Around::Request { owner, .. } = &self.around else {
            return None;
        };
        let case = Case {
            policy: &self.policy,
            request: self.request()?,
            recorded: self.recorded,
            owner,
            scene,
            statements: &self.words,
        };
        Some(decide(&case, now))
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

//! What a desk signs: words on what is asked, a change of the policy and the codes for it, and that an owner departed.
//! What can't count is refused here, with the reason; the authority decides by itself what does.

use strongroom_protocol::code::{NoMemory, RecoveryCode};
use strongroom_protocol::id::{Digest, OwnerId};
use strongroom_protocol::keys::VerifyingKey;
use strongroom_protocol::policy::{Discount, Officer, Policy, SubjectState};
use strongroom_protocol::statement::{
    Approval, Departed, Evidence, EvidenceKind, Grounds, PolicyChange, SignedStatement, Statement,
    Verdict, Word,
};
use strongroom_protocol::{QueryError, Refusal, Select, SubmitError};

use super::{Desk, FindError, Subject, Who};
use crate::connection::ExchangeError;

impl Desk<'_> {
    /// Says whether this key may say `word` on a subject.
    ///
    /// # Errors
    ///
    /// Says why not.
    pub fn may_say(&self, subject: &Subject, word: Word) -> Result<(), SayError> {
        // What was approved can be denied as long as no key has left.
        let stoppable = word == Word::Deny && subject.is_a_request() && subject.is_approved();
        let is_open = subject.state() == SubjectState::Requested
            || stoppable && subject.state() != SubjectState::Released;
        if !is_open {
            return Err(SayError::Ended(subject.state()));
        }
        let key = self.key.verifying_key();
        let officer = subject.policy().officer(&key);
        let officer = officer.ok_or(SayError::NotAnOfficer)?;
        // To say no to one's own request is not refused.
        if word != Word::Deny && is_own(officer, subject) {
            return Err(SayError::Own);
        }
        let said = subject.said();
        let same = Who::Officer(officer.name.clone(), word);
        let last = said.iter().rposition(|said| said.who == same);
        if word != Word::Overrule {
            return last.map_or(Ok(()), |_| Err(SayError::AlreadySaid(word)));
        }
        // What overrules answers all devices that have vetoed by then, and each of them once.
        let mut devices = Vec::new();
        let mut veto = None;
        for (place, said) in said.iter().enumerate() {
            if let Who::Device(device) = said.who
                && !devices.contains(&device)
            {
                devices.push(device);
                veto = Some(place);
            }
        }
        match veto {
            None => Err(SayError::NoVeto),
            Some(veto) if last.is_some_and(|overruled| overruled > veto) => {
                Err(SayError::AlreadySaid(word))
            }
            Some(_) => Ok(()),
        }
    }

    /// Returns why this key's word on a subject does not count, if it was said and does not.
    #[must_use]
    pub fn discount(&self, subject: &Subject, word: Word) -> Option<Discount> {
        let officer = subject.policy().officer(&self.key.verifying_key())?;
        let who = Who::Officer(officer.name.clone(), word);
        let said = subject.said();
        said.iter().rfind(|said| said.who == who)?.discount
    }

    /// Says `word` on a subject and why, as an officer of the policy that it is decided by. Returns what becomes of it.
    ///
    /// # Errors
    ///
    /// Says why that can't be said, or what the authority says that does not hold.
    pub fn say(
        &self,
        subject: &Subject,
        word: Word,
        grounds: Grounds,
    ) -> Result<AfterWord, SayError> {
        self.may_say(subject, word)?;
        let approval = Approval {
            authority: self.founding().authority(),
            subject: subject.digest(),
            policy: subject.decided_by(),
            word,
            grounds,
            created: self.now,
        };
        match self.submit(SignedStatement::sign(approval, self.key)) {
            // Something that was due is in force since.
            Err(ExchangeError::Submit(SubmitError::Refused(Refusal::Author)))
                if !self.is_in_office()? =>
            {
                Err(SayError::OutOfOffice)
            }
            said => {
                said?;
                self.look_after(subject.statement())
            }
        }
    }

    /// Looks at a subject that this key has just spoken to, or asked for. What it put in force may have ended its own say.
    fn look_after(&self, asked: &SignedStatement) -> Result<AfterWord, SayError> {
        match self.look_at(asked) {
            Err(ExchangeError::Query(QueryError::NotFound)) if !self.is_in_office()? => {
                let in_force = self.policy()?.digest();
                let is_in_force = matches!(asked.statement(), Statement::PolicyChange(change)
                    if change.policy.digest() == in_force);
                Ok(AfterWord::OutOfOffice { is_in_force })
            }
            seen => Ok(AfterWord::Stands(Box::new(seen?))),
        }
    }

    /// Says that an owner has departed, or that they have not.
    ///
    /// # Errors
    ///
    /// Says so when the policy gives this key no say in that, or what the authority says does not hold.
    pub fn say_departed(
        &self,
        owner: OwnerId,
        departed: bool,
        grounds: Grounds,
    ) -> Result<(), SayError> {
        let policy = self.policy()?;
        let key = self.key.verifying_key();
        let officer = policy.policy().officer(&key);
        let officer = officer.ok_or(SayError::NotAnOfficer)?;
        if !may_tell_departed(policy.policy(), officer) {
            return Err(SayError::NotAsked);
        }
        let departed = Departed {
            authority: self.founding().authority(),
            owner,
            departed,
            grounds,
            created: self.now,
        };
        match self.submit(SignedStatement::sign(departed, self.key)) {
            // That this officer is asked was seen just now.
            Err(ExchangeError::Submit(SubmitError::Refused(Refusal::Author))) => {
                Err(SayError::NoOwner)
            }
            said => Ok(said?),
        }
    }

    /// Asks that the policy be changed, or finds the same change that is open. One that was denied is found too, and
    /// asked for anew only if `again` says so.
    ///
    /// # Errors
    ///
    /// Says so when it is in force already, or what the authority says does not hold.
    pub fn propose(
        &self,
        policy: &Policy,
        grounds: Grounds,
        again: bool,
    ) -> Result<AfterWord, SayError> {
        let in_force = self.policy()?;
        if in_force.policy() == policy {
            return Err(SayError::InForce);
        }
        if let Some(known) = self.same_change(policy, in_force.digest(), again)? {
            // Sent again, it is decided if it can be by now.
            self.submit(known.statement().clone())?;
            return self.look_after(known.statement());
        }
        let change = PolicyChange {
            authority: self.founding().authority(),
            policy: policy.clone(),
            replaces: in_force.digest(),
            grounds,
            created: self.now,
            expires: self.now.plus_millis(in_force.policy().lapse_millis),
        };
        let statement = SignedStatement::sign(change, self.key);
        self.submit(statement.clone())?;
        self.look_after(&statement)
    }

    /// Finds the change to a policy, from the one in force: the first that is open, which everybody finds; or the last, if that
    /// was denied and is not to be passed over.
    fn same_change(
        &self,
        policy: &Policy,
        replaces: Digest,
        again: bool,
    ) -> Result<Option<Subject>, ExchangeError> {
        let mut same = Vec::new();
        self.each_asked(Select::ChangesTo(policy.digest()), &mut |asked| {
            if let Statement::PolicyChange(change) = asked.statement.statement()
                && change.policy == *policy
                && change.replaces == replaces
            {
                same.push(asked.statement);
            }
            Ok(())
        })?;
        let mut last = None;
        for asked in &same {
            let subject = self.look_at(asked)?;
            if subject.state() == SubjectState::Requested {
                return Ok(Some(subject));
            }
            last = Some(subject);
        }
        let denied = SubjectState::Decided(Verdict::Denied);
        Ok(last.filter(|last| last.state() == denied && !again))
    }

    /// Shows a recovery code for a change of the policy. The code signs, and does not leave this function. Returns the
    /// change as it is then.
    ///
    /// # Errors
    ///
    /// Says so when it is nobody's code, or what the authority says does not hold.
    pub fn show_code(&self, subject: &Subject, code: &RecoveryCode) -> Result<AfterWord, SayError> {
        let authority = self.founding().authority();
        let evidence = Evidence {
            authority,
            request: subject.digest(),
            kind: EvidenceKind::RecoveryCode,
        };
        let evidence = SignedStatement::sign(evidence, &code.signing_key(authority)?);
        match self.submit(evidence) {
            Err(ExchangeError::Submit(SubmitError::Refused(Refusal::Author))) => {
                return Err(SayError::WrongCode);
            }
            shown => shown?,
        }
        self.look_after(subject.statement())
    }
}

/// What becomes of something that this key has just spoken to, or asked for.
#[derive(Debug)]
pub enum AfterWord {
    /// The key is no officer's any more, and sees it no more.
    OutOfOffice {
        /// Whether it is a change that is in force by now: it ended this officer's say itself.
        is_in_force: bool,
    },
    /// Where it stands now.
    Stands(Box<Subject>),
}

/// Tells whether a subject is an officer's own, as far as the officer can tell: the authority knows more devices.
fn is_own(officer: &Officer, subject: &Subject) -> bool {
    let is_theirs = |owner: Option<OwnerId>| owner.is_some() && owner == officer.owner;
    let asked_by: &VerifyingKey = subject.author();
    officer.keys.contains(asked_by)
        || subject
            .request()
            .is_some_and(|request| is_theirs(Some(request.owner)) || is_theirs(subject.asker()))
}

fn may_tell_departed(policy: &Policy, officer: &Officer) -> bool {
    let group = policy
        .departed
        .as_deref()
        .and_then(|name| policy.group(name));
    group.is_some_and(|group| group.people(policy).contains(officer.name.as_str()))
}

/// Why nothing was said.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SayError {
    /// This officer said it before.
    #[error("you said `{}` to it already", .0.as_str())]
    AlreadySaid(Word),
    /// It is decided.
    #[error("it is {} already", .0.as_str())]
    Ended(SubjectState),
    /// What the authority says does not hold.
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
    /// It can't be found again.
    #[error(transparent)]
    Find(#[from] FindError),
    /// There is not the memory that a code takes.
    #[error(transparent)]
    Memory(#[from] NoMemory),
    /// The policy is in force as it is.
    #[error("this policy is in force already")]
    InForce,
    /// Nobody of this id is enrolled.
    #[error("the authority knows no such owner")]
    NoOwner,
    /// Nobody vetoed.
    #[error("no device of the owner's vetoed it: there is nothing to overrule")]
    NoVeto,
    /// The key is none of the policy's.
    #[error("this key is no officer's under the policy that it is decided by")]
    NotAnOfficer,
    /// Others are asked.
    #[error("the policy does not ask you whether an owner has departed")]
    NotAsked,
    /// The policy in force has no officer with this key.
    #[error(
        "by the policy that is in force since just now, this key is no officer's any more: its word was not recorded"
    )]
    OutOfOffice,
    /// No one approves their own request.
    #[error("it is your own: nobody approves their own request")]
    Own,
    /// The code is nobody's here.
    #[error("this is not the recovery code of an owner here")]
    WrongCode,
}

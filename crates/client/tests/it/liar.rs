//! An authority that is honest but for what a test has it say, and that counts how often it is asked. What lies with the
//! log key in its hand is testkit's.

use std::sync::atomic::{AtomicU64, Ordering};

use strongroom_protocol::id::{OwnerId, Serial, StatementId};
use strongroom_protocol::log::{ConsistencyProof, SignedCheckpoint};
use strongroom_protocol::receipt::Receipt;
use strongroom_protocol::statement::SignedStatement;
use strongroom_protocol::{
    About, Authority, Challenge, Holdings, Page, Possession, QueryError, Recorded, ReleaseError,
    ReleasePage, Select, SubjectView, SubmitError,
};

/// What becomes of an honest answer.
type Lie<T> = Box<dyn Fn(T) -> T + Send + Sync>;
/// What is answered to a question for entries, of the question and of whoever answers it honestly.
type EntriesLie =
    Box<dyn Fn(&dyn Authority, Select, u64) -> Result<Page<Recorded>, QueryError> + Send + Sync>;

pub(crate) struct Liar {
    honest: Box<dyn Authority>,
    about: Option<Lie<About>>,
    subject: Option<Lie<SubjectView>>,
    checkpoint: Option<Lie<SignedCheckpoint>>,
    consistency: Option<Lie<ConsistencyProof>>,
    entries: Option<EntriesLie>,
    questions: AtomicU64,
}

impl Liar {
    pub(crate) fn before(honest: impl Authority + 'static) -> Self {
        Self {
            honest: Box::new(honest),
            about: None,
            subject: None,
            checkpoint: None,
            consistency: None,
            entries: None,
            questions: AtomicU64::new(0),
        }
    }

    /// Lies about itself.
    pub(crate) fn about(self, lie: impl Fn(About) -> About + Send + Sync + 'static) -> Self {
        let about = Some(Box::new(lie) as Lie<_>);
        Self { about, ..self }
    }

    /// Lies about requests and changes.
    pub(crate) fn subject(
        self,
        lie: impl Fn(SubjectView) -> SubjectView + Send + Sync + 'static,
    ) -> Self {
        let subject = Some(Box::new(lie) as Lie<_>);
        Self { subject, ..self }
    }

    /// Says that this is its newest checkpoint.
    pub(crate) fn checkpoint(self, checkpoint: SignedCheckpoint) -> Self {
        let checkpoint = Some(Box::new(move |_| checkpoint.clone()) as Lie<_>);
        Self { checkpoint, ..self }
    }

    /// Proves with this that its log extends whatever was seen of it.
    pub(crate) fn consistency(self, proof: ConsistencyProof) -> Self {
        let consistency = Some(Box::new(move |_| proof.clone()) as Lie<_>);
        Self {
            consistency,
            ..self
        }
    }

    /// Lies about the entries of its log.
    pub(crate) fn entries(
        self,
        lie: impl Fn(&dyn Authority, Select, u64) -> Result<Page<Recorded>, QueryError>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        let entries = Some(Box::new(lie) as EntriesLie);
        Self { entries, ..self }
    }

    /// How often it was asked anything.
    pub(crate) fn questions(&self) -> u64 {
        self.questions.load(Ordering::SeqCst)
    }

    fn asked(&self) -> &dyn Authority {
        self.questions.fetch_add(1, Ordering::SeqCst);
        &*self.honest
    }
}

fn told<T>(answer: T, lie: Option<&Lie<T>>) -> T {
    match lie {
        Some(lie) => lie(answer),
        None => answer,
    }
}

impl Authority for Liar {
    fn about(&self) -> Result<About, QueryError> {
        Ok(told(self.asked().about()?, self.about.as_ref()))
    }

    fn submit(&self, statement: &SignedStatement) -> Result<Receipt, SubmitError> {
        self.asked().submit(statement)
    }

    fn entries(&self, select: Select, from: u64) -> Result<Page<Recorded>, QueryError> {
        let honest = self.asked();
        match &self.entries {
            Some(lie) => lie(honest, select, from),
            None => honest.entries(select, from),
        }
    }

    fn prove_possession(
        &self,
        owner: OwnerId,
        challenge: &Challenge,
        serials: &[Serial],
    ) -> Result<Possession, QueryError> {
        self.asked().prove_possession(owner, challenge, serials)
    }

    fn mend(&self, entries: &[Recorded]) -> Result<u64, QueryError> {
        self.asked().mend(entries)
    }

    fn subject(&self, asked: StatementId) -> Result<SubjectView, QueryError> {
        Ok(told(self.asked().subject(asked)?, self.subject.as_ref()))
    }

    fn holdings(&self, owner: OwnerId) -> Result<Holdings, QueryError> {
        self.asked().holdings(owner)
    }

    fn release(&self, request: StatementId, page: u64) -> Result<ReleasePage, ReleaseError> {
        self.asked().release(request, page)
    }

    fn checkpoint(&self) -> Result<SignedCheckpoint, QueryError> {
        Ok(told(self.asked().checkpoint()?, self.checkpoint.as_ref()))
    }

    fn consistency(&self, old: u64, new: u64) -> Result<ConsistencyProof, QueryError> {
        let honest = self.asked();
        match &self.consistency {
            // Of sizes that there are not an honest one proves nothing.
            Some(lie) => Ok(lie(honest.consistency(0, 1)?)),
            None => honest.consistency(old, new),
        }
    }

    fn leaves(&self, from: u64) -> Result<Page<Vec<u8>>, QueryError> {
        self.asked().leaves(from)
    }
}

//! What was said to a request or a change, as far as it is about that and nothing else.

use std::collections::BTreeMap;

use crate::id::{AuthorityId, Digest, StatementId};
use crate::keys::VerifyingKey;
use crate::policy::{LoggedWord, Officer, Policy, Reason};
use crate::statement::{EvidenceKind, Grounds, SignedStatement, Statement, Word};

/// What was said to one authority of one subject; all else that is among the words does not count.
pub(super) struct Said<'s> {
    pub(super) policy: &'s Policy,
    /// That policy's.
    pub(super) digest: Digest,
    pub(super) authority: AuthorityId,
    /// H(Q) of the request, or the digest of the change.
    pub(super) subject: Digest,
    pub(super) words: &'s [LoggedWord],
}

impl<'s> Said<'s> {
    /// Finds evidence of a kind by this key: of more than one always the same.
    pub(super) fn evidence(&self, by: &VerifyingKey, kind: EvidenceKind) -> Option<StatementId> {
        let is_it = |signed: &&SignedStatement| {
            matches!(signed.statement(), Statement::Evidence(evidence)
                if evidence.authority == self.authority
                    && evidence.request == self.subject
                    && evidence.kind == kind)
        };
        let statements = self.words.iter().map(|word| &word.statement);
        let by_key = statements.filter(|signed| signed.author() == by);
        by_key.filter(is_it).map(SignedStatement::id).min()
    }

    /// Returns what officers said under this policy and no other.
    pub(super) fn words(&self, word: Word) -> Vec<Spoken<'s>> {
        let spoken = self.words.iter().filter_map(|logged| {
            let signed = &logged.statement;
            let Statement::Approval(approval) = signed.statement() else {
                return None;
            };
            let said = approval.authority == self.authority
                && approval.subject == self.subject
                && approval.policy == self.digest
                && approval.word == word;
            let officer = self.policy.officer(signed.author()).filter(|_| said)?;
            Some(Spoken {
                officer,
                author: signed.author(),
                index: logged.index,
                id: signed.id(),
                why: &approval.grounds,
            })
        });
        spoken.collect()
    }
}

/// An officer's word: by which key and statement, where in the log, and why.
#[derive(Clone, Copy)]
pub(super) struct Spoken<'s> {
    pub(super) officer: &'s Officer,
    pub(super) author: &'s VerifyingKey,
    pub(super) index: u64,
    pub(super) id: StatementId,
    why: &'s Grounds,
}

impl Spoken<'_> {
    /// Says that this officer denied a rule, and why.
    pub(super) fn denied(&self, rule: &str, officer: &str) -> Reason {
        Reason::Denied {
            rule: rule.to_owned(),
            by: officer.to_owned(),
            grounds: self.why.clone(),
        }
    }
}

pub(super) fn sorted_ids(words: &BTreeMap<&str, Spoken<'_>>) -> Vec<StatementId> {
    let mut ids: Vec<StatementId> = words.values().map(|spoken| spoken.id).collect();
    ids.sort_unstable();
    ids
}

/// Keeps one statement a person, always the same.
pub(super) fn one_each<'s>(
    words: impl IntoIterator<Item = Spoken<'s>>,
) -> BTreeMap<&'s str, Spoken<'s>> {
    let mut each = BTreeMap::new();
    for spoken in words {
        let first: &mut Spoken<'_> = each.entry(spoken.officer.name.as_str()).or_insert(spoken);
        if spoken.id < first.id {
            *first = spoken;
        }
    }
    each
}

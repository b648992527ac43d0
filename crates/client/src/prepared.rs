//! The one way to a spare: things are *prepared*, the keys of a group of them are *deposited* in one statement, and then each
//! thing is *finished*. What is deposited, and what finishing is, is theirs who prepare:
//!
//! | | prepared | finished |
//! |---|---|---|
//! | [`encrypt`](crate::encrypt) | a key, and the header that it is in | the payload is written without a name, then the file appears |
//! | [`capi::encrypt`](crate::capi::encrypt) | the whole file without a name, whose digest is deposited | it appears |
//! | [`protect`](crate::protect) | the key of a file that is there, and the header that is to say so | that header is put in place |
//! | [`capi::protect`](crate::capi::protect) | the key of a file that is there | nothing is left to do |
//! | [`secret`](crate::secret) | a key, and the secret under it, which rides along | nothing is left to do |
//!
//! **The order of writes.** Nothing that is to last is encrypted with a key before the authority's receipt for it is verified, and
//! receipt, statement and what this home saw of it are in the home, in one transaction. A crash before that leaves nothing; a
//! crash after it deposits that no file names, of one group at most and of the files that have no name yet, and files as they were or done.
//! From then on it is the order of those who finish: `crate::unseen`, `crate::replace`.
//!
//! A SIMPLEBLOB is no draft of a key: it is sealed otherwise, alone, and nothing is finished. It shares
//! `Client::submit_deposit` ([`simple_blob`](crate::simple_blob)).

use std::collections::{BTreeMap, HashMap};

use strongroom_protocol::id::{AuthorityId, Digest, Serial, Time};
use strongroom_protocol::receipt::DepositState;
use strongroom_protocol::statement::{Deposit, Draft, SignedStatement};

use crate::client::Client;
use crate::home::{Check, Matched, Observations};
use crate::mark::FileMark;
use crate::spare::DepositError;

/// The authority's word on one key that it keeps, from a receipt that is verified and in the home.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Confirmation {
    /// The authority.
    pub authority: AuthorityId,
    /// The deposit's serial number there.
    pub serial: Serial,
    /// What the authority said of it.
    pub state: DepositState,
    /// When, by the authority's clock.
    pub time: Time,
}

/// Things that only wait for the deposit of their keys.
pub(crate) struct Prepared<T> {
    things: Vec<(Serial, T)>,
    drafts: Vec<Draft>,
    // What holds once the keys are deposited.
    matched: Vec<Matched>,
    marks: Vec<FileMark>,
    checks: Vec<(Serial, Check)>,
    /// The serials of drafts that more things may share, by what such things have in common.
    pub(crate) shared: HashMap<Digest, Serial>,
}

impl<T> Prepared<T> {
    pub(crate) fn new() -> Self {
        Self {
            things: Vec::new(),
            drafts: Vec::new(),
            matched: Vec::new(),
            marks: Vec::new(),
            checks: Vec::new(),
            shared: HashMap::new(),
        }
    }

    /// Adds a key that is to be deposited. Things [wait](Self::wait) for it by its serial.
    pub(crate) fn draft(&mut self, draft: Draft) {
        self.drafts.push(draft);
    }

    /// Adds a thing whose key is in the draft of this serial, with the header that will match it.
    pub(crate) fn wait(&mut self, serial: Serial, matched: Matched, thing: T) {
        self.things.push((serial, thing));
        self.matched.push(matched);
    }

    /// Adds the mark that a file has, or will have.
    pub(crate) fn mark(&mut self, mark: FileMark) {
        self.marks.push(mark);
    }

    /// Adds the check that a secret passed.
    pub(crate) fn check(&mut self, serial: Serial, check: Check) {
        self.checks.push((serial, check));
    }

    /// How many things wait.
    pub(crate) fn len(&self) -> usize {
        self.things.len()
    }
}

impl Client<'_> {
    /// Deposits the keys of 1 to [`Self::SPARES_MAX`] drafts in one statement. Returns the things, each with what the authority said
    /// of its key.
    pub(crate) fn deposit_prepared<T>(
        &mut self,
        prepared: Prepared<T>,
    ) -> Result<Vec<(T, Confirmation)>, DepositError> {
        self.check_enrolled()?;
        let founding = self.connection.founding();
        let deposit = Deposit::seal(
            founding.authority(),
            &founding.found().wrap_key,
            self.membership.owner,
            &prepared.drafts,
            &mut self.rng,
        )?;
        let observed = Observations {
            matched: &prepared.matched,
            marks: &prepared.marks,
            checks: &prepared.checks,
        };
        let said = self.submit_deposit(deposit, observed)?;
        let said: BTreeMap<Serial, Confirmation> =
            said.into_iter().map(|said| (said.serial, said)).collect();
        let things = prepared.things.into_iter();
        Ok(things
            .filter_map(|(serial, thing)| Some((thing, *said.get(&serial)?)))
            .collect())
    }

    /// Signs and submits a deposit of this owner's. Returns what the authority said of each key, in their order: it keeps all.
    ///
    /// When this returns, the receipt is verified; it, the statement and what was `observed` are in the home.
    pub(crate) fn submit_deposit(
        &mut self,
        deposit: Deposit,
        observed: Observations<'_>,
    ) -> Result<Vec<Confirmation>, DepositError> {
        let device = self.home.device_key()?;
        let authority = deposit.authority();
        let serials: Vec<Serial> = deposit.keys().iter().map(|key| key.label.serial).collect();
        let statement = SignedStatement::sign(deposit, &device);
        let entry = self.connection.submit(statement)?;
        let said = &entry.acknowledgement;
        if let Some(refused) = said.states().iter().find(|state| !state.is_kept()) {
            // That it was refused is in the log, and so in the home; what would match it is not.
            self.record(&entry, Observations::default())?;
            return Err(DepositError::NotKept { state: *refused });
        }
        self.record(&entry, observed)?;
        let states = serials.into_iter().zip(said.states());
        Ok(states
            .map(|(serial, state)| Confirmation {
                authority,
                serial,
                state: *state,
                time: said.time(),
            })
            .collect())
    }
}

//! Asking the authority to show that it has deposits: its word that it kept them is as old as the last time it was asked.

use std::collections::BTreeMap;

use strongroom_protocol::cores::on_all_cores;
use strongroom_protocol::id::{Digest, Serial};
use strongroom_protocol::{Challenge, Possession, PossessionProof};

use crate::client::Client;
use crate::connection::ExchangeError;
use crate::home::DepositEntry;
use crate::status::FileStatus;

impl Client<'_> {
    /// Has the authority show the deposits that files were found to rest on, and says of each file what follows. `watch` is
    /// told how many it has shown, and of how many.
    ///
    /// It shows bytes that only who has the entry can hash with what is made up here, and where it finds them. Nothing is
    /// written by it, here or there.
    ///
    /// # Errors
    ///
    /// The authority can't be asked, or does not answer what it was asked.
    pub fn confirm<'s>(
        &mut self,
        files: impl IntoIterator<Item = &'s mut FileStatus>,
        watch: &mut dyn FnMut(u64, u64),
    ) -> Result<(), ExchangeError> {
        let mut unasked: BTreeMap<Serial, Vec<&mut FileStatus>> = BTreeMap::new();
        for file in files {
            if let Some((serial, _)) = file.unasked {
                unasked.entry(serial).or_default().push(file);
            }
        }
        let mut entries = Vec::new();
        {
            let _at_once = self.home.snapshot()?;
            for serial in unasked.keys() {
                entries.extend(self.home.deposit_entry(*serial)?);
            }
        }
        // Deposits of one statement are asked about together, which is read once for all.
        entries.sort_unstable_by_key(|entry| (entry.index, entry.place));
        let total = entries.len() as u64;
        let mut asked = 0;
        for entries in entries.chunks(ASKED_AT_ONCE) {
            for (entry, is_there) in entries.iter().zip(self.has(entries)?) {
                let files = unasked.get_mut(&entry.serial).into_iter().flatten();
                files.for_each(|file| file.answer(is_there));
            }
            asked += entries.len() as u64;
            watch(asked, total);
        }
        Ok(())
    }

    /// Asks whether the authority has deposits, several questions at a time: to answer, it reads and hashes whole entries.
    fn has(&mut self, entries: &[DepositEntry]) -> Result<Vec<bool>, ExchangeError> {
        let questions: Vec<(Challenge, Vec<Serial>)> = entries
            .chunks(Possession::DEPOSITS_MAX)
            .map(|entries| {
                let serials = entries.iter().map(|entry| entry.serial).collect();
                (Challenge::generate(&mut self.rng), serials)
            })
            .collect();
        let (authority, owner) = (self.connection.authority(), self.membership.owner);
        let shown = on_all_cores(&questions, |(challenge, serials)| {
            authority.prove_possession(owner, challenge, serials)
        });
        let mut answers = Vec::with_capacity(entries.len());
        let asked = entries.chunks(Possession::DEPOSITS_MAX).zip(&questions);
        for ((entries, (challenge, _)), shown) in asked.zip(shown) {
            self.compare_shown(entries, challenge, shown?, &mut answers)?;
        }
        Ok(answers)
    }

    /// Holds what the authority showed against what this home has of the entries.
    fn compare_shown(
        &self,
        entries: &[DepositEntry],
        challenge: &Challenge,
        shown: Possession,
        answers: &mut Vec<bool>,
    ) -> Result<(), ExchangeError> {
        if shown.proofs.len() != entries.len() {
            return Err(ExchangeError::Possession);
        }
        let mut hashes: BTreeMap<u64, Digest> = BTreeMap::new();
        for (entry, shown) in entries.iter().zip(shown.proofs) {
            let hash = match hashes.get(&entry.index) {
                Some(hash) => *hash,
                None => {
                    let (statement, receipt) = self.home.statement_bytes(entry.statement)?;
                    let hash = receipt.challenged(&statement, challenge)?;
                    hashes.insert(entry.index, hash);
                    hash
                }
            };
            let right = PossessionProof {
                entry: entry.index,
                place: entry.place,
                hash,
            };
            answers.push(shown == Some(right));
        }
        Ok(())
    }
}

/// How many deposits are asked about at once: questions enough for some cores, with answers that take little memory.
const ASKED_AT_ONCE: usize = 16 * Possession::DEPOSITS_MAX;

//! A log that says anything, and an authority that shows it with receipts that hold: it has its own key. And homes of the
//! cast's owner, who reads it.

use std::path::PathBuf;

use strongroom_client::Address;
use strongroom_client::home::Home;
use strongroom_protocol::id::{OwnerId, Serial, StatementId, Time};
use strongroom_protocol::log::{
    Checkpoint, ConsistencyProof, LeafSalt, NodeHash, SignedCheckpoint,
};
use strongroom_protocol::receipt::{Attestation, Outcome, Receipt, SignedAttestation};
use strongroom_protocol::statement::SignedStatement;
use strongroom_protocol::{
    About, Authority, Challenge, Holdings, Page, Possession, QueryError, Recorded, ReleaseError,
    ReleasePage, Select, SubjectView, SubmitError,
};
use tempfile::TempDir;

use crate::cast::{DEVICE, cast};
use crate::{tree, world};

#[derive(Default)]
pub(crate) struct Log {
    pub(crate) entries: Vec<Entry>,
    leaves: Vec<NodeHash>,
    /// Which it says that it can't read.
    pub(crate) damaged: Vec<u64>,
}

pub(crate) struct Entry {
    pub(crate) statement: SignedStatement,
    pub(crate) attestation: SignedAttestation,
}

const SALT: LeafSalt = LeafSalt::from_bytes([7; 32]);

impl Log {
    /// Adds what became of a statement.
    pub(crate) fn push(&mut self, statement: SignedStatement, outcome: Outcome, time: Time) {
        let attestation = Attestation {
            authority: cast().authority(),
            statement: statement.id(),
            outcome,
            time,
        };
        let attestation = SignedAttestation::sign(attestation, cast().log_key());
        self.leaves
            .push(attestation.leaf(statement.kind(), &SALT).hash());
        self.entries.push(Entry {
            statement,
            attestation,
        });
    }

    /// Returns an entry, proved in the first `size`.
    pub(crate) fn recorded(&self, index: usize, size: usize) -> Recorded {
        let Entry {
            statement,
            attestation,
        } = &self.entries[index];
        let inclusion = tree::inclusion(index, &self.leaves[..size]);
        let (index, checkpoint) = (index as u64, self.checkpoint(size));
        Recorded {
            statement: statement.clone(),
            receipt: Receipt::new(SALT, attestation, index, inclusion, &checkpoint),
        }
    }

    fn checkpoint(&self, size: usize) -> SignedCheckpoint {
        let head = Checkpoint {
            authority: cast().authority(),
            size: size as u64,
            root: tree::root(&self.leaves[..size]),
        };
        head.sign(cast().log_key())
    }
}

/// The log up to a size, as an authority shows it. It takes nothing.
pub(crate) struct Shown<'l> {
    pub(crate) log: &'l Log,
    pub(crate) size: usize,
    /// Where in the log what it says of every page of a release is: the decision, and the release.
    pub(crate) release: Option<(usize, usize)>,
}

impl Authority for Shown<'_> {
    fn about(&self) -> Result<About, QueryError> {
        Ok(About {
            founding: cast().founding.clone(),
            policy: None,
            rsa_key: None,
        })
    }

    fn submit(&self, _: &SignedStatement) -> Result<Receipt, SubmitError> {
        panic!("whoever only looks submits nothing");
    }

    fn entries(&self, _: Select, from: u64) -> Result<Page<Recorded>, QueryError> {
        let from = usize::try_from(from).unwrap();
        let is_damaged = |index: &usize| self.log.damaged.contains(&(*index as u64));
        let (damaged, shown): (Vec<usize>, Vec<usize>) = (from..self.size).partition(is_damaged);
        let shown = shown.into_iter();
        Ok(Page {
            items: shown
                .map(|index| self.log.recorded(index, self.size))
                .collect(),
            damaged: damaged.into_iter().map(|index| index as u64).collect(),
            next: self.size as u64,
        })
    }

    fn subject(&self, _: StatementId) -> Result<SubjectView, QueryError> {
        Err(QueryError::NotFound)
    }

    fn holdings(&self, _: OwnerId) -> Result<Holdings, QueryError> {
        Err(QueryError::NotFound)
    }

    fn release(&self, _: StatementId, _: u64) -> Result<ReleasePage, ReleaseError> {
        let (decision, release) = self.release.ok_or(QueryError::NotFound)?;
        let [decision, release] =
            [decision, release].map(|index| self.log.recorded(index, self.size));
        Ok(ReleasePage { decision, release })
    }

    fn checkpoint(&self) -> Result<SignedCheckpoint, QueryError> {
        Ok(self.log.checkpoint(self.size))
    }

    fn consistency(&self, old: u64, new: u64) -> Result<ConsistencyProof, QueryError> {
        let [old, new] = [old, new].map(|size| usize::try_from(size).unwrap());
        Ok(tree::consistency(old, &self.log.leaves[..new]))
    }

    fn leaves(&self, _: u64) -> Result<Page<Vec<u8>>, QueryError> {
        Err(QueryError::NotFound)
    }

    fn prove_possession(
        &self,
        _: OwnerId,
        _: &Challenge,
        _: &[Serial],
    ) -> Result<Possession, QueryError> {
        Err(QueryError::NotFound)
    }

    fn mend(&self, _: &[Recorded]) -> Result<u64, QueryError> {
        panic!("whoever only looks gives nothing back");
    }
}

/// A home of the owner's that has read nothing yet, and copies of it.
pub(crate) struct Homes {
    folder: TempDir,
}

impl Homes {
    /// Makes a home, and lets `change` it.
    pub(crate) fn new(change: impl FnOnce(&mut Home)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut home = Home::create(&folder.path().join("new")).unwrap();
        let device = home.ensure_device_key(&mut Fill(4)).unwrap();
        assert_eq!(device.expose_seed(), cast().keys[DEVICE].expose_seed());
        let nowhere = Address::Folder(PathBuf::from("/nowhere"));
        home.join(&nowhere, &cast().founding, cast().owner, true)
            .unwrap();
        change(&mut home);
        Self { folder }
    }

    pub(crate) fn copy(&self, name: &str) -> PathBuf {
        let copy = self.folder.path().join(name);
        let _ = std::fs::remove_dir_all(&copy);
        world::copy_folder(&self.folder.path().join("new"), &copy);
        copy
    }
}

/// A source of one byte.
struct Fill(u8);

impl rand_core::TryRng for Fill {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok(u32::from_be_bytes([self.0; 4]))
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Ok(u64::from_be_bytes([self.0; 8]))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        bytes.fill(self.0);
        Ok(())
    }
}

impl rand_core::TryCryptoRng for Fill {}

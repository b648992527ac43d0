//! What a home can say of the log's entries: what each of the owner's records, by the replica; the log itself names nobody.

use std::collections::BTreeMap;

use strongroom_protocol::id::{Digest, OwnerId, Time};
use strongroom_protocol::keys::VerifyingKey;
use strongroom_protocol::policy::{Policy, SubjectState};
use strongroom_protocol::statement::{
    Approval, DeviceName, DeviceWord, Grounds, Release, Request, Scope, Statement, Verdict, Word,
};

use crate::client::Client;
use crate::home::{DeviceId, EntryContent, Home, HomeError};

/// What an entry records.
#[derive(Clone, Debug)]
pub enum Act {
    /// An officer said something of a request or of a change.
    Approval {
        /// What.
        word: Word,
        /// The officer's key.
        by: VerifyingKey,
        /// The officer's name in the policy that they named, where this home is shown it.
        officer: Option<String>,
        /// Why.
        grounds: Grounds,
    },
    /// The authority opened deposits, to see whether they match.
    Checked,
    /// The authority decided.
    Decision {
        /// How.
        verdict: Verdict,
        /// What it decided on.
        on: DecidedOn,
        /// The device that it made the owner's.
        device: Option<DeviceId>,
    },
    /// A device of the owner's deposited.
    Deposit {
        /// How many keys that are kept.
        keys: u64,
        /// Which device.
        by: DeviceId,
    },
    /// A device of the owner's made an invitation.
    DeviceInvited {
        /// The invitation's key.
        invitation: DeviceId,
        /// When it ends.
        until: Time,
        /// Which device made it.
        by: DeviceId,
    },
    /// A device joined by an invitation.
    DeviceJoined {
        /// Which.
        device: DeviceId,
        /// The invitation's key.
        invitation: DeviceId,
    },
    /// A device of the owner's named one.
    DeviceNamed {
        /// Which.
        device: DeviceId,
        /// What it is called from then on.
        name: DeviceName,
        /// Which said so.
        by: DeviceId,
    },
    /// A device of the owner's revoked one.
    DeviceRevoked {
        /// Which.
        device: DeviceId,
        /// Which said so.
        by: DeviceId,
    },
    /// This owner was enrolled.
    Enroll,
    /// Somebody showed a recovery code for a request or a change.
    Evidence,
    /// The authority was founded.
    Found,
    /// A device of the owner's said which SIMPLEBLOB a file has.
    OwnBlob {
        /// Which device.
        by: DeviceId,
    },
    /// Somebody asked that the policy be changed.
    PolicyChange {
        /// Why.
        grounds: Grounds,
        /// Where it stands.
        state: SubjectState,
    },
    /// The authority released keys.
    Release {
        /// How many.
        keys: usize,
        /// Whether they came to this home.
        is_ours: bool,
    },
    /// Somebody asked for keys.
    Request {
        /// Which device.
        by: DeviceId,
        /// Whether this home did.
        is_ours: bool,
        /// Whose keys.
        owner: OwnerId,
        /// How many, where they are named one by one.
        keys: Option<usize>,
        /// Why.
        grounds: Grounds,
        /// Where it stands.
        state: SubjectState,
    },
    /// The authority was put back from a backup.
    Restored,
    /// The authority made an RSA key.
    RsaKey,
    /// A device of the owner's vetoed a request.
    Veto {
        /// Which device.
        by: DeviceId,
        /// Why.
        grounds: Grounds,
    },
}

/// What a decision is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecidedOn {
    /// A change of the policy.
    Change,
    /// A request that this home made.
    OurRequest,
    /// A request that another device made.
    Request,
}

impl Client<'_> {
    /// Returns what this home knows of the log's entries, by their indexes.
    ///
    /// # Errors
    ///
    /// The home can't be read.
    pub fn history(&self) -> Result<BTreeMap<u64, Act>, HomeError> {
        let founding = self.connection.founding().found().policy.clone();
        let mut reading = Reading {
            home: self.home,
            device: self.home.device_id(),
            made: self.home.made_devices()?,
            policies: BTreeMap::from([(founding.digest(), founding)]),
            ours: BTreeMap::new(),
        };
        let mut acts = BTreeMap::new();
        // In the log's order: what a statement speaks of comes before it.
        self.home.each_entry::<HomeError>(&mut |entry, content| {
            let act = match content {
                EntryContent::Deposit { keys, by } => Some(Act::Deposit { keys, by }),
                EntryContent::Statement(signed) => {
                    reading.act(entry, signed.statement(), signed.author())?
                }
            };
            acts.extend(act.map(|act| (entry, act)));
            Ok(())
        })?;
        Ok(acts)
    }
}

/// What was read so far.
struct Reading<'h> {
    home: &'h Home,
    device: Option<DeviceId>,
    /// The owner's devices, by the entries that made them so.
    made: BTreeMap<u64, DeviceId>,
    policies: BTreeMap<Digest, Policy>,
    /// The requests, and whether this home made them.
    ours: BTreeMap<Digest, bool>,
}

impl Reading<'_> {
    fn act(
        &mut self,
        entry: u64,
        statement: &Statement,
        author: &VerifyingKey,
    ) -> Result<Option<Act>, HomeError> {
        let by = DeviceId::from(author);
        Ok(Some(match statement {
            Statement::Approval(approval) => self.approval(approval, author),
            Statement::Checked(_) => Act::Checked,
            Statement::Decision(decision) => Act::Decision {
                verdict: decision.verdict,
                on: match self.ours.get(&decision.request) {
                    Some(true) => DecidedOn::OurRequest,
                    Some(false) => DecidedOn::Request,
                    None => DecidedOn::Change,
                },
                device: self.made.get(&entry).copied(),
            },
            Statement::Device(said) => {
                let device = DeviceId::from(&said.device_key);
                match said.word.clone() {
                    DeviceWord::Invite { until } => Act::DeviceInvited {
                        invitation: device,
                        until,
                        by,
                    },
                    DeviceWord::Join(joining) => Act::DeviceJoined {
                        device,
                        invitation: DeviceId::from(&joining.invitation),
                    },
                    DeviceWord::Name(name) => Act::DeviceNamed { device, name, by },
                    DeviceWord::Revoke => Act::DeviceRevoked { device, by },
                }
            }
            Statement::Enroll(_) => Act::Enroll,
            Statement::Evidence(_) => Act::Evidence,
            Statement::Found(_) => Act::Found,
            Statement::OwnBlob(_) => Act::OwnBlob { by },
            Statement::PolicyChange(change) => {
                self.policies
                    .insert(change.policy.digest(), change.policy.clone());
                Act::PolicyChange {
                    grounds: change.grounds.clone(),
                    state: self.home.subject_state(change.digest())?,
                }
            }
            Statement::Release(release) => self.release(release),
            Statement::Request(request) => self.request(request)?,
            Statement::Restored(_) => Act::Restored,
            Statement::RsaKey(_) => Act::RsaKey,
            Statement::Veto(veto) => Act::Veto {
                by,
                grounds: veto.grounds.clone(),
            },
            Statement::Departed(_) | Statement::Deposit(_) | _ => return Ok(None),
        }))
    }

    fn approval(&self, approval: &Approval, author: &VerifyingKey) -> Act {
        let policy = self.policies.get(&approval.policy);
        Act::Approval {
            word: approval.word,
            by: *author,
            officer: policy
                .and_then(|policy| policy.officer(author))
                .map(|officer| officer.name.clone()),
            grounds: approval.grounds.clone(),
        }
    }

    fn request(&mut self, request: &Request) -> Result<Act, HomeError> {
        let by = DeviceId::from(&request.device_key);
        let is_ours = Some(by) == self.device;
        self.ours.insert(request.digest(), is_ours);
        Ok(Act::Request {
            by,
            is_ours,
            owner: request.owner,
            keys: match &request.scope {
                Scope::Everything { .. } => None,
                Scope::Serials(serials) => Some(serials.len()),
            },
            grounds: request.grounds.clone(),
            state: self.home.subject_state(request.digest())?,
        })
    }

    fn release(&self, release: &Release) -> Act {
        Act::Release {
            keys: release.keys().len(),
            is_ours: self.ours.get(&release.request()) == Some(&true),
        }
    }
}

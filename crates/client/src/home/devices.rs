//! Questions to the replica about the owner's devices: which there are, by what each became the owner's, what was said of it
//! since; and of which of these the owner was told.

use std::collections::BTreeMap;

use rusqlite::OptionalExtension;
use strongroom_protocol::id::{Digest, OwnerId, StatementId, Time};
use strongroom_protocol::keys::VerifyingKey;
use strongroom_protocol::statement::{
    Decision, Device, DeviceWord, Grounds, Kind, Request, SignedStatement, Statement, Verdict,
};

use super::{Home, HomeError, Membership, parse_statement};

/// Which device: the bytes of its key, by which devices are told apart. That they are a key was seen when they were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DeviceId([u8; VerifyingKey::BYTES]);

impl DeviceId {
    pub(super) const fn from_bytes(bytes: [u8; VerifyingKey::BYTES]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes of the key.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; VerifyingKey::BYTES] {
        &self.0
    }
}

impl From<&VerifyingKey> for DeviceId {
    fn from(key: &VerifyingKey) -> Self {
        Self(*key.as_bytes())
    }
}

/// A device that is the owner's by the log, or was.
#[derive(Clone, Debug)]
pub struct DeviceRecord {
    /// Which.
    pub id: DeviceId,
    /// What it is called: a claim, as all names are.
    pub name: Option<String>,
    /// Since when it is the owner's, by the authority's clock.
    pub since: Time,
    /// By what it became so.
    pub origin: Origin,
    /// That it is the owner's no more.
    pub revoked: Option<Revocation>,
}

/// By what a device became the owner's.
#[derive(Clone, Debug)]
pub enum Origin {
    /// The owner was enrolled with it.
    Enrolled,
    /// It was invited.
    Invited {
        /// By which device.
        by: DeviceId,
    },
    /// A request of it was approved.
    Recovered(Box<ApprovedRequest>),
}

impl DeviceRecord {
    /// Returns the request that made it the owner's, if one did.
    #[must_use]
    pub fn request(&self) -> Option<&ApprovedRequest> {
        match &self.origin {
            Origin::Enrolled | Origin::Invited { .. } => None,
            Origin::Recovered(request) => Some(request),
        }
    }
}

/// An invitation that no device has used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenInvitation {
    /// Its key.
    pub id: DeviceId,
    /// Which device made it.
    pub by: DeviceId,
    /// When, by the authority's clock.
    pub since: Time,
    /// When it ends, likewise.
    pub until: Time,
}

/// A request for the owner's keys that was approved.
#[derive(Clone, Debug)]
pub struct ApprovedRequest {
    /// The request's statement.
    pub id: StatementId,
    /// By which statements name it.
    pub digest: Digest,
    /// The key that asked.
    pub device: DeviceId,
    /// The other owner who asked, if one did.
    pub asker: Option<OwnerId>,
    /// Why, in the words of whoever asked.
    pub grounds: Grounds,
    /// When the authority recorded it.
    pub asked: Time,
    /// When it was approved.
    pub approved: Time,
    /// Whether the owner's recovery code was shown.
    pub by_code: bool,
    /// Which officers approved it, by their names in its policy.
    pub by_officers: Vec<String>,
    /// How many keys it is for.
    pub keys: u64,
    /// How many of these were released or withheld.
    pub answered: u64,
}

/// That a device is the owner's no more.
#[derive(Clone, Copy, Debug)]
pub struct Revocation {
    /// Since when, by the authority's clock.
    pub time: Time,
    /// Which device said so.
    pub by: DeviceId,
}

/// What others than this home came to have of the owner's, of which the owner was not told.
#[derive(Clone, Debug, Default)]
pub struct News {
    /// Devices that became the owner's.
    pub devices: Vec<DeviceRecord>,
    /// Requests for the owner's keys that were approved, and that made none of those devices the owner's.
    pub requests: Vec<ApprovedRequest>,
    /// How many statements in the owner's name this home's own device signed that this home did not make, where that became
    /// more: by a copy of it, by itself before a backup of it was put back, or when it was stopped before it could know.
    pub elsewhere: u64,
    /// All that it is about: keys of devices, digests of requests.
    about: Vec<[u8; 32]>,
}

impl News {
    /// Tells whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.devices.is_empty() && self.requests.is_empty() && self.elsewhere == 0
    }
}

/// The columns of a device: itself, the statement that made it the owner's, the one that revoked it.
const DEVICES: &str = "
    SELECT device.key, device.name, made.time, made.bytes, gone.time, gone.author
    FROM device
    JOIN statement AS made ON made.entry = device.entry
    LEFT JOIN statement AS gone ON gone.entry = device.revoked
    ORDER BY device.entry";

impl Home {
    /// Returns the owner's devices, in the order in which they became the owner's; those that were revoked, too.
    ///
    /// # Errors
    ///
    /// The home can't be read.
    pub fn devices(&self) -> Result<Vec<DeviceRecord>, HomeError> {
        let mut rows = self.database.prepare(DEVICES)?;
        let rows = rows.query_map((), |row| {
            let revoked = match (row.get::<_, Option<i64>>(4)?, row.get(5)?) {
                (Some(time), Some(by)) => Some(Revocation {
                    time: Time::from_millis(time.cast_unsigned()),
                    by: DeviceId(by),
                }),
                _ => None,
            };
            let since = Time::from_millis(row.get::<_, i64>(2)?.cast_unsigned());
            let made: Vec<u8> = row.get(3)?;
            Ok((DeviceId(row.get(0)?), row.get(1)?, since, made, revoked))
        })?;
        rows.map(|row| {
            let (id, name, since, made, revoked) = row?;
            let made = parse_statement(&made)?;
            let origin = if let Statement::Decision(decision) = made.statement() {
                Origin::Recovered(Box::new(self.approved_request(decision, since)?))
            } else if let Statement::Device(device) = made.statement()
                && let DeviceWord::Join(joining) = &device.word
            {
                let by = self.inviter(&joining.invitation)?;
                // Until the log was read up to there, it is known by its own word alone.
                by.map_or(Origin::Enrolled, |by| Origin::Invited { by })
            } else {
                Origin::Enrolled
            };
            Ok(DeviceRecord {
                id,
                name,
                since,
                origin,
                revoked,
            })
        })
        .collect()
    }

    fn inviter(&self, invitation: &VerifyingKey) -> Result<Option<DeviceId>, HomeError> {
        let inviter = self
            .database
            .prepare_cached("SELECT inviter FROM invitation WHERE key = ?1")?
            .query_row((invitation.as_bytes(),), |row| row.get(0).map(DeviceId))
            .optional()?;
        Ok(inviter)
    }

    /// Returns the invitations that a device can join by still, as of `now`, in the order in which they were made.
    ///
    /// # Errors
    ///
    /// The home can't be read.
    pub fn open_invitations(&self, now: Time) -> Result<Vec<OpenInvitation>, HomeError> {
        let mut rows = self.database.prepare(
            "SELECT invitation.key, inviter, statement.time, until
             FROM invitation
             JOIN statement ON statement.entry = invitation.entry
             JOIN device ON device.key = inviter
             WHERE invitation.revoked IS NULL AND device.revoked IS NULL AND until >= ?1
                 AND invitation.key NOT IN (SELECT invitation FROM device WHERE invitation IS NOT NULL)
             ORDER BY invitation.entry",
        )?;
        let rows = rows.query_map((now.as_millis().cast_signed(),), |row| {
            let time = |place| {
                row.get::<_, i64>(place)
                    .map(|time| Time::from_millis(time.cast_unsigned()))
            };
            Ok(OpenInvitation {
                id: DeviceId(row.get(0)?),
                by: DeviceId(row.get(1)?),
                since: time(2)?,
                until: time(3)?,
            })
        })?;
        Ok(rows.collect::<Result<_, rusqlite::Error>>()?)
    }

    /// Returns when each device deposited last.
    ///
    /// # Errors
    ///
    /// The home can't be read.
    pub fn last_deposits(&self) -> Result<BTreeMap<DeviceId, Time>, HomeError> {
        let mut rows = self.database.prepare(
            "SELECT author, max(first) FROM statement WHERE kind = ?1 AND entry IS NOT NULL
             GROUP BY author",
        )?;
        let rows = rows.query_map((Kind::Deposit.code().cast_signed(),), |row| {
            let time = row.get::<_, i64>(1)?.cast_unsigned();
            Ok((DeviceId(row.get(0)?), Time::from_millis(time)))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Returns the owner's devices by the entries that made them so.
    pub(crate) fn made_devices(&self) -> Result<BTreeMap<u64, DeviceId>, HomeError> {
        let mut rows = self.database.prepare("SELECT entry, key FROM device")?;
        let rows = rows.query_map((), |row| {
            Ok((row.get::<_, i64>(0)?.cast_unsigned(), DeviceId(row.get(1)?)))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Counts the deposit statements that the log has by other devices than this home's.
    pub(crate) fn deposits_by_others(&self) -> Result<u64, HomeError> {
        let ours = self.device_id();
        let count: i64 = self.database.query_row(
            "SELECT count(*) FROM statement
             WHERE kind = ?1 AND entry IS NOT NULL AND author IS NOT ?2",
            (
                Kind::Deposit.code().cast_signed(),
                ours.as_ref().map(DeviceId::as_bytes),
            ),
            |row| row.get(0),
        )?;
        Ok(count.cast_unsigned())
    }

    /// Tells whether a word on a device that the log has lost says nothing any more: what made the device the owner's was
    /// lost, too, and can't be sent, so that there is nothing to name or to revoke; or it was given another name since, of which
    /// this one would take the place if it were sent now; or the invitation has ended, and whoever joined by it is the owner's
    /// otherwise, or no more.
    pub(crate) fn is_moot(
        &self,
        id: StatementId,
        lost: &Device,
        now: Time,
    ) -> Result<bool, HomeError> {
        let key = lost.device_key.as_bytes();
        let is_in = |sql, key: &[u8; VerifyingKey::BYTES]| {
            Ok::<_, HomeError>(self.database.prepare_cached(sql)?.exists((key,))?)
        };
        let is_device = is_in("SELECT 1 FROM device WHERE key = ?1", key)?;
        let is_invited =
            |key: &VerifyingKey| is_in("SELECT 1 FROM invitation WHERE key = ?1", key.as_bytes());
        match &lost.word {
            DeviceWord::Invite { until } => {
                return Ok(*until < now || is_invited(&lost.device_key)?);
            }
            // It was sent again before, if it could be.
            DeviceWord::Join(joining) => {
                return Ok(is_device || !is_invited(&joining.invitation)?);
            }
            DeviceWord::Revoke => return Ok(!is_device && !is_invited(&lost.device_key)?),
            DeviceWord::Name(_) if !is_device => return Ok(true),
            DeviceWord::Name(_) => {}
        }
        let mut later = self.database.prepare_cached(
            "SELECT bytes FROM statement WHERE kind = ?1 AND entry IS NOT NULL
                 AND number > (SELECT number FROM statement WHERE id = ?2)",
        )?;
        let kind = Kind::Device.code().cast_signed();
        let later = later.query_map((kind, id.as_bytes()), |row| row.get::<_, Vec<u8>>(0))?;
        for bytes in later {
            if let Statement::Device(said) = parse_statement(&bytes?)?.statement()
                && said.device_key == lost.device_key
                && matches!(said.word, DeviceWord::Name(_))
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Tells whether a device is known to have been revoked.
    ///
    /// # Errors
    ///
    /// The home can't be read.
    pub fn is_revoked(&self, device: DeviceId) -> Result<bool, HomeError> {
        let mut revoked = self
            .database
            .prepare_cached("SELECT 1 FROM device WHERE key = ?1 AND revoked IS NOT NULL")?;
        Ok(revoked.exists((device.as_bytes(),))?)
    }

    /// Returns what others than this home, whose device is `ours`, came to have and the owner was not told of: devices, and
    /// keys by a request that was approved, whether or not they have left.
    pub(crate) fn news(
        &self,
        membership: &Membership,
        ours: Option<DeviceId>,
    ) -> Result<News, HomeError> {
        let ours = ours.as_ref().map(DeviceId::as_bytes);
        let keys = self.untold("SELECT key FROM device WHERE key IS NOT ?1", (ours,))?;
        let digests = self.untold(
            "SELECT digest FROM subject JOIN statement ON statement.number = subject.statement
             WHERE device IS NOT ?1 AND owner = ?2 AND verdict = ?3 AND id NOT IN (SELECT id FROM request)",
            (ours, membership.owner.as_bytes(), Verdict::Approved.as_str()),
        )?;
        let elsewhere = self.made_elsewhere(ours)?;
        if keys.is_empty() && digests.is_empty() {
            return Ok(News {
                elsewhere,
                ..News::default()
            });
        }
        let mut devices = self.devices()?;
        let made = |device: &DeviceRecord| Some(*device.request()?.digest.as_bytes());
        devices.retain(|device| keys.contains(device.id.as_bytes()));
        let of_devices: Vec<_> = devices.iter().filter_map(made).collect();
        let mut requests = self.approved_requests()?;
        requests.retain(|request| {
            let digest = request.digest.as_bytes();
            digests.contains(digest) && !of_devices.contains(digest)
        });
        Ok(News {
            devices,
            requests,
            elsewhere,
            about: [keys, digests].concat(),
        })
    }

    /// Counts what this home's device said in the owner's name that this home did not make, if that is more than was told.
    fn made_elsewhere(&self, ours: Option<&[u8; VerifyingKey::BYTES]>) -> Result<u64, HomeError> {
        let [deposit, own_blob, device] =
            [Kind::Deposit, Kind::OwnBlob, Kind::Device].map(|kind| kind.code().cast_signed());
        let count: i64 = self.database.query_row(
            "SELECT count(*) FROM statement
             WHERE author = ?1 AND own = 0 AND entry IS NOT NULL AND kind IN (?2, ?3, ?4)",
            (ours, deposit, own_blob, device),
            |row| row.get(0),
        )?;
        let told: Option<i64> = self
            .database
            .query_row("SELECT statements FROM told_elsewhere", (), |row| {
                row.get(0)
            })
            .optional()?;
        let is_more = count > told.unwrap_or(0);
        Ok(if is_more { count.cast_unsigned() } else { 0 })
    }

    /// Records that the owner was told.
    pub(crate) fn record_told(&mut self, news: &News) -> Result<(), HomeError> {
        let transaction = self.database.transaction()?;
        for about in &news.about {
            transaction.execute("INSERT OR IGNORE INTO told (about) VALUES (?1)", (about,))?;
        }
        if news.elsewhere > 0 {
            transaction.execute(
                "INSERT OR REPLACE INTO told_elsewhere (one, statements) VALUES (1, ?1)",
                (news.elsewhere.cast_signed(),),
            )?;
        }
        Ok(transaction.commit()?)
    }

    pub(super) fn record_told_of_device(&mut self, device: DeviceId) -> Result<(), HomeError> {
        self.record_told(&News {
            about: vec![*device.as_bytes()],
            ..News::default()
        })
    }

    fn untold(
        &self,
        sql: &str,
        parameters: impl rusqlite::Params,
    ) -> Result<Vec<[u8; 32]>, HomeError> {
        let sql = format!("{sql} EXCEPT SELECT about FROM told");
        let mut rows = self.database.prepare(&sql)?;
        let rows = rows.query_map(parameters, |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Returns all requests that were approved, by the decisions that say so, in the log's order.
    fn approved_requests(&self) -> Result<Vec<ApprovedRequest>, HomeError> {
        let mut rows = self.database.prepare(
            "SELECT bytes, time FROM statement WHERE kind = ?1 AND entry IS NOT NULL ORDER BY entry",
        )?;
        let kind = Kind::Decision.code().cast_signed();
        let rows = rows.query_map((kind,), |row| {
            Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, i64>(1)?))
        })?;
        let mut approved = Vec::new();
        for row in rows {
            let (bytes, time) = row?;
            let signed = parse_statement(&bytes)?;
            if let Statement::Decision(decision) = signed.statement()
                && decision.verdict == Verdict::Approved
                && self.is_request(decision.request)?
            {
                let time = Time::from_millis(time.cast_unsigned());
                approved.push(self.approved_request(decision, time)?);
            }
        }
        Ok(approved)
    }

    fn is_request(&self, digest: Digest) -> Result<bool, HomeError> {
        let mut request = self
            .database
            .prepare_cached("SELECT 1 FROM subject WHERE digest = ?1 AND owner IS NOT NULL")?;
        Ok(request.exists((digest.as_bytes(),))?)
    }

    /// Reads the request that was approved, and on whose words.
    fn approved_request(
        &self,
        decision: &Decision,
        approved: Time,
    ) -> Result<ApprovedRequest, HomeError> {
        let missing = || HomeError::Damaged { what: "request" };
        let row: Option<(Vec<u8>, i64, i64, i64)> = self
            .database
            .prepare_cached(
                "SELECT bytes, time, keys, answered
                 FROM subject JOIN statement ON statement.number = subject.statement
                 WHERE digest = ?1",
            )?
            .query_row((decision.request.as_bytes(),), |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
            })
            .optional()?;
        let (bytes, asked, keys, answered) = row.ok_or_else(missing)?;
        let signed = parse_statement(&bytes)?;
        let Statement::Request(request) = signed.statement() else {
            return Err(missing());
        };
        let request: &Request = request;
        let policy = self.policy_of(decision.policy)?;
        let mut by_officers = Vec::new();
        for id in &decision.approvals {
            let officer = self.word(*id)?;
            let officer = policy
                .as_ref()
                .zip(officer)
                .and_then(|(policy, said)| policy.officer(said.author()).cloned());
            by_officers.extend(officer.map(|officer| officer.name));
        }
        Ok(ApprovedRequest {
            id: signed.id(),
            digest: decision.request,
            device: DeviceId::from(&request.device_key),
            asker: decision.asker,
            grounds: request.grounds.clone(),
            asked: Time::from_millis(asked.cast_unsigned()),
            approved,
            by_code: !decision.evidence.is_empty(),
            by_officers,
            keys: keys.cast_unsigned(),
            answered: answered.cast_unsigned(),
        })
    }

    fn word(&self, id: StatementId) -> Result<Option<SignedStatement>, HomeError> {
        let bytes: Option<Vec<u8>> = self
            .database
            .prepare_cached("SELECT bytes FROM statement WHERE id = ?1")?
            .query_row((id.as_bytes(),), |row| row.get(0))
            .optional()?;
        bytes.as_deref().map(parse_statement).transpose()
    }
}

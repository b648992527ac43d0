//! The one table of labels: what each signature, seal, key and hash is for, so that none passes for another.
//! The same table, in prose, is `spec/labels.md`; a test compares them.

/// A label: ASCII, without a NUL, none the beginning of another followed by a NUL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label(&'static str);

impl Label {
    /// Signs the statement that founds an authority.
    pub const FOUND: Self = Self("strongroom/found/v1");
    /// Signs an owner's enrolment.
    pub const ENROLL: Self = Self("strongroom/enroll/v1");
    /// Signs deposits.
    pub const DEPOSIT: Self = Self("strongroom/deposit/v1");
    /// Signs a recovery request.
    pub const REQUEST: Self = Self("strongroom/request/v1");
    /// Signs evidence for a recovery request.
    pub const EVIDENCE: Self = Self("strongroom/evidence/v1");
    /// Signs an owner's veto of a recovery request.
    pub const VETO: Self = Self("strongroom/veto/v1");
    /// Signs an officer's word on a request or a change.
    pub const APPROVAL: Self = Self("strongroom/approval/v1");
    /// Signs an officer's word that an owner has departed.
    pub const DEPARTED: Self = Self("strongroom/departed/v1");
    /// Signs a change of the policy, and hashes it.
    pub const POLICY_CHANGE: Self = Self("strongroom/policy-change/v1");
    /// Signs the authority's decision on a recovery request.
    pub const DECISION: Self = Self("strongroom/decision/v1");
    /// Signs the authority's record of released wraps.
    pub const RELEASE: Self = Self("strongroom/release/v1");
    /// Signs that the authority was restored from a backup.
    pub const RESTORED: Self = Self("strongroom/restored/v1");
    /// Signs that the authority opened deposits again.
    pub const CHECKED: Self = Self("strongroom/checked/v1");
    /// Signs which blob a file has for its owner.
    pub const OWN_BLOB: Self = Self("strongroom/own-blob/v1");
    /// Signs an owner's word on a device: an invitation, that it joins, its name, or that it is revoked.
    pub const DEVICE: Self = Self("strongroom/device/v1");
    /// Signs, with the key of an invitation, which device joins.
    pub const HANDOVER: Self = Self("strongroom/handover/v1");
    /// Begins what an invitation holds.
    pub const INVITATION: Self = Self("strongroom/invitation/v1");
    /// Signs which RSA key SIMPLEBLOBs are wrapped to for the authority.
    pub const RSA_KEY: Self = Self("strongroom/rsa-key/v1");
    /// Signs what became of deposits: the receipt's attestation.
    pub const DEPOSITED: Self = Self("strongroom/deposited/v1");
    /// Signs that any other statement was recorded: the receipt's attestation.
    pub const RECORDED: Self = Self("strongroom/recorded/v1");
    /// Derives the commitment to a session key.
    pub const COMMITMENT: Self = Self("strongroom/commitment/v1");
    /// Derives the commitment to a SIMPLEBLOB whose key its depositor does not know.
    pub const BLOB_COMMITMENT: Self = Self("strongroom/blob-commitment/v1");
    /// Sets up the HPKE context of deposits.
    pub const DEPOSIT_SEAL: Self = Self("strongroom/deposit-seal/v1");
    /// Exports one deposit's key.
    pub const DEPOSIT_KEY: Self = Self("strongroom/deposit-key/v1");
    /// Sets up the HPKE context of a release.
    pub const RELEASE_SEAL: Self = Self("strongroom/release-seal/v1");
    /// Exports one released wrap's key.
    pub const RELEASE_KEY: Self = Self("strongroom/release-key/v1");
    /// Derives the recovery code's signing key.
    pub const CODE_KEY: Self = Self("strongroom/code-key/v1");
    /// Derives the key that an embedded authority's wrapping key is sealed with, from the recovery code.
    pub const CUSTODY_SEAL: Self = Self("strongroom/custody-seal/v1");
    /// Derives the key that the authority's RSA key is sealed with, from its wrapping key.
    pub const RSA_KEY_SEAL: Self = Self("strongroom/rsa-key-seal/v1");
    /// Begins a leaf of the log.
    pub const LEAF: Self = Self("strongroom/leaf/v1");
    /// Begins the salted hash in a leaf.
    pub const LEAF_SALT: Self = Self("strongroom/leaf-salt/v1");
    /// Hashes a wrapping key to its id.
    pub const WRAP_KEY: Self = Self("strongroom/wrap-key/v1");
    /// Hashes a policy to its digest.
    pub const POLICY: Self = Self("strongroom/policy/v1");
    /// Hashes the sorted serials of a request for everything.
    pub const SERIALS: Self = Self("strongroom/serials/v1");
    /// Hashes the number in a SIMPLEBLOB to what its deposit claims.
    pub const BLOB_CLAIM: Self = Self("strongroom/blob-claim/v1");

    /// Hashes an entry with a challenge, to show that it is there.
    pub const POSSESSION: Self = Self("strongroom/possession/v1");

    /// Signs what a replay of an authority's log came to, for that authority itself. A version that decides on other rows
    /// takes a label of its own, or it would go on from what this one left out.
    pub const REPLAY: Self = Self("strongroom/replay/v1");

    /// Every label there is.
    pub const ALL: &'static [Self] = &[
        Self::FOUND,
        Self::ENROLL,
        Self::DEPOSIT,
        Self::REQUEST,
        Self::EVIDENCE,
        Self::VETO,
        Self::APPROVAL,
        Self::DEPARTED,
        Self::POLICY_CHANGE,
        Self::DECISION,
        Self::RELEASE,
        Self::RESTORED,
        Self::CHECKED,
        Self::OWN_BLOB,
        Self::DEVICE,
        Self::HANDOVER,
        Self::INVITATION,
        Self::RSA_KEY,
        Self::DEPOSITED,
        Self::RECORDED,
        Self::COMMITMENT,
        Self::BLOB_COMMITMENT,
        Self::DEPOSIT_SEAL,
        Self::DEPOSIT_KEY,
        Self::RELEASE_SEAL,
        Self::RELEASE_KEY,
        Self::CODE_KEY,
        Self::CUSTODY_SEAL,
        Self::RSA_KEY_SEAL,
        Self::LEAF,
        Self::LEAF_SALT,
        Self::WRAP_KEY,
        Self::POLICY,
        Self::SERIALS,
        Self::BLOB_CLAIM,
        Self::POSSESSION,
        Self::REPLAY,
    ];

    /// Returns the label's text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0
    }

    /// Returns the label's bytes.
    #[must_use]
    pub const fn as_bytes(self) -> &'static [u8] {
        self.0.as_bytes()
    }

    /// Returns `label ‖ 00 ‖ bytes`, which is what is signed.
    #[must_use]
    pub fn prefix(self, bytes: &[u8]) -> Vec<u8> {
        [self.as_bytes(), &[0], bytes].concat()
    }
}

//! The indexes of SIMPLEBLOBs: who proved which, which one a file has now, and the RSA key they are wrapped to.

use strongroom_protocol::id::{Digest, OwnerId, Serial};

use super::Order;
use super::table::{Fields, Index, OWNER, SERIAL, last_entries, nothing, number, place};
use crate::store::{BlobClaimRow, Key, Snapshot, StoreError, Value, Writing};

impl Snapshot<'_> {
    /// Returns the deposits by which these blobs were proved first, one for each.
    pub(crate) fn blob_claims(
        &self,
        claims: &[Digest],
    ) -> Result<Vec<Option<BlobClaimRow>>, StoreError> {
        let keys: Vec<Key> = claims.iter().map(|claim| blob_claim(*claim)).collect();
        let row = |value: Value| {
            let mut fields = Fields::of(&value);
            let (entry, place) = (fields.number()?, fields.place()?);
            fields.end()?;
            Ok(BlobClaimRow { entry, place })
        };
        let found = self.get_many(&keys)?.into_iter();
        found.map(|value| value.map(row).transpose()).collect()
    }

    /// Returns the last entries that say which blob a deposit's file has, at most `limit`, the newest first.
    pub(crate) fn own_blobs(
        &self,
        owner: OwnerId,
        serial: Serial,
        limit: u64,
    ) -> Result<Vec<u64>, StoreError> {
        let span = Index::OwnBlob.span(&[owner.as_bytes(), serial.as_bytes()]);
        last_entries(&self.range(&span, Order::Backward, limit)?, OWNER + SERIAL)
    }

    /// Returns the entry of the authority's RSA key: the first counts.
    pub(crate) fn rsa_key(&self) -> Result<Option<u64>, StoreError> {
        let first = self.range(&Index::RsaKey.span(&[]), Order::Forward, 1)?;
        Ok(last_entries(&first, 0)?.pop())
    }
}

impl Writing<'_> {
    /// Who proved a blob first has it.
    pub(super) fn put_blob_claim(
        &self,
        claim: Digest,
        row: &BlobClaimRow,
    ) -> Result<(), StoreError> {
        let value = [&number(row.entry)[..], &place(row.place)?].concat();
        self.put_first(blob_claim(claim), value)
    }

    pub(super) fn put_own_blob(&self, owner: OwnerId, serial: Serial, entry: u64) {
        let fields: [&[u8]; 3] = [owner.as_bytes(), serial.as_bytes(), &number(entry)];
        self.put(Index::OwnBlob.key(&fields), nothing());
    }

    pub(super) fn put_rsa_key(&self, entry: u64) {
        self.put(Index::RsaKey.key(&[&number(entry)]), nothing());
    }
}

pub(super) fn blob_claim(claim: Digest) -> Key {
    Index::BlobClaim.key(&[claim.as_bytes()])
}

//! The indexes of SIMPLEBLOBs: who proved which, and the RSA key they are wrapped to.

use strongroom_protocol::id::Digest;

use super::Order;
use super::table::{Fields, Index, last_entries, nothing, number, place};
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

    pub(super) fn put_rsa_key(&self, entry: u64) {
        self.put(Index::RsaKey.key(&[&number(entry)]), nothing());
    }
}

pub(super) fn blob_claim(claim: Digest) -> Key {
    Index::BlobClaim.key(&[claim.as_bytes()])
}

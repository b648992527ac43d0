//! Reading the authority's whole log: that its entries are those of the checkpoint, and what they are.

use strongroom_protocol::id::Time;
use strongroom_protocol::log::{Frontier, Leaf, NodeHash, TreeError};
use strongroom_protocol::statement::Kind;
use strongroom_protocol::{Page, QueryError};

use crate::client::Client;
use crate::connection::ExchangeError;

/// An entry of the log, as everybody sees it: it names nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// Its index.
    pub index: u64,
    /// What kind of statement it records; none for a kind that this version does not know.
    pub kind: Option<Kind>,
    /// When, by the authority's clock.
    pub time: Time,
}

impl Client<'_> {
    /// Reads every entry of the log, and proves them to be those of the checkpoint that was verified when this client
    /// connected. `each` is called before that is proved: what it was told holds only if this returns.
    ///
    /// # Errors
    ///
    /// Says so when the entries are not those of the checkpoint.
    pub fn read_log(&self, each: &mut dyn FnMut(LogEntry)) -> Result<u64, ReadLogError> {
        let seen = self.home.seen().map_err(ExchangeError::from)?;
        let seen = seen.ok_or(ReadLogError::Differs)?;
        let checkpoint = seen.checkpoint();
        let mut frontier = Frontier::empty();
        while frontier.size() < checkpoint.size {
            let Page { items, .. } = self.connection.authority().leaves(frontier.size())?;
            if items.is_empty() {
                return Err(ReadLogError::Differs);
            }
            for bytes in items {
                if frontier.size() == checkpoint.size {
                    break;
                }
                let leaf = Leaf::from_bytes(&bytes).map_err(|_| ReadLogError::Differs)?;
                each(LogEntry {
                    index: frontier.size(),
                    kind: Kind::from_code(leaf.kind()),
                    time: leaf.time(),
                });
                frontier.append(NodeHash::of_leaf(&bytes))?;
            }
        }
        if frontier.root() != checkpoint.root {
            return Err(ReadLogError::Differs);
        }
        Ok(checkpoint.size)
    }
}

/// Why the log was not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadLogError {
    /// The entries are not those of the checkpoint.
    #[error("the log's entries are not those that its checkpoint was signed for")]
    Differs,
    /// What the authority says does not hold.
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
    /// A question got no answer.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The log is too long.
    #[error(transparent)]
    Tree(#[from] TreeError),
}

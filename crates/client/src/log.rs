//! Reading the authority's whole log: that its entries are those of the checkpoint, and what they are.

use strongroom_protocol::id::Time;
use strongroom_protocol::log::{Frontier, Leaf, NodeHash, TreeError};
use strongroom_protocol::statement::Kind;
use strongroom_protocol::{EndlessListing, QueryError, pages};

use crate::client::Client;
use crate::connection::Connection;

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
    /// Reads the whole log ([`Connection::read_log`]).
    ///
    /// # Errors
    ///
    /// As of that.
    pub fn read_log(&self, each: &mut dyn FnMut(LogEntry)) -> Result<u64, ReadLogError> {
        self.connection.read_log(each)
    }
}

impl Connection<'_> {
    /// Reads every entry of the log, and proves them to be those of the checkpoint that was verified last. `each` is called
    /// before that is proved: what it was told holds only if this returns.
    ///
    /// # Errors
    ///
    /// Says so when the entries are not those of the checkpoint.
    pub fn read_log(&self, each: &mut dyn FnMut(LogEntry)) -> Result<u64, ReadLogError> {
        let checkpoint = *self.seen().checkpoint();
        let mut frontier = Frontier::empty();
        let mut last = Time::from_millis(0);
        let authority = self.authority();
        for page in pages(0, checkpoint.size, |from| {
            authority.leaves(from).map_err(ReadLogError::from)
        }) {
            for bytes in page?.items {
                if frontier.size() == checkpoint.size {
                    break;
                }
                let leaf = Leaf::from_bytes(&bytes).map_err(|_| ReadLogError::Differs)?;
                let index = frontier.size();
                // Time goes forward: of a clock that was put back nothing that waits can be told.
                if leaf.time() < last {
                    return Err(ReadLogError::Time { index });
                }
                last = leaf.time();
                each(LogEntry {
                    index,
                    kind: Kind::from_code(leaf.kind()),
                    time: leaf.time(),
                });
                frontier.append(NodeHash::of_leaf(&bytes))?;
            }
        }
        if frontier.size() != checkpoint.size || frontier.root() != checkpoint.root {
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
    /// The listing does not come to an end.
    #[error(transparent)]
    Endless(#[from] EndlessListing),
    /// A question got no answer.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// An entry is earlier than one before it.
    #[error(
        "entry {index} of the log is earlier than one before it: the authority's clock was put back"
    )]
    Time {
        /// Its index.
        index: u64,
    },
    /// The log is too long.
    #[error(transparent)]
    Tree(#[from] TreeError),
}

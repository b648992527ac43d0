//! Listings as a client reads them: walked to their end, with every receipt verified, all of a page in one checkpoint.

use strongroom_protocol::id::{Digest, OwnerId, Serial, StatementId, Time};
use strongroom_protocol::policy::Subject;
use strongroom_protocol::receipt::{Acknowledgement, DepositState};
use strongroom_protocol::statement::{DepositLabel, Particulars, SignedStatement, Statement};
use strongroom_protocol::{Authority, EndlessListing, Page, QueryError, Recorded, Select, pages};

/// An entry of a listing, verified.
pub struct ListedEntry {
    /// The statement.
    pub statement: SignedStatement,
    /// What its receipt says.
    pub receipt: Acknowledgement,
}

/// A deposit that is kept, as its owner's listing shows it.
pub struct ListedDeposit {
    /// What it is.
    pub label: DepositLabel,
    /// What was said of it.
    pub particulars: Particulars,
    /// What became of it.
    pub state: DepositState,
    /// When it was recorded.
    pub time: Time,
    /// The statement that it came in.
    pub statement: StatementId,
}

/// Why a listing was not read to its end.
#[derive(Debug)]
pub enum ListingError {
    /// Its pages do not lead there.
    Endless(EndlessListing),
    /// The authority has no such listing, or does not answer.
    Query(QueryError),
}

impl From<EndlessListing> for ListingError {
    fn from(error: EndlessListing) -> Self {
        Self::Endless(error)
    }
}

impl From<QueryError> for ListingError {
    fn from(error: QueryError) -> Self {
        Self::Query(error)
    }
}

/// Reads a listing from its beginning to its end.
///
/// # Errors
///
/// The authority does not answer, or its pages do not lead to the end.
pub fn list(authority: &dyn Authority, select: Select) -> Result<Vec<ListedEntry>, ListingError> {
    let log_key = authority.about()?.found().log_key;
    let size = authority.checkpoint()?.checkpoint().size;
    let fetch = |from| Ok(authority.entries(select, from)?);
    let mut listed = Vec::new();
    for page in pages(0, size, fetch) {
        let page: Page<Recorded> = page.map_err(|error: ListingError| error)?;
        listed.extend(page.items.into_iter().map(|item| verified(item, &log_key)));
    }
    Ok(listed)
}

fn verified(recorded: Recorded, log_key: &strongroom_protocol::keys::VerifyingKey) -> ListedEntry {
    let Recorded { statement, receipt } = recorded;
    let receipt = receipt.verify(&statement, log_key).unwrap();
    ListedEntry { statement, receipt }
}

/// Returns the deposits of an owner's that are kept, in the log's order.
pub fn deposits(authority: &dyn Authority, owner: OwnerId) -> Vec<ListedDeposit> {
    let mut deposits = Vec::new();
    for entry in list(authority, Select::Owner(owner)).unwrap() {
        let Statement::Deposit(deposit) = entry.statement.statement() else {
            continue;
        };
        assert_eq!(deposit.owner(), owner);
        for (key, state) in deposit.keys().iter().zip(entry.receipt.states()) {
            if state.is_kept() {
                deposits.push(ListedDeposit {
                    label: key.label,
                    particulars: key.particulars.clone(),
                    state: *state,
                    time: entry.receipt.time(),
                    statement: entry.statement.id(),
                });
            }
        }
    }
    deposits
}

/// Returns which blobs the file of a deposit had, by its owner's statements, the newest first.
pub fn own_blobs(authority: &dyn Authority, owner: OwnerId, serial: Serial) -> Vec<Digest> {
    let mut blobs = Vec::new();
    for entry in list(authority, Select::Owner(owner)).unwrap() {
        match entry.statement.statement() {
            Statement::Deposit(deposit) => {
                let mut keys = deposit.keys().iter();
                let key = keys.find(|key| key.label.serial == serial);
                blobs.extend(key.and_then(|key| key.particulars.own_blob()));
            }
            Statement::OwnBlob(own) if own.serial == serial => blobs.push(own.digest),
            _ => {}
        }
    }
    blobs.reverse();
    blobs
}

/// Returns the statements of a listing, in the log's order.
pub fn listed(authority: &dyn Authority, select: Select) -> Vec<StatementId> {
    let entries = list(authority, select).unwrap().into_iter();
    entries.map(|entry| entry.statement.id()).collect()
}

/// Looks at a request or a change, and puts it together from what it is shown by, as a client does.
///
/// # Errors
///
/// It is not there for this caller, or the authority does not answer.
pub fn look(authority: &dyn Authority, asked: StatementId) -> Result<Subject, QueryError> {
    let log_key = authority.about()?.found().log_key;
    let view = authority.subject(asked)?;
    let verify = |recorded: &Recorded| {
        recorded
            .receipt
            .verify(&recorded.statement, &log_key)
            .unwrap()
    };
    let acknowledged = verify(&view.asked);
    assert_eq!(view.asked.statement.id(), asked);
    let decision = view.decision.as_ref().map(|recorded| {
        assert_eq!(*recorded.statement.author(), log_key);
        verify(recorded)
    });
    Ok(view.into_subject(&acknowledged, decision.as_ref()).unwrap())
}

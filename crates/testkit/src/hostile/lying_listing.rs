//! Listings that lie: each receipt in them verifies, and what is false is which entries there are, in what order, on what
//! pages, or by whom.

use strongroom_protocol::id::{AuthorityId, Time};
use strongroom_protocol::receipt::{DepositState, Outcome};
use strongroom_protocol::statement::{Checked, SignedStatement, Statement};
use strongroom_protocol::{Authority, Page, QueryError, Recorded, Select};

use super::{HostileAuthority, Trick};

impl HostileAuthority {
    /// Answers with a page of a listing as the trick has it.
    pub(super) fn lying_page(
        &self,
        inner: &dyn Authority,
        select: Select,
        from: u64,
    ) -> Result<Page<Recorded>, QueryError> {
        let honest = || self.honest_page(inner, select, from);
        match &self.trick {
            Trick::ListingEmptyPages => Ok(Page {
                damaged: Vec::new(),
                items: Vec::new(),
                next: from + 1,
            }),
            Trick::ListingEndless => Ok(Page {
                next: from,
                ..honest()?
            }),
            Trick::ListingLeavesOut(kind) => {
                let mut all = self.all(inner, select)?;
                all.retain(|(_, item)| item.statement.kind() != *kind);
                self.cut(&all, inner, from)
            }
            Trick::ListingReordered => {
                let mut page = honest()?;
                page.items.reverse();
                Ok(page)
            }
            Trick::ListingRepeats => Ok(Page {
                damaged: Vec::new(),
                items: inner.entries(select, 0)?.items,
                ..honest()?
            }),
            Trick::ListingShrinks => {
                let mut page = honest()?;
                page.items.truncate(page.items.len().div_ceil(2));
                if let Some(last) = page.items.last() {
                    page.next = self.index(last) + 1;
                }
                Ok(page)
            }
            Trick::ListingTimesGoBack => match select {
                Select::Owner(_) => {
                    let all = self.all(inner, select)?;
                    let size = inner.checkpoint()?.checkpoint().size;
                    let checked = self.checked(inner.about()?.authority(), size);
                    self.plant(&checked, Outcome::Recorded, |last| {
                        Time::from_millis(last.as_millis().saturating_sub(60_000))
                    });
                    self.cut(&self.with_planted(all), inner, from)
                }
                Select::ChangesTo(_) | Select::Open | Select::Subjects => honest(),
            },
            Trick::ListingWithStrangers(strangers) => {
                let Select::Owner(owner) = select else {
                    return honest();
                };
                let all = self.all(inner, select)?;
                for stranger in strangers {
                    let outcome = match stranger.statement() {
                        // In another owner's listing it would not be in their name.
                        Statement::Deposit(made) if made.owner() != owner => return honest(),
                        Statement::Deposit(made) => {
                            Outcome::Deposited(vec![DepositState::Verified; made.keys().len()])
                        }
                        _ => Outcome::Recorded,
                    };
                    self.plant(stranger, outcome, |last| last);
                }
                self.cut(&self.with_planted(all), inner, from)
            }
            // What it forged elsewhere is in its log.
            _ => match select {
                Select::Owner(_) if !self.planted.lock().unwrap().is_empty() => {
                    let all = self.all(inner, select)?;
                    self.cut(&self.with_planted(all), inner, from)
                }
                Select::ChangesTo(_) | Select::Open | Select::Owner(_) | Select::Subjects => {
                    honest()
                }
            },
        }
    }

    /// Answers with a page of a listing as it is, but that it leads to the end of the false log where there is one.
    fn honest_page(
        &self,
        inner: &dyn Authority,
        select: Select,
        from: u64,
    ) -> Result<Page<Recorded>, QueryError> {
        let mut page = inner.entries(select, from)?;
        if page.next == inner.checkpoint()?.checkpoint().size {
            page.next = self.size(inner)?;
        }
        Ok(page)
    }

    /// A check of nothing, by the authority: it concerns everybody.
    fn checked(&self, authority: AuthorityId, size: u64) -> SignedStatement {
        let checked = Checked {
            authority,
            size,
            kept: 0,
            opened: 0,
            failed: 0,
            named: Vec::new(),
            unread: 0,
            unread_named: Vec::new(),
            differing: 0,
            time: Time::from_millis(0),
        };
        SignedStatement::sign(checked, &self.log_key)
    }

    /// Adds a statement to the forged log, once, to be shown in listings.
    pub(super) fn plant(
        &self,
        statement: &SignedStatement,
        outcome: Outcome,
        time: impl FnOnce(Time) -> Time,
    ) -> Recorded {
        let mut planted = self.planted.lock().unwrap();
        let known = planted
            .iter()
            .find(|item| item.statement.id() == statement.id());
        if let Some(known) = known {
            return known.clone();
        }
        let receipt = self.forge_receipt_at(statement, outcome, time);
        let statement = statement.clone();
        let recorded = Recorded { statement, receipt };
        planted.push(recorded.clone());
        recorded
    }

    /// Returns a listing with what was planted behind it, all proved in the forged log.
    fn with_planted(&self, all: Vec<(u64, Recorded)>) -> Vec<(u64, Recorded)> {
        let planted = self.planted.lock().unwrap();
        let planted = planted.iter().map(|item| (self.index(item), item.clone()));
        let all = all.into_iter().chain(planted);
        let forged = self.forged.lock().unwrap();
        let log = forged.as_ref().unwrap();
        let anew = all.map(|(index, item)| {
            let receipt = log.prove_anew(&item.receipt, index, &self.log_key);
            (index, Recorded { receipt, ..item })
        });
        anew.collect()
    }

    /// Reads a whole listing.
    fn all(
        &self,
        inner: &dyn Authority,
        select: Select,
    ) -> Result<Vec<(u64, Recorded)>, QueryError> {
        let size = inner.checkpoint()?.checkpoint().size;
        let (mut all, mut from) = (Vec::new(), 0);
        while from < size {
            let page = inner.entries(select, from)?;
            let items = page.items.into_iter();
            all.extend(items.map(|item| (self.index(&item), item)));
            from = page.next;
        }
        Ok(all)
    }

    /// Cuts a page out of a listing, as an honest authority would.
    fn cut(
        &self,
        all: &[(u64, Recorded)],
        inner: &dyn Authority,
        from: u64,
    ) -> Result<Page<Recorded>, QueryError> {
        let mut page = Page {
            damaged: Vec::new(),
            items: Vec::new(),
            next: self.size(inner)?,
        };
        for (index, item) in all.iter().filter(|(index, _)| *index >= from) {
            if page.is_full() {
                page.next = *index;
                break;
            }
            page.items.push(item.clone());
        }
        Ok(page)
    }

    /// Returns the size of the log that its checkpoints are of.
    fn size(&self, inner: &dyn Authority) -> Result<u64, QueryError> {
        let forged = self.forged.lock().unwrap();
        match &*forged {
            Some(log) => Ok(log.checkpoint(&self.log_key).checkpoint().size),
            None => Ok(inner.checkpoint()?.checkpoint().size),
        }
    }

    fn index(&self, item: &Recorded) -> u64 {
        let log_key = self.log_key.verifying_key();
        let receipt = item.receipt.verify(&item.statement, &log_key);
        receipt.unwrap().index()
    }
}

//! An authority whose rows were edited: whatever it is asked, in whatever order, it shows nothing that was not said to it, and
//! releases no other key than what was deposited.

use strongroom_authority::{Caller, Extent, Service};
use strongroom_protocol::id::Digest;
use strongroom_protocol::receipt::Receipt;
use strongroom_protocol::statement::{Deposit, SignedStatement, Statement};
use strongroom_protocol::{Authority, Recorded, Select};

use crate::draw::{Draw, Seed};
use crate::rows;
use crate::world::World;

pub(crate) fn read(bytes: &[u8]) -> Option<()> {
    let mut draw = Draw::new(bytes);
    World::with(|world| {
        let folder = world.copy("authority", "spoiled authority");
        let changed = rows::edit(&folder.join("store.db"), &mut draw);
        let Some(service) = world.open_authority(&folder) else {
            assert!(changed > 0, "it does not open, and nothing was edited");
            return None;
        };
        let asked = Asked {
            service: &service,
            world,
            is_whole: changed == 0,
        };
        for _ in 0..12 {
            if draw.is_empty() {
                break;
            }
            asked.ask(draw.byte(), draw.byte());
        }
        Some(())
    })
}

/// Who is asked, and what they were told before their rows were edited.
struct Asked<'a> {
    service: &'a Service,
    world: &'a World,
    /// Whether no row was.
    is_whole: bool,
}

impl Asked<'_> {
    fn ask(&self, what: u8, which: u8) {
        let (service, session) = (self.service, self.service.session(Caller::Operator));
        let said: Vec<_> = self.world.said.values().collect();
        let statement = said[usize::from(which) % said.len()];
        let answered = match what % 10 {
            0 => session
                .about()
                .map(|about| {
                    self.recorded(about.policy.iter().map(|policy| &policy.decision));
                    self.recorded(about.rsa_key.iter());
                })
                .is_ok(),
            1 => {
                let owner = Select::Owner(self.world.owner);
                let select = [owner, Select::Open, Select::Subjects][usize::from(which) % 3];
                let page = session.entries(select, u64::from(which / 3));
                page.map(|page| self.recorded(&page.items)).is_ok()
            }
            2 => self.subject(&session, statement),
            3 => self.release(&session, statement, u64::from(which) / said.len() as u64),
            4 => session
                .submit(statement)
                .map(|receipt| self.receipt(statement, &receipt))
                .is_ok(),
            5 => session.holdings(self.world.owner).is_ok() && session.checkpoint().is_ok(),
            6 => {
                let _ = session.consistency((which & 15).into(), (which >> 4).into());
                session.leaves(which.into()).is_ok()
            }
            7 => service.verify_log().is_ok(),
            8 => service.rebuild().is_ok(),
            _ => {
                let extent = if which & 1 == 0 {
                    Extent::All
                } else {
                    Extent::Sample(which.into())
                };
                let report = service.check(extent, &mut |_, _| {});
                report
                    .map(|report| self.receipt(&report.statement, &report.receipt))
                    .is_ok()
            }
        };
        // Only what was never asked can't be answered when all is as it was.
        assert!(
            answered || !self.is_whole || matches!(what % 10, 2..=4),
            "question {what} {which}"
        );
    }

    fn subject(&self, session: &dyn Authority, statement: &SignedStatement) -> bool {
        let Ok(view) = session.subject(statement.id()) else {
            return false;
        };
        assert_eq!(view.asked.statement.id(), statement.id());
        self.recorded([&view.asked].into_iter().chain(&view.decision));
        view.words
            .iter()
            .for_each(|word| self.shown(&word.statement));
        true
    }

    fn release(&self, session: &dyn Authority, statement: &SignedStatement, page: u64) -> bool {
        let Ok(page) = session.release(statement.id(), page) else {
            return false;
        };
        self.recorded([&page.decision, &page.release]);
        let (Statement::Request(request), Statement::Release(release)) =
            (statement.statement(), page.release.statement.statement())
        else {
            panic!("it releases for no request");
        };
        assert_eq!(release.request(), request.digest());
        for key in release.keys() {
            assert!(
                self.is_deposited(key.label.digest()),
                "nobody deposited this"
            );
        }
        true
    }

    fn recorded<'r>(&self, recorded: impl IntoIterator<Item = &'r Recorded>) {
        for Recorded { statement, receipt } in recorded {
            self.shown(statement);
            self.receipt(statement, receipt);
        }
    }

    /// What it shows was said to it, or it says so itself, as it decides and releases when it is asked.
    fn shown(&self, statement: &SignedStatement) {
        let by_itself = *statement.author() == self.service.about().found().log_key;
        assert!(by_itself || self.world.said.contains_key(&statement.id()));
    }

    fn receipt(&self, statement: &SignedStatement, receipt: &Receipt) {
        let verified = receipt.verify(statement, &self.service.about().found().log_key);
        assert!(verified.is_ok() || !self.is_whole, "{verified:?}");
    }

    fn is_deposited(&self, label: Digest) -> bool {
        let said = self.world.said.values();
        let deposits = said.filter_map(|statement| match statement.statement() {
            Statement::Deposit(deposit) => Some(deposit),
            _ => None,
        });
        let mut keys = deposits.flat_map(Deposit::keys);
        keys.any(|key| key.label.digest() == label)
    }
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    // Each question, of each statement and more.
    let questions =
        |seed: Seed, which: u8| (0..10).fold(seed, |seed, what| seed.raw(&[what, which]));
    let whole = (0..24).map(|which| questions(Seed::of([0]), which).done());
    // And after an edit: a table, a column, what, and two rows, where that opens.
    let edits = (0..6).flat_map(|table| {
        [3, 4, 7].map(|what| {
            let edit = Seed::of([1, table, 1, what, 3, 5]).number(9).bytes(&[7]);
            questions(edit, table).done()
        })
    });
    let edits = edits.filter(|seed| read(seed).is_some());
    whole.chain(edits).collect()
}

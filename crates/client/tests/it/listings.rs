//! Listings that lie, before a home that connects and before an officer's desk: each ends with an error after a few
//! questions, leaves nothing false behind, and costs nothing when the authority is honest again.

use std::sync::Arc;

use strongroom_authority::{Caller, Service};
use strongroom_client::connection::ExchangeError;
use strongroom_client::officer::Desk;
use strongroom_client::{Client, ConnectError};
use strongroom_protocol::id::{Clock, OwnerId};
use strongroom_protocol::keys::SigningKey;
use strongroom_protocol::log::{
    Checkpoint, Node, NodeHash, ReadHashes, TreeError, prove_consistency,
};
use strongroom_protocol::policy::Policy;
use strongroom_protocol::statement::{Enroll, Kind, SignedStatement};
use strongroom_protocol::{Authority, Page, QueryError, Recorded, Select};
use strongroom_testkit::{
    HostileAuthority, Owner, TestClock, TestRng, Trick, list, listed, submit,
};

use crate::fixture::{Contents, HOME, World};
use crate::hostile::lying;
use crate::liar::Liar;

/// Who answers, the log's checkpoint, and that it extends the one seen.
const QUESTIONS_BEFORE_LISTINGS: u64 = 3;

/// A home that has some pages of its owner's log to read: made by another program with the device's key. The last entry
/// but one is the home's own, and it has the receipt.
fn behind() -> World {
    let mut world = World::new();
    let device = world.device_at(HOME);
    let session = world.session_of(HOME);
    let pages = [world.page_signed_by(&device), world.page_signed_by(&device)];
    let small: Vec<_> = (0..4)
        .map(|keys| world.deposit_signed_by(&device, 1 + keys))
        .collect();
    let owner = world.identities(&world.home()).recipient().unwrap();
    world
        .with_authority(&session, |client| {
            for statement in pages.iter().chain(&small[..3]) {
                submit(&session, statement);
            }
            client
                .deposit(&owner, &[], vec![Default::default()])
                .unwrap();
            submit(&session, &small[3]);
        })
        .unwrap();
    let contents = world.contents(HOME);
    assert_eq!((contents.read, contents.entries.len()), (2, 3));
    assert_eq!(contents.deposits.len(), 1);
    world
}

/// Connects to a liar: nothing that it says is taken, and the honest authority is believed afterwards.
#[track_caller]
fn refused(world: &mut World, trick: Trick, questions: u64) -> ExchangeError {
    let before = world.contents(HOME);
    let liar = Liar::before(lying(world, trick));
    let error = connect_error(world, &liar);
    let asked = liar.questions();
    assert!(
        asked <= QUESTIONS_BEFORE_LISTINGS + questions,
        "{asked} questions"
    );
    assert_is_beginning_of(world, &before);
    connect_again(world);
    error
}

/// Connects to the honest authority. If it was its own log key that signed another log, the home has seen that, and its
/// owner must say which of them is the log: that they were shown both is kept.
#[track_caller]
fn connect_again(world: &mut World) {
    if world.restored_log(HOME).is_some() {
        let refused = world.with_client(|_| ()).unwrap_err();
        assert!(
            matches!(
                refused,
                ConnectError::Exchange(ExchangeError::LogShrunk { .. })
            ),
            "{refused:?}"
        );
        world.accept_at(HOME);
    }
    world.with_client(|_| ()).unwrap();
    assert_is_whole(world);
}

#[track_caller]
fn connect_error(world: &mut World, authority: &dyn Authority) -> ExchangeError {
    match world.with_authority(authority, |_| ()) {
        Err(ConnectError::Exchange(error)) => error,
        other => panic!("expected a refusal, and got {other:?}"),
    }
}

/// What the home has is what it had, and entries of the true log up to where it says that it has read.
#[track_caller]
fn assert_is_beginning_of(world: &World, before: &Contents) {
    let now = world.contents(HOME);
    let truth = listed(&world.operator(), Select::Owner(world.owner));
    assert!(now.read >= before.read);
    for (index, id) in &now.entries {
        // All that there is concerns this owner.
        let index = usize::try_from(*index).unwrap();
        assert_eq!(truth[index].as_bytes(), &id[..], "entry {index}");
    }
    let upto = |index: &i64| *index < now.read || before.entries.iter().any(|old| old.0 == *index);
    assert!(now.entries.iter().all(|(index, _)| upto(index)));
    assert_eq!(now.devices, before.devices);
}

#[track_caller]
fn assert_is_whole(world: &World) {
    let contents = world.contents(HOME);
    let truth = listed(&world.operator(), Select::Owner(world.owner));
    let ids: Vec<_> = contents.entries.iter().map(|(_, id)| &id[..]).collect();
    let truth: Vec<_> = truth.iter().map(|id| &id.as_bytes()[..]).collect();
    assert_eq!(ids, truth);
    assert_eq!(world.home().unread_count().unwrap(), 0);
}

#[test]
fn a_listing_without_end_is_left_at_its_first_page_that_leads_nowhere() {
    for (trick, questions) in [
        (Trick::ListingEmptyPages, 1),
        (Trick::ListingEndless, 1),
        // The first two pages have one entry each, half of which is one.
        (Trick::ListingShrinks, 3),
        (Trick::ListingRepeats, 1),
    ] {
        let error = refused(&mut behind(), trick, questions);
        assert!(matches!(error, ExchangeError::Endless(_)), "{error:?}");
    }
}

#[test]
fn a_page_that_leads_beyond_the_log_leads_to_its_end() {
    let mut world = behind();
    let honest = world.session_of(HOME);
    let liar = Liar::before(honest).entries(|honest, select, from| {
        let mut page = honest.entries(select, from)?;
        if page.items.len() == 1 {
            return Ok(page);
        }
        page.next = u64::MAX;
        Ok(page)
    });
    world.with_authority(&liar, |_| ()).unwrap();
    assert_is_whole(&world);
    // It is not past what comes later.
    let device = world.device_at(HOME);
    let deposit = world.deposit_signed_by(&device, 1);
    submit(&world.session_of(HOME), &deposit);
    world.with_client(|_| ()).unwrap();
    assert_is_whole(&world);
}

#[test]
fn owners_entries_are_not_hidden_from_a_device_that_the_log_made_theirs() {
    let mut world = behind();
    let before = world.contents(HOME);
    let honest = world.session_of(HOME);
    let liar = Liar::before(honest).entries(|_, _, _| Err(QueryError::NotFound));
    let error = connect_error(&mut world, &liar);
    assert!(matches!(error, ExchangeError::Hidden), "{error:?}");
    assert_eq!(world.contents(HOME), before);
    // A device that is not the owner's yet is shown nothing, and knows.
    world.rejoin("second");
    let is_caught_up = |client: &mut Client<'_>| client.is_caught_up();
    assert!(!world.with_client_at("second", is_caught_up).unwrap());
    assert!(world.with_client(is_caught_up).unwrap());
}

#[test]
fn a_listing_in_another_order_than_the_logs_is_refused() {
    let error = refused(&mut behind(), Trick::ListingReordered, 3);
    let ordered = matches!(
        error,
        ExchangeError::Endless(_) | ExchangeError::Order { .. }
    );
    assert!(ordered, "{error:?}");
}

#[test]
fn an_entry_that_the_home_has_a_receipt_of_and_that_is_left_out_is_one_that_is_not_there() {
    let mut world = behind();
    let before = world.contents(HOME);
    let liar = lying(&mut world, Trick::ListingLeavesOut(Kind::Deposit));
    world.with_authority(&liar, |_| ()).unwrap();
    // Of the others it has seen nothing yet.
    assert_eq!(world.home().unread_count().unwrap(), 1);
    let after = world.contents(HOME);
    assert_eq!(after.entries.len(), before.entries.len());
    assert_eq!(after.deposits, before.deposits);
    // What it never saw it can't miss; to `sync` is to read all again.
    world.sync_at(HOME).unwrap();
    assert_is_whole(&world);
}

#[test]
fn an_entry_that_is_left_out_is_not_made_up_for_by_another_that_is_called_damaged() {
    let mut world = behind();
    let before = world.contents(HOME);
    let own = before.deposits[0].1.unwrap();
    let honest = world.session_of(HOME);
    let liar = Liar::before(honest).entries(move |honest, select, from| {
        let mut page = honest.entries(select, from)?;
        // In its place stands one of which the home knows nothing.
        let left_out = [own, own - 1];
        page.items
            .retain(|item| !left_out.contains(&item.receipt.index()));
        if page.next > own {
            page.damaged = vec![own - 1];
        }
        Ok(page)
    });
    world.with_authority(&liar, |_| ()).unwrap();
    // Both are told.
    assert_eq!(world.home().unread_count().unwrap(), 2);
    world.sync_at(HOME).unwrap();
    assert_is_whole(&world);
}

#[test]
fn a_deposit_that_a_stranger_signed_in_the_owners_name_is_refused() {
    let mut world = behind();
    let stranger = SigningKey::from_seed(&[9; 32]);
    let deposit = world.deposit_signed_by(&stranger, 1);
    let trick = Trick::ListingWithStrangers(vec![deposit]);
    let error = refused(&mut world, trick, 4);
    assert!(matches!(error, ExchangeError::Wrong { .. }), "{error:?}");
    assert!(!world.home().is_device(&stranger.verifying_key()).unwrap());
}

#[test]
fn another_enrolment_of_the_owner_is_refused() {
    let mut world = behind();
    let stranger = SigningKey::from_seed(&[9; 32]);
    let enroll = |owner| Enroll {
        authority: world.authority,
        owner,
        device_key: stranger.verifying_key(),
        code_key: stranger.verifying_key(),
        created: world.clock.now(),
    };
    let ours = SignedStatement::sign(enroll(world.owner), &stranger);
    let others = SignedStatement::sign(enroll(OwnerId::from_bytes([1; 32])), &stranger);
    for enrolment in [ours, others] {
        let trick = Trick::ListingWithStrangers(vec![enrolment]);
        let error = refused(&mut world, trick, 4);
        assert!(matches!(error, ExchangeError::Wrong { .. }), "{error:?}");
        assert!(!world.home().is_device(&stranger.verifying_key()).unwrap());
        // There must be something to read again.
        let device = world.device_at(HOME);
        let deposit = world.deposit_signed_by(&device, 1);
        submit(&world.session_of(HOME), &deposit);
    }
}

#[test]
fn times_that_go_back_are_refused() {
    let error = refused(&mut behind(), Trick::ListingTimesGoBack, 4);
    assert!(matches!(error, ExchangeError::Time { .. }), "{error:?}");
}

#[test]
fn times_go_on_from_page_to_page_and_from_one_time_to_the_next() {
    let mut world = behind();
    world.with_client(|_| ()).unwrap();
    let hostile = lying(&mut world, Trick::ListingTimesGoBack);
    // It has put it into its log: all that is new is earlier than what the home has read before.
    let log = list(&hostile, Select::Owner(world.owner)).unwrap();
    assert!(log.is_sorted_by_key(|entry| entry.receipt.index()));
    let before = world.contents(HOME);
    let error = connect_error(&mut world, &hostile);
    assert!(matches!(error, ExchangeError::Time { .. }), "{error:?}");
    assert_eq!(world.contents(HOME), before);
    connect_again(&mut world);
}

#[test]
fn the_cursor_is_not_moved_by_a_page_of_which_anything_does_not_verify() {
    let mut world = behind();
    let first = world.contents(HOME).read + 1;
    let honest = world.session_of(HOME);
    // The first page holds, and in the last the last entry has the receipt of the one before.
    let liar = Liar::before(honest).entries(move |honest, select, from| {
        let mut page = honest.entries(select, from)?;
        let length = page.items.len();
        if length > 1 {
            page.items[length - 1].receipt = page.items[length - 2].receipt.clone();
        }
        Ok(page)
    });
    let error = connect_error(&mut world, &liar);
    let held = matches!(error, ExchangeError::Receipt(_) | ExchangeError::Endless(_));
    assert!(held, "{error:?}");
    let contents = world.contents(HOME);
    assert_eq!(contents.read, first + 1);
    // Nothing of the page that did not hold was taken: the home has its own deposit, and two pages.
    assert_eq!(contents.deposits.len(), 1 + 2 * 256);
    world.with_client(|_| ()).unwrap();
    assert_is_whole(&world);
}

/// A log that goes on from a true one without end: all that is behind that has one hash.
struct Endless<'t> {
    truth: &'t [NodeHash],
}

impl Endless<'_> {
    const SIZE_LOG2: u8 = 40;

    fn hash(&self, level: u8, index: u64) -> NodeHash {
        let begin = index << level;
        let length = self.truth.len() as u64;
        if level == 0 {
            let at = usize::try_from(index).unwrap();
            let leaf = self.truth.get(at).copied();
            return leaf.unwrap_or_else(|| NodeHash::of_leaf(b"and so on"));
        }
        let left = self.hash(level - 1, index * 2);
        // Both halves are alike where nothing of the truth is in them.
        let right = match begin >= length {
            true => left,
            false => self.hash(level - 1, index * 2 + 1),
        };
        NodeHash::of_children(left, right)
    }
}

impl ReadHashes for Endless<'_> {
    type Error = TreeError;

    fn read(&self, nodes: &[Node]) -> Result<Vec<NodeHash>, TreeError> {
        let hashes = nodes.iter().map(|node| self.hash(node.level, node.index));
        Ok(hashes.collect())
    }
}

#[test]
fn a_log_of_any_size_of_which_nothing_can_be_read_is_left_soon() {
    let mut world = behind();
    let honest = world.session_of(HOME);
    let leaves = honest.leaves(0).unwrap().items;
    let truth: Vec<NodeHash> = leaves.iter().map(|leaf| NodeHash::of_leaf(leaf)).collect();
    let endless = Endless { truth: &truth };
    let (old, size) = (truth.len() as u64, 1 << Endless::SIZE_LOG2);
    let log_key = HostileAuthority::steal_log_key(&world.path("authority"));
    let checkpoint = Checkpoint {
        authority: world.authority,
        size,
        root: endless.hash(Endless::SIZE_LOG2, 0),
    };
    let proof = prove_consistency(old, size, &endless).unwrap();
    let liar = Liar::before(honest)
        .checkpoint(checkpoint.sign(&log_key))
        .consistency(proof)
        .entries(|_, _, from| {
            Ok(Page {
                items: Vec::new(),
                damaged: (from..from + 256).collect(),
                next: from + 256,
            })
        });
    // What it has seen last is all that there is.
    world.with_client(|_| ()).unwrap();
    let error = connect_error(&mut world, &liar);
    assert!(matches!(error, ExchangeError::Unread { .. }), "{error:?}");
    assert!(liar.questions() < 100, "{} questions", liar.questions());
    // The authority's own key signed it: the owner is told, and decides.
    connect_again(&mut world);
}

/// An authority with officers, an owner who asked several times, and the officer's desk.
struct Office {
    folder: tempfile::TempDir,
    clock: Arc<TestClock>,
    service: Service,
    officer: SigningKey,
}

impl Office {
    fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = TestClock::new();
        let officer = SigningKey::from_seed(&[9; 32]);
        let policy: Policy = crate::officer::policy(&officer);
        let place = folder.path().join("authority");
        let service = Service::found(&place, policy, clock.clone(), TestRng::new(1)).unwrap();
        let operator = service.session(Caller::Operator);
        for seed in 2..5 {
            let mut owner = Owner::enrolled(&operator, seed);
            submit(&operator, &owner.deposit(1));
            let asked = owner.ask(owner.everything(&operator), clock.now());
            submit(&operator, &asked.statement);
        }
        Self {
            folder,
            clock,
            service,
            officer,
        }
    }

    fn honest(&self) -> impl Authority + 'static {
        let caller = Caller::Device(self.officer.verifying_key());
        self.service.session(caller)
    }

    fn desk<'d>(&'d self, authority: &'d dyn Authority) -> Desk<'d> {
        Desk::open(authority, None, &self.officer, self.clock.now()).unwrap()
    }
}

#[test]
fn a_desk_leaves_a_listing_that_does_not_end_or_is_out_of_order() {
    let office = Office::open();
    let log_key = HostileAuthority::steal_log_key(&office.folder.path().join("authority"));
    for trick in [
        Trick::ListingEmptyPages,
        Trick::ListingEndless,
        Trick::ListingReordered,
        Trick::ListingShrinks,
    ] {
        let hostile = HostileAuthority::new(Arc::new(office.honest()), trick, &log_key);
        let liar = Liar::before(hostile);
        let desk = office.desk(&liar);
        for all in [false, true] {
            let before = liar.questions();
            let error = desk.subjects(all).unwrap_err();
            let ends = matches!(
                error,
                ExchangeError::Endless(_) | ExchangeError::Order { .. }
            );
            assert!(ends, "{error:?}");
            // A page, and each of what is on it.
            assert!(liar.questions() <= before + 4);
            assert!(desk.find("ab").is_err());
        }
    }
    let honest = office.honest();
    assert_eq!(office.desk(&honest).subjects(false).unwrap().read.len(), 3);
    assert_eq!(office.desk(&honest).subjects(true).unwrap().read.len(), 3);
}

#[test]
fn a_desk_that_is_shown_what_is_not_asked_shows_the_rest() {
    let office = Office::open();
    let operator = office.service.session(Caller::Operator);
    let founding: Recorded = {
        let owner = Owner::id_of(2);
        let page: Page<Recorded> = operator.entries(Select::Owner(owner), 0).unwrap();
        page.items[0].clone()
    };
    let liar = Liar::before(office.honest()).entries(move |honest, select, from| {
        let mut page = honest.entries(select, from)?;
        page.items.insert(0, founding.clone());
        Ok(page)
    });
    assert_eq!(office.desk(&liar).subjects(true).unwrap().read.len(), 3);
}

//! A home whose rows were edited: whatever is asked of it, and when it connects to an authority that is as it was.

use strongroom_authority::Caller;
use strongroom_client::home::{Home, HomeError};
use strongroom_client::released::ReleasedKeys;
use strongroom_client::status::Inspector;
use strongroom_client::{Client, secret};
use strongroom_protocol::id::{Clock as _, Serial};
use strongroom_testkit::TestRng;

use crate::draw::{Draw, Seed};
use crate::rows;
use crate::world::World;

pub(crate) fn read(bytes: &[u8]) -> Option<()> {
    let mut draw = Draw::new(bytes);
    World::with(|world| {
        let folder = world.copy("home", "spoiled home");
        let changed = rows::edit(&folder.join("home.db"), &mut draw);
        let mut home = Home::open(&folder).ok()?;
        look(&home, world);
        let connected = connect(&mut home, world, draw.byte());
        assert!(
            connected || changed > 0,
            "it does not connect, and nothing was edited"
        );
        Some(())
    })
}

/// Connects to the authority, does what is drawn, and looks again.
fn connect(home: &mut Home, world: &World, what: u8) -> bool {
    if what & 1 == 0 {
        return true;
    }
    let service = world
        .open_authority(&world.copy("authority", "authority of a home"))
        .unwrap();
    let key = home.device_key().unwrap().verifying_key();
    let session = service.session(Caller::Device(key));
    let rng = &mut TestRng::new(11);
    let Ok(mut client) = Client::connect(home, &session, &*world.clock, rng) else {
        return false;
    };
    let _ = client.history();
    if what & 2 != 0 {
        let _ = client.read_again(&mut |_, _| {});
    }
    if what & 4 != 0 {
        let _ = client.sync(&mut |_, _| {});
    }
    look(home, world);
    true
}

/// Asks all that can be asked: no secret is another than it was.
fn look(home: &Home, world: &World) {
    let membership = home.membership().ok().flatten();
    let _ = (
        home.seen().map(|seen| seen.is_some()),
        home.accepted(),
        home.lost_statements(),
    );
    let _ = (
        home.deposits_count(),
        home.verified_count(),
        home.present_statements_count(),
    );
    let _ = (
        home.secrets(),
        home.newest_secrets(),
        home.unread_count(),
        home.check_of("disk/one"),
    );
    let mut serials: Vec<Serial> = world.secrets.keys().copied().collect();
    let _ = home.each_deposit::<HomeError>(&mut |deposit| {
        serials.push(deposit.record.serial);
        let _ = home.statement(deposit.record.statement);
        Ok(())
    });
    let _ = home.each_listed::<HomeError>(None, &mut |_| Ok(()));
    let identities = home
        .identities(&mut |_| panic!("it is not sealed"))
        .unwrap();
    let inspector = Inspector::new(home, true).ok();
    let is_known =
        |secret: &secret::Secret| world.secrets.values().any(|known| known == secret.expose());
    for serial in serials {
        let _ = (home.deposit(serial), home.is_unproven(serial));
        let _ = inspector
            .as_ref()
            .map(|inspector| inspector.inspect_secret(serial));
        if let Ok(secret) = secret::open(home, &identities, serial) {
            assert!(is_known(&secret));
        }
        if let Ok(Some(secret)) = secret::released(home, world.owner, serial) {
            assert!(is_known(&secret));
        }
    }
    let mut released = ReleasedKeys::of(home);
    for serial in released.serials().unwrap_or_default() {
        let _ = released.key(serial).map(|key| key.is_some());
    }
    for request in home.requests().unwrap_or_default() {
        let _ = (home.release_pages(&request), request.is_complete());
    }
    if let Some(membership) = membership {
        let _ = home.open_requests(&membership, None, world.clock.now());
    }
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    // Nothing, and then a table, a column, what, and two rows.
    let whole = [1, 7].map(|what| Seed::of([0, what]).done());
    let edits = (0..20).flat_map(|table| {
        [4, 7].map(|what| {
            let edit = Seed::of([1, table, 1, what, 0, 1]).number(9).bytes(&[7]);
            edit.byte(7).done()
        })
    });
    whole.into_iter().chain(edits).collect()
}

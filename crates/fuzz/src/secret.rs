//! Secrets: what rides along with a deposit, as a home opens it; and lists of many.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rusqlite::Connection;
use serde_json::json;
use strongroom_agefile::{FileKey, Header, Stanza, payload, wrap_to};
use strongroom_client::home::{Home, Identities};
use strongroom_client::secret::{ListedSecret, Secret, open, parse_list};
use strongroom_client::status::Inspector;
use strongroom_protocol::id::Serial;
use strongroom_protocol::statement::Particulars;
use strongroom_testkit::TestRng;
use zeroize::Zeroizing;

use crate::cast::flip;
use crate::draw::{Draw, Seed};
use crate::world::World;

thread_local! {
    static OPENED: Opened = Opened::new();
}

/// A home with a secret, open twice: as its owner has it, and by itself, to put something else there.
struct Opened {
    home: Home,
    identities: Identities,
    serial: Serial,
    database: Connection,
}

impl Opened {
    fn new() -> Self {
        World::with(Self::of)
    }

    fn of(world: &World) -> Self {
        let folder = world.copy("home", "home with any secret");
        let home = Home::open(&folder).unwrap();
        let database = Connection::open(folder.join("home.db")).unwrap();
        database.pragma_update(None, "synchronous", "OFF").unwrap();
        Self {
            identities: home
                .identities(&mut |_| panic!("it is not sealed"))
                .unwrap(),
            serial: *world.secrets.keys().next().unwrap(),
            home,
            database,
        }
    }

    fn put(&self, particulars: &Particulars) {
        let sql = "UPDATE deposit SET particulars = ?2 WHERE serial = ?1";
        let row = (self.serial.as_bytes(), particulars.to_bytes());
        assert_eq!(self.database.execute(sql, row).unwrap(), 1);
    }
}

pub(crate) fn read(bytes: &[u8]) -> Option<()> {
    let mut draw = Draw::new(bytes);
    let (what, place) = (draw.byte(), draw.number());
    OPENED.with(|opened| {
        let (attachment, expected) = match what & 1 {
            // Nobody has sealed it to this home.
            1 => (draw.rest().to_vec(), None),
            _ => {
                let rng = &mut TestRng::new(1);
                let key = FileKey::from_bytes(&[9; 16]);
                let recipient = opened.identities.recipient().unwrap();
                let mut stanzas = wrap_to(&[recipient], &key, rng).unwrap();
                if what & 2 != 0 {
                    let tag = str::from_utf8(draw.bytes()).ok()?;
                    let other = Stanza::new(tag, [""; 0], draw.bytes()).ok()?;
                    stanzas.insert(usize::from(what >> 2 & 1), other);
                }
                let plaintext = match what & 8 {
                    0 => draw.rest().to_vec(),
                    _ => draw.rest().repeat(50),
                };
                let mut attachment = Header::seal(stanzas, &key).ok()?.as_bytes().to_vec();
                payload::seal(
                    &key,
                    [3; 16],
                    &*plaintext,
                    &mut attachment,
                    NonZeroUsize::MIN,
                    &mut |_| {},
                )
                .unwrap();
                if what & 16 != 0 {
                    (flip(&attachment, place), None)
                } else {
                    (attachment, Secret::new(Zeroizing::new(plaintext)).ok())
                }
            }
        };
        let particulars = Particulars::default().with_attachment(attachment).ok()?;
        opened.put(&particulars);
        let secret = open(&opened.home, &opened.identities, opened.serial);
        match (&secret, &expected) {
            (Ok(secret), Some(expected)) => assert!(secret == expected),
            // A stanza of a kind that is known may be malformed.
            (Err(_), None) => {}
            (Err(_), Some(_)) => assert!(what & 2 != 0, "{:?}", secret.err()),
            (Ok(_), None) => panic!("nobody has sealed this"),
        }
        let inspector = Inspector::new(&opened.home, true).unwrap();
        inspector.inspect_secret(opened.serial).unwrap();
        secret.ok().map(|_| ())
    })
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    vec![
        Seed::of([0, 0]).raw(b"a secret").done(),
        Seed::of([8, 0]).raw(&[7; 80]).done(),
        Seed::of([2, 0])
            .bytes(b"strongroom/pad")
            .bytes(&[])
            .raw(b"a secret")
            .done(),
        Seed::of([6, 0])
            .bytes(b"a-tag")
            .bytes(&[7; 60])
            .raw(b"a secret")
            .done(),
    ]
}

/// Lists of secrets, a line of JSON for each.
pub(crate) fn read_list(bytes: &[u8]) -> Option<()> {
    let secrets = parse_list(str::from_utf8(bytes).ok()?).ok()?;
    let names: BTreeSet<_> = secrets
        .iter()
        .map(|listed| listed.particulars.name().unwrap())
        .collect();
    assert_eq!(names.len(), secrets.len(), "one name twice");
    let lines: Vec<_> = secrets.iter().map(line_of).collect();
    let again = parse_list(&lines.join("\n")).unwrap();
    for (listed, again) in secrets.iter().zip(&again) {
        assert!(listed.secret == again.secret && listed.check == again.check);
        assert_eq!(listed.particulars, again.particulars);
    }
    assert_eq!(again.len(), secrets.len());
    Some(())
}

fn line_of(listed: &ListedSecret) -> String {
    let labels: BTreeMap<_, _> = listed.particulars.own_labels().collect();
    let line = json!({
        "name": listed.particulars.name(),
        "description": listed.particulars.description(),
        "labels": labels,
        "check": listed.check,
        "secret_base64": BASE64_STANDARD.encode(listed.secret.expose()),
    });
    line.to_string()
}

pub(crate) fn list_seeds() -> Vec<Vec<u8>> {
    let one = r#"{"name":"disk/host1","secret":"hush","labels":{"site":"A"},"check":"true"}"#;
    let other = r#"{"name":"b","secret_base64":"AAEC","description":"two \u00e4"}"#;
    vec![one.into(), format!("\n{one}\r\n  \n{other}\n").into_bytes()]
}

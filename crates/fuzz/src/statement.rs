//! Statements of every kind: any body and anything carried, under a signature that holds.

use strongroom_protocol::id::Serial;
use strongroom_protocol::statement::{
    Kind, Particulars, Release, Request, Scope, SealedKey, SignedStatement, Statement,
};

use crate::cast::{Drawn, NOW, cast, flip, kinds, statements};
use crate::cbor::Item;
use crate::draw::{Draw, Seed};
use crate::policy;

pub(crate) fn read(bytes: &[u8]) -> Option<()> {
    let mut draw = Draw::new(bytes);
    let place = draw.number();
    let drawn = Drawn::from(draw)?;
    let bytes = drawn.sign();
    let statement = SignedStatement::parse(&bytes).ok()?;
    assert_eq!(statement.as_bytes(), bytes);
    assert_eq!(statement.author(), &drawn.key.verifying_key());
    // What was read says all that was written: signed anew, it is the same.
    let again = SignedStatement::sign(statement.statement().clone(), drawn.key);
    assert_eq!(again.as_bytes(), bytes);
    assert_eq!(again.id(), statement.id());
    // Nothing else has this signature: not with another bit anywhere, nor under another kind's label.
    assert!(SignedStatement::parse(&flip(&bytes, place)).is_err());
    let others: Vec<_> = kinds().filter(|kind| *kind != drawn.kind).collect();
    let other = others[usize::try_from(place % others.len() as u64).unwrap()];
    assert!(!is_signed_as(&statement, &drawn, other));
    look(&statement);
    Some(())
}

/// Tells whether what was signed as one kind passes for another.
fn is_signed_as(statement: &SignedStatement, drawn: &Drawn, kind: Kind) -> bool {
    let mut wire = Item::read(statement.as_bytes()).unwrap();
    let fields = wire.as_array_mut().unwrap();
    assert_eq!(fields[0], Item::Number(drawn.kind.code()));
    fields[0] = Item::Number(kind.code());
    SignedStatement::parse(&wire.write()).is_ok()
}

/// Asks what can be asked of a statement that holds.
pub(crate) fn look(statement: &SignedStatement) {
    let _ = format!(
        "{statement:?} {:?} {}",
        statement.statement(),
        statement.authority()
    );
    match statement.statement() {
        Statement::Found(found) => policy::look(&found.policy),
        Statement::PolicyChange(change) => {
            policy::look(&change.policy);
            assert_eq!(
                statement.statement().asks(),
                Some((change.digest(), change.replaces))
            );
        }
        Statement::Request(request) => look_at_request(request),
        Statement::Deposit(deposit) => {
            assert!((1..=256).contains(&deposit.keys().len()));
            deposit.keys().iter().for_each(look_at_key);
        }
        Statement::Release(release) => look_at_release(release),
        Statement::Checked(checked) => {
            for named in &checked.named {
                assert!(checked.names(named.entry, named.place));
            }
            let _ = checked.is_complete();
        }
        _ => assert_eq!(statement.statement().asks(), None),
    }
}

fn look_at_request(request: &Request) {
    assert!(request.grounds.as_str().len() <= 4096);
    if let Scope::Serials(serials) = &request.scope {
        let again = Scope::of(serials.iter().rev().copied());
        assert_eq!(again.as_ref(), Ok(&request.scope));
        assert_eq!(request.scope.count(), serials.len() as u64);
    }
}

fn look_at_release(release: &Release) {
    let keys = release.keys();
    keys.iter().for_each(look_at_key);
    let withheld = release.withheld();
    let serials = keys
        .iter()
        .map(|key| key.label.serial)
        .chain(withheld.iter().copied());
    let mut serials: Vec<Serial> = serials.collect();
    let count = serials.len();
    assert!(count <= 256);
    serials.sort_unstable();
    serials.dedup();
    assert_eq!(serials.len(), count, "one serial twice");
    assert_eq!(release.encapsulation().is_some(), !keys.is_empty());
}

fn look_at_key(key: &SealedKey) {
    assert_eq!(key.particulars.digest(), key.label.particulars);
    let _ = (key.label.digest(), key.label.content.is_unproven());
    look_at_particulars(&key.particulars);
}

pub(crate) fn look_at_particulars(particulars: &Particulars) {
    let bytes = particulars.to_bytes();
    assert!(bytes.len() <= Particulars::BYTES_MAX);
    assert_eq!(Particulars::from_bytes(&bytes).as_ref(), Ok(particulars));
    let supersedes = particulars.supersedes();
    assert!(supersedes.len() <= Particulars::SUPERSEDES_MAX && supersedes.is_sorted());
    let _ = (
        particulars.header(),
        particulars.blob(),
        particulars.own_blob(),
    );
    let _ = (
        particulars.payload(),
        particulars.padding(),
        particulars.checked(),
    );
    let _ = (particulars.name(), particulars.own_labels().count());
    // What its owner may say of it is what its owner may have said.
    let own = particulars.own_labels();
    let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert!(Particulars::new(particulars.description().to_owned(), own.collect()).is_ok());
}

/// What owners say of a deposit, by itself.
pub(crate) fn read_particulars(bytes: &[u8]) -> Option<()> {
    let particulars = Particulars::from_bytes(bytes).ok()?;
    assert_eq!(particulars.to_bytes(), bytes);
    look_at_particulars(&particulars);
    Some(())
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let statements = statements();
    for kind in kinds() {
        let has = statements.iter().any(|statement| statement.kind() == kind);
        assert!(
            has,
            "the vectors have no statement of the kind `{}`",
            kind.as_str()
        );
    }
    let seed = |statement: &SignedStatement| Drawn::seed(Seed::of([7]), statement.as_bytes());
    statements.iter().map(seed).collect()
}

pub(crate) fn particulars_seeds() -> Vec<Vec<u8>> {
    let particulars = |statement: &SignedStatement| match statement.statement() {
        Statement::Deposit(deposit) => Some(deposit.keys()[0].particulars.to_bytes()),
        _ => None,
    };
    let serials = [2, 1].map(|byte| Serial::from_bytes([byte; 16]));
    let digest = cast().founding.found().policy.digest();
    let full = Particulars::default()
        .with_attachment(vec![7; 40])
        .and_then(|full| full.with_supersedes(&serials))
        .and_then(|full| full.with_header(digest))
        .and_then(|full| full.with_name("disk/host1"))
        .and_then(|full| full.with_checked(NOW));
    let mut seeds: Vec<_> = statements().iter().filter_map(particulars).collect();
    seeds.extend([Particulars::default().to_bytes(), full.unwrap().to_bytes()]);
    seeds
}

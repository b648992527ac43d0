//! The authority of a home that begins: one that is there and is joined, or a new one.

use std::sync::Arc;

use anyhow::Context as _;
use strongroom_authority::{Caller, FoundError, OpenError, PlaceError, Service};
use strongroom_client::Address;
use strongroom_protocol::log::Leaf;
use strongroom_protocol::policy::Policy;
use strongroom_protocol::statement::Kind;
use strongroom_protocol::{Authority as _, Unavailable, pages};

use crate::context::Context;

/// There is no authority to join.
#[derive(Debug, thiserror::Error)]
#[error("there is no authority in `{address}` to join")]
pub(crate) struct NothingToJoin {
    address: Address,
}

/// What became of the place that was named for the authority.
pub(super) enum Place {
    /// It is new.
    Founded,
    /// It was there, with so many owners.
    Joined(u64),
}

/// Counts the owners of an authority, by its log.
fn owners(service: &Service) -> anyhow::Result<u64> {
    let session = service.session(Caller::Anybody);
    let size = session.checkpoint()?.checkpoint().size;
    let mut owners = 0;
    for page in pages(0, size, |from| {
        session.leaves(from).map_err(anyhow::Error::from)
    }) {
        let leaves = page?.items.into_iter();
        let kinds = leaves.filter_map(|bytes| Leaf::from_bytes(&bytes).ok());
        let enrolments = kinds.filter(|leaf| leaf.kind() == Kind::Enroll.code());
        owners += enrolments.count() as u64;
    }
    Ok(owners)
}

/// Opens the authority at an address, or founds one where there is none and none must be.
pub(super) fn open_or_found(
    context: &Context,
    address: &Address,
    join: bool,
) -> anyhow::Result<(Service, Place)> {
    let Address::Folder(folder) = address;
    let open = || Service::open(folder, Arc::clone(&context.clock), context.rng());
    let failed = || format!("cannot use the authority in `{}`", folder.display());
    let joined = |service: Service| {
        let owners = owners(&service)?;
        Ok((service, Place::Joined(owners)))
    };
    match open() {
        Ok(service) => return joined(service),
        Err(OpenError::NotFound { .. }) if join => {
            let address = address.clone();
            return Err(NothingToJoin { address }.into());
        }
        Err(OpenError::NotFound { .. }) => {}
        Err(error) => return Err(Unavailable::from(error)).with_context(failed),
    }
    let clock = Arc::clone(&context.clock);
    match Service::found(folder, Policy::code_alone(), clock, context.rng()) {
        Ok(service) => Ok((service, Place::Founded)),
        // Another command may have been first.
        Err(FoundError::Place(error @ PlaceError::Taken { .. })) => match open() {
            Ok(service) => joined(service),
            Err(_) => Err(error.into()),
        },
        Err(error) => Err(error.into()),
    }
}

//! Why something is not protected, in words for somebody who has read no specification, and what to do about it.

use std::path::Path;

use strongroom_agefile::header::ReadHeaderError;
use strongroom_client::file::Distance;
use strongroom_client::kind::is_called_encrypted;
use strongroom_client::mark::Changed;
use strongroom_client::status::{Doubt, FileStatus, StatusError};

use crate::exit::chain;
use crate::input;

/// Says what keeps something from being protected; nothing if nothing does.
pub(super) fn reason(status: &FileStatus, protected: bool) -> Option<String> {
    match &status.doubt {
        Some(doubt) => Some(of_doubt(doubt)),
        None if protected => None,
        None => place(status.distance).map(str::to_owned),
    }
}

/// Says it of many at once, without what differs from one to the other.
pub(super) fn title(status: &FileStatus, protected: bool) -> String {
    match &status.doubt {
        Some(Doubt::Changed(Changed::CutShort { .. })) => "it was cut short".to_owned(),
        Some(Doubt::Changed(Changed::Grown { .. })) => "something was added at its end".to_owned(),
        _ => reason(status, protected).unwrap_or_default(),
    }
}

/// Says what to do about it.
pub(super) fn advice(status: &FileStatus) -> Option<&'static str> {
    match &status.doubt {
        Some(doubt) => on_doubt(doubt),
        None => on_place(status.distance),
    }
}

/// Says why nothing can be told of a file.
pub(super) fn unread(path: &Path, error: StatusError) -> String {
    if let StatusError::Read { source, .. } = error {
        return format!("it can't be read: {source}");
    }
    let error = input::explained(path, error.into());
    match error.downcast_ref() {
        Some(StatusError::Header(ReadHeaderError::NotAge)) => {
            "it is not an encrypted file".to_owned()
        }
        _ => chain(&error),
    }
}

/// Says what to do about a file of which nothing can be told.
pub(super) fn on_unread(path: &Path, error: &StatusError) -> Option<&'static str> {
    match error {
        StatusError::Header(ReadHeaderError::NotAge) if is_called_encrypted(path) => {
            Some("get it back from a copy, if it was an encrypted file")
        }
        StatusError::Header(ReadHeaderError::NotAge) => {
            Some("`strongroom encrypt FILE` makes one of it")
        }
        StatusError::Header(_) | StatusError::Capi(_) => {
            Some("`strongroom recover -o NEW FILE` may bring it back, or get it from a copy")
        }
        StatusError::Home(_) | StatusError::Read { .. } | _ => None,
    }
}

fn of_doubt(doubt: &Doubt) -> String {
    match doubt {
        Doubt::Changed(changed) => return changed.to_string(),
        Doubt::Damaged => "it was damaged when it was read to its end the last time",
        Doubt::Lost => "the authority has lost its spare key",
        Doubt::Mismatch => "its spare key is not the right one, as the authority found",
        Doubt::NoPointer => "it has no spare key",
        Doubt::NoSecret => "what was deposited under its name is not a secret",
        Doubt::NotMatched => {
            "this machine did not write it, and can't tell that its spare key fits"
        }
        Doubt::NotSeen => {
            "this machine has not opened it with your key yet, to see that it is whole"
        }
        Doubt::NotVerified => {
            "the authority has not opened its spare key yet, to see that it is right"
        }
        Doubt::OtherAuthority => "its spare key is with another authority",
        Doubt::OutOfReach => "the authority can't be asked",
        Doubt::UnknownDeposit => "this machine knows nothing of its spare key",
        Doubt::Unreadable => "the authority can't read its spare key any more",
    }
    .to_owned()
}

fn on_doubt(doubt: &Doubt) -> Option<&'static str> {
    match doubt {
        Doubt::Changed(Changed::OtherPayload) => {
            Some("`strongroom recover -o NEW FILE` brings it back, and leaves the file as it is")
        }
        Doubt::Changed(Changed::Grown { .. }) => {
            Some("without what was added it is whole again; or get it from a copy")
        }
        Doubt::Changed(Changed::Beginning | Changed::CutShort { .. } | Changed::End)
        | Doubt::Damaged => Some("get it back from a copy; its key is not lost"),
        Doubt::Lost | Doubt::Unreadable => Some("`strongroom sync` sends it there again"),
        Doubt::Mismatch
        | Doubt::NoPointer
        | Doubt::NotMatched
        | Doubt::OtherAuthority
        | Doubt::UnknownDeposit => {
            Some("`strongroom protect FILE` opens it with your key, and gives it a spare key")
        }
        Doubt::NoSecret => Some("`strongroom deposit --name NAME` deposits one"),
        Doubt::NotSeen => {
            Some("`strongroom status --deep FILE` does; so does `strongroom protect FILE`")
        }
        Doubt::NotVerified => Some("`strongroom authority check --all` does"),
        Doubt::OutOfReach => Some("run the same again when the authority's disk is there"),
    }
}

/// Says what is wrong with where a spare key lies, if anything.
fn place(distance: Distance) -> Option<&'static str> {
    match distance {
        Distance::AnotherDisk => None,
        Distance::CannotTell => Some("nothing shows that its spare key is on another disk"),
        Distance::InMemory => Some("its spare key is in memory, and gone at the next start"),
        Distance::SameDisk => Some("its spare key is on the same disk"),
    }
}

fn on_place(distance: Distance) -> Option<&'static str> {
    match distance {
        Distance::AnotherDisk => None,
        Distance::CannotTell => Some("if you know that it is, `--same-disk-ok` counts it"),
        Distance::InMemory | Distance::SameDisk => Some(
            "move the authority's folder to another disk, then say where: `strongroom init --authority DIR`",
        ),
    }
}

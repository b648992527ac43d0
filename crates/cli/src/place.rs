//! Where a spare lies, seen from its file, in words. That a thing is *protected* is said of no other place than another disk,
//! but to whoever says that it is all right (`--same-disk-ok`).

use strongroom_client::file::Distance;

/// Says it behind "protected, with".
pub(crate) fn with(distance: Distance) -> &'static str {
    match distance {
        Distance::AnotherDisk => "the spare key on another disk",
        Distance::CannotTell => "the spare key perhaps on the same disk",
        Distance::InMemory => "the spare key in memory",
        Distance::SameDisk => "the spare key on the same disk",
    }
}

/// Whether it is the same disk, for programs; nothing where that can't be told.
pub(crate) fn is_same_disk(distance: Distance) -> Option<bool> {
    match distance {
        Distance::AnotherDisk | Distance::InMemory => Some(false),
        Distance::CannotTell => None,
        Distance::SameDisk => Some(true),
    }
}

/// Says it at the end of a command whose spares are there.
pub(crate) fn warning(distance: Distance) -> Option<&'static str> {
    match distance {
        Distance::AnotherDisk => None,
        Distance::CannotTell => Some(
            "cannot tell whether the spare is on another disk: not shown to be protected against losing the disk",
        ),
        Distance::InMemory => Some("spare in memory, gone at the next start: not protected"),
        Distance::SameDisk => Some("spare on the same disk: not protected against losing the disk"),
    }
}

/// Returns the worse of two places.
pub(crate) fn worse(one: Distance, other: Distance) -> Distance {
    let grade = |distance| match distance {
        Distance::AnotherDisk => 0,
        Distance::CannotTell => 1,
        Distance::SameDisk => 2,
        Distance::InMemory => 3,
    };
    if grade(other) > grade(one) {
        other
    } else {
        one
    }
}

//! Whether two paths share a disk, so that one failure takes both.

#[cfg(any(target_os = "android", target_os = "linux"))]
mod linux;

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Says whether two paths lie on one disk, as far as can be told; for what does not exist yet, where it would be made.
///
/// True is certain: they share a file system, or (on Linux) the disk below their partitions, logical volumes or
/// encrypted volumes. False promises nothing: network file systems, overlays, loop devices, ZFS and the further disks
/// of a btrfs are not seen through, nor is what a virtual machine's disks lie on.
///
/// # Errors
///
/// Says why a path cannot be looked at.
pub fn same_disk(a: &Path, b: &Path) -> io::Result<bool> {
    let (a, b) = (existing(a)?, existing(b)?);
    Ok(a.1.dev() == b.1.dev() || same_hardware(&a, &b))
}

#[cfg(any(target_os = "android", target_os = "linux"))]
fn same_hardware(a: &(&Path, Metadata), b: &(&Path, Metadata)) -> bool {
    let disks = linux::disks(a.0, &a.1);
    linux::disks(b.0, &b.1)
        .iter()
        .any(|disk| disks.contains(disk))
}

#[cfg(not(any(target_os = "android", target_os = "linux")))]
fn same_hardware(_: &(&Path, Metadata), _: &(&Path, Metadata)) -> bool {
    false
}

/// Returns the path, or the nearest folder above it that exists.
fn existing(path: &Path) -> io::Result<(&Path, Metadata)> {
    for ancestor in path.ancestors() {
        // The last ancestor of a relative path is empty.
        let ancestor = if ancestor == Path::new("") {
            Path::new(".")
        } else {
            ancestor
        };
        match ancestor.metadata() {
            Ok(metadata) => return Ok((ancestor, metadata)),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::NotFound.into())
}

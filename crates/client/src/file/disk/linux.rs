//! What lies beneath a file system, as `/proc/self/mountinfo` and `/sys` tell it. What they do not tell is not known, and
//! never taken for a disk of its own.

mod mounts;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, StatxFlags, major, makedev, minor};

use self::mounts::Mount;
use super::Distance;

/// So far are volumes on volumes, and files with file systems in them, seen through.
const DEPTH_MAX: u32 = 16;

/// File systems whose files are in memory and nowhere else.
const IN_MEMORY: [&str; 5] = ["devtmpfs", "hugetlbfs", "ramfs", "rootfs", "tmpfs"];

/// Where something lies: its file system, and by which mount it is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Spot {
    /// The number of the file system's device (`st_dev`).
    device: u64,
    /// The number of the mount; nothing before Linux 5.8.
    mount: Option<u64>,
    /// Which device it is itself, if it is a block device.
    is_device: Option<u64>,
}

/// Looks where a path lies.
pub(super) fn locate(path: &Path) -> io::Result<Spot> {
    let asked = StatxFlags::BASIC_STATS | StatxFlags::MNT_ID;
    let status = rustix::fs::statx(CWD, path, AtFlags::empty(), asked)?;
    let kind = FileType::from_raw_mode(status.stx_mode.into());
    let has_mount = status.stx_mask & StatxFlags::MNT_ID.bits() != 0;
    Ok(Spot {
        device: makedev(status.stx_dev_major, status.stx_dev_minor),
        mount: has_mount.then_some(status.stx_mnt_id),
        is_device: (kind == FileType::BlockDevice)
            .then(|| makedev(status.stx_rdev_major, status.stx_rdev_minor)),
    })
}

/// What lies beneath a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Beneath {
    disks: BTreeSet<Disk>,
    /// Whether a part of it is in memory.
    forgets: bool,
    /// Whether there is something beneath that the kernel does not tell of.
    is_unknown: bool,
}

/// What fails as one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Disk {
    /// A device, by its folder in `/sys`.
    Device(PathBuf),
    /// A pool of ZFS's, by its name. Which disks are in it is not told.
    Pool(OsString),
}

impl Beneath {
    fn disk(disk: Disk) -> Self {
        Self {
            disks: BTreeSet::from([disk]),
            ..Self::default()
        }
    }

    fn memory() -> Self {
        Self {
            forgets: true,
            ..Self::default()
        }
    }

    fn unknown() -> Self {
        Self {
            is_unknown: true,
            ..Self::default()
        }
    }

    fn and(mut self, other: Self) -> Self {
        self.disks.extend(other.disks);
        self.forgets |= other.forgets;
        self.is_unknown |= other.is_unknown;
        self
    }

    fn all(parts: impl IntoIterator<Item = Self>) -> Self {
        parts
            .into_iter()
            .reduce(Self::and)
            .unwrap_or_else(Self::unknown)
    }
}

type Locate = dyn Fn(&Path) -> io::Result<Spot> + Send;

/// What the kernel told when it was asked.
pub(super) struct Kernel {
    /// Where `/sys` is.
    sys: PathBuf,
    mounts: Vec<Mount>,
    /// Looks where the path lies that the kernel named; in a test, in the test's own tree.
    locate: Box<Locate>,
    seen: RefCell<HashMap<Spot, Beneath>>,
}

impl Kernel {
    pub(super) fn look() -> Self {
        let mounts = fs::read("/proc/self/mountinfo").unwrap_or_default();
        Self::new(PathBuf::from("/sys"), &mounts, locate)
    }

    fn new(
        sys: PathBuf,
        mounts: &[u8],
        locate: impl Fn(&Path) -> io::Result<Spot> + Send + 'static,
    ) -> Self {
        Self {
            sys,
            mounts: mounts::parse(mounts),
            locate: Box::new(locate),
            seen: RefCell::default(),
        }
    }

    pub(super) fn distance(&self, spare: Spot, file: Spot) -> Distance {
        let (beneath_spare, beneath_file) = (self.beneath(spare), self.beneath(file));
        let shared = beneath_spare.disks.intersection(&beneath_file.disks).next();
        // One file system is one disk, whatever is beneath it.
        if spare.device == file.device || shared.is_some() {
            return Distance::SameDisk;
        }
        if beneath_spare.forgets {
            return Distance::InMemory;
        }
        if beneath_spare.is_unknown || beneath_file.is_unknown {
            return Distance::CannotTell;
        }
        Distance::AnotherDisk
    }

    fn beneath(&self, spot: Spot) -> Beneath {
        if let Some(seen) = self.seen.borrow().get(&spot) {
            return seen.clone();
        }
        let beneath = self.follow(spot, DEPTH_MAX);
        self.seen.borrow_mut().insert(spot, beneath.clone());
        beneath
    }

    /// Looks beneath the file system that something lies on.
    fn follow(&self, spot: Spot, depth: u32) -> Beneath {
        let Some(depth) = depth.checked_sub(1) else {
            return Beneath::unknown();
        };
        let mount = spot
            .mount
            .and_then(|id| self.mounts.iter().find(|mount| mount.id == id));
        let Some(mount) = mount else {
            return self.device(spot.device, depth);
        };
        match mount.kind.as_str() {
            kind if IN_MEMORY.contains(&kind) => Beneath::memory(),
            "btrfs" => self.btrfs(mount, depth),
            "overlay" => self.overlay(mount, depth),
            "zfs" => zfs(mount),
            // Networks' and programs' file systems have no device, and are known by nothing but a name they chose.
            _ => self.device(mount.device, depth),
        }
    }

    /// Looks beneath the path that the kernel named.
    fn follow_path(&self, path: &Path, depth: u32) -> Beneath {
        match (self.locate)(path) {
            Ok(spot) => match spot.is_device {
                Some(device) => self.device(device, depth),
                None => self.follow(spot, depth),
            },
            // In another mount namespace, or deleted.
            Err(_) => Beneath::unknown(),
        }
    }

    /// All disks of a btrfs: a mount names one, and the files may be on any.
    fn btrfs(&self, mount: &Mount, depth: u32) -> Beneath {
        let source = (self.locate)(Path::new(&mount.source));
        let Some(device) = source.ok().and_then(|source| source.is_device) else {
            return Beneath::unknown();
        };
        let named = self.folder_of(device).canonicalize().ok();
        let of_one = entries(&self.sys.join("fs/btrfs"))
            .into_iter()
            .map(|one| entries(&one.join("devices")))
            .find(|devices| {
                let mut devices = devices.iter().filter_map(|one| one.canonicalize().ok());
                devices.any(|one| Some(one) == named)
            });
        match of_one {
            Some(devices) => Beneath::all(devices.iter().map(|one| self.block(one, depth))),
            None => self.device(device, depth).and(Beneath::unknown()),
        }
    }

    /// All folders that an overlay is made of: a file may be in any.
    fn overlay(&self, mount: &Mount, depth: u32) -> Beneath {
        let layers = mount.overlay_layers();
        Beneath::all(layers.into_iter().map(|layer| match layer {
            Some(path) => self.follow_path(&path, depth),
            None => Beneath::unknown(),
        }))
    }

    fn device(&self, device: u64, depth: u32) -> Beneath {
        // Numbered by the kernel itself: nothing is mounted there that a block device holds.
        if major(device) == 0 {
            return Beneath::unknown();
        }
        self.block(&self.folder_of(device), depth)
    }

    fn folder_of(&self, device: u64) -> PathBuf {
        let name = format!("dev/block/{}:{}", major(device), minor(device));
        self.sys.join(name)
    }

    /// Looks beneath a block device, by its folder in `/sys`.
    fn block(&self, folder: &Path, depth: u32) -> Beneath {
        let (Ok(folder), Some(depth)) = (folder.canonicalize(), depth.checked_sub(1)) else {
            return Beneath::unknown();
        };
        if folder.join("partition").exists() {
            return match folder.parent() {
                Some(whole) => self.block(whole, depth),
                None => Beneath::unknown(),
            };
        }
        let name = folder.file_name().unwrap_or_default().as_bytes();
        if is_numbered(name, b"ram") || is_numbered(name, b"zram") {
            return Beneath::memory();
        }
        if is_numbered(name, b"loop") {
            return self.backing_file(&folder, depth);
        }
        let slaves = entries(&folder.join("slaves"));
        if !slaves.is_empty() {
            return Beneath::all(slaves.iter().map(|slave| self.block(slave, depth)));
        }
        match hardware(&folder) {
            Some(device) => Beneath::disk(Disk::Device(device)),
            None => Beneath::unknown(),
        }
    }

    /// Looks beneath the file that a loop device makes a disk of.
    fn backing_file(&self, folder: &Path, depth: u32) -> Beneath {
        let Ok(mut path) = fs::read(folder.join("loop/backing_file")) else {
            return Beneath::unknown();
        };
        if path.last() == Some(&b'\n') {
            path.pop();
        }
        // Another file may be there by now.
        if path.ends_with(b" (deleted)") {
            return Beneath::unknown();
        }
        self.follow_path(Path::new(&OsString::from_vec(path)), depth)
    }
}

/// Returns the device that a whole disk is: its namespaces, units and boot areas fail with it. None of what is a program's,
/// a network's, or of a driver that does not say what is beneath.
fn hardware(folder: &Path) -> Option<PathBuf> {
    let has = |part: &str| folder.components().any(|each| each.as_os_str() == part);
    let is_remote = folder.components().any(|each| {
        let name = each.as_os_str().as_bytes();
        is_numbered(name, b"session") || name.starts_with(b"rport-")
    });
    let device = folder.join("device").canonicalize();
    if has("nvme-subsystem") {
        // Disks reached over several paths; over a network, too.
        let subsystem = device.ok()?;
        let mut controllers = entries(&subsystem)
            .into_iter()
            .filter(|entry| is_numbered(entry.file_name().unwrap_or_default().as_bytes(), b"nvme"));
        let is_local = controllers.all(|controller| {
            let controller = controller.canonicalize().unwrap_or_default();
            !is_virtual(&controller)
        });
        return is_local.then_some(subsystem);
    }
    if is_virtual(folder) || has("rbd") || is_remote {
        return None;
    }
    Some(device.unwrap_or_else(|_| folder.to_path_buf()))
}

fn is_virtual(folder: &Path) -> bool {
    let mut parts = folder.components().map(Component::as_os_str);
    parts.any(|part| part == "devices") && parts.next() == Some(OsStr::new("virtual"))
}

/// A pool of ZFS's is mounted by the name of a dataset in it.
fn zfs(mount: &Mount) -> Beneath {
    let dataset = mount.source.as_bytes();
    let pool = dataset.split(|byte| *byte == b'/' || *byte == b'@').next();
    let pool = OsStr::from_bytes(pool.unwrap_or_default()).to_owned();
    Beneath::disk(Disk::Pool(pool)).and(Beneath::unknown())
}

/// Tells whether a name is a word and a number.
fn is_numbered(name: &[u8], word: &[u8]) -> bool {
    let number = name.strip_prefix(word);
    number.is_some_and(|number| !number.is_empty() && number.iter().all(u8::is_ascii_digit))
}

/// Returns what is in a folder; nothing of one that can't be read.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

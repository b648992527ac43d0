//! Trees of `/sys` and tables of mounts as kernels write them, and what is made of them.

use std::collections::HashMap;
use std::os::unix::fs::symlink;

use tempfile::TempDir;

use super::*;

/// A machine made up: its `/sys`, its mounts, and the paths that the kernel names.
struct Machine {
    folder: TempDir,
    mounts: String,
    paths: HashMap<PathBuf, Spot>,
}

impl Machine {
    /// Two disks with partitions on two controllers, and what comes beside.
    fn new() -> Self {
        let machine = Self {
            folder: tempfile::tempdir().unwrap(),
            mounts: String::new(),
            paths: HashMap::new(),
        };
        machine.disk("pci0/ata1/host0/target0/0:0:0:0/block/sda", "8:0");
        machine.disk("pci0/ata2/host1/target1/1:0:0:0/block/sdb", "8:16");
        machine.partition("pci0/ata1/host0/target0/0:0:0:0/block/sda", "sda1", "8:1");
        machine.partition("pci0/ata1/host0/target0/0:0:0:0/block/sda", "sda2", "8:2");
        machine.partition("pci0/ata2/host1/target1/1:0:0:0/block/sdb", "sdb1", "8:17");
        machine
    }

    fn sys(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap()
    }

    /// Makes a block device, and the name by which its number leads to it.
    fn device(&self, place: &str, number: &str) -> PathBuf {
        let folder = self.sys().join("devices").join(place);
        fs::create_dir_all(&folder).unwrap();
        let numbers = self.sys().join("dev/block");
        fs::create_dir_all(&numbers).unwrap();
        symlink(&folder, numbers.join(number)).unwrap();
        folder
    }

    /// A disk, which names the device that it is.
    fn disk(&self, place: &str, number: &str) {
        let folder = self.device(place, number);
        let device = folder.parent().unwrap().parent().unwrap();
        symlink(device, folder.join("device")).unwrap();
    }

    fn partition(&self, disk: &str, name: &str, number: &str) {
        let folder = self.device(&format!("{disk}/{name}"), number);
        fs::write(folder.join("partition"), "1\n").unwrap();
    }

    /// A device that lies on others, by their numbers.
    fn volume(&self, name: &str, number: &str, on: &[&str]) {
        let folder = self.device(&format!("virtual/block/{name}"), number);
        fs::create_dir_all(folder.join("slaves")).unwrap();
        for (place, below) in on.iter().enumerate() {
            let below = self.sys().join("dev/block").join(below);
            let below = below.canonicalize().unwrap();
            symlink(below, folder.join(format!("slaves/{place}"))).unwrap();
        }
    }

    fn loop_device(&self, name: &str, number: &str, file: &str) {
        let folder = self.device(&format!("virtual/block/{name}"), number);
        fs::create_dir_all(folder.join("loop")).unwrap();
        fs::write(folder.join("loop/backing_file"), format!("{file}\n")).unwrap();
    }

    /// Mounts something, and returns where what is in it lies.
    fn mount(&mut self, number: &str, kind: &str, source: &str, options: &str) -> Spot {
        let id = 100 + self.mounts.lines().count() as u64;
        self.mounts += &format!(
            "{id} 22 {number} / /mnt/{id} rw,relatime shared:{id} master:1 - {kind} {source} {options}\n"
        );
        Spot {
            device: device_number(number),
            mount: Some(id),
            is_device: None,
        }
    }

    /// What the kernel finds at a path.
    fn path(&mut self, path: &str, spot: Spot) {
        self.paths.insert(PathBuf::from(path), spot);
    }

    fn node(&mut self, path: &str, number: &str) {
        let spot = Spot {
            device: makedev(0, 6),
            mount: None,
            is_device: Some(device_number(number)),
        };
        self.path(path, spot);
    }

    fn kernel(&self) -> Kernel {
        let paths = self.paths.clone();
        Kernel::new(self.sys(), self.mounts.as_bytes(), move |path| {
            let found = paths.get(path).copied();
            found.ok_or_else(|| io::ErrorKind::NotFound.into())
        })
    }

    fn distance(&self, spare: Spot, file: Spot) -> Distance {
        self.kernel().distance(spare, file)
    }
}

fn device_number(number: &str) -> u64 {
    let (major, minor) = number.split_once(':').unwrap();
    makedev(major.parse().unwrap(), minor.parse().unwrap())
}

use Distance::{AnotherDisk, CannotTell, InMemory, SameDisk};

#[test]
fn partitions_are_told_apart_by_their_disks() {
    let mut machine = Machine::new();
    let one = machine.mount("8:1", "ext4", "/dev/sda1", "rw");
    let two = machine.mount("8:2", "xfs", "/dev/sda2", "rw");
    let other = machine.mount("8:17", "vfat", "/dev/sdb1", "rw");
    let bound = machine.mount("8:1", "ext4", "/dev/sda1", "rw");
    assert_eq!(machine.distance(one, two), SameDisk);
    assert_eq!(machine.distance(one, bound), SameDisk);
    assert_eq!(machine.distance(one, other), AnotherDisk);
    assert_eq!(machine.distance(other, two), AnotherDisk);
    // Without a table of mounts, by the device's number.
    let nameless = |spot| Spot {
        mount: None,
        ..spot
    };
    assert_eq!(
        machine.distance(nameless(one), nameless(other)),
        AnotherDisk
    );
    assert_eq!(machine.distance(nameless(one), nameless(two)), SameDisk);
}

#[test]
fn what_forgets_is_no_disk() {
    let mut machine = Machine::new();
    let disk = machine.mount("8:1", "ext4", "/dev/sda1", "rw");
    machine.device("virtual/block/zram0", "253:0");
    machine.device("virtual/block/ram3", "1:3");
    let mut forgetful = vec![
        machine.mount("253:0", "ext4", "/dev/zram0", "rw"),
        machine.mount("1:3", "ext4", "/dev/ram3", "rw"),
    ];
    for (minor, kind) in IN_MEMORY.iter().enumerate() {
        let number = format!("0:{}", 40 + minor);
        forgetful.push(machine.mount(&number, kind, kind, "rw,size=1024k"));
    }
    // A volume on memory, and a file system in a file there.
    machine.volume("dm-7", "252:7", &["253:0"]);
    forgetful.push(machine.mount("252:7", "ext4", "/dev/mapper/x", "rw"));
    let shm = forgetful[4];
    machine.path("/dev/shm/disk.img", shm);
    machine.loop_device("loop5", "7:5", "/dev/shm/disk.img");
    forgetful.push(machine.mount("7:5", "ext4", "/dev/loop5", "rw"));
    for spare in &forgetful {
        assert_eq!(machine.distance(*spare, disk), InMemory, "{spare:?}");
        // The other way about the spare lasts.
        assert_eq!(machine.distance(disk, *spare), AnotherDisk, "{spare:?}");
        assert_eq!(machine.distance(*spare, *spare), SameDisk);
    }
}

#[test]
fn volumes_are_seen_through_to_their_disks() {
    let mut machine = Machine::new();
    let disk = machine.mount("8:1", "ext4", "/dev/sda1", "rw");
    let other = machine.mount("8:17", "ext4", "/dev/sdb1", "rw");
    machine.volume("dm-0", "252:0", &["8:2"]);
    machine.volume("dm-1", "252:1", &["252:0"]);
    machine.volume("md0", "9:0", &["8:2", "8:17"]);
    machine.volume("dm-9", "252:9", &[]);
    let sealed = machine.mount("252:1", "ext4", "/dev/mapper/home", "rw");
    let mirrored = machine.mount("9:0", "ext4", "/dev/md0", "rw");
    let nothing = machine.mount("252:9", "ext4", "/dev/mapper/zero", "rw");
    assert_eq!(machine.distance(sealed, disk), SameDisk);
    assert_eq!(machine.distance(sealed, other), AnotherDisk);
    assert_eq!(machine.distance(mirrored, disk), SameDisk);
    assert_eq!(machine.distance(mirrored, other), SameDisk);
    assert_eq!(machine.distance(nothing, disk), CannotTell);
    assert_eq!(machine.distance(disk, nothing), CannotTell);
}

#[test]
fn volumes_that_name_each_other_end() {
    let mut machine = Machine::new();
    let disk = machine.mount("8:1", "ext4", "/dev/sda1", "rw");
    machine.volume("dm-0", "252:0", &[]);
    let folder = machine.sys().join("devices/virtual/block/dm-0");
    symlink("../../dm-0", folder.join("slaves/dm-0")).unwrap();
    let circle = machine.mount("252:0", "ext4", "/dev/mapper/x", "rw");
    assert_eq!(machine.distance(circle, disk), CannotTell);
}

#[test]
fn files_with_file_systems_in_them_are_followed() {
    let mut machine = Machine::new();
    let disk = machine.mount("8:1", "ext4", "/dev/sda1", "rw");
    let other = machine.mount("8:17", "ext4", "/dev/sdb1", "rw");
    machine.path("/home/with space.img", disk);
    machine.loop_device("loop0", "7:0", "/home/with space.img");
    machine.loop_device("loop1", "7:1", "/home/gone.img (deleted)");
    machine.loop_device("loop2", "7:2", "/another namespace/x.img");
    machine.device("virtual/block/loop3", "7:3");
    machine.node("/dev/sdb1", "8:17");
    machine.loop_device("loop4", "7:4", "/dev/sdb1");
    let inside = machine.mount("7:0", "ext4", "/dev/loop0", "rw");
    assert_eq!(machine.distance(inside, disk), SameDisk);
    assert_eq!(machine.distance(inside, other), AnotherDisk);
    for number in ["7:1", "7:2", "7:3"] {
        let lost = machine.mount(number, "ext4", "/dev/loop", "rw");
        assert_eq!(machine.distance(lost, disk), CannotTell, "{number}");
    }
    let on_device = machine.mount("7:4", "ext4", "/dev/loop4", "rw");
    assert_eq!(machine.distance(on_device, other), SameDisk);
    assert_eq!(machine.distance(on_device, disk), AnotherDisk);
}

#[test]
fn overlays_are_what_they_are_made_of() {
    let mut machine = Machine::new();
    let disk = machine.mount("8:1", "ext4", "/dev/sda1", "rw");
    let other = machine.mount("8:17", "ext4", "/dev/sdb1", "rw");
    let memory = machine.mount("0:50", "tmpfs", "tmpfs", "rw");
    machine.path("/lower", disk);
    machine.path("/a b", other);
    machine.path("/memory", memory);
    let mut overlay = |options: &str| machine.mount("0:60", "overlay", "overlay", options);
    let both = overlay("rw,lowerdir=/lower,upperdir=/a\\040b,workdir=/x");
    let volatile = overlay("rw,lowerdir=/lower,upperdir=/memory,workdir=/x");
    let elsewhere = overlay("rw,lowerdir=/lower:/l2,upperdir=/var/lib/docker/u,workdir=/x");
    let relative = overlay("rw,lowerdir=lower,upperdir=/a\\040b");
    let newer = overlay("rw,lowerdir+=/lower,lowerdir+=/a\\040b");
    let bare = overlay("rw");
    let third = {
        machine.disk("pci0/ata3/host2/target2/2:0:0:0/block/sdc", "8:32");
        machine.mount("8:32", "ext4", "/dev/sdc", "rw")
    };
    assert_eq!(machine.distance(both, disk), SameDisk);
    assert_eq!(machine.distance(both, other), SameDisk);
    assert_eq!(machine.distance(both, third), AnotherDisk);
    assert_eq!(machine.distance(newer, third), AnotherDisk);
    assert_eq!(machine.distance(newer, other), SameDisk);
    assert_eq!(machine.distance(volatile, third), InMemory);
    assert_eq!(machine.distance(elsewhere, disk), SameDisk);
    for unclear in [elsewhere, relative, bare] {
        assert_eq!(machine.distance(unclear, third), CannotTell);
    }
}

#[test]
fn all_disks_of_a_btrfs_count() {
    let mut machine = Machine::new();
    let disk = machine.mount("8:1", "ext4", "/dev/sda1", "rw");
    machine.disk("pci0/ata3/host2/target2/2:0:0:0/block/sdc", "8:32");
    let devices = machine.sys().join("fs/btrfs/1f2e/devices");
    fs::create_dir_all(&devices).unwrap();
    fs::create_dir_all(machine.sys().join("fs/btrfs/features")).unwrap();
    for (name, number) in [("sda2", "8:2"), ("sdb1", "8:17")] {
        let target = machine.sys().join("dev/block").join(number);
        symlink(target.canonicalize().unwrap(), devices.join(name)).unwrap();
    }
    machine.node("/dev/sdb1", "8:17");
    machine.node("/dev/sdc", "8:32");
    // A subvolume's files have a number of their own.
    let mounted = machine.mount("0:70", "btrfs", "/dev/sdb1", "rw,subvol=/home");
    let subvolume = Spot {
        device: device_number("0:71"),
        ..mounted
    };
    let third = machine.mount("8:32", "ext4", "/dev/sdc", "rw");
    assert_eq!(machine.distance(subvolume, disk), SameDisk);
    assert_eq!(machine.distance(subvolume, mounted), SameDisk);
    assert_eq!(machine.distance(subvolume, third), AnotherDisk);
    // One that `/sys` has no list of may have more disks.
    let unlisted = machine.mount("0:72", "btrfs", "/dev/sdc", "rw");
    assert_eq!(machine.distance(unlisted, third), SameDisk);
    assert_eq!(machine.distance(unlisted, disk), CannotTell);
    let missing = machine.mount("0:73", "btrfs", "/dev/gone", "rw");
    assert_eq!(machine.distance(missing, disk), CannotTell);
}

#[test]
fn datasets_of_one_pool_are_one_disk() {
    let mut machine = Machine::new();
    let disk = machine.mount("8:1", "ext4", "/dev/sda1", "rw");
    let home = machine.mount("0:80", "zfs", "tank/home", "rw,xattr");
    let spare = machine.mount("0:81", "zfs", "tank", "rw,xattr");
    let other = machine.mount("0:82", "zfs", "other/home", "rw,xattr");
    assert_eq!(machine.distance(spare, home), SameDisk);
    assert_eq!(machine.distance(spare, other), CannotTell);
    assert_eq!(machine.distance(spare, disk), CannotTell);
}

#[test]
fn networks_and_programs_are_not_seen_through() {
    let mut machine = Machine::new();
    let disk = machine.mount("8:1", "ext4", "/dev/sda1", "rw");
    machine.device("virtual/block/nbd0", "43:0");
    machine.device("rbd/0/block/rbd0", "251:0");
    machine.disk("platform/host3/session1/target3/3:0:0:1/block/sdd", "8:48");
    machine.device("virtual/block/loop", "7:99");
    let mut unclear = Vec::new();
    for (minor, kind) in [
        "nfs4",
        "cifs",
        "9p",
        "virtiofs",
        "fuse",
        "fuse.sshfs",
        "ceph",
        "ecryptfs",
        "unheard-of",
    ]
    .iter()
    .enumerate()
    {
        // A program names its source as it likes.
        unclear.push(machine.mount(&format!("0:{}", 90 + minor), kind, "/dev/sdb1", "rw"));
    }
    for number in ["43:0", "251:0", "8:48", "7:99", "8:200"] {
        unclear.push(machine.mount(number, "ext4", "/dev/x", "rw"));
    }
    for spare in unclear {
        assert_eq!(machine.distance(spare, disk), CannotTell, "{spare:?}");
        assert_eq!(machine.distance(disk, spare), CannotTell, "{spare:?}");
    }
}

#[test]
fn namespaces_and_paths_of_one_drive_are_one_disk() {
    let mut machine = Machine::new();
    let disk = machine.mount("8:1", "ext4", "/dev/sda1", "rw");
    for (name, number) in [("nvme0n1", "259:0"), ("nvme0n2", "259:1")] {
        let folder = machine.device(&format!("pci0/nvme/nvme0/{name}"), number);
        symlink(folder.parent().unwrap(), folder.join("device")).unwrap();
    }
    let one = machine.mount("259:0", "ext4", "/dev/nvme0n1", "rw");
    let two = machine.mount("259:1", "ext4", "/dev/nvme0n2", "rw");
    assert_eq!(machine.distance(one, two), SameDisk);
    assert_eq!(machine.distance(one, disk), AnotherDisk);
    // By several paths, and over a network.
    for (subsystem, number, controller) in [
        ("nvme-subsys1", "259:8", "pci0/nvme/nvme1"),
        ("nvme-subsys2", "259:9", "virtual/nvme-fabrics/ctl/nvme2"),
    ] {
        let place = format!("virtual/nvme-subsystem/{subsystem}");
        let folder = machine.device(&format!("{place}/nvme1n1"), number);
        let subsystem = folder.parent().unwrap();
        symlink(subsystem, folder.join("device")).unwrap();
        let controller = machine.sys().join("devices").join(controller);
        fs::create_dir_all(&controller).unwrap();
        let name = controller.file_name().unwrap();
        symlink(&controller, subsystem.join(name)).unwrap();
    }
    let multipath = machine.mount("259:8", "ext4", "/dev/nvme1n1", "rw");
    let remote = machine.mount("259:9", "ext4", "/dev/nvme2n1", "rw");
    assert_eq!(machine.distance(multipath, disk), AnotherDisk);
    assert_eq!(machine.distance(multipath, one), AnotherDisk);
    assert_eq!(machine.distance(remote, disk), CannotTell);
}

#[test]
fn what_no_kernel_writes_is_left_out() {
    let table = b"36 35 98:0 /m1 /m2 rw - ext4 /dev/a\\040b rw,x=\\134\n\
        \n\
        37\n\
        x 35 98:0 / / rw - ext4 /dev/a rw\n\
        38 35 98 / / rw - ext4 /dev/a rw\n\
        39 35 98:0 / / rw ext4 /dev/a rw\n\
        40 35 0:7 / / rw shared:1 - tmpfs\n";
    let mounts = mounts::parse(table);
    assert_eq!(mounts.len(), 1);
    assert_eq!(mounts[0].source, "/dev/a b");
    assert_eq!(mounts[0].kind, "ext4");
}

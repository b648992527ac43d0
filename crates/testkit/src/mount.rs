//! File systems of a test's own, as users have them: in memory, in an image, through a program. Each goes when it is dropped,
//! also when the test panics.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread::sleep;
use std::time::Duration;

use tempfile::TempDir;

/// A mounted file system, for as long as this is kept.
pub struct Mount {
    at: PathBuf,
    /// What it is of, where that is the test's own.
    folder: Option<TempDir>,
}

impl Mount {
    /// Mounts a file system that the kernel has.
    pub fn of(kind: &str, at: &Path, options: &str) -> Option<Self> {
        let mounted = run(
            "mount",
            [
                OsStr::new("-t"),
                kind.as_ref(),
                "-o".as_ref(),
                options.as_ref(),
                kind.as_ref(),
                at.as_ref(),
            ],
        );
        Self::mounted(kind, "/", at, mounted, None)
    }

    /// Mounts memory.
    pub fn tmpfs(at: &Path, options: &str) -> Option<Self> {
        Self::of("tmpfs", at, options)
    }

    /// Mounts a new disk with ext4, of so many bytes, which has a journal unless it is tiny.
    pub fn ext4(at: &Path, bytes: u64) -> Option<Self> {
        Self::disk("ext4", &["-q", "-m0"], at, bytes)
    }

    /// Mounts a new disk with XFS, of so many bytes: 300 MiB at least.
    pub fn xfs(at: &Path, bytes: u64) -> Option<Self> {
        Self::disk("xfs", &["-q"], at, bytes)
    }

    fn disk(kind: &str, options: &[&str], at: &Path, bytes: u64) -> Option<Self> {
        let (folder, image) = image(bytes);
        let arguments = options.iter().map(OsStr::new).chain([image.as_os_str()]);
        let made = run(&format!("mkfs.{kind}"), arguments);
        let mounted = made.and_then(|_| mount_image(&image, at));
        Self::mounted(kind, "/dev/loop-control", at, mounted, Some(folder))
    }

    /// Cuts the power of a disk with ext4 or XFS: what its file system has in memory alone is lost, and what of its log is not
    /// written. A cache of the disk's own is not simulated. Nothing works there before [`Self::power_on`].
    pub fn cut_power(&self) {
        // FS_IOC_GOINGDOWN without flushing the log, as xfstests' `godown` does.
        let script = "import fcntl, os, struct, sys
fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587d, struct.pack('I', 2))";
        let arguments = [OsStr::new("-c"), script.as_ref(), self.at.as_ref()];
        let done = run("python3", arguments);
        assert!(done.is_ok(), "{done:?}");
    }

    /// Mounts a disk again whose power was cut, with what its log has. Nobody may have anything open there.
    pub fn power_on(&self) {
        let image = self.folder.as_ref().unwrap().path().join(IMAGE);
        self.unmount().unwrap();
        mount_image(&image, &self.at).unwrap();
    }

    /// Mounts a new disk with NTFS, as a desktop does: whatever is there is everybody's, and `chmod` does nothing.
    pub fn ntfs(at: &Path) -> Option<Self> {
        let (folder, image) = image(16 << 20);
        let made = run(
            "mkfs.ntfs",
            [OsStr::new("-F"), "-q".as_ref(), image.as_ref()],
        );
        let mounted = made.and_then(|_| run("ntfs-3g", [image.as_os_str(), at.as_ref()]));
        Self::mounted("ntfs-3g", "/dev/fuse", at, mounted, Some(folder))
    }

    /// Shows a folder at another place, by bindfs.
    pub fn bindfs(options: &[&str], folder: &Path, at: &Path) -> Option<Self> {
        let mut arguments: Vec<&OsStr> = options.iter().map(OsStr::new).collect();
        arguments.extend([folder.as_os_str(), at.as_ref()]);
        Self::mounted("bindfs", "/dev/fuse", at, run("bindfs", arguments), None)
    }

    /// Mounts a new folder of CryFS's, which has no hard links.
    pub fn cryfs(at: &Path) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let script = format!(
            "export CRYFS_FRONTEND=noninteractive CRYFS_NO_UPDATE_CHECK=true CRYFS_LOCAL_STATE_DIR=$1/state
             mkdir $1/base && echo x | cryfs $1/base {}",
            at.display()
        );
        let arguments = [
            OsStr::new("-c"),
            script.as_ref(),
            "sh".as_ref(),
            folder.path().as_ref(),
        ];
        Self::mounted("cryfs", "/dev/fuse", at, run("sh", arguments), Some(folder))
    }

    /// Mounts a folder through sshfs, whose other end is a program here: without hard links.
    pub fn sshfs(folder: &Path, at: &Path) -> Option<Self> {
        let scripts = tempfile::tempdir().unwrap();
        let server = scripts.path().join("server");
        fs::write(&server, "#!/bin/sh\nexec /usr/lib/openssh/sftp-server\n").unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        fs::set_permissions(&server, mode).unwrap();
        let options = format!("ssh_command={},disable_hardlink", server.display());
        let source = format!("here:{}", folder.display());
        let arguments = [
            OsStr::new("-o"),
            options.as_ref(),
            source.as_ref(),
            at.as_ref(),
        ];
        Self::mounted(
            "sshfs",
            "/dev/fuse",
            at,
            run("sshfs", arguments),
            Some(scripts),
        )
    }

    /// Lets a folder be read, and not written to, whoever asks.
    pub fn read_only(folder: &Path) -> Option<Self> {
        let bound = run(
            "mount",
            [OsStr::new("--bind"), folder.as_ref(), folder.as_ref()],
        );
        let mount = Self::mounted("bind", "/", folder, bound, None)?;
        mount.remount("remount,bind,ro");
        Some(mount)
    }

    /// Mounts it anew with other options.
    pub fn remount(&self, options: &str) {
        let done = run(
            "mount",
            [OsStr::new("-o"), options.as_ref(), self.at.as_ref()],
        );
        assert!(done.is_ok(), "{done:?}");
    }

    fn unmount(&self) -> Result<Output, String> {
        // A program that has something open there may be about to end.
        for _ in 0..20 {
            if let Ok(done) = run("umount", [&self.at]) {
                return Ok(done);
            }
            sleep(Duration::from_millis(50));
        }
        run("umount", [&self.at])
    }

    #[expect(
        clippy::print_stderr,
        reason = "what is skipped is said where the test runs"
    )]
    fn mounted(
        what: &str,
        device: &str,
        at: &Path,
        mounted: Result<Output, String>,
        folder: Option<TempDir>,
    ) -> Option<Self> {
        let error = match mounted {
            Ok(_) => {
                let at = at.to_path_buf();
                return Some(Self { at, folder });
            }
            Err(error) => error,
        };
        let is_root = fs::metadata("/proc/self")
            .is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
        let can = is_root && Path::new(device).exists();
        assert!(
            !can || std::env::var_os("CI").is_none(),
            "{what} can't be mounted: {error}"
        );
        eprintln!("SKIPPED: this test mounts {what}, which can't be done here: {error}");
        None
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        if self.unmount().is_err() {
            let _ = run("umount", [OsStr::new("-l"), self.at.as_ref()]);
        }
    }
}

/// The name of a disk in its folder.
const IMAGE: &str = "disk";

fn mount_image(image: &Path, at: &Path) -> Result<Output, String> {
    let options = [OsStr::new("-o"), "loop".as_ref()];
    run(
        "mount",
        options.into_iter().chain([image.as_os_str(), at.as_ref()]),
    )
}

/// Makes an empty file that is a disk.
fn image(bytes: u64) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(IMAGE);
    fs::File::create(&path).unwrap().set_len(bytes).unwrap();
    (folder, path)
}

fn run<A: AsRef<OsStr>>(
    program: &str,
    arguments: impl IntoIterator<Item = A>,
) -> Result<Output, String> {
    let ran = Command::new(program).args(arguments).output();
    let ran = ran.map_err(|error| format!("{program}: {error}"))?;
    match ran.status.success() {
        true => Ok(ran),
        false => Err(format!(
            "{program}: {}",
            String::from_utf8_lossy(&ran.stderr)
        )),
    }
}

//! Pipes that hold more than the system gives them at first.

use std::os::fd::AsFd;

/// As much as Linux lets a user's pipe hold, unless somebody set another limit.
#[cfg(any(target_os = "android", target_os = "linux"))]
const PIPE_BYTES: usize = 1 << 20;

/// Lets a pipe hold more, so that who writes and who reads it wait less for each other. What is no pipe, or may not grow,
/// stays as it is.
pub fn widen_pipe(end: impl AsFd) {
    #[cfg(any(target_os = "android", target_os = "linux"))]
    {
        use rustix::pipe::{fcntl_getpipe_size, fcntl_setpipe_size};
        if fcntl_getpipe_size(&end).is_ok_and(|size| size < PIPE_BYTES) {
            let _ = fcntl_setpipe_size(&end, PIPE_BYTES);
        }
    }
    #[cfg(not(any(target_os = "android", target_os = "linux")))]
    let _ = end;
}

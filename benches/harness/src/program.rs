//! The server's program, and how many files this one may have open.

use std::{
    env, io,
    path::{Path, PathBuf},
    process::Command,
};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The server at `path`, or the one that cargo builds beside this program.
pub fn find(path: Option<PathBuf>) -> io::Result<PathBuf> {
    match path {
        Some(path) if path.is_file() => Ok(path),
        Some(path) => Err(io::Error::other(format!("there is no {}", path.display()))),
        None => build(),
    }
}

/// The root of the workspace.
#[must_use]
pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// Builds `hallway-server` with the profile of this program, so that it lies beside it.
pub fn build() -> io::Result<PathBuf> {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args(["build", "--quiet", "--package", "hallway-server", "--manifest-path"])
        .arg(root().join("Cargo.toml"));
    if cfg!(debug_assertions) {
        eprintln!("warning: not built with --release: the figures are of no use");
    } else {
        cargo.arg("--release");
    }
    let program = env::current_exe()?.with_file_name("hallway-server");
    if cargo.status()?.success() {
        return Ok(program);
    }
    Err(io::Error::other("cargo could not build hallway-server"))
}

/// Raises the number of files that may be open as far as this user may, and says how many that is; the servers inherit it.
pub fn raise_file_limit() -> io::Result<u64> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?;
    Ok(maximum.unwrap_or(u64::MAX))
}

//! A server under measurement: a process of its own, its CPU time and its memory.

use std::{
    env,
    fs::{self, File},
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{
    contender::Contender,
    machine::{Cores, Place},
};

/// How long a server may take to listen.
const START: Duration = Duration::from_secs(10);

/// A running server; ended when dropped.
pub(crate) struct Server {
    process: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts a server at `place` and waits until it listens. It is told its port by `PORT`, and by `QUIET_JOINS` to
    /// leave out who joined and left; Hallway has no such switch, and needs none.
    pub(crate) fn start(contender: &Contender, cores: Cores, place: Place, quiet: bool) -> io::Result<Self> {
        // Free a moment ago is the best that can be known of a port that another process is to bind.
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let log = log()?;
        let mut command = Command::new(&contender.program);
        command.args(&contender.arguments).env("PORT", port.to_string());
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::options().create(true).append(true).open(&log)?);
        if quiet {
            command.env("QUIET_JOINS", "1");
        }
        cores.move_to(place)?;
        let process = command.spawn();
        cores.move_to(Place::Client)?;
        let process = process.map_err(|error| {
            io::Error::new(error.kind(), format!("cannot start {}: {error}", contender.program.display()))
        })?;
        let mut server = Self { process, address: (Ipv4Addr::LOCALHOST, port).into() };
        let begin = Instant::now();
        while TcpStream::connect(server.address).is_err() {
            if begin.elapsed() > START || server.process.try_wait()?.is_some() {
                let error = format!("{} does not listen; see {}", contender.name, log.display());
                return Err(io::Error::other(error));
            }
            thread::sleep(Duration::from_millis(2));
        }
        Ok(server)
    }

    /// CPU time of all its threads, in nanoseconds. Exact while it sleeps; a running thread lags by up to a tick.
    pub(crate) fn cpu(&self) -> io::Result<u64> {
        let mut sum = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.process.id()))? {
            // A thread may end between the listing and the reading.
            let Ok(line) = fs::read_to_string(task?.path().join("schedstat")) else { continue };
            sum += line.split(' ').next().and_then(|nanos| nanos.parse::<u64>().ok()).unwrap_or_default();
        }
        Ok(sum)
    }

    /// Resident memory in bytes.
    pub(crate) fn resident(&self) -> io::Result<u64> {
        let line = fs::read_to_string(format!("/proc/{}/statm", self.process.id()))?;
        let pages: u64 = line.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or_default();
        Ok(pages * rustix::param::page_size() as u64)
    }
}

/// Where servers write what they have to say, beside this program.
pub(crate) fn log() -> io::Result<PathBuf> {
    Ok(env::current_exe()?.with_file_name("hallway-fanout.log"))
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

//! The signals that end the program.

use std::{future::Future, io, process, thread, time::Duration};

use tokio::sync::oneshot;

/// Resolves at the first SIGTERM or SIGINT, or SIGHUP, which a terminal that is closed sends. The second ends the process at
/// once, with 128 and its number as is usual.
#[cfg(unix)]
pub(super) fn termination() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{Signal, SignalKind, signal};

    async fn next([terminate, interrupt, hangup]: &mut [Signal; 3]) -> i32 {
        128 + tokio::select! {
            _ = terminate.recv() => SignalKind::terminate().as_raw_value(),
            _ = interrupt.recv() => SignalKind::interrupt().as_raw_value(),
            _ = hangup.recv() => SignalKind::hangup().as_raw_value(),
        }
    }

    // A thread of its own: the others may be what does not end.
    let runtime = super::serving::runtime()?;
    let mut signals = {
        let _context = runtime.enter();
        [signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?, signal(SignalKind::hangup())?]
    };
    let (first, came) = oneshot::channel();
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        runtime.block_on(async {
            next(&mut signals).await;
            // Where nobody waits for it any more the server has ended by itself.
            let _ = first.send(());
            let code = next(&mut signals).await;
            // Whoever reads the log slowly may hold the lock of stderr: nothing here may wait for it.
            thread::spawn(|| eprintln!("a second signal: ended at once"));
            thread::sleep(Duration::from_millis(100));
            process::exit(code);
        });
    })?;
    Ok(async { drop(came.await) })
}

/// That a file may not grow further (`RLIMIT_FSIZE`) is an error of the write, as a full disk is, and no reason to end without
/// a word; which is what SIGXFSZ does by default.
#[cfg(unix)]
pub(super) fn survive_file_size_limit() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};

    let runtime = super::serving::runtime()?;
    let _context = runtime.enter();
    // What it does stays so when this is dropped.
    signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw())).map(drop)
}

#[cfg(not(unix))]
pub(super) fn survive_file_size_limit() -> io::Result<()> {
    Ok(())
}

/// Resolves at the first interrupt from the keyboard.
#[cfg(not(unix))]
pub(super) fn termination() -> io::Result<impl Future<Output = ()>> {
    Ok(async { drop(tokio::signal::ctrl_c().await) })
}

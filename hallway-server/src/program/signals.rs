//! The signals that end the program.

use std::{future::Future, io, process, thread, time::Duration};

use tokio::sync::oneshot;

/// Resolves at the first SIGTERM or SIGINT. The second ends the process at once, with 128 and its number as is usual.
#[cfg(unix)]
pub(super) fn termination() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{Signal, SignalKind, signal};

    async fn next(terminate: &mut Signal, interrupt: &mut Signal) -> i32 {
        tokio::select! {
            _ = terminate.recv() => 128 + SignalKind::terminate().as_raw_value(),
            _ = interrupt.recv() => 128 + SignalKind::interrupt().as_raw_value(),
        }
    }

    // A thread of its own: the others may be what does not end.
    let runtime = super::serving::runtime()?;
    let (mut terminate, mut interrupt) = {
        let _context = runtime.enter();
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?)
    };
    let (first, came) = oneshot::channel();
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        runtime.block_on(async {
            next(&mut terminate, &mut interrupt).await;
            // Where nobody waits for it any more the server has ended by itself.
            let _ = first.send(());
            let code = next(&mut terminate, &mut interrupt).await;
            // Whoever reads the log slowly may hold the lock of stderr: nothing here may wait for it.
            thread::spawn(|| eprintln!("a second signal: ended at once"));
            thread::sleep(Duration::from_millis(100));
            process::exit(code);
        });
    })?;
    Ok(async { drop(came.await) })
}

/// Resolves at the first interrupt from the keyboard.
#[cfg(not(unix))]
pub(super) fn termination() -> io::Result<impl Future<Output = ()>> {
    Ok(async { drop(tokio::signal::ctrl_c().await) })
}

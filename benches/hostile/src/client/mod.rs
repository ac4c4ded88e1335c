//! Clients, well-behaved or not: frames by hand, on tokio's sockets.

mod chat;
mod frame;
mod pair;

use std::io;

use tokio::{runtime::Builder, sync::oneshot};

pub(crate) use self::{
    chat::{Client, Heard, Reader, dial, request, say, served, text_of},
    frame::{CLOSE, CONTINUATION, FIN, Head, PING, TEXT, put, put_head},
    pair::{Chatted, Pair},
};

/// Runs `work` in a thread and a runtime of its own, so that what the attack costs this program is not in its figures.
pub(crate) fn aside<T, F>(work: impl FnOnce() -> F + Send + 'static) -> oneshot::Receiver<io::Result<T>>
where
    T: Send + 'static,
    F: Future<Output = io::Result<T>>,
{
    let (done, outcome) = oneshot::channel();
    std::thread::spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build();
        // The row may have been given up; then nobody wants to know.
        let _ = done.send(runtime.and_then(|runtime| runtime.block_on(work())));
    });
    outcome
}

/// What was done aside, once it is done.
pub(crate) async fn joined<T>(outcome: oneshot::Receiver<io::Result<T>>) -> io::Result<T> {
    outcome.await.map_err(|_| io::Error::other("a thread of this program failed"))?
}

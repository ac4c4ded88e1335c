//! The connections that read.

use std::{
    ops::{Deref, DerefMut},
    path::Path,
    sync::{Condvar, Mutex, PoisonError},
};

use rusqlite::Connection;

use crate::{connect, error::OpenError};

/// A fixed number of connections, lent to one read at a time. A read waits for others when all are out, and never for a
/// write: each sees the file as it was at the last commit before it began.
#[derive(Debug)]
pub(crate) struct Readers {
    free: Mutex<Vec<Connection>>,
    returned: Condvar,
}

/// A connection on loan.
pub(crate) struct Reader<'r> {
    readers: &'r Readers,
    /// Always there until it is dropped.
    connection: Option<Connection>,
}

impl Readers {
    /// Opens `count` of them, one at least.
    pub(crate) fn open(path: &Path, count: usize) -> Result<Self, OpenError> {
        let free = (0..count.max(1)).map(|_| connect::read(path)).collect::<Result<_, _>>()?;
        Ok(Self { free: Mutex::new(free), returned: Condvar::new() })
    }

    /// One that nobody else has; waits for it.
    pub(crate) fn lend(&self) -> Reader<'_> {
        // A reader that panicked has left no half-done thing here: a connection is in the list or it is not.
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(connection) = free.pop() {
                return Reader { readers: self, connection: Some(connection) };
            }
            free = self.returned.wait(free).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Deref for Reader<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect("it is given back when it is dropped")
    }
}

impl DerefMut for Reader<'_> {
    fn deref_mut(&mut self) -> &mut Connection {
        self.connection.as_mut().expect("it is given back when it is dropped")
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        let Readers { free, returned } = self.readers;
        free.lock().unwrap_or_else(PoisonError::into_inner).extend(self.connection.take());
        returned.notify_one();
    }
}

//! Requests over HTTP/1.1.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::within;

/// How long a request may take.
const LIMIT: Duration = Duration::from_secs(5);

/// The status and the text that this path is answered with.
pub async fn get(address: SocketAddr, path: &str) -> io::Result<(u16, String)> {
    within(LIMIT, path, async {
        let mut stream = TcpStream::connect(address).await?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
        let (_, text) = answer.split_once("\r\n\r\n").unwrap_or_default();
        Ok((status.ok_or_else(|| io::Error::other("no status line"))?, text.to_owned()))
    })
    .await
}

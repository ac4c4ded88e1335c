//! Plain requests.

use std::{io, net::SocketAddr, time::Duration};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{dial, within};

/// How long a plain request may take.
const LIMIT: Duration = Duration::from_secs(5);

/// The request with which a client joins.
pub(crate) fn request(address: SocketAddr, room: &str, name: &str) -> String {
    // The key is the example of RFC 6455 section 1.3.
    format!(
        "GET /chat?username={name}&room={room} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
}

/// The status and the text that this path is answered with.
pub(crate) async fn get(address: SocketAddr, path: &str) -> io::Result<(u16, String)> {
    within(LIMIT, path, async {
        let mut stream = dial(address).await?;
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

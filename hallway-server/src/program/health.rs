//! Asks a server whether it serves: for containers that hold nothing but this program.

use std::{
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    time::Duration,
};

/// Fails where the server that listens on this address does not answer that it serves.
pub(super) fn check(mut address: SocketAddr) -> Result<(), Box<dyn std::error::Error>> {
    if address.ip().is_unspecified() {
        // What listens on every address listens on this one.
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    let status = ask(address).map_err(|error| format!("{address} does not answer: {error}"))?;
    if status == "HTTP/1.1 200 OK" {
        return Ok(());
    }
    Err(format!("{address} answers {status:?}").into())
}

/// The answer's first line.
fn ask(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    write!(stream, "GET /healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(MAX_ANSWER_BYTES).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned())
}

/// For each step: less than a container runtime waits for the whole.
const PATIENCE: Duration = Duration::from_secs(1);

const MAX_ANSWER_BYTES: u64 = 4 << 10;

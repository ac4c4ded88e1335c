//! Whose connection it is, where a proxy made it.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use crate::{config::Config, transport::RequestHead};

/// Whether a connection from this address is a trusted proxy's, which says in the request whose it is.
pub(crate) fn is_trusted(address: IpAddr, config: &Config) -> bool {
    let address = address.to_canonical();
    config.trusted_proxies.iter().any(|network: &IpNet| network.contains(&address))
}

/// The address that a trusted proxy's request is from: the last in `X-Forwarded-For` that is not a trusted proxy's. What
/// stands before it anybody may have written.
pub(crate) fn client(head: &RequestHead, peer: IpAddr, config: &Config) -> IpAddr {
    let mut client = peer;
    let listed = head.values("X-Forwarded-For").flat_map(|value| value.split(','));
    for item in listed.collect::<Vec<_>>().into_iter().rev() {
        let Some(address) = address(item.trim()) else { break };
        client = address;
        if !is_trusted(address, config) {
            break;
        }
    }
    client
}

/// Some write a port behind it.
fn address(text: &str) -> Option<IpAddr> {
    let address = text.parse().or_else(|_| text.parse().map(|address: SocketAddr| address.ip()));
    address.ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn client_of(headers: &str) -> String {
        let trusted_proxies = ["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().unwrap()).into();
        let config = Config { trusted_proxies, ..Config::default() };
        let head = format!("GET / HTTP/1.1\r\nHost: h\r\n{headers}\r\n");
        let head = RequestHead::read(&mut head.as_bytes()).await.unwrap();
        client(&head, "10.0.0.1".parse().unwrap(), &config).to_string()
    }

    #[tokio::test]
    async fn the_client_is_the_last_address_that_is_no_proxys() {
        assert_eq!(client_of("X-Forwarded-For: 192.0.2.1\r\n").await, "192.0.2.1");
        assert_eq!(client_of("X-Forwarded-For: 198.51.100.7, 192.0.2.1, 10.1.1.1\r\n").await, "192.0.2.1");
        assert_eq!(
            client_of("X-Forwarded-For: 192.0.2.1\r\nx-forwarded-for: 192.0.2.2,fd00::1\r\n").await,
            "192.0.2.2"
        );
        assert_eq!(client_of("X-Forwarded-For: [2001:db8::1]:4711\r\n").await, "2001:db8::1");
        assert_eq!(client_of("X-Forwarded-For: ::ffff:192.0.2.1\r\n").await, "192.0.2.1");
    }

    #[tokio::test]
    async fn what_cannot_be_read_ends_the_list_and_without_one_it_is_the_proxy() {
        for headers in ["", "X-Forwarded-For: \r\n", "X-Forwarded-For: 192.0.2.1, unknown\r\n"] {
            assert_eq!(client_of(headers).await, "10.0.0.1", "{headers}");
        }
        assert_eq!(client_of("X-Forwarded-For: unknown, 10.2.2.2\r\n").await, "10.2.2.2");
    }
}

//! Who may connect: so many in all, so many from one address, and so many that have not asked for anything yet.

use std::{
    collections::{BTreeMap, HashMap},
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use crate::{config::Config, transport::Answer};

/// The connections of a server, on all its threads.
#[derive(Debug)]
pub(crate) struct Admission {
    max_connections: usize,
    max_per_ip: Option<usize>,
    max_handshakes: usize,
    taken: Mutex<Taken>,
    handshakes: Mutex<Handshakes>,
}

#[derive(Debug, Default)]
struct Taken {
    connections: usize,
    /// Only of addresses that have some.
    by_block: HashMap<IpAddr, usize>,
}

/// Those whose request is not in yet, the oldest first.
#[derive(Debug, Default)]
struct Handshakes {
    last: u64,
    waiting: BTreeMap<u64, Arc<Notify>>,
}

/// A connection's place. Dropping it frees it.
#[derive(Debug)]
pub(crate) struct Place {
    admission: Arc<Admission>,
    client: IpAddr,
    /// Among which it is counted.
    block: Option<IpAddr>,
}

/// A connection that has not sent its request. Dropping it says that it has, or has gone.
#[derive(Debug)]
pub(crate) struct Handshaking {
    admission: Arc<Admission>,
    number: u64,
    given_up: Arc<Notify>,
}

impl Admission {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            max_connections: config.max_connections,
            max_per_ip: config.max_per_ip,
            max_handshakes: config.max_handshakes,
            taken: Mutex::default(),
            handshakes: Mutex::default(),
        }
    }

    /// A place for one more connection; boxed, because every connection has one for its whole life.
    pub(crate) fn admit(self: &Arc<Self>, peer: IpAddr) -> Result<Box<Place>, Answer> {
        let mut taken = self.taken();
        if taken.connections >= self.max_connections {
            return Err(Answer::TooManyConnections);
        }
        taken.connections += 1;
        Ok(Box::new(Place { admission: Arc::clone(self), client: peer, block: None }))
    }

    /// How many connections there are.
    pub(crate) fn connections(&self) -> usize {
        self.taken().connections
    }

    /// One more connection that has not sent its request. Where that is one too many, the oldest of them is given up:
    /// whoever means it is soon done, and so whoever does not cannot keep others out.
    pub(crate) fn begin_handshake(self: &Arc<Self>) -> Handshaking {
        let given_up = Arc::new(Notify::new());
        let mut handshakes = lock(&self.handshakes);
        handshakes.last += 1;
        let number = handshakes.last;
        handshakes.waiting.insert(number, Arc::clone(&given_up));
        if handshakes.waiting.len() > self.max_handshakes
            && let Some((_, oldest)) = handshakes.waiting.pop_first()
        {
            oldest.notify_one();
        }
        Handshaking { admission: Arc::clone(self), number, given_up }
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        lock(&self.taken)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing under these locks panics half-way.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Place {
    /// Whose connection it is, as far as is known.
    pub(crate) fn client(&self) -> IpAddr {
        self.client
    }

    /// Counts the connection among those of this address, once it is known whose it is.
    pub(crate) fn belongs_to(&mut self, client: IpAddr) -> Result<(), Answer> {
        self.client = client;
        let Some(max) = self.admission.max_per_ip.filter(|_| self.block.is_none()) else { return Ok(()) };
        let mut taken = self.admission.taken();
        let block = block(client);
        let connections = taken.by_block.entry(block).or_default();
        if *connections >= max {
            return Err(Answer::TooManyFromAddress);
        }
        *connections += 1;
        drop(taken);
        self.block = Some(block);
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.admission.taken();
        taken.connections -= 1;
        if let Some(block) = self.block
            && let Some(connections) = taken.by_block.get_mut(&block)
        {
            *connections -= 1;
            if *connections == 0 {
                taken.by_block.remove(&block);
            }
        }
    }
}

impl Handshaking {
    /// Waits until it is given up for others. Cancel safe.
    pub(crate) async fn given_up(&self) {
        self.given_up.notified().await;
    }
}

impl Drop for Handshaking {
    fn drop(&mut self) {
        lock(&self.admission.handshakes).waiting.remove(&self.number);
    }
}

/// What is counted as one address: of IPv6 the first 64 bits, because whoever has one address has all behind them.
fn block(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission(change: impl FnOnce(&mut Config)) -> Arc<Admission> {
        let mut config = Config::default();
        change(&mut config);
        Arc::new(Admission::new(&config))
    }

    fn from(admission: &Arc<Admission>, address: &str) -> Result<Box<Place>, Answer> {
        let address = address.parse().unwrap();
        let mut place = admission.admit(address)?;
        place.belongs_to(address)?;
        Ok(place)
    }

    #[test]
    fn a_place_that_is_dropped_can_be_taken_again() {
        let admission = admission(|config| config.max_connections = 1);
        let place = from(&admission, "192.0.2.1").unwrap();
        assert_eq!(from(&admission, "192.0.2.2").unwrap_err(), Answer::TooManyConnections);
        drop(place);
        assert_eq!(admission.connections(), 0);
        assert!(from(&admission, "192.0.2.2").is_ok());
    }

    #[test]
    fn one_address_has_so_many_places_and_another_has_its_own() {
        let admission = admission(|config| config.max_per_ip = Some(2));
        let first = from(&admission, "192.0.2.1").unwrap();
        let _second = from(&admission, "::ffff:192.0.2.1").unwrap();
        assert_eq!(from(&admission, "192.0.2.1").unwrap_err(), Answer::TooManyFromAddress);
        assert_eq!(admission.connections(), 2, "who is refused has no place");
        assert!(from(&admission, "192.0.2.2").is_ok());
        drop(first);
        assert!(from(&admission, "192.0.2.1").is_ok());
    }

    #[test]
    fn of_ipv6_a_network_of_64_bits_counts_as_one_address() {
        let admission = admission(|config| config.max_per_ip = Some(1));
        let _place = from(&admission, "2001:db8:0:1::1").unwrap();
        assert_eq!(from(&admission, "2001:db8:0:1:ffff::2").unwrap_err(), Answer::TooManyFromAddress);
        assert!(from(&admission, "2001:db8:0:2::1").is_ok());
    }

    #[test]
    fn nothing_is_kept_of_addresses_that_have_gone() {
        let admission = admission(|config| config.max_per_ip = Some(1));
        for number in 0..1_000_u32 {
            from(&admission, &IpAddr::from(number.to_be_bytes()).to_string()).unwrap();
        }
        assert!(admission.taken().by_block.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn of_too_many_that_ask_for_nothing_the_oldest_is_given_up() {
        let admission = admission(|config| config.max_handshakes = 2);
        let first = admission.begin_handshake();
        let second = admission.begin_handshake();
        drop(first);
        let third = admission.begin_handshake();
        let fourth = admission.begin_handshake();
        second.given_up().await;
        for not_yet in [&third, &fourth] {
            assert!(
                tokio::time::timeout(std::time::Duration::from_secs(1), not_yet.given_up()).await.is_err()
            );
        }
        drop((second, third, fourth));
        assert!(lock(&admission.handshakes).waiting.is_empty());
    }
}

//! How often an address may fail to show a good token.
//!
//! Nobody guesses 256 bits, however fast: this keeps the log and the processor from those who try. A good token gets in
//! whatever its neighbours do, so that nobody locks out others behind the same address.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Failures in a row that nobody minds: a typo, a worker that was not told of a new token.
const FREE: u32 = 10;
/// One more each.
const EVERY: Duration = Duration::from_secs(1);
/// Addresses remembered; beyond it those that failed longest ago are forgotten.
const MOST: usize = 4096;

/// Failures by address.
#[derive(Debug, Default)]
pub(crate) struct Tries {
    /// When all that an address did is forgiven.
    forgiven: Mutex<HashMap<IpAddr, Instant>>,
}

impl Tries {
    /// Counts a failure; whether it was one too many.
    pub(crate) fn too_many(&self, peer: IpAddr, now: Instant) -> bool {
        let mut forgiven = self.forgiven.lock().unwrap_or_else(PoisonError::into_inner);
        let peer = site(peer);
        if forgiven.len() >= MOST && !forgiven.contains_key(&peer) {
            make_room(&mut forgiven, now);
        }
        let at = forgiven.entry(peer).or_insert(now);
        let next = (*at).max(now) + EVERY;
        if next > now + FREE * EVERY {
            return true;
        }
        *at = next;
        false
    }
}

/// Forgets those that are forgiven, else the one that will be first.
fn make_room(forgiven: &mut HashMap<IpAddr, Instant>, now: Instant) {
    forgiven.retain(|_, at| *at > now);
    if forgiven.len() >= MOST
        && let Some(first) = forgiven.iter().min_by_key(|(_, at)| **at).map(|(peer, _)| *peer)
    {
        forgiven.remove(&first);
    }
}

/// Who has one IPv6 address has a whole network of them.
fn site(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & (u128::MAX << 64)).into(),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(number: u32) -> IpAddr {
        IpAddr::V4(number.into())
    }

    #[test]
    fn some_failures_are_free_and_time_forgives() {
        let (tries, now) = (Tries::default(), Instant::now());
        assert_eq!((0..12).filter(|_| tries.too_many(peer(1), now)).count(), 2);
        assert!(!tries.too_many(peer(2), now), "others are not meant");
        assert!(!tries.too_many(peer(1), now + EVERY));
        assert!(tries.too_many(peer(1), now + EVERY));
        assert!(!tries.too_many(peer(1), now + 20 * EVERY));
    }

    #[test]
    fn a_network_of_addresses_is_one() {
        let (tries, now) = (Tries::default(), Instant::now());
        let address = |n: u16| IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 1, n, 0, 0, 1));
        assert_eq!((0..12).filter(|n| tries.too_many(address(*n), now)).count(), 2);
    }

    #[test]
    fn memory_is_bounded_however_many_fail() {
        let (tries, now) = (Tries::default(), Instant::now());
        for number in 0..3 * MOST as u32 {
            assert!(!tries.too_many(peer(number), now));
        }
        assert_eq!(tries.forgiven.lock().unwrap().len(), MOST);
    }
}

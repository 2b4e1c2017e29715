//! IP packets with TCP segments in them, as a kernel would send them over loopback.
//!
//! ```text
//! | IPv4: 20 bytes | TCP: 20 bytes | options | data |
//! ```
//!
//! Lengths and checksums are right. Where the data was not kept the packet is cut after what was, its
//! lengths still count the whole, and its TCP checksum, which nobody can know, is 0.

use std::net::SocketAddrV4;

pub(super) const FIN: u8 = 0x01;
pub(super) const SYN: u8 = 0x02;
pub(super) const RST: u8 = 0x04;
pub(super) const PSH: u8 = 0x08;
pub(super) const ACK: u8 = 0x10;

/// The number of TCP among the protocols above IP.
const TCP: u8 = 6;

const TCP_HEADER: usize = 20;

/// How often a packet may be handed on: what kernels begin with.
const HOPS: u8 = 64;

/// Not to be cut on the way.
const DONT_FRAGMENT: u16 = 0x4000;

/// A segment of TCP.
pub(super) struct Segment<'a> {
    pub(super) from: SocketAddrV4,
    pub(super) to: SocketAddrV4,
    pub(super) seq: u32,
    pub(super) ack: u32,
    pub(super) flags: u8,
    pub(super) window: u16,
    /// Whole words of 4 bytes.
    pub(super) options: &'a [u8],
    /// As much of the data as was kept.
    pub(super) data: &'a [u8],
    /// How much it was.
    pub(super) length: u16,
}

/// The most data of one segment: that of Linux on loopback, whose packets are as long as packets can be.
pub(super) const DATA_MAX: u16 = u16::MAX - 40;

impl Segment<'_> {
    /// Appends the packet, as much as there is of it, and returns how long it is.
    pub(super) fn write(&self, out: &mut Vec<u8>) -> u32 {
        let header = u16::try_from(TCP_HEADER + self.options.len()).unwrap_or(u16::MAX);
        let length = header.saturating_add(self.length);
        let start = out.len();
        let mut sum = Sum::default();
        out.extend_from_slice(&[0x45, 0]);
        put(length.saturating_add(20), out);
        put(0, out);
        put(DONT_FRAGMENT, out);
        out.extend_from_slice(&[HOPS, TCP, 0, 0]);
        out.extend_from_slice(&self.from.ip().octets());
        out.extend_from_slice(&self.to.ip().octets());
        let mut of_header = Sum::default();
        of_header.add(&out[start..]);
        out[start + 10..start + 12].copy_from_slice(&of_header.check());
        sum.add(&out[start + 12..]);
        sum.add(&[0, TCP]);
        sum.add(&length.to_be_bytes());
        let tcp = out.len();
        self.write_tcp(out);
        if self.data.len() == usize::from(self.length) {
            sum.add(&out[tcp..]);
            out[tcp + 16..tcp + 18].copy_from_slice(&sum.check());
        }
        let ip = u32::try_from(tcp - start).unwrap_or(0);
        ip + u32::from(length)
    }

    fn write_tcp(&self, out: &mut Vec<u8>) {
        put(self.from.port(), out);
        put(self.to.port(), out);
        out.extend_from_slice(&self.seq.to_be_bytes());
        out.extend_from_slice(&self.ack.to_be_bytes());
        let words = (TCP_HEADER + self.options.len()) / 4;
        out.extend_from_slice(&[u8::try_from(words).unwrap_or(0) << 4, self.flags]);
        put(self.window, out);
        // The checksum, and the pointer to what is urgent.
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(self.options);
        out.extend_from_slice(self.data);
    }
}

fn put(number: u16, out: &mut Vec<u8>) {
    out.extend_from_slice(&number.to_be_bytes());
}

/// The checksum of the internet (RFC 1071). What is added has an even length, except the last.
#[derive(Default)]
struct Sum(u64);

impl Sum {
    fn add(&mut self, bytes: &[u8]) {
        let (pairs, rest) = bytes.as_chunks::<2>();
        self.0 += pairs.iter().map(|pair| u64::from(u16::from_be_bytes(*pair))).sum::<u64>();
        self.0 += rest.first().map_or(0, |last| u64::from(*last) << 8);
    }

    fn check(self) -> [u8; 2] {
        let mut sum = self.0;
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        (!u16::try_from(sum).unwrap_or(0)).to_be_bytes()
    }
}

//! A reader of captures that believes nothing: every length, padding and checksum is looked at.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};

pub(crate) const FIN: u8 = 1;
pub(crate) const SYN: u8 = 2;
pub(crate) const RST: u8 = 4;

/// A capture.
#[derive(Debug, Default)]
pub(crate) struct File {
    pub(crate) interfaces: Vec<String>,
    /// What addresses are called.
    pub(crate) names: BTreeMap<Ipv4Addr, String>,
    pub(crate) packets: Vec<Packet>,
}

/// A segment with what stands beside it.
#[derive(Debug, Clone)]
pub(crate) struct Packet {
    pub(crate) interface: usize,
    pub(crate) nanos: u64,
    pub(crate) comment: String,
    pub(crate) from: SocketAddrV4,
    pub(crate) to: SocketAddrV4,
    pub(crate) seq: u32,
    pub(crate) ack: u32,
    pub(crate) flags: u8,
    /// As much of the data as there is.
    pub(crate) data: Vec<u8>,
    /// How much it was.
    pub(crate) length: usize,
}

type Read<T> = Result<T, String>;

fn ensure(holds: bool, what: &str) -> Read<()> {
    if holds { Ok(()) } else { Err(what.to_owned()) }
}

fn u32_at(bytes: &[u8], at: usize) -> Read<u32> {
    let four = bytes.get(at..at + 4).ok_or("a number is cut off")?;
    Ok(u32::from_le_bytes(four.try_into().unwrap()))
}

fn u16_at(bytes: &[u8], at: usize) -> Read<u16> {
    let two = bytes.get(at..at + 2).ok_or("a number is cut off")?;
    Ok(u16::from_le_bytes(two.try_into().unwrap()))
}

impl File {
    /// Reads a whole capture.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn read(bytes: &[u8]) -> Read<File> {
        let mut file = File::default();
        let mut rest = bytes;
        while !rest.is_empty() {
            let (kind, length) = (u32_at(rest, 0)?, u32_at(rest, 4)? as usize);
            ensure(length >= 12 && length.is_multiple_of(4) && length <= rest.len(), "a length")?;
            ensure(u32_at(rest, length - 4)? as usize == length, "the length at the end")?;
            let body = &rest[8..length - 4];
            let is_first = rest.len() == bytes.len();
            ensure(is_first == (kind == 0x0A0D_0D0A), "one section, at the beginning")?;
            match kind {
                0x0A0D_0D0A => file.section(body)?,
                1 => file.interface(body)?,
                4 => file.names(body)?,
                6 => file.packet(body)?,
                other => return Err(format!("a block of kind {other}")),
            }
            rest = &rest[length..];
        }
        Ok(file)
    }

    fn section(&mut self, body: &[u8]) -> Read<()> {
        ensure(u32_at(body, 0)? == 0x1A2B_3C4D, "the byte order")?;
        ensure((u16_at(body, 4)?, u16_at(body, 6)?) == (1, 0), "the version")?;
        ensure(body[8..16] == [0xff; 8], "the section's length")?;
        options(&body[16..]).map(drop)
    }

    fn interface(&mut self, body: &[u8]) -> Read<()> {
        ensure(u16_at(body, 0)? == 101, "packets begin with IP")?;
        let options = options(&body[8..])?;
        let options: BTreeMap<u16, Vec<u8>> = options.into_iter().collect();
        ensure(options.get(&9).is_some_and(|value| value == &[9]), "nanoseconds")?;
        let name = options.get(&2).cloned().unwrap_or_default();
        self.interfaces.push(String::from_utf8(name).map_err(|_| "an interface's name")?);
        Ok(())
    }

    fn names(&mut self, body: &[u8]) -> Read<()> {
        for (code, value) in options(body)? {
            ensure(code == 1 && value.len() > 5 && value.ends_with(&[0]), "a name of an address")?;
            let (address, name) = value[..value.len() - 1].split_at(4);
            let address = Ipv4Addr::from(<[u8; 4]>::try_from(address).unwrap());
            let name = String::from_utf8(name.to_vec()).map_err(|_| "a name")?;
            ensure(self.names.insert(address, name).is_none(), "one name for each")?;
        }
        Ok(())
    }

    fn packet(&mut self, body: &[u8]) -> Read<()> {
        let interface = u32_at(body, 0)? as usize;
        ensure(interface < self.interfaces.len(), "the interface is known")?;
        let nanos = u64::from(u32_at(body, 4)?) << 32 | u64::from(u32_at(body, 8)?);
        let (captured, original) = (u32_at(body, 12)? as usize, u32_at(body, 16)? as usize);
        ensure(captured <= original, "captured of the original")?;
        let padded = 20 + captured.next_multiple_of(4);
        ensure(padded <= body.len(), "the packet is there")?;
        ensure(body[20 + captured..padded].iter().all(|byte| *byte == 0), "padding")?;
        let options = options(&body[padded..])?;
        let mut comment = String::new();
        for (code, value) in options {
            ensure(code == 1, "options of packets are comments")?;
            let text = String::from_utf8(value).map_err(|_| "a comment")?;
            ensure(!text.contains(|c: char| c.is_control()), "a comment is a line")?;
            // What happened before stands beside it, too, but is not about it.
            if !text.starts_with("at ") {
                comment = text;
            }
        }
        let bytes = &body[20..20 + captured];
        let packet = segment(bytes, original)?;
        self.packets.push(Packet { interface, nanos, comment, ..packet });
        Ok(())
    }
}

fn options(mut bytes: &[u8]) -> Read<Vec<(u16, Vec<u8>)>> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let (code, length) = (u16_at(bytes, 0)?, usize::from(u16_at(bytes, 2)?));
        let value = bytes.get(4..4 + length).ok_or("an option is cut off")?;
        let padded = 4 + length.next_multiple_of(4);
        ensure(padded <= bytes.len(), "an option's padding")?;
        bytes = &bytes[padded..];
        if code == 0 {
            ensure(length == 0 && bytes.is_empty(), "options end with their end")?;
            return Ok(found);
        }
        found.push((code, value.to_vec()));
    }
    ensure(found.is_empty(), "options have an end")?;
    Ok(found)
}

fn segment(bytes: &[u8], original: usize) -> Read<Packet> {
    let be = |at: usize| usize::from(u16::from_be_bytes([bytes[at], bytes[at + 1]]));
    ensure(bytes.len() >= 40 && bytes[0] == 0x45 && bytes[9] == 6, "an IPv4 header")?;
    ensure(sum(&[&bytes[..20]]) == 0xffff, "the checksum of IP")?;
    let address = |at: usize| Ipv4Addr::from(<[u8; 4]>::try_from(&bytes[at..at + 4]).unwrap());
    let (from, to, ip, total) = (address(12), address(16), 20, be(2));
    let mut pseudo = bytes[12..20].to_vec();
    ensure(total == original, "the packet's length is that of IP")?;
    let tcp = &bytes[ip..];
    let header = usize::from(tcp[12] >> 4) * 4;
    ensure(header >= 20 && header <= tcp.len(), "the length of TCP's header")?;
    let length = total - ip - header;
    let data = tcp[header..].to_vec();
    if data.len() == length {
        pseudo.extend([0, 6]);
        pseudo.extend(u16::try_from(total - ip).unwrap().to_be_bytes());
        ensure(sum(&[&pseudo, tcp]) == 0xffff, "the checksum of TCP")?;
    }
    let number = |at: usize| u32::from_be_bytes(tcp[at..at + 4].try_into().unwrap());
    let port = |at: usize| u16::from_be_bytes([tcp[at], tcp[at + 1]]);
    Ok(Packet {
        interface: 0,
        nanos: 0,
        comment: String::new(),
        from: SocketAddrV4::new(from, port(0)),
        to: SocketAddrV4::new(to, port(2)),
        seq: number(4),
        ack: number(8),
        flags: tcp[13],
        data,
        length,
    })
}

/// The sum of the internet's checksum, folded; 0xffff where the checksum is right.
fn sum(parts: &[&[u8]]) -> u32 {
    let mut sum = 0_u32;
    for part in parts {
        for pair in part.chunks(2) {
            sum += u32::from(u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]));
            sum = (sum & 0xffff) + (sum >> 16);
        }
    }
    sum
}

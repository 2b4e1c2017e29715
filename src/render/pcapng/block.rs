//! The blocks of a pcapng file, in little endian.
//!
//! ```text
//! block   | type: u32 | length: u32 | body, padded to 4 bytes | length: u32 |
//! option  | code: u16 | length: u16 | value, padded to 4 bytes |
//! file    section header, then names, interfaces and packets; an interface stands before its first packet
//! ```
//!
//! Options that do not fit are cut at a whole character. See the draft `draft-ietf-opsawg-pcapng`.

use std::net::Ipv4Addr;

use crate::base::Time;

const SECTION: u32 = 0x0A0D_0D0A;
const INTERFACE: u32 = 1;
const NAMES: u32 = 4;
const PACKET: u32 = 6;

/// Says that the file is in little endian, and that it is pcapng.
const MAGIC: u32 = 0x1A2B_3C4D;

/// The packets begin with their IP header, of version 4 or 6.
const LINKTYPE_RAW: u16 = 101;

/// Times are in units of 10^-9 seconds.
const NANOSECONDS: u8 = 9;

const NAME_OF_IPV4: u16 = 1;

const OPTION_COMMENT: u16 = 1;
const SECTION_APPLICATION: u16 = 4;
const INTERFACE_NAME: u16 = 2;
const INTERFACE_DESCRIPTION: u16 = 3;
const INTERFACE_RESOLUTION: u16 = 9;

/// The most bytes of a text.
const TEXT_MAX: usize = 4096;

/// Appends what the file begins with.
pub(super) fn section(application: &str, comment: &str, out: &mut Vec<u8>) {
    block(SECTION, out, |out| {
        put_u32(MAGIC, out);
        put_u16(1, out);
        put_u16(0, out);
        // How long the section is, nobody knows before its end.
        put_u32(u32::MAX, out);
        put_u32(u32::MAX, out);
        text(SECTION_APPLICATION, application, out);
        text(OPTION_COMMENT, comment, out);
        option(0, &[], out);
    });
}

/// Appends an interface; they are numbered from 0 in the order of the file.
pub(super) fn interface(name: &str, description: &str, out: &mut Vec<u8>) {
    block(INTERFACE, out, |out| {
        put_u16(LINKTYPE_RAW, out);
        put_u16(0, out);
        // Packets are as long as they are.
        put_u32(0, out);
        text(INTERFACE_NAME, name, out);
        text(INTERFACE_DESCRIPTION, description, out);
        option(INTERFACE_RESOLUTION, &[NANOSECONDS], out);
        option(0, &[], out);
    });
}

/// Appends what addresses are called.
pub(super) fn names<'a>(names: impl Iterator<Item = (Ipv4Addr, &'a str)>, out: &mut Vec<u8>) {
    block(NAMES, out, |out| {
        for (address, name) in names {
            let value = [&address.octets(), name.as_bytes(), &[0]].concat();
            option(NAME_OF_IPV4, &value, out);
        }
        option(0, &[], out);
    });
}

/// Appends a packet: `write` appends what was captured of it and says how long it was.
pub(super) fn packet(
    interface: u32,
    at: Time,
    comments: impl Iterator<Item = impl AsRef<str>>,
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> u32,
) {
    block(PACKET, out, |out| {
        put_u32(interface, out);
        let [high, low] = halves(at.as_nanos());
        put_u32(high, out);
        put_u32(low, out);
        let lengths = out.len();
        put_u32(0, out);
        put_u32(0, out);
        let start = out.len();
        let original = write(out);
        let captured = length_since(start, out);
        out[lengths..lengths + 4].copy_from_slice(&captured.to_le_bytes());
        out[lengths + 4..start].copy_from_slice(&original.max(captured).to_le_bytes());
        pad(start, out);
        let options = out.len();
        comments.for_each(|comment| text(OPTION_COMMENT, comment.as_ref(), out));
        if out.len() > options {
            option(0, &[], out);
        }
    });
}

fn block(kind: u32, out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    put_u32(kind, out);
    put_u32(0, out);
    body(out);
    let length = (length_since(start, out) + 4).to_le_bytes();
    out[start + 4..start + 8].copy_from_slice(&length);
    out.extend_from_slice(&length);
}

fn option(code: u16, value: &[u8], out: &mut Vec<u8>) {
    let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
    put_u16(code, out);
    put_u16(length, out);
    let start = out.len();
    out.extend_from_slice(&value[..usize::from(length)]);
    pad(start, out);
}

/// An option of text, in one line; none if there is nothing to say.
fn text(code: u16, value: &str, out: &mut Vec<u8>) {
    let mut line = String::with_capacity(value.len().min(TEXT_MAX));
    for c in value.chars() {
        let c = if c.is_control() { ' ' } else { c };
        if line.len() + c.len_utf8() > TEXT_MAX {
            break;
        }
        line.push(c);
    }
    if !line.is_empty() {
        option(code, line.as_bytes(), out);
    }
}

fn pad(start: usize, out: &mut Vec<u8>) {
    let length = (out.len() - start).next_multiple_of(4);
    out.resize(start + length, 0);
}

/// How much was appended; blocks are far smaller than 4 GiB, for IP packets are.
fn length_since(start: usize, out: &[u8]) -> u32 {
    u32::try_from(out.len() - start).unwrap_or(u32::MAX)
}

#[expect(clippy::cast_possible_truncation, reason = "each half is taken by itself")]
fn halves(number: u64) -> [u32; 2] {
    [(number >> 32) as u32, number as u32]
}

fn put_u16(number: u16, out: &mut Vec<u8>) {
    out.extend_from_slice(&number.to_le_bytes());
}

fn put_u32(number: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(&number.to_le_bytes());
}

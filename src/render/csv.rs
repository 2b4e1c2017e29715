//! The messages as a table of comma-separated values (RFC 4180), for spreadsheets and data frames.
//!
//! ```text
//! seq,sent,at,latency,conn,direction,from,to,protocol,summary,fate,fault,cause,length,arrived
//! ```
//!
//! A row a message, in the order of the trace; lines end in CR LF, the text is UTF-8, times are
//! microseconds. Spreadsheets take what begins with `=`, `+`, `-` or `@` for a formula, and the replies of
//! Redis begin so; and what strangers send to a server is in its summaries. So in front of such a text
//! stands an apostrophe, as there does in front of one that begins with an apostrophe: whoever takes
//! one away from each that has one gets what was there.

use std::io::{self, Write};

use crate::base::Time;
use crate::trace::{Event, EventKind, Header, Message};

/// The first row.
const COLUMNS: &str = "seq,sent,at,latency,conn,direction,from,to,protocol,summary,fate,fault,cause,length,arrived\r\n";

pub(super) fn write(
    header: &Header,
    events: impl Iterator<Item = Event>,
    out: &mut dyn Write,
) -> io::Result<()> {
    out.write_all(COLUMNS.as_bytes())?;
    let mut row = Vec::new();
    for event in events {
        if let EventKind::Message(message) = &event.kind {
            row.clear();
            write_row(header, event.at, message, &mut row);
            out.write_all(&row)?;
        }
    }
    Ok(())
}

fn write_row(header: &Header, at: Time, message: &Message, row: &mut Vec<u8>) {
    let number = |row: &mut Vec<u8>, number: u64| {
        row.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
        row.push(b',');
    };
    let time = |row: &mut Vec<u8>, time: Time| {
        time.write_micros(row);
        row.push(b',');
    };
    let text = |row: &mut Vec<u8>, text: &str| {
        write_text(text, row);
        row.push(b',');
    };
    number(row, message.seq.0);
    time(row, message.sent);
    time(row, at);
    time(row, Time::ZERO + message.latency(at));
    number(row, u64::from(message.conn.0));
    text(row, message.direction.as_str());
    text(row, header.node_name(message.from));
    text(row, header.node_name(message.to));
    text(row, &message.protocol);
    text(row, &message.summary);
    text(row, message.fate.as_str());
    text(row, message.fault.as_deref().unwrap_or_default());
    match message.cause {
        Some(cause) => number(row, cause.0),
        None => row.push(b','),
    }
    number(row, message.length);
    write_text(message.arrived.as_ref().map_or("", |arrived| &arrived.summary), row);
    row.extend_from_slice(b"\r\n");
}

/// A text as a field: not taken for a formula, and in quotes if it has to be.
fn write_text(text: &str, row: &mut Vec<u8>) {
    let guarded = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '\'']);
    let quoted = text.contains([',', '"', '\r', '\n']) || text.starts_with([' ', '\t']);
    if quoted {
        row.push(b'"');
    }
    if guarded {
        row.push(b'\'');
    }
    for part in text.split_inclusive('"') {
        row.extend_from_slice(part.as_bytes());
        if part.ends_with('"') {
            row.push(b'"');
        }
    }
    if quoted {
        row.push(b'"');
    }
}

#[cfg(test)]
mod tests {
    use super::super::Format;
    use super::super::sample::{ALICE, APP, Run, export_of, exported};
    use super::*;

    #[test]
    fn a_row_is_a_message() {
        let table = exported(Format::Csv);
        let rows: Vec<&str> = table.split("\r\n").collect();
        assert_eq!(rows[0], COLUMNS.trim_end());
        assert_eq!(
            rows[1],
            "1,200,420,220,1,request,alice,app,http,PUT /items/42,delivered,,,150,"
        );
        assert_eq!(rows[3], "3,1700,2800,1100,2,response,db,app,redis,'+OK,delivered,,2,150,");
        assert_eq!(
            rows[4],
            "4,2800,3000,200,3,request,app,cache,redis,DEL item:42,dropped,drop request,,150,"
        );
        assert_eq!(rows.len(), 1 + 11 + 1, "the header, the messages, and nothing after the last");
    }

    #[test]
    fn whatever_a_summary_says_it_stays_in_its_field() {
        for (summary, field) in [
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            ("=1+1", "'=1+1"),
            ("-ERR no, thanks", "\"'-ERR no, thanks\""),
            ("@home", "'@home"),
            ("'quoted'", "''quoted'"),
            ("\tx", "\"'\tx\""),
            ("1-1", "1-1"),
            ("é", "é"),
        ] {
            let mut run = Run::default();
            run.message((0, 0), 1, (ALICE, APP), summary, None);
            let table = export_of(Format::Csv, run.events);
            let row = table.strip_prefix(COLUMNS).unwrap();
            assert_eq!(
                row,
                format!("1,0,0,0,1,request,alice,app,http,{field},delivered,,,150,\r\n")
            );
        }
    }
}

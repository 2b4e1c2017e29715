//! The fields of an entry: what was asked, what came back, and when.

use std::time::Duration;

use base64::Engine as _;
use serde_json::{Value, json};

use super::http::{Body, Read, query};
use crate::base::Time;
use crate::trace::Message;

/// What a browser says of a body that has no type.
const NO_TYPE: &str = "x-unknown";

/// A request; `address` is that of its server, for want of a `Host`.
pub(super) fn request(request: &Message, address: &str) -> Value {
    let read = Read::new(&request.bytes);
    let [method, target, version] = request_line(request, &read);
    let host = read.header("host").unwrap_or(address);
    let url = match target {
        absolute if absolute.contains("://") => absolute.to_owned(),
        path if path.starts_with('/') => format!("http://{host}{path}"),
        "*" => format!("http://{host}/"),
        authority => format!("http://{authority}/"),
    };
    let cookies = read.all("cookie").flat_map(|line| line.split(';'));
    let cookies = cookies.filter_map(|pair| pair.trim().split_once('='));
    let cookies: Vec<Value> =
        cookies.map(|(name, value)| json!({ "name": name, "value": value })).collect();
    let query: Vec<Value> = query(target)
        .into_iter()
        .map(|(name, value)| json!({ "name": name, "value": value }))
        .collect();
    let mut fields = json!({
        "method": method,
        "url": url,
        "httpVersion": version,
        "cookies": cookies,
        "headers": headers(&read),
        "queryString": query,
        "headersSize": head_size(&read),
        "bodySize": body_size(&read, request.length),
    });
    let body = read.body(request.length);
    if !body.bytes.is_empty() {
        fields["postData"] = post_data(&read, &body);
    }
    fields
}

/// Method, target and version; where the first line was not kept, what the summary says of it.
fn request_line<'a>(message: &'a Message, read: &Read<'a>) -> [&'a str; 3] {
    if read.start[2].starts_with("HTTP/") {
        return read.start;
    }
    let (method, target) = message.summary.split_once(' ').unwrap_or((&message.summary, "/"));
    [method, target, ""]
}

/// The status of a reply, as its summary says it.
pub(super) fn status(reply: &Message) -> Option<u16> {
    let summary = reply.arrived.as_ref().map_or(&reply.summary, |arrived| &arrived.summary);
    let status = summary.split(' ').next()?.parse().ok()?;
    (100..1000).contains(&status).then_some(status)
}

fn headers(read: &Read<'_>) -> Vec<Value> {
    let pair = |(name, value): &(&str, &str)| json!({ "name": name, "value": value });
    read.headers.iter().map(pair).collect()
}

fn head_size(read: &Read<'_>) -> Value {
    read.head.map_or(json!(-1), |size| json!(size))
}

/// The size of a body on the wire.
fn body_size(read: &Read<'_>, length: u64) -> Value {
    read.head.map_or(json!(-1), |head| json!(length.saturating_sub(head as u64)))
}

fn post_data(read: &Read<'_>, body: &Body<'_>) -> Value {
    let mime = read.header("content-type").unwrap_or(NO_TYPE);
    // An archive has no way to hold what is no text in a request.
    let (text, base64) = text_or_base64(&body.bytes);
    let mut notes: Vec<String> = Vec::new();
    if let Some(base64) = base64 {
        notes.push(format!("not text; in base64: {base64}"));
    }
    notes.extend(cut_short(body));
    let mut fields = json!({ "mimeType": mime, "params": [], "text": text });
    if !notes.is_empty() {
        fields["comment"] = json!(notes.join("; "));
    }
    fields
}

fn cut_short(body: &Body<'_>) -> Option<String> {
    let kept = body.bytes.len();
    (!body.is_whole).then(|| format!("only the first {kept} bytes are in the trace"))
}

/// Bytes as text; if they are none, in base64 and an empty text.
fn text_or_base64(bytes: &[u8]) -> (&str, Option<String>) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (text, None),
        Err(_) => ("", Some(base64::engine::general_purpose::STANDARD.encode(bytes))),
    }
}

/// A reply, as it arrived.
pub(super) fn response(reply: &Message) -> Value {
    let (bytes, length) = match &reply.arrived {
        Some(arrived) => (&arrived.bytes, arrived.length),
        None => (&reply.bytes, reply.length),
    };
    let read = Read::new(bytes);
    let [version, code, reason] = match read.start[0].starts_with("HTTP/") {
        true => read.start,
        false => ["", "", ""],
    };
    let code = code.parse().ok().or_else(|| status(reply)).unwrap_or(0);
    let body = read.body(length);
    json!({
        "status": code,
        "statusText": reason,
        "httpVersion": version,
        "cookies": read.all("set-cookie").map(set_cookie).collect::<Vec<Value>>(),
        "headers": headers(&read),
        "content": content(&read, &body, length),
        "redirectURL": read.header("location").unwrap_or_default(),
        "headersSize": head_size(&read),
        "bodySize": body_size(&read, length),
    })
}

fn content(read: &Read<'_>, body: &Body<'_>, length: u64) -> Value {
    let whole = body.bytes.len() as u64;
    let on_wire = length.saturating_sub(read.head.unwrap_or(0) as u64);
    let size = if body.is_whole { whole } else { on_wire.max(whole) };
    let mime = read.header("content-type").unwrap_or(NO_TYPE);
    let mut content = json!({ "size": size, "mimeType": mime });
    if !body.bytes.is_empty() {
        let (text, base64) = text_or_base64(&body.bytes);
        match base64 {
            Some(base64) => {
                content["text"] = json!(base64);
                content["encoding"] = json!("base64");
            }
            None => content["text"] = json!(text),
        }
    }
    if let Some(note) = cut_short(body) {
        content["comment"] = json!(note);
    }
    content
}

/// What a browser says of a request without a reply.
pub(super) fn no_response() -> Value {
    json!({
        "status": 0, "statusText": "", "httpVersion": "", "cookies": [], "headers": [],
        "content": { "size": 0, "mimeType": NO_TYPE },
        "redirectURL": "", "headersSize": -1, "bodySize": -1,
    })
}

fn set_cookie(line: &str) -> Value {
    let mut parts = line.split(';').map(str::trim);
    let (name, value) = parts.next().and_then(|pair| pair.split_once('=')).unwrap_or((line, ""));
    let mut cookie = json!({ "name": name.trim(), "value": value.trim() });
    for part in parts {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        match key.to_ascii_lowercase().as_str() {
            "path" => cookie["path"] = json!(value),
            "domain" => cookie["domain"] = json!(value),
            "httponly" => cookie["httpOnly"] = json!(true),
            "secure" => cookie["secure"] = json!(true),
            _ => {}
        }
    }
    cookie
}

/// Milliseconds, exact to the nanosecond.
pub(super) fn millis(duration: Duration) -> Value {
    let nanos = duration.as_nanos();
    let text = format!("{}.{:06}", nanos / 1_000_000, nanos % 1_000_000);
    text.parse().map_or(Value::Null, Value::Number)
}

/// A moment of a run that began in the first moment of 1970, as ISO 8601 has it.
pub(super) fn iso(time: Time) -> String {
    let micros = time.as_nanos() / 1000;
    let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
    let (days, of_day) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction:06}Z")
}

/// The date so many days after 1970-01-01.
fn date(mut days: u64) -> (u64, u64, u64) {
    let is_leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let mut year = 1970;
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let february = 28 + u64::from(is_leap(year));
    let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 1;
    for length in lengths {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    (year, month, days + 1)
}

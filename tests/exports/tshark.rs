//! tshark, which reads captures as Wireshark does.

use std::path::Path;
use std::process::Command;

use looplab::render::pcapng::decode_as;
use looplab::trace::{Event, EventKind, Header};

/// A capture in a folder of its own, and how tshark is to read it.
pub(crate) struct Capture {
    folder: tempfile::TempDir,
    options: Vec<String>,
}

impl Capture {
    /// Puts a capture where tshark finds it. Ports are dynamic, so tshark is told which are those of which
    /// servers: of Redis because it has to be, of HTTP because any port may be known for something else.
    pub(crate) fn new(bytes: &[u8], header: &Header, events: &[Event]) -> Capture {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("x.pcapng"), bytes).unwrap();
        let mut options = Vec::new();
        for event in events {
            let EventKind::Listen { node, address } = &event.kind else { continue };
            let (kind, port) = (header.nodes[node.index()].kind.as_str(), address.port());
            match (kind, decode_as(kind, port)) {
                (_, Some(option)) => options.extend(option.split(' ').map(str::to_owned)),
                ("http", _) => options.extend(["-d".into(), format!("tcp.port=={port},http")]),
                _ => {}
            }
        }
        Capture { folder, options }
    }

    /// What tshark prints with these arguments. It complains about nothing.
    #[track_caller]
    pub(crate) fn read(&self, args: &[&str]) -> String {
        let file = self.folder.path().join("x.pcapng");
        tshark(
            &file,
            self.folder.path(),
            self.options.iter().map(String::as_str).chain(args.iter().copied()),
        )
    }

    /// The values of fields, a line for each packet that fits the filter.
    #[track_caller]
    pub(crate) fn fields(&self, filter: &str, fields: &[&str]) -> Vec<Vec<String>> {
        let mut args = vec!["-Y", filter, "-T", "fields"];
        fields.iter().for_each(|field| args.extend(["-e", field]));
        let text = self.read(&args);
        text.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect()
    }

    /// What tshark finds remarkable: a line each, with how grave it is in front: `Warns: 2 Sequence TCP ...`.
    #[track_caller]
    pub(crate) fn remarks(&self) -> Vec<String> {
        let text = self.read(&["-q", "-z", "expert"]);
        let (mut grave, mut remarks) = (String::new(), Vec::new());
        for line in text.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words.as_slice() {
                [word, count] if count.starts_with('(') => grave = (*word).to_owned(),
                [count, ..] if count.parse::<u32>().is_ok() => {
                    remarks.push(format!("{grave}: {}", words.join(" ")));
                }
                _ => {}
            }
        }
        remarks
    }

    /// The bytes of the first streams, each what the side that asked said and what the other one did, in
    /// hexadecimal.
    #[track_caller]
    pub(crate) fn streams(&self, count: usize) -> Vec<[String; 2]> {
        let taps: Vec<String> = (0..count).map(|n| format!("follow,tcp,raw,{n}")).collect();
        let args: Vec<&str> =
            ["-q"].into_iter().chain(taps.iter().flat_map(|tap| ["-z", tap])).collect();
        let mut streams = vec![[String::new(), String::new()]; count];
        let mut stream = 0;
        for line in self.read(&args).lines() {
            if let Some(number) = line.strip_prefix("Filter: tcp.stream eq ") {
                stream = number.parse().unwrap();
            } else if line.trim().bytes().all(|byte| byte.is_ascii_hexdigit()) {
                // What the second side says is indented.
                streams[stream][usize::from(line.starts_with('\t'))].push_str(line.trim());
            }
        }
        streams
    }
}

/// Runs tshark on a file, with all checksums checked and nobody's preferences.
#[track_caller]
pub(crate) fn tshark<'a>(
    file: &Path,
    home: &Path,
    args: impl IntoIterator<Item = &'a str>,
) -> String {
    let output = Command::new("tshark")
        .args(["-n", "-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE", "-r"])
        .arg(file)
        .args(args)
        .env("HOME", home)
        .env("XDG_CONFIG_HOME", home)
        .env("LC_ALL", "C.UTF-8")
        .output()
        .unwrap_or_else(|error| {
            panic!("tshark, which this test cannot do without: {error} (apt-get install tshark)")
        });
    let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
    let complaints: Vec<&str> =
        complaints.lines().filter(|line| !line.starts_with("Running as user \"root\"")).collect();
    assert!(output.status.success() && complaints.is_empty(), "{}", complaints.join("\n"));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

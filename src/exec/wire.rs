//! What looplab and a guard say to each other over their socket.
//!
//! ```text
//! looplab -> guard   | length: u32 BE | dir 0  argc 0  arg 0 …  KEY=VALUE 0 … |   once, then orders:
//!                    k (kill)  t (terminate)  p (pause)  r (resume)               a byte each
//! guard -> looplab   started PID \n | refused ERRNO \n, then ended code N LEFT \n | ended signal N LEFT \n
//! ```

use std::ffi::{OsStr, OsString};
use std::io::{self, Read};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::PathBuf;

use super::{Exit, Spec, StartError, Status};

/// The most bytes of a program's folder, arguments and environment together; more than a system would
/// take.
const JOB_MAX: usize = 8 * 1024 * 1024;

/// What a guard is to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Job {
    pub(super) dir: PathBuf,
    pub(super) command: Vec<OsString>,
    pub(super) env: Vec<(OsString, OsString)>,
}

/// What a guard is told to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// SIGKILL to everything, at once.
    Kill,
    /// SIGTERM to everything.
    Terminate,
    /// SIGSTOP to everything.
    Pause,
    /// SIGCONT to everything.
    Resume,
}

impl Order {
    const ALL: [(Order, u8); 4] = [
        (Order::Kill, b'k'),
        (Order::Terminate, b't'),
        (Order::Pause, b'p'),
        (Order::Resume, b'r'),
    ];

    pub(super) fn byte(self) -> u8 {
        Order::ALL.iter().find(|(order, _)| *order == self).map_or(0, |(_, byte)| *byte)
    }

    pub(super) fn of(byte: u8) -> Option<Order> {
        Order::ALL.iter().find(|(_, known)| *known == byte).map(|(order, _)| *order)
    }
}

/// What a guard says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum News {
    /// The program runs.
    Started(u32),
    /// The system does not start it: the number of its error.
    Refused(i32),
    /// It has ended, and so has all that it started.
    Ended(Exit),
}

impl News {
    pub(super) fn line(self) -> String {
        match self {
            News::Started(pid) => format!("started {pid}\n"),
            News::Refused(number) => format!("refused {number}\n"),
            News::Ended(Exit { status: Status::Code(code), left }) => {
                format!("ended code {code} {left}\n")
            }
            News::Ended(Exit { status: Status::Signal(number), left }) => {
                format!("ended signal {number} {left}\n")
            }
            News::Ended(Exit { status: Status::Lost, left }) => format!("ended lost 0 {left}\n"),
        }
    }

    pub(super) fn of(line: &str) -> Option<News> {
        let mut words = line.split_ascii_whitespace();
        let news = match words.next()? {
            "started" => News::Started(words.next()?.parse().ok()?),
            "refused" => News::Refused(words.next()?.parse().ok()?),
            "ended" => {
                let (how, number) = (words.next()?, words.next()?.parse().ok()?);
                let status = match how {
                    "code" => Status::Code(number),
                    "signal" => Status::Signal(number),
                    "lost" => Status::Lost,
                    _ => return None,
                };
                News::Ended(Exit { status, left: words.next()?.parse().ok()? })
            }
            _ => return None,
        };
        words.next().is_none().then_some(news)
    }
}

impl Job {
    /// The bytes of `spec`, as a guard reads them.
    pub(super) fn encode(spec: &Spec) -> Result<Vec<u8>, StartError> {
        if spec.command.is_empty() {
            return Err(StartError::Unfit("there is no program to start"));
        }
        let mut out = vec![0; 4];
        let mut put = |text: &[u8]| {
            if text.contains(&0) {
                return Err(StartError::Unfit("a program cannot be given text with a zero byte"));
            }
            out.extend_from_slice(text);
            out.push(0);
            Ok(())
        };
        put(spec.dir.as_os_str().as_bytes())?;
        put(spec.command.len().to_string().as_bytes())?;
        for word in &spec.command {
            put(word.as_bytes())?;
        }
        for (name, value) in &spec.env {
            if name.is_empty() || name.as_bytes().contains(&b'=') {
                return Err(StartError::Unfit("a variable's name is not empty and has no `=`"));
            }
            put(&[name.as_bytes(), b"=", value.as_bytes()].concat())?;
        }
        let length = out.len() - 4;
        if length > JOB_MAX {
            return Err(StartError::Unfit("its arguments and environment are larger than 8 MiB"));
        }
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        out[..4].copy_from_slice(&length.to_be_bytes());
        Ok(out)
    }

    /// Reads a job.
    pub(super) fn read(mut from: impl Read) -> io::Result<Job> {
        let mut length = [0; 4];
        from.read_exact(&mut length)?;
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if length > JOB_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut bytes = vec![0; length];
        from.read_exact(&mut bytes)?;
        Job::decode(&bytes).ok_or(io::ErrorKind::InvalidData.into())
    }

    fn decode(bytes: &[u8]) -> Option<Job> {
        let mut texts = bytes.strip_suffix(&[0])?.split(|byte| *byte == 0);
        let dir = PathBuf::from(OsString::from_vec(texts.next()?.to_vec()));
        let count: usize = std::str::from_utf8(texts.next()?).ok()?.parse().ok()?;
        let owned = |text: &[u8]| OsStr::from_bytes(text).to_owned();
        let command: Vec<OsString> = texts.by_ref().take(count).map(owned).collect();
        let pair = |text: &[u8]| {
            let equals = text.iter().position(|byte| *byte == b'=')?;
            Some((owned(&text[..equals]), owned(&text[equals + 1..])))
        };
        let env = texts.map(pair).collect::<Option<Vec<_>>>()?;
        (count > 0 && command.len() == count).then_some(Job { dir, command, env })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(command: &[&str], env: &[(&str, &str)]) -> Spec {
        Spec {
            guard: PathBuf::from("/g"),
            command: command.iter().map(OsString::from).collect(),
            dir: PathBuf::from("/some where"),
            env: env.iter().map(|(name, value)| (name.into(), value.into())).collect(),
            capture: 0,
        }
    }

    #[test]
    fn a_job_arrives_as_it_was_sent() {
        let cases = [
            spec(&["ls"], &[]),
            spec(&["a b", "", "ü\n"], &[("A", ""), ("B", "x=y")]),
            spec(&["x"], &[("PORT", "1")]),
        ];
        for spec in cases {
            let bytes = Job::encode(&spec).unwrap();
            let job = Job::read(bytes.as_slice()).unwrap();
            let Spec { dir, command, env, .. } = spec;
            assert_eq!(job, Job { dir, command, env });
            for cut in 0..bytes.len() {
                assert!(Job::read(&bytes[..cut]).is_err(), "cut {cut}");
            }
        }
    }

    #[test]
    fn what_no_program_can_be_given_is_refused() {
        for spec in [
            spec(&[], &[]),
            spec(&["a\0b"], &[]),
            spec(&["a"], &[("A\0", "")]),
            spec(&["a"], &[("A=B", "")]),
            spec(&["a"], &[("", "x")]),
            spec(&["a", &"x".repeat(JOB_MAX)], &[]),
        ] {
            assert!(matches!(Job::encode(&spec), Err(StartError::Unfit(_))), "{:?}", spec.env);
        }
    }

    #[test]
    fn a_length_that_is_only_announced_is_not_believed() {
        let error = Job::read([0xff, 0xff, 0xff, 0xff, 1].as_slice()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn news_and_orders_arrive_as_they_were_sent() {
        let exits = [Status::Code(0), Status::Code(-1), Status::Signal(9), Status::Lost];
        let ended = exits.map(|status| News::Ended(Exit { status, left: 3 }));
        for news in ended.into_iter().chain([News::Started(7), News::Refused(2)]) {
            assert_eq!(News::of(&news.line()), Some(news));
        }
        for line in ["", "started", "started x", "ended code 1", "ended code 1 2 3", "gone 1"] {
            assert_eq!(News::of(line), None, "{line}");
        }
        for (order, _) in Order::ALL {
            assert_eq!(Order::of(order.byte()), Some(order));
        }
        assert_eq!(Order::of(b'x'), None);
    }
}

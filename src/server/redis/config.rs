//! What `CONFIG GET` shows, and the little that `CONFIG SET` changes.

use super::engine::{DATABASES, Settings};
use super::limits::{MAILBOX_BYTES_MAX, MEMORY_BYTES_MAX};
use super::refusal::Refusal;
use crate::base::glob;
use crate::protocol::resp::BULK_BYTES_MAX;

/// A parameter: its name, its value, and whether it may be set.
#[derive(Debug, Clone)]
struct Parameter {
    name: &'static str,
    value: String,
    settable: bool,
}

/// The parameters, in order of their names.
#[derive(Debug)]
pub(super) struct Config {
    parameters: Vec<Parameter>,
    port: u16,
    memory_bytes_max: usize,
}

/// Those with a fixed value that tell the truth about this server, and those that may be set but
/// change nothing that a client could see.
const PARAMETERS: [(&str, &str, bool); 38] = [
    ("activerehashing", "yes", true),
    ("appendfsync", "everysec", true),
    ("appendonly", "no", false),
    ("bind", "127.0.0.1 ::1", false),
    ("cluster-enabled", "no", false),
    ("daemonize", "no", false),
    ("dbfilename", "dump.rdb", false),
    ("dir", "/", false),
    ("hash-max-listpack-entries", "512", false),
    ("hash-max-listpack-value", "64", false),
    ("hash-max-ziplist-entries", "512", false),
    ("hash-max-ziplist-value", "64", false),
    ("hz", "10", true),
    ("io-threads", "1", false),
    ("latency-tracking", "no", true),
    ("lazyfree-lazy-eviction", "no", true),
    ("lazyfree-lazy-expire", "no", true),
    ("list-max-listpack-size", "-2", false),
    ("loglevel", "notice", true),
    ("lua-time-limit", "5000", true),
    ("maxclients", "20000", false),
    ("maxmemory", "0", true),
    ("maxmemory-policy", "noeviction", false),
    ("notify-keyspace-events", "", false),
    ("protected-mode", "no", true),
    ("requirepass", "", true),
    ("save", "", true),
    ("set-max-intset-entries", "512", false),
    ("set-max-listpack-entries", "128", false),
    ("set-max-listpack-value", "64", false),
    ("slowlog-log-slower-than", "10000", true),
    ("slowlog-max-len", "128", true),
    ("stop-writes-on-bgsave-error", "yes", true),
    ("tcp-keepalive", "0", true),
    ("timeout", "0", false),
    ("tls-port", "0", false),
    ("zset-max-listpack-entries", "128", false),
    ("zset-max-listpack-value", "64", false),
];

impl Config {
    pub(super) fn new(settings: Settings) -> Config {
        let fixed = PARAMETERS.map(|(name, value, settable)| Parameter {
            name,
            value: value.to_owned(),
            settable,
        });
        let computed = [
            ("client-output-buffer-limit", format!("pubsub {MAILBOX_BYTES_MAX} 0 0")),
            ("databases", DATABASES.to_string()),
            ("port", settings.port.to_string()),
            ("proto-max-bulk-len", BULK_BYTES_MAX.to_string()),
        ];
        let computed = computed.map(|(name, value)| Parameter { name, value, settable: false });
        let mut parameters: Vec<Parameter> = fixed.into_iter().chain(computed).collect();
        parameters.sort_by_key(|parameter| parameter.name);
        let mut config =
            Config { parameters, port: settings.port, memory_bytes_max: MEMORY_BYTES_MAX };
        if let (Some(password), Some(slot)) = (settings.password, config.slot("requirepass")) {
            slot.value = password;
        }
        config
    }

    fn slot(&mut self, name: &str) -> Option<&mut Parameter> {
        self.parameters.iter_mut().find(|parameter| parameter.name == name)
    }

    fn value(&self, name: &str) -> &str {
        self.parameters.iter().find(|p| p.name == name).map_or("", |p| &p.value)
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// The password, if one must be given.
    pub(super) fn password(&self) -> Option<&str> {
        Some(self.value("requirepass")).filter(|password| !password.is_empty())
    }

    /// What the databases may hold; never more than [`MEMORY_BYTES_MAX`].
    pub(super) fn memory_bytes_max(&self) -> usize {
        self.memory_bytes_max
    }

    /// The names and values of the parameters whose names match one of `patterns`.
    pub(super) fn matching<'a>(
        &self,
        patterns: impl Iterator<Item = &'a [u8]>,
    ) -> Vec<(&'static str, &str)> {
        let patterns: Vec<Vec<u8>> = patterns.map(<[u8]>::to_ascii_lowercase).collect();
        self.parameters
            .iter()
            .filter(|p| patterns.iter().any(|pattern| glob(pattern, p.name.as_bytes())))
            .map(|p| (p.name, p.value.as_str()))
            .collect()
    }

    /// Sets a parameter.
    pub(super) fn set(&mut self, name: &[u8], value: &[u8]) -> Result<(), Refusal> {
        let lower = name.to_ascii_lowercase();
        let Some(slot) = self.parameters.iter_mut().find(|p| p.name.as_bytes() == lower) else {
            return Err(Refusal::quoting(
                "ERR Unknown option or number of arguments for CONFIG SET - '",
                name,
                "'",
            ));
        };
        let refuse = |name: &str, why: &str| {
            Err(Refusal::owned(format!(
                "ERR CONFIG SET failed (possibly related to argument '{name}') - {why}"
            )))
        };
        if !slot.settable {
            return refuse(slot.name, "can't set immutable config");
        }
        let value = String::from_utf8_lossy(value);
        slot.value = match slot.name {
            "maxmemory" => match memory(&value) {
                Some(bytes) => {
                    let limit = usize::try_from(bytes).ok().filter(|bytes| *bytes > 0);
                    self.memory_bytes_max = MEMORY_BYTES_MAX.min(limit.unwrap_or(usize::MAX));
                    bytes.to_string()
                }
                None => return refuse(slot.name, "argument must be a memory value"),
            },
            _ => value.into_owned(),
        };
        Ok(())
    }
}

/// `100`, `100k`, `100kb`, `100mb`, ... in bytes, as in `redis.conf`.
fn memory(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor: u64 = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" => 1000,
        "kb" => 1024,
        "m" => 1_000_000,
        "mb" => 1 << 20,
        "g" => 1_000_000_000,
        "gb" => 1 << 30,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(factor)
}

//! The limits of a server; those of the protocol stand in [`crate::protocol::resp`].

/// The most that all databases together may hold, whatever `maxmemory` says: 1 GiB. Beyond it
/// commands that could need more are refused with `OOM`, as Redis does at `maxmemory`.
pub const MEMORY_BYTES_MAX: usize = 1 << 30;
/// The longest string that a command may make: as long as one that can be sent.
pub const TEXT_BYTES_MAX: usize = crate::protocol::resp::BULK_BYTES_MAX;
/// The longest reply of one command: 120 MiB, so that a transaction's stays below what our own client
/// reads. A longer one is replaced by an error.
pub const REPLY_BYTES_MAX: usize = crate::protocol::resp::FRAME_BYTES_MAX - (8 << 20);
/// The most that may lie ready for a client that does not read: 32 MiB, as in Redis for subscribers.
/// Beyond it the client is disconnected.
pub const MAILBOX_BYTES_MAX: usize = 32 << 20;
/// The most bytes of commands between `MULTI` and `EXEC`, each with [`QUEUED_OVERHEAD`].
pub const QUEUED_BYTES_MAX: usize = 64 << 20;
/// What a queued command is taken to cost beyond its words.
pub const QUEUED_OVERHEAD: usize = 96;
/// The most channels, patterns and watched keys of one client.
pub const SUBSCRIPTIONS_MAX: usize = 100_000;
/// The most bytes of the names that one client listens to or watches: 16 MiB.
pub const NAMES_BYTES_MAX: usize = 16 << 20;
/// The longest name that a client may give itself, its library or its library's version.
pub const CLIENT_NAME_BYTES_MAX: usize = 1024;
/// The most elements that one command may draw by chance with repetition.
pub const DRAWS_MAX: u64 = 1 << 20;
/// How many keys whose time has come are swept away per command and database; the others are gone
/// for readers all the same.
pub const SWEEP_KEYS: usize = 20;
/// A batch of commands ends when their replies amount to this much, and they are sent.
pub const BATCH_BYTES: usize = 256 << 10;
/// The most commands of one connection that are executed before others have their turn.
pub const BATCH_COMMANDS: usize = 1024;
/// Beyond this nothing is read from a client that waits for an element.
pub const WAITING_BYTES_MAX: usize = 1 << 20;
/// Room that an idle connection keeps for input, and as much for output.
pub const KEPT_BYTES: usize = 4 << 10;

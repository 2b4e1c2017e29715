//! What an http server puts up with, and for how long.

use std::time::Duration;

/// The longest head of a request: its first line and its headers. Beyond it, 431.
pub(super) const HEAD_MAX: usize = 64 * 1024;

/// The longest target of a request (path and query). Beyond it, 414.
pub(super) const TARGET_MAX: usize = 8 * 1024;

/// The most headers of a request. Beyond it, 431.
pub(super) const HEADERS_MAX: usize = 100;

/// The longest body of a request that the server itself reads. Beyond it, 413, at once if the length
/// was announced. Bodies that are handed on by `proxy_to` have no limit.
pub(super) const BODY_MAX: usize = 16 * 1024 * 1024;

/// The longest body that is looked into as JSON, whose values take several times its size. A longer
/// one counts as no JSON.
pub(super) const JSON_MAX: usize = 4 * 1024 * 1024;

/// The longest line that announces a chunk, extensions included.
pub(super) const CHUNK_LINE_MAX: usize = 256;

/// The most bytes of trailers after the last chunk; they are read and dropped.
pub(super) const TRAILERS_MAX: usize = 8 * 1024;

/// How long a request's head may take from its first byte, and how long its body may pause. After
/// that, 408. A connection between two requests may be idle for as long as it likes.
pub(super) const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a connection that the server closes still takes what its client sends, so that the answer
/// is not destroyed by a reset on its way.
pub(super) const LINGER: Duration = Duration::from_secs(2);

/// How long an answer that its client does not take may hold up a server that is to stop.
pub(super) const STOP_GRACE: Duration = Duration::from_secs(1);

/// The longest body that is copied behind its head and sent with it in one piece.
pub(super) const INLINE_MAX: usize = 16 * 1024;

/// How many bytes of answers to pipelined requests are gathered before they are sent.
pub(super) const OUTPUT_MAX: usize = 64 * 1024;

/// The size of a buffer that a connection keeps while it waits.
pub(super) const KEEP_MAX: usize = 4 * 1024;

/// The size of the chunks that `chunked: true` is sent in.
pub(super) const CHUNK: usize = 8 * 1024;

/// The most items of a collection. Beyond it, 507.
pub(super) const ITEMS_MAX: usize = 100_000;

/// The most bytes of all items of a collection, as JSON. Beyond it, 507.
pub(super) const ITEMS_BYTES_MAX: usize = 64 * 1024 * 1024;

/// How much of an answer that is handed back may be buffered.
pub(super) const UPSTREAM_BUFFER: usize = 64 * 1024;

/// How often a request may pass the same proxy before it is taken for going round in circles: 508.
pub(super) const HOPS_MAX: usize = 10;

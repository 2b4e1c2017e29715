//! The verbs of faults, each with what the reference says of it.

use super::super::super::form::{Entry, Fields, Variant};
use super::{Stated, links, messages, nodes};

type Reader = fn(&mut Fields<'_, '_>, &'static str) -> Option<Stated>;

const fn verb(
    keys: &'static [&'static str],
    name: &'static str,
    doc: &'static str,
    example: &'static str,
    fields: Reader,
) -> Variant<Stated> {
    Variant { keys, last: false, entry: Entry { name, doc, example }, fields }
}

/// Those of bytes and connections, of messages, of the network, of nodes.
pub(super) static VERBS: [Variant<Stated>; 26] = [
    verb(
        &["latency"],
        "latency fault",
        "Everything takes longer, on top of the link's own latency.",
        "fault: { latency: 200ms, jitter: 50ms, from: app, to: db, direction: response, probability: 30% }",
        links::latency,
    ),
    verb(
        &["bandwidth"],
        "bandwidth fault",
        "No more than so much a second passes, of each connection and direction.",
        "fault: { bandwidth: 64KiB/s, to: app, direction: response }",
        links::bandwidth,
    ),
    verb(
        &["slice"],
        "slice fault",
        "What is sent at once arrives in pieces: TCP is a stream.",
        "fault: { slice: 10, to: echo }\nfault: { slice: { size: 10, variation: 5, delay: 1ms } }",
        links::slice,
    ),
    verb(
        &["corrupt"],
        "corrupt fault",
        "Bits are flipped.",
        "fault: { corrupt: 0.1%, to: echo }\nfault: { corrupt: { offset: 0, bits: 0xff }, to: db, match: \"SET *\" }",
        links::corrupt,
    ),
    verb(
        &["limit"],
        "limit fault",
        "So many bytes pass in each direction of a connection, then it is closed.",
        "fault: { limit: 1KiB, to: app }",
        links::limit,
    ),
    verb(
        &["slow_close"],
        "slow_close fault",
        "The end of a direction comes later.",
        "fault: { slow_close: 1s, to: app }",
        links::slow_close,
    ),
    verb(
        &["reset"],
        "reset fault",
        "Connections are broken off for both sides (RST), also those that are open and idle; with \
         `match` and its like, when such a message is sent.",
        "fault: { reset: true, to: db }\nfault: { reset: 2s, from: app, nth: 3 }",
        links::reset,
    ),
    verb(
        &["blackhole"],
        "blackhole fault",
        "Connections are accepted, and nothing comes through.",
        "fault: { blackhole: true, to: db, for: 5s }\nfault: { blackhole: { close_after: 5s }, to: db }",
        links::blackhole,
    ),
    verb(
        &["refuse"],
        "refuse fault",
        "Connecting is refused.",
        "fault: { refuse: true, to: db, first: 2 }",
        links::refuse,
    ),
    verb(
        &["slow_connect"],
        "slow_connect fault",
        "Connecting takes longer.",
        "fault: { slow_connect: 2s, to: db }",
        links::slow_connect,
    ),
    verb(
        &["half_close"],
        "half_close fault",
        "A direction ends for its receiver (FIN); the other goes on.",
        "fault: { half_close: request, from: app, to: db }",
        links::half_close,
    ),
    verb(
        &["drop"],
        "drop fault",
        "The message is missing as a whole.",
        "fault: { drop: request, to: cache, match: \"DEL *\" }\n\
         fault: { drop: response, from: app, to: db, match: \"SET *\", nth: 3 }",
        messages::drop,
    ),
    verb(
        &["duplicate"],
        "duplicate fault",
        "The message arrives more than once. The link takes the replies to the copies, so that replies \
         go on to fit requests, unless `replies: all` lets them through.",
        "fault: { duplicate: request, times: 2, to: app, method: POST }",
        messages::duplicate,
    ),
    verb(
        &["delay"],
        "delay fault",
        "The message comes later, and so does what stands behind it.",
        "fault: { delay: 500ms, to: db, match: \"GET *\", every: 10 }",
        messages::delay,
    ),
    verb(
        &["reorder"],
        "reorder fault",
        "The message comes after the next ones, or when it has waited for them long enough.",
        "fault: { reorder: 2, within: 50ms, to: queue, first: 1 }",
        messages::reorder,
    ),
    verb(
        &["truncate"],
        "truncate fault",
        "Only the beginning of the message arrives.",
        "fault: { truncate: 10, then: close, to: app, direction: response }",
        messages::truncate,
    ),
    verb(
        &["replace"],
        "replace fault",
        "Other bytes arrive in its place. They must be one whole message of the protocol.",
        "fault: { replace: { text: \"-LOADING try again\\r\\n\" }, to: db, direction: response, first: 3 }",
        messages::replace,
    ),
    verb(
        &["edit"],
        "edit fault",
        "Parts of the message are others; its framing stays sound.",
        "fault: { edit: { status: 503, headers: { retry-after: \"1\" } }, to: app, path: /items }",
        messages::edit,
    ),
    verb(
        &["hold"],
        "hold fault",
        "The message is kept back, and what stands behind it, until it is released or the fault is \
         over.",
        "fault: { name: stuck, hold: request, to: db, match: \"SET *\" }",
        messages::hold,
    ),
    verb(
        &["partition"],
        "partition fault",
        "Nothing passes between the sides.",
        "fault: { partition: [app, cache], for: 100ms }\n\
         fault: { partition: [[n1, n2], [n3, n4, n5]] }\n\
         fault: { partition: { from: app, to: db } }\n\
         fault: { partition: majority, of: [n1, n2, n3] }\n\
         fault: { partition: ring, of: [n1, n2, n3, n4, n5] }\n\
         fault: { partition: [app, db], flap: { every: 200ms, open: 50% }, traffic: lose }",
        nodes::partition,
    ),
    verb(
        &["isolate"],
        "isolate fault",
        "Each of these nodes is cut off from everybody.",
        "fault: { isolate: db, for: 1s }",
        nodes::isolate,
    ),
    verb(
        &["crash"],
        "crash fault",
        "The server is gone: its connections are reset, its port is closed, its memory is lost but for \
         what is `durable`. With `for` it restarts by itself, on the same port.",
        "fault: { crash: db, for: 2s }",
        nodes::crash,
    ),
    verb(
        &["pause"],
        "pause fault",
        "The node stands still: nothing read, nothing written, no timers, as in a long garbage \
         collection. With `for` it goes on by itself.",
        "fault: { pause: app, for: 500ms }",
        nodes::pause,
    ),
    verb(
        &["slow"],
        "slow fault",
        "Everything that takes the server time takes longer.",
        "fault: { slow: db, times: 10 }\nfault: { slow: [db, cache], plus: 20ms }",
        nodes::slow,
    ),
    verb(
        &["skew"],
        "skew fault",
        "The node's clock is wrong, and so are its timeouts and what expires by it.",
        "fault: { skew: db, ahead: 10s }\nfault: { skew: alice, behind: 1s, rate: 0.5 }",
        nodes::skew,
    ),
    verb(
        &["disk_full"],
        "disk_full fault",
        "What would change the durable data of a server fails.",
        "fault: { disk_full: db }",
        nodes::disk_full,
    ),
];

//! `history:` checks: by which criterion operations are judged, and against which model.
//!
//! A model is a set of *functions*: what `op: { f: … }` may say. Several words may stand for one function;
//! the first one is the one that messages use.

use crate::base::Located;

use super::Dynamic;

/// `history: linearizable, model: register`: what must hold of the operations of a run.
#[derive(Debug, Clone)]
pub struct HistoryCheck {
    /// `history:`.
    pub criterion: Located<Criterion>,
    /// `model:`; if the criterion knows only one, that one.
    pub model: ModelKind,
    /// `initial:`, what a register holds (or a counter counts) before the first operation.
    pub initial: Option<Dynamic>,
    /// `client:`, whose operations; empty is everybody's.
    pub clients: Vec<Located<String>>,
    /// `key:`, on which keys; empty is all of them.
    pub keys: Vec<Located<String>>,
    /// `f:`, which functions; empty is all of them.
    pub functions: Vec<Located<String>>,
    /// `reads: final`: only reads that began when every other operation had ended count.
    pub only_final_reads: bool,
    /// `level:` or `prohibit:`, for transactions.
    pub isolation: Isolation,
    /// `budget:`, how many steps the search for an order may take.
    pub budget: u64,
}

/// By which rule a history is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Criterion {
    /// One order of all operations on a key, that keeps to real time, explains every result.
    Linearizable,
    /// One order of all operations, that keeps to each client's own order, explains every result.
    Sequential,
    /// A client reads what it wrote itself, or something newer.
    ReadYourWrites,
    /// A client never reads something older than it has read before.
    MonotonicReads,
    /// The writes of a client are seen in its order.
    MonotonicWrites,
    /// Who sees a write sees what its writer had read before.
    WritesFollowReads,
    /// What may have caused an operation is seen before it.
    Causal,
    /// Every element that was added is in every read from some moment on.
    SetFull,
    /// Every read is a sum that the additions can explain.
    Counter,
    /// No id is given out twice.
    UniqueIds,
    /// An offset holds one message, and no message that was acknowledged is passed over.
    KafkaLog,
    /// Transactions show none of the anomalies that an isolation level prohibits.
    Transactions,
}

impl Criterion {
    /// All criteria with their words.
    pub const ALL: [(&'static str, Criterion); 12] = [
        ("linearizable", Criterion::Linearizable),
        ("sequential", Criterion::Sequential),
        ("read-your-writes", Criterion::ReadYourWrites),
        ("monotonic-reads", Criterion::MonotonicReads),
        ("monotonic-writes", Criterion::MonotonicWrites),
        ("writes-follow-reads", Criterion::WritesFollowReads),
        ("causal", Criterion::Causal),
        ("set-full", Criterion::SetFull),
        ("counter", Criterion::Counter),
        ("unique-ids", Criterion::UniqueIds),
        ("kafka-log", Criterion::KafkaLog),
        ("transactions", Criterion::Transactions),
    ];

    /// Its word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Criterion::ALL.iter().find(|(_, one)| *one == self).map_or("", |(word, _)| word)
    }

    /// The models it can judge by; where there is but one, nobody need name it.
    #[must_use]
    pub fn models(self) -> &'static [ModelKind] {
        match self {
            Criterion::Linearizable | Criterion::Sequential => &[
                ModelKind::Register,
                ModelKind::CasRegister,
                ModelKind::Counter,
                ModelKind::Queue,
                ModelKind::Set,
                ModelKind::Lock,
                ModelKind::AppendLog,
            ],
            Criterion::ReadYourWrites
            | Criterion::MonotonicReads
            | Criterion::MonotonicWrites
            | Criterion::WritesFollowReads
            | Criterion::Causal => &[ModelKind::Register],
            Criterion::SetFull => &[ModelKind::Set],
            Criterion::Counter => &[ModelKind::Counter],
            Criterion::UniqueIds => &[ModelKind::Ids],
            Criterion::KafkaLog => &[ModelKind::KafkaLog],
            Criterion::Transactions => &[ModelKind::ListAppend, ModelKind::RwRegister],
        }
    }
}

/// What the operations are done to; each key is one of it by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ModelKind {
    /// One value.
    Register,
    /// One value that can also be compared and set.
    CasRegister,
    /// A number.
    Counter,
    /// First in, first out.
    Queue,
    /// Elements, each of them once.
    Set,
    /// Held by one client at a time.
    Lock,
    /// A list that grows at its end.
    AppendLog,
    /// Transactions over lists that grow at their ends.
    ListAppend,
    /// Transactions over registers.
    RwRegister,
    /// A place where ids are given out.
    Ids,
    /// A log with offsets, sent to and polled.
    KafkaLog,
}

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Function {
    /// Looks.
    Read,
    /// Puts a value in place of the one before.
    Write,
    /// Takes the value away.
    Delete,
    /// `[from, to]`: puts `to` in the place of `from`, and nothing in the place of anything else.
    Cas,
    /// Adds to a number, or to a set.
    Add,
    /// Subtracts from a number.
    Subtract,
    /// Takes out of a set.
    Remove,
    /// Puts at a queue's end.
    Enqueue,
    /// Takes from a queue's head.
    Dequeue,
    /// Takes a lock.
    Acquire,
    /// Gives a lock back.
    Release,
    /// Puts at a log's end.
    Append,
    /// Several reads and writes as one.
    Txn,
    /// Asks for an id.
    Generate,
    /// Sends to a log.
    Send,
    /// Reads a log from where the client stands.
    Poll,
    /// Puts the client somewhere else in its logs.
    Seek,
    /// Is part of the trade and says nothing of order.
    Aside,
}

/// A function and the words for it, the one that messages use first.
type Words = (Function, &'static [&'static str]);

const READ: Words = (Function::Read, &["read", "get"]);
const WRITE: Words = (Function::Write, &["write", "set", "put"]);
const DELETE: Words = (Function::Delete, &["delete", "del"]);

impl ModelKind {
    /// All models with their words; those without one are named by no scenario.
    pub const ALL: [(&'static str, ModelKind); 9] = [
        ("register", ModelKind::Register),
        ("cas-register", ModelKind::CasRegister),
        ("counter", ModelKind::Counter),
        ("queue", ModelKind::Queue),
        ("set", ModelKind::Set),
        ("lock", ModelKind::Lock),
        ("append-log", ModelKind::AppendLog),
        ("list-append", ModelKind::ListAppend),
        ("rw-register", ModelKind::RwRegister),
    ];

    /// Its word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            ModelKind::Ids => "ids",
            ModelKind::KafkaLog => "kafka-log",
            _ => ModelKind::ALL.iter().find(|(_, one)| *one == self).map_or("", |(word, _)| word),
        }
    }

    /// The functions it knows, with their words. None at all means that it takes any word for its one
    /// function.
    #[must_use]
    pub fn functions(self) -> &'static [(Function, &'static [&'static str])] {
        match self {
            ModelKind::Register => &[READ, WRITE, DELETE],
            ModelKind::CasRegister => {
                &[READ, WRITE, DELETE, (Function::Cas, &["cas", "compare-and-set"])]
            }
            ModelKind::Counter => &[
                READ,
                (Function::Add, &["add", "inc", "incr", "increment"]),
                (Function::Subtract, &["subtract", "sub", "dec", "decr", "decrement"]),
            ],
            ModelKind::Queue => &[
                (Function::Enqueue, &["enqueue", "push", "put"]),
                (Function::Dequeue, &["dequeue", "pop", "take"]),
            ],
            ModelKind::Set => &[
                (Function::Read, &["read", "get", "members"]),
                (Function::Add, &["add", "insert", "broadcast"]),
                (Function::Remove, &["remove", "delete", "del"]),
            ],
            ModelKind::Lock => &[
                (Function::Acquire, &["acquire", "lock"]),
                (Function::Release, &["release", "unlock"]),
            ],
            ModelKind::AppendLog => &[READ, (Function::Append, &["append", "push", "add"])],
            ModelKind::ListAppend | ModelKind::RwRegister => {
                &[(Function::Txn, &["txn", "transaction"])]
            }
            ModelKind::Ids => &[],
            ModelKind::KafkaLog => &[
                (Function::Send, &["send", "append", "publish"]),
                (Function::Poll, &["poll", "read"]),
                (Function::Seek, &["assign", "subscribe", "seek"]),
                (Function::Aside, &["commit", "commit_offsets", "list_committed_offsets", "crash"]),
            ],
        }
    }

    /// What the word `f` of an operation means; `None` if the model does not know it.
    #[must_use]
    pub fn function(self, f: &str) -> Option<Function> {
        if self == ModelKind::Ids {
            return Some(Function::Generate);
        }
        let known = |(_, words): &&Words| words.contains(&f);
        self.functions().iter().find(known).map(|(function, _)| *function)
    }

    /// `read (get), write (set, put)`: the words it knows, for messages.
    #[must_use]
    pub fn words(self) -> String {
        let one = |(_, words): &Words| match words {
            [first, others @ ..] if !others.is_empty() => {
                format!("{first} ({})", others.join(", "))
            }
            words => words.join(", "),
        };
        self.functions().iter().map(one).collect::<Vec<_>>().join(", ")
    }
}

/// What transactions must not show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Isolation {
    /// The isolation level's name, or empty if the anomalies were named one by one.
    pub level: &'static str,
    /// The anomalies that are prohibited.
    pub prohibited: Vec<Anomaly>,
    /// Which other orders cycles are looked for in.
    pub order: TxnOrder,
}

impl Default for Isolation {
    fn default() -> Isolation {
        Isolation::of(Level::Serializable)
    }
}

/// An order of transactions besides the one that their reads and writes tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TxnOrder {
    /// None.
    Data,
    /// Each client's own.
    Session,
    /// Who had ended when another began.
    Realtime,
}

/// An isolation level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// No circle of writes.
    ReadUncommitted,
    /// Nothing is read that is not, or not yet, there to stay.
    ReadCommitted,
    /// What was read does not change until the end.
    RepeatableRead,
    /// All reads are of one state, and no update is lost.
    SnapshotIsolation,
    /// As if one came after another.
    Serializable,
    /// The same, in an order that keeps to each client's own.
    StrongSessionSerializable,
    /// The same, in an order that keeps to real time.
    StrictSerializable,
}

impl Level {
    /// All levels with their words.
    pub const ALL: [(&'static str, Level); 7] = [
        ("read-uncommitted", Level::ReadUncommitted),
        ("read-committed", Level::ReadCommitted),
        ("repeatable-read", Level::RepeatableRead),
        ("snapshot-isolation", Level::SnapshotIsolation),
        ("serializable", Level::Serializable),
        ("strong-session-serializable", Level::StrongSessionSerializable),
        ("strict-serializable", Level::StrictSerializable),
    ];
}

impl Isolation {
    /// What a level prohibits.
    #[must_use]
    pub fn of(level: Level) -> Isolation {
        use Anomaly::{G0, G1a, G1b, G1c, G2, GNonadjacent, GSingle, Internal, LostUpdate};
        let order = match level {
            Level::StrictSerializable => TxnOrder::Realtime,
            Level::StrongSessionSerializable => TxnOrder::Session,
            _ => TxnOrder::Data,
        };
        let prohibited = match level {
            Level::ReadUncommitted => vec![G0],
            Level::ReadCommitted => vec![G0, G1a, G1b, G1c],
            Level::RepeatableRead => vec![G0, G1a, G1b, G1c, Internal, LostUpdate, GSingle, G2],
            Level::SnapshotIsolation => {
                vec![G0, G1a, G1b, G1c, Internal, LostUpdate, GSingle, GNonadjacent]
            }
            Level::Serializable | Level::StrongSessionSerializable | Level::StrictSerializable => {
                vec![G0, G1a, G1b, G1c, Internal, LostUpdate, GSingle, GNonadjacent, G2]
            }
        };
        let level = Level::ALL.iter().find(|(_, one)| *one == level).map_or("", |(word, _)| word);
        Isolation { level, prohibited, order }
    }
}

/// What can be wrong with transactions, as Adya and Elle name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Anomaly {
    /// A circle of writes that follow each other.
    G0,
    /// A read of what a transaction wrote that certainly did not happen.
    G1a,
    /// A read of what a transaction wrote and then overwrote itself.
    G1b,
    /// A circle of writes and reads that follow each other.
    G1c,
    /// A transaction does not see what it has done itself.
    Internal,
    /// Two transactions read one state of a key, and both wrote it.
    LostUpdate,
    /// A circle in which one read saw what was overwritten.
    GSingle,
    /// A circle in which several reads saw what was overwritten, but no two one after the other.
    GNonadjacent,
    /// A circle in which several reads saw what was overwritten.
    G2,
    /// Two reads of one key that cannot both be of one list.
    IncompatibleOrder,
    /// One element twice in a list, or one value written twice.
    Duplicate,
    /// A read of what nobody wrote.
    Garbage,
}

impl Anomaly {
    /// All anomalies with their names.
    pub const ALL: [(&'static str, Anomaly); 12] = [
        ("G0", Anomaly::G0),
        ("G1a", Anomaly::G1a),
        ("G1b", Anomaly::G1b),
        ("G1c", Anomaly::G1c),
        ("internal", Anomaly::Internal),
        ("lost-update", Anomaly::LostUpdate),
        ("G-single", Anomaly::GSingle),
        ("G-nonadjacent", Anomaly::GNonadjacent),
        ("G2", Anomaly::G2),
        ("incompatible-order", Anomaly::IncompatibleOrder),
        ("duplicate", Anomaly::Duplicate),
        ("garbage", Anomaly::Garbage),
    ];

    /// Those that a scenario may name; the others are prohibited always, for nothing can be known of
    /// orders where they are.
    pub const NAMED: [(&'static str, Anomaly); 9] = [
        Anomaly::ALL[0],
        Anomaly::ALL[1],
        Anomaly::ALL[2],
        Anomaly::ALL[3],
        Anomaly::ALL[4],
        Anomaly::ALL[5],
        Anomaly::ALL[6],
        Anomaly::ALL[7],
        Anomaly::ALL[8],
    ];

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Anomaly::ALL.iter().find(|(_, one)| *one == self).map_or("", |(word, _)| word)
    }
}

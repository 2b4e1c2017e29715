//! The redis server's engine beside redis-server itself: the same commands, drawn from a seed, must
//! get the same replies.
//!
//! Needs `redis-server` on the PATH (Debian's package of that name) and says so if it is not there.
//! What the two may do differently is written down in `same`: the order of what has no order, the
//! digits of doubles (Redis before 7.2 writes 17 of them), and a second more or less of a time to live.

#[path = "common/tools.rs"]
#[allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]
mod tools;

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bytes::BytesMut;
use looplab::base::{Rng, Time};
use looplab::protocol::resp::{Frame, OwnedWords, RespDecoder, encode_command, summarize_command};
use looplab::server::redis::{ClientId, Engine, Next, Settings};
use tools::have;

/// Commands per seed and version.
const COMMANDS: usize = 4000;

/// A redis-server on a socket in a directory of its own; it goes when this is dropped.
struct Reference {
    child: Child,
    stream: UnixStream,
    input: BytesMut,
    decoder: RespDecoder,
    _directory: tempfile::TempDir,
}

impl Reference {
    fn start() -> Reference {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let socket = directory.path().join("redis.sock");
        let mut child = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"])
            .arg(&socket)
            .current_dir(directory.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("redis-server starts");
        let log = BufReader::new(child.stdout.take().expect("a pipe"));
        let ready = log.lines().map_while(Result::ok).any(|line| line.contains("eady to accept"));
        assert!(ready, "redis-server did not start");
        let stream = UnixStream::connect(&socket).expect("redis-server listens");
        let (input, decoder) = (BytesMut::new(), RespDecoder::default());
        Reference { child, stream, input, decoder, _directory: directory }
    }

    fn call(&mut self, words: &[Vec<u8>]) -> Frame {
        let mut out = BytesMut::new();
        encode_command(words, &mut out);
        self.stream.write_all(&out).expect("redis-server reads");
        loop {
            if let Some(frame) = self.decoder.decode(&mut self.input).expect("redis-server's RESP")
            {
                return frame;
            }
            let mut chunk = [0; 65536];
            let count = self.stream.read(&mut chunk).expect("redis-server writes");
            assert!(count > 0, "redis-server closed after {}", show(words));
            self.input.extend_from_slice(&chunk[..count]);
        }
    }
}

impl Drop for Reference {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Our engine.
struct Ours {
    engine: Engine,
    client: ClientId,
    /// About how far redis-server's clock has come.
    now: Time,
}

impl Ours {
    fn start() -> Ours {
        let mut engine = Engine::new(Settings::default(), Rng::new(1));
        let client = engine.connect(Time::ZERO, "test".to_owned());
        Ours { engine, client, now: Time::ZERO }
    }

    fn call(&mut self, words: &[Vec<u8>]) -> Frame {
        let owned: OwnedWords = words.iter().collect();
        let mut out = BytesMut::new();
        self.now = self.now + Duration::from_micros(30);
        let next = self.engine.execute(self.client, self.now, owned.as_words(), &mut out);
        assert_eq!(next, Next::Continue, "{}", show(words));
        let frame = RespDecoder::default().decode(&mut out).expect("our RESP").expect("a reply");
        assert!(out.is_empty(), "one reply to {}", show(words));
        frame
    }
}

fn show(words: &[Vec<u8>]) -> String {
    summarize_command(words.iter().collect::<OwnedWords>().as_words())
}

fn key(frame: &Frame) -> String {
    format!("{frame:?}")
}

/// Whether two replies to a command are the same, but for what may differ.
fn same(name: &str, theirs: &Frame, ours: &Frame) -> bool {
    let flat = |frame: &Frame| match frame {
        Frame::Array(items) if name == "HGETALL" => {
            let pairs = items.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone()));
            Frame::Map(pairs.collect())
        }
        other => other.clone(),
    };
    let (theirs, ours) = (&flat(theirs), &flat(ours));
    let unordered = name == "HSCAN"
        || matches!(
            name,
            "SMEMBERS"
                | "SINTER"
                | "SUNION"
                | "SDIFF"
                | "KEYS"
                | "SSCAN"
                | "SCAN"
                | "HKEYS"
                | "HVALS"
        );
    match (theirs, ours) {
        (Frame::Array(a), Frame::Array(b)) | (Frame::Set(a), Frame::Set(b)) => {
            if name == "HELLO" {
                return a.len() == b.len();
            }
            if unordered && !name.ends_with("SCAN") {
                let sorted = |frames: &[Frame]| {
                    let mut keys: Vec<String> = frames.iter().map(key).collect();
                    keys.sort();
                    keys
                };
                return sorted(a) == sorted(b);
            }
            let inner = match name {
                "SSCAN" | "SCAN" => "SMEMBERS",
                "HSCAN" => "HGETALL",
                other => other,
            };
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(inner, a, b))
        }
        (Frame::Map(a), Frame::Map(b)) => {
            let sorted = |pairs: &[(Frame, Frame)]| {
                let mut keys: Vec<String> = pairs.iter().map(|pair| format!("{pair:?}")).collect();
                keys.sort();
                keys
            };
            sorted(a) == sorted(b) || (name == "HELLO" && a.len() == b.len())
        }
        (Frame::Integer(a), Frame::Integer(b)) if name.ends_with("TTL") => {
            a == b || ((a - b).abs() <= 1500 && *a > 0 && *b > 0)
        }
        (Frame::Bulk(a), Frame::Bulk(b)) if name.starts_with('Z') && a != b => {
            let read = |text: &[u8]| std::str::from_utf8(text).ok()?.parse::<f64>().ok();
            read(a).is_some() && read(a) == read(b)
        }
        // Newer versions keep small lists and sets as listpacks, and we do not remember that a short
        // string was made by appending or adding.
        (Frame::Bulk(a), Frame::Bulk(b)) if name == "OBJECT" => {
            let newer = matches!(&a[..], b"quicklist" | b"hashtable") && &b[..] == b"listpack";
            let text = |name: &[u8]| matches!(name, b"raw" | b"embstr" | b"int");
            a == b || newer || (text(a) && text(b))
        }
        (Frame::Integer(_), Frame::Integer(_)) if name == "OBJECT" => true,
        _ => theirs == ours,
    }
}

/// What commands are drawn from. `$s $l $h $e $z` are keys that mostly hold a string, list, hash, set
/// or sorted set; `$y` one whose scores are all 0; `$k` any of the others; `$m` a member, `$v` a value, `$i` an integer, `$n` a count, `$f` a float,
/// `$b` a bound on scores, `$x` one on members, `$p` a pattern, `$t` a time to live in seconds, `$u`
/// one that is longer each time.
const TEMPLATES: &[&str] = &[
    "GET $s",
    "SET $s $v",
    "SET $s $v",
    "SET $s $i",
    "SET $s $v NX",
    "SET $s $v XX GET",
    "SET $s $v EX $t",
    "SET $s $v KEEPTTL",
    "SET $s $v PX $t000",
    "SET $s $v GET",
    "SET $s $v XX NX",
    "SET $s $v EX $t PX $t",
    "SET $s $v $v",
    "SETNX $s $v",
    "SETEX $s $t $v",
    "SETEX $s $i $v",
    "PSETEX $s $i0000 $v",
    "GETSET $s $v",
    "GETDEL $s",
    "GETEX $s",
    "GETEX $s EX $t",
    "GETEX $s PERSIST",
    "MGET $s $k $s",
    "MSET $s $v $s $v",
    "MSET $s $v $s",
    "MSETNX $s $v $s $v",
    "APPEND $s $v",
    "STRLEN $s",
    "GETRANGE $s $i $i",
    "SUBSTR $s $i $i",
    "SETRANGE $s $n $v",
    "SETRANGE $s $i $v",
    "INCR $s",
    "DECR $s",
    "INCRBY $s $i",
    "DECRBY $s $i",
    "INCRBYFLOAT $s $f",
    "INCRBYFLOAT $s $v",
    "INCRBY $s 9223372036854775807",
    "SETBIT $s $n 1",
    "GETBIT $s $n",
    "BITCOUNT $s",
    "BITCOUNT $s $i $i",
    "BITCOUNT $s $i $i BIT",
    "DEL $k",
    "DEL $k $k",
    "UNLINK $k",
    "EXISTS $k $k",
    "TOUCH $k",
    "TYPE $k",
    "KEYS $p",
    "RENAME $k $k",
    "RENAMENX $k $k",
    "COPY $k $k",
    "COPY $k $k REPLACE",
    "COPY $k $k DB 1",
    "MOVE $k 1",
    "DBSIZE",
    "EXPIRE $k $t",
    "EXPIRE $k $t NX",
    "EXPIRE $k $u GT",
    "EXPIRE $k 250 LT",
    "EXPIRE $k $t XX",
    "EXPIRE $k $t NX GT",
    "EXPIRE $k $t BOO",
    "PEXPIRE $k $t000",
    "EXPIRE $k -1",
    "EXPIRE $k 9223372036854775807",
    "TTL $k",
    "PTTL $k",
    "PERSIST $k",
    "SCAN 0 COUNT 1000",
    "SCAN 0 COUNT 1000 TYPE hash",
    "SCAN 0 MATCH $p COUNT 1000",
    "SCAN x",
    "OBJECT REFCOUNT $h",
    "OBJECT ENCODING $h",
    "OBJECT ENCODING $z",
    "OBJECT NOTHING $z",
    "SELECT 0",
    "SELECT 99",
    "SELECT x",
    "SWAPDB 2 3",
    "SWAPDB 2 99",
    "MOVE $k 0",
    "HSET $h $m $v",
    "HSET $h $m $v $m $v",
    "HSET $h $m $i",
    "HSET $h $m",
    "HMSET $h $m $v $m $i",
    "HSETNX $h $m $v",
    "HGET $h $m",
    "HMGET $h $m $m $m",
    "HGETALL $h",
    "HKEYS $h",
    "HVALS $h",
    "HDEL $h $m",
    "HDEL $h $m $m",
    "HEXISTS $h $m",
    "HLEN $h",
    "HSTRLEN $h $m",
    "HINCRBY $h $m $i",
    "HINCRBYFLOAT $h $m $f",
    "HINCRBYFLOAT $h $m $v",
    "HSCAN $h 0",
    "HSCAN $h 0 MATCH $p",
    "HSCAN $h 0 COUNT 0",
    "HRANDFIELD $h 0",
    "LPUSH $l $v",
    "RPUSH $l $v $v $m",
    "LPUSH $l $m $m",
    "LPUSHX $l $v",
    "RPUSHX $l $v $v",
    "LPOP $l",
    "RPOP $l",
    "LPOP $l $n",
    "RPOP $l $i",
    "LLEN $l",
    "LRANGE $l $i $i",
    "LRANGE $l 0 -1",
    "LINDEX $l $i",
    "LSET $l $i $v",
    "LREM $l $i $m",
    "LTRIM $l $i $i",
    "LINSERT $l BEFORE $m $v",
    "LINSERT $l AFTER $m $v",
    "LINSERT $l BESIDE $m $v",
    "LPOS $l $m",
    "LPOS $l $m RANK $i",
    "LPOS $l $m COUNT $n",
    "LPOS $l $m RANK $i COUNT $n MAXLEN $n",
    "LMOVE $l $l LEFT RIGHT",
    "LMOVE $l $l RIGHT RIGHT",
    "LMOVE $l $l UP LEFT",
    "RPOPLPUSH $l $l",
    "LMPOP 2 $l $l LEFT COUNT $n",
    "LMPOP 1 $l RIGHT",
    "LMPOP 0 $l RIGHT",
    "LMPOP 9 $l RIGHT",
    "SADD $e $m",
    "SADD $e $m $m $i",
    "SADD $e $i $i",
    "SREM $e $m",
    "SREM $e $m $i",
    "SISMEMBER $e $m",
    "SMISMEMBER $e $m $m $i",
    "SMEMBERS $e",
    "SCARD $e",
    "SINTER $e $e",
    "SUNION $e $e",
    "SDIFF $e $e",
    "SINTERSTORE $e $e $e",
    "SUNIONSTORE $e $e $e",
    "SDIFFSTORE $e $e $e",
    "SINTERCARD 2 $e $e",
    "SINTERCARD 2 $e $e LIMIT $i",
    "SINTERCARD 0 $e",
    "SINTERCARD 3 $e $e",
    "SMOVE $e $e $m",
    "SSCAN $e 0 COUNT 1000",
    "SRANDMEMBER $e 0",
    "SPOP $e 0",
    "SPOP $e -1",
    "SPOP $e 1 1",
    "ZADD $z $f $m",
    "ZADD $z $f $m $i $m",
    "ZADD $z NX $f $m",
    "ZADD $z XX CH $f $m $f $m",
    "ZADD $z GT $f $m",
    "ZADD $z LT CH $f $m",
    "ZADD $z INCR $f $m",
    "ZADD $z XX INCR $f $m",
    "ZADD $z NX GT $f $m",
    "ZADD $z NX XX $f $m",
    "ZADD $z $v $m",
    "ZADD $z INCR $f $m $f $m",
    "ZADD $z 0 $m 0 $m 0 $m",
    "ZREM $z $m",
    "ZREM $z $m $m",
    "ZSCORE $z $m",
    "ZMSCORE $z $m $m",
    "ZINCRBY $z $f $m",
    "ZINCRBY $z $v $m",
    "ZCARD $z",
    "ZCOUNT $z $b $b",
    "ZRANGE $z $i $i",
    "ZRANGE $z $i $i WITHSCORES",
    "ZRANGE $z $i $i REV",
    "ZRANGE $z $b $b BYSCORE",
    "ZRANGE $z $b $b BYSCORE REV WITHSCORES",
    "ZRANGE $z $b $b BYSCORE LIMIT $i $i",
    "ZADD $y 0 $m 0 $m",
    "ZADD $y 0 $m 0 $m 0 $m",
    "ZRANGE $y $x $x BYLEX",
    "ZRANGE $y $x $x BYLEX REV LIMIT $n $i",
    "ZRANGE $z $i $i LIMIT 0 1",
    "ZRANGE $y $x $x BYLEX WITHSCORES",
    "ZREVRANGE $z $i $i",
    "ZREVRANGE $z $i $i WITHSCORES",
    "ZRANGEBYSCORE $z $b $b",
    "ZRANGEBYSCORE $z $b $b WITHSCORES LIMIT $n $i",
    "ZREVRANGEBYSCORE $z $b $b",
    "ZREVRANGEBYSCORE $z $b $b LIMIT $n $n WITHSCORES",
    "ZRANGEBYLEX $y $x $x",
    "ZREVRANGEBYLEX $y $x $x LIMIT $n $n",
    "ZLEXCOUNT $y $x $x",
    "ZRANK $z $m",
    "ZREVRANK $z $m",
    "ZPOPMIN $z",
    "ZPOPMAX $z",
    "ZPOPMIN $z $n",
    "ZPOPMAX $z $i",
    "ZREMRANGEBYRANK $z $i $i",
    "ZREMRANGEBYSCORE $z $b $b",
    "ZREMRANGEBYLEX $y $x $x",
    "ZSCAN $z 0",
    "ZSCAN $z 0 MATCH $p",
    "ZUNIONSTORE $z 2 $z $z",
    "ZRANGESTORE $z $z $i $i",
    "ZINTERSTORE $z 2 $z $z WEIGHTS $f $f AGGREGATE MAX",
    "ZUNION 2 $z $e WITHSCORES",
    "ZUNIONSTORE $z 2 $z $z WEIGHTS $v $f",
    "ZINTER 2 $z $z",
    "ZDIFF 2 $z $z WITHSCORES",
    "ZDIFFSTORE $z 2 $z $z",
    "ZUNIONSTORE $z 0 $z",
    "ZUNIONSTORE $z 5 $z",
    "ZRANDMEMBER $z 0",
    "MULTI",
    "MULTI",
    "EXEC",
    "EXEC",
    "EXEC",
    "DISCARD",
    "WATCH $s",
    "UNWATCH",
    "PING",
    "PING $v",
    "PING $v $v",
    "ECHO $v",
    "CLIENT GETNAME",
    "CLIENT SETNAME $m",
    "CLIENT SETNAME $v",
    "CLIENT NOTHING",
    "CLIENT",
    "PUBLISH $m $v",
    "PUBSUB CHANNELS",
    "PUBSUB NUMSUB $m",
    "PUBSUB NUMPAT",
    "AUTH $v",
    "AUTH $m $v",
    "AUTH default $v",
    "HELLO x",
    "HELLO 9",
    "WAIT 0 1",
    "WAIT x 1",
    "CONFIG GET maxmemory",
    "CONFIG GET data*",
    "CONFIG NOTHING",
    "CONFIG SET nothing 1",
    "CONFIG SET maxmemory x",
    "CONFIG SET databases 3",
    "NOTHING",
    "NOTHING $v $v",
    "GET",
    "BLPOP $l 0.001",
    "BLPOP $l $l 1",
    "BLPOP $l -1",
    "BRPOP $l x",
    "BLMOVE $l $l LEFT LEFT -1",
    "OBJECT HELPME",
    "FLUSHDB BOO",
    "TYPE $k $k",
    "EXPIRETIME $m",
    "MEMORY USAGE $m",
    "ROLE",
    "SLOWLOG LEN",
    "COMMAND GETKEYS MSET a b c d",
    "COMMAND GETKEYS GET",
    "COMMAND GETKEYS PING",
];

fn draw<'a>(rng: &mut Rng, from: &[&'a str]) -> &'a str {
    from[usize::try_from(rng.below(from.len() as u64)).expect("an index")]
}

fn fill(rng: &mut Rng, step: usize, token: &str) -> Vec<u8> {
    let Some(kind) = token.strip_prefix('$') else { return token.as_bytes().to_vec() };
    let (kind, suffix) = kind.split_at(1);
    let mut text = match kind {
        "y" => format!("y{}", rng.below(2)).into_bytes(),
        "s" | "l" | "h" | "e" | "z" | "k" => {
            let any = kind == "k" || rng.chance(0.05);
            let prefix = if any { draw(rng, &["s", "l", "h", "e", "z"]) } else { kind };
            format!("{prefix}{}", rng.below(3)).into_bytes()
        }
        "m" => draw(rng, &["a", "b", "c", "d", "e", "foo", "bar", "10", "B"]).as_bytes().to_vec(),
        "v" => match rng.below(12) {
            0 => Vec::new(),
            1 => b"two words".to_vec(),
            2 => vec![0, 255, 13, 10],
            3 => vec![b'x'; 70],
            4 => b"3.5".to_vec(),
            5 => b"07".to_vec(),
            _ => draw(rng, &["hello", "1", "-5", "100", "world", "9223372036854775800"])
                .as_bytes()
                .to_vec(),
        },
        "i" => draw(rng, &["0", "1", "2", "3", "-1", "-2", "-3", "5", "-100", "100", "x"])
            .as_bytes()
            .to_vec(),
        "n" => draw(rng, &["0", "1", "2", "3", "7"]).as_bytes().to_vec(),
        "f" => draw(
            rng,
            &[
                "1", "2", "0", "-1", "1.5", "-2.25", "3e2", "0.1", "1000.1", "inf", "-inf", "abc",
                "nan",
            ],
        )
        .as_bytes()
        .to_vec(),
        "b" => draw(rng, &["-inf", "+inf", "0", "1", "(1", "2", "(2", "-1", "300", "x"])
            .as_bytes()
            .to_vec(),
        "x" => draw(rng, &["-", "+", "[a", "(b", "[c", "[d", "(foo", "a"]).as_bytes().to_vec(),
        "p" => draw(rng, &["*", "s*", "?0", "[hz]1", "a*", "b"]).as_bytes().to_vec(),
        "t" => draw(rng, &["100", "200", "300", "0", "-1", "x"]).as_bytes().to_vec(),
        "u" => (1000 + step).to_string().into_bytes(),
        other => panic!("no such token: {other}"),
    };
    text.extend_from_slice(suffix.as_bytes());
    text
}

fn command(rng: &mut Rng, step: usize) -> Vec<Vec<u8>> {
    let template = draw(rng, TEMPLATES);
    let mut words: Vec<Vec<u8>> = template.split(' ').map(|token| fill(rng, step, token)).collect();
    match rng.below(60) {
        0 if words.len() > 1 => drop(words.pop()),
        1 => words.push(fill(rng, step, "$v")),
        _ => {}
    }
    words
}

fn name(words: &[Vec<u8>]) -> String {
    String::from_utf8_lossy(&words[0]).into_owned()
}

/// True for a command that would hold the test up.
fn would_wait(words: &[Vec<u8>]) -> bool {
    let waits = matches!(&*name(words), "BLPOP" | "BRPOP" | "BLMOVE");
    let last = words.last().and_then(|last| std::str::from_utf8(last).ok());
    waits && last.and_then(|last| last.parse().ok()).is_some_and(|seconds: f64| seconds >= 0.0)
}

/// True for what is left to chance.
fn is_random(words: &[Vec<u8>]) -> bool {
    let drawing = matches!(&*name(words), "SPOP" | "SRANDMEMBER" | "HRANDFIELD" | "ZRANDMEMBER");
    drawing && !words.get(2).is_some_and(|count| count == b"0" || count == b"-1")
}

/// True for what only a newer redis-server knows (`ZRANK ... WITHSCORE`, of 7.2).
fn is_newer(words: &[Vec<u8>]) -> bool {
    name(words).ends_with("RANK") && words.len() > 3
}

/// Makes both as new.
fn begin(reference: &mut Reference, ours: &mut Ours, hello: &str) {
    let start: [&[&str]; 3] = [&["RESET"], &["FLUSHALL"], &["HELLO", hello]];
    for words in start {
        let words: Vec<Vec<u8>> = words.iter().map(|word| word.as_bytes().to_vec()).collect();
        reference.call(&words);
        ours.call(&words);
    }
}

/// Runs one seed; what differed is added to `differences`, after which both begin anew.
fn compare(reference: &mut Reference, seed: u64, hello: &str, differences: &mut Vec<String>) {
    let mut rng = Rng::new(seed);
    let mut ours = Ours::start();
    begin(reference, &mut ours, hello);
    let mut queued: Vec<String> = Vec::new();
    for step in 0..COMMANDS {
        let words = command(&mut rng, step);
        if would_wait(&words) || is_newer(&words) || is_random(&words) {
            continue;
        }
        let (theirs, mine) = (reference.call(&words), ours.call(&words));
        let is_exec = name(&words) == "EXEC";
        let equal = match (&theirs, &mine) {
            // The replies of a transaction are judged each by its own command.
            (Frame::Array(a), Frame::Array(b)) if is_exec && a.len() == b.len() => {
                a.iter().zip(b).zip(&queued).all(|((a, b), name)| same(name, a, b))
            }
            _ => same(&name(&words), &theirs, &mine),
        };
        if mine == Frame::Simple("QUEUED".into()) {
            queued.push(name(&words));
        } else if mine.error().is_none() && matches!(&*name(&words), "MULTI" | "EXEC" | "DISCARD") {
            queued.clear();
        }
        if !equal {
            differences.push(format!(
                "seed {seed}, HELLO {hello}, command {step}: {}\n redis-server: {theirs:?}\n \
                 ours:         {mine:?}",
                show(&words)
            ));
            begin(reference, &mut ours, hello);
            queued.clear();
        }
    }
}

#[test]
fn replies_are_those_of_redis_server() {
    if !have("redis-server") {
        return;
    }
    let mut reference = Reference::start();
    let mut differences = Vec::new();
    for seed in 0..6 {
        compare(&mut reference, seed, "2", &mut differences);
        compare(&mut reference, seed, "3", &mut differences);
    }
    assert!(differences.is_empty(), "{} differ:\n{}", differences.len(), differences.join("\n"));
}

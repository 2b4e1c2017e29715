//! A replicated log on turmoil: n1 leads; what it is told goes to n2 and n3, and is answered once one of them has it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::sync::{Notify, oneshot};
use turmoil::net::{TcpListener, TcpStream};

type Done = Result<(), Box<dyn std::error::Error>>;

const CLIENTS: u64 = 5;
const OPERATIONS: u64 = 20;
const HEARTBEAT: Duration = Duration::from_millis(50);

/// What the leader knows.
#[derive(Default)]
struct Log {
    entries: Vec<Value>,
    committed: usize,
    /// How far each follower has it.
    have: BTreeMap<&'static str, usize>,
    register: Value,
    waiting: BTreeMap<usize, oneshot::Sender<Value>>,
}

/// One run. Returns how many messages there were.
pub(super) fn run(seed: u64) -> u64 {
    let messages = Arc::new(AtomicU64::new(0));
    let mut sim = turmoil::Builder::new()
        .rng_seed(seed)
        .simulation_duration(Duration::from_secs(60))
        .tick_duration(Duration::from_millis(1))
        .min_message_latency(Duration::from_millis(1))
        .max_message_latency(Duration::from_millis(5))
        .build();
    for name in ["n2", "n3"] {
        let messages = messages.clone();
        sim.host(name, move || follow(messages.clone()));
    }
    let counted = messages.clone();
    sim.host("n1", move || lead(counted.clone()));
    for client in 0..CLIENTS {
        sim.client(format!("c{client}"), ask(client, messages.clone()));
    }
    sim.run().expect("it ends");
    messages.load(Ordering::Relaxed)
}

/// Sends a line.
async fn send(
    to: &mut (impl AsyncWriteExt + Unpin),
    message: &Value,
    messages: &AtomicU64,
) -> std::io::Result<()> {
    messages.fetch_add(1, Ordering::Relaxed);
    to.write_all(format!("{message}\n").as_bytes()).await
}

async fn follow(messages: Arc<AtomicU64>) -> Done {
    let listener = TcpListener::bind("0.0.0.0:7000").await?;
    let mut entries: Vec<Value> = Vec::new();
    let (stream, _) = listener.accept().await?;
    let (reading, mut writing) = stream.into_split();
    let mut lines = BufReader::new(reading).lines();
    while let Some(line) = lines.next_line().await? {
        let message: Value = serde_json::from_str(&line)?;
        entries.truncate(message["prev"].as_u64().unwrap_or_default() as usize);
        entries.extend(message["entries"].as_array().into_iter().flatten().cloned());
        let reply =
            json!({ "type": "append_ok", "have": entries.len(), "in_reply_to": message["msg_id"] });
        send(&mut writing, &reply, &messages).await?;
    }
    Ok(())
}

async fn lead(messages: Arc<AtomicU64>) -> Done {
    let (log, news) =
        (Arc::new(Mutex::new(Log::default())), [(); 2].map(|()| Arc::new(Notify::new())));
    for (peer, news) in ["n2", "n3"].into_iter().zip(news.clone()) {
        let (log, messages) = (log.clone(), messages.clone());
        tokio::spawn(async move {
            replicate(peer, &log, &news, &messages).await.map_err(|e| e.to_string())
        });
    }
    let listener = TcpListener::bind("0.0.0.0:7000").await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let (log, news, messages) = (log.clone(), news.clone(), messages.clone());
        tokio::spawn(async move {
            serve(stream, &log, &news, &messages).await.map_err(|e| e.to_string())
        });
    }
}

/// Keeps a follower up to date.
async fn replicate(
    peer: &'static str,
    log: &Mutex<Log>,
    news: &Notify,
    messages: &AtomicU64,
) -> Done {
    let stream = TcpStream::connect((peer, 7000)).await?;
    let (reading, mut writing) = stream.into_split();
    let mut lines = BufReader::new(reading).lines();
    for id in 0.. {
        let message = {
            let log = log.lock().unwrap();
            let prev = log.have.get(peer).copied().unwrap_or_default();
            json!({ "type": "append", "prev": prev, "entries": log.entries[prev..], "commit": log.committed, "msg_id": id })
        };
        send(&mut writing, &message, messages).await?;
        let Some(line) = lines.next_line().await? else { return Ok(()) };
        let reply: Value = serde_json::from_str(&line)?;
        let behind = {
            let mut log = log.lock().unwrap();
            let have = reply["have"].as_u64().unwrap_or_default() as usize;
            log.have.insert(peer, have);
            commit(&mut log, have);
            have < log.entries.len()
        };
        if !behind {
            let _ = tokio::time::timeout(HEARTBEAT, news.notified()).await;
        }
    }
    Ok(())
}

/// One follower and the leader are two of three.
fn commit(log: &mut Log, have: usize) {
    while log.committed < have {
        let entry = log.entries[log.committed].clone();
        log.committed += 1;
        if entry["f"] == "write" {
            log.register = entry["value"].clone();
        }
        if let Some(done) = log.waiting.remove(&log.committed) {
            let _ = done.send(log.register.clone());
        }
    }
}

/// Answers a client.
async fn serve(
    stream: TcpStream,
    log: &Mutex<Log>,
    news: &[Arc<Notify>],
    messages: &AtomicU64,
) -> Done {
    let (reading, mut writing) = stream.into_split();
    let mut lines = BufReader::new(reading).lines();
    while let Some(line) = lines.next_line().await? {
        let message: Value = serde_json::from_str(&line)?;
        let (done, result) = oneshot::channel();
        {
            let mut log = log.lock().unwrap();
            log.entries.push(json!({ "f": message["type"], "value": message["value"] }));
            let index = log.entries.len();
            log.waiting.insert(index, done);
        }
        news.iter().for_each(|news| news.notify_one());
        let value = result.await?;
        send(
            &mut writing,
            &json!({ "type": "ok", "value": value, "in_reply_to": message["msg_id"] }),
            messages,
        )
        .await?;
    }
    Ok(())
}

async fn ask(client: u64, messages: Arc<AtomicU64>) -> Done {
    let stream = TcpStream::connect(("n1", 7000)).await?;
    let (reading, mut writing) = stream.into_split();
    let mut lines = BufReader::new(reading).lines();
    for id in 0..OPERATIONS {
        let kind = if (id + client).is_multiple_of(2) { "write" } else { "read" };
        let message =
            json!({ "type": kind, "key": "x", "value": client * OPERATIONS + id, "msg_id": id });
        send(&mut writing, &message, &messages).await?;
        let line = lines.next_line().await?.ok_or("no reply")?;
        let reply: Value = serde_json::from_str(&line)?;
        assert_eq!(reply["in_reply_to"], id);
    }
    Ok(())
}

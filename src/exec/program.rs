//! A running program, as looplab sees it: orders go to its guard, news and lines come from there.

use std::io::{self, Read as _, Write as _};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use rustix::time::Timespec;
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};
use tokio::sync::watch;

use super::lines::Sink;
use super::wire::{Job, News, Order};
use super::{Exit, GUARD, Output, Spec, StartError, Status, tree};
use crate::net::Clock;

/// How much is read from an output at once.
const READ: usize = 64 * 1024;

/// How long the last of what a program wrote is waited for when it has ended.
const DRAIN: Duration = Duration::from_secs(1);

/// How long a program that was killed may take to be gone.
const KILLED: Duration = Duration::from_secs(5);

/// How often it is looked whether a program that was stopped stands still, and the pause between two looks:
/// a quarter of a second in all.
const STILL_LOOKS: u32 = 500;
const STILL_PAUSE: Timespec = Timespec { tv_sec: 0, tv_nsec: 500_000 };

/// The longest line of a guard.
const NEWS_MAX: usize = 256;

/// A running program and everything that it started. Cheap to clone; when the last clone is dropped,
/// all of it is killed.
#[derive(Clone)]
pub struct Program {
    shared: Arc<Shared>,
}

struct Shared {
    pid: u32,
    /// The number of its guard's process.
    guard: Option<u32>,
    clock: Clock,
    orders: UnixStream,
    sink: Arc<Mutex<Sink>>,
    ended: watch::Receiver<Option<Exit>>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        // The guard reads the end of its orders, and kills.
        let _ = self.orders.shutdown(Shutdown::Write);
    }
}

impl Program {
    /// Starts a program. `lines` is called with each line that it writes, within the bounds of
    /// [`LINES_KEPT`](super::LINES_KEPT) and [`BYTES_KEPT`](super::BYTES_KEPT).
    ///
    /// Dropping the future ends what it has begun.
    ///
    /// # Errors
    /// [`StartError`] if there is no guard, or no such program, or it may not be executed.
    ///
    /// # Panics
    /// Outside a tokio runtime with its drivers.
    pub async fn start(
        spec: Spec,
        clock: Clock,
        lines: impl FnMut(Output, String) + Send + 'static,
    ) -> Result<Program, StartError> {
        let job = Job::encode(&spec)?;
        if !spec.dir.is_dir() {
            return Err(StartError::Folder(spec.dir));
        }
        let (ours, theirs) = UnixStream::pair().map_err(StartError::Guard)?;
        ours.set_nonblocking(true).map_err(StartError::Guard)?;
        let mut guard = Command::new(&spec.guard)
            .arg0("lab-guard")
            .arg(GUARD)
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(StartError::Guard)?;
        let socket = Socket::new(ours).map_err(StartError::Guard)?;
        socket.write_all(&job).await.map_err(StartError::Guard)?;
        let pid = match socket.news().await {
            Some(News::Started(pid)) => pid,
            Some(News::Refused(number)) => {
                return Err(StartError::Program(io::Error::from_raw_os_error(number)));
            }
            Some(News::Ended(_)) | None => {
                return Err(StartError::Guard(io::ErrorKind::UnexpectedEof.into()));
            }
        };
        let guard_pid = guard.id();
        let orders = socket.0.get_ref().try_clone().map_err(StartError::Guard)?;
        let sink = Arc::new(Mutex::new(Sink::new(spec.capture, Box::new(lines))));
        let (tell, ended) = watch::channel(None);
        let outputs = [
            tokio::spawn(pump(guard.stdout.take(), Output::Stdout, sink.clone())),
            tokio::spawn(pump(guard.stderr.take(), Output::Stderr, sink.clone())),
        ];
        let attended = attend(socket, pid, guard, clock.clone(), sink.clone(), outputs, tell);
        tokio::spawn(attended);
        let shared = Shared { pid, guard: guard_pid, clock, orders, sink, ended };
        Ok(Program { shared: Arc::new(shared) })
    }

    /// Kills it and everything that it started, at once.
    pub fn kill(&self) {
        self.signal(Signal::KILL);
        self.order(Order::Kill);
    }

    /// Stops it and everything that it started where they are. Returns when they stand still: the threads of
    /// a program do not stop all at once, and the last of them may be a while in coming on a busy machine.
    pub fn pause(&self) {
        self.signal(Signal::STOP);
        self.order(Order::Pause);
        let processes = self.processes();
        for _ in 0..STILL_LOOKS {
            if processes.iter().all(|pid| tree::stands_still(*pid)) {
                return;
            }
            let _ = rustix::thread::nanosleep(&STILL_PAUSE);
        }
    }

    /// Lets it go on, and everything that it started.
    pub fn resume(&self) {
        self.order(Order::Resume);
    }

    /// Asks it, and everything that it started, to end, and kills what is left after `grace`.
    /// Completes when nothing is.
    pub async fn stop(&self, grace: Duration) {
        self.order(Order::Terminate);
        let clock = &self.shared.clock;
        if clock.timeout(grace, self.exited()).await.is_err() {
            self.kill();
            // Whatever cannot be killed has nothing that anybody could wait for.
            let _ = clock.timeout(KILLED, self.exited()).await;
        }
    }

    /// Completes when it has ended, with everything that it started, and its last line is told.
    pub async fn exited(&self) -> Exit {
        self.ending().await
    }

    /// As [`Program::exited`], for who does not want to keep it alive by waiting.
    pub fn ending(&self) -> impl Future<Output = Exit> + Send + use<> {
        let mut ended = self.shared.ended.clone();
        async move {
            let lost = Exit { status: Status::Lost, left: 0 };
            match ended.wait_for(Option::is_some).await {
                Ok(exit) => exit.unwrap_or(lost),
                Err(_) => lost,
            }
        }
    }

    /// How it has ended, if it has.
    #[must_use]
    pub fn exit(&self) -> Option<Exit> {
        *self.shared.ended.borrow()
    }

    /// The number of its process; `None` when it has ended.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.exit().is_none().then_some(self.shared.pid)
    }

    /// The numbers of its processes, of all that it has started and that are alive; only its own where the
    /// system does not tell.
    #[must_use]
    pub fn processes(&self) -> Vec<u32> {
        let guard = self.shared.guard.and_then(|pid| i32::try_from(pid).ok());
        let all = guard.and_then(Pid::from_raw).map(tree::descendants).unwrap_or_default();
        let mut pids: Vec<u32> = all
            .iter()
            .filter_map(|process| u32::try_from(process.pid.as_raw_nonzero().get()).ok())
            .collect();
        if pids.is_empty() {
            pids.extend(self.pid());
        }
        pids.sort_unstable();
        pids
    }

    /// The last lines that it wrote, on either output.
    #[must_use]
    pub fn tail(&self) -> Vec<String> {
        lock(&self.shared.sink).tail()
    }

    /// The first bytes that it wrote on an output, as many as the [`Spec`] asked for.
    #[must_use]
    pub fn output(&self, output: Output) -> Vec<u8> {
        lock(&self.shared.sink).captured(output).to_vec()
    }

    /// Sends a signal to the program's own group, without the way over the guard: when this returns, it has
    /// it. The guard sees to all the others.
    fn signal(&self, signal: Signal) {
        let pid = self.pid().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        if let Some(pid) = pid {
            let _ = kill_process_group(pid, signal);
        }
    }

    fn order(&self, order: Order) {
        // A guard that is gone has left nothing that could be told anything.
        let _ = (&self.shared.orders).write_all(&[order.byte()]);
    }
}

impl std::fmt::Debug for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Program")
            .field("pid", &self.shared.pid)
            .field("exit", &self.exit())
            .finish()
    }
}

fn lock(sink: &Mutex<Sink>) -> MutexGuard<'_, Sink> {
    sink.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads an output to its end.
async fn pump(from: Option<impl AsyncRead + Unpin>, output: Output, sink: Arc<Mutex<Sink>>) {
    let Some(mut from) = from else { return };
    let mut buffer = vec![0; READ];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        lock(&sink).take(output, &buffer[..length]);
    }
    lock(&sink).end(output);
}

/// Waits for the end of the program and of what it wrote.
async fn attend(
    socket: Socket,
    pid: u32,
    mut guard: Child,
    clock: Clock,
    sink: Arc<Mutex<Sink>>,
    outputs: [tokio::task::JoinHandle<()>; 2],
    tell: watch::Sender<Option<Exit>>,
) {
    let exit = match socket.news().await {
        Some(News::Ended(exit)) => exit,
        _ => {
            kill_unguarded(pid);
            Exit { status: Status::Lost, left: 0 }
        }
    };
    let [stdout, stderr] = outputs;
    let drained = async {
        let _ = stdout.await;
        let _ = stderr.await;
    };
    let _ = clock.timeout(DRAIN, drained).await;
    lock(&sink).finish();
    let _ = tell.send(Some(exit));
    let _ = guard.wait().await;
}

/// Kills a program whose guard is gone, and what can still be found of it.
fn kill_unguarded(pid: u32) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        tree::freeze(Some(pid), pid);
        tree::signal(Some(pid), pid, Signal::KILL);
    }
}

/// looplab's end of the socket.
struct Socket(AsyncFd<UnixStream>);

impl Socket {
    fn new(socket: UnixStream) -> io::Result<Socket> {
        #[expect(
            deprecated,
            reason = "what replaces it is unsafe, for things that lend a descriptor they do not own; a \
                      `UnixStream` owns its one and keeps it"
        )]
        AsyncFd::new(socket).map(Socket)
    }

    async fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let mut ready = self.0.writable().await?;
            match ready.try_io(|socket| (&mut socket.get_ref()).write(bytes)) {
                Ok(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(Ok(length)) => bytes = &bytes[length..],
                Ok(Err(error)) => return Err(error),
                Err(_would_block) => {}
            }
        }
        Ok(())
    }

    /// The next line of the guard; `None` when it is gone.
    async fn news(&self) -> Option<News> {
        let mut line = Vec::new();
        while line.len() < NEWS_MAX {
            let mut ready = self.0.readable().await.ok()?;
            let mut byte = [0];
            match ready.try_io(|socket| (&mut socket.get_ref()).read(&mut byte)) {
                Ok(Ok(0) | Err(_)) => return None,
                Ok(Ok(_)) if byte[0] == b'\n' => {
                    return std::str::from_utf8(&line).ok().and_then(News::of);
                }
                Ok(Ok(_)) => line.push(byte[0]),
                Err(_would_block) => {}
            }
        }
        None
    }
}

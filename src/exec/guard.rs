//! The guard: a process of its own that starts one program and sees to its end.
//!
//! It leaves looplab's session, so that Ctrl-C in a terminal does not reach it or the program, becomes
//! the subreaper of whatever detaches from the program, and starts the program in a process group of
//! its own. From then on it waits for orders, for the end of the program, and for the end of looplab,
//! which is the end of the socket between them.

use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, getpid};
use tokio::io::unix::AsyncFd;
use tokio::signal::unix::{SignalKind, signal};

use super::wire::{Job, News, Order};
use super::{Exit, Status, tree};
use crate::net::Clock;

/// The pause between two looks at what is still alive: at first, and at most.
const LOOK_AGAIN: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(20));

/// How often, between two looks at everything, the guard's own children are killed.
const OWN_CHILDREN: usize = 20;

/// From this round on everything is stopped before it is killed: some program starts others faster
/// than they are found.
const FREEZE_ROUND: u32 = 3;

/// How long processes that may not be killed, those of another user, are waited for.
const DENIED: Duration = Duration::from_secs(2);

/// How long looplab waits at most for the news of an end because something cannot be killed.
const NEWS: Duration = Duration::from_secs(2);

/// Guards one program, as looplab says through the socket that is standard input.
///
/// # Errors
/// If standard input is no such socket: only looplab starts guards. Or if the system has no runtime to
/// give.
pub fn guard() -> io::Result<()> {
    let socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    // Anything but a connected socket is refused here.
    socket.peer_addr()?;
    step_aside();
    let job = Job::read(&socket)?;
    socket.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(watch(socket, job))
}

/// Leaves the terminal, adopts what will detach, and takes another name than looplab's, so that who
/// kills all of that name does not kill the guards first.
fn step_aside() {
    let _ = rustix::process::setsid();
    #[cfg(target_os = "linux")]
    {
        let _ = rustix::process::set_child_subreaper(Some(getpid()));
        let _ = rustix::thread::set_name(c"lab-guard");
    }
}

async fn watch(socket: UnixStream, job: Job) -> io::Result<()> {
    let mut children = signal(SignalKind::child())?;
    // They are heard and nothing is done: whoever ends looplab ends the program through it.
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
    let _heard = [signal(kinds[0])?, signal(kinds[1])?, signal(kinds[2])?];
    let program = match start(&job) {
        Ok(program) => program,
        Err(error) => {
            let number = error.raw_os_error().unwrap_or(0);
            return (&socket).write_all(News::Refused(number).line().as_bytes());
        }
    };
    drop(job);
    let pid = u32::try_from(program.as_raw_nonzero().get()).unwrap_or(0);
    let _ = (&socket).write_all(News::Started(pid).line().as_bytes());
    #[expect(
        deprecated,
        reason = "what replaces it is unsafe, for things that lend a descriptor they do not own; a \
                  `UnixStream` owns its one and keeps it"
    )]
    let socket = AsyncFd::new(socket)?;
    let mut guard =
        Guard { program, clock: Clock::real(), ended: None, terminating: false, paused: false };
    loop {
        tokio::select! {
            biased;
            order = order(&socket) => match order {
                None => {
                    guard.end_all().await;
                    return Ok(());
                }
                Some(order) => guard.obey(order),
            },
            _ = children.recv() => {}
            () = guard.look_again() => {}
        }
        if guard.is_over() {
            break;
        }
    }
    let left = guard.left();
    let clock = guard.clock.clone();
    let ended = clock.timeout(NEWS, guard.end_all()).await;
    let exit = Exit { status: guard.ended.unwrap_or(Status::Lost), left };
    let _ = socket.get_ref().write_all(News::Ended(exit).line().as_bytes());
    if ended.is_err() {
        guard.end_all().await;
    }
    Ok(())
}

/// Starts the program, with the guard's own outputs, which then are the program's alone.
fn start(job: &Job) -> io::Result<Pid> {
    let name = &job.command[0];
    // A path with a folder in it is looked for from the folder that the program is started in.
    let has_folder = name.to_string_lossy().contains('/');
    let path = if has_folder { job.dir.join(name) } else { PathBuf::from(name) };
    let child = Command::new(path)
        .arg0(name)
        .args(&job.command[1..])
        .current_dir(&job.dir)
        .envs(job.env.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .process_group(0)
        .spawn()?;
    let null = std::fs::OpenOptions::new().write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdout(&null)?;
    rustix::stdio::dup2_stderr(&null)?;
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    pid.ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// The next order; `None` when looplab is gone.
async fn order(socket: &AsyncFd<UnixStream>) -> Option<Order> {
    loop {
        let mut ready = socket.readable().await.ok()?;
        let mut byte = [0];
        match ready.try_io(|socket| (&mut socket.get_ref()).read(&mut byte)) {
            Ok(Ok(0) | Err(_)) => return None,
            Ok(Ok(_)) => {
                if let Some(order) = Order::of(byte[0]) {
                    return Some(order);
                }
            }
            Err(_would_block) => {}
        }
    }
}

struct Guard {
    /// The program, which leads the process group of its number.
    program: Pid,
    clock: Clock,
    /// How the program ended, if it has.
    ended: Option<Status>,
    /// It was asked to end: then what it started may take its time too.
    terminating: bool,
    paused: bool,
}

impl Guard {
    fn obey(&mut self, order: Order) {
        let (group, root) = (Some(self.program), getpid());
        match order {
            Order::Kill => {
                self.terminating = false;
                tree::signal(group, root, Signal::KILL);
            }
            Order::Terminate => {
                self.terminating = true;
                tree::signal(group, root, Signal::TERM);
                if self.paused {
                    self.obey(Order::Resume);
                }
            }
            Order::Pause => {
                self.paused = true;
                tree::freeze(group, root);
            }
            Order::Resume => {
                self.paused = false;
                tree::signal(group, root, Signal::CONT);
            }
        }
    }

    /// Asks for all who have ended as the guard's children, and takes note of the program's end. True
    /// if no child is left, and so nothing of the program: whoever has lost its parents is the guard's.
    fn reap(&mut self) -> bool {
        loop {
            match rustix::process::wait(WaitOptions::NOHANG) {
                Ok(Some((pid, status))) if pid == self.program => {
                    self.ended = Some(status_of(status));
                }
                Ok(Some(_)) => {}
                Ok(None) => return false,
                Err(error) => return error == Errno::CHILD,
            }
        }
    }

    /// Whether there is nothing to wait for any more: the program has ended, and what it started too
    /// if it may take its time.
    fn is_over(&mut self) -> bool {
        let is_empty = self.reap();
        self.ended.is_some() && (!self.terminating || is_empty)
    }

    /// Completes now and then while only a look tells whether it is over.
    async fn look_again(&self) {
        match self.ended {
            Some(_) => self.clock.sleep(LOOK_AGAIN.1).await,
            None => std::future::pending().await,
        }
    }

    /// How many processes the program has left behind.
    fn left(&mut self) -> u32 {
        match self.reap() {
            true => 0,
            false => u32::try_from(tree::descendants(getpid()).len()).unwrap_or(u32::MAX).max(1),
        }
    }

    /// Kills everything, and whatever is started meanwhile, until nothing is left.
    async fn end_all(&mut self) {
        let root = getpid();
        let began = self.clock.now();
        let mut pause = LOOK_AGAIN.0;
        for round in 0_u32.. {
            // Once its leader is gone, the number of a group may be another one's before long.
            let group = (round == 0 || self.ended.is_none()).then_some(self.program);
            if round >= FREEZE_ROUND {
                tree::freeze(group, root);
            }
            let (living, denied) = tree::signal(group, root, Signal::KILL);
            for _ in 0..OWN_CHILDREN {
                for pid in tree::own_children() {
                    let _ = rustix::process::kill_process(pid, Signal::KILL);
                }
                if self.reap() {
                    return;
                }
            }
            if denied > 0 && living == denied && self.clock.now().since(began) > DENIED {
                return;
            }
            self.clock.sleep(pause).await;
            pause = (pause * 2).min(LOOK_AGAIN.1);
        }
    }
}

fn status_of(status: WaitStatus) -> Status {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => Status::Code(code),
        (None, Some(number)) => Status::Signal(number),
        (None, None) => Status::Lost,
    }
}

//! Programs under guard: they do what they do, end when they are told to, and nothing of them is left.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a panic is how a test says no")]

use std::ffi::OsString;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use looplab::exec::{Exit, LINES_KEPT, Output, Program, Spec, StartError, Status};
use looplab::net::{Clock, block_on_real};

/// Longer than anything here takes that goes well.
const LONG: Duration = Duration::from_secs(60);

type Told = Arc<Mutex<Vec<(Output, String)>>>;

fn spec(command: &[&str]) -> Spec {
    Spec {
        guard: PathBuf::from(env!("CARGO_BIN_EXE_looplab")),
        command: command.iter().map(OsString::from).collect(),
        dir: PathBuf::from("/"),
        env: Vec::new(),
        capture: 1000,
    }
}

fn shell(line: &str) -> Spec {
    spec(&["/bin/sh", "-c", line])
}

/// Runs `test` with a clock.
fn in_the_world<F: Future<Output = ()>>(test: impl FnOnce(Clock) -> F) {
    block_on_real(2, |_, clock| test(clock)).unwrap();
}

async fn start(spec: Spec, clock: &Clock) -> (Program, Told) {
    let told = Told::default();
    let tell = told.clone();
    let lines = move |output, line| tell.lock().unwrap().push((output, line));
    (Program::start(spec, clock.clone(), lines).await.unwrap(), told)
}

async fn ended(program: &Program, clock: &Clock) -> Exit {
    clock.timeout(LONG, program.exited()).await.expect("it ends")
}

fn lines(told: &Told) -> Vec<String> {
    told.lock().unwrap().iter().map(|(_, line)| line.clone()).collect()
}

/// A pipe with a name, which every process of a program holds open: it ends when all are gone.
struct Lifeline {
    path: PathBuf,
    _folder: tempfile::TempDir,
    gone: mpsc::Receiver<String>,
}

impl Lifeline {
    fn new() -> Lifeline {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lifeline");
        let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        let (tell, gone) = mpsc::channel();
        let reader = path.clone();
        std::thread::spawn(move || {
            let mut written = String::new();
            fs::File::open(reader).unwrap().read_to_string(&mut written).unwrap();
            let _ = tell.send(written);
        });
        Lifeline { path, _folder: folder, gone }
    }

    fn path(&self) -> &str {
        self.path.to_str().unwrap()
    }

    /// Waits until no process holds it any more; what they wrote into it.
    fn ended(&self) -> String {
        self.gone.recv_timeout(LONG).expect("nothing of the program is left")
    }
}

/// Completes when a line with these words was told.
async fn says(told: &Told, clock: &Clock, words: &str) {
    let said = async {
        while !lines(told).iter().any(|line| line.contains(words)) {
            clock.sleep(Duration::from_millis(5)).await;
        }
    };
    let said = clock.timeout(LONG, said).await;
    assert!(said.is_ok(), "it never says `{words}`: {:?}", lines(told));
}

/// The letter of a process's state.
fn state(pid: u32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

#[test]
fn what_a_program_writes_and_how_it_ends_is_told() {
    in_the_world(|clock| async move {
        let mut spec = shell("echo \"$GREETING $LOOPLAB\"; pwd; printf oh >&2; exit 3");
        spec.env = vec![("GREETING".into(), "hello".into()), ("LOOPLAB".into(), "1".into())];
        let (program, told) = start(spec, &clock).await;
        let exit = ended(&program, &clock).await;
        assert_eq!(exit, Exit { status: Status::Code(3), left: 0 });
        assert_eq!(exit.status.to_string(), "ended with exit code 3");
        let mut told = told.lock().unwrap().clone();
        told.sort_by_key(|(output, _)| *output == Output::Stderr);
        let expected = [
            (Output::Stdout, "hello 1".to_owned()),
            (Output::Stdout, "/".to_owned()),
            (Output::Stderr, "oh".to_owned()),
        ];
        assert_eq!(told, expected);
        assert_eq!(program.output(Output::Stdout), b"hello 1\n/\n");
        assert_eq!(program.pid(), None);
    });
}

#[test]
fn a_signal_that_ends_a_program_has_its_name() {
    in_the_world(|clock| async move {
        let (program, _) = start(shell("kill -SEGV $$"), &clock).await;
        let exit = ended(&program, &clock).await;
        assert_eq!(exit.status.signal().as_deref(), Some("SIGSEGV"));
        assert_eq!(exit.status.to_string(), "was ended by SIGSEGV");
    });
}

#[test]
fn a_program_that_cannot_be_started_is_an_error_that_says_why() {
    in_the_world(|clock| async move {
        let refused = async |spec: Spec| {
            Program::start(spec, clock.clone(), |_, _| {}).await.expect_err("it cannot start")
        };
        let error = refused(spec(&["no-such-program-anywhere"])).await;
        assert_eq!(error.to_string(), "there is no such program");
        let error = refused(spec(&["./no/such/path"])).await;
        assert_eq!(error.to_string(), "there is no such program");
        let error = refused(spec(&["/etc/passwd"])).await;
        assert_eq!(error.to_string(), "it may not be executed");
        let error = refused(Spec { dir: "/no/where".into(), ..spec(&["true"]) }).await;
        assert!(matches!(error, StartError::Folder(_)), "{error}");
        let error = refused(Spec { guard: "/no/guard".into(), ..spec(&["true"]) }).await;
        assert!(matches!(error, StartError::Guard(_)), "{error}");
        // A guard that is none: it ends without a word.
        let error = refused(Spec { guard: "/bin/true".into(), ..spec(&["true"]) }).await;
        assert!(matches!(error, StartError::Guard(_)), "{error}");
    });
}

#[test]
fn a_path_with_a_folder_is_looked_for_from_the_programs_folder() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("bin")).unwrap();
    let script = folder.path().join("bin/hello");
    fs::write(&script, "#!/bin/sh\necho \"$0\"\n").unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&script, mode).unwrap();
    in_the_world(|clock| async move {
        let spec = Spec { dir: folder.path().to_owned(), ..spec(&["bin/hello"]) };
        let (program, told) = start(spec, &clock).await;
        assert_eq!(ended(&program, &clock).await.status, Status::Code(0));
        assert!(lines(&told)[0].ends_with("/bin/hello"), "{:?}", lines(&told));
    });
}

#[test]
fn a_kill_reaches_what_has_detached_twice() {
    let lifeline = Lifeline::new();
    let line = format!(
        "exec 9>'{}'; ( setsid sh -c 'setsid sleep 1000 & echo detached' & ); sleep 1000",
        lifeline.path()
    );
    in_the_world(|clock| async move {
        let (program, told) = start(shell(&line), &clock).await;
        says(&told, &clock, "detached").await;
        program.kill();
        let exit = ended(&program, &clock).await;
        assert_eq!(exit.status, Status::Signal(9));
    });
    lifeline.ended();
}

#[test]
fn what_a_program_leaves_behind_is_counted_and_gone() {
    let lifeline = Lifeline::new();
    let line = format!("exec 9>'{}'; setsid sleep 1000 & exit 0", lifeline.path());
    in_the_world(|clock| async move {
        let (program, _) = start(shell(&line), &clock).await;
        let exit = ended(&program, &clock).await;
        assert_eq!(exit, Exit { status: Status::Code(0), left: 1 });
    });
    lifeline.ended();
}

#[test]
fn a_program_that_is_dropped_is_gone() {
    let lifeline = Lifeline::new();
    let line = format!("exec 9>'{}'; setsid sleep 1000 & echo ready; wait", lifeline.path());
    in_the_world(|clock| async move {
        let (program, told) = start(shell(&line), &clock).await;
        says(&told, &clock, "ready").await;
        drop(program);
    });
    lifeline.ended();
}

#[test]
fn a_program_that_starts_itself_anew_all_the_time_is_caught() {
    let lifeline = Lifeline::new();
    let script = format!(
        "import os, time\nf = open({:?}, 'w')\nprint('running', flush=True)\n\
         end = time.monotonic() + 120\nwhile time.monotonic() < end:\n    if os.fork():\n        os._exit(0)\n    os.setsid()\n",
        lifeline.path()
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runaway.py");
    fs::write(&path, script).unwrap();
    let line = format!("python3 {} & wait; sleep 1000", path.display());
    in_the_world(|clock| async move {
        let (program, told) = start(shell(&line), &clock).await;
        says(&told, &clock, "running").await;
        program.kill();
        assert_eq!(ended(&program, &clock).await.status, Status::Signal(9));
    });
    lifeline.ended();
}

#[test]
fn a_stop_asks_first_and_waits_for_all_who_were_asked() {
    // The shell is gone at once; what it has started takes its time to end in order.
    let lifeline = Lifeline::new();
    let line = format!(
        "exec 9>'{}'; sh -c 'trap \"echo bye >&9; exit 0\" TERM; echo ready; while :; do sleep 0.01; done' & wait",
        lifeline.path()
    );
    in_the_world(|clock| async move {
        let (program, told) = start(shell(&line), &clock).await;
        says(&told, &clock, "ready").await;
        program.stop(LONG).await;
        let exit = program.exit().expect("it has ended");
        assert_eq!(exit, Exit { status: Status::Signal(15), left: 0 });
    });
    assert_eq!(lifeline.ended(), "bye\n");
}

#[test]
fn a_program_that_does_not_listen_is_killed_after_its_grace() {
    in_the_world(|clock| async move {
        let line = "trap '' TERM; echo ready; while :; do sleep 0.01; done";
        let (program, told) = start(shell(line), &clock).await;
        says(&told, &clock, "ready").await;
        program.stop(Duration::from_millis(50)).await;
        assert_eq!(program.exit().map(|exit| exit.status), Some(Status::Signal(9)));
    });
}

#[test]
fn a_pause_stops_everything_and_a_resume_lets_it_go_on() {
    in_the_world(|clock| async move {
        let line =
            "setsid sh -c 'echo inner $$; while :; do sleep 0.01; done' & echo outer $$; wait";
        let (program, told) = start(shell(line), &clock).await;
        says(&told, &clock, "inner").await;
        says(&told, &clock, "outer").await;
        let pids: Vec<u32> = lines(&told)
            .iter()
            .map(|line| line.split(' ').next_back().unwrap().parse().unwrap())
            .collect();
        let all_in = async |states: &str| {
            let changed = async {
                while !pids.iter().all(|pid| state(*pid).is_some_and(|s| states.contains(s))) {
                    clock.sleep(Duration::from_millis(5)).await;
                }
            };
            assert!(clock.timeout(LONG, changed).await.is_ok(), "{states}");
        };
        // A shell that has just made a child waits for it (`D`), and for ever if that one is stopped.
        program.pause();
        all_in("TD").await;
        program.resume();
        all_in("SR").await;
        program.pause();
        all_in("TD").await;
        program.stop(LONG).await;
        assert!(program.exit().is_some(), "who is asked to end while paused is let go on for it");
    });
}

#[test]
fn a_flood_is_read_to_its_end_and_mostly_dropped() {
    in_the_world(|clock| async move {
        let line = "yes | head -c 200000000; echo over";
        let (program, told) = start(shell(line), &clock).await;
        assert_eq!(ended(&program, &clock).await.status, Status::Code(0));
        let lines = lines(&told);
        assert_eq!(lines.len() as u64, LINES_KEPT + 2, "{:?}", &lines[20_000..]);
        let expected = "199,960,005 bytes more of its output were not kept";
        assert_eq!(lines.last().map(String::as_str), Some(expected));
        assert_eq!(program.tail().last().map(String::as_str), Some("over"));
        assert_eq!(program.output(Output::Stdout).len(), 1000);
    });
}

#[test]
fn a_program_whose_guard_is_killed_is_killed_as_well() {
    let lifeline = Lifeline::new();
    let line = format!("exec 9>'{}'; sleep 1000 & echo ready; wait", lifeline.path());
    in_the_world(|clock| async move {
        let (program, told) = start(shell(&line), &clock).await;
        says(&told, &clock, "ready").await;
        let pid = program.pid().unwrap();
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let guard = stat.rsplit_once(") ").unwrap().1.split(' ').nth(1).unwrap().parse().unwrap();
        let name = fs::read_to_string(format!("/proc/{guard}/comm")).unwrap();
        assert_eq!(name, "lab-guard\n");
        let guard = rustix::process::Pid::from_raw(guard).unwrap();
        rustix::process::kill_process(guard, rustix::process::Signal::KILL).unwrap();
        let exit = ended(&program, &clock).await;
        assert_eq!(exit.status, Status::Lost);
    });
    lifeline.ended();
}

#[test]
fn nobody_else_starts_a_guard() {
    let program = Path::new(env!("CARGO_BIN_EXE_looplab"));
    let ran = std::process::Command::new(program).arg(looplab::exec::GUARD).output().unwrap();
    assert_eq!(ran.status.code(), Some(2));
    let said = String::from_utf8(ran.stderr).unwrap();
    assert!(said.contains("only looplab itself starts a guard"), "{said}");
}

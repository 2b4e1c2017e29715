//! What others do to the nodes of a run that goes on, and what strangers see of it.
#![expect(clippy::disallowed_types, reason = "strangers bring their own sockets")]

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc;
use std::time::Duration;

use looplab::base::NodeId;
use looplab::run::{self, Control, Hooks, Mode};
use looplab::scenario::model::World;
use looplab::trace::{Collector, Event, EventKind, FaultPhase, Recorder};

use crate::common::plan_of;

const PATIENCE: Duration = Duration::from_secs(20);

const TEXT: &str = r#"looplab: 1
servers:
  app: { type: http, routes: [ { on: GET /, respond: { text: hi } } ] }
  db: { type: redis, durable: true }
links: [ { from: app, to: db } ]
clients: { alice: { steps: [ { get: app/ } ] } }
"#;

/// Brings `TEXT` up, and lets `body` have it on a thread of its own.
fn up(body: impl FnOnce(Control) + Send + 'static) -> Vec<Event> {
    let (plan, collector) = (plan_of(TEXT, World::Real, 1), Collector::new());
    let recorder = Recorder::new(vec![Box::new(collector.clone())]);
    let (give, given) = mpsc::channel::<Control>();
    let service: run::Service = Box::new(move |control, _, _| {
        give.send(control).expect("somebody waits");
        Box::pin(std::future::pending())
    });
    let thread = std::thread::spawn(move || {
        let control = given.recv().expect("it is up");
        let stop = control.clone();
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| body(control)));
        stop.stop();
        done
    });
    let hooks = Hooks { mode: Mode::Up, services: vec![service], ..Hooks::default() };
    let ended = run::run(&plan, &recorder, hooks).expect("the machine agrees");
    thread.join().expect("it is caught").unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    assert_eq!((ended.failure, ended.interrupted), (None, true));
    collector.take()
}

fn address(control: &Control, name: &str) -> (NodeId, SocketAddr) {
    let found = control.endpoints().iter().find(|endpoint| endpoint.name == name);
    found.map(|endpoint| (endpoint.node, endpoint.address)).expect("it is there")
}

fn connect(address: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// Asks for the page, and returns the status line.
fn ask(stream: &mut TcpStream) -> std::io::Result<String> {
    stream.write_all(b"GET / HTTP/1.1\r\nhost: app\r\n\r\n")?;
    let mut answer = [0; 512];
    let length = stream.read(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer[..length]).lines().next().unwrap_or_default().to_owned())
}

#[test]
fn strangers_see_a_crash_as_any_program_would_and_the_same_port_afterwards() {
    let events = up(|control| {
        let (app, address) = address(&control, "app");
        let (mut idle, mut busy) = (connect(address).unwrap(), connect(address).unwrap());
        assert_eq!(ask(&mut idle).unwrap(), "HTTP/1.1 200 OK");
        assert_eq!(ask(&mut busy).unwrap(), "HTTP/1.1 200 OK");
        assert!(control.crash(app));
        assert!(!control.crash(app), "it is down already");
        let refused = connect(address).expect_err("nobody listens").kind();
        assert_eq!(refused, ErrorKind::ConnectionRefused);
        let reset = idle.read(&mut [0; 8]).expect_err("it is reset").kind();
        assert_eq!(reset, ErrorKind::ConnectionReset);
        for _ in 0..3 {
            assert!(control.restart(app));
            assert!(!control.restart(app), "it is up already");
            let mut again = connect(address).expect("the same port");
            assert_eq!(ask(&mut again).unwrap(), "HTTP/1.1 200 OK");
            assert!(control.crash(app));
        }
        assert!(control.restart(app));
        assert_eq!(ask(&mut connect(address).unwrap()).unwrap(), "HTTP/1.1 200 OK");
    });
    let crashes = events.iter().filter(|event| matches!(event.kind, EventKind::Crash { .. }));
    assert_eq!(crashes.count(), 4);
    let ends = events.iter().filter(|event| match &event.kind {
        EventKind::Fault(fault) => fault.name == "crash.app" && fault.phase == FaultPhase::End,
        _ => false,
    });
    assert_eq!(ends.count(), 4, "it is one fault that comes and goes");
}

#[test]
fn strangers_wait_while_a_server_stands_still() {
    up(|control| {
        let (app, address) = address(&control, "app");
        assert!(control.pause(app));
        assert!(!control.pause(app));
        let mut stream = connect(address).expect("the kernel goes on");
        stream.write_all(b"GET / HTTP/1.1\r\nhost: app\r\n\r\n").unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let waited = stream.read(&mut [0; 8]).expect_err("nothing comes").kind();
        assert!(matches!(waited, ErrorKind::WouldBlock | ErrorKind::TimedOut), "{waited}");
        assert!(control.resume(app));
        assert!(!control.resume(app));
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        assert_eq!(stream.read(&mut [0; 8]).unwrap(), 8);
    });
}

#[test]
fn a_hand_on_a_run_knows_its_links_and_who_is_down() {
    up(|control| {
        let (app, _) = address(&control, "app");
        let (db, listen) = address(&control, "db");
        let links = control.links();
        let pairs: Vec<_> = links.iter().map(|link| (link.from, link.to)).collect();
        assert_eq!(pairs, [(NodeId::OUTSIDE, app), (NodeId::OUTSIDE, db), (app, db)]);
        assert_eq!(links[2].listen, listen);
        assert!(control.faults().is_empty());
        assert!(control.crash(db));
        let faults = control.faults();
        assert_eq!(faults.len(), 1);
        assert_eq!((faults[0].name.as_str(), faults[0].touched), ("crash.db", 1));
        assert!(faults[0].since.is_some());
        assert!(control.remove_fault("crash.db"), "its end is a restart");
        assert!(!control.restart(db));
        assert!(control.faults()[0].since.is_none());
        assert!(!control.remove_fault("crash.db"));
    });
}

#[test]
fn faults_come_and_go_by_name_while_the_run_goes_on() {
    up(|control| {
        let app = address(&control, "app").1;
        let add = |text: &str| control.add_fault(text).map_err(|wrong| wrong.to_string());
        assert_eq!(add("{ pause: app }"), Ok("pause.1".to_owned()));
        assert_eq!(add("{ skew: db, ahead: 1h, name: jump }"), Ok("jump".to_owned()));
        let wrong = add("{ pause: db, name: jump }").expect_err("that name is taken");
        assert!(wrong.contains("a fault is called `jump` already"), "{wrong}");
        assert!(control.remove_fault("jump"));
        assert_eq!(add("{ pause: db, name: jump }"), Ok("jump".to_owned()), "it was over");
        assert!(control.remove_fault("pause.1"));
        assert_eq!(ask(&mut connect(app).unwrap()).unwrap(), "HTTP/1.1 200 OK");
        assert_eq!(add("{ crash: app }"), Ok("crash.1".to_owned()));
        assert_eq!(connect(app).expect_err("down").kind(), ErrorKind::ConnectionRefused);
        assert!(control.remove_fault("crash.1"));
        assert_eq!(add("{ crash: app }"), Ok("crash.2".to_owned()), "a number is given once");
        let wrong = add("{ crash: ap }").expect_err("nobody is called that");
        assert!(wrong.contains("did you mean `app`?"), "{wrong}");
        control.act(&looplab::plan::fault::Act::Heal(None));
        assert!(control.faults().iter().all(|fault| fault.since.is_none()));
        assert_eq!(ask(&mut connect(app).unwrap()).unwrap(), "HTTP/1.1 200 OK");
    });
}

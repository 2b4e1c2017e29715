//! How runs end: done, timed out, deadlocked, interrupted, panicked; always with everything gone.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{Ended, Hooks, Mode, run, world};
use crate::base::Rng;
use crate::net::block_on_virtual;
use crate::plan::{Overrides, Plan};
use crate::scenario::model::{Scenario, World};
use crate::trace::{Collector, Event, EventKind, Observer, Recorder};

fn plan(text: &str, world: World) -> Arc<Plan> {
    let scenario =
        Scenario::parse("t.yaml", text.as_bytes(), None).unwrap_or_else(|e| panic!("{e}"));
    let overrides = Overrides { clock: Some(world), ..Overrides::default() };
    Arc::new(Plan::new(scenario, overrides).unwrap_or_else(|e| panic!("{e}")))
}

fn ended(text: &str, world: World, hooks: Hooks) -> (Ended, Vec<Event>) {
    let collector = Collector::new();
    let recorder = Recorder::new(vec![Box::new(collector.clone())]);
    let ended = run(&plan(text, world), &recorder, hooks).expect("the machine agrees");
    (ended, collector.take())
}

const IDLE: &str =
    "looplab: 1\nservers: { s: { type: echo } }\nclients: { c: { steps: [ { wait: 1h } ] } }\n";

#[test]
fn a_run_that_is_done_has_no_failure_and_its_time_is_virtual() {
    let text = format!("{IDLE}timeout: 2h\n");
    let (ended, _) = ended(&text, World::Virtual, Hooks::default());
    assert_eq!((ended.failure, ended.interrupted), (None, false));
    assert_eq!(ended.at.as_millis(), 3_600_000);
}

#[test]
fn a_run_past_its_timeout_says_so_in_both_worlds() {
    for (world, timeout) in [(World::Virtual, "30m"), (World::Real, "50ms")] {
        let (ended, _) = ended(&format!("{IDLE}timeout: {timeout}\n"), world, Hooks::default());
        let failure = ended.failure.expect("it took too long");
        assert!(failure.contains("longer than its timeout"), "{failure}");
    }
}

#[test]
fn an_interrupt_ends_a_run_in_order() {
    for mode in [Mode::Run, Mode::Up] {
        let (tell, told) = tokio::sync::oneshot::channel();
        let hooks = Hooks {
            mode,
            ready: Some(Box::new(move |endpoints| {
                assert_eq!(endpoints.len(), 1);
                assert!(endpoints[0].url().starts_with("tcp://127.0.0.1:"));
                tell.send(()).expect("somebody waits");
            })),
            interrupt: Some(Box::pin(async move {
                let _ = told.await;
            })),
            ..Hooks::default()
        };
        let (ended, _) = ended(IDLE, World::Real, hooks);
        assert_eq!((ended.failure, ended.interrupted), (None, true), "{mode:?}");
    }
}

/// Requests without end, of which none takes any time.
const ENDLESS: &str = "looplab: 1
servers: { s: { type: http, routes: [ { on: GET /, respond: { text: ok } } ] } }
clients: { c: { steps: [ { repeat: 1000000, steps: [ { get: s/ } ] } ] } }
";

#[test]
fn a_virtual_run_of_more_events_than_it_may_have_has_failed() {
    let hooks = Hooks { events_max: Some(1_000), ..Hooks::default() };
    let (ended, events) = ended(ENDLESS, World::Virtual, hooks);
    let failure = ended.failure.expect("it was cut");
    assert!(failure.contains("more happened than"), "{failure}");
    assert!(events.len() < 5_000, "{} events", events.len());
}

#[test]
fn a_virtual_run_in_which_no_time_passes_can_be_interrupted() {
    struct After(usize, CancellationToken);
    impl Observer for After {
        fn event(&mut self, _: &Event) {
            self.0 = self.0.saturating_sub(1);
            if self.0 == 0 {
                self.1.cancel();
            }
        }
    }
    let stop = CancellationToken::new();
    let recorder = Recorder::new(vec![Box::new(After(1_000, stop.clone()))]);
    let interrupt = Some(Box::pin(stop.cancelled_owned()) as super::Interrupt);
    let hooks = Hooks { interrupt, ..Hooks::default() };
    let ended = run(&plan(ENDLESS, World::Virtual), &recorder, hooks).expect("it can begin");
    assert!(ended.interrupted);
}

#[test]
fn a_panic_in_a_server_is_a_failed_run_that_names_the_server() {
    let plan = plan(IDLE, World::Virtual);
    let collector = Collector::new();
    let recorder = Recorder::new(vec![Box::new(collector.clone())]);
    let run = block_on_virtual(Rng::new(1), move |net, clock| {
        let node = plan.nodes[0].id;
        let world =
            world::World::new(plan, recorder, net, clock.clone(), &super::Steering::default());
        let tasks = world.server_tasks();
        tasks.spawn(node, async move {
            clock.sleep(Duration::from_millis(5)).await;
            panic!("out of paper");
        });
        world.run(Hooks::default())
    });
    let ended = run.expect("no deadlock").expect("no error of the machine");
    assert_eq!(ended.failure.as_deref(), Some("`s` panicked: out of paper"));
    assert_eq!(ended.at.as_millis(), 5);
    let crashed = collector
        .take()
        .into_iter()
        .any(|event| matches!(event.kind, EventKind::Crash { text, .. } if text == "out of paper"));
    assert!(crashed);
}

#[test]
fn a_taken_port_names_the_server_the_place_and_the_holder() {
    // The port is a free one that the kernel gave to somebody else, and who still has it.
    let (give, given) = std::sync::mpsc::channel();
    let (tell, told) = tokio::sync::oneshot::channel::<()>();
    let hooks = Hooks {
        mode: Mode::Up,
        ready: Some(Box::new(move |endpoints| give.send(endpoints[0].address.port()).unwrap())),
        interrupt: Some(Box::pin(async move {
            let _ = told.await;
        })),
        ..Hooks::default()
    };
    let holder = std::thread::spawn(move || ended(IDLE, World::Real, hooks));
    let port = given.recv().expect("it is up");
    let text = format!("looplab: 1\nservers: {{ s: {{ type: echo, port: {port} }} }}\n");
    let recorder = Recorder::new(Vec::new());
    let plan = plan(&text, World::Real);
    let error = run(&plan, &recorder, Hooks::default()).expect_err("the port is taken");
    let drawn = error.diagnostic().expect("it has a place").render(&plan.source, false);
    assert!(drawn.contains("t.yaml:2:"), "{drawn}");
    assert!(drawn.contains(&format!("cannot listen at port {port}")), "{drawn}");
    assert!(drawn.contains(&format!("process {}", std::process::id())), "{drawn}");
    tell.send(()).expect("it still waits");
    holder.join().expect("no panic");
}

/// An observer that can be counted.
struct Counted(#[expect(dead_code, reason = "it is held, not read")] Arc<()>);

impl crate::trace::Observer for Counted {
    fn event(&mut self, _: &Event) {}
}

#[test]
fn a_run_that_is_over_holds_nothing() {
    let kinds = [
        "{ type: echo }",
        "{ type: redis }",
        "{ type: http, routes: [ { on: GET /, respond: { text: hi } } ] }",
        "{ type: node, script: x.lua }",
    ];
    let steps = [
        "[ { connect: s }, { send: { text: x } } ]",
        "[ { redis: s PING }, { fault: { crash: s, for: 1ms } }, { wait: 5ms } ]",
        "[ { get: s/ }, { fault: { drop: request, to: s } }, { fault: { skew: s, ahead: 1s } } ]",
        "[ { call: s, json: { type: a } } ]",
    ];
    for (kind, steps) in kinds.iter().zip(steps) {
        let text = format!(
            "looplab: 1\nservers: {{ s: {kind} }}\nclients: {{ c: {{ steps: {steps} }} }}\n\
             scripts: {{ x.lua: \"function on.a() return {{ type = 'b' }} end\" }}\n"
        );
        let text = match kind.contains("node") {
            true => text,
            false => text[..text.find("scripts:").expect("it is there")].to_owned(),
        };
        let plan = plan(&text, World::Virtual);
        let held = Arc::new(());
        let recorder = Recorder::new(vec![Box::new(Counted(held.clone()))]);
        run(&plan, &recorder, Hooks::default()).expect("the machine agrees");
        drop(recorder);
        assert_eq!((Arc::strong_count(&plan), Arc::strong_count(&held)), (1, 1), "{kind}");
    }
}

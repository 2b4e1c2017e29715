//! Load.

use super::*;
use crate::trace::LoadEvent;

fn client(load: &str) -> String {
    format!(
        "servers: {{ app: {{ type: http }} }}\nclients:\n  users:\n    {load}\n    steps: [{{ get: app/ }}]\n"
    )
}

fn figures(ran: &Ran) -> LoadEvent {
    let load = ran.events.iter().find_map(|event| match &event.kind {
        EventKind::Load(load) => Some((**load).clone()),
        _ => None,
    });
    load.expect("a load event")
}

fn fast() -> Server {
    Server::http(|_, _| ok("ok"))
}

/// True if `a` is `b` but for the histogram's three digits.
fn about(a: Duration, b: Duration) -> bool {
    a.abs_diff(b) <= b / 500 + Duration::from_micros(1)
}

#[test]
fn an_open_loop_keeps_its_rate_and_tells_figures_instead_of_steps() {
    let ran = run(&client("load: { rate: 100/s, for: 1s, arrivals: even }"), [("app", fast())]);
    ran.went_well();
    let load = figures(&ran);
    assert_eq!((load.started, load.done, load.failed, load.shed), (100, 100, 0, 0));
    assert_eq!(ran.steps().count(), 0);
    assert_eq!(load.span, ran.plan.clients[0].load.as_ref().unwrap().span);
    let latency = load.latency.unwrap();
    assert_eq!(latency.max, DIAL);
    assert!(ran.logs().is_empty(), "the event says it all");
}

#[test]
fn open_loop_latency_counts_from_the_intended_time() {
    // One request at a time is answered, each in 30 ms, and one comes every 10 ms: the n-th waits
    // for those before it. Measured from when its turn came, each would seem to take 30 ms.
    let turn = Arc::new(tokio::sync::Semaphore::new(1));
    let server = Server::new(move |mut stream, clock| {
        let turn = turn.clone();
        async move {
            let mut buffer = [0; 1024];
            while let Ok(1..) = stream.read(&mut buffer).await {
                let turn = turn.acquire().await.unwrap();
                clock.sleep(30 * MS).await;
                drop(turn);
                let _ = stream.write_all(response("200 OK", "").as_bytes()).await;
            }
        }
    });
    let yaml = client("load: { rate: 100/s, for: 100ms, arrivals: even }");
    let ran = run(&yaml, [("app", server)]);
    let load = figures(&ran);
    assert_eq!(load.done, 10);
    let latency = load.latency.unwrap();
    assert!(about(latency.min, DIAL + 30 * MS), "{latency:?}");
    // The last of the ten arrived at 90 ms and was answered at 300 ms.
    assert!(about(latency.max, DIAL + 210 * MS), "{latency:?}");
    assert!(about(latency.p50, DIAL + 110 * MS), "{latency:?}");
}

#[test]
fn poisson_arrivals_come_from_the_clients_own_chance() {
    let arrivals = || {
        let times = Arc::new(Mutex::new(Vec::new()));
        let kept = times.clone();
        let server = Server::new(move |stream, clock| {
            kept.lock().unwrap().push(clock.now());
            let inner = fast();
            inner.0(stream, clock)
        });
        let ran = run(&client("load: { rate: 200/s, for: 1s }"), [("app", server)]);
        let load = figures(&ran);
        let times = times.lock().unwrap().clone();
        (load.started, times)
    };
    let (started, times) = arrivals();
    assert!((150..250).contains(&started), "{started}");
    assert_eq!((started, times), arrivals());
}

#[test]
fn arrivals_beyond_the_most_in_flight_are_shed_and_counted() {
    let yaml = client("load: { rate: 100/s, for: 1s, arrivals: even, in_flight: 5 }");
    let server = Server::http(|_, _| Answer::Later(199 * MS, response("200 OK", "")));
    let ran = run(&yaml, [("app", server)]);
    let load = figures(&ran);
    // Five are taken at a time; each first time takes a millisecond more to connect.
    assert_eq!((load.started, load.done, load.shed), (25, 25, 75));
    assert!(load.latency.unwrap().max <= 201 * MS);
}

#[test]
fn a_closed_loop_has_its_users_iterations_and_pauses() {
    let server = Server::http(|_, _| Answer::Later(10 * MS, response("200 OK", "")));
    let load = "load: { users: 3, iterations: 4, think: 5ms }";
    let ran = run(&client(load), [("app", server.clone())]);
    ran.went_well();
    let load = figures(&ran);
    assert_eq!((load.started, load.done), (12, 12));
    let latency = load.latency.unwrap();
    assert!(about(latency.p50, 10 * MS) && about(latency.max, 10 * MS + DIAL), "{latency:?}");
    // 10 ms an iteration, 5 ms between them and after the last, and connecting once.
    assert_eq!(ran.events.last().unwrap().at, Time::ZERO + 4 * 15 * MS + DIAL);
    let ran = run(&client("load: { users: 2, for: 100ms }"), [("app", server)]);
    // At 0, then every 10 ms from 11 ms on, until 91 ms.
    assert_eq!(figures(&ran).done, 20);
}

#[test]
fn a_user_keeps_his_connection_and_an_arrival_takes_an_idle_one() {
    for (load, wanted) in [
        ("load: { users: 3, iterations: 4 }", 3),
        ("load: { rate: 100/s, for: 1s, arrivals: even }", 1),
    ] {
        let count = Arc::new(Mutex::new(0));
        let counter = count.clone();
        let server = Server::new(move |stream, clock| {
            *counter.lock().unwrap() += 1;
            fast().0(stream, clock)
        });
        run(&client(load), [("app", server)]).went_well();
        assert_eq!(*count.lock().unwrap(), wanted);
    }
}

#[test]
fn a_mix_is_drawn_by_weight_and_iterations_know_their_number() {
    let counts = Arc::new(Mutex::new([0, 0]));
    let counter = counts.clone();
    let numbers = Mutex::new(std::collections::BTreeSet::new());
    let server = Server::http(move |_, request| {
        let path = request.split(' ').nth(1).unwrap().to_owned();
        let (flow, number) = path[1..].split_once('/').unwrap();
        let fresh = numbers.lock().unwrap().insert(number.parse::<u64>().unwrap());
        assert!(fresh, "iteration {number} twice");
        counter.lock().unwrap()[usize::from(flow == "buy")] += 1;
        ok("")
    });
    let yaml = "
servers: { app: { type: http } }
flows:
  browse: [{ get: \"app/browse/${iteration}\" }]
  buy: [{ get: \"app/buy/${iteration}\" }]
clients:
  users: { load: { users: 10, iterations: 100, mix: { browse: 9, buy: 1 } } }
";
    run(yaml, [("app", server)]).went_well();
    let [browse, buy] = *counts.lock().unwrap();
    assert_eq!(browse + buy, 1000);
    assert!((60..140).contains(&buy), "{buy}");
}

#[test]
fn failed_iterations_are_counted_and_the_first_hundred_are_told() {
    let yaml = "
servers: { app: { type: http } }
clients:
  users:
    load: { users: 1, iterations: 150 }
    steps:
      - { get: app/, expect: { status: 404 } }
      - { get: app/never }
";
    let ran = run(yaml, [("app", fast())]);
    let load = figures(&ran);
    assert_eq!((load.started, load.done, load.failed), (150, 0, 150));
    assert_eq!(load.latency, None);
    assert_eq!(ran.steps().count(), 100);
    assert_eq!(ran.told()[99], "! users: get app/");
    let end = ClientEnd { outcome: Outcome::Failed, skipped: 0, load_failed: 150 };
    assert_eq!(ran.ends, [end]);
}

#[test]
fn a_load_is_over_for_those_who_wait_when_its_last_iteration_is() {
    let yaml = "
servers: { app: { type: http } }
clients:
  users:
    load: { rate: 100/s, for: 50ms, arrivals: even }
    steps: [{ get: app/ }]
  after: { after: users, steps: [{ wait: 1ms }] }
";
    let server = Server::http(|_, _| Answer::Later(500 * MS, response("200 OK", "")));
    let ran = run(yaml, [("app", server)]);
    ran.went_well();
    assert_eq!(ran.steps().next().unwrap().1.began, Time::ZERO + (40 + 500) * MS + DIAL);
}

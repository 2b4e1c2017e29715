//! `--pcap`, from outside: a capture that can be read while it is written, and what happens if it cannot be.

use std::io::{Read as _, Write as _};

use looplab::render::Format;
use looplab::scenario::model::World;

use super::tshark::tshark;
use super::up::bench::{Bench, GOOD, LONG};
use super::up::{Up, files};
use super::{common, exported, stored};

#[test]
fn it_is_what_the_trace_would_be_exported_to() {
    for clock in ["virtual", "real"] {
        let bench = Bench::new(&[("good.yaml", GOOD)]);
        let line = format!("run good.yaml --clock {clock} --out out --pcap x.pcapng");
        bench.looplab(&line).exits(0).says(&["capture   x.pcapng"]).without_complaint();
        bench.looplab("export out --to pcapng -o y.pcapng").exits(0).without_complaint();
        let [live, later] =
            ["x.pcapng", "y.pcapng"].map(|name| std::fs::read(bench.path(name)).unwrap());
        assert!(live == later && live.len() > 500, "{clock}");
    }
}

#[test]
fn it_can_be_read_while_servers_are_up() {
    let servers = "looplab: 1
name: live
servers:
  web: { type: http, routes: [{ on: GET /hello, respond: { text: hi } }] }
  store: { type: redis }
";
    let up = Up::new(servers, "--pcap x.pcapng");
    let mut stream = up.connect("web");
    stream.write_all(b"GET /hello HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let mut reply = [0; 17];
    stream.read_exact(&mut reply).unwrap();
    assert_eq!(&reply, b"HTTP/1.1 200 OK\r\n");
    // Whatever was received has been in the file before.
    let file = up.bench.path("x.pcapng");
    let fields =
        ["-T", "fields", "-e", "http.request.uri", "-e", "http.response.code", "-Y", "http"];
    let http = format!("tcp.port=={},http", up.port("web"));
    let read = || tshark(&file, &up.bench.path(""), ["-d", &http].into_iter().chain(fields));
    assert_eq!(read(), "/hello\t\n\t200\n");
    let links = tshark(&file, &up.bench.path(""), ["-T", "fields", "-e", "frame.interface_name"]);
    assert!(links.lines().all(|link| link == "outside -> web"), "{links}");
    drop(stream);
    let redis = format!("wireshark -d tcp.port=={},resp x.pcapng", up.port("store"));
    let running = up.stop();
    assert!(running.ran.out.contains("capture: x.pcapng"), "{}", running.ran.out);
    assert!(running.ran.out.contains(&redis), "{}", running.ran.out);
}

#[test]
fn what_a_killed_run_leaves_can_be_read() {
    let bench = Bench::new(&[("long.yaml", LONG)]);
    let running = bench.start("run long.yaml --clock real --pcap x.pcapng", "200 OK");
    running.signal(rustix::process::Signal::KILL);
    running.gone();
    let read = tshark(&bench.path("x.pcapng"), &bench.path(""), ["-Y", "tcp"]);
    assert!(read.lines().count() >= 7, "{read}");
}

#[test]
fn a_capture_that_cannot_be_written_is_reported_and_not_passed_over() {
    let bench = Bench::new(&[("good.yaml", GOOD)]);
    let run = "run good.yaml --clock virtual --out out --pcap";
    let nowhere = bench.looplab(&format!("{run} no/such/x.pcapng")).exits(2);
    nowhere.complains(&["cannot write no/such/x.pcapng: no such file or directory"]);
    assert_eq!(files(&bench, "out"), [""; 0], "there was no run, and no trace of it");
    let full = bench.looplab(&format!("{run} /dev/full")).exits(3);
    full.complains(&["cannot write /dev/full: no space left on device"]);
    let taken = bench.looplab(&format!("{run} out/trace.jsonl")).exits(3);
    taken.complains(&["another run is writing it", "name another file with --pcap"]);
    bench.looplab(&format!("{run} /dev/null")).exits(0).without_complaint();
}

#[test]
fn redis_comes_with_the_option_that_wireshark_needs() {
    let bench = Bench::new(&[]);
    let scenario = super::shipped_scenario("microservice-chain").display().to_string();
    bench.looplab(&format!("run {scenario} --clock virtual --out out --quiet")).exits(0);
    let ran = bench.looplab("export out --to pcapng -o x.pcapng").exits(0);
    ran.complains(&["Wireshark knows Redis by its port: wireshark -d tcp.port=="]);
    let trace = bench.read("out/trace.jsonl");
    let (header, events) = stored(&trace);
    let expected = exported(Format::Pcapng, &header, &events);
    assert!(std::fs::read(bench.path("x.pcapng")).unwrap() == expected);
    let ran = common::run_file(scenario.as_ref(), World::Virtual, 1);
    assert!(trace == ran.trace, "and the run is that of the library");
}

#[test]
fn what_is_left_out_is_told_and_what_is_cut_short_is_exported() {
    let bench = Bench::new(&[("good.yaml", GOOD)]);
    bench.looplab("run good.yaml --clock virtual --out out --quiet").exits(0);
    let trace = bench.read("out/trace.jsonl");
    std::fs::write(bench.path("cut.jsonl"), &trace[..trace.len() - 30]).unwrap();
    for (_, format) in Format::ALL {
        bench
            .looplab(&format!("export cut.jsonl --to {format} -o x.{format}"))
            .exits(0)
            .without_complaint();
    }
    std::fs::write(bench.path("bad.jsonl"), format!("{trace}not an event\n")).unwrap();
    bench.looplab("export bad.jsonl --to pcapng -o bad").exits(2).complains(&["is not an event"]);
}

#[test]
fn the_page_tells_every_format_and_its_commands_run() {
    let page = std::fs::read_to_string(super::up::bench::shipped("docs/exports.md")).unwrap();
    let bench = Bench::new(&[("shop.yaml", GOOD)]);
    bench.looplab("run shop.yaml --clock virtual --out runs/shop --quiet").exits(0);
    for (_, format) in Format::ALL {
        assert!(page.contains(&format!("`{format}`")), "not a word on {format}");
    }
    let mut commands = 0;
    for line in page.lines().filter_map(|line| line.strip_prefix("looplab export ")) {
        let line = line.split('|').next().unwrap();
        bench.looplab(&format!("export {line}")).exits(0).without_complaint();
        commands += 1;
    }
    assert!(commands >= 6, "the page has {commands} commands");
    let filter = "tshark -r shop.pcapng -Y 'frame.interface_name == \"app -> db\"'";
    assert!(page.contains(filter));
    let table = bench.read("shop.csv");
    let columns: Vec<&str> = table.lines().next().unwrap().split(',').collect();
    let start = page.find("after a row of names: ").unwrap();
    let told = page[start..].split("The columns").next().unwrap();
    let told: Vec<&str> = told.split('`').skip(1).step_by(2).collect();
    assert_eq!(told, columns);
}

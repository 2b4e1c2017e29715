//! How faults are drawn.

use super::*;
use crate::trace::{FaultEvent, FaultPhase};

#[test]
fn every_fault_is_drawn() {
    let (header, events) = (sample::faulty_header(), sample::faulty());
    for width in [80, 120] {
        let drawn = told(header.clone(), &events, &telling(width, Form::Diagram));
        golden(&format!("faults-{width}"), &drawn);
    }
    let drawn = told(header.clone(), &events, &telling(110, Form::List { cut: true }));
    golden("faults-list", &drawn);
    let style = Style { ascii: true, width: 100, color: false };
    let ascii = told(header, &events, &Telling { style, ..telling(100, Form::Diagram) });
    assert!(ascii.is_ascii(), "{ascii}");
    golden("faults-ascii", &ascii);
}

#[test]
fn the_band_of_a_fault_is_wanted_where_it_may_meet_somebody() {
    let header = sample::faulty_header();
    let told = |choice: Choice| {
        let mut wanted = Wanted::new(choice);
        let mut names: Vec<String> = Vec::new();
        for event in sample::faulty() {
            match &event.kind {
                EventKind::Fault(fault) if wanted.wants(&event, &header) => {
                    if !names.contains(&fault.name) {
                        names.push(fault.name.clone());
                    }
                }
                _ => {
                    wanted.wants(&event, &header);
                }
            }
        }
        names.join(" ")
    };
    let node = |name: &str| Choice { nodes: vec![name.into()], ..Choice::default() };
    let link = |from: &str, to: &str| Choice {
        links: vec![(from.into(), to.into())],
        ..Choice::default()
    };
    assert_eq!(told(node("db")), "corrupt.1 power-cut drop.1");
    assert_eq!(told(node("bob")), "short");
    assert_eq!(told(link("app", "cache")), "lost-del other-item partition.1 gc");
    assert_eq!(told(link("alice", "app")), "twice other-item");
    assert_eq!(told(Choice { grep: Some("edit".into()), ..Choice::default() }), "other-item");
}

#[test]
fn the_messages_of_a_fault_are_found_by_its_name() {
    let header = sample::faulty_header();
    let mut wanted = Wanted::new(Choice { grep: Some("power-cut".into()), ..Choice::default() });
    let count = sample::faulty().iter().filter(|event| wanted.wants(event, &header)).count();
    assert_eq!(count, 4, "its band, twice, the crash, a message that was lost");
}

/// A page's block of text is what is drawn, but for lines that it leaves out.
#[test]
fn the_page_about_diagrams_shows_what_is_drawn() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("docs/diagrams.md")).unwrap();
    let drawn = told(sample::faulty_header(), &sample::faulty(), &telling(100, Form::Diagram));
    let shown = page.split("```text\n").skip(1).map(|block| block.split("```").next().unwrap());
    let mut rest = drawn.lines();
    for line in shown.flat_map(str::lines) {
        assert!(rest.any(|drawn| drawn == line), "`{line}` is not in its place in\n{drawn}");
    }
}

#[test]
fn many_messages_that_one_fault_took_are_told_in_one_line() {
    let mut run = sample::Run::default();
    for n in 0..3_000 {
        let message = run.message((n, n + 1), 1, (sample::APP, sample::CACHE), "DEL item:1", None);
        if n % 2 == 0 {
            message.fate = Fate::Dropped;
            message.fault = Some("drop.1".into());
        }
    }
    let drawn = told(sample::header(), &run.events, &telling(100, Form::Diagram));
    assert!(drawn.lines().count() < 100, "{drawn}");
    for line in [
        "⋮ 1,480 more like this: app → cache  DEL item:* (dropped by drop.*)",
        "⋮ 1,480 more like this: app → cache  DEL item:*\n",
    ] {
        assert!(drawn.contains(line), "{line} in {drawn}");
    }
}

#[test]
fn faults_of_a_thousand_links_are_told_in_a_few_lines() {
    let mut run = sample::Run::default();
    for phase in [FaultPhase::Start, FaultPhase::End] {
        for n in 0..1_500 {
            let (name, text) = (format!("latency.{n}"), "{ latency: 1ms }".to_owned());
            let fault = FaultEvent { name, phase, text, span: None, touched: 0 };
            run.event(0, EventKind::Fault(Box::new(fault)));
        }
    }
    let drawn = told(sample::header(), &run.events, &telling(100, Form::Diagram));
    assert!(drawn.lines().count() < 120, "{drawn}");
    assert!(drawn.contains("⋮ 1,480 more like this: latency.* let loose"), "{drawn}");
    assert!(drawn.contains("faults    1,000 unused"), "{drawn}");
    assert!(drawn.contains("and 1,480 more"), "{drawn}");
}

#[test]
fn who_stood_still_before_what_is_shown_stands_still_in_it() {
    let header = sample::faulty_header();
    let source = Source::new(header.file.as_str(), header.text.as_str());
    let mut teller = Teller::new(header, source, telling(100, Form::Diagram));
    let mut out = String::new();
    let from = Time::from_nanos(35_100_000);
    for event in sample::faulty() {
        if event.at < from {
            teller.pass(&event);
        } else {
            teller.event(&event, &mut out);
        }
    }
    let first = out.lines().find(|line| line.contains("GET /items/8")).unwrap();
    assert!(first.ends_with('░'), "{first}");
    assert!(out.contains("resumed after 15ms") && out.contains("restarted after 20ms"), "{out}");
    assert!(out.contains("lost-del over, 1 message touched"), "it was let loose before: {out}");
}

#[test]
fn a_fault_that_touched_nothing_is_told_of_unless_nobody_wants_to_know() {
    let header = sample::faulty_header();
    let source = Source::new(header.file.as_str(), header.text.as_str());
    let mut teller = Teller::new(header, source, telling(100, Form::Summary));
    for event in sample::faulty() {
        teller.event(&event, &mut String::new());
    }
    let closed = |brief, warns_unused| {
        let mut out = String::new();
        Closing { brief, warns_unused, ..closing(&teller) }.write(&mut out);
        out
    };
    let warning = "? drop.1 touched nothing: it was never let loose\n";
    let (whole, brief) = (closed(false, true), closed(true, true));
    assert!(whole.contains(warning) && brief.contains(warning), "{whole}{brief}");
    assert!(!brief.contains("lost-del"), "{brief}");
    assert!(!closed(false, false).contains(warning));
    assert!(closed(false, false).contains("● drop.1       nothing touched"));
    assert!(!closed(true, false).contains("faults"));
}

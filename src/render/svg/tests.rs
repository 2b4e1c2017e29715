use std::time::Duration;

use super::super::Format;
use super::super::sample::{
    ALICE, APP, BOB, DB, Run, events, export_of, exported, exported_faulty, header,
};
use super::*;
use crate::base::{NodeId, Time};
use crate::trace::{EventKind, FaultEvent, FaultPhase, HeaderNode};

/// The names of elements, as they nest; panics where the document is not well formed.
fn elements(svg: &str) -> Vec<String> {
    let mut open = Vec::new();
    let mut all = Vec::new();
    for (n, part) in svg.split('<').enumerate() {
        let Some((tag, text)) = part.split_once('>') else {
            assert!(n == 0 && part.is_empty(), "`{part}` is not closed");
            continue;
        };
        let bare = text.split('&').skip(1).all(|entity| {
            ["amp;", "lt;", "gt;", "quot;"].iter().any(|name| entity.starts_with(name))
        });
        assert!(bare, "`{text}` has a bare &");
        assert!(tag.matches('"').count().is_multiple_of(2), "`{tag}` has an open quote");
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name));
            continue;
        }
        let name = tag.split([' ', '/']).next().unwrap().to_owned();
        all.push(name.clone());
        if !tag.ends_with('/') {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?} never end");
    all
}

fn attribute(svg: &str, name: &str) -> f64 {
    let start = svg.find(&format!("{name}=\"")).unwrap() + name.len() + 2;
    svg[start..].split('"').next().unwrap().parse().unwrap()
}

#[test]
fn a_run_is_one_well_formed_picture_with_every_message_in_it() {
    let svg = exported(Format::Svg);
    let elements = elements(&svg);
    assert_eq!(elements[0], "svg");
    for text in [
        ">PUT /items/42<",
        ">SET item:42 9<",
        ">GET /items/42?q=&lt;a&amp;b&gt;;#&quot;x&quot;<",
        "<tspan class=\"gone\">DEL item:42</tspan>",
        ">dropped by drop request<",
        ">get app/items/42: $.qty: expected 9, got 10<",
        ">crashed: out of cheese<",
        ">resets connection 4<",
        ">virtual clock · seed 7 · 11 messages · 104ms<",
        ">failed<",
        ">+100ms<",
    ] {
        assert_eq!(svg.matches(text).count(), 1, "{text}");
    }
    // 11 messages and a refused connection.
    assert_eq!(elements.iter().filter(|name| *name == "circle").count(), 12);
}

#[test]
fn a_fault_is_a_band_from_its_beginning_to_its_end_and_every_fate_names_it() {
    let svg = exported_faulty(Format::Svg);
    elements(&svg);
    for text in [
        ">lost-del</tspan> { drop: request, from: app, to: cache, match: &quot;DEL *&quot; }<",
        ">lost-del</tspan> over, 1 message touched<",
        ">drop.1</tspan> was never let loose: { drop: response, from: app, to: db, nth: 9 }<",
        "<tspan class=\"gone\">200 OK</tspan><tspan dx=\"7\">→ 503 Service Unavailable</tspan>",
        ">edited by other-item<",
        ">PUT /items/42 ×2<",
        ">dropped by lost-del<",
        ">truncated by short: 40 of 60 bytes<",
        ">lost to power-cut<",
        ">held by hold.1<",
        ">crashed by power-cut<",
        ">restarted<",
        ">paused<",
        ">resumed<",
        ">role = leader<",
        ">peers = [&quot;app&quot;,&quot;cache&quot;]<",
        ">forgiven: get app/items/8: status: expected 200, got 502<",
    ] {
        assert_eq!(svg.matches(text).count(), 1, "{text}");
    }
    let count = |class: &str| svg.matches(&format!("class=\"{class}\"")).count();
    assert_eq!(count("still"), 1, "the lifeline of the node that was paused");
    assert_eq!(
        count("band") + count("band unused"),
        17,
        "two for each fault, but one for `drop.1`"
    );
    assert_eq!(count("loose"), 5, "a tint for those that were over soon");
}

#[test]
fn the_lifeline_of_a_node_that_is_down_has_a_gap() {
    let lines = |svg: &str| {
        let ways = svg.split("<path class=\"rule\" d=\"").skip(1);
        ways.map(|way| way.split('"').next().unwrap())
            .filter(|way| way.matches('M').count() == 2)
            .count()
    };
    assert_eq!(lines(&exported_faulty(Format::Svg)), 2, "the crash and the pause");
    let crash = |fault: Option<&str>| EventKind::Crash {
        node: DB,
        text: "out of cheese".into(),
        fault: fault.map(str::to_owned),
    };
    let mut run = Run::default();
    run.event(5, crash(Some("power-cut")));
    run.message((10, 20), 1, (ALICE, DB), "GET a", None);
    assert_eq!(lines(&export_of(Format::Svg, run.events)), 1, "until the end of the picture");
}

#[test]
fn a_reply_at_the_moment_of_waking_up_comes_after_it_and_the_last_one_before_the_end() {
    let mut run = Run::default();
    let fault = |phase, touched| {
        let (name, text) = ("gc".to_owned(), "{ pause: app }".to_owned());
        EventKind::Fault(Box::new(FaultEvent { name, phase, text, span: None, touched }))
    };
    run.message((0, 10), 1, (ALICE, APP), "GET /", None);
    run.event(20, fault(FaultPhase::End, 1));
    run.event(20, EventKind::Resume { node: APP });
    run.message((20, 40), 1, (APP, ALICE), "200 OK", Some(1));
    run.event(40, fault(FaultPhase::End, 1));
    let header = header();
    let mut scene = Scene::new(&header);
    run.events.iter().for_each(|event| scene.add(event));
    let fold_at = scene.finish();
    let layout = Layout::of(&scene, fold_at);
    let [request, over, resume, reply, last] = layout.places[..] else { panic!("five places") };
    let heights =
        [request.from, request.to, over.from, resume.from, reply.from, reply.to, last.from];
    assert!(heights.is_sorted_by(|a, b| a < b), "{heights:?}");
}

#[test]
fn what_became_of_nodes_and_faults_in_the_fold_is_shown_after_it() {
    let mut run = Run::default();
    let fault = |phase, touched| {
        let (name, text) = ("gc".to_owned(), "{ pause: db }".to_owned());
        EventKind::Fault(Box::new(FaultEvent { name, phase, text, span: None, touched }))
    };
    run.message((0, 1), 1, (ALICE, DB), "GET a", None);
    for n in 1..2_000 {
        if n == 1_000 {
            run.event(n, fault(FaultPhase::Start, 0));
            run.event(n, EventKind::Pause { node: DB });
        }
        run.message((n, n), 1, (ALICE, DB), "GET a", None);
    }
    let svg = export_of(Format::Svg, run.events);
    elements(&svg);
    assert!(!svg.contains(">paused<"));
    assert_eq!(svg.matches("class=\"still\"").count(), 1);
    assert_eq!(svg.matches("class=\"bracket\"").count(), 1);
}

#[test]
fn a_run_of_many_faults_is_cut_and_says_so() {
    let mut run = Run::default();
    for n in 0..1_000 {
        let fault = FaultEvent {
            name: format!("drop.{n}"),
            phase: FaultPhase::Start,
            text: "{ drop: request }".into(),
            span: None,
            touched: 0,
        };
        run.event(0, EventKind::Fault(Box::new(fault)));
    }
    run.message((1, 2), 1, (ALICE, APP), "GET /", None);
    let svg = export_of(Format::Svg, run.events);
    elements(&svg);
    assert!(svg.contains(&format!(">{} more, not drawn<", 1_000 - scene::FAULTS_MAX)));
    assert!(svg.contains(">GET /<"));
}

#[test]
fn a_picture_without_faults_has_no_style_for_them() {
    assert!(!export_of(Format::Svg, Vec::new()).contains(".band"));
}

#[test]
fn what_xml_cannot_hold_is_replaced() {
    let mut run = Run::default();
    run.message((0, 1), 1, (ALICE, APP), "a\u{0}b\u{1b}[31m]]>\u{ffff}", None);
    let svg = export_of(Format::Svg, run.events);
    elements(&svg);
    assert!(svg.chars().all(|c| c == '\n' || !c.is_control()));
    assert!(!svg.contains('\u{ffff}'));
}

#[test]
fn a_label_has_room_between_its_lifelines() {
    let summary = "GET /a/rather/long/path/to/some/resource";
    let mut run = Run::default();
    run.message((0, 1), 1, (ALICE, APP), summary, None);
    let header = header();
    let mut scene = Scene::new(&header);
    run.events.iter().for_each(|event| scene.add(event));
    let fold_at = scene.finish();
    let layout = Layout::of(&scene, fold_at);
    assert!(layout.x(APP) - layout.x(ALICE) > 7.2 * 40.0);
    assert!(layout.width > layout.x(APP));
}

#[test]
fn a_message_that_overtakes_another_crosses_it() {
    let mut run = Run::default();
    run.message((0, 400), 1, (ALICE, APP), "first", None);
    run.message((100, 300), 2, (ALICE, APP), "second", None);
    run.events.reverse();
    let header = header();
    let mut scene = Scene::new(&header);
    run.events.iter().for_each(|event| scene.add(event));
    let fold_at = scene.finish();
    let [second, first] = Layout::of(&scene, fold_at).places[..] else { panic!("two places") };
    assert!(first.from < second.from && second.from < second.to && second.to < first.to);
}

#[test]
fn a_long_run_is_folded_in_the_middle_and_says_how_much() {
    let mut run = Run::default();
    for n in 0..100_000 {
        run.message((n, n), 1, (BOB, DB), &format!("SET {n} {n}"), None);
    }
    let svg = export_of(Format::Svg, run.events);
    let drawn = scene::FIRST_MAX + scene::LAST_MAX;
    assert_eq!(svg.matches("<circle").count(), drawn);
    assert!(svg.contains(&format!(">{} more, not drawn<", 100_000 - drawn)));
    assert!(svg.contains(">SET 0 0<") && svg.contains(">SET 99999 99999<"));
    assert!(svg.contains("100000 messages"));
    assert!(attribute(&svg, "height") < 20_000.0);
    elements(&svg);
}

#[test]
fn a_run_of_many_nodes_has_a_bounded_width() {
    let mut header = header();
    let node = |n: u32| HeaderNode { name: format!("c{n}"), kind: "client".into() };
    header.nodes.extend((5..2000).map(node));
    let mut run = Run::default();
    for n in 5..2000 {
        run.message((u64::from(n), u64::from(n)), n, (NodeId(n), APP), "GET /", None);
    }
    let mut out = Vec::new();
    write(&header, run.events.into_iter(), &mut out).unwrap();
    let svg = String::from_utf8(out).unwrap();
    assert_eq!(svg.matches("class=\"who\"").count(), 2 * (scene::COLUMNS_MAX - 1));
    assert!(attribute(&svg, "width") < 10_000.0);
    assert!(svg.contains(&format!(">{} more, not drawn<", 1995 - (scene::COLUMNS_MAX - 1))));
}

#[test]
fn an_empty_trace_is_a_picture_too() {
    let svg = export_of(Format::Svg, Vec::new());
    elements(&svg);
    assert!(svg.contains("the trace has no end"));
}

#[test]
fn a_node_that_calls_itself_and_a_stranger_are_drawn() {
    let mut run = Run::default();
    run.message((0, 10), 1, (APP, APP), "GET /self", None);
    run.message((20, 30), 2, (NodeId::OUTSIDE, APP), "GET /curl", None);
    let svg = export_of(Format::Svg, run.events);
    elements(&svg);
    assert!(svg.contains(">GET /self<") && svg.contains(">outside<"));
    assert!(!svg.contains("NaN") && !svg.contains("inf"));
}

#[test]
fn the_longest_times_are_drawn() {
    let mut run = Run::default();
    run.message((0, 10), 1, (ALICE, APP), "GET /", None);
    let mut late = events().remove(3);
    late.at = Time::MAX;
    if let EventKind::Message(message) = &mut run.events[0].kind {
        message.sent = Time::ZERO + Duration::from_secs(3600);
    }
    run.events.push(late);
    elements(&export_of(Format::Svg, run.events));
}

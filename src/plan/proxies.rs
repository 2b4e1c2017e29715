//! Proxies in a circle.
//!
//! A route without `when` that passes requests on leads to every route of the other server that may
//! answer what it makes of them. Requests are followed as patterns, so that a route counts only for
//! those that can reach it; a circle of such routes with the same requests is an error, because
//! nothing in it could end the journey.

use std::collections::BTreeMap;

use super::findings::Findings;
use super::limits::{JOURNEYS_MAX, PROXIES_MAX};
use super::names::Names;
use crate::base::{Diagnostic, Span};
use crate::scenario::model::{
    Pattern, Proxy, Route, RouteAction, Scenario, Segment, Server, ServerKind, TextPart,
};

/// A proxy route and the server it belongs to.
type Place<'a> = (usize, &'a Route, &'a Proxy);

/// Reports requests that proxies would pass on for ever.
pub(super) fn check(scenario: &Scenario, names: &Names<'_>, findings: &mut Findings) {
    let mut places: Vec<Place<'_>> = Vec::new();
    for (at, server) in scenario.servers.iter().enumerate() {
        for route in routes(server) {
            if let RouteAction::Proxy(proxy) = &route.action
                && route.when.is_empty()
            {
                places.push((at, route, proxy));
            }
        }
    }
    if let Some((_, route, _)) = places.get(PROXIES_MAX) {
        let what = format!("a scenario has at most {PROXIES_MAX} routes with `proxy_to`");
        findings.push(Diagnostic::new(what, route.span).label("this one is too many"));
        return;
    }
    let (journeys, edges) = journeys(scenario, names, &places);
    let mut told: Vec<usize> = Vec::new();
    for circle in super::graph::cycles(&edges) {
        let stops: Vec<usize> = circle.iter().map(|(journey, _)| journeys[*journey]).collect();
        if !stops.iter().any(|stop| told.contains(stop)) {
            told.extend(&stops);
            findings.push(tell(scenario, &places, &stops));
        }
    }
}

/// All stages of journeys: for each the place it is at, and the stages that come next.
fn journeys(
    scenario: &Scenario,
    names: &Names<'_>,
    places: &[Place<'_>],
) -> (Vec<usize>, Vec<Vec<(usize, Span)>>) {
    let place_of = |server: usize, route: &Route| {
        places.iter().position(|(at, known, _)| *at == server && std::ptr::eq(*known, route))
    };
    let mut known: BTreeMap<(usize, String), usize> = BTreeMap::new();
    let mut stages: Vec<(usize, Pattern)> = Vec::new();
    let mut edges: Vec<Vec<(usize, Span)>> = Vec::new();
    let mut stage = |place: usize, requests: Pattern, stages: &mut Vec<(usize, Pattern)>| {
        let key = (place, format!("{:?} {:?}", requests.method, requests.segments));
        *known.entry(key).or_insert_with(|| {
            stages.push((place, requests));
            stages.len() - 1
        })
    };
    for (index, (_, route, _)) in places.iter().enumerate() {
        let segments = route.on.segments.iter().map(plain).collect();
        stage(index, Pattern { segments, ..route.on.clone() }, &mut stages);
    }
    let mut at = 0;
    while at < stages.len() && at < JOURNEYS_MAX {
        let (place, requests) = stages[at].clone();
        let (_, route, proxy) = places[place];
        let mut next = Vec::new();
        let passed = passed_on(route, proxy, &requests);
        if let (Some(to), Some(passed)) = (names.server(&proxy.to), passed) {
            for (target, both) in answering(&scenario.servers[to], &passed) {
                if let Some(place) = place_of(to, target) {
                    next.push((stage(place, both, &mut stages), proxy.to.span));
                }
            }
        }
        edges.push(next);
        at += 1;
    }
    edges.resize(stages.len(), Vec::new());
    (stages.into_iter().map(|(place, _)| place).collect(), edges)
}

fn tell(scenario: &Scenario, places: &[Place<'_>], stops: &[usize]) -> Diagnostic {
    let name = |stop: &usize| format!("`{}`", scenario.servers[places[*stop].0].name.value);
    let span = |stop: &usize| places[*stop].2.to.span;
    let what = "requests to this route would be passed on for ever";
    let mut around: Vec<String> = stops.iter().map(name).collect();
    around.extend(around.first().cloned());
    let error = match stops {
        [first, second, ..] => {
            Diagnostic::new(what, span(first)).related(span(second), "from there they go on")
        }
        [only] => Diagnostic::new(what, span(only)).label("back to this very route"),
        [] => Diagnostic::whole(what),
    };
    error.help(format!("the circle: {}", around.join(" to ")))
}

fn routes(server: &Server) -> &[Route] {
    match &server.kind {
        ServerKind::Http(http) => &http.routes,
        _ => &[],
    }
}

/// What a proxy route makes of the requests that reach it; `None` where that cannot be told, because
/// the new path is shorter each time round or depends on more than the old one.
fn passed_on(route: &Route, proxy: &Proxy, requests: &Pattern) -> Option<Pattern> {
    /// Stands around the name of a variable; no path has it.
    const MARK: char = '\0';
    let Some(path) = &proxy.path else { return Some(requests.clone()) };
    let mut rendered = String::new();
    for part in &path.parts {
        match part {
            TextPart::Literal(text) => rendered.push_str(text),
            TextPart::Var(name) => {
                rendered.extend([MARK.to_string(), name.value.clone(), MARK.into()])
            }
        }
    }
    let rendered = rendered.split('?').next().unwrap_or_default();
    let pieces = rendered.strip_prefix('/').unwrap_or(rendered);
    let mut segments = Vec::new();
    for piece in pieces.split('/').filter(|_| !pieces.is_empty()) {
        if !piece.contains(MARK) {
            segments.push(Segment::Literal(piece.to_owned()));
            continue;
        }
        let name = piece.strip_prefix(MARK)?.strip_suffix(MARK)?.strip_prefix("params.")?;
        let whole = [Segment::Param(name.to_owned()), Segment::Rest(name.to_owned())];
        segments.push(whole.into_iter().find(|segment| route.on.segments.contains(segment))?);
    }
    if segments == route.on.segments {
        return Some(requests.clone());
    }
    if segments.iter().any(|segment| matches!(segment, Segment::Rest(_))) {
        return None;
    }
    let segments = segments.iter().map(plain).collect();
    Some(Pattern { method: requests.method.clone(), segments, span: route.on.span })
}

/// The proxy routes of `server` that may answer such requests, each with those that reach it: its
/// pattern may fit them, and no route before takes them all.
fn answering<'a>(server: &'a Server, requests: &Pattern) -> Vec<(&'a Route, Pattern)> {
    let mut found = Vec::new();
    for route in routes(server) {
        let certain = route.when.is_empty();
        if certain
            && matches!(route.action, RouteAction::Proxy(_))
            && let Some(both) = meet(&route.on, requests)
        {
            found.push((route, both));
        }
        let method = route.on.method.is_none() || route.on.method == requests.method;
        if certain && method && covers(&route.on.segments, &requests.segments) {
            break;
        }
    }
    found
}

/// The requests that fit both patterns, if there can be any.
fn meet(a: &Pattern, b: &Pattern) -> Option<Pattern> {
    let method = match (&a.method, &b.method) {
        (Some(x), Some(y)) if x != y => return None,
        (x, y) => x.clone().or_else(|| y.clone()),
    };
    let mut segments = Vec::new();
    let (mut left, mut right) = (a.segments.iter(), b.segments.iter());
    loop {
        match (left.next(), right.next()) {
            (None, None) => break,
            (Some(Segment::Rest(_)), None) | (None, Some(Segment::Rest(_))) => break,
            (Some(Segment::Rest(_)), Some(other)) => {
                segments.extend([other].into_iter().chain(right).map(plain));
                break;
            }
            (Some(other), Some(Segment::Rest(_))) => {
                segments.extend([other].into_iter().chain(left).map(plain));
                break;
            }
            (None, Some(_)) | (Some(_), None) => return None,
            (Some(Segment::Literal(x)), Some(Segment::Literal(y))) if x != y => return None,
            (Some(literal @ Segment::Literal(_)), Some(_))
            | (Some(_), Some(literal @ Segment::Literal(_))) => segments.push(plain(literal)),
            (Some(_), Some(_)) => segments.push(Segment::Param(String::new())),
        }
    }
    Some(Pattern { method, segments, span: a.span })
}

/// A segment without the name of its parameter.
fn plain(segment: &Segment) -> Segment {
    match segment {
        Segment::Literal(text) => Segment::Literal(text.clone()),
        Segment::Param(_) => Segment::Param(String::new()),
        Segment::Rest(_) => Segment::Rest(String::new()),
    }
}

/// Whether every path that fits `requests` fits `pattern`.
fn covers(pattern: &[Segment], requests: &[Segment]) -> bool {
    match (pattern, requests) {
        ([Segment::Rest(_), ..], _) | ([], []) => true,
        ([Segment::Literal(x), a @ ..], [Segment::Literal(y), b @ ..]) => x == y && covers(a, b),
        ([Segment::Param(_), a @ ..], [Segment::Literal(_) | Segment::Param(_), b @ ..]) => {
            covers(a, b)
        }
        _ => false,
    }
}

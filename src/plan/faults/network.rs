//! Faults on the network and on nodes that can do nothing, or mean nobody.

use std::collections::BTreeMap;

use super::chaos::Prey;
use super::check::Site;
use crate::base::units::grouped;
use crate::base::{Diagnostic, Located, Span};
use crate::plan::findings::Findings;
use crate::plan::limits::CUT_PAIRS_MAX;
use crate::scenario::model::{
    Action, Chaos, Client, NodeFault, NodeHarm, Partition, ServerKind, Shape,
};

type Names = [Located<String>];

/// Checks a partition.
pub(super) fn partition(
    site: &Site<'_>,
    span: Span,
    partition: &Partition,
    findings: &mut Findings,
) {
    let sides: Vec<&Names> = match &partition.shape {
        Shape::Sides(sides) => sides.iter().map(Vec::as_slice).collect(),
        Shape::OneWay { from, to } => vec![from, to],
        // Each by itself.
        Shape::Majority(of) | Shape::Ring(of) => of.chunks(1).collect(),
        Shape::Isolate(alone) => {
            let all = site.servers.len() as u64 + site.clients.iter().map(count).sum::<u64>();
            too_many(size(site, alone).saturating_mul(2 * all), span, findings);
            return;
        }
    };
    if on_both_sides(&sides, findings) {
        return;
    }
    let sizes: Vec<u64> = sides.iter().map(|side| size(site, side)).collect();
    let all: u64 = sizes.iter().sum();
    let pairs = sizes.iter().map(|size| size.saturating_mul(all - size)).sum();
    if too_many(pairs, span, findings) {
        return;
    }
    let between = sides.iter().enumerate().flat_map(|(at, side)| {
        let others = sides[at + 1..].iter().flat_map(|other| other.iter());
        side.iter().flat_map(move |one| others.clone().map(move |other| (one, other)))
    });
    cuts_something(site, span, between, findings);
}

/// How many clients a declaration stands for.
fn count(client: &Client) -> u64 {
    client.count.map_or(1, |count| u64::from(count.value))
}

/// How many nodes some names stand for.
fn size(site: &Site<'_>, names: &Names) -> u64 {
    let client = |name: &Located<String>| site.clients.get(site.names.client(name)?);
    names.iter().map(|name| client(name).map_or(1, count)).sum()
}

/// Reports a node that stands on two sides.
fn on_both_sides(sides: &[&Names], findings: &mut Findings) -> bool {
    let mut sided: BTreeMap<&str, (usize, Span)> = BTreeMap::new();
    let mut found = false;
    for (at, side) in sides.iter().enumerate() {
        for name in side.iter() {
            match sided.get(name.value.as_str()) {
                Some((other, first)) if *other != at => {
                    let what = format!("`{}` is on two sides", name.value);
                    findings.push(
                        Diagnostic::new(what, name.span).related(*first, "here it is on another"),
                    );
                    found = true;
                }
                Some(_) => {}
                None => drop(sided.insert(&name.value, (at, name.span))),
            }
        }
    }
    found
}

/// Reports a partition between more nodes than a plan can hold.
fn too_many(pairs: u64, span: Span, findings: &mut Findings) -> bool {
    let over = pairs > CUT_PAIRS_MAX;
    if over {
        let what = format!("this cuts more than {} pairs of nodes", grouped(CUT_PAIRS_MAX));
        let error = Diagnostic::new(what, span).label(format!("about {}", grouped(pairs)));
        findings.push(error.help("a client with a `count` is so many nodes"));
    }
    over
}

/// Reports a cut between nodes that nothing ever passes between.
fn cuts_something<'n>(
    site: &Site<'_>,
    span: Span,
    mut between: impl Iterator<Item = (&'n Located<String>, &'n Located<String>)>,
    findings: &mut Findings,
) {
    let known = |name: &str| site.names.is_caller(name);
    let passes = |(one, other): (&Located<String>, &Located<String>)| {
        site.paths.meet(one, other) || !known(one) || !known(other)
    };
    if site.names.are_whole() && !between.any(passes) {
        let error = Diagnostic::new("nothing ever passes between these", span);
        findings.push(error.label("so this cuts nothing"));
    }
}

/// Checks a fault on nodes.
pub(super) fn node(site: &Site<'_>, fault: &NodeFault, findings: &mut Findings) {
    for name in &fault.nodes {
        if let Some(at) = site.names.server(name) {
            server(&site.servers[at].kind, fault.harm, name, findings);
        } else if let Some(at) = site.names.client(name) {
            let is_program =
                site.clients[at].steps.iter().any(|step| matches!(step.action, Action::Run(_)));
            if is_program && matches!(fault.harm, NodeHarm::Skew { .. }) {
                findings.push(of_programs(name, fault.harm));
            }
        }
    }
}

fn server(kind: &ServerKind, harm: NodeHarm, name: &Located<String>, findings: &mut Findings) {
    let durable = match kind {
        ServerKind::Http(http) => Some(http.durable.is_any()),
        ServerKind::Redis(redis) => Some(redis.durable.is_any()),
        ServerKind::Node(_) => Some(true),
        _ => None,
    };
    let (verb, node) = (harm.verb(), &name.value);
    let error = |what: String| Diagnostic::new(what, name.span);
    match (kind, harm) {
        (ServerKind::External(_), NodeHarm::Crash | NodeHarm::Pause) => {
            let error = error(format!("`{node}` is not looplab's to {verb}"));
            findings.push(
                error.label("it runs elsewhere").help(format!("`isolate: {node}` cuts it off")),
            );
        }
        (
            ServerKind::External(_) | ServerKind::Process(_),
            NodeHarm::Slow { .. } | NodeHarm::Skew { .. } | NodeHarm::DiskFull,
        ) => findings.push(of_programs(name, harm)),
        (ServerKind::Closed, _) => {
            findings.push(error(format!("nothing runs at `{node}`")).label("it is `type: closed`"));
        }
        (_, NodeHarm::DiskFull) if durable != Some(true) => {
            let error = error(format!("`{node}` keeps nothing that needs a disk"));
            findings.push(match durable {
                Some(_) => error.help("with `durable: true` it does"),
                None => error.help("an http or redis server does, with `durable: true`"),
            });
        }
        _ => {}
    }
}

/// That looplab cannot do this to a program that it did not write.
fn of_programs(name: &Located<String>, harm: NodeHarm) -> Diagnostic {
    let what = format!("looplab cannot `{}` a program that it did not write", harm.verb());
    let error = Diagnostic::new(what, name.span).label("this is one");
    error.help("it can crash and pause it, and harm what travels over its links")
}

/// Checks that chaos finds somebody for each of its kinds.
pub(super) fn chaos(site: &Site<'_>, chaos: &Chaos, findings: &mut Findings) {
    if !site.names.are_whole() {
        return;
    }
    let prey = Prey::new(site.servers, site.clients, &site.paths, &chaos.nodes);
    for kind in &chaos.kinds {
        if !prey.has(kind) {
            let what = format!("chaos would find nobody for `{}`", kind.value);
            let help = "`nodes` says whom it may meet; all servers by default";
            findings.push(Diagnostic::new(what, kind.span).help(help));
        }
    }
}

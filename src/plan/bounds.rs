//! Limits: what the scenario amounts to with its flows put in their place and its loops unrolled.

use std::collections::BTreeMap;

use super::findings::Findings;
use super::limits::{
    CLIENTS_MAX, FLOW_DEPTH_MAX, OPERATIONS_MAX, RATE_MAX, SERVERS_MAX, STEPS_MAX, USERS_MAX,
};
use super::names::Names;
use crate::base::units::grouped;
use crate::base::{Diagnostic, Located, Span};
use crate::scenario::each_step;
use crate::scenario::model::{Action, DynamicKind, LoadKind, Scenario, ServerKind, Setting, Step};

/// Reports every limit that is passed. True if flows can be put in their place: none of them uses
/// itself, and the steps stay within their limit.
pub(super) fn check(scenario: &Scenario, names: &Names<'_>, findings: &mut Findings) -> bool {
    declared(scenario, findings);
    loads(scenario, findings);
    if recursion(scenario, names, findings) {
        return false;
    }
    let mut sizes = Sizes { scenario, names, flows: BTreeMap::new() };
    let mut total = Size::default();
    for client in &scenario.clients {
        let mut size = sizes.of(&client.steps, &mut |place| findings.push(too_many(place)));
        for (flow, _) in client.load.iter().flat_map(|load| &load.mix) {
            if let Some(at) = names.flow(flow) {
                size = size.plus(sizes.flow(at));
            }
        }
        let instances = client.count.map_or(1, |count| u64::from(count.value));
        let known = total.steps <= STEPS_MAX && total.operations <= OPERATIONS_MAX;
        total.steps = total.steps.saturating_add(size.steps);
        total.operations =
            total.operations.saturating_add(size.operations.saturating_mul(instances));
        if known && total.steps > STEPS_MAX {
            let what = format!(
                "the clients have more than {} steps, with their flows",
                grouped(STEPS_MAX)
            );
            findings.push(Diagnostic::new(what, client.name.span).label("up to here"));
        } else if known && total.operations > OPERATIONS_MAX && size.operations <= OPERATIONS_MAX {
            let what = format!("the clients do more than {} steps", grouped(OPERATIONS_MAX));
            findings.push(Diagnostic::new(what, client.name.span).label("up to here"));
        }
    }
    total.steps <= STEPS_MAX
}

fn too_many(place: Span) -> Diagnostic {
    let what = format!("this repeats to more than {} steps", grouped(OPERATIONS_MAX));
    Diagnostic::new(what, place).help("a `load` runs for as long as it is told")
}

/// Numbers that stand in the file.
fn declared(scenario: &Scenario, findings: &mut Findings) {
    if let Some(server) = scenario.servers.get(SERVERS_MAX) {
        let what = format!("a scenario has at most {} servers", grouped(SERVERS_MAX as u64));
        findings.push(Diagnostic::new(what, server.name.span).label("this one is too many"));
    }
    let mut clients = 0_u64;
    for client in &scenario.clients {
        let before = clients;
        clients += client.count.map_or(1, |count| u64::from(count.value));
        if clients > CLIENTS_MAX && before <= CLIENTS_MAX {
            let what = format!("a scenario has at most {} clients", grouped(CLIENTS_MAX));
            let span = client.count.map_or(client.name.span, |count| count.span);
            findings.push(
                Diagnostic::new(what, span)
                    .label(format!("up to here there are {}", grouped(clients))),
            );
        }
    }
}

/// Reports a port that two servers ask for.
pub(super) fn ports(asked: &[Located<u16>], findings: &mut Findings) {
    let mut taken: BTreeMap<u16, Span> = BTreeMap::new();
    for port in asked {
        match taken.get(&port.value) {
            Some(first) => {
                let what = format!("two servers ask for port {}", port.value);
                let error = Diagnostic::new(what, port.span).related(*first, "the first one");
                findings.push(error.help("without `port` a server gets one that is free"));
            }
            None => drop(taken.insert(port.value, port.span)),
        }
    }
}

fn loads(scenario: &Scenario, findings: &mut Findings) {
    let mut users = 0;
    for client in &scenario.clients {
        let Some(load) = &client.load else { continue };
        let instances = client.count.map_or(1, |count| u64::from(count.value));
        match &load.kind {
            LoadKind::Open { rate_per_s, .. } => {
                let seconds = load.duration.unwrap_or_default().as_secs_f64();
                if *rate_per_s > RATE_MAX {
                    let what = "a load has at most 1,000,000 arrivals a second";
                    findings.push(Diagnostic::new(what, load.span));
                }
                #[expect(clippy::cast_precision_loss, reason = "a limit, not a count")]
                let limit = OPERATIONS_MAX as f64;
                if rate_per_s * seconds > limit {
                    let what =
                        format!("this load has more than {} arrivals", grouped(OPERATIONS_MAX));
                    findings.push(Diagnostic::new(what, load.span));
                }
            }
            LoadKind::Closed { users: declared, .. } => {
                let before = users;
                users += u64::from(*declared) * instances;
                if users > USERS_MAX && before <= USERS_MAX {
                    let what = format!("loads have at most {} users together", grouped(USERS_MAX));
                    findings.push(Diagnostic::new(what, load.span));
                }
            }
        }
    }
}

/// Reports flows that use themselves; true if there is one.
fn recursion(scenario: &Scenario, names: &Names<'_>, findings: &mut Findings) -> bool {
    let uses: Vec<Vec<(usize, Span)>> = scenario
        .flows
        .iter()
        .map(|flow| {
            let mut uses = Vec::new();
            each_step(&flow.steps, &mut |step| {
                if let Action::Use { flow, .. } = &step.action
                    && let Some(at) = names.flow(flow)
                {
                    uses.push((at, flow.span));
                }
            });
            uses
        })
        .collect();
    let mut found = false;
    for cycle in super::graph::cycles(&uses) {
        found = true;
        let Some((at, span)) = cycle.first() else { continue };
        let name = &scenario.flows[*at].name;
        let error = if cycle.len() == 1 {
            Diagnostic::new(format!("the flow `{}` uses itself", name.value), *span)
        } else {
            let others = cycle[1..].iter().map(|(at, _)| &scenario.flows[*at].name.value);
            let chain: Vec<String> =
                others.chain([&name.value]).map(|name| format!("`{name}`")).collect();
            let what = format!("the flow `{}` uses itself through others", name.value);
            let help = format!("`{}` uses {}", name.value, chain.join(", which uses "));
            Diagnostic::new(what, *span).help(help)
        };
        findings.push(error.related(name.span, "declared here"));
    }
    found || too_deep(scenario, &uses, findings)
}

/// Reports flows that use flows that use flows, beyond the limit; there are no circles among them.
fn too_deep(scenario: &Scenario, uses: &[Vec<(usize, Span)>], findings: &mut Findings) -> bool {
    let mut level: Vec<usize> = (0..uses.len()).collect();
    for _ in 0..FLOW_DEPTH_MAX {
        level = level.iter().flat_map(|at| uses[*at].iter().map(|(to, _)| *to)).collect();
        level.sort_unstable();
        level.dedup();
    }
    let Some(at) = level.first() else { return false };
    let what = format!("flows use flows more than {FLOW_DEPTH_MAX} deep");
    findings.push(Diagnostic::new(what, scenario.flows[*at].name.span).label("down to here"));
    true
}

/// What steps amount to.
#[derive(Debug, Clone, Copy, Default)]
struct Size {
    /// As they are written, flows put in their place.
    steps: u64,
    /// As they are done, as far as the file tells.
    operations: u64,
}

impl Size {
    fn plus(self, other: Size) -> Size {
        Size {
            steps: self.steps.saturating_add(other.steps),
            operations: self.operations.saturating_add(other.operations),
        }
    }
}

struct Sizes<'a> {
    scenario: &'a Scenario,
    names: &'a Names<'a>,
    flows: BTreeMap<usize, Size>,
}

impl Sizes<'_> {
    fn flow(&mut self, at: usize) -> Size {
        if let Some(size) = self.flows.get(&at) {
            return *size;
        }
        let scenario = self.scenario;
        let size = self.of(&scenario.flows[at].steps, &mut |_| {});
        self.flows.insert(at, size);
        size
    }

    /// The size of `steps`; `over` is told the innermost places that alone pass the limit.
    fn of(&mut self, steps: &[Step], over: &mut dyn FnMut(Span)) -> Size {
        let mut total = Size::default();
        for step in steps {
            let mut size = Size { steps: 1, operations: 1 };
            let (inner, times) = match &step.action {
                Action::Repeat(times, inner) => {
                    let times = match times {
                        Setting::Fixed(times) => *times,
                        Setting::Text(_) => 1,
                    };
                    (self.of(inner, over), times)
                }
                Action::ForEach { items, steps, .. } => {
                    let times = match &items.kind {
                        DynamicKind::Array(items) => items.len() as u64,
                        _ => 1,
                    };
                    (self.of(steps, over), times)
                }
                Action::Parallel(branches) => {
                    let sizes = branches.iter().map(|branch| self.of(branch, over));
                    (sizes.fold(Size::default(), Size::plus), 1)
                }
                Action::Choose(alternatives) => {
                    let mut any = Size::default();
                    for one in alternatives {
                        let size = self.of(&one.steps, over);
                        any.steps = any.steps.saturating_add(size.steps);
                        any.operations = any.operations.max(size.operations);
                    }
                    (any, 1)
                }
                Action::Use { flow, .. } => {
                    (self.names.flow(flow).map(|at| self.flow(at)).unwrap_or_default(), 1)
                }
                _ => (Size::default(), 1),
            };
            let repeated = inner.operations.saturating_mul(times);
            if repeated > OPERATIONS_MAX && inner.operations <= OPERATIONS_MAX {
                over(step.span);
            }
            size = size.plus(Size { steps: inner.steps, operations: repeated });
            total = total.plus(size);
        }
        total
    }
}

/// The values that a redis server starts with must be such as Redis holds.
pub(super) fn redis_data(scenario: &Scenario, findings: &mut Findings) {
    use crate::base::Value;
    use crate::scenario::model::Dynamic;
    let scalar = |value: &Dynamic| match &value.kind {
        DynamicKind::Text(_) | DynamicKind::Scalar(Value::Number(_)) => Ok(()),
        DynamicKind::Scalar(Value::Bool(_)) => Err("a boolean"),
        DynamicKind::Scalar(_) => Err("null"),
        DynamicKind::Array(_) => Err("a list"),
        DynamicKind::Object(_) => Err("a mapping"),
    };
    for server in &scenario.servers {
        let ServerKind::Redis(redis) = &server.kind else { continue };
        for (key, value) in &redis.data {
            let (kind, parts): (&str, Vec<&Dynamic>) = match &value.kind {
                DynamicKind::Array(items) => ("list", items.iter().collect()),
                DynamicKind::Object(fields) => {
                    ("hash", fields.iter().map(|(_, value)| value).collect())
                }
                _ => ("key", vec![value]),
            };
            if parts.is_empty() {
                let what = format!("redis holds no empty {kind}");
                let error = Diagnostic::new(what, value.span);
                findings.push(error.help(format!("leave `{}` out", key.value)));
            }
            for part in parts {
                if let Err(what) = scalar(part) {
                    let error =
                        Diagnostic::new(format!("a redis {kind} cannot hold {what}"), part.span);
                    findings.push(
                        error.help("texts and numbers are strings; quotes make text of anything"),
                    );
                }
            }
        }
    }
}

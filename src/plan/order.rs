//! The order of steps: `after:` must name a step that is there and that can come first.
//!
//! Every client's steps, with the flows it uses put in their place, become a graph of moments:
//!
//! ```text
//! begin ─> start 1 ─> end 1 ─> start 2 ─> … ─> end          one client
//!                       └────────────────┐ after: alice.one
//! begin ─> start 1 ─> end 1 ─> start 2 ──┴> …               another
//! ```
//!
//! A circle in it is a run in which nobody could go on, and is told with the `after:`s that make it.

use std::collections::{BTreeMap, BTreeSet};

use super::findings::Findings;
use super::names::{Names, suggest};
use crate::base::{Diagnostic, Located, Span};
use crate::scenario::each_step;
use crate::scenario::model::{Action, After, Client, Scenario, Step};

/// The most waits of a circle that are listed.
const LISTED_MAX: usize = 8;

/// The most circles that are told.
const CIRCLES_MAX: usize = 20;

/// Reports `after:`s that name no step of a client, and those that wait for one another.
pub(super) fn check(scenario: &Scenario, names: &Names<'_>, findings: &mut Findings) {
    let mut graph = Graph::new(scenario, names);
    scenario.flows.iter().for_each(|flow| twice(&flow.steps, findings));
    for (at, client) in scenario.clients.iter().enumerate() {
        graph.client(at, client, findings);
    }
    graph.bind(findings);
    graph.tell_circles(findings);
}

/// A moment of the run: an index into the graph.
type Moment = usize;

/// An `after:` that stands somewhere: who waits, and for what.
struct Wait<'a> {
    client: usize,
    /// The names of the waiting step and of those it is a part of.
    around: Vec<&'a str>,
    moment: Moment,
    after: &'a Located<After>,
}

struct Graph<'a> {
    scenario: &'a Scenario,
    names: &'a Names<'a>,
    /// For every moment those that come right after it, and the wait that says so, if one does.
    next: Vec<Vec<(Moment, Option<usize>)>>,
    begins: Vec<Moment>,
    ends: Vec<Moment>,
    /// The end of each named step of each client, and where its name stands.
    steps: BTreeMap<(usize, &'a str), (Moment, Span)>,
    /// The choice around those that may never be done.
    chosen: BTreeMap<(usize, &'a str), Span>,
    /// The choice whose steps are being entered.
    choice: Option<Span>,
    /// Clients with a flow that is not known: they may have steps of any name.
    open: BTreeSet<usize>,
    /// The names of the steps that are being entered.
    around: Vec<&'a str>,
    waits: Vec<Wait<'a>>,
}

impl<'a> Graph<'a> {
    fn new(scenario: &'a Scenario, names: &'a Names<'a>) -> Graph<'a> {
        Graph {
            scenario,
            names,
            next: Vec::new(),
            begins: Vec::new(),
            ends: Vec::new(),
            steps: BTreeMap::new(),
            chosen: BTreeMap::new(),
            choice: None,
            open: BTreeSet::new(),
            around: Vec::new(),
            waits: Vec::new(),
        }
    }

    fn moment(&mut self, after: Option<Moment>) -> Moment {
        self.next.push(Vec::new());
        let moment = self.next.len() - 1;
        if let Some(earlier) = after {
            self.next[earlier].push((moment, None));
        }
        moment
    }

    fn client(&mut self, at: usize, client: &'a Client, findings: &mut Findings) {
        let begin = self.moment(None);
        self.begins.push(begin);
        for after in &client.after {
            self.waits.push(Wait { client: at, around: Vec::new(), moment: begin, after });
        }
        twice(&client.steps, findings);
        let last = self.sequence(at, &client.steps, begin, true);
        let end = self.moment(Some(last));
        for (flow, _) in client.load.iter().flat_map(|load| &load.mix) {
            if let Some(flow) = self.names.flow(flow) {
                let last = self.sequence(at, &self.scenario.flows[flow].steps, begin, false);
                self.next[last].push((end, None));
            }
        }
        self.ends.push(end);
    }

    /// Adds steps behind `before` and returns their last moment. `named` if others may wait for them.
    fn sequence(&mut self, at: usize, steps: &'a [Step], before: Moment, named: bool) -> Moment {
        steps.iter().fold(before, |before, step| self.step(at, step, before, named))
    }

    fn step(&mut self, at: usize, step: &'a Step, before: Moment, named: bool) -> Moment {
        let start = self.moment(Some(before));
        let name = step.name.as_ref().map(|name| name.value.as_str());
        self.around.extend(name);
        for after in &step.after {
            let around = self.around.clone();
            self.waits.push(Wait { client: at, around, moment: start, after });
        }
        let end = match &step.action {
            Action::Repeat(_, steps) | Action::ForEach { steps, .. } => {
                let last = self.sequence(at, steps, start, named);
                self.moment(Some(last))
            }
            Action::Use { flow, .. } => {
                let steps = self.names.flow(flow).map(|flow| &self.scenario.flows[flow].steps);
                let last = match steps {
                    Some(steps) => self.sequence(at, steps, start, named),
                    None => {
                        self.open.insert(at);
                        start
                    }
                };
                self.moment(Some(last))
            }
            Action::Parallel(branches) => {
                let end = self.moment(Some(start));
                for branch in branches {
                    let last = self.sequence(at, branch, start, named);
                    self.next[last].push((end, None));
                }
                end
            }
            Action::Choose(alternatives) => {
                let end = self.moment(Some(start));
                for one in alternatives {
                    let choice = self.choice.replace(step.span);
                    let last = self.sequence(at, &one.steps, start, named);
                    self.choice = choice;
                    self.next[last].push((end, None));
                }
                end
            }
            _ => self.moment(Some(start)),
        };
        if let Some(name) = &step.name {
            self.around.pop();
            match self.choice {
                Some(choice) if named => drop(self.chosen.insert((at, &name.value), choice)),
                None if named => {
                    self.steps.entry((at, &name.value)).or_insert((end, name.span));
                }
                _ => {}
            }
        }
        end
    }

    /// Leads every `after:` to its moment, and reports those that name nothing.
    fn bind(&mut self, findings: &mut Findings) {
        for index in 0..self.waits.len() {
            let (after, moment) = (self.waits[index].after, self.waits[index].moment);
            if let Some(target) = self.target(after, findings) {
                self.next[target].push((moment, Some(index)));
            }
        }
    }

    fn target(&self, after: &Located<After>, findings: &mut Findings) -> Option<Moment> {
        let name = &after.value.client;
        let client = self.names.client(name)?;
        let Some(step) = &after.value.step else { return Some(self.ends[client]) };
        let found = self.steps.get(&(client, step.as_str()));
        if found.is_none() && !self.open.contains(&client) && !findings.is_full() {
            let names: Vec<&str> =
                self.steps.keys().filter(|(at, _)| *at == client).map(|(_, name)| *name).collect();
            let dot = name.len();
            let span = after.span.part(dot + 1, dot + 1 + step.len());
            if let Some(choice) = self.chosen.get(&(client, step.as_str())) {
                let what = format!("the step `{step}` of `{name}` may never be done");
                let error =
                    Diagnostic::new(what, span).related(*choice, "only if it is chosen here");
                findings.push(error.help("give the `choose` step a name, and wait for that"));
                return None;
            }
            let what = format!("`{name}` has no step named `{step}`");
            let error = suggest(Diagnostic::new(what, span), step, &names, "step with a name");
            findings.push(match names.is_empty() {
                true => error.help(format!("a step gets a name by `name: {step}`")),
                false => error,
            });
        }
        found.map(|(moment, _)| *moment)
    }

    /// Tells every circle, each by the waits in it, which are then left out of the graph.
    fn tell_circles(&mut self, findings: &mut Findings) {
        for _ in 0..CIRCLES_MAX {
            let circles = super::graph::cycles(&self.next);
            if circles.is_empty() {
                return;
            }
            for circle in circles.into_iter().take(CIRCLES_MAX) {
                let waits: Vec<usize> = circle.into_iter().filter_map(|(_, wait)| wait).collect();
                findings.push(self.told(&self.in_order(&waits)));
                for out in &mut self.next {
                    out.retain(|(_, wait)| wait.is_none_or(|index| !waits.contains(&index)));
                }
            }
        }
    }

    /// The waits of a circle, each waiting for what the one behind it holds up, from the first one
    /// in the file.
    fn in_order(&self, circle: &[usize]) -> Vec<usize> {
        let mut waits: Vec<usize> = circle.iter().rev().copied().collect();
        let first = waits.iter().enumerate().min_by_key(|(_, at)| self.waits[**at].after.span);
        let rotation = first.map_or(0, |(at, _)| at);
        waits.rotate_left(rotation);
        waits
    }

    /// A client that waits for what it holds up itself.
    fn told_of_oneself(&self, wait: &Wait<'a>) -> Diagnostic {
        let name = &self.scenario.clients[wait.client].name.value;
        let Some(step) = &wait.after.value.step else {
            return Diagnostic::new(format!("`{name}` waits for its own end"), wait.after.span);
        };
        let (why, label) = if wait.around.contains(&step.as_str()) {
            ("which this step is a part of", "this one")
        } else {
            ("which comes later", "only here")
        };
        let what = format!("`{name}` waits for its own step `{step}`, {why}");
        let error = Diagnostic::new(what, wait.after.span);
        match self.steps.get(&(wait.client, step.as_str())) {
            Some((_, place)) => error.related(*place, label),
            None => error,
        }
    }

    fn told(&self, circle: &[usize]) -> Diagnostic {
        let waits: Vec<&Wait<'a>> = circle.iter().map(|index| &self.waits[*index]).collect();
        let client = |wait: &Wait<'a>| self.scenario.clients[wait.client].name.value.as_str();
        let target = |wait: &Wait<'a>| match &wait.after.value.step {
            Some(step) => format!("`{}.{step}`", wait.after.value.client),
            None => format!("the end of `{}`", wait.after.value.client),
        };
        let clause = |wait: &Wait<'a>| format!("`{}` waits for {}", client(wait), target(wait));
        let place = |wait: &Wait<'a>| -> Span { wait.after.span };
        match waits.as_slice() {
            [only] => self.told_of_oneself(only),
            [first, second] => {
                let what =
                    format!("`{}` and `{}` wait for each other", client(first), client(second));
                Diagnostic::new(what, place(first))
                    .label(format!("here {}", clause(first)))
                    .related(place(second), format!("and here {}", clause(second)))
                    .help("neither could ever go on; remove one of the two, or put it behind the step that the other one waits for")
            }
            [first, rest @ ..] => {
                let what = format!("{} clients wait for one another in a circle", waits.len());
                let mut clauses: Vec<String> =
                    waits.iter().take(LISTED_MAX).map(|wait| clause(wait)).collect();
                if waits.len() > LISTED_MAX {
                    clauses.push("and so on".into());
                }
                let error =
                    Diagnostic::new(what, place(first)).label(format!("here {}", clause(first)));
                let error = match rest.first() {
                    Some(second) => {
                        error.related(place(second), format!("here {}", clause(second)))
                    }
                    None => error,
                };
                error.help(format!("none could ever go on: {}", clauses.join(", ")))
            }
            [] => Diagnostic::whole("some steps wait for one another"),
        }
    }
}

/// Reports a step's name that a client or a flow gives twice.
fn twice(steps: &[Step], findings: &mut Findings) {
    let mut given: BTreeMap<&str, Span> = BTreeMap::new();
    each_step(steps, &mut |step| {
        let Some(name) = &step.name else { return };
        if let Some(first) = given.get(name.value.as_str()) {
            let what = format!("two steps are named `{}`", name.value);
            findings.push(Diagnostic::new(what, name.span).related(*first, "the first one"));
        } else {
            given.insert(&name.value, name.span);
        }
    });
}

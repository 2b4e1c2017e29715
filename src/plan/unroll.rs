//! What a client's steps come to when its generator is known: the tree of its containers with the rounds
//! that they make, the alternatives that are chosen and the values that are drawn, without running
//! anything.
//!
//! ```text
//! - repeat: 2                           repeat ─┬─ iteration = 1 ─┬─ draw    key = y
//!   steps:                                      │                 └─ choose  [1] ── get app/x
//!     - draw: { key: [x, y] }           ──>     └─ iteration = 2 ─┬─ draw    key = x
//!     - choose: [...]                                             └─ choose  [0] ── put app/x
//! ```
//!
//! That is a function of the generator alone as long as nothing of the world decides what is done. Its
//! limits, which the tree tells where it meets them:
//! - What is captured from replies is not known, nor a server's address, nor what is made of them. A
//!   repetition whose number depends on that is [`What::Unknown`]; if anything in it is left to chance,
//!   nobody knows where the generator stands afterwards, and later draws of the same line are not
//!   known either.
//! - `unique` is counted over the whole run, in its order.
//! - A step that fails and may not ends its client: what was done is a beginning of the tree's leaves,
//!   in each line of execution. One that fails and may is taken for one that did not.
//! - Branches of `parallel` stand side by side: how their steps mingle is a matter of time.
//! - A load makes as many iterations as there is time for. [`unroll`] of one of them is given its
//!   generator, and knows its own steps only, not those of a `mix`.

use std::collections::BTreeMap;

use super::chance;
use super::{Instance, Plan};
use crate::base::{Rng, Value};
use crate::scenario::model::{Action, Draw, Dynamic, Setting, Step};
use crate::scenario::{self, Lookup, each_step};

/// What steps come to.
#[derive(Debug, Clone, PartialEq)]
pub struct Unrolled<'p> {
    /// The steps in their order.
    pub steps: Vec<Done<'p>>,
    /// True if there are more than were asked for.
    pub cut: bool,
}

/// A step, and what it comes to.
#[derive(Debug, Clone)]
pub struct Done<'p> {
    /// The step as it is written.
    pub step: &'p Step,
    /// What it comes to.
    pub what: What<'p>,
}

/// Variables and their values; `None` for a value that the generator alone does not tell.
pub type Values<'p> = Vec<(&'p str, Option<Value>)>;

/// What a step comes to.
#[derive(Debug, Clone, PartialEq)]
pub enum What<'p> {
    /// It holds no others: it is done once.
    Once,
    /// `draw:`, and the values.
    Drawn(Values<'p>),
    /// `choose:`, and what is chosen.
    Chosen {
        /// Which alternative, from 0.
        at: usize,
        /// Its steps.
        steps: Vec<Done<'p>>,
    },
    /// `repeat:` or `for_each:`.
    Rounds(Vec<Round<'p>>),
    /// `use:`, with the variables that it is given.
    Used(Round<'p>),
    /// `parallel:`.
    Branches(Vec<Vec<Done<'p>>>),
    /// It holds others, and the generator alone does not tell which of them are done.
    Unknown,
}

/// Steps that are done with variables of their own.
#[derive(Debug, Clone, PartialEq)]
pub struct Round<'p> {
    /// The variables, which are gone afterwards.
    pub bound: Values<'p>,
    /// The steps.
    pub steps: Vec<Done<'p>>,
}

/// The same step of the plan.
impl PartialEq for Done<'_> {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.step, other.step) && self.what == other.what
    }
}

impl<'p> Unrolled<'p> {
    /// Visits the steps that hold no others, in their order; branches of `parallel` one after another.
    pub fn each_leaf<'t>(&'t self, visit: &mut dyn FnMut(&'t Done<'p>)) {
        each_leaf(&self.steps, visit);
    }
}

fn each_leaf<'t, 'p>(steps: &'t [Done<'p>], visit: &mut dyn FnMut(&'t Done<'p>)) {
    for done in steps {
        match &done.what {
            What::Once | What::Drawn(_) => visit(done),
            What::Chosen { steps, .. } => each_leaf(steps, visit),
            What::Used(round) => each_leaf(&round.steps, visit),
            What::Rounds(rounds) => rounds.iter().for_each(|round| each_leaf(&round.steps, visit)),
            What::Branches(branches) => branches.iter().for_each(|steps| each_leaf(steps, visit)),
            What::Unknown => {}
        }
    }
}

/// What the steps of a client come to, up to `most` of those that hold no others (and of rounds).
/// `root` is the client's generator: [`chance::of_client`], or that of an iteration of its load.
///
/// ```
/// use looplab::base::Value;
/// use looplab::plan::unroll::{What, unroll};
/// use looplab::plan::{Overrides, Plan, chance};
/// use looplab::scenario::model::Scenario;
///
/// let text = "looplab: 1\nclients:\n  ann:\n    steps:\n      - repeat: 2\n        steps: [{ draw: { n: { int: [7, 7] } } }]\n";
/// let plan = Plan::new(Scenario::parse("x.yaml", text.as_bytes(), None)?, Overrides::default())?;
/// let unrolled = unroll(&plan, &plan.instances[0], &chance::of_client(plan.seed, "ann"), 100);
/// let mut drawn = Vec::new();
/// unrolled.each_leaf(&mut |done| drawn.push(done.what.clone()));
/// assert_eq!(drawn, vec![What::Drawn(vec![("n", Some(Value::from(7)))]); 2]);
/// # Ok::<(), looplab::base::Diagnostics>(())
/// ```
///
/// # Panics
/// If the instance is none of the plan's.
#[must_use]
pub fn unroll<'p>(plan: &'p Plan, instance: &Instance, root: &Rng, most: usize) -> Unrolled<'p> {
    let client = &plan.clients[instance.client];
    let mut line = Line {
        plan,
        known: Known::new(plan),
        draws: Some(chance::draws(root)),
        left: most,
        cut: false,
    };
    line.known.set("client", Some(Value::from(plan.node_name(instance.node))));
    line.known.set("index", Some(Value::from(instance.number)));
    if client.load.is_some() {
        line.known.set("iteration", None);
    }
    for (name, value) in &client.vars {
        line.assign(name, value);
    }
    let steps = line.steps(&client.steps);
    Unrolled { steps, cut: line.cut }
}

/// A line of execution.
struct Line<'p> {
    plan: &'p Plan,
    known: Known,
    /// `None` once nobody knows where it stands.
    draws: Option<Rng>,
    left: usize,
    cut: bool,
}

impl<'p> Line<'p> {
    fn steps(&mut self, steps: &'p [Step]) -> Vec<Done<'p>> {
        let mut all = Vec::new();
        for step in steps {
            if self.cut {
                break;
            }
            let what = self.step(step);
            if !(self.cut && matches!(what, What::Once | What::Drawn(_))) {
                all.push(Done { step, what });
            }
        }
        all
    }

    fn step(&mut self, step: &'p Step) -> What<'p> {
        match &step.action {
            Action::Repeat(times, steps) => self.repeat(times, steps),
            Action::ForEach { var, items, steps } => self.for_each(var, items, steps),
            Action::Parallel(branches) => What::Branches(self.parallel(branches)),
            Action::Choose(alternatives) => match &mut self.draws {
                Some(draws) => {
                    let at = chance::choose(alternatives, draws);
                    What::Chosen { at, steps: self.steps(&alternatives[at].steps) }
                }
                None => self.pass_over(alternatives.iter().map(|one| one.steps.as_slice())),
            },
            Action::Use { flow, with } => {
                let values = with
                    .iter()
                    .map(|(name, value)| (name.value.as_str(), value.resolve(&self.known).ok()));
                let bound: Values<'p> = values.collect();
                let steps = self.plan.flow(flow).map_or(&[][..], |flow| &flow.steps);
                What::Used(self.round(bound, steps))
            }
            Action::Draw(vars) => {
                self.count();
                What::Drawn(vars.iter().map(|(name, from)| self.draw(name, from)).collect())
            }
            Action::Set(vars) => {
                self.count();
                vars.iter().for_each(|(name, value)| self.assign(name, value));
                What::Once
            }
            _ => {
                self.count();
                step.capture.iter().for_each(|(name, _)| self.known.set(name, None));
                What::Once
            }
        }
    }

    fn count(&mut self) {
        match self.left.checked_sub(1) {
            Some(left) => self.left = left,
            None => self.cut = true,
        }
    }

    fn assign(&mut self, name: &str, value: &Dynamic) {
        let value = value.resolve(&self.known).ok();
        self.known.set(name, value);
    }

    fn draw(&mut self, name: &'p str, from: &Draw) -> (&'p str, Option<Value>) {
        let value = match (&mut self.draws, from) {
            (Some(draws), Draw::One(_) | Draw::Int { .. } | Draw::Float { .. }) => {
                chance::draw(from, draws, &self.known, &mut || 0).ok()
            }
            _ => None,
        };
        self.known.set(name, value.clone());
        (name, value)
    }

    fn repeat(&mut self, times: &Setting<u64>, steps: &'p [Step]) -> What<'p> {
        let times = match times {
            Setting::Fixed(times) => Some(*times),
            Setting::Text(text) => text.resolve(&self.known).ok().and_then(|value| match value {
                Value::String(text) => text.trim().parse().ok(),
                value => value.as_u64(),
            }),
        };
        let Some(times) = times else { return self.pass_over([steps].into_iter()) };
        let mut rounds = Vec::new();
        for iteration in 1..=times {
            self.count();
            if self.cut {
                break;
            }
            rounds.push(self.round(vec![("iteration", Some(Value::from(iteration)))], steps));
        }
        What::Rounds(rounds)
    }

    fn for_each(&mut self, var: &'p str, items: &Dynamic, steps: &'p [Step]) -> What<'p> {
        let Ok(Value::Array(items)) = items.resolve(&self.known) else {
            return self.pass_over([steps].into_iter());
        };
        let mut rounds = Vec::new();
        for (iteration, item) in (1_u64..).zip(items) {
            self.count();
            if self.cut {
                break;
            }
            let bound = vec![("iteration", Some(Value::from(iteration))), (var, Some(item))];
            rounds.push(self.round(bound, steps));
        }
        What::Rounds(rounds)
    }

    fn round(&mut self, bound: Values<'p>, steps: &'p [Step]) -> Round<'p> {
        let hidden: Vec<_> =
            bound.iter().map(|(name, value)| self.known.hide(name, value.clone())).collect();
        let steps = self.steps(steps);
        hidden.into_iter().rev().for_each(|hidden| self.known.restore(hidden));
        Round { bound, steps }
    }

    fn parallel(&mut self, branches: &'p [Vec<Step>]) -> Vec<Vec<Done<'p>>> {
        let base = self.known.clone();
        let forks: Vec<Option<Rng>> =
            branches.iter().map(|_| self.draws.as_mut().map(chance::branch)).collect();
        let after = std::mem::take(&mut self.draws);
        let mut all = Vec::new();
        let mut known = base.clone();
        for (steps, draws) in branches.iter().zip(forks) {
            self.draws = draws;
            self.known = base.clone();
            all.push(self.steps(steps));
            known.merge(&base, std::mem::replace(&mut self.known, base.clone()));
        }
        (self.draws, self.known) = (after, known);
        all
    }

    /// Steps of which nobody knows which are done: what they set is not known, and if they draw, neither is
    /// what is drawn after them.
    fn pass_over<'s>(&mut self, lists: impl Iterator<Item = &'s [Step]>) -> What<'p>
    where
        'p: 's,
    {
        let mut left: Vec<&[Step]> = lists.collect();
        while let Some(steps) = left.pop() {
            each_step(steps, &mut |step| {
                step.capture.iter().for_each(|(name, _)| self.known.set(name, None));
                match &step.action {
                    Action::Set(vars) => {
                        vars.iter().for_each(|(name, _)| self.known.set(name, None))
                    }
                    Action::Draw(vars) => {
                        vars.iter().for_each(|(name, _)| self.known.set(name, None));
                        self.draws = None;
                    }
                    Action::Choose(_) | Action::Parallel(_) => self.draws = None,
                    // Flows do not use themselves.
                    Action::Use { flow, .. } => {
                        left.extend(self.plan.flow(flow).map(|flow| flow.steps.as_slice()));
                    }
                    _ => {}
                }
            });
        }
        What::Unknown
    }
}

/// The variables of a line as far as they are known.
#[derive(Clone)]
struct Known {
    /// `None` for one that has a value nobody knows.
    vars: BTreeMap<String, Option<Value>>,
    /// Those of the scenario.
    outer: BTreeMap<String, Value>,
}

impl Known {
    fn new(plan: &Plan) -> Known {
        let mut known = Known { vars: BTreeMap::new(), outer: BTreeMap::new() };
        for (name, value) in plan.vars.iter() {
            if let Ok(value) = value.resolve(&known) {
                known.outer.insert(name.clone(), value);
            }
        }
        known
    }

    fn set(&mut self, name: &str, value: Option<Value>) {
        self.vars.insert(name.to_owned(), value);
    }

    fn hide(&mut self, name: &str, value: Option<Value>) -> (String, Option<Option<Value>>) {
        (name.to_owned(), self.vars.insert(name.to_owned(), value))
    }

    fn restore(&mut self, (name, value): (String, Option<Option<Value>>)) {
        match value {
            Some(value) => drop(self.vars.insert(name, value)),
            None => drop(self.vars.remove(&name)),
        }
    }

    /// Takes over what a branch has changed. Whether it has changed what was not known nobody knows.
    fn merge(&mut self, base: &Known, branch: Known) {
        for (name, value) in branch.vars {
            match base.vars.get(&name) {
                Some(before) if *before == value => {}
                Some(None) => self.set(&name, None),
                _ => drop(self.vars.insert(name, value)),
            }
        }
    }
}

impl Lookup for Known {
    fn lookup(&self, name: &str) -> Option<Value> {
        if let Some(value) = self.vars.get(name) {
            return value.clone();
        }
        if let Some(value) = self.outer.get(name) {
            return Some(value.clone());
        }
        let (object, key) = name.rsplit_once('.')?;
        scenario::part(self.lookup(object)?, key)
    }
}

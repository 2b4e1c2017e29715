//! A run of a scenario in both worlds, and what it tells of its nodes.

use std::time::Duration;

use looplab::base::Time;
use looplab::scenario::model::World;
use looplab::trace::{EventKind, FaultPhase, Outcome, StepEvent};

use crate::common::{Ran, complaint, run_text};

/// Runs `text` in both worlds; every step and check must hold. `judge` looks at what happened.
pub(crate) fn both(text: &str, judge: impl Fn(&Told)) {
    for world in [World::Virtual, World::Real] {
        let told = told(text, world);
        assert_eq!(told.ran.outcome, Outcome::Ok, "{world:?}\n{}", complaint(&told.ran));
        judge(&told);
    }
}

/// Runs `text` in one world.
pub(crate) fn told(text: &str, world: World) -> Told {
    let ran = run_text(text, world, 1);
    Told { world, lines: lines(&ran), ran }
}

/// What a run has told.
pub(crate) struct Told {
    pub(crate) world: World,
    pub(crate) ran: Ran,
    /// What became of nodes and faults, with the time.
    lines: Vec<(Time, String)>,
}

impl Told {
    /// What became of nodes and faults, in order.
    pub(crate) fn lines(&self) -> Vec<&str> {
        self.lines.iter().map(|(_, line)| line.as_str()).collect()
    }

    /// When the first of these lines was told.
    pub(crate) fn at(&self, line: &str) -> Time {
        let found = self.lines.iter().find(|(_, told)| told == line);
        found.unwrap_or_else(|| panic!("no `{line}` in {:#?}", self.lines())).0
    }

    /// A line was told so long after the start: times of the timeline are kept each for itself, so that one
    /// that is late shortens what lies between it and the next.
    pub(crate) fn is_told_at(&self, line: &str, expected: Duration) {
        self.is_about(self.at(line).since(Time::ZERO), expected);
    }

    /// How long after one line another was told.
    pub(crate) fn between(&self, first: &str, second: &str) -> Duration {
        self.at(second).since(self.at(first))
    }

    /// The step of that name, and when it was done.
    pub(crate) fn step(&self, name: &str) -> (&StepEvent, Time) {
        let found = self.ran.events.iter().find_map(|event| match &event.kind {
            EventKind::Step(step) if step.name.as_deref() == Some(name) => {
                Some((&**step, event.at))
            }
            _ => None,
        });
        found.unwrap_or_else(|| panic!("no step `{name}`"))
    }

    /// How long the step of that name took.
    pub(crate) fn took(&self, name: &str) -> Duration {
        let (step, done) = self.step(name);
        done.since(step.began)
    }

    /// How many events of a kind there are.
    pub(crate) fn count(&self, of_kind: impl Fn(&EventKind) -> bool) -> usize {
        self.ran.events.iter().filter(|event| of_kind(&event.kind)).count()
    }

    /// The run took so long: exactly in virtual time, at least and not much longer in the real one.
    pub(crate) fn is_about(&self, actual: Duration, expected: Duration) {
        match self.world {
            World::Virtual => assert_eq!(actual, expected),
            World::Real => {
                let in_time = actual >= expected && actual < expected + LATE;
                assert!(in_time, "{actual:?} is not {expected:?}");
            }
        }
    }
}

/// How much later things may happen on a machine that is busy.
pub(crate) const LATE: Duration = Duration::from_secs(2);

fn lines(ran: &Ran) -> Vec<(Time, String)> {
    let name = |node| ran.plan.node_name(node);
    let line = |kind: &EventKind| match kind {
        EventKind::Crash { node, fault, .. } => {
            Some(format!("crash {} by {}", name(*node), fault.as_deref().unwrap_or("itself")))
        }
        EventKind::Restart { node } => Some(format!("restart {}", name(*node))),
        EventKind::Pause { node } => Some(format!("pause {}", name(*node))),
        EventKind::Resume { node } => Some(format!("resume {}", name(*node))),
        EventKind::Fault(fault) => Some(match fault.phase {
            FaultPhase::Start => format!("start {}", fault.name),
            FaultPhase::End => format!("end {} {}", fault.name, fault.touched),
        }),
        _ => None,
    };
    let lines = ran.events.iter().filter_map(|event| Some((event.at, line(&event.kind)?)));
    lines.collect()
}

//! Histories at random: some that came about by doing the operations one after another, some in which one
//! result was changed afterwards, some in which all results are made up.

use proptest::prelude::*;

use super::oracle::{apply, empty};
use super::*;

/// How the results come about.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Results {
    Right,
    OneChanged,
    MadeUp,
}

/// One operation's dice.
#[derive(Debug, Clone)]
struct Dice {
    client: u32,
    kind: u8,
    key: u8,
    value: i64,
    pause: u32,
    takes: u32,
    /// Where in its time it takes effect, in parts of ten.
    point: u32,
    phase: u8,
    made_up: i64,
}

fn dice(clients: u32) -> impl Strategy<Value = Dice> {
    let first = (0..clients, 0..8_u8, 0..2_u8, 0..3_i64);
    let second = (1..8_u32, 1..30_u32, 0..10_u32, 0..12_u8, 0..4_i64);
    (first, second).prop_map(
        |((client, kind, key, value), (pause, takes, point, phase, made_up))| Dice {
            client,
            kind,
            key,
            value,
            pause,
            takes,
            point,
            phase,
            made_up,
        },
    )
}

/// Histories of a model, by three clients. With `distinct`, no value is written twice; with `keys`, there are
/// two of them.
pub(super) fn drawn(
    model: ModelKind,
    ops_max: usize,
    distinct: bool,
    keys: bool,
) -> impl Strategy<Value = Vec<Draft>> {
    drawn_of(3, model, ops_max, distinct, keys)
}

/// The same by so many clients.
pub(super) fn drawn_of(
    clients: u32,
    model: ModelKind,
    ops_max: usize,
    distinct: bool,
    keys: bool,
) -> impl Strategy<Value = Vec<Draft>> {
    let results =
        prop_oneof![Just(Results::Right), Just(Results::OneChanged), Just(Results::MadeUp)];
    let dice = proptest::collection::vec(dice(clients), 1..=ops_max);
    (dice, results, any::<prop::sample::Index>()).prop_map(move |(dice, results, which)| {
        let which = which.index(dice.len());
        laid_out(model, &dice, results, which, distinct, keys)
    })
}

fn laid_out(
    model: ModelKind,
    dice: &[Dice],
    results: Results,
    which: usize,
    distinct: bool,
    keys: bool,
) -> Vec<Draft> {
    let mut free = [0_u32; 5];
    let mut drafts = Vec::new();
    let mut points = Vec::new();
    for (n, die) in dice.iter().enumerate() {
        let fresh = i64::try_from(n).unwrap() + 10;
        let (f, given) = function(model, die, if distinct { fresh } else { die.value });
        let from = free[die.client as usize] + die.pause;
        let to = from + die.takes;
        free[die.client as usize] = to;
        let phase = match die.phase {
            0 => OpPhase::Unknown,
            1 => OpPhase::Fail,
            _ => OpPhase::Ok,
        };
        let mut draft = op(die.client, f, given, from, to);
        draft.phase = phase;
        if keys && die.key == 1 {
            draft.key = json!("y");
        }
        drafts.push(draft);
        points.push((from * 10 + (to - from) * die.point, n));
    }
    points.sort_unstable();
    let mut objects = std::collections::BTreeMap::new();
    for (_, n) in points {
        let draft = &mut drafts[n];
        // Half of those of which nobody knows happened.
        let happens = match draft.phase {
            OpPhase::Fail => false,
            OpPhase::Unknown => dice[n].point < 5,
            _ => true,
        };
        let object = objects.entry(draft.key.to_string()).or_insert_with(|| empty(model));
        let answer = if happens { apply(model, object, draft) } else { None };
        match answer {
            Some(answer) => draft.result = answer,
            None if draft.phase == OpPhase::Ok => draft.phase = OpPhase::Fail,
            None => {}
        }
        let invents = results == Results::MadeUp || results == Results::OneChanged && n == which;
        if invents && ["read", "dequeue"].contains(&draft.f) {
            draft.result = made_up(model, draft, &dice[n]);
        }
        if draft.phase != OpPhase::Ok {
            draft.result = Value::Null;
        }
    }
    drafts
}

fn made_up(model: ModelKind, draft: &Draft, die: &Dice) -> Value {
    match (model, draft.f, &draft.result) {
        (ModelKind::Set | ModelKind::AppendLog, _, Value::Array(items)) => {
            let mut items = items.clone();
            match die.made_up {
                0 => drop(items.pop()),
                1 if items.len() > 1 => items.swap(0, 1),
                1 => {}
                n => items.push(json!(n - 2)),
            }
            if model == ModelKind::Set {
                items.sort_by_key(Value::to_string);
                items.dedup();
            }
            Value::Array(items)
        }
        (_, "dequeue", _) if die.made_up == 3 => Value::Null,
        _ => json!(die.made_up),
    }
}

/// What a die's operation is.
fn function(model: ModelKind, die: &Dice, value: i64) -> (&'static str, Value) {
    let one_of = |f: [&'static str; 2]| f[usize::from(die.kind % 2)];
    match model {
        ModelKind::CasRegister if die.kind >= 5 => ("cas", json!([die.made_up, value])),
        ModelKind::Counter if die.kind < 4 => ("add", json!(die.value - 1)),
        ModelKind::Queue if die.kind.is_multiple_of(2) => ("enqueue", json!(value)),
        ModelKind::Queue => ("dequeue", Value::Null),
        ModelKind::Set if die.kind < 4 => (one_of(["add", "remove"]), json!(value)),
        ModelKind::Lock => (one_of(["acquire", "release"]), Value::Null),
        ModelKind::AppendLog if die.kind < 4 => ("append", json!(value)),
        _ if die.kind < 3 => ("write", json!(value)),
        _ => ("read", Value::Null),
    }
}

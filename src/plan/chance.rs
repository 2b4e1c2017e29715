//! The draws of clients: what `draw:` and `choose:` come to, given a generator.
//!
//! ```text
//! client's generator ── fork "draw" ──> one for its steps
//!                                         └─ one draw a branch of `parallel:` ──> one for each
//! load's iteration   ── fork "draw" ──> one for its steps
//! ```
//!
//! Nothing else draws from these generators, and every alternative that is chosen and every variable that
//! is drawn (but for `unique`) takes exactly one draw, whatever comes of it. So what is drawn is a function
//! of the seed and of the steps that were run before, and of nothing else.

use crate::base::{Diagnostic, Rng, Value};
use crate::scenario::Lookup;
use crate::scenario::model::{Alternative, Draw, Dynamic, DynamicKind};

/// The root of all draws of the client of that name, `alice` or `reader.2`; forked, never drawn from.
#[must_use]
pub fn of_client(seed: u64, name: &str) -> Rng {
    Rng::new(seed).fork(&stream(name))
}

/// What the root of a client's draws is forked by.
#[must_use]
pub fn stream(name: &str) -> String {
    format!("client:{name}")
}

/// The generator of a client's draws; `root` is the client's own.
#[must_use]
pub fn draws(root: &Rng) -> Rng {
    root.fork("draw")
}

/// The generator of a branch of `parallel:`, which the branches take in their order.
#[must_use]
pub fn branch(draws: &mut Rng) -> Rng {
    draws.split()
}

/// The index of the alternative that is chosen: one draw, by weight.
pub fn choose(alternatives: &[Alternative], draws: &mut Rng) -> usize {
    let total = alternatives.iter().map(|one| u64::from(one.weight)).sum();
    let mut drawn = draws.below(total);
    for (at, one) in alternatives.iter().enumerate() {
        let weight = u64::from(one.weight);
        if drawn < weight {
            return at;
        }
        drawn -= weight;
    }
    0
}

/// The value that is drawn: one draw, but none for [`Draw::Unique`], which asks `unique`.
///
/// # Errors
/// A diagnostic if what it is drawn from is no list, or an empty one, or has no value. The draw is made all
/// the same.
pub fn draw(
    from: &Draw,
    draws: &mut Rng,
    scope: &dyn Lookup,
    unique: &mut dyn FnMut() -> u64,
) -> Result<Value, Diagnostic> {
    if matches!(from, Draw::Unique) {
        return Ok(Value::from(unique()));
    }
    let mut own = draws.ahead();
    match from {
        Draw::One(list) => one_of(list, &mut own, scope),
        Draw::Int { min, max } => Ok(Value::from(whole(*min, *max, &mut own))),
        Draw::Float { min, max } => Ok(Value::from(fraction(*min, *max, own.unit()))),
        Draw::Unique => Ok(Value::Null),
    }
}

fn one_of(list: &Dynamic, own: &mut Rng, scope: &dyn Lookup) -> Result<Value, Diagnostic> {
    if let DynamicKind::Array(items) = &list.kind {
        let at = own.below(items.len() as u64);
        let item = usize::try_from(at).ok().and_then(|at| items.get(at));
        return item.map_or_else(|| Err(empty(list)), |item| item.resolve(scope));
    }
    match list.resolve(scope)? {
        Value::Array(mut items) => match usize::try_from(own.below(items.len() as u64)) {
            Ok(at) if at < items.len() => Ok(items.swap_remove(at)),
            _ => Err(empty(list)),
        },
        other => Err(Diagnostic::new(format!("`draw` wants a list, not {other}"), list.span)),
    }
}

fn empty(list: &Dynamic) -> Diagnostic {
    Diagnostic::new("an empty list has nothing to draw", list.span)
}

fn whole(min: i64, max: i64, own: &mut Rng) -> i64 {
    let least = max.wrapping_sub(min).cast_unsigned();
    let drawn = match least.checked_add(1) {
        Some(count) => own.below(count),
        // All that there are.
        None => own.next_u64(),
    };
    min.wrapping_add(drawn.cast_signed())
}

/// `unit` is from `[0, 1)`.
fn fraction(min: f64, max: f64, unit: f64) -> f64 {
    // Rounding may lead to the upper end, which is not a part of it.
    (min + unit * (max - min)).clamp(min, max.next_down())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Span;

    fn drawn(from: &Draw, seed: u64) -> Value {
        let nothing = |_: &str| None;
        draw(from, &mut Rng::new(seed), &nothing, &mut || 7).unwrap()
    }

    fn list(items: &[i64]) -> Dynamic {
        let span = Span::default();
        let item = |item: &i64| Dynamic { kind: DynamicKind::Scalar(Value::from(*item)), span };
        Dynamic { kind: DynamicKind::Array(items.iter().map(item).collect()), span }
    }

    #[test]
    fn whole_numbers_reach_both_ends_and_nothing_beyond() {
        for (min, max) in [(0, 4), (-2, 2), (7, 7)] {
            let range = Draw::Int { min, max };
            let seen: Vec<i64> =
                (0..200).map(|seed| drawn(&range, seed).as_i64().unwrap()).collect();
            assert!((min..=max).all(|number| seen.contains(&number)), "{min} to {max}: {seen:?}");
            assert!(seen.iter().all(|number| (min..=max).contains(number)), "{seen:?}");
        }
        let all = Draw::Int { min: i64::MIN, max: i64::MAX };
        let seen: Vec<i64> = (0..50).map(|seed| drawn(&all, seed).as_i64().unwrap()).collect();
        assert!(seen.iter().any(|number| *number < 0) && seen.iter().any(|number| *number > 0));
    }

    #[test]
    fn fractions_stay_below_their_upper_end() {
        assert!(fraction(0.0, 1.0, 1.0 - f64::EPSILON / 2.0) < 1.0);
        assert!(fraction(1e300 - 1e284, 1e300, 1.0 - f64::EPSILON / 2.0) < 1e300);
        assert!(fraction(-1e300, 1e300, 0.5).abs() < 1e284);
        let share = Draw::Float { min: -1.0, max: 3.0 };
        let mean =
            (0..2_000).map(|seed| drawn(&share, seed).as_f64().unwrap()).sum::<f64>() / 2_000.0;
        assert!((mean - 1.0).abs() < 0.1, "{mean}");
    }

    #[test]
    fn each_value_of_a_list_is_as_likely_as_the_others() {
        let of = Draw::One(list(&[10, 20, 30]));
        let mut draws = Rng::new(3);
        let mut counts = [0_u32; 3];
        for _ in 0..3_000 {
            let value = draw(&of, &mut draws, &|_: &str| None, &mut || 0).unwrap();
            counts[usize::try_from(value.as_u64().unwrap() / 10 - 1).unwrap()] += 1;
        }
        assert!(counts.iter().all(|count| (900..1_100).contains(count)), "{counts:?}");
    }

    #[test]
    fn every_kind_takes_one_draw_but_for_unique_also_where_it_fails() {
        let after = |from: &Draw| {
            let mut draws = Rng::new(9);
            let _ = draw(from, &mut draws, &|_: &str| None, &mut || 1);
            draws.next_u64()
        };
        let mut draws = Rng::new(9);
        let first = draws.next_u64();
        let second = draws.next_u64();
        assert_eq!(after(&Draw::Unique), first);
        let missing = Dynamic { kind: DynamicKind::Scalar(Value::from(1)), span: Span::default() };
        for from in [
            Draw::One(list(&[1, 2])),
            Draw::One(missing),
            Draw::Int { min: 0, max: 9 },
            Draw::Int { min: i64::MIN, max: i64::MAX },
            Draw::Float { min: 0.0, max: 1.0 },
        ] {
            assert_eq!(after(&from), second, "{from:?}");
        }
    }

    #[test]
    fn alternatives_are_chosen_by_their_weights() {
        let alternative = |weight| Alternative { span: Span::default(), weight, steps: Vec::new() };
        let alternatives = [alternative(1), alternative(3), alternative(4)];
        let mut draws = Rng::new(5);
        let mut counts = [0_u32; 3];
        (0..8_000).for_each(|_| counts[choose(&alternatives, &mut draws)] += 1);
        for (count, expected) in counts.iter().zip([1_000, 3_000, 4_000]) {
            assert!(count.abs_diff(expected) < 150, "{counts:?}");
        }
    }
}

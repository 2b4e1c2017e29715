//! Delta debugging: which of some things can go.
//!
//! Source: Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input" (IEEE TSE 2002); of its two
//! halves only the removal, in pieces that get smaller until nothing alone can go.

/// Which of `count` things can be removed: `test` is asked whether it can do without those that are `true`, and what
/// it said of the last set for which it said yes is what counts. The last things are tried first.
pub(super) fn removable(count: usize, mut test: impl FnMut(&[bool]) -> bool) -> Vec<bool> {
    let mut removed = vec![false; count];
    let mut piece = count;
    while piece > 0 {
        let left: Vec<usize> = (0..count).filter(|at| !removed[*at]).collect();
        let mut some = false;
        for those in left.rchunks(piece) {
            let mut wanted = removed.clone();
            those.iter().for_each(|at| wanted[*at] = true);
            if test(&wanted) {
                removed = wanted;
                some = true;
            }
        }
        piece = match piece {
            1 if some => 1,
            1 => 0,
            _ => piece.div_ceil(2).min(count),
        };
    }
    removed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_needed_stays_and_nothing_else() {
        for needed in [vec![], vec![0], vec![7], vec![2, 3, 9], (0..10).collect()] {
            let mut tests = 0;
            let removed = removable(10, |removed| {
                tests += 1;
                needed.iter().all(|at: &usize| !removed[*at])
            });
            let kept: Vec<usize> = (0..10).filter(|at| !removed[*at]).collect();
            assert_eq!(kept, needed);
            assert!(tests < 60, "{tests}");
        }
        assert_eq!(removable(0, |_| true), Vec::<bool>::new());
    }

    #[test]
    fn things_that_can_only_go_together_go_together() {
        let removed = removable(8, |removed| removed[2] == removed[3]);
        assert_eq!(removed, [true; 8]);
    }
}

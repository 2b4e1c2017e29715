//! The examples that ship: each runs in both worlds and ends as it says.

use super::*;
use common::{files, run_file};

#[test]
fn every_example_ends_well_in_both_worlds_and_the_same_twice() {
    for path in files("docs/examples/scripts", "yaml") {
        for world in [World::Virtual, World::Real] {
            let ran = run_file(&path, world, 1);
            assert_eq!(ran.outcome, Outcome::Ok, "{}: {}", path.display(), complaint(&ran));
            assert_eq!(ran.script_errors(), [""; 0], "{}", path.display());
        }
        let traces = [(); 2].map(|()| run_file(&path, World::Virtual, 7).trace);
        assert_eq!(traces[0], traces[1], "{}", path.display());
    }
}

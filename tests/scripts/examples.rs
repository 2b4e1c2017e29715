//! The examples that ship: each runs in both worlds and ends as it says.

use std::path::{Path, PathBuf};

use super::*;
use common::run_file;

fn examples() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/examples/scripts");
    let entries = std::fs::read_dir(folder).expect("the examples are there");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "yaml"));
    paths.sort();
    assert!(paths.len() >= 3, "the examples are there");
    paths
}

#[test]
fn every_example_ends_well_in_both_worlds_and_the_same_twice() {
    for path in examples() {
        for world in [World::Virtual, World::Real] {
            let ran = run_file(&path, world, 1);
            assert_eq!(ran.outcome, Outcome::Ok, "{}: {}", path.display(), complaint(&ran));
            assert_eq!(ran.script_errors(), [""; 0], "{}", path.display());
        }
        let traces = [(); 2].map(|()| run_file(&path, World::Virtual, 7).trace);
        assert_eq!(traces[0], traces[1], "{}", path.display());
    }
}

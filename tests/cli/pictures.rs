//! What the shipped scenarios look like in the virtual world, compared with files that people have read.
//!
//! `golden/NAME.txt` is what `looplab run NAME.yaml` must print; `LOOPLAB_UPDATE=1 cargo test` writes the
//! files anew, to be read before they are kept.

use std::path::Path;

use super::bench::{Bench, shipped};

#[test]
fn every_shipped_scenario_is_told_as_it_was() {
    let bench = Bench::new(&[]);
    let mut names: Vec<String> = std::fs::read_dir(shipped("scenarios"))
        .unwrap()
        .filter_map(|entry| {
            entry
                .unwrap()
                .file_name()
                .into_string()
                .unwrap()
                .strip_suffix(".yaml")
                .map(str::to_owned)
        })
        .collect();
    names.sort();
    for name in names {
        let file = format!("{name}.yaml");
        std::fs::copy(shipped(&format!("scenarios/{file}")), bench.path(&file)).unwrap();
        let ran = bench.looplab(&format!("run {file} --clock virtual --seed 7")).exits(0);
        assert_eq!(ran.err, "");
        let golden = shipped(&format!("tests/cli/golden/{name}.txt"));
        if std::env::var_os("LOOPLAB_UPDATE").is_some() {
            std::fs::create_dir_all(Path::new(&golden).parent().unwrap()).unwrap();
            std::fs::write(&golden, &ran.out).unwrap();
        }
        let known = std::fs::read_to_string(&golden).unwrap_or_default();
        assert!(known == ran.out, "{golden} is not what is printed now:\n{}", ran.out);
    }
}

//! What people are told: every `tests/diagnostics/NAME.yaml` is refused with the text of `NAME.stderr`.
//!
//! `LOOPLAB_UPDATE=1` writes the texts anew, to be read before they are kept; never where `CI` is set.

use std::fs;
use std::path::{Path, PathBuf};

use looplab::base::Diagnostics;
use looplab::plan::{Overrides, Plan};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/diagnostics")
}

fn cases() -> Vec<PathBuf> {
    let entries = fs::read_dir(folder()).expect("the folder of cases");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut cases: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|end| end == "yaml")).collect();
    cases.sort();
    cases
}

fn refusal(case: &Path) -> Diagnostics {
    let name = case.file_name().expect("a name").to_string_lossy();
    let bytes = fs::read(case).expect("a case");
    match Plan::parse(&name, &bytes, Some(&folder()), Overrides::default()) {
        Ok(_) => panic!("{name} is accepted"),
        Err(refusal) => refusal,
    }
}

#[test]
fn every_case_is_refused_with_the_text_that_was_agreed_on() {
    let update = std::env::var_os("LOOPLAB_UPDATE").is_some() && std::env::var_os("CI").is_none();
    let cases = cases();
    assert!(cases.len() >= 40, "only {} cases", cases.len());
    let mut wrong = Vec::new();
    for case in &cases {
        let told = refusal(case).render(false);
        let golden = case.with_extension("stderr");
        if update {
            fs::write(&golden, &told).expect("the golden text");
        } else if fs::read_to_string(&golden).unwrap_or_default() != told {
            wrong.push(format!("{}:\n{told}", case.display()));
        }
    }
    assert!(wrong.is_empty(), "{} cases differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_place_lies_inside_its_file() {
    for case in cases() {
        let refusal = refusal(&case);
        for diagnostic in &refusal.found {
            let source = diagnostic.source.as_deref().unwrap_or(&refusal.source);
            let places = [diagnostic.span, diagnostic.related.as_deref().map(|(span, _)| *span)];
            for span in places.into_iter().flatten() {
                let place = source.text().get(span.start as usize..span.end as usize);
                assert!(place.is_some(), "{}: {span:?}", case.display());
            }
        }
    }
}

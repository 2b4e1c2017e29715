//! What the program says of itself.

use super::bench::Bench;

const COMMANDS: [&str; 18] = [
    "run",
    "explore",
    "replay",
    "diff",
    "up",
    "fault",
    "node",
    "partition",
    "isolate",
    "heal",
    "check",
    "show",
    "export",
    "schema",
    "new",
    "ports",
    "completions",
    "man",
];

#[test]
fn every_command_explains_itself_with_an_example() {
    let bench = Bench::new(&[]);
    for command in COMMANDS {
        for flag in ["--help", "-h"] {
            let ran = bench.looplab(&format!("{command} {flag}")).exits(0).without_complaint();
            ran.says(&["Usage: looplab", "Examples:", &format!("looplab {command}")]);
        }
    }
}

#[test]
fn the_help_names_all_commands_and_exit_codes() {
    let ran = Bench::new(&[]).looplab("--help").exits(0);
    for command in COMMANDS {
        assert!(ran.out.contains(&format!("\n  {command}")), "{command}\n{}", ran.out);
    }
    ran.says(&["Exit codes:", "0  everything that was checked holds", "130"]);
}

#[test]
fn nothing_and_nonsense_are_exit_code_2() {
    let bench = Bench::new(&[]);
    bench.looplab("").exits(2).complains(&["Usage: looplab"]);
    bench.looplab("runn x.yaml").exits(2).complains(&["similar subcommand exists: 'run'"]);
    bench.looplab("run").exits(2).complains(&["<FILE>"]);
    bench.looplab("run x.yaml --clock soon").exits(2).complains(&["it is `real` or `virtual`"]);
    bench.looplab("run x.yaml --seed -1").exits(2);
    bench.looplab("run x.yaml --step --quiet").exits(2).complains(&["cannot be used with"]);
    bench.looplab("export x --to pdf").exits(2).complains(&["it is one of mermaid, svg, json"]);
    bench.looplab("show x --link app").exits(2).complains(&["FROM->TO"]);
    bench.looplab("show x --from 5").exits(2).complains(&["a duration is a number with its unit"]);
    bench.looplab("ports 0").exits(2);
    bench.looplab("ports 70000").exits(2);
}

#[test]
fn the_version_is_told() {
    let version = format!("looplab {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(Bench::new(&[]).looplab("--version").exits(0).out, version);
}

#[test]
fn every_shell_gets_completions_for_every_command() {
    let bench = Bench::new(&[]);
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        bench.looplab(&format!("completions {shell}")).exits(0).without_complaint().says(&COMMANDS);
    }
    bench.looplab("completions tcsh").exits(2).complains(&["possible values"]);
}

#[test]
fn the_manual_is_a_page_or_a_folder_of_them() {
    let bench = Bench::new(&[]);
    bench.looplab("man").exits(0).says(&[".TH looplab 1", "looplab\\-run"]);
    bench.looplab("man --out man/man1").exits(0);
    for command in COMMANDS {
        let page = bench.read(&format!("man/man1/looplab-{command}.1"));
        assert!(page.contains(&format!(".TH looplab-{command} 1")), "{page}");
    }
    assert!(bench.read("man/man1/looplab.1").contains(".TH looplab 1"));
}

#[test]
fn the_schema_is_one_json_document() {
    let ran = Bench::new(&[]).looplab("schema").exits(0).without_complaint();
    let schema: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
}

//! What the shipped scenarios look like in the virtual world, compared with files that people have read.
//!
//! `golden/NAME.txt` is what `looplab run NAME.yaml` must print; `LOOPLAB_UPDATE=1 cargo test` writes the
//! files anew, to be read before they are kept.

use std::path::Path;

use super::bench::{Bench, shipped};

/// Compares with a golden file, or writes it.
fn golden(name: &str, out: &str) {
    let golden = shipped(&format!("tests/cli/golden/{name}.txt"));
    if std::env::var_os("LOOPLAB_UPDATE").is_some() {
        std::fs::create_dir_all(Path::new(&golden).parent().unwrap()).unwrap();
        std::fs::write(&golden, out).unwrap();
    }
    let known = std::fs::read_to_string(&golden).unwrap_or_default();
    assert!(known == out, "{golden} is not what is printed now:\n{out}");
}

#[test]
fn every_shipped_scenario_is_told_as_it_was() {
    let bench = Bench::new(&[]);
    // Lessons may use the scripts of protocols.
    std::fs::create_dir(bench.path("protocols")).unwrap();
    for entry in std::fs::read_dir(shipped("scenarios/protocols")).unwrap() {
        let entry = entry.unwrap();
        let to = bench.path("protocols").join(entry.file_name());
        std::fs::copy(entry.path(), to).unwrap();
    }
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
        golden(&name, &ran.out);
    }
}

const WRONG: &str = r#"looplab: 1
name: wrong
about: Handlers that go wrong, each in its own way.
servers:
  app: { type: http, script: wrong.lua }
  store: { type: redis, script: store.lua }
clients:
  alice:
    steps:
      - { get: app/loop, expect: { status: 500 } }
      - { get: app/gigabyte, expect: { status: 500 } }
      - { get: app/stranger, expect: { status: 500 } }
      - { repeat: 3, steps: [ { put: app/price, text: ten, expect: { status: 500 } } ] }
      - { redis: store CAS a, expect: { error: { starts_with: ERR } } }
"#;

const WRONG_APP: &str = r#"route("GET /loop", function()
  while true do
  end
end)

route("GET /gigabyte", function()
  local text = ("x"):rep(1024 * 1024 * 1024)
  return #text
end)

route("GET /stranger", function()
  local price = ctx.stoer:get("price")
  return price
end)

route("PUT /price", function(req)
  ctx.store:set("price", req.json.price)
end)
"#;

const WRONG_STORE: &str = r#"command("CAS", function(key, from, to)
  local value = redis.call("GET", key)
  redis.call("SET", key, to)
end)
"#;

#[test]
fn errors_of_scripts_are_drawn_in_their_own_text() {
    let files = [("wrong.yaml", WRONG), ("wrong.lua", WRONG_APP), ("store.lua", WRONG_STORE)];
    let bench = Bench::new(&files);
    let ran = bench.looplab("run wrong.yaml --clock virtual --seed 7").exits(1);
    assert_eq!(ran.err, "");
    golden("script-errors", &ran.out);
}

#[test]
fn an_error_of_syntax_is_found_before_anything_starts() {
    let broken = WRONG_APP.replace("while true do\n  end", "while true do");
    let bench =
        Bench::new(&[("wrong.yaml", WRONG), ("wrong.lua", &broken), ("store.lua", WRONG_STORE)]);
    let ran = bench.looplab("run wrong.yaml --clock virtual").exits(2);
    assert_eq!(ran.out, "");
    let said = "error: unexpected symbol near ')'\n --> wrong.lua:3:1\n  |\n3 | end)\n  | ^^^^\n\n1 error in wrong.yaml\n";
    assert_eq!(ran.err, said);
}

#[test]
fn a_wrong_pattern_is_found_when_the_script_is_loaded() {
    let wrong = WRONG_APP.replace("PUT /price", "/price");
    let bench =
        Bench::new(&[("wrong.yaml", WRONG), ("wrong.lua", &wrong), ("store.lua", WRONG_STORE)]);
    let ran = bench.looplab("run wrong.yaml --clock virtual").exits(2);
    let said = "error: this route has no method\n  --> wrong.lua:16:1\n   |\n16 | route(\"/price\", function(req)\n";
    assert!(ran.err.starts_with(said), "{}", ran.err);
}

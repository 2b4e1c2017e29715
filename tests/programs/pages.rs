//! The page on own programs shows files that are run here.

use std::path::Path;

#[test]
fn every_file_on_the_page_is_one_of_its_examples() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("docs/own-programs.md")).unwrap();
    let read =
        |file: &str| std::fs::read_to_string(root.join("docs/own-programs").join(file)).unwrap();
    for (file, language) in [
        ("flask.yaml", "yaml"),
        ("flask/app.py", "python"),
        ("node.yaml", "yaml"),
        ("node/server.js", "js"),
        ("socket.yaml", "yaml"),
        ("socket/adder.c", "c"),
    ] {
        let block = format!("```{language}\n{}```\n", read(file));
        assert!(page.contains(&block), "the page does not show {file}");
        assert!(page.contains(&format!("own-programs/{file}")), "the page does not name {file}");
    }
}

#[test]
fn the_limits_on_the_page_are_those_of_the_source() {
    use looplab::base::units::grouped;
    use looplab::exec::{BYTES_KEPT, LINE_MAX, LINES_KEPT};
    use looplab::plan::limits::PROGRAMS_MAX;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("docs/own-programs.md")).unwrap();
    for row in [
        format!("| lines that are kept | {} |", grouped(LINES_KEPT)),
        format!("| bytes that are kept in lines | {} MiB |", BYTES_KEPT >> 20),
        format!("| a line | {} KiB;", LINE_MAX >> 10),
        format!("| programs of a scenario | {PROGRAMS_MAX} |"),
    ] {
        assert!(page.contains(&row), "the page does not say {row}");
    }
}

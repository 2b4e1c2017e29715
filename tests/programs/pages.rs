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

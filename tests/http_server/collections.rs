//! Resources in memory.

use super::lab::{Lab, get, in_both, json, request};

const SHOP: &str = "
  app:
    type: http
    routes:
      - on: \"* /items\"
        collection: items
        data:
          - { id: 7, name: pen, price: 2 }
          - { name: cup, price: 5, tags: { color: red, size: 1 } }
      - { on: \"* /mirror\", collection: items }
      - { on: GET /only, collection: others }
";

const PEN: &str = "{\"id\":7,\"name\":\"pen\",\"price\":2}";
const CUP: &str = "{\"id\":8,\"name\":\"cup\",\"price\":5,\"tags\":{\"color\":\"red\",\"size\":1}}";

fn missing(id: &str) -> String {
    json("404 Not Found", "", &format!("{{\"error\":\"`items` has no item {id}\"}}"))
}

#[test]
fn a_collection_lists_its_items_in_the_order_of_their_making() {
    in_both(SHOP, |lab: Lab| async move {
        lab.ask(get("/items"), &json("200 OK", "", &format!("[{PEN},{CUP}]"))).await;
        lab.ask(get("/mirror"), &json("200 OK", "", &format!("[{PEN},{CUP}]"))).await;
        lab.ask(get("/items?price=5"), &json("200 OK", "", &format!("[{CUP}]"))).await;
        lab.ask(get("/items?price=5&name=pen"), &json("200 OK", "", "[]")).await;
        lab.ask(get("/items?nothing=5"), &json("200 OK", "", "[]")).await;
        lab.ask(get("/items/8"), &json("200 OK", "", CUP)).await;
        lab.ask(get("/items/9"), &missing("9")).await;
    });
}

#[test]
fn what_is_posted_gets_an_id_and_a_place() {
    in_both(SHOP, |lab: Lab| async move {
        for id in [9, 10] {
            let made = format!("{{\"id\":{id},\"name\":\"ink\"}}");
            let answer = json("201 Created", &format!("Location: /items/{id}\r\n"), &made);
            lab.ask(request("POST", "/items", "{\"name\":\"ink\"}"), &answer).await;
        }
        let own = "{\"id\":\"a b\"}";
        let answer = json("201 Created", "Location: /items/a%20b\r\n", own);
        lab.ask(request("POST", "/items?x=1", own), &answer).await;
        lab.ask(get("/items/a%20b"), &json("200 OK", "", own)).await;
    });
}

#[test]
fn what_cannot_be_stored_says_why_and_changes_nothing() {
    in_both(SHOP, |lab: Lab| async move {
        let refused =
            |status: &str, why: &str| json(status, "", &format!("{{\"error\":\"{why}\"}}"));
        let bad = "400 Bad Request";
        for (sent, answer) in [
            (
                request("POST", "/items", "{\"name\":"),
                refused(bad, "the body is not JSON: EOF while parsing a value at line 1 column 8"),
            ),
            (
                request("POST", "/items", "[1]"),
                refused(bad, "an item is a JSON object: {\\\"name\\\": \\\"...\\\"}"),
            ),
            (
                request("POST", "/items", "{\"id\":7}"),
                refused("409 Conflict", "`items` has an item 7 already"),
            ),
            (request("POST", "/items", "{\"id\":[7]}"), refused(bad, "an id is text or a number")),
            (
                request("PUT", "/items/7", "{\"id\":9}"),
                refused("409 Conflict", "the item at this path has the id 7, not 9"),
            ),
            (
                request("PUT", "/items/20", "{\"id\":9}"),
                refused("409 Conflict", "the item at this path has the id 20, not 9"),
            ),
            (
                request("PATCH", "/items/7", "{\"id\":9}"),
                refused("409 Conflict", "the item at this path has the id 7, not 9"),
            ),
            (request("PATCH", "/items/9", "{}"), missing("9")),
            (request("DELETE", "/items/9", ""), missing("9")),
        ] {
            lab.ask(sent, &answer).await;
        }
        lab.ask(get("/items"), &json("200 OK", "", &format!("[{PEN},{CUP}]"))).await;
    });
}

#[test]
fn put_replaces_or_creates_patch_merges_delete_removes() {
    in_both(SHOP, |lab: Lab| async move {
        let pencil = "{\"id\":7,\"name\":\"pencil\"}";
        let put = request("PUT", "/items/7", "{\"name\":\"pencil\"}");
        lab.ask(put, &json("200 OK", "", pencil)).await;
        let put = request("PUT", "/items/12", "{\"name\":\"new\"}");
        lab.ask(put, &json("201 Created", "", "{\"id\":12,\"name\":\"new\"}")).await;
        let patch = request("PATCH", "/items/8", "{\"price\":null,\"tags\":{\"size\":2,\"x\":[]}}");
        let cup = "{\"id\":8,\"name\":\"cup\",\"tags\":{\"color\":\"red\",\"size\":2,\"x\":[]}}";
        lab.ask(patch, &json("200 OK", "", cup)).await;
        lab.ask(request("DELETE", "/items/12", ""), "HTTP/1.1 204 No Content\r\n\r\n").await;
        lab.ask(get("/items"), &json("200 OK", "", &format!("[{pencil},{cup}]"))).await;
        let next = json("201 Created", "Location: /items/13\r\n", "{\"id\":13}");
        lab.ask(request("POST", "/items", "{}"), &next).await;
    });
}

#[test]
fn a_collection_knows_its_methods() {
    in_both(SHOP, |lab: Lab| async move {
        let all = "GET, HEAD, POST, OPTIONS";
        let why = format!("{{\"error\":\"/items answers {all}, not DELETE\"}}");
        let answer = json("405 Method Not Allowed", &format!("Allow: {all}\r\n"), &why);
        lab.ask(request("DELETE", "/items", ""), &answer).await;
        let allow =
            "HTTP/1.1 204 No Content\r\nAllow: GET, HEAD, PUT, PATCH, DELETE, OPTIONS\r\n\r\n";
        lab.ask(request("OPTIONS", "/items/7", ""), allow).await;
        let mut wire = lab.connect("app").await;
        wire.send(request("POST", "/only", "{}")).await;
        wire.expect("HTTP/1.1 405 Method Not Allowed\r\n").await;
    });
}

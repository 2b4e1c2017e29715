//! Predicates, and the mappings from fields to predicates: `expect:` and `when:`.

use std::time::Duration;

use serde_json::json;

use super::super::form::{
    BOOLEAN, Book, DURATION, DYNAMIC, Entry, Fields, Form, Reading, Record, Shape, list,
    plain_text, record, word,
};
use super::super::model::{Dynamic, DynamicKind, Expectation, Predicate, Test};
use super::super::tree::{Node, shortened};
use super::field::{FieldSet, fields_chapter};
use crate::base::{Diagnostic, Located, Span, Value};

/// The most memory that one compiled regular expression may take, in bytes.
const REGEX_MAX: usize = 1024 * 1024;

/// The most regular expressions of a scenario.
const REGEXES_MAX: usize = 200;

/// Tests of any value.
pub(super) struct PredicateForm;
/// The form [`PredicateForm`].
pub(super) const PREDICATE: PredicateForm = PredicateForm;

const ENTRY: Entry = Entry {
    name: "predicate",
    doc: "Tests of a value, which must all hold. A bare value means `equals`; a mapping names its \
          [tests](#tests). Operands may hold `${name}`.",
    example: "expect:\n  status: 200\n  $.qty: { gte: 1, lt: 10 }\n  $.name: { matches: \"^item-\", \
              not: item-13 }\n  $.error: { exists: false }",
};

impl Form for PredicateForm {
    type Value = Predicate;

    fn read(&self, node: &Node, reading: &mut Reading<'_>) -> Option<Predicate> {
        let span = reading.head(node.span);
        if node.entries().is_none() {
            let tests = vec![Test::Equals(DYNAMIC.read(node, reading)?)];
            return Some(Predicate { tests, span });
        }
        holds_a_test(node, reading)?;
        let Tests(tests) = record::<Tests>().read(node, reading)?;
        Some(Predicate { tests, span })
    }

    fn shape(&self, book: &mut Book) -> Shape {
        book.plain(ENTRY, |book| {
            let tests = book.record::<Tests>().schema;
            json!({ "anyOf": [
                tests,
                { "type": ["string", "number", "boolean", "null", "array"] },
            ] })
        })
    }
}

/// A mapping without any known test is probably meant as a value to compare with.
fn holds_a_test(node: &Node, reading: &mut Reading<'_>) -> Option<()> {
    const TESTS: [&str; 13] = [
        "equals",
        "not",
        "contains",
        "starts_with",
        "matches",
        "exists",
        "gt",
        "gte",
        "lt",
        "lte",
        "in",
        "length",
        "type",
    ];
    let entries = node.entries().unwrap_or_default();
    let near = |key: &str| crate::base::diagnostic::nearest(key, TESTS).is_some();
    if entries.iter().any(|(key, _)| TESTS.contains(&&*key.value) || near(&key.value)) {
        return Some(());
    }
    let (what, span) = match entries.first() {
        Some((key, _)) => (format!("`{}` is not a test", shortened(&key.value)), key.span),
        None => ("this mapping holds no test".to_owned(), node.span),
    };
    let help = format!(
        "the tests are {}; to compare with a mapping write `equals: {{ … }}`",
        TESTS.join(", ")
    );
    reading.error(Diagnostic::new(what, span).help(help));
    None
}

struct Tests(Vec<Test>);

impl Record for Tests {
    const ENTRY: Entry = Entry {
        name: "tests",
        doc: "The tests of a [predicate](#predicate). All that are given must hold.",
        example: "",
    };

    fn fields(f: &mut Fields<'_, '_>) -> Option<Tests> {
        let mut tests: Vec<(Span, Option<Test>)> = Vec::new();
        let mut put = |f: &Fields<'_, '_>, key: &str, test: Option<Test>| {
            if f.has(key) {
                tests.push((f.key(key), test));
            }
        };
        let equals = f.optional("equals", "The same value; numbers compare by value.", DYNAMIC);
        put(f, "equals", equals.map(Test::Equals));
        let not = f.optional("not", "The inner predicate does not hold.", PREDICATE);
        put(f, "not", not.map(|inner| Test::Not(Box::new(inner))));
        let part = "A part of a text, an element of a list, or a key of a mapping.";
        let contains = f.optional("contains", part, DYNAMIC);
        put(f, "contains", contains.map(Test::Contains));
        let prefix = f.optional("starts_with", "The beginning of a text.", DYNAMIC);
        put(f, "starts_with", prefix.map(Test::StartsWith));
        let doc = "A regular expression that is found in the text (`^` and `$` anchor it).";
        let regex = f.optional("matches", doc, REGEX);
        put(f, "matches", regex.map(Test::Matches));
        let exists = f.optional("exists", "Whether there is a value at all; null is one.", BOOLEAN);
        put(f, "exists", exists.map(Test::Exists));
        for (key, doc, make) in ORDERED {
            let bound = f.optional(key, doc, DYNAMIC);
            put(f, key, bound.map(make));
        }
        let among = f.optional("in", "One of these values.", list(DYNAMIC));
        put(f, "in", among.map(Test::In));
        let doc = "The length of a text in characters, of a list or mapping in elements.";
        let length = f.optional("length", doc, PREDICATE);
        put(f, "length", length.map(|inner| Test::Length(Box::new(inner))));
        let kind = f.optional("type", "The JSON type.", word(TYPES));
        put(f, "type", kind.map(Test::Type));
        tests.sort_by_key(|(span, _)| *span);
        tests.into_iter().map(|(_, test)| test).collect::<Option<Vec<Test>>>().map(Tests)
    }
}

/// A comparison: its key, its sentence, and how it is made of its operand.
type Comparison = (&'static str, &'static str, fn(Dynamic) -> Test);

const ORDERED: [Comparison; 4] = [
    ("gt", "More than this number (or later in the alphabet than this text).", Test::Gt),
    ("gte", "At least this.", Test::Gte),
    ("lt", "Less than this.", Test::Lt),
    ("lte", "At most this.", Test::Lte),
];

const TYPES: &[(&str, &str)] = &[
    ("null", "null"),
    ("boolean", "boolean"),
    ("number", "number"),
    ("string", "string"),
    ("array", "array"),
    ("object", "object"),
];

/// A regular expression, compiled within [`REGEX_MAX`].
pub(super) struct RegexForm;
/// The form [`RegexForm`].
pub(super) const REGEX: RegexForm = RegexForm;

impl Form for RegexForm {
    type Value = regex::Regex;

    fn read(&self, node: &Node, reading: &mut Reading<'_>) -> Option<regex::Regex> {
        let text = plain_text(node, reading)?;
        let span = reading.head(node.span);
        reading.regexes += 1;
        if reading.regexes > REGEXES_MAX {
            let what = format!("a scenario has at most {REGEXES_MAX} regular expressions");
            reading.error(Diagnostic::new(what, span));
            return None;
        }
        let built = regex::RegexBuilder::new(&text).size_limit(REGEX_MAX).build();
        match built {
            Ok(regex) => Some(regex),
            Err(regex::Error::CompiledTooBig(_)) => {
                let what = "this regular expression takes too much memory";
                let help = "large repetitions such as `{1000}` multiply; make them smaller";
                reading.error(Diagnostic::new(what, span).help(help));
                None
            }
            Err(error) => {
                let told = error.to_string();
                let why = told.lines().last().unwrap_or_default().trim();
                let why = shortened(why.strip_prefix("error: ").unwrap_or(why));
                let what = "this is not a regular expression";
                reading.error(Diagnostic::new(what, span).label(why));
                None
            }
        }
    }

    fn shape(&self, _: &mut Book) -> Shape {
        let schema = json!({ "type": ["string", "number", "boolean"], "format": "regex" });
        Shape::new(schema, "regular expression")
    }
}

/// Tests of a length of time: operands are durations and become numbers of microseconds.
pub(super) struct DurationPredicateForm;
/// The form [`DurationPredicateForm`].
pub(super) const DURATION_PREDICATE: DurationPredicateForm = DurationPredicateForm;

const DURATION_ENTRY: Entry = Entry {
    name: "duration predicate",
    doc: "Tests of how long something took, with [durations](#duration) as operands.",
    example: "expect: { took: { gte: 100ms, lt: 150ms } }",
};

impl Form for DurationPredicateForm {
    type Value = Predicate;

    fn read(&self, node: &Node, reading: &mut Reading<'_>) -> Option<Predicate> {
        let span = reading.head(node.span);
        if node.entries().is_none() {
            let tests = vec![Test::Equals(MICROSECONDS.read(node, reading)?)];
            return Some(Predicate { tests, span });
        }
        let DurationTests(tests) = record::<DurationTests>().read(node, reading)?;
        if tests.is_empty() {
            reading.error(Diagnostic::new("this mapping holds no test", span));
            return None;
        }
        Some(Predicate { tests, span })
    }

    fn shape(&self, book: &mut Book) -> Shape {
        book.plain(DURATION_ENTRY, |book| {
            let tests = book.record::<DurationTests>().schema;
            let bare = DURATION.shape(book).schema;
            json!({ "anyOf": [tests, bare] })
        })
    }
}

struct DurationTests(Vec<Test>);

impl Record for DurationTests {
    const ENTRY: Entry = Entry {
        name: "duration tests",
        doc: "The tests of a [duration predicate](#duration-predicate).",
        example: "",
    };

    fn fields(f: &mut Fields<'_, '_>) -> Option<DurationTests> {
        let mut tests = Vec::new();
        for (key, doc, make) in [
            ("gt", "Longer than this.", Test::Gt as fn(Dynamic) -> Test),
            ("gte", "At least this long.", Test::Gte),
            ("lt", "Shorter than this.", Test::Lt),
            ("lte", "At most this long.", Test::Lte),
            ("equals", "Exactly this long.", Test::Equals),
        ] {
            tests.extend(f.optional(key, doc, MICROSECONDS).map(make));
        }
        let doc = "Whether it was measured at all.";
        tests.extend(f.optional("exists", doc, BOOLEAN).map(Test::Exists));
        Some(DurationTests(tests))
    }
}

/// A duration as a number of microseconds.
struct MicrosecondsForm;
const MICROSECONDS: MicrosecondsForm = MicrosecondsForm;

impl Form for MicrosecondsForm {
    type Value = Dynamic;

    fn read(&self, node: &Node, reading: &mut Reading<'_>) -> Option<Dynamic> {
        let duration = DURATION.read(node, reading)?;
        let kind = DynamicKind::Scalar(micros(duration));
        Some(Dynamic { kind, span: reading.head(node.span) })
    }

    fn shape(&self, book: &mut Book) -> Shape {
        DURATION.shape(book)
    }
}

/// Whole microseconds as an integer, others as a float.
fn micros(duration: Duration) -> Value {
    let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    if nanos.is_multiple_of(1000) {
        return Value::from(nanos / 1000);
    }
    #[expect(clippy::cast_precision_loss, reason = "a year of nanoseconds fits 55 bits")]
    let micros = nanos as f64 / 1000.0;
    Value::from(micros)
}

/// `expect:` or `when:`: fields and what must hold of them.
pub(super) struct ExpectationsForm(pub(super) &'static FieldSet);

impl Form for ExpectationsForm {
    type Value = Vec<Expectation>;

    fn read(&self, node: &Node, reading: &mut Reading<'_>) -> Option<Vec<Expectation>> {
        let Some(entries) = node.entries() else {
            return reading.expected("a mapping of fields to what is expected", node);
        };
        let mut out = node.refused().is_empty().then(Vec::new);
        for (key, value) in entries {
            let field = match self.0.parse(&key.value, bare(key, reading)) {
                Ok(field) => Some(Located::new(field, key.span)),
                Err(error) => {
                    reading.error(error);
                    None
                }
            };
            let predicate = if key.value == "took" {
                DURATION_PREDICATE.read(value, reading)
            } else {
                PREDICATE.read(value, reading)
            };
            match (field, predicate, &mut out) {
                (Some(field), Some(predicate), Some(read)) => {
                    read.push(Expectation { field, predicate });
                }
                _ => out = None,
            }
        }
        out
    }

    fn shape(&self, book: &mut Book) -> Shape {
        let address = fields_chapter(book);
        let any = PREDICATE.shape(book);
        let mut schema = json!({
            "type": "object",
            "propertyNames": { "pattern": self.0.pattern() },
            "additionalProperties": any.schema,
        });
        if self.0.words.iter().any(|(word, _)| *word == "took") {
            schema["properties"] = json!({ "took": DURATION_PREDICATE.shape(book).schema });
        }
        let label = format!("mapping of [fields]({address}) to [predicates](#predicate)");
        Shape::new(schema, label)
    }
}

/// The place of a key's text without its quotes, so that parts of it can be pointed at.
fn bare(key: &Located<String>, reading: &Reading<'_>) -> Span {
    let quoted = (key.span.end - key.span.start) as usize == key.value.len() + 2;
    if quoted { key.span.part(1, key.value.len() + 1) } else { reading.head(key.span) }
}

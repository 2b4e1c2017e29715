//! `draw:` and `choose:`, what clients leave to chance.

use serde_json::json;

use super::super::form::{
    Book, DYNAMIC, Entry, Fields, Form, Keys, Reading, Record, Select, Shape, Variant, Variants,
    decimal, integer, list, pairs, record, variants,
};
use super::super::model::{Action, Alternative, Draw, DynamicKind, Step, TextPart};
use super::super::tree::{Content, Node};
use super::step::{Common, steps};
use crate::base::{Diagnostic, Located};

/// The largest bound of a drawn number with a fraction.
const FLOAT_MAX: f64 = 1e300;

/// The greatest weight of an alternative.
const WEIGHT_MAX: u32 = 1_000_000;

pub(super) fn draw(f: &mut Fields<'_, '_>, key: &'static str) -> Option<Step> {
    let doc = "The variables, and what each is drawn from.";
    let vars = f.required(key, doc, pairs(Keys::Names, DrawForm));
    let common = Common::plain(f);
    common.step(Action::Draw(vars?), f.entry(key))
}

pub(super) fn choose(f: &mut Fields<'_, '_>, key: &'static str) -> Option<Step> {
    let alternatives = f.required(key, "The alternatives.", list(record::<Alternative>()));
    let common = Common::plain(f);
    let alternatives = alternatives?;
    if alternatives.is_empty() {
        let error = Diagnostic::new("there is nothing to choose from", f.value(key));
        f.error(error.help("as in `choose: [{ weight: 3, steps: [...] }, { steps: [...] }]`"));
        return None;
    }
    common.step(Action::Choose(alternatives), f.entry(key))
}

impl Record for Alternative {
    const ENTRY: Entry = Entry {
        name: "alternative",
        doc: "One of the lists of steps of a `choose`.",
        example: "- choose:\n    - weight: 3\n      steps: [{ get: app/items/1 }]\n    \
                  - steps: [{ delete: app/items/1 }]",
    };

    fn fields(f: &mut Fields<'_, '_>) -> Option<Alternative> {
        let doc = "How likely it is: as its part of the sum of all weights.";
        let weight = f.or("weight", doc, integer(1..=WEIGHT_MAX), "1", 1);
        let steps = f.required("steps", "What is done.", steps());
        Some(Alternative { span: f.lead(), weight, steps: steps? })
    }
}

/// What a variable is drawn from: a list, `unique`, or a mapping of one of the kinds of [`Draw`].
struct DrawForm;

const ENTRY: Entry = Entry {
    name: "draw",
    doc: "What a variable is drawn from: a list (or a `${x}` that holds one), of which each value is \
          as likely as the others; [numbers](#range); or `unique`, a whole number that no other draw \
          of the run returns: 1, 2, 3 and so on.",
    example: "draw: { key: [x, y, z], value: { int: [0, 4] }, share: { float: [0, 1] }, id: unique }",
};

impl Form for DrawForm {
    type Value = Draw;

    fn read(&self, node: &Node, reading: &mut Reading<'_>) -> Option<Draw> {
        if node.entries().is_some() {
            return variants::<Draw>().read(node, reading);
        }
        if node.string() == Some("unique") {
            return Some(Draw::Unique);
        }
        let is_var = |parts: &[TextPart]| matches!(parts, [TextPart::Var(_)]);
        let may_be_list = match node.content() {
            Content::Sequence(items) if items.is_empty() => {
                let error = Diagnostic::new("an empty list has nothing to draw", node.span);
                reading.error(error);
                return None;
            }
            Content::Sequence(_) => true,
            _ => node.string().is_some_and(|text| text.contains("${")),
        };
        let value = if may_be_list { Some(DYNAMIC.read(node, reading)?) } else { None };
        match value {
            Some(list) if matches!(&list.kind, DynamicKind::Array(_)) => Some(Draw::One(list)),
            Some(list) if matches!(&list.kind, DynamicKind::Text(text) if is_var(&text.parts)) => {
                Some(Draw::One(list))
            }
            _ => {
                reading.expected("a list, `{ int: [0, 4] }`, `{ float: [0, 1] }` or `unique`", node)
            }
        }
    }

    fn shape(&self, book: &mut Book) -> Shape {
        book.plain(ENTRY, |book| {
            let items = DYNAMIC.shape(book).schema;
            let numbers = book.variants::<Draw>().schema;
            json!({ "anyOf": [
                { "type": "array", "items": items, "minItems": 1 },
                { "const": "unique" },
                { "type": "string", "pattern": "^\\$\\{[^}]+\\}$" },
                numbers,
            ] })
        })
    }
}

impl Variants for Draw {
    const ENTRY: Entry = Entry { name: "range", doc: "Numbers to draw from.", example: "" };
    const SELECT: Select = Select::Key;

    fn variants() -> &'static [Variant<Draw>] {
        &[
            Variant {
                keys: &["int"],
                last: false,
                entry: Entry {
                    name: "range of whole numbers",
                    doc: "Whole numbers, each as likely as the others.",
                    example: "draw: { value: { int: [0, 4] } }",
                },
                fields: int,
            },
            Variant {
                keys: &["float"],
                last: false,
                entry: Entry {
                    name: "range of numbers",
                    doc: "Numbers with a fraction, evenly.",
                    example: "draw: { share: { float: [0, 1] } }",
                },
                fields: float,
            },
        ]
    }
}

fn int(f: &mut Fields<'_, '_>, key: &'static str) -> Option<Draw> {
    let doc = "The least and the greatest; both may be drawn.";
    let [min, max] = f.required(key, doc, Pair(integer(i64::MIN..=i64::MAX)))?;
    if min.value > max.value {
        let what = format!("{} is less than {}", max.value, min.value);
        f.error(Diagnostic::new(what, max.span).help(WRONG_WAY));
        return None;
    }
    Some(Draw::Int { min: min.value, max: max.value })
}

fn float(f: &mut Fields<'_, '_>, key: &'static str) -> Option<Draw> {
    let doc = "The least, and what is more than all.";
    let [min, max] = f.required(key, doc, Pair(decimal(-FLOAT_MAX..=FLOAT_MAX)))?;
    if min.value >= max.value {
        let what = format!("{} is not more than {}", max.value, min.value);
        f.error(Diagnostic::new(what, max.span).help(WRONG_WAY));
        return None;
    }
    Some(Draw::Float { min: min.value, max: max.value })
}

const WRONG_WAY: &str = "the lower end stands first, as in `[0, 4]`";

/// A list of two.
struct Pair<F>(F);

impl<F: Form> Form for Pair<F> {
    type Value = [Located<F::Value>; 2];

    fn read(&self, node: &Node, reading: &mut Reading<'_>) -> Option<Self::Value> {
        let Content::Sequence(items) = node.content() else {
            return reading.expected("a lower and an upper end, such as `[0, 4]`", node);
        };
        let [low, high] = items.as_slice() else {
            let what = match items.len() {
                1 => "expected a lower and an upper end, got one number".to_owned(),
                count => format!("expected a lower and an upper end, got a list of {count}"),
            };
            let error = Diagnostic::new(what, reading.head(node.span));
            reading.error(error.help("as in `[0, 4]`"));
            return None;
        };
        let mut end = |node: &Node| {
            let value = self.0.read(node, reading)?;
            Some(Located::new(value, reading.head(node.span)))
        };
        let (low, high) = (end(low), end(high));
        Some([low?, high?])
    }

    fn shape(&self, book: &mut Book) -> Shape {
        let inner = self.0.shape(book).schema;
        let schema = json!({ "type": "array", "items": inner, "minItems": 2, "maxItems": 2 });
        Shape::new(schema, "list of two: from, to")
    }
}

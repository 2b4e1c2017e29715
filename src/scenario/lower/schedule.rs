//! `schedule:` and `expected:`, what makes a scenario a repro.

use super::super::form::{
    Book, DURATION, Entry, Fields, Form, Keys, PROSE, Reading, Record, STRING, Shape, a, decimal,
    integer, kept, list, located, pairs, record,
};
use super::super::model::{ConnectDelay, Delay, Expected, REPRO_VERSION, Schedule};
use super::super::tree::Node;
use crate::base::Diagnostic;

impl Record for Schedule {
    const ENTRY: Entry = Entry {
        name: "schedule",
        doc: "Decisions in place of chance, for the virtual world: the seed decides nothing then. What is \
              not listed takes what is typical of it: a link's latency, or the middle of its uniform \
              distribution, the mean of a normal or exponential one, the median of a lognormal one. \
              `looplab explore` writes it, and anybody may.",
        example: "schedule:\n  delays:\n    - { from: alice, to: db, nth: 2, delay: 12ms }\n  draws:\n    \
                  client:alice/steps: [0.25, 0.5]",
    };

    fn fields(f: &mut Fields<'_, '_>) -> Option<Schedule> {
        let doc = "How long messages are under way.";
        let delays = f.optional("delays", doc, kept(record::<Delay>())).unwrap_or_default();
        let doc = "How long connecting takes.";
        let connects =
            f.optional("connects", doc, kept(record::<ConnectDelay>())).unwrap_or_default();
        let doc = "What is drawn, by stream (`server:db/delay`, `client:alice/steps`, `fault:NAME:LINK`): \
                   fractions, each standing for a draw, 0 for the least and 0.5 for the middle one. After \
                   the end of a list, 0.5.";
        let form = pairs(Keys::Any, list(decimal(0.0..=1.0)));
        let draws = f.optional("draws", doc, form).unwrap_or_default();
        Some(Schedule { span: f.lead(), delays, connects, draws })
    }
}

const FROM: &str = "The sender: a server, a client, or `client.2` of those that are several.";
const TO: &str = "The receiver.";

impl Record for Delay {
    const ENTRY: Entry = Entry {
        name: "listed delay",
        doc: "How long one message is under way. No message overtakes another of the same connection and \
              direction.",
        example: "schedule: { delays: [ { from: alice, to: db, nth: 2, delay: 12ms } ] }",
    };

    fn fields(f: &mut Fields<'_, '_>) -> Option<Delay> {
        let from = f.required("from", FROM, located(STRING));
        let to = f.required("to", TO, located(STRING));
        let doc = "Which of all messages from one to the other, over all their connections, requests and \
                   replies alike, in the order of sending.";
        let nth = f.required("nth", doc, located(integer(1..=u64::MAX)));
        let delay = f.required("delay", "How long it is under way; at most an hour.", DURATION);
        let delay = super::distribution::at_most_an_hour(f, "delay", delay);
        Some(Delay { from: from?, to: to?, nth: nth?, delay: delay? })
    }
}

impl Record for ConnectDelay {
    const ENTRY: Entry = Entry {
        name: "listed connect",
        doc: "How long connecting takes, in the two directions.",
        example: "schedule: { connects: [ { from: alice, to: db, nth: 1, there: 3ms } ] }",
    };

    fn fields(f: &mut Fields<'_, '_>) -> Option<ConnectDelay> {
        let from = f.required("from", "Who connects.", located(STRING));
        let to = f.required("to", "The server.", located(STRING));
        let doc = "Which of all attempts of one to connect to the other.";
        let nth = f.required("nth", doc, located(integer(1..=u64::MAX)));
        let there = f.optional("there", "How long the request is under way.", DURATION);
        let there = super::distribution::at_most_an_hour(f, "there", there);
        let back = f.optional("back", "How long the answer is under way.", DURATION);
        let back = super::distribution::at_most_an_hour(f, "back", back);
        f.at_least_one(&["there", "back"], "as in `there: 3ms`");
        Some(ConnectDelay { from: from?, to: to?, nth: nth?, there, back })
    }
}

impl Record for Expected {
    const ENTRY: Entry = Entry {
        name: "expected",
        doc: "What a repro shows whenever it is replayed. `looplab explore` writes it and `looplab replay` \
              compares with it; `looplab run` does not look at it.",
        example: "expected:\n  repro: 1\n  looplab: 0.1.0\n  fails: check 1 (never)\n  \
                  says: \"2 messages to db, expected none\"\n  messages: 14\n  digest: 6c62272e07bb0142",
    };

    fn fields(f: &mut Fields<'_, '_>) -> Option<Expected> {
        let doc = "The version of what stands here: `repro: 1`.";
        let version = f.required("repro", doc, integer(1..=REPRO_VERSION));
        let doc = "The version of looplab that wrote it.";
        let looplab = f.required("looplab", doc, PROSE);
        let fails = f.required("fails", "What fails: `check 1 (never)`.", PROSE);
        let doc = "The cause of the failure, by which those of different runs are compared.";
        let cause = f.optional("cause", doc, PROSE).unwrap_or_default();
        let says = f.required("says", "The sentence of the failure.", PROSE);
        let doc = "The numbers of the operations that contradict each other.";
        let operations =
            f.optional("operations", doc, list(integer(1..=u64::MAX))).unwrap_or_default();
        let messages =
            f.required("messages", "How many messages the run has.", integer(0..=u64::MAX));
        let doc = "Of all that happens, 64 bits in hexadecimal: FNV-1a over the lines of the trace, their \
                   places in the file left out.";
        let digest = f.required("digest", doc, PROSE);
        version?;
        Some(Expected {
            span: f.lead(),
            looplab: looplab?,
            fails: fails?,
            cause,
            says: says?,
            operations,
            messages: messages?,
            digest: digest?,
        })
    }
}

/// `expected:`; of one that a later version has written nothing is said but that.
pub(super) struct ExpectedForm;

impl Form for ExpectedForm {
    type Value = Expected;

    fn read(&self, node: &Node, reading: &mut Reading<'_>) -> Option<Expected> {
        if node.entries().is_none() {
            return reading.expected(&a(Expected::ENTRY.name), node);
        }
        let version = node.get("repro").and_then(|version| Some((version, version.scalar()?)));
        if let Some((place, scalar)) = version
            && let Some(number) = scalar.value.as_u64().filter(|number| *number > REPRO_VERSION)
        {
            let by = node.get("looplab").and_then(Node::scalar).map(|by| by.text.as_str());
            let by = by
                .map_or_else(|| "a later version of looplab".into(), |by| format!("looplab {by}"));
            let what = format!("this repro is written in version {number} of the form");
            let error = Diagnostic::new(what, reading.head(place.span))
                .label(format!("this program reads version {REPRO_VERSION}"));
            reading.error(error.help(format!("replay it with {by}, which wrote it")));
            return None;
        }
        record::<Expected>().read(node, reading)
    }

    fn shape(&self, book: &mut Book) -> Shape {
        record::<Expected>().shape(book)
    }
}

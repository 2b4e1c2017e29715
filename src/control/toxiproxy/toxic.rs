//! Toxics, and the faults that they are here.
//!
//! ```text
//! latency      latency                  timeout      blackhole, and closes what it touched when it goes
//! bandwidth    bandwidth, 1 KB = 1000 B reset_peer   reset: a real one, also of open and idle connections
//! slow_close   slow_close               slicer       slice
//! limit_data   limit                    noop         nothing
//! ```
//!
//! `upstream` is what a link calls request, `downstream` is response; toxicity is the probability that
//! a connection is met.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::decode::Fields;
use super::error::ApiError;
use crate::base::{Distribution, units};
use crate::plan::fault::{Choice, Harm, Nodes, Rule};

/// One toxic of a proxy.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Toxic {
    pub(super) name: String,
    kind: Kind,
    pub(super) stream: Stream,
    toxicity: f64,
    /// One for each of the kind's attributes.
    attributes: Vec<u64>,
}

/// Which way it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stream {
    Upstream,
    Downstream,
}

impl Stream {
    fn as_str(self) -> &'static str {
        match self {
            Stream::Upstream => "upstream",
            Stream::Downstream => "downstream",
        }
    }
}

/// The kinds of toxic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Latency,
    Bandwidth,
    SlowClose,
    Timeout,
    ResetPeer,
    Slicer,
    LimitData,
    Noop,
}

impl Kind {
    /// All kinds with their names and those of their attributes.
    const ALL: [(Kind, &'static str, &'static [&'static str]); 8] = [
        (Kind::Latency, "latency", &["latency", "jitter"]),
        (Kind::Bandwidth, "bandwidth", &["rate"]),
        (Kind::SlowClose, "slow_close", &["delay"]),
        (Kind::Timeout, "timeout", &["timeout"]),
        (Kind::ResetPeer, "reset_peer", &["timeout"]),
        (Kind::Slicer, "slicer", &["average_size", "size_variation", "delay"]),
        (Kind::LimitData, "limit_data", &["bytes"]),
        (Kind::Noop, "noop", &[]),
    ];

    fn named(name: &str) -> Option<Kind> {
        Kind::ALL.iter().find(|(_, known, _)| *known == name).map(|(kind, ..)| *kind)
    }

    fn as_str(self) -> &'static str {
        Kind::ALL.iter().find(|(kind, ..)| *kind == self).map_or("", |(_, name, _)| name)
    }

    fn attributes(self) -> &'static [&'static str] {
        Kind::ALL.iter().find(|(kind, ..)| *kind == self).map_or(&[], |(.., names)| names)
    }
}

/// The longest name, in bytes.
pub(super) const NAME_MAX: usize = 256;

impl Toxic {
    /// The toxic that a body asks for.
    pub(super) fn read(body: &Value) -> Result<Toxic, ApiError> {
        let fields = Fields::of(body, "the toxic")?;
        let kind = fields.text("type")?.unwrap_or_default();
        let stream = match fields.text("stream")?.as_deref() {
            None | Some("downstream") => Stream::Downstream,
            Some("upstream") => Stream::Upstream,
            Some(_) => return Err(ApiError::invalid_stream()),
        };
        let name = fields.text("name")?.filter(|name| !name.is_empty());
        let name = name.unwrap_or_else(|| format!("{kind}_{}", stream.as_str()));
        let kind = Kind::named(&kind).ok_or_else(ApiError::invalid_type)?;
        if name.len() > NAME_MAX {
            return Err(ApiError::bad_body(format!("a name has at most {NAME_MAX} bytes")));
        }
        let mut toxic = Toxic {
            name,
            kind,
            stream,
            toxicity: 1.0,
            attributes: vec![0; kind.attributes().len()],
        };
        toxic.update(fields)?;
        Ok(toxic)
    }

    /// The same with the attributes and the toxicity that a body has; whatever else it has is passed
    /// over.
    pub(super) fn updated(&self, body: &Value) -> Result<Toxic, ApiError> {
        let mut toxic = self.clone();
        toxic.update(Fields::of(body, "the toxic")?)?;
        Ok(toxic)
    }

    fn update(&mut self, fields: Fields<'_>) -> Result<(), ApiError> {
        if let Some(toxicity) = fields.number("toxicity")? {
            self.toxicity = toxicity;
        }
        if let Some(attributes) = fields.get("attributes") {
            let attributes = Fields::of(attributes, "attributes")?;
            for (value, name) in self.attributes.iter_mut().zip(self.kind.attributes()) {
                if let Some(given) = attributes.whole(name)? {
                    *value = given;
                }
            }
        }
        Ok(())
    }

    /// As it is told.
    pub(super) fn json(&self) -> Value {
        let names = self.kind.attributes().iter().map(|name| (*name).to_owned());
        let values = self.attributes.iter().map(|value| Value::from(*value));
        let attributes: Map<String, Value> = names.zip(values).collect();
        json!({
            "attributes": attributes,
            "name": self.name,
            "type": self.kind.as_str(),
            "stream": self.stream.as_str(),
            "toxicity": self.toxicity,
        })
    }

    /// True if the connections that it meets are closed when it goes: what they have lost cannot come any more.
    pub(super) fn closes_when_removed(&self) -> bool {
        self.kind == Kind::Timeout
    }

    /// What it does to connections of `from` to `to`; `None` if it does nothing.
    pub(super) fn rule(&self, from: &Nodes, to: &Nodes) -> Option<Rule> {
        let choice = Choice {
            probability: (self.toxicity < 1.0).then_some(self.toxicity.max(0.0)),
            ..Choice::default()
        };
        Some(Rule {
            from: from.clone(),
            to: to.clone(),
            request: self.stream == Stream::Upstream,
            response: self.stream == Stream::Downstream,
            choice,
            ..Rule::new(self.harm()?)
        })
    }

    fn harm(&self) -> Option<Harm> {
        let millis = |index| Duration::from_millis(self.attribute(index));
        let small = |index| u32::try_from(self.attribute(index)).unwrap_or(u32::MAX);
        Some(match self.kind {
            Kind::Latency => {
                Harm::Latency { by: Distribution::Constant(millis(0)), jitter: millis(1) }
            }
            Kind::Bandwidth => {
                // A rate that a float does not hold to the byte is beyond any network.
                #[expect(clippy::cast_precision_loss, reason = "see above")]
                let bytes_per_s = self.attribute(0) as f64 * 1000.0;
                Harm::Bandwidth { bytes_per_s }
            }
            Kind::SlowClose => Harm::SlowClose { by: millis(0) },
            Kind::Timeout => {
                let close_after = (self.attribute(0) > 0).then(|| millis(0));
                Harm::Blackhole { close_after }
            }
            Kind::ResetPeer => Harm::Reset { after: millis(0) },
            // Without a size nothing is cut.
            Kind::Slicer if self.attribute(0) == 0 => return None,
            Kind::Slicer => Harm::Slice {
                size: small(0),
                variation: small(1).min(small(0) - 1),
                delay: Duration::from_micros(self.attribute(2)),
            },
            Kind::LimitData => Harm::Limit { bytes: self.attribute(0) },
            Kind::Noop => return None,
        })
    }

    fn attribute(&self, index: usize) -> u64 {
        self.attributes.get(index).copied().unwrap_or_default()
    }

    /// What it does, in the language of scenarios, but for whom it meets.
    pub(super) fn text(&self) -> String {
        let show = |duration| units::show_duration(duration);
        let millis = |index| show(Duration::from_millis(self.attribute(index)));
        let mut text = match self.kind {
            Kind::Latency if self.attribute(1) == 0 => format!("latency: {}", millis(0)),
            Kind::Latency => format!("latency: {}, jitter: {}", millis(0), millis(1)),
            Kind::Bandwidth => format!("bandwidth: {}KB/s", self.attribute(0)),
            Kind::SlowClose => format!("slow_close: {}", millis(0)),
            Kind::Timeout if self.attribute(0) == 0 => "blackhole: true".to_owned(),
            Kind::Timeout => format!("blackhole: {{ close_after: {} }}", millis(0)),
            Kind::ResetPeer => format!("reset: {}", millis(0)),
            Kind::Slicer => format!(
                "slice: {{ size: {}, variation: {}, delay: {} }}",
                self.attribute(0),
                self.attribute(1),
                show(Duration::from_micros(self.attribute(2)))
            ),
            Kind::LimitData => format!("limit: {}B", self.attribute(0)),
            Kind::Noop => "noop".to_owned(),
        };
        let direction = match self.stream {
            Stream::Upstream => "request",
            Stream::Downstream => "response",
        };
        text.push_str(&format!(", direction: {direction}"));
        if self.toxicity < 1.0 {
            text.push_str(&format!(", probability: {}", self.toxicity.max(0.0)));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fault::Unit;

    #[test]
    fn every_kind_has_its_attributes_and_defaults() {
        for (kind, name, attributes) in Kind::ALL {
            let toxic = Toxic::read(&json!({ "type": name })).unwrap();
            let told = toxic.json();
            assert_eq!(told["name"], format!("{name}_downstream"));
            assert_eq!((&told["stream"], &told["toxicity"]), (&json!("downstream"), &json!(1.0)));
            let told: Vec<&String> = told["attributes"].as_object().unwrap().keys().collect();
            assert_eq!(told, attributes, "{name}");
            let does_nothing = matches!(kind, Kind::Noop | Kind::Slicer);
            assert_eq!(toxic.harm().is_none(), does_nothing, "{name}");
        }
    }

    #[test]
    fn a_toxic_that_is_none_is_refused() {
        assert_eq!(Toxic::read(&json!({ "type": "lag" })), Err(ApiError::invalid_type()));
        assert_eq!(Toxic::read(&json!({})), Err(ApiError::invalid_type()));
        let body = json!({ "type": "latency", "stream": "sideways" });
        assert_eq!(Toxic::read(&body), Err(ApiError::invalid_stream()));
        for body in [
            json!([]),
            json!({ "type": "latency", "attributes": { "latency": "fast" } }),
            json!({ "type": "latency", "attributes": { "latency": -1 } }),
            json!({ "type": "latency", "attributes": 1 }),
            json!({ "type": "latency", "toxicity": "all" }),
            json!({ "type": 1 }),
        ] {
            let error = Toxic::read(&body).unwrap_err();
            assert!(error.text.starts_with("bad request body: "), "{body}: {}", error.text);
        }
    }

    #[test]
    fn an_update_merges_attributes_and_passes_over_the_rest() {
        let toxic = Toxic::read(
            &json!({ "type": "latency", "attributes": { "latency": 100, "jitter": 5 } }),
        );
        let body = json!({ "name": "x", "type": "noop", "stream": "upstream", "toxicity": 0.5, "attributes": { "latency": 7 } });
        let told = toxic.unwrap().updated(&body).unwrap().json();
        assert_eq!(
            told,
            json!({ "attributes": { "latency": 7, "jitter": 5 }, "name": "latency_downstream",
                "type": "latency", "stream": "downstream", "toxicity": 0.5 })
        );
    }

    #[test]
    fn a_kilobyte_is_a_thousand_bytes_and_a_slice_never_empty() {
        let bandwidth =
            Toxic::read(&json!({ "type": "bandwidth", "attributes": { "rate": 8 } })).unwrap();
        assert!(matches!(bandwidth.harm(), Some(Harm::Bandwidth { bytes_per_s: 8000.0 })));
        let body = json!({ "type": "slicer", "attributes": { "average_size": 4, "size_variation": 9, "delay": 10 } });
        let Some(Harm::Slice { size: 4, variation: 3, delay }) = Toxic::read(&body).unwrap().harm()
        else {
            panic!("a slicer slices")
        };
        assert_eq!(delay, Duration::from_micros(10));
    }

    #[test]
    fn streams_are_directions_and_toxicity_is_a_probability() {
        let body = json!({ "type": "latency", "stream": "upstream", "toxicity": 0.25 });
        let toxic = Toxic::read(&body).unwrap();
        let rule = toxic.rule(&Nodes::default(), &Nodes::default()).unwrap();
        assert!(rule.request && !rule.response && rule.unit == Unit::Connection);
        assert_eq!(rule.choice.probability, Some(0.25));
        assert_eq!(toxic.text(), "latency: 0, direction: request, probability: 0.25");
    }
}

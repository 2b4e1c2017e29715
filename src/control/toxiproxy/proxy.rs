//! One proxy: a link of the run, or a port that a client of the API asked for.
//!
//! ```text
//! Link  (from, to) of the run:  toxics are faults there; disabled: its ports are closed, all connections reset
//! Port  a node of its own:      toxics are faults on the way to it; disabled: the port is closed
//! ```

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::address;
use super::error::ApiError;
use super::toxic::Toxic;
use crate::base::NodeId;
use crate::link::Front;
use crate::plan::fault::{Act, Fault, FaultKind, Harm, Nodes, Rule};
use crate::run::Control;

/// The most toxics of a proxy.
const TOXICS_MAX: usize = 1_000;

/// One proxy.
pub(super) struct Proxy {
    pub(super) name: String,
    pub(super) listen: String,
    pub(super) upstream: String,
    pub(super) enabled: bool,
    toxics: Vec<Toxic>,
    stands: Stands,
}

/// What it stands on.
enum Stands {
    /// The way of these to those.
    Link { from: Option<NodeId>, to: NodeId },
    /// A port of its own, open while it is enabled.
    Port { node: NodeId, front: Option<Front> },
}

impl Proxy {
    /// A link of the run. It is enabled: it has been there from the start.
    pub(super) fn link(
        name: String,
        listen: SocketAddr,
        upstream: SocketAddr,
        way: (Option<NodeId>, NodeId),
    ) -> Proxy {
        let stands = Stands::Link { from: way.0, to: way.1 };
        let (listen, upstream) = (listen.to_string(), upstream.to_string());
        Proxy { name, listen, upstream, enabled: true, toxics: Vec::new(), stands }
    }

    /// A port to be opened, for `node`.
    pub(super) fn port(name: String, listen: String, upstream: String, node: NodeId) -> Proxy {
        let stands = Stands::Port { node, front: None };
        Proxy { name, listen, upstream, enabled: false, toxics: Vec::new(), stands }
    }

    /// As it is told.
    pub(super) fn json(&self) -> Value {
        json!({
            "name": self.name,
            "listen": self.listen,
            "upstream": self.upstream,
            "enabled": self.enabled,
            "Logger": {},
            "toxics": self.toxics_json(),
        })
    }

    /// Its toxics: those upstream, then those downstream, as they were made.
    pub(super) fn toxics_json(&self) -> Value {
        let mut toxics: Vec<&Toxic> = self.toxics.iter().collect();
        toxics.sort_by_key(|toxic| toxic.stream);
        toxics.into_iter().map(Toxic::json).collect()
    }

    /// True if it listens and leads where these say.
    pub(super) fn is_at(&self, listen: &str, upstream: &str) -> bool {
        address::same(&self.listen, listen) && address::same(&self.upstream, upstream)
    }

    /// True if it stands on a link of the run.
    pub(super) fn is_link(&self) -> bool {
        matches!(self.stands, Stands::Link { .. })
    }

    /// Opens it. Nothing happens if it is open.
    pub(super) fn enable(&mut self, control: &Control) -> Result<(), ApiError> {
        if self.enabled {
            return Ok(());
        }
        match &mut self.stands {
            Stands::Link { from, to } => {
                let unbarred = control.unbar(*from, *to);
                unbarred.map_err(|error| ApiError::listen(&self.listen, &error))?;
                for (suffix, _) in CLOSED {
                    let _ = control.remove_fault(&closed_name(&self.name, suffix));
                }
            }
            Stands::Port { node, front } => {
                let port = address::listen(&self.listen)?;
                let upstream = address::upstream(&self.upstream)?;
                let opened = control
                    .open(*node, port, upstream)
                    .map_err(|error| ApiError::listen(&self.listen, &error))?;
                self.listen = opened.address().to_string();
                *front = Some(opened);
            }
        }
        self.enabled = true;
        Ok(())
    }

    /// Listens and leads elsewhere from now on, and is open or closed there. If that cannot be, it stays where
    /// and as it is, but for its connections.
    pub(super) fn go_to(
        &mut self,
        control: &Control,
        listen: String,
        upstream: String,
        enabled: bool,
    ) -> Result<(), ApiError> {
        address::listen(&listen)?;
        address::upstream(&upstream)?;
        let was_enabled = self.enabled;
        self.disable(control);
        let listened = std::mem::replace(&mut self.listen, listen);
        let led = std::mem::replace(&mut self.upstream, upstream);
        if !enabled {
            return Ok(());
        }
        self.enable(control).inspect_err(|_| {
            (self.listen, self.upstream) = (listened, led);
            if was_enabled {
                let _ = self.enable(control);
            }
        })
    }

    /// Closes it, and all its connections. Nothing happens if it is closed.
    pub(super) fn disable(&mut self, control: &Control) {
        if !std::mem::take(&mut self.enabled) {
            return;
        }
        let (from_nodes, to_nodes) = self.way();
        match &mut self.stands {
            Stands::Link { from, to } => {
                control.bar(*from, *to);
                for (suffix, harm) in CLOSED {
                    let rule = Rule {
                        from: from_nodes.clone(),
                        to: to_nodes.clone(),
                        response: true,
                        ..Rule::new(harm)
                    };
                    let text = format!("{suffix}: true");
                    start(control, closed_name(&self.name, suffix), &text, rule);
                }
            }
            Stands::Port { front, .. } => *front = None,
        }
    }

    /// Takes everything away that it has done.
    pub(super) fn clear(&mut self, control: &Control) {
        self.remove_toxics(control);
        match self.stands {
            // What it stands on is the run's, which goes on.
            Stands::Link { .. } => {
                let _ = self.enable(control);
            }
            Stands::Port { .. } => self.disable(control),
        }
    }

    // ---- toxics -------------------------------------------------------------------------------

    pub(super) fn toxic(&self, name: &str) -> Result<&Toxic, ApiError> {
        self.toxics.iter().find(|toxic| toxic.name == name).ok_or_else(ApiError::no_toxic)
    }

    /// Lets a toxic loose.
    pub(super) fn add_toxic(&mut self, control: &Control, toxic: Toxic) -> Result<(), ApiError> {
        if self.toxic(&toxic.name).is_ok() {
            return Err(ApiError::toxic_exists());
        }
        if self.toxics.len() >= TOXICS_MAX {
            return Err(ApiError::other(format!("a proxy has at most {TOXICS_MAX} toxics")));
        }
        self.let_loose(control, &toxic);
        self.toxics.push(toxic);
        Ok(())
    }

    /// Puts another in the place of a toxic of the same name.
    pub(super) fn change_toxic(&mut self, control: &Control, toxic: Toxic) {
        if let Some(index) = self.toxics.iter().position(|one| one.name == toxic.name) {
            self.let_loose(control, &toxic);
            self.toxics[index] = toxic;
        }
    }

    pub(super) fn remove_toxic(&mut self, control: &Control, name: &str) -> Result<(), ApiError> {
        let index = self.toxics.iter().position(|toxic| toxic.name == name);
        let toxic = self.toxics.remove(index.ok_or_else(ApiError::no_toxic)?);
        self.end(control, &toxic);
        Ok(())
    }

    pub(super) fn remove_toxics(&mut self, control: &Control) {
        for toxic in std::mem::take(&mut self.toxics) {
            self.end(control, &toxic);
        }
    }

    /// Takes the toxics from another proxy, which has them no more.
    pub(super) fn take_toxics(&mut self, control: &Control, mut from: Proxy) {
        let toxics = std::mem::take(&mut from.toxics);
        for toxic in &toxics {
            from.end(control, toxic);
            self.let_loose(control, toxic);
        }
        self.toxics = toxics;
        from.clear(control);
    }

    fn let_loose(&self, control: &Control, toxic: &Toxic) {
        let (from, to) = self.way();
        match toxic.rule(&from, &to) {
            Some(rule) => {
                start(control, fault_name(&self.name, &toxic.name), &toxic.text(), rule);
            }
            // What it was before it was changed is over.
            None => self.end(control, toxic),
        }
    }

    fn end(&self, control: &Control, toxic: &Toxic) {
        let name = fault_name(&self.name, &toxic.name);
        if toxic.closes_when_removed() {
            control.close_met(&name);
        }
        let _ = control.remove_fault(&name);
    }

    /// Whose connections its toxics meet.
    fn way(&self) -> (Nodes, Nodes) {
        match &self.stands {
            Stands::Link { from, to } => (Nodes(from.iter().copied().collect()), Nodes(vec![*to])),
            Stands::Port { node, .. } => (Nodes::default(), Nodes(vec![*node])),
        }
    }
}

/// What closes a link of the run besides its ports: its servers connect no more within looplab, either, and
/// those who are connected are reset.
const CLOSED: [(&str, Harm); 2] =
    [("refuse", Harm::Refuse), ("reset", Harm::Reset { after: std::time::Duration::ZERO })];

/// What a toxic's fault is called in the trace.
fn fault_name(proxy: &str, toxic: &str) -> String {
    format!("{proxy}/{toxic}")
}

/// What the faults are called that close a link of the run.
fn closed_name(proxy: &str, verb: &str) -> String {
    format!("{proxy}.{verb}")
}

fn start(control: &Control, name: String, text: &str, rule: Rule) {
    let names = |nodes: &Nodes| {
        let names: Vec<String> = nodes.0.iter().map(|node| control.node_name(*node)).collect();
        names.join(", ")
    };
    let mut text = format!("{{ {text}");
    if !rule.from.0.is_empty() {
        text.push_str(&format!(", from: {}", names(&rule.from)));
    }
    text.push_str(&format!(", to: {} }}", names(&rule.to)));
    let kind = FaultKind::Link(std::sync::Arc::new(rule));
    let fault = Fault { name, span: None, text, kind, lasts: None };
    control.act(&Act::Start(std::sync::Arc::new(fault)));
}

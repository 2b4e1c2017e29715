//! All proxies of a run, and what clients of the API do to them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::decode::{Fields, first};
use super::error::ApiError;
use super::proxy::Proxy;
use super::toxic::{NAME_MAX, Toxic};
use crate::base::NodeId;
use crate::run::Control;

/// The most proxies.
const PROXIES_MAX: usize = 10_000;

/// All proxies, by name.
pub(super) struct Proxies {
    control: Control,
    by_name: BTreeMap<String, Proxy>,
    /// The nodes of proxies that clients made, now or before: one that is made again is the same node.
    nodes: BTreeMap<String, NodeId>,
}

/// A proxy that a body asks for.
struct Wanted {
    name: String,
    listen: String,
    upstream: String,
    enabled: bool,
    toxics: Option<Vec<Toxic>>,
}

/// A populate that went wrong: why, and what was done until then.
pub(super) struct Half {
    pub(super) error: ApiError,
    pub(super) proxies: Value,
}

impl Proxies {
    /// The links of a run: one proxy for each server, and one for each pair of servers that is declared.
    pub(super) fn of(control: Control) -> Proxies {
        let mut by_name = BTreeMap::new();
        let plan = control.plan();
        // Those from outside come first, so that each of them is called as its server is.
        for link in control.links() {
            let to = plan.node_name(link.to);
            let is_outside = link.from == NodeId::OUTSIDE;
            // An arrow would have to be escaped in a URL, and not every client does.
            let mut name = match is_outside {
                true => to.to_owned(),
                false => format!("{}-{to}", plan.node_name(link.from)),
            };
            while by_name.contains_key(&name) {
                name.push('_');
            }
            let way = ((!is_outside).then_some(link.from), link.to);
            by_name.insert(name.clone(), Proxy::link(name, link.listen, link.upstream, way));
        }
        Proxies { control, by_name, nodes: BTreeMap::new() }
    }

    /// All, by name.
    pub(super) fn json(&self) -> Value {
        self.by_name.iter().map(|(name, proxy)| (name.clone(), proxy.json())).collect()
    }

    pub(super) fn get(&self, name: &str) -> Result<&Proxy, ApiError> {
        self.by_name.get(name).ok_or_else(ApiError::no_proxy)
    }

    fn get_mut(&mut self, name: &str) -> Result<(&mut Proxy, &Control), ApiError> {
        let proxy = self.by_name.get_mut(name).ok_or_else(ApiError::no_proxy)?;
        Ok((proxy, &self.control))
    }

    /// Makes a proxy.
    pub(super) fn create(&mut self, body: &[u8]) -> Result<Value, ApiError> {
        let body = first(body)?;
        let wanted = Wanted::read(&body, "")?;
        if self.by_name.contains_key(&wanted.name) {
            return Err(ApiError::proxy_exists());
        }
        // A list of toxics here is passed over; it is `populate` that takes them.
        self.make(Wanted { toxics: None, ..wanted })
    }

    /// Makes a proxy whose name is free.
    fn make(&mut self, wanted: Wanted) -> Result<Value, ApiError> {
        if self.by_name.len() >= PROXIES_MAX {
            return Err(ApiError::other(format!("there are {PROXIES_MAX} proxies, which is all")));
        }
        let node = self.node(&wanted.name)?;
        let mut proxy = Proxy::port(wanted.name.clone(), wanted.listen, wanted.upstream, node);
        // Before it is open, so that no connection escapes them.
        for toxic in wanted.toxics.into_iter().flatten() {
            proxy.add_toxic(&self.control, toxic)?;
        }
        if wanted.enabled
            && let Err(error) = proxy.enable(&self.control)
        {
            proxy.clear(&self.control);
            return Err(error);
        }
        let json = proxy.json();
        self.by_name.insert(wanted.name, proxy);
        Ok(json)
    }

    /// The node that a proxy of that name is in the trace.
    fn node(&mut self, name: &str) -> Result<NodeId, ApiError> {
        if let Some(node) = self.nodes.get(name) {
            return Ok(*node);
        }
        if self.nodes.len() >= PROXIES_MAX {
            let text = format!("proxies of {PROXIES_MAX} names were made, which is all");
            return Err(ApiError::other(text));
        }
        let node = self.control.join(name);
        self.nodes.insert(name.to_owned(), node);
        Ok(node)
    }

    /// Makes many proxies. Nothing is done if one of them is wrong.
    pub(super) fn populate(&mut self, body: &[u8]) -> Result<Value, Half> {
        let wanted = read_all(body).map_err(|error| Half { error, proxies: Value::Null })?;
        let mut done = Vec::with_capacity(wanted.len());
        for wanted in wanted {
            match self.put(wanted) {
                Ok(proxy) => done.push(proxy),
                Err(error) => return Err(Half { error, proxies: done.into() }),
            }
        }
        Ok(json!({ "proxies": done }))
    }

    /// Makes a proxy, unless there is one of that name and at these addresses, which then only gets
    /// the toxics that are asked for.
    fn put(&mut self, wanted: Wanted) -> Result<Value, ApiError> {
        let Some(proxy) = self.by_name.get_mut(&wanted.name) else { return self.make(wanted) };
        if !proxy.is_at(&wanted.listen, &wanted.upstream) {
            if let Some(mut old) = self.by_name.remove(&wanted.name) {
                old.clear(&self.control);
            }
            return self.make(wanted);
        }
        if let Some(toxics) = wanted.toxics {
            proxy.remove_toxics(&self.control);
            for toxic in toxics {
                proxy.add_toxic(&self.control, toxic)?;
            }
        }
        Ok(proxy.json())
    }

    /// Changes a proxy; what the body does not have stays as it is.
    pub(super) fn update(&mut self, name: &str, body: &[u8]) -> Result<Value, ApiError> {
        let proxy = self.get(name)?;
        let body = first(body)?;
        let fields = Fields::of(&body, "the proxy")?;
        let listen = fields.text("listen")?.unwrap_or_else(|| proxy.listen.clone());
        let upstream = fields.text("upstream")?.unwrap_or_else(|| proxy.upstream.clone());
        let enabled = fields.flag("enabled")?.unwrap_or(proxy.enabled);
        let (moves, is_link) = (!proxy.is_at(&listen, &upstream), proxy.is_link());
        if moves && is_link {
            return self.leave_link(name, listen, upstream, enabled);
        }
        let (proxy, control) = self.get_mut(name)?;
        if moves {
            proxy.go_to(control, listen, upstream, enabled)?;
        } else if enabled {
            proxy.enable(control)?;
        } else {
            proxy.disable(control);
        }
        Ok(proxy.json())
    }

    /// A link of the run listens and leads where it does. A proxy that is to do so elsewhere becomes one
    /// with a port of its own, and keeps its toxics; the link is itself again.
    fn leave_link(
        &mut self,
        name: &str,
        listen: String,
        upstream: String,
        enabled: bool,
    ) -> Result<Value, ApiError> {
        let node = self.node(name)?;
        let mut proxy = Proxy::port(name.to_owned(), listen, upstream, node);
        if enabled {
            proxy.enable(&self.control)?;
        }
        if let Some(link) = self.by_name.remove(name) {
            proxy.take_toxics(&self.control, link);
        }
        let json = proxy.json();
        self.by_name.insert(name.to_owned(), proxy);
        Ok(json)
    }

    pub(super) fn delete(&mut self, name: &str) -> Result<(), ApiError> {
        let mut proxy = self.by_name.remove(name).ok_or_else(ApiError::no_proxy)?;
        proxy.clear(&self.control);
        Ok(())
    }

    /// Opens all, without their toxics. One that cannot be opened holds up no other.
    pub(super) fn reset(&mut self) -> Result<(), ApiError> {
        let mut failed = None;
        for proxy in self.by_name.values_mut() {
            proxy.remove_toxics(&self.control);
            if let Err(error) = proxy.enable(&self.control) {
                failed.get_or_insert(error);
            }
        }
        failed.map_or(Ok(()), Err)
    }

    // ---- toxics -------------------------------------------------------------------------------

    pub(super) fn add_toxic(&mut self, proxy: &str, body: &[u8]) -> Result<Value, ApiError> {
        let (proxy, control) = self.get_mut(proxy)?;
        let toxic = Toxic::read(&first(body)?)?;
        let json = toxic.json();
        proxy.add_toxic(control, toxic)?;
        Ok(json)
    }

    pub(super) fn update_toxic(
        &mut self,
        proxy: &str,
        toxic: &str,
        body: &[u8],
    ) -> Result<Value, ApiError> {
        let (proxy, control) = self.get_mut(proxy)?;
        let toxic = proxy.toxic(toxic)?.updated(&first(body)?)?;
        let json = toxic.json();
        proxy.change_toxic(control, toxic);
        Ok(json)
    }

    pub(super) fn remove_toxic(&mut self, proxy: &str, toxic: &str) -> Result<(), ApiError> {
        let (proxy, control) = self.get_mut(proxy)?;
        proxy.remove_toxic(control, toxic)
    }
}

impl Wanted {
    /// What a body asks for; `at` says which of several it is.
    fn read(body: &Value, at: &str) -> Result<Wanted, ApiError> {
        let fields = Fields::of(body, "the proxy")?;
        let name = fields.text("name")?.unwrap_or_default();
        let upstream = fields.text("upstream")?.unwrap_or_default();
        for (field, text) in [("name", &name), ("upstream", &upstream)] {
            if text.is_empty() {
                return Err(ApiError::missing(format_args!("{field}{at}")));
            }
        }
        if name.len() > NAME_MAX {
            return Err(ApiError::bad_body(format!("a name has at most {NAME_MAX} bytes")));
        }
        let mut toxics = None;
        if let Some(list) = fields.list("toxics")? {
            let all = list.iter().map(Toxic::read).collect::<Result<Vec<Toxic>, ApiError>>()?;
            for (index, toxic) in all.iter().enumerate() {
                if all[..index].iter().any(|other| other.name == toxic.name) {
                    return Err(ApiError::toxic_exists());
                }
            }
            toxics = Some(all);
        }
        Ok(Wanted {
            name,
            listen: fields.text("listen")?.unwrap_or_default(),
            upstream,
            enabled: fields.flag("enabled")?.unwrap_or(true),
            toxics,
        })
    }
}

/// All proxies that a body asks for, each of them sound.
fn read_all(body: &[u8]) -> Result<Vec<Wanted>, ApiError> {
    let body = first(body)?;
    let list = match &body {
        Value::Null => &[],
        Value::Array(list) => list.as_slice(),
        _ => return Err(ApiError::bad_body("a list of proxies is expected")),
    };
    let mut all: Vec<Wanted> = Vec::with_capacity(list.len());
    for (index, one) in list.iter().enumerate() {
        let wanted = Wanted::read(one, &format!(" at proxy {}", index + 1))?;
        if all.iter().any(|other| other.name == wanted.name) {
            return Err(ApiError::other(format!("duplicate proxy name {:?}", wanted.name)));
        }
        if wanted.enabled {
            super::address::listen(&wanted.listen)?;
            super::address::upstream(&wanted.upstream)?;
        }
        all.push(wanted);
    }
    Ok(all)
}

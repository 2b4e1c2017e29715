//! Faults on links that can do nothing, or would break a protocol's framing.

use super::check::Site;
use super::framing;
use super::rule::{self, bytes_of};
use crate::base::{Diagnostic, Located, Span};
use crate::plan::findings::Findings;
use crate::plan::vars::{Nothing, body_vars, predicate_vars};
use crate::protocol::Protocol;
use crate::scenario::model::{
    Directions, Edit, EditValue, Fault, Filter, Harm, LinkFault, ServerKind, Speaks,
};

/// The protocol that a kind of server speaks.
#[must_use]
pub fn protocol_of(kind: &ServerKind) -> Protocol {
    let own = match kind {
        ServerKind::Http(_) => Protocol::Http,
        ServerKind::Redis(_) => Protocol::Redis,
        ServerKind::Echo(echo) if echo.line => Protocol::Line,
        ServerKind::Node(_) => Protocol::Json,
        _ => Protocol::Raw,
    };
    match kind.foreign() {
        None => own,
        Some(Speaks::Http) => Protocol::Http,
        Some(Speaks::Redis) => Protocol::Redis,
        Some(Speaks::Line) => Protocol::Line,
        Some(Speaks::Raw) => Protocol::Raw,
    }
}

/// Checks a fault on links; `cause` is the message that lets it loose.
pub(super) fn check(
    site: &Site<'_>,
    fault: &Fault,
    link: &LinkFault,
    cause: Option<&Filter>,
    findings: &mut Findings,
) {
    if let Harm::Edit(edit) = &link.harm {
        edit_vars(site, edit, findings);
    }
    if !meets_anybody(site, link, findings) {
        return;
    }
    let is_server = |name: &str| site.names.is_server(name);
    let direction = rule::direction(link, cause, &site.paths, &is_server);
    if direction == Directions::Request
        && let Some(status) = &link.choice.status
    {
        let error = Diagnostic::new("requests have no status", status.span);
        findings.push(error.help("a fault on replies has `direction: response`"));
        return;
    }
    let Some(targets) = targets(site, link, cause) else { return };
    let of = |of: &'static str| Part { of, targets: &targets };
    let choice = &link.choice;
    for (predicate, what, spoken) in [
        (&choice.method, "a method", &[Protocol::Http, Protocol::Redis, Protocol::Json][..]),
        (&choice.path, "a path", &[Protocol::Http]),
        (&choice.status, "a status", &[Protocol::Http]),
    ] {
        if let Some(predicate) = predicate {
            of(what).must_be(spoken, predicate.span, findings);
        }
    }
    match &link.harm {
        Harm::Edit(edit) => {
            for (what, spoken, span) in parts(edit, fault.span) {
                of(what).must_be(spoken, span, findings);
            }
            edit_direction(edit, fault.span, link.direction, findings);
        }
        Harm::Replace(body) => {
            framing::check(&bytes_of(body), direction, &targets, fault.span, findings);
        }
        _ => {}
    }
}

// ---- who ----------------------------------------------------------------------------------

/// True if somebody whom the fault is about connects to somebody it is about; otherwise reported.
fn meets_anybody(site: &Site<'_>, link: &LinkFault, findings: &mut Findings) -> bool {
    let from: Vec<&Located<String>> = link.from.iter().chain(&link.choice.client).collect();
    let (Some(first), true) = (from.first(), site.names.are_whole()) else { return true };
    let known = |name: &Located<String>| site.names.is_caller(name);
    let mut client = link.choice.client.iter();
    if !from.iter().copied().chain(&link.to).all(known)
        || client.any(|name| site.names.client(name).is_none())
    {
        // Reported as a name that nobody has.
        return false;
    }
    let reaches = |from: &&Located<String>| match link.to.as_slice() {
        [] => site.paths.reaches_anybody(from) || site.paths.targets(&from.value).next().is_some(),
        to => to.iter().any(|to| site.paths.connects(from, to)),
    };
    if from.iter().any(reaches) {
        return true;
    }
    let never = match from.as_slice() {
        [one] => format!("`{}` never connects", one.value),
        _ => "none of these ever connects".to_owned(),
    };
    let error = match link.to.as_slice() {
        [] => Diagnostic::new(format!("{never} to anybody"), first.span),
        [to] => Diagnostic::new(format!("{never} to `{}`", to.value), to.span),
        [to, ..] => Diagnostic::new(format!("{never} to any of these"), to.span),
    };
    findings.push(explained(site, &from, error));
    false
}

/// With whom they do connect to.
fn explained(site: &Site<'_>, from: &[&Located<String>], error: Diagnostic) -> Diagnostic {
    let mut others: Vec<&str> = Vec::new();
    for name in from {
        others.extend(site.paths.pairs().filter(|(from, _)| *from == name.value).map(|(_, to)| to));
    }
    others.sort_unstable();
    others.dedup();
    match others.as_slice() {
        [] => {
            error.help("`from` is the side that connects; replies come back on the same connection")
        }
        [one] => error.help(format!("only to `{one}`; `from` is the side that connects")),
        several => {
            let list: Vec<String> =
                several.iter().take(8).map(|name| format!("`{name}`")).collect();
            error.help(format!("only to {}; `from` is the side that connects", list.join(", ")))
        }
    }
}

/// Checks that somebody ever asks for such a connection.
pub(super) fn connect(
    site: &Site<'_>,
    from: &Located<String>,
    to: &Located<String>,
    findings: &mut Findings,
) {
    let known = site.names.server(to).is_some() && site.names.is_caller(from);
    if site.names.are_whole() && known && !site.paths.connects(from, to) {
        let what = format!("`{}` never connects to `{}`", from.value, to.value);
        findings.push(explained(site, &[from], Diagnostic::new(what, to.span)));
    }
}

/// Checks that such a message is ever sent.
pub(super) fn sent(site: &Site<'_>, filter: &Filter, findings: &mut Findings) {
    if !site.names.are_whole() {
        return;
    }
    let from = filter.from.as_ref().or(filter.client.as_ref());
    let Some(from) = from else { return };
    let known = |name: &Located<String>| site.names.is_caller(name);
    let Some(to) = filter.to.as_ref().filter(|to| known(to) && known(from)) else { return };
    if !site.paths.meet(from, to) {
        let what = format!("no message passes from `{}` to `{}`", from.value, to.value);
        let error = Diagnostic::new(what, to.span);
        findings.push(explained(site, &[from], error));
        return;
    }
    let (request, reply) = (site.paths.connects(from, to), site.paths.connects(to, from));
    if let Some(status) = &filter.status
        && !reply
        && site.names.is_server(to)
    {
        let what = "requests have no status";
        let error =
            Diagnostic::new(what, status.span).related(from.span, "this asks, that answers");
        findings
            .push(error.help(format!("replies pass `from: {}`, to `{}`", to.value, from.value)));
        return;
    }
    let server = if request { to } else { from };
    let Some(at) = site.names.server(server) else { return };
    if request && reply {
        return;
    }
    let targets = [(server.value.as_str(), protocol_of(&site.servers[at].kind))];
    for (predicate, what, spoken) in [
        (&filter.method, "a method", &[Protocol::Http, Protocol::Redis, Protocol::Json][..]),
        (&filter.path, "a path", &[Protocol::Http]),
        (&filter.status, "a status", &[Protocol::Http]),
    ] {
        if let Some(predicate) = predicate {
            let part = Part { of: what, targets: &targets };
            part.must_be(spoken, predicate.span, findings);
        }
    }
}

// ---- what is spoken -----------------------------------------------------------------------

/// The servers that a fault on links can meet, with what they speak; nothing if that is not known.
fn targets<'s>(
    site: &'s Site<'_>,
    link: &'s LinkFault,
    cause: Option<&'s Filter>,
) -> Option<Vec<(&'s str, Protocol)>> {
    let by_name = |name: &'s str| {
        let server = &site.servers[site.names.server(name)?];
        Some((server.name.value.as_str(), protocol_of(&server.kind)))
    };
    if !link.to.is_empty() {
        return link.to.iter().map(|name| by_name(&name.value)).collect();
    }
    if !site.names.are_whole() {
        return None;
    }
    if let Some(cause) = cause.filter(|_| link.from.is_empty()) {
        let ends = [&cause.to, &cause.from].into_iter().flatten();
        let servers: Vec<_> = ends.filter_map(|name| by_name(&name.value)).collect();
        if !servers.is_empty() {
            return Some(servers);
        }
    }
    let from: Vec<&str> =
        link.from.iter().chain(&link.choice.client).map(|name| name.value.as_str()).collect();
    let met =
        |server: &str| from.is_empty() || from.iter().any(|from| site.paths.connects(from, server));
    let servers = site.servers.iter().filter(|server| met(&server.name.value));
    Some(servers.map(|server| (server.name.value.as_str(), protocol_of(&server.kind))).collect())
}

/// A part of messages that a fault is about.
struct Part<'a> {
    of: &'static str,
    targets: &'a [(&'a str, Protocol)],
}

impl Part<'_> {
    /// Reports that no message can have it, since nobody speaks any of these.
    fn must_be(&self, spoken: &[Protocol], span: Span, findings: &mut Findings) {
        if self.targets.is_empty() || self.targets.iter().any(|(_, one)| spoken.contains(one)) {
            return;
        }
        let (name, protocol) = self.targets[0];
        let speaks = match protocol {
            Protocol::Raw => "plain bytes",
            Protocol::Line => "lines",
            Protocol::Http => "HTTP",
            Protocol::Redis => "redis",
            Protocol::Json => "messages of nodes",
        };
        let (what, label) = match self.targets {
            [_] => {
                (format!("no message to `{name}` has {}", self.of), format!("it speaks {speaks}"))
            }
            _ => {
                let label = format!("`{name}` speaks {speaks}, the others nothing better");
                (format!("no message that this meets has {}", self.of), label)
            }
        };
        findings.push(Diagnostic::new(what, span).label(label));
    }
}

type EditPart = (&'static str, &'static [Protocol], Span);

/// The parts of a message that an edit is about, with the protocols that have them.
fn parts(edit: &Edit, span: Span) -> Vec<EditPart> {
    const HTTP: &[Protocol] = &[Protocol::Http];
    let mut parts: Vec<EditPart> = Vec::new();
    parts.extend(edit.method.as_ref().map(|method| ("a method", HTTP, method.span)));
    parts.extend(edit.path.as_ref().map(|path| ("a path", HTTP, path.span)));
    parts.extend(edit.status.as_ref().map(|status| ("a status", HTTP, status.span)));
    parts.extend(edit.headers.first().map(|(name, _)| ("headers", HTTP, name.span)));
    parts.extend(edit.body.as_ref().map(|_| ("an HTTP body", HTTP, span)));
    parts.extend(edit.value.as_ref().map(|value| match value {
        EditValue::Reply(value) => ("a redis value", &[Protocol::Redis][..], value.span),
        EditValue::Words(words) => {
            ("redis words", &[Protocol::Redis][..], words.first().map_or(span, |word| word.span))
        }
        EditValue::Line(line) => ("a line", &[Protocol::Line][..], line.span),
    }));
    parts
}

/// Reports an edit of requests that is about what only replies have, or the other way round.
fn edit_direction(edit: &Edit, span: Span, direction: Option<Directions>, findings: &mut Findings) {
    let of_replies =
        edit.status.as_ref().map(|status| ("a status", status.span)).or(match &edit.value {
            Some(EditValue::Reply(value)) => Some(("a value", value.span)),
            _ => None,
        });
    let method = edit.method.as_ref().map(|method| ("a method", method.span));
    let of_requests =
        method.or(edit.path.as_ref().map(|path| ("a path", path.span))).or(match &edit.value {
            Some(EditValue::Words(_)) => Some(("words", span)),
            _ => None,
        });
    let wrong = match direction {
        Some(Directions::Request) => of_replies.map(|part| ("requests", "response", part)),
        Some(Directions::Response) => of_requests.map(|part| ("replies", "request", part)),
        _ => None,
    };
    if let Some((of, other, (what, place))) = wrong {
        let error = Diagnostic::new(
            format!("{of} have no {}", &what[what.find(' ').map_or(0, |n| n + 1)..]),
            place,
        );
        findings.push(error.help(format!("the other way is `direction: {other}`")));
    }
}

fn edit_vars(site: &Site<'_>, edit: &Edit, findings: &mut Findings) {
    let mut report = |name: &Located<String>| site.checker.report(name, &Nothing, findings);
    edit.path.iter().flat_map(|path| path.vars()).for_each(&mut report);
    let values = edit.headers.iter().filter_map(|(_, value)| value.as_ref());
    values.flat_map(|value| value.vars()).for_each(&mut report);
    edit.body.iter().for_each(|body| body_vars(body, &mut report));
    match &edit.value {
        Some(EditValue::Reply(value)) => value.each_var(&mut report),
        Some(EditValue::Words(words)) => {
            words.iter().flat_map(|word| word.vars()).for_each(&mut report)
        }
        Some(EditValue::Line(line)) => line.vars().for_each(&mut report),
        None => {}
    }
    edit.when.iter().for_each(|when| predicate_vars(&when.predicate, &mut report));
}

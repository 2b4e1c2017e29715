//! `looplab up FILE`: servers for people and programs that looplab did not start.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::args::{ServeArgs, UpArgs};
use super::exit::{Exit, Failure, plain};
use super::live::{self, Printing};
use super::pcap::Pcap;
use super::registry::Registration;
use super::run::{Trace, machine_said_no, table, teller, title};
use super::signals::Stop;
use super::{atomic, folder, logging, screen};
use crate::base::{NodeId, Value};
use crate::control::{self, Access, Closed, Listening, Settings};
use crate::net::{Holder, holder_of_port};
use crate::plan::{Overrides, Plan};
use crate::render::terminal::{DIM, Folding, Form, Style, Telling, plural};
use crate::run::{self, Endpoint, Hooks, Mode};
use crate::scenario::model::World;
use crate::trace::{EventKind, Observer, Outcome, Recorder};

/// Runs the command.
pub(super) fn run(args: &UpArgs) -> Result<Exit, Failure> {
    logging::install(&args.serve.log)?;
    let UpArgs { file, no_exec, serve: how } = args;
    let overrides = Overrides {
        clock: Some(World::Real),
        seed: how.seed,
        no_exec: *no_exec,
        ..Overrides::default()
    };
    serve(&folder::read_plan(file, overrides)?, how)
}

/// Keeps the servers of a plan up.
///
/// # Errors
/// As [`run`].
pub(super) fn serve(plan: &Arc<Plan>, args: &ServeArgs) -> Result<Exit, Failure> {
    let token = token()?;
    let style = screen::style(args.look);
    let stop = Stop::on_signals();
    let out = folder::folder(args.out.as_deref(), plan)?;
    stop.listens();
    let trace = Trace::create(&out, plan)?;
    let mut pcap = Pcap::create(args.pcap.as_deref(), plan, &trace)?;
    let form = if args.quiet { Form::Failures } else { Form::Diagram };
    // Clients do nothing here; whoever comes is a stranger.
    let servers = plan.nodes.iter().take(plan.servers.len()).map(|node| node.id);
    let shown = servers.chain([NodeId::OUTSIDE]).collect();
    let telling = Telling { shown: Some(shown), ..Telling::new(style, form, Folding::Renewing) };
    let teller = teller(plan, telling);
    // Whoever starts it quietly may read the addresses and turn away.
    let reader = (!args.quiet).then(|| stop.clone());
    let printing =
        Printing { progress: None, virtual_time: false, stop: reader, opens: true, direct: false };
    let (live, printer) = live::tell(teller, printing);
    let mut observers: Vec<Box<dyn Observer>> = vec![Box::new(trace.writer)];
    observers.extend(pcap.as_mut().and_then(Pcap::observer));
    observers.push(Box::new(live.clone()));
    let recorder = Recorder::new(observers);
    live.say(title(plan, style));
    let files = Arc::new(Mutex::new(Files::default()));
    let registration = Arc::new(OnceLock::new());
    let opened = {
        let captured = args.pcap.clone();
        let (files, registration, of, out, stop) =
            (files.clone(), registration.clone(), plan.clone(), out.clone(), stop.clone());
        let token = token.clone();
        move |listening: Result<Listening, Closed>| {
            let mut files = files.lock().unwrap_or_else(PoisonError::into_inner);
            match listening {
                Ok(listening) => {
                    files.write(&out, &of, &listening);
                    if files.wrong.is_none() {
                        let access = Access { address: listening.control, token };
                        let endpoints = &listening.endpoints;
                        let told = Registration::new("up", &of, endpoints, Some(&access));
                        let _ = registration.set(told);
                        live.open(announcement(&listening, &of, style, &files));
                        if let Some(path) = &captured {
                            live.say(Pcap::advice(path, endpoints));
                        }
                        return;
                    }
                }
                Err(closed) => files.wrong = Some(not_opened(&closed)),
            }
            stop.ask();
        }
    };
    let settings = Settings { token, toxiproxy: args.toxiproxy, opened: Box::new(opened) };
    let hooks = Hooks {
        mode: Mode::Up,
        interrupt: Some(stop.interrupt()),
        guard: super::guard_path(),
        services: vec![control::service(settings)],
        ..Hooks::default()
    };
    let ended = match run::run(plan, &recorder, hooks) {
        Ok(ended) => ended,
        Err(error) => {
            let _ = printer.end(|_, _| {});
            let _ = fs::remove_file(&trace.path);
            pcap.iter().for_each(Pcap::remove);
            return Err(machine_said_no(&error, plan));
        }
    };
    let outcome = if ended.failure.is_some() { Outcome::Failed } else { Outcome::Ok };
    let text = ended.failure.clone().unwrap_or_default();
    recorder.record(ended.at, EventKind::End { outcome, text });
    recorder.flush();
    let wrong = files.lock().unwrap_or_else(PoisonError::into_inner).remove();
    printer.end(|teller, text| {
        let messages = plural(teller.tally().messages(), "message", "messages");
        text.push_str(&format!("\n  stopped after {messages}; trace: {}\n", trace.path.display()));
        if let Some(pcap) = &pcap {
            text.push_str(&format!("  capture: {}\n", pcap.path()));
        }
    })?;
    if let Some(error) = trace.failure.get() {
        return Err(Failure::io("write", &trace.path, error));
    }
    pcap.iter().try_for_each(Pcap::check)?;
    match (ended.failure, wrong) {
        (Some(failure), _) => Err(Failure::Told(Exit::Failed, screen::error_text(&failure, None))),
        (None, Some(wrong)) => Err(wrong),
        (None, None) => Ok(Exit::Ok),
    }
}

/// What opens the control API of this run: 128 bits that nobody can guess.
fn token() -> Result<String, Failure> {
    let random = Path::new("/dev/urandom");
    let mut bytes = [0; 16];
    fs::File::open(random)
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(|error| Failure::io("read", random, &error))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Why an interface cannot be listened at.
fn not_opened(closed: &Closed) -> Failure {
    let Some(port) = closed.port else {
        return Failure::Machine(format!("no port is free for the control API: {}", closed.error));
    };
    let why = match holder_of_port(port) {
        Some(Holder { pid: Some(pid), command: Some(command), .. }) => {
            format!("port {port} is held by {command} (process {pid})")
        }
        _ => plain(&closed.error),
    };
    Failure::Machine(format!("the Toxiproxy API cannot be served at port {port}: {why}"))
}

/// The files beside the trace that tell where the servers are.
#[derive(Default)]
struct Files {
    written: Vec<PathBuf>,
    wrong: Option<Failure>,
}

impl Files {
    fn write(&mut self, folder: &Path, plan: &Plan, listening: &Listening) {
        let json = format!("{:#}\n", json(plan, listening));
        let mut env = variables(&listening.endpoints, &ALL_PARTS);
        if let Some(address) = listening.toxiproxy
            && !env.contains("export TOXIPROXY_URL=")
        {
            env.push_str(&format!("export TOXIPROXY_URL=http://{address}\n"));
        }
        for (name, text) in [("endpoints.json", json), ("endpoints.env", env)] {
            let path = folder.join(name);
            match atomic::write(&path, text.as_bytes()) {
                Ok(()) => self.written.push(path),
                Err(error) => self.wrong = Some(Failure::io("write", &path, &error)),
            }
        }
    }

    /// Removes them: nobody listens there any more. Returns why one could not be written.
    fn remove(&mut self) -> Option<Failure> {
        for path in self.written.drain(..) {
            let _ = fs::remove_file(path);
        }
        self.wrong.take()
    }
}

/// What is printed once all servers can be reached.
fn announcement(listening: &Listening, plan: &Plan, style: Style, files: &Files) -> String {
    let mut text = table(&listening.endpoints, plan, style);
    text.push_str(&variables(&listening.endpoints, &[Part::Url]));
    if let Some(address) = listening.toxiproxy {
        text.push_str(&format!("\nToxiproxy's API is served at http://{address}\n"));
    }
    let files: Vec<String> = files.written.iter().map(|path| path.display().to_string()).collect();
    let hint = format!("  also in {}\n  Ctrl-C stops", files.join("\n          "));
    text.push_str(&format!("\n{}\n\n", style.paint(&hint, DIM)));
    text
}

/// The endpoints for programs.
fn json(plan: &Plan, listening: &Listening) -> Value {
    let endpoints: Vec<Value> = listening
        .endpoints
        .iter()
        .map(|endpoint| {
            serde_json::json!({
                "name": endpoint.name,
                "kind": endpoint.kind,
                "address": endpoint.address.to_string(),
                "host": endpoint.address.ip().to_string(),
                "port": endpoint.address.port(),
                "url": endpoint.url(),
            })
        })
        .collect();
    let mut json = serde_json::json!({
        "scenario": plan.name,
        "pid": std::process::id(),
        "endpoints": endpoints,
        "control": listening.control.to_string(),
    });
    if let Some(address) = listening.toxiproxy {
        json["toxiproxy"] = address.to_string().into();
    }
    json
}

/// A part of an address that a variable holds.
#[derive(Debug, Clone, Copy)]
enum Part {
    Url,
    Address,
    Host,
    Port,
}

const ALL_PARTS: [Part; 4] = [Part::Url, Part::Address, Part::Host, Part::Port];

/// `export GREETER_URL=http://127.0.0.1:40123`, a line each.
fn variables(endpoints: &[Endpoint], parts: &[Part]) -> String {
    let mut text = String::new();
    let mut taken: Vec<String> = Vec::new();
    for endpoint in endpoints {
        let mut name = variable(&endpoint.name);
        while taken.contains(&name) {
            name.push('_');
        }
        for part in parts {
            let (suffix, value) = match part {
                Part::Url => ("URL", endpoint.url()),
                Part::Address => ("ADDRESS", endpoint.address.to_string()),
                Part::Host => ("HOST", endpoint.address.ip().to_string()),
                Part::Port => ("PORT", endpoint.address.port().to_string()),
            };
            text.push_str(&format!("export {name}_{suffix}={value}\n"));
        }
        taken.push(name);
    }
    text
}

/// A server's name as that of a shell variable.
fn variable(name: &str) -> String {
    let upper = name.to_uppercase();
    let safe = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let name: String = upper.chars().map(safe).collect();
    if name.starts_with(|c: char| c.is_ascii_digit()) { format!("_{name}") } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::NodeId;

    fn endpoint(name: &str, kind: &'static str, port: u16) -> Endpoint {
        let address = ([127, 0, 0, 1], port).into();
        let scheme = if kind == "echo" { "tcp" } else { kind };
        Endpoint { node: NodeId(0), name: name.into(), kind, scheme, address }
    }

    #[test]
    fn variables_can_be_read_by_a_shell() {
        let endpoints = [
            endpoint("my-app", "http", 1),
            endpoint("my_app", "redis", 2),
            endpoint("2nd", "echo", 3),
        ];
        assert_eq!(
            variables(&endpoints, &[Part::Url]),
            "export MY_APP_URL=http://127.0.0.1:1\n\
             export MY_APP__URL=redis://127.0.0.1:2\n\
             export _2ND_URL=tcp://127.0.0.1:3\n"
        );
    }
}

//! `looplab run FILE`: one scenario, from its first port to its verdict.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use super::args::RunArgs;
use super::contradictions;
use super::exit::{Exit, Failure};
use super::folder::{self, TRACE};
use super::live::{self, Live, Printing};
use super::pcap::Pcap;
use super::registry::Registration;
use super::signals::Stop;
use super::step::{self, Stepping};
use super::verify::{self, Difference, Verified};
use super::{logging, screen, tty};
use crate::base::Time;
use crate::check::Checker;
use crate::plan::{Overrides, Plan};
use crate::render::terminal::{BOLD, Closing, DIM, Folding, Form, Style, Teller, Telling, escape};
use crate::run::{self, Ended, Endpoint, Hooks, Mode, RunError};
use crate::scenario::model::{UnusedFaults, World};
use crate::trace::{Observer, Outcome, Recorder, Writer};

/// Runs the command.
pub(super) fn run(args: &RunArgs) -> Result<Exit, Failure> {
    if let Some(side) = tty::missing().filter(|_| args.step) {
        return Err(no_terminal(side));
    }
    logging::install(&args.log)?;
    let overrides = Overrides {
        clock: args.clock,
        seed: args.seed,
        no_exec: args.no_exec,
        ..Overrides::default()
    };
    let plan = folder::read_plan(&args.file, overrides)?;
    told(args, &plan, Again::Run)
}

/// The command that does the same again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    Run,
    Replay,
}

/// Runs a plan and tells it.
pub(super) fn told(args: &RunArgs, plan: &Arc<Plan>, again: Again) -> Result<Exit, Failure> {
    if args.verify_determinism && plan.clock == World::Real {
        let message = "--verify-determinism is about the virtual world: no two runs on real sockets are the same";
        return Err(Failure::wrong(message).help("add --clock virtual"));
    }
    let style = screen::style(args.look);
    let stop = Stop::on_signals();
    let out = folder::folder(args.out.as_deref(), plan)?;
    stop.listens();
    let trace = Trace::create(&out, plan)?;
    let mut pcap = Pcap::create(args.pcap.as_deref(), plan, &trace)?;
    let form = match (args.quiet, args.step) {
        (true, _) => Form::Failures,
        (_, true) => Form::Summary,
        _ => Form::Diagram,
    };
    let numbers = again == Again::Replay;
    let telling = Telling { numbers, ..Telling::new(style, form, Folding::Bounded) };
    let teller = teller(plan, telling.clone());
    let progress = (!args.quiet && !args.step).then_some(style);
    let virtual_time = plan.clock == World::Virtual;
    let (live, printer) = live::tell(
        teller,
        Printing { progress, virtual_time, stop: None, opens: !args.quiet, direct: args.step },
    );
    if !args.quiet {
        live.say(title(plan, style));
    }
    let checker = Checker::new(plan);
    let mut observers: Vec<Box<dyn Observer>> = vec![Box::new(trace.writer)];
    observers.extend(pcap.as_mut().and_then(Pcap::observer));
    observers.push(Box::new(checker.clone()));
    observers.push(Box::new(live.clone()));
    let recorder = Recorder::new(observers);
    let stepping = match args.step {
        true => Some(step::begin(&trace.path, plan, telling, &recorder, &stop)?),
        false => None,
    };
    let ended = drive(plan, &recorder, &stop, args, style, &live);
    let ended = match ended {
        Ok(ended) => ended,
        Err(error) => {
            drop(stepping);
            let _ = printer.end(|_, _| {});
            let _ = fs::remove_file(&trace.path);
            pcap.iter().for_each(Pcap::remove);
            return Err(machine_said_no(&error, plan));
        }
    };
    let outcome = (!ended.interrupted)
        .then(|| checker.conclude(plan, ended.at, &recorder, ended.failure.clone()));
    recorder.flush();
    stepping.map(Stepping::end).transpose()?;
    let pcap_path = pcap.as_ref().map(Pcap::path);
    let closing = Close { args, plan, style, outcome, trace: &trace.path, pcap: pcap_path, again };
    printer.end(|teller, text| closing.write(teller, text))?;
    drop(recorder);
    if let Some(error) = trace.failure.get() {
        return Err(Failure::io("write", &trace.path, error));
    }
    pcap.iter().try_for_each(Pcap::check)?;
    if args.verify_determinism && outcome.is_some() {
        match verify::again(plan, &trace.path, &stop)? {
            Verified::Same(_) if args.quiet => {}
            Verified::Same(lines) => {
                screen::print(&format!(
                    "  verified  a second run has the same trace, all {lines} lines of it\n"
                ))?;
            }
            Verified::Differs(difference) => return Err(differs(&difference)),
            Verified::Interrupted => return Ok(stop.exit()),
        }
    }
    Ok(match outcome {
        Some(Outcome::Ok) => Exit::Ok,
        Some(Outcome::Failed | Outcome::Unknown) => Exit::Failed,
        None => stop.exit(),
    })
}

/// That a second run of the virtual world was another one.
fn differs(difference: &Difference) -> Failure {
    let Difference { line, first, second } = difference;
    let told = |line: &Option<String>| line.clone().unwrap_or_else(|| "(it has ended)".to_owned());
    let message = format!("a second run differs from line {line} of the trace on");
    let help = format!("first:  {}\n          second: {}", told(first), told(second));
    Failure::Told(Exit::Failed, screen::error_text(&message, Some(&help)))
}

/// That stepping needs a terminal.
pub(super) fn no_terminal(side: &str) -> Failure {
    Failure::wrong(format!("--step needs a terminal, and {side} is not one"))
        .help("leave --step out, or `looplab show` the trace with --step in a terminal")
}

fn drive(
    plan: &Arc<Plan>,
    recorder: &Recorder,
    stop: &Stop,
    args: &RunArgs,
    style: Style,
    live: &Live,
) -> Result<Ended, RunError> {
    let registration = Arc::new(OnceLock::new());
    let (registered, shows, of) = (registration.clone(), live.clone(), plan.clone());
    let (quiet, captured) = (args.quiet, args.pcap.clone());
    let listening = move |endpoints: &[Endpoint]| {
        if !quiet {
            shows.open(table(endpoints, &of, style));
            if let Some(path) = &captured {
                shows.say(Pcap::advice(path, endpoints));
            }
        }
        if of.clock == World::Real {
            let _ = registered.set(Registration::new("run", &of, endpoints, None));
        }
    };
    let hooks = Hooks {
        mode: Mode::Run,
        listening: Some(Box::new(listening)),
        interrupt: Some(stop.interrupt()),
        guard: super::guard_path(),
        ..Hooks::default()
    };
    run::run(plan, recorder, hooks)
}

/// The file of a trace that is being written.
pub(super) struct Trace {
    pub(super) path: PathBuf,
    pub(super) writer: Writer<File>,
    pub(super) failure: Arc<OnceLock<io::Error>>,
}

impl Trace {
    /// Begins the trace of a plan's run in `folder`; an older one is gone. Its header is in the file
    /// afterwards, so that it can be read however the run ends.
    ///
    /// # Errors
    /// If the file cannot be made or written, or another run writes it just now.
    pub(super) fn create(folder: &Path, plan: &Plan) -> Result<Trace, Failure> {
        let path = folder.join(TRACE);
        let file = open(&path).map_err(|error| Failure::io("write", &path, &error))?;
        let Some(file) = file else { return Err(taken(&path)) };
        let mut writer = Writer::new(&run::header(plan), file);
        let failure = writer.failure();
        writer.flush();
        if let Some(error) = failure.get() {
            return Err(Failure::io("write", &path, error));
        }
        Ok(Trace { path, writer, failure })
    }
}

/// Opens the file of a trace or a capture and empties it; `None` if another run writes it just now. The
/// lock goes with the file, so a run that was killed keeps nobody out.
pub(super) fn open(path: &Path) -> io::Result<Option<File>> {
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
    // A pipe or a device has nothing to be emptied, and may be shared.
    if !file.metadata()?.is_file() {
        return Ok(Some(file));
    }
    // Where files cannot be locked at all, runs must look out for themselves.
    if let Err(TryLockError::WouldBlock) = file.try_lock() {
        return Ok(None);
    }
    file.set_len(0)?;
    Ok(Some(file))
}

fn taken(path: &Path) -> Failure {
    let message = format!("cannot write {}: another run is writing it", path.display());
    let help = "give this run a folder of its own with --out";
    Failure::Told(Exit::Machine, screen::error_text(&message, Some(help)))
}

/// A teller of a plan's run.
pub(super) fn teller(plan: &Plan, telling: Telling) -> Teller {
    Teller::new(run::header(plan), plan.source.clone(), telling)
}

/// The scenario's name and the first sentence of what it is about.
pub(super) fn title(plan: &Plan, style: Style) -> String {
    let mut text = style.paint(&escape(&plan.name, style.ascii), BOLD);
    if let Some(about) = &plan.about {
        let words: Vec<&str> = about.split_whitespace().collect();
        let words = words.join(" ");
        let sentence = words.split_inclusive(". ").next().unwrap_or_default().trim_end();
        text.push_str(&format!(": {}", escape(sentence, style.ascii)));
    }
    text.push_str("\n\n");
    text
}

/// The addresses: name, kind, host and port.
pub(super) fn table(endpoints: &[Endpoint], plan: &Plan, style: Style) -> String {
    let name_width = endpoints.iter().map(|e| e.name.chars().count()).max().unwrap_or(0);
    let kind_width = endpoints.iter().map(|e| e.kind.len()).max().unwrap_or(0);
    let mut text = String::new();
    for endpoint in endpoints.iter().take(TABLE_MAX) {
        let name = format!("{:name_width$}", endpoint.name);
        let kind = format!("{:kind_width$}", endpoint.kind);
        text.push_str(&format!("  {}  {kind}  {}\n", style.paint(&name, BOLD), endpoint.address));
    }
    if endpoints.len() > TABLE_MAX {
        text.push_str(&format!("  and {} more\n", endpoints.len() - TABLE_MAX));
    }
    let world = format!("  {} clock, seed {}", plan.clock.as_str(), plan.seed);
    text.push_str(&format!("{}\n\n", style.paint(&world, DIM)));
    text
}

/// The most addresses that are shown.
const TABLE_MAX: usize = 50;

/// What a run that could not begin is told as.
pub(super) fn machine_said_no(error: &RunError, plan: &Plan) -> Failure {
    let exit = match error {
        RunError::Server(_) => Exit::Wrong,
        _ => Exit::Machine,
    };
    match error.diagnostic() {
        Some(diagnostic) => {
            let drawn = diagnostic.render(&plan.source, screen::stderr_color());
            Failure::Told(exit, format!("{drawn}\n"))
        }
        None => {
            let why = std::error::Error::source(error).map(ToString::to_string);
            let why = why.map_or_else(String::new, |why| format!(": {why}"));
            Failure::Machine(format!("{error}{why}"))
        }
    }
}

/// The columns before what a pointer of the summary says.
const POINTER_NAME: usize = 12;

/// What is said at the end.
struct Close<'a> {
    args: &'a RunArgs,
    plan: &'a Plan,
    style: Style,
    outcome: Option<Outcome>,
    trace: &'a Path,
    pcap: Option<String>,
    again: Again,
}

impl Close<'_> {
    fn write(&self, teller: &Teller, text: &mut String) {
        if self.args.quiet && self.outcome == Some(Outcome::Ok) {
            return;
        }
        if !self.args.quiet && teller.tally().last() > Time::ZERO {
            text.push('\n');
        }
        let trace = self.trace.display().to_string();
        let mut pointers = vec![("trace", escape(&trace, self.style.ascii).into_owned())];
        if let Some(pcap) = &self.pcap {
            pointers.push(("capture", escape(pcap, self.style.ascii).into_owned()));
        }
        if !self.args.quiet {
            pointers.push(("again", self.again()));
        }
        Closing {
            style: self.style,
            header: teller.header(),
            source: teller.source(),
            tally: teller.tally(),
            outcome: self.outcome,
            pointers,
            brief: self.args.quiet,
            warns_unused: self.plan.unused_faults != UnusedFaults::Ignore,
            beneath: contradictions::beneath(teller, self.trace, self.args.quiet),
        }
        .write(text);
    }

    /// The command that does the same again.
    fn again(&self) -> String {
        let file = self.args.file.display().to_string();
        let quoted = file.contains(|c: char| !(c.is_alphanumeric() || "/._-+".contains(c)));
        let file = if quoted { format!("'{}'", file.replace('\'', r"'\''")) } else { file };
        let file = escape(&file, self.style.ascii).into_owned();
        let Plan { clock, seed, .. } = self.plan;
        let note = match clock {
            World::Virtual => "byte for byte",
            World::Real => "same draws, other timings",
        };
        if self.again == Again::Replay {
            return format!("looplab replay {file}");
        }
        if self.plan.schedule.is_some() {
            return format!("looplab run {file}  (byte for byte)");
        }
        let command = format!("looplab run {file} --clock {} --seed {seed}", clock.as_str());
        let note = format!("  ({note})");
        if command.chars().count() + note.len() + POINTER_NAME > self.style.width {
            return command;
        }
        format!("{command}{}", self.style.paint(&note, DIM))
    }
}

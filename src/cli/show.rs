//! `looplab show TRACE`: a stored trace, drawn again.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufReader, Write as _};
use std::path::Path;

use super::args::{ShowArgs, ShowForm};
use super::contradictions;
use super::exit::{Exit, Failure};
use super::folder;
use super::run::no_terminal;
use super::signals::Stop;
use super::step::{self, Steps};
use super::{screen, tty};
use crate::base::diagnostic::nearest;
use crate::base::{NodeId, Source};
use crate::plan::{Overrides, Plan};
use crate::render::terminal::{
    Choice, Closing, DIM, Folding, Form, Style, Teller, Telling, Wanted,
};
use crate::scenario::model::UnusedFaults;
use crate::trace::{Event, Header, ReadError, Reader, joining};

/// Runs the command.
pub(super) fn run(args: &ShowArgs) -> Result<Exit, Failure> {
    if let Some(side) = tty::missing().filter(|_| args.step) {
        return Err(no_terminal(side));
    }
    let style = screen::style(args.look);
    let path = folder::trace_path(&args.trace);
    let trace = open(&path)?;
    let header = trace.header().clone();
    known_names(args, &header)?;
    let shown = match args.form {
        ShowForm::Diagram => Some(nodes_shown(open(&path)?, &header, wanted(args), &path)?),
        _ => None,
    };
    let teller = teller(args, style, header, shown);
    if args.step {
        return stepped(args, style, teller, trace);
    }
    told(args, style, teller, trace, &path)
}

fn wanted(args: &ShowArgs) -> Wanted {
    Wanted::new(Choice {
        nodes: args.node.clone(),
        links: args.link.clone(),
        from: args.from,
        to: args.to,
        grep: args.grep.clone(),
    })
}

fn teller(args: &ShowArgs, style: Style, header: Header, shown: Option<Vec<NodeId>>) -> Teller {
    let form = match args.form {
        ShowForm::Diagram => Form::Diagram,
        // A list in a pipe is for grep, which has no use for lines that are cut.
        ShowForm::List => Form::List { cut: tty::is_output() },
        ShowForm::Summary => Form::Summary,
    };
    let whole = args.all || args.step || args.form == ShowForm::List;
    let folding = if whole { Folding::Never } else { Folding::Bounded };
    let source = Source::new(header.file.as_str(), header.text.as_str());
    Teller::new(header, source, Telling { style, form, folding, shown, numbers: args.numbers })
}

type Trace = Reader<BufReader<File>>;

/// Opens a trace.
///
/// # Errors
/// If it cannot be read or is not one.
pub(super) fn open(path: &Path) -> Result<Trace, Failure> {
    let file = || File::open(path).map(|file| BufReader::with_capacity(256 * 1024, file));
    let cannot = |error: std::io::Error| Failure::io("read", path, &error);
    let trace = Reader::new(file().map_err(cannot)?).map_err(|error| unreadable(path, &error))?;
    // A picture has to know who will take part before it begins.
    Ok(trace.with_nodes(file().and_then(joining).map_err(cannot)?))
}

/// Why a trace could not be read, or not to its end.
pub(super) fn unreadable(path: &Path, error: &ReadError) -> Failure {
    match error {
        ReadError::Io(error) => Failure::io("read", path, error),
        other => Failure::wrong(format!("{}: {other}", path.display()))
            .help("a trace is the trace.jsonl that `looplab run` writes into runs/NAME"),
    }
}

/// Names on the command line that the trace does not know are mistakes, not empty choices.
fn known_names(args: &ShowArgs, header: &Header) -> Result<(), Failure> {
    let links = args.link.iter().flat_map(|(from, to)| [from, to]);
    for name in args.node.iter().chain(links) {
        if !Wanted::is_known(header, name) {
            let names = header.nodes.iter().map(|node| node.name.as_str());
            let failure = Failure::wrong(format!("the trace has no node called `{name}`"));
            return Err(match nearest(name, names.clone()) {
                Some(near) => failure.help(format!("did you mean `{near}`?")),
                None => {
                    let names: Vec<&str> = names.take(20).collect();
                    failure.help(format!("its nodes are {}", names.join(", ")))
                }
            });
        }
    }
    Ok(())
}

/// The nodes that take part in what is wanted: the others need no lifeline.
fn nodes_shown(
    trace: Trace,
    header: &Header,
    mut wanted: Wanted,
    path: &Path,
) -> Result<Vec<NodeId>, Failure> {
    let mut shown = BTreeSet::new();
    if wanted.is_all() {
        return Ok((0..).map(NodeId).take(header.nodes.len()).collect());
    }
    for event in trace {
        let event = event.map_err(|error| unreadable(path, &error))?;
        if wanted.is_over(event.at) {
            break;
        }
        let nodes = wanted.concerned(&event, header);
        if wanted.wants(&event, header) {
            shown.extend(nodes);
        }
    }
    Ok(shown.into_iter().collect())
}

fn told(
    args: &ShowArgs,
    style: Style,
    mut teller: Teller,
    mut trace: Trace,
    path: &Path,
) -> Result<Exit, Failure> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let mut wanted = wanted(args);
    let mut text = String::new();
    let mut write = |text: &mut String| {
        let written = out.write_all(text.as_bytes());
        text.clear();
        written.map_err(|error| screen::output_failure(&error))
    };
    let mut failed = None;
    for event in &mut trace {
        let event: Event = match event {
            Ok(event) => event,
            Err(error) => {
                failed = Some(unreadable(path, &error));
                break;
            }
        };
        if wanted.is_over(event.at) {
            break;
        }
        if wanted.wants(&event, teller.header()) {
            teller.event(&event, &mut text);
            write(&mut text)?;
        } else {
            teller.pass(&event);
        }
    }
    teller.finish(&mut text);
    let summary = args.form == ShowForm::Summary;
    if summary || (args.form == ShowForm::Diagram && wanted.is_all()) {
        if !summary {
            text.push('\n');
        }
        close(style, &teller, path, &mut text);
    }
    if trace.cut_short() {
        let words = "  the last line has no end: the run was killed, or is still going on";
        text.push_str(&format!("{}\n", style.paint(words, DIM)));
    }
    write(&mut text)?;
    out.flush().map_err(|error| screen::output_failure(&error))?;
    failed.map_or(Ok(Exit::Ok), Err)
}

fn close(style: Style, teller: &Teller, path: &Path, text: &mut String) {
    Closing {
        style,
        header: teller.header(),
        source: teller.source(),
        tally: teller.tally(),
        outcome: teller.tally().outcome(),
        pointers: Vec::new(),
        brief: false,
        warns_unused: warns_unused(teller.header()),
        beneath: contradictions::beneath(teller, path, false),
    }
    .write(text);
}

/// Whether the scenario of a trace wants to know of faults that touched nothing. What cannot be read any
/// more does.
fn warns_unused(header: &Header) -> bool {
    let (text, overrides) = (header.text.as_bytes(), Overrides::default());
    let plan = Plan::parse_kept(&header.file, text, &header.scripts, overrides);
    plan.map_or(true, |plan| plan.unused_faults != UnusedFaults::Ignore)
}

fn stepped(args: &ShowArgs, style: Style, teller: Teller, trace: Trace) -> Result<Exit, Failure> {
    let stop = Stop::on_signals();
    let mut steps = Steps { keys: step::keys()?, style, stop: stop.clone(), free: false };
    steps.tell(trace.map_while(Result::ok), teller, &mut wanted(args))?;
    Ok(if stop.is_asked() { stop.exit() } else { Exit::Ok })
}

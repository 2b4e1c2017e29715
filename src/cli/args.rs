//! The command line, declared once: parser, help, completions and manual all come from here.

use std::path::PathBuf;

use clap::builder::styling::{AnsiColor, Effects, Styles};
use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};

use super::args_explore::{DiffArgs, ExploreArgs, ReplayArgs};
use super::args_proxy::ProxyArgs;
use super::args_remote::{FaultArgs, HealArgs, IsolateArgs, NodeArgs, PartitionArgs};
use crate::render::Format;
use crate::scenario::model::World;

/// The colours of the help.
const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Yellow.on_default().effects(Effects::BOLD))
    .usage(AnsiColor::Yellow.on_default().effects(Effects::BOLD))
    .literal(AnsiColor::Cyan.on_default())
    .placeholder(AnsiColor::Green.on_default());

/// A client-server laboratory on one machine.
///
/// A scenario is one YAML file: it names servers, the links between them, the clients and what they
/// do, and what must hold. looplab starts the servers, drives the clients, shows every message as it
/// crosses, and says whether what was checked holds.
#[derive(Debug, Parser)]
#[command(
    name = "looplab",
    version,
    styles = STYLES,
    after_long_help = EXIT_CODES,
    after_help = "Begin with: looplab new hello && looplab run hello.yaml",
    subcommand_required = true,
    arg_required_else_help = true,
    max_term_width = 100,
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
    0  everything that was checked holds
    1  something that was checked does not hold, or could not be decided
    2  the scenario or the command line is wrong
    3  the machine said no: a port is taken, something is not permitted, a disk is full
  130  stopped by Ctrl-C (143 by SIGTERM); what was recorded until then is complete

Begin with: looplab new hello && looplab run hello.yaml";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a scenario, show every message, and say whether what it checks holds
    Run(RunArgs),
    /// Search for a run that fails, make it small, and write it down so that it fails every time
    Explore(ExploreArgs),
    /// Run a repro again and say whether it shows what it says
    Replay(ReplayArgs),
    /// Keep a scenario's servers up for curl, redis-cli, a browser, your program
    Up(UpArgs),
    /// Put a link in front of a server that runs already, without a scenario
    Proxy(ProxyArgs),
    /// Let faults loose in a scenario that is up, list them, end them
    Fault(FaultArgs),
    /// Crash, restart, pause or resume a server of a scenario that is up
    Node(NodeArgs),
    /// Cut servers of a scenario that is up off from one another
    Partition(PartitionArgs),
    /// Cut servers of a scenario that is up off from everybody
    Isolate(IsolateArgs),
    /// End faults of a scenario that is up: those that are named, or all
    Heal(HealArgs),
    /// Say everything that is wrong with scenarios, without running them
    Check(CheckArgs),
    /// Draw a stored trace again, in whole or in part
    Show(ShowArgs),
    /// Lay two stored traces side by side, from their first difference
    Diff(DiffArgs),
    /// Turn a stored trace into a picture, a capture for Wireshark, an HTTP archive, a table
    Export(ExportArgs),
    /// Print the JSON Schema of scenarios, with which editors complete and check them
    #[command(after_help = SCHEMA_EXAMPLES)]
    Schema,
    /// Write a commented scenario to start from
    New(NewArgs),
    /// Show which ports looplab listens on, or who holds a port
    Ports(PortsArgs),
    /// Print completions for a shell
    Completions(CompletionsArgs),
    /// Print the manual page, or write one for each command
    Man(ManArgs),
}

const SCHEMA_EXAMPLES: &str = "\
Examples:
  looplab schema > looplab.schema.json
  # and in the first line of a scenario, for the YAML language server:
  # yaml-language-server: $schema=looplab.schema.json";

/// How output looks.
#[derive(Debug, Clone, Copy, Args)]
pub struct LookArgs {
    /// Use colours
    #[arg(long, value_name = "WHEN", value_enum, default_value_t, help_heading = "Look")]
    pub color: When,
    /// Draw with ASCII only; the default where the locale is not UTF-8
    #[arg(long, help_heading = "Look")]
    pub ascii: bool,
}

/// When something is done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum When {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What is logged on standard error.
#[derive(Debug, Clone, Args)]
pub struct LogArgs {
    /// Log on standard error what fits this filter, such as `looplab=debug` or
    /// `looplab::message=info`; by default what LOOPLAB_LOG or RUST_LOG says, else nothing
    #[arg(long, value_name = "FILTER", help_heading = "Log")]
    pub log: Option<String>,
    /// The form of the log [default: text]; if no filter is given, `looplab=info` is logged
    #[arg(long, value_name = "FORM", value_enum, help_heading = "Log")]
    pub log_format: Option<LogFormat>,
}

/// The forms of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// A JSON object a line.
    Json,
}

/// `looplab run`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:
  looplab run hello.yaml
  looplab run hello.yaml --clock virtual --seed 7    # the same every time, byte for byte
  looplab run hello.yaml --step                      # one message at a time
  looplab run hello.yaml --clock virtual --verify-determinism
  looplab run hello.yaml --quiet && echo all holds",
    after_long_help = "\
Examples:
  looplab run hello.yaml
  looplab run hello.yaml --clock virtual --seed 7    # the same every time, byte for byte
  looplab run hello.yaml --step                      # one message at a time
  looplab run hello.yaml --quiet && echo all holds
  looplab run hello.yaml --log looplab::message=info --log-format json 2> messages.json

What is drawn: at most 20 lines that are alike and 200 in all, after that only what is new. The rest is \
counted and told in a line (`997 more like this`). Everything is in the trace, and `looplab show --all` \
draws it.

With --step the telling waits and the run does not: no timeout strikes because somebody explains something. \
`q` ends the telling, and on the real clock the run with it.

Ctrl-C stops clients and servers in order; the trace is complete up to then. A second one stops at once.

Exit codes: 0 all holds, 1 something does not hold or could not be decided, 2 the scenario or the command \
line is wrong, 3 the machine said no, 130 stopped by Ctrl-C (143 by SIGTERM)."
)]
pub struct RunArgs {
    /// The scenario
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// The world to run in: real (sockets on loopback, the wall clock) or virtual (both simulated);
    /// by default what the scenario says, else real
    #[arg(long, value_name = "WORLD", value_parser = world)]
    pub clock: Option<World>,
    /// The seed of all chance; by default what the scenario says, else 1
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Where the trace goes; by default runs/NAME
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub out: Option<PathBuf>,
    /// Refuse a scenario that starts programs or runs scripts
    #[arg(long)]
    pub no_exec: bool,
    /// Write a capture for Wireshark, too, while it runs
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub pcap: Option<PathBuf>,
    /// Run twice and compare the traces byte by byte; in the virtual world they must be the same
    #[arg(long, conflicts_with = "step")]
    pub verify_determinism: bool,
    /// Show one message at a time and wait for a key; the run itself is not held up
    #[arg(long, conflicts_with = "quiet")]
    pub step: bool,
    /// Say only what fails, and nothing at all if everything holds
    #[arg(long, short)]
    pub quiet: bool,
    /// How it looks.
    #[command(flatten)]
    pub look: LookArgs,
    /// What is logged.
    #[command(flatten)]
    pub log: LogArgs,
}

/// `looplab up`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:
  looplab up shop.yaml
  curl $(jq -r '.endpoints[0].url' runs/shop/endpoints.json)/items
  . runs/shop/endpoints.env && redis-cli -u $CACHE_URL PING
  looplab up shop.yaml --toxiproxy 8474              # and steer it with a Toxiproxy client
  looplab fault add 'app->db latency=200ms'          # in another terminal",
    after_long_help = "\
Examples:
  looplab up shop.yaml
  curl $(jq -r '.endpoints[0].url' runs/shop/endpoints.json)/items
  . runs/shop/endpoints.env && redis-cli -u $CACHE_URL PING
  looplab up shop.yaml --toxiproxy 8474              # and steer it with a Toxiproxy client
  looplab fault add 'app->db latency=200ms'          # in another terminal

The clients of the scenario are not driven, and its clock is the real one. The addresses are printed as a \
table and as shell variables, and written to endpoints.json and endpoints.env beside the trace, whole or \
not at all, once every server can be reached; both files are removed when it ends.

While it is up, `looplab fault`, `node`, `partition`, `isolate` and `heal` reach it from other terminals of \
the same user. With --toxiproxy, any program of this machine does that listens to nobody else: the API \
has no password, and refuses browsers.

Ctrl-C or SIGTERM stops the servers in order, and the exit code is 0 (a second one waits for nothing, and it is \
that of the signal); so, unless it is --quiet, does the end of whoever reads the output. A fixed `port:` in the \
scenario that is taken is an error that names its holder (exit code 3)."
)]
pub struct UpArgs {
    /// The scenario
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// Refuse a scenario that starts programs or runs scripts
    #[arg(long)]
    pub no_exec: bool,
    /// How it is kept up.
    #[command(flatten)]
    pub serve: ServeArgs,
}

/// What `looplab up` and `looplab proxy` have in common.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// The seed of all chance; by default what the scenario says, else 1
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Where the trace and the endpoints go; by default runs/NAME
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub out: Option<PathBuf>,
    /// Answer Toxiproxy's HTTP API at this port (its clients ask at 8474), or at any if it is 0; every
    /// link is a proxy there
    #[arg(long, value_name = "PORT", value_parser = loopback_port)]
    pub toxiproxy: Option<u16>,
    /// Write a capture for Wireshark, too, while it runs
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub pcap: Option<PathBuf>,
    /// Print the addresses and nothing after that
    #[arg(long, short)]
    pub quiet: bool,
    /// How it looks.
    #[command(flatten)]
    pub look: LookArgs,
    /// What is logged.
    #[command(flatten)]
    pub log: LogArgs,
}

/// `looplab check`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  looplab check hello.yaml
  looplab check scenarios/*.yaml

Exit codes: 0 all can be run, 2 at least one is wrong or not there, 3 a file could not be read.")]
pub struct CheckArgs {
    /// The scenarios
    #[arg(value_name = "FILE", required = true, value_hint = ValueHint::FilePath)]
    pub files: Vec<PathBuf>,
    /// How it looks.
    #[command(flatten)]
    pub look: LookArgs,
}

/// `looplab show`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  looplab show runs/hello                            # a folder or a trace
  looplab show runs/hello --as list | less
  looplab show runs/hello --link 'app->db' --from 10ms --to 20ms
  looplab show runs/hello --node 'reader.*' --grep 'GET /items' --all
  looplab show runs/hello --step

An event is shown if it fits all that is asked for. Names may be patterns (`reader.*`), and a client with \
a count is meant with all its instances.")]
pub struct ShowArgs {
    /// The trace, or the folder it lies in
    #[arg(value_name = "TRACE", value_hint = ValueHint::AnyPath)]
    pub trace: PathBuf,
    /// As what to show it
    #[arg(long = "as", value_name = "FORM", value_enum, default_value_t)]
    pub form: ShowForm,
    /// Draw everything, however often it repeats
    #[arg(long)]
    pub all: bool,
    /// Put each message's number before it: what `replay --until` and `explore --from` are given
    #[arg(long)]
    pub numbers: bool,
    /// Show one message at a time and wait for a key
    #[arg(long)]
    pub step: bool,
    /// Only what concerns this node; may be given several times
    #[arg(long, value_name = "NODE", help_heading = "Choice")]
    pub node: Vec<String>,
    /// Only what passes between a caller and a server, in both directions; may be given several times
    #[arg(long, value_name = "FROM->TO", value_parser = link, help_heading = "Choice")]
    pub link: Vec<(String, String)>,
    /// Nothing before this time of the run, such as 20ms
    #[arg(long, value_name = "TIME", value_parser = time, help_heading = "Choice")]
    pub from: Option<crate::base::Time>,
    /// Nothing after this time of the run
    #[arg(long, value_name = "TIME", value_parser = time, help_heading = "Choice")]
    pub to: Option<crate::base::Time>,
    /// Only what says this, in a summary, a body or the name of a fault, in letters of either case
    #[arg(long, value_name = "TEXT", help_heading = "Choice")]
    pub grep: Option<String>,
    /// How it looks.
    #[command(flatten)]
    pub look: LookArgs,
}

/// The forms of `looplab show`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum ShowForm {
    /// Lifelines and arrows.
    #[default]
    Diagram,
    /// A line an event, with everything that a diagram leaves out.
    List,
    /// The figures: messages, latencies, faults, steps, checks.
    Summary,
}

/// `looplab export`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  looplab export runs/hello --to mermaid
  looplab export runs/hello --to svg -o hello.svg
  looplab export runs/hello --to json | jq '.messages[].summary'
  looplab export runs/hello --to pcapng -o hello.pcapng && wireshark hello.pcapng
  looplab export runs/hello --to har -o hello.har       # browsers import it as network traffic
  looplab export runs/hello --to perfetto -o hello.json # for ui.perfetto.dev
  looplab export runs/hello --to shiviz -o hello.log    # for bestchai.bitbucket.io/shiviz
  looplab export runs/hello --to csv -o hello.csv
  looplab export runs/hello --to timeline               # the faults, to be let loose again")]
pub struct ExportArgs {
    /// The trace, or the folder it lies in
    #[arg(value_name = "TRACE", value_hint = ValueHint::AnyPath)]
    pub trace: PathBuf,
    /// To what: mermaid, svg, json, pcapng, har, shiviz, perfetto, csv, timeline
    #[arg(long, value_name = "FORMAT", value_parser = format)]
    pub to: Format,
    /// The file to write; by default standard output
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
}

/// `looplab new`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  looplab new hello          # writes hello.yaml
  looplab new labs/cache     # writes labs/cache.yaml

A file that exists is never overwritten.")]
pub struct NewArgs {
    /// The scenario's name, with a folder if need be
    #[arg(value_name = "NAME", value_hint = ValueHint::AnyPath)]
    pub name: PathBuf,
}

/// `looplab ports`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  looplab ports              # all servers of all looplab runs of this user
  looplab ports 8080         # who listens at this port?")]
pub struct PortsArgs {
    /// The port to ask about
    #[arg(value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub port: Option<u16>,
}

/// `looplab completions`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  looplab completions bash > ~/.local/share/bash-completion/completions/looplab
  looplab completions zsh  > ~/.zfunc/_looplab
  looplab completions fish > ~/.config/fish/completions/looplab.fish")]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

/// `looplab man`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  looplab man | man -l -
  looplab man --out ~/.local/share/man/man1")]
pub struct ManArgs {
    /// Write looplab.1 and a page for each command into this folder
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub out: Option<PathBuf>,
}

fn world(text: &str) -> Result<World, String> {
    [World::Real, World::Virtual]
        .into_iter()
        .find(|world| world.as_str() == text)
        .ok_or_else(|| "it is `real` or `virtual`".to_owned())
}

fn format(text: &str) -> Result<Format, String> {
    let known = Format::ALL.iter().find(|(_, name)| *name == text);
    known.map(|(format, _)| *format).ok_or_else(|| {
        let names: Vec<&str> = Format::ALL.iter().map(|(_, name)| *name).collect();
        format!("it is one of {}", names.join(", "))
    })
}

fn link(text: &str) -> Result<(String, String), String> {
    let parts = text.split_once("->").or_else(|| text.split_once('→'));
    match parts.map(|(from, to)| (from.trim(), to.trim())) {
        Some((from, to)) if !from.is_empty() && !to.is_empty() => Ok((from.into(), to.into())),
        _ => {
            Err("a link is written FROM->TO, such as `app->db` (and quoted, for the shell)".into())
        }
    }
}

/// A port of loopback; an address that says another one is refused, not passed over.
pub(super) fn loopback_port(text: &str) -> Result<u16, String> {
    let (host, port) = text.rsplit_once(':').unwrap_or(("localhost", text));
    let is_loopback =
        host.eq_ignore_ascii_case("localhost") || host.parse() == Ok(std::net::Ipv4Addr::LOCALHOST);
    if !is_loopback {
        return Err("looplab listens at 127.0.0.1 only".to_owned());
    }
    port.parse().map_err(|_| "it is a port, such as 8474".to_owned())
}

fn time(text: &str) -> Result<crate::base::Time, String> {
    let since = crate::base::units::duration(text).map_err(|bad| bad.0)?;
    Ok(crate::base::Time::ZERO + since)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_and_option_is_explained() {
        fn visit(command: &clap::Command) {
            assert!(command.get_about().is_some(), "{}", command.get_name());
            for arg in command.get_arguments() {
                assert!(arg.get_help().is_some(), "{} {}", command.get_name(), arg.get_id());
            }
            command.get_subcommands().for_each(visit);
        }
        visit(&Cli::command());
    }

    #[test]
    fn the_api_is_served_on_loopback_only() {
        for (text, port) in [("8474", 8474), ("0", 0), ("127.0.0.1:8474", 8474), ("localhost:1", 1)]
        {
            assert_eq!(loopback_port(text), Ok(port), "{text}");
        }
        for text in ["192.168.1.2:8474", ":8474", "example.com:8474", "x", "70000", "[::1]:8474"] {
            assert!(loopback_port(text).is_err(), "{text}");
        }
    }

    #[test]
    fn links_are_pairs() {
        assert_eq!(link("app -> db"), Ok(("app".into(), "db".into())));
        assert!(link("app").is_err());
        assert!(link("->db").is_err());
    }
}

//! The part of the command line that is about a scenario that is up.

use clap::{Args, Subcommand};

use super::args::LookArgs;

/// Which of the scenarios that are up is meant.
#[derive(Debug, Clone, Args)]
pub struct WhichArgs {
    /// The scenario that is meant, by its name or its process; needed only if more than one is up
    #[arg(long, value_name = "NAME|PID")]
    pub run: Option<String>,
}

/// `looplab fault`.
#[derive(Debug, Args)]
#[command(
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "Examples:
  looplab fault add 'app->db latency=200ms'           # quoted, for the shell knows `>`, too
  looplab fault add 'app->db drop=response' --for 2s --name deaf
  looplab fault add '{ edit: { status: 503 }, to: app, probability: 10% }'
  looplab fault list
  looplab fault rm deaf

The scenario is up in another terminal: looplab up FILE. A fault is what a timeline's `fault:` can be."
)]
pub struct FaultArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: FaultCommand,
}

/// What `looplab fault` does.
#[derive(Debug, Subcommand)]
pub enum FaultCommand {
    /// Let a fault loose, and print its name
    Add(FaultAddArgs),
    /// List the faults, and what they have touched
    List(FaultListArgs),
    /// End a fault: what it did stops at once
    Rm(FaultRmArgs),
    /// Let go what a `hold` keeps back; it goes on to hold what comes
    Release(FaultRmArgs),
}

/// `looplab fault add`.
#[derive(Debug, Args)]
pub struct FaultAddArgs {
    /// The fault: `FROM->TO VERB=VALUE ...`, or a mapping as in a scenario, in braces
    #[arg(value_name = "FAULT", required = true, trailing_var_arg = false)]
    pub words: Vec<String>,
    /// How long it lasts, such as 2s; by default until it is ended
    #[arg(long = "for", value_name = "TIME")]
    pub lasts: Option<String>,
    /// What it is called; by default its verb and a number
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Where.
    #[command(flatten)]
    pub which: WhichArgs,
}

/// `looplab fault list`.
#[derive(Debug, Args)]
pub struct FaultListArgs {
    /// Only those that are in force
    #[arg(long)]
    pub in_force: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Where.
    #[command(flatten)]
    pub which: WhichArgs,
    /// How it looks.
    #[command(flatten)]
    pub look: LookArgs,
}

/// `looplab fault rm`.
#[derive(Debug, Args)]
pub struct FaultRmArgs {
    /// The fault, or `all`
    #[arg(value_name = "NAME|all")]
    pub name: String,
    /// Where.
    #[command(flatten)]
    pub which: WhichArgs,
}

/// `looplab node`.
#[derive(Debug, Args)]
#[command(
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "Examples:
  looplab node crash db       # its connections are reset, its memory is lost, its port is closed
  looplab node restart db     # at the same port
  looplab node pause app      # nothing is read, nothing is written, no timer is heard
  looplab node resume app

The scenario is up in another terminal: looplab up FILE."
)]
pub struct NodeArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: NodeCommand,
}

/// What `looplab node` does.
#[derive(Debug, Subcommand)]
pub enum NodeCommand {
    /// Let servers crash
    Crash(NodesArgs),
    /// Bring servers back that are down
    Restart(NodesArgs),
    /// Make servers stand still
    Pause(NodesArgs),
    /// Let servers go on that stand still
    Resume(NodesArgs),
}

/// Whom `looplab node` is about.
#[derive(Debug, Args)]
pub struct NodesArgs {
    /// The servers
    #[arg(value_name = "NAME", required = true)]
    pub names: Vec<String>,
    /// Where.
    #[command(flatten)]
    pub which: WhichArgs,
}

/// `looplab partition`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  looplab partition app db               # nothing passes between the two
  looplab partition n1,n2 n3,n4,n5       # nor between the one side and the other
  looplab partition app db --for 5s
  looplab heal

The scenario is up in another terminal: looplab up FILE. What is sent meanwhile is held, as TCP holds what \
is not acknowledged, and arrives after healing; with --lose it is lost, message by message.")]
pub struct PartitionArgs {
    /// The sides, each a server or several with commas between them
    #[arg(value_name = "SIDE", required = true, num_args = 2..)]
    pub sides: Vec<String>,
    /// How, and where.
    #[command(flatten)]
    pub cut: CutArgs,
}

/// `looplab isolate`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  looplab isolate db
  looplab isolate db --for 5s
  looplab heal

The scenario is up in another terminal: looplab up FILE.")]
pub struct IsolateArgs {
    /// The servers, each cut off from everybody
    #[arg(value_name = "NAME", required = true)]
    pub names: Vec<String>,
    /// How, and where.
    #[command(flatten)]
    pub cut: CutArgs,
}

/// How the network is cut, for how long, and where.
#[derive(Debug, Args)]
pub struct CutArgs {
    /// How long it lasts, such as 2s; by default until it is healed
    #[arg(long = "for", value_name = "TIME")]
    pub lasts: Option<String>,
    /// What it is called; by default `partition` or `isolate` and a number
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Lose what is sent meanwhile; by default it arrives after healing
    #[arg(long)]
    pub lose: bool,
    /// Where.
    #[command(flatten)]
    pub which: WhichArgs,
}

/// `looplab heal`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  looplab heal                 # everything
  looplab heal slow deaf

The scenario is up in another terminal: looplab up FILE. Servers that a fault let crash or stand still are \
back then, too.")]
pub struct HealArgs {
    /// The faults; by default all
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// Where.
    #[command(flatten)]
    pub which: WhichArgs,
}

//! The log on standard error: there only if somebody asks for it.

use std::env;
use std::io;

use tracing_subscriber::EnvFilter;

use super::args::{LogArgs, LogFormat};
use super::exit::Failure;

/// The variables that hold a filter, in the order in which they are asked.
const VARIABLES: [&str; 2] = ["LOOPLAB_LOG", "RUST_LOG"];

/// What is logged if only a format is asked for.
const FILTER_DEFAULT: &str = "looplab=info";

/// Installs a subscriber if a filter or a format is given; otherwise events cost nothing.
///
/// # Errors
/// A filter on the command line that cannot be read.
pub(super) fn install(args: &LogArgs) -> Result<(), Failure> {
    let from_environment = || {
        VARIABLES.iter().find_map(|name| env::var(name).ok().filter(|filter| !filter.is_empty()))
    };
    let filter = match (&args.log, from_environment(), args.log_format) {
        (Some(filter), _, _) => filter.clone(),
        (None, Some(filter), _) => filter,
        (None, None, Some(_)) => FILTER_DEFAULT.to_owned(),
        (None, None, None) => return Ok(()),
    };
    let filter = EnvFilter::try_new(&filter).map_err(|error| {
        Failure::wrong(format!("the log filter `{filter}` is wrong: {error}"))
            .help("write TARGET=LEVEL, several with commas: looplab::message=info,looplab=warn")
    })?;
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(super::screen::stderr_color());
    let installed = match args.log_format.unwrap_or(LogFormat::Text) {
        LogFormat::Text => subscriber.try_init(),
        LogFormat::Json => subscriber.json().with_ansi(false).try_init(),
    };
    installed.map_err(|error| Failure::Machine(format!("cannot log: {error}")))
}

//! `looplab proxy LISTEN UPSTREAM`: a link in front of a program that runs already, without a scenario.
//!
//! It is `looplab up` of a scenario of one external server, so everything that can be done to that can be
//! done to this.

use std::sync::Arc;

use super::args_proxy::ProxyArgs;
use super::exit::{Exit, Failure};
use super::{logging, up};
use crate::plan::{Overrides, Plan};
use crate::scenario::ReadError;
use crate::scenario::model::{Scenario, World};

/// What is behind the proxy is called so in the diagram and in faults.
const NAME: &str = "upstream";

/// Runs the command.
pub(super) fn run(args: &ProxyArgs) -> Result<Exit, Failure> {
    logging::install(&args.serve.log)?;
    let text = scenario(args);
    let overrides = Overrides {
        clock: Some(World::Real),
        seed: args.serve.seed,
        no_exec: true,
        ..Overrides::default()
    };
    let scenario = Scenario::parse("proxy", text.as_bytes(), None).map_err(ReadError::Wrong)?;
    let plan = Arc::new(Plan::new(scenario, overrides).map_err(ReadError::Wrong)?);
    up::serve(&plan, &args.serve)
}

/// The proxy as a scenario says it.
fn scenario(args: &ProxyArgs) -> String {
    let ProxyArgs { listen, upstream, protocol, .. } = args;
    let port = match listen {
        0 => String::new(),
        port => format!("port: {port}, "),
    };
    format!(
        "looplab: 1\nname: proxy\nservers:\n  \
         {NAME}: {{ type: external, {port}address: \"{upstream}\", protocol: {protocol} }}\n"
    )
}

//! `looplab ports`: who listens where.

use super::args::{LookArgs, PortsArgs, When};
use super::exit::{Exit, Failure};
use super::registry::{self, Process};
use super::screen;
use super::table::Table;
use crate::net::{Holder, holder_of_port, listening_ports};
use crate::render::terminal::{Style, escape};

/// Runs the command.
pub(super) fn run(args: &PortsArgs) -> Result<Exit, Failure> {
    let style = screen::style(LookArgs { color: When::Auto, ascii: false });
    let processes = registry::processes();
    let text = match args.port {
        Some(port) => format!("{}\n", escape(&held(port, &processes), style.ascii)),
        None => listed(&processes, style),
    };
    screen::print(&text)?;
    Ok(Exit::Ok)
}

/// A sentence on one port.
fn held(port: u16, processes: &[Process]) -> String {
    for process in processes {
        let served = process.endpoints.iter().find(|served| port_of(&served.address) == Some(port));
        if let Some(served) = served.filter(|_| listening_ports(process.pid).contains(&port)) {
            return format!(
                "port {port} is `{}` ({}) of scenario {}, which looplab {} serves (process {}, {})",
                served.name,
                served.kind,
                process.scenario,
                process.command,
                process.pid,
                process.file
            );
        }
    }
    match holder_of_port(port) {
        None => format!("nobody listens at port {port}"),
        Some(Holder { pid: Some(pid), command, .. }) => {
            format!("port {port} is held by {} (process {pid})", command.unwrap_or_default())
        }
        Some(_) => format!("port {port} is held by a process of another user"),
    }
}

/// A line for each server of each process.
fn listed(processes: &[Process], style: Style) -> String {
    let mut table = Table::new(&["PORT", "SERVER", "KIND", "SCENARIO", "COMMAND", "PROCESS"]);
    for process in processes {
        let listening = listening_ports(process.pid);
        for served in &process.endpoints {
            let Some(port) = port_of(&served.address).filter(|port| listening.contains(port))
            else {
                continue;
            };
            table.row(vec![
                port.to_string(),
                served.name.clone(),
                served.kind.clone(),
                process.scenario.clone(),
                process.command.clone(),
                process.pid.to_string(),
            ]);
        }
    }
    table.text(style, "no looplab run of this user listens anywhere")
}

fn port_of(address: &str) -> Option<u16> {
    address.parse::<std::net::SocketAddr>().ok().map(|address| address.port())
}

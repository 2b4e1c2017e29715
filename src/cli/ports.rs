//! `looplab ports`: who listens where.

use super::args::{LookArgs, PortsArgs, When};
use super::exit::{Exit, Failure};
use super::registry::{self, Process};
use super::screen;
use crate::net::{Holder, holder_of_port, listening_ports};
use crate::render::terminal::{DIM, Style, escape};

/// Runs the command.
pub(super) fn run(args: &PortsArgs) -> Result<Exit, Failure> {
    let style = screen::style(LookArgs { color: When::Auto, ascii: false });
    let processes = registry::processes();
    let text = match args.port {
        Some(port) => escape(&held(port, &processes), style.ascii).into_owned(),
        None => listed(&processes, style),
    };
    screen::print(&format!("{text}\n"))?;
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
    let mut rows =
        vec![["PORT", "SERVER", "KIND", "SCENARIO", "COMMAND", "PROCESS"].map(str::to_owned)];
    for process in processes {
        let listening = listening_ports(process.pid);
        for served in &process.endpoints {
            let Some(port) = port_of(&served.address).filter(|port| listening.contains(port))
            else {
                continue;
            };
            rows.push([
                port.to_string(),
                served.name.clone(),
                served.kind.clone(),
                process.scenario.clone(),
                process.command.clone(),
                process.pid.to_string(),
            ]);
        }
    }
    if rows.len() == 1 {
        return "no looplab run of this user listens anywhere".to_owned();
    }
    let mut widths = [0; 6];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut lines = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        let cells: Vec<String> =
            row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        let line = cells.join("  ").trim_end().to_owned();
        lines.push(if index == 0 {
            style.paint(&line, DIM)
        } else {
            escape(&line, style.ascii).into_owned()
        });
    }
    lines.join("\n")
}

fn port_of(address: &str) -> Option<u16> {
    address.parse::<std::net::SocketAddr>().ok().map(|address| address.port())
}

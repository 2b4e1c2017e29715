//! The command line of `looplab proxy`.

use std::net::SocketAddr;

use clap::Args;

use super::args::{ServeArgs, loopback_port};

/// `looplab proxy`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  looplab proxy 8081 8080 --protocol http            # curl 127.0.0.1:8081 reaches the server at 8080
  looplab proxy 0 127.0.0.1:6379 --protocol redis    # at a free port, which is printed
  looplab fault add '*->upstream latency=200ms'      # in another terminal

What is behind it is called `upstream`. It is `looplab up` of a scenario that has nothing else: what crosses it is \
drawn and recorded, and faults reach it in the same ways. For several, or with a timeline, write a scenario with \
servers of `type: external`.")]
pub struct ProxyArgs {
    /// Where to listen: a port of 127.0.0.1, or 0 for a free one
    #[arg(value_name = "LISTEN", value_parser = loopback_port)]
    pub listen: u16,
    /// Where the server is that it leads to: a port, or an address of loopback
    #[arg(value_name = "UPSTREAM", value_parser = upstream)]
    pub upstream: SocketAddr,
    /// What is spoken: how messages are told, and what faults on messages can do
    #[arg(long, value_name = "PROTOCOL", value_parser = ["raw", "line", "http", "redis"], default_value = "raw")]
    pub protocol: String,
    /// How it is kept up.
    #[command(flatten)]
    pub serve: ServeArgs,
}

/// An address of loopback, or a port there.
fn upstream(text: &str) -> Result<SocketAddr, String> {
    let address = match text.parse::<SocketAddr>() {
        Ok(address) => address,
        Err(_) => ([127, 0, 0, 1], loopback_port(text)?).into(),
    };
    if !address.ip().is_loopback() {
        return Err(
            "looplab leads to servers of this machine only, at a loopback address".to_owned()
        );
    }
    if address.port() == 0 {
        return Err("nobody listens at port 0".to_owned());
    }
    Ok(address)
}

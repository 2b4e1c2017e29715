//! Toxiproxy's API over `looplab up`: every answer of it by raw HTTP, every toxic by its effect, and the
//! client libraries that people have.
#![allow(clippy::unwrap_used, reason = "what goes wrong in the lab fails the test, as it should")]

#[path = "../common/tools.rs"]
#[allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]
mod tools;
#[path = "../common/up.rs"]
#[allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]
mod up;

mod api;
mod clients;
mod effects;
mod lab;

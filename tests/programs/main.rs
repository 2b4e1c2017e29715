//! The user's own programs: real ones as servers and as clients, and what they do on bad days.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "what goes wrong in the lab fails the test, as it should")]

#[path = "../cli/bench.rs"]
#[allow(dead_code, reason = "each test binary uses a part of it")]
mod bench;
#[path = "../common/tools.rs"]
#[allow(unreachable_pub, reason = "it is shared with other tests")]
mod tools;

mod lab;

mod bad_days;
mod clients;
mod faults;
mod pages;
mod real;

//! The program as people use it: every command through its executable.
#![allow(clippy::unwrap_used, reason = "what goes wrong in the bench fails the test, as it should")]

mod bench;
mod explore;
mod files;
mod help;
mod pictures;
mod ports;
mod run;
mod show;
mod step;
mod up;

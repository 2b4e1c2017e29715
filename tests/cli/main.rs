//! The program as people use it: every command through its executable.

mod bench;
mod files;
mod help;
mod ports;
mod run;
mod show;
mod step;
mod up;

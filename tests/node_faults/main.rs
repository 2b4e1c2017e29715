//! What faults do to nodes: the same scenario in both worlds, what is seen of it, and what is counted.

#[path = "../common/mod.rs"]
mod common;

mod by_hand;
mod clocks;
mod crash;
mod endings;
mod lab;
mod pause;
mod storage;
mod when;

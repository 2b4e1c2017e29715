//! Servers without a scenario around them: raw bytes in, raw bytes out, in both worlds.

mod collections;
mod connections;
mod echoes;
mod lab;
mod misbehaviour;
mod proxies;
mod redis_calls;
mod refusals;
mod routes;

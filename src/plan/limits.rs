//! What a plan may amount to. Each limit is checked before anything is run.

/// The most servers of a scenario.
pub const SERVERS_MAX: usize = 5_000;

/// The most clients of a scenario, every instance counted.
pub const CLIENTS_MAX: u64 = 10_000;

/// The most steps that the clients of a scenario have together as they are written, with the flows
/// they use put in their place; the instances of a client and the rounds of a repetition count once.
pub const STEPS_MAX: u64 = 200_000;

/// The most steps that the clients of a scenario do together, repetitions multiplied out as far as
/// the file tells their number.
pub const OPERATIONS_MAX: u64 = 1_000_000_000;

/// The highest `rate:` of a load, in arrivals a second.
pub const RATE_MAX: f64 = 1_000_000.0;

/// The most `users:` of all loads together.
pub const USERS_MAX: u64 = 100_000;

/// The most routes with `proxy_to:` of a scenario.
pub const PROXIES_MAX: usize = 500;

/// The most stages of requests passed on by proxies that are followed in the search for circles.
pub const JOURNEYS_MAX: usize = 4_000;

/// How deep flows may use flows.
pub const FLOW_DEPTH_MAX: usize = 32;

/// The most faults that `chaos:` may be expected to draw in a scenario; of more than twice as many that
/// are drawn, the rest is left out.
pub const CHAOS_FAULTS_MAX: usize = 5_000;

/// The most pairs of nodes that one partition cuts.
pub const CUT_PAIRS_MAX: u64 = 1_000_000;

/// The most programs of the user's own that a scenario starts, servers and instances of clients.
pub const PROGRAMS_MAX: u64 = 200;

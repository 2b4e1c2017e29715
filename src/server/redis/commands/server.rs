//! The server as a whole.

use std::fmt::Write;

use super::prelude::*;
use crate::server::redis::db::Db;
use crate::server::redis::engine::{EPOCH_MS, Engine};
use crate::server::redis::stats::Stats;

/// The version of Redis whose replies this server gives.
pub(super) const REDIS_VERSION: &str = "7.2.0";

pub(super) const COMMANDS: &[Command] = &[
    Command::new("info", -1, Flags::NONE, NO_KEYS, "1.0.0", info, "Tells of the server."),
    Command::new("time", 1, FAST, NO_KEYS, "2.6.0", time, "Returns the time of day."),
    Command::new("lastsave", 1, FAST, NO_KEYS, "1.0.0", lastsave, "Returns the start's time."),
    Command::new("save", 1, Flags::ADMIN, NO_KEYS, "1.0.0", ok, "Does nothing, successfully."),
    Command::new("bgsave", -1, Flags::ADMIN, NO_KEYS, "1.0.0", bgsave, "Does nothing."),
    Command::new("bgrewriteaof", 1, Flags::ADMIN, NO_KEYS, "1.0.0", bgsave, "Does nothing."),
    Command::new("role", 1, FAST, NO_KEYS, "2.8.12", role, "Tells that this is a master."),
    Command::new(
        "wait",
        3,
        Flags::NONE,
        NO_KEYS,
        "3.0.0",
        wait,
        "Answers that there are no replicas.",
    ),
    Command::container("config", "2.0.0", CONFIG, "Tells and sets parameters."),
    Command::container("memory", "4.0.0", MEMORY, "Tells of memory."),
    Command::container("slowlog", "2.2.12", SLOWLOG, "Is empty."),
    Command::container("latency", "2.8.13", LATENCY, "Is empty."),
];

const CONFIG: &[Command] = &[
    Command::new(
        "config|get",
        -3,
        Flags::ADMIN,
        NO_KEYS,
        "2.0.0",
        config_get,
        "Returns parameters.",
    ),
    Command::new("config|set", -4, Flags::ADMIN, NO_KEYS, "2.0.0", config_set, "Sets parameters."),
    Command::new("config|resetstat", 2, Flags::ADMIN, NO_KEYS, "2.0.0", resetstat, "Counts anew."),
    Command::new("config|rewrite", 2, Flags::ADMIN, NO_KEYS, "2.8.0", rewrite, "Is refused."),
    super::introspection::HELP.named("config|help"),
];

const MEMORY: &[Command] = &[
    Command::new(
        "memory|usage",
        -3,
        READ,
        (2, 2, 1),
        "4.0.0",
        usage,
        "Estimates what a key takes.",
    ),
    super::introspection::HELP.named("memory|help"),
];

const SLOWLOG: &[Command] = &[
    Command::new("slowlog|get", -2, Flags::ADMIN, NO_KEYS, "2.2.12", nothing, "Returns nothing."),
    Command::new("slowlog|len", 2, Flags::ADMIN, NO_KEYS, "2.2.12", zero, "Returns 0."),
    Command::new("slowlog|reset", 2, Flags::ADMIN, NO_KEYS, "2.2.12", ok, "Does nothing."),
    super::introspection::HELP.named("slowlog|help"),
];

const LATENCY: &[Command] = &[
    Command::new("latency|latest", 2, Flags::ADMIN, NO_KEYS, "2.8.13", nothing, "Returns nothing."),
    Command::new(
        "latency|history",
        3,
        Flags::ADMIN,
        NO_KEYS,
        "2.8.13",
        nothing,
        "Returns nothing.",
    ),
    Command::new("latency|reset", -2, Flags::ADMIN, NO_KEYS, "2.8.13", zero, "Returns 0."),
    super::introspection::HELP.named("latency|help"),
];

fn ok(call: &mut Call<'_>) -> Outcome {
    call.reply.ok();
    Ok(())
}

fn zero(call: &mut Call<'_>) -> Outcome {
    call.reply.integer(0);
    Ok(())
}

fn nothing(call: &mut Call<'_>) -> Outcome {
    call.reply.array(0);
    Ok(())
}

fn bgsave(call: &mut Call<'_>) -> Outcome {
    let text = if call.name == "bgsave" {
        "Background saving started"
    } else {
        "Background append only file rewriting started"
    };
    call.reply.simple(text);
    Ok(())
}

fn time(call: &mut Call<'_>) -> Outcome {
    let now_us = call.engine.unix_us(call.now);
    let (seconds, micros) = (now_us.div_euclid(1_000_000), now_us.rem_euclid(1_000_000));
    call.reply.array(2);
    call.reply.bulk(itoa::Buffer::new().format(seconds));
    call.reply.bulk(itoa::Buffer::new().format(micros));
    Ok(())
}

fn lastsave(call: &mut Call<'_>) -> Outcome {
    call.reply.integer(EPOCH_MS / 1000);
    Ok(())
}

fn role(call: &mut Call<'_>) -> Outcome {
    call.reply.array(3);
    call.reply.bulk("master");
    call.reply.integer(0);
    call.reply.array(0);
    Ok(())
}

fn wait(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    integer(&words[1])?;
    let timeout = integer(&words[2]);
    if timeout.map_err(|_| Refusal::new("ERR timeout is not an integer or out of range"))? < 0 {
        return Err(Refusal::NEGATIVE_TIMEOUT);
    }
    call.reply.integer(0);
    Ok(())
}

fn config_get(call: &mut Call<'_>) -> Outcome {
    let found = call.engine.config.matching(call.words.from(2).iter());
    call.reply.map(found.len());
    for (name, value) in found {
        call.reply.bulk(name);
        call.reply.bulk(value);
    }
    Ok(())
}

fn config_set(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    if words.len() % 2 == 1 {
        return Err(Refusal::SYNTAX);
    }
    for index in (2..words.len()).step_by(2) {
        call.engine.config.set(&words[index], &words[index + 1])?;
    }
    call.reply.ok();
    Ok(())
}

fn resetstat(call: &mut Call<'_>) -> Outcome {
    call.engine.stats = Stats::default();
    for db in &mut call.engine.dbs {
        (db.hits, db.misses, db.expired) = (0, 0, 0);
    }
    call.reply.ok();
    Ok(())
}

fn rewrite(_: &mut Call<'_>) -> Outcome {
    Err(Refusal::new("ERR The server is running without a config file"))
}

fn usage(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let sampled = match (words.get(3), words.len()) {
        (None, _) => true,
        (Some(option), 5) if is(option, "SAMPLES") => integer(&words[4])? >= 0,
        _ => false,
    };
    if !sampled {
        return Err(Refusal::SYNTAX);
    }
    match call.db().cost_of(&words[2]) {
        Some(bytes) => call.reply.count(bytes),
        None => call.reply.null(),
    }
    Ok(())
}

/// What writes a section of `INFO`.
type Section = fn(&Call<'_>) -> String;

const SECTIONS: [(&str, Section); 10] = [
    ("Server", info_server),
    ("Clients", info_clients),
    ("Memory", info_memory),
    ("Persistence", |_| "loading:0\r\nrdb_bgsave_in_progress:0\r\naof_enabled:0\r\n".to_owned()),
    ("Stats", info_stats),
    ("Replication", |_| {
        "role:master\r\nconnected_slaves:0\r\nmaster_failover_state:no-failover\r\n\
         master_repl_offset:0\r\n"
            .to_owned()
    }),
    ("CPU", |_| "used_cpu_sys:0.000000\r\nused_cpu_user:0.000000\r\n".to_owned()),
    ("Errorstats", info_errors),
    ("Cluster", |_| "cluster_enabled:0\r\n".to_owned()),
    ("Keyspace", info_keyspace),
];

fn info(call: &mut Call<'_>) -> Outcome {
    let wanted = call.words.from(1);
    let all = |word: &[u8]| is(word, "ALL") || is(word, "DEFAULT") || is(word, "EVERYTHING");
    let mut text = String::new();
    for (title, section) in SECTIONS {
        let named = |word: &[u8]| word.eq_ignore_ascii_case(title.as_bytes()) || all(word);
        if wanted.is_empty() || wanted.iter().any(named) {
            if !text.is_empty() {
                text.push_str("\r\n");
            }
            let _ = write!(text, "# {title}\r\n{}", section(call));
        }
    }
    call.reply.verbatim(*b"txt", text.as_bytes());
    Ok(())
}

fn info_server(call: &Call<'_>) -> String {
    let now_us = call.engine.unix_us(call.now);
    let seconds = (now_us - EPOCH_MS * 1000) / 1_000_000;
    let Engine { run_id, config, .. } = &*call.engine;
    format!(
        "redis_version:{REDIS_VERSION}\r\nredis_mode:standalone\r\nserver_name:looplab\r\n\
         looplab_version:{}\r\narch_bits:64\r\nprocess_id:1\r\nrun_id:{run_id}\r\ntcp_port:{}\r\n\
         server_time_usec:{}\r\nuptime_in_seconds:{seconds}\r\nuptime_in_days:{}\r\nhz:10\r\n\
         configured_hz:10\r\nexecutable:looplab\r\nconfig_file:\r\n",
        env!("CARGO_PKG_VERSION"),
        config.port(),
        now_us,
        seconds / 86_400,
    )
}

fn info_clients(call: &Call<'_>) -> String {
    let blocked = call.engine.other_sessions().filter(|session| session.blocked.is_some()).count();
    format!(
        "connected_clients:{}\r\nmaxclients:20000\r\nblocked_clients:{blocked}\r\n",
        call.engine.client_count()
    )
}

fn info_memory(call: &Call<'_>) -> String {
    format!(
        "used_memory:{0}\r\nused_memory_human:{0}B\r\nused_memory_dataset:{0}\r\n\
         maxmemory:{1}\r\nmaxmemory_human:{1}B\r\nmaxmemory_policy:noeviction\r\n\
         mem_allocator:rust\r\n",
        call.engine.bytes(),
        call.engine.config.memory_bytes_max()
    )
}

fn info_stats(call: &Call<'_>) -> String {
    let Engine { stats, dbs, pubsub, .. } = &*call.engine;
    let sum = |of: fn(&Db) -> u64| dbs.iter().map(of).sum::<u64>();
    format!(
        "total_connections_received:{}\r\ntotal_commands_processed:{}\r\n\
         total_error_replies:{}\r\nexpired_keys:{}\r\nevicted_keys:0\r\nkeyspace_hits:{}\r\n\
         keyspace_misses:{}\r\npubsub_channels:{}\r\npubsub_patterns:{}\r\n",
        stats.connections,
        stats.commands,
        stats.errors.values().sum::<u64>(),
        sum(|db| db.expired),
        sum(|db| db.hits),
        sum(|db| db.misses),
        pubsub.channels.len(),
        pubsub.patterns.len(),
    )
}

fn info_errors(call: &Call<'_>) -> String {
    let errors = call.engine.stats.errors.iter();
    errors.map(|(code, count)| format!("errorstat_{code}:count={count}\r\n")).collect()
}

fn info_keyspace(call: &Call<'_>) -> String {
    let filled = call.engine.dbs.iter().enumerate().filter(|(_, db)| db.len() > 0);
    filled
        .map(|(n, db)| format!("db{n}:keys={},expires={},avg_ttl=0\r\n", db.len(), db.expiring()))
        .collect()
}

//! `COMMAND`: the table of commands, told to clients.

use super::prelude::*;
use crate::base::glob;
use crate::server::redis::command::{Body, INDEX, Listed, find};

pub(super) const COMMANDS: &[Command] = &[Command {
    name: "command",
    arity: -1,
    flags: Flags::NONE,
    keys: NO_KEYS,
    since: "2.8.13",
    body: Body::Either(all, COMMAND),
    summary: "Tells of the commands there are.",
}];

const COMMAND: &[Command] = &[
    Command::new("command|count", 2, Flags::NONE, NO_KEYS, "2.8.13", count, "Counts the commands."),
    Command::new("command|docs", -2, Flags::NONE, NO_KEYS, "7.0.0", docs, "Tells what they do."),
    Command::new("command|getkeys", -4, Flags::NONE, NO_KEYS, "2.8.13", getkeys, "Finds the keys."),
    Command::new("command|info", -2, Flags::NONE, NO_KEYS, "2.8.13", info, "Describes commands."),
    Command::new("command|list", -2, Flags::NONE, NO_KEYS, "7.0.0", list, "Lists their names."),
    HELP.named("command|help"),
];

/// `HELP`, but for its name.
pub(super) const HELP: Command =
    Command::new("help", 2, Flags::NONE, NO_KEYS, "5.0.0", help, "Lists the subcommands.");

/// `COMMAND` alone.
fn all(call: &mut Call<'_>) -> Outcome {
    let further = call.engine.further_commands();
    call.reply.array(INDEX.len() + further.len());
    INDEX.iter().for_each(|listed| describe(call, *listed));
    further.iter().for_each(|name| describe_further(call, name));
    Ok(())
}

fn count(call: &mut Call<'_>) -> Outcome {
    let further = call.engine.further_commands().len();
    call.reply.count(INDEX.len() + further);
    Ok(())
}

/// `HELP` of any command with subcommands.
fn help(call: &mut Call<'_>) -> Outcome {
    let parent = call.name.split_once('|').map_or(call.name, |(parent, _)| parent);
    let subcommands = find(parent.as_bytes()).map_or(&[][..], |l| l.command.subcommands());
    let parent = parent.to_ascii_uppercase();
    call.reply.array(1 + 2 * subcommands.len());
    call.reply
        .simple(&format!("{parent} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"));
    for command in subcommands {
        call.reply.simple(&command.short_name().to_ascii_uppercase());
        call.reply.simple(&format!("    {}", command.summary));
    }
    Ok(())
}

/// A command as `COMMAND INFO` describes it.
fn describe(call: &mut Call<'_>, listed: Listed) {
    let Listed { command, group } = listed;
    let reply = &mut call.reply;
    reply.array(10);
    reply.bulk(command.name);
    reply.integer(i64::from(command.arity));
    let flags: Vec<&str> = command.flags.names().collect();
    reply.set(flags.len());
    flags.iter().for_each(|flag| reply.simple(flag));
    let (first, last, step) = command.keys;
    [first, last, step].iter().for_each(|n| reply.integer(i64::from(*n)));
    let categories = categories(command, group);
    reply.set(categories.len());
    categories.iter().for_each(|category| reply.simple(category));
    reply.array(0);
    reply.array(0);
    let subcommands = command.subcommands();
    reply.array(subcommands.len());
    for command in subcommands {
        describe(call, Listed { command, group });
    }
}

/// A command of the server's script: any number of words, and nobody knows what it does.
fn describe_further(call: &mut Call<'_>, name: &str) {
    let reply = &mut call.reply;
    reply.array(10);
    reply.bulk(name);
    reply.integer(-1);
    reply.set(0);
    (0..3).for_each(|_| reply.integer(0));
    reply.set(1);
    reply.simple("@scripting");
    (0..3).for_each(|_| reply.array(0));
}

fn categories(command: &Command, group: &str) -> Vec<String> {
    let mut categories = Vec::new();
    if command.flags.has(Flags::WRITE) {
        categories.push("@write".to_owned());
    }
    if command.flags.has(Flags::READ) {
        categories.push("@read".to_owned());
    }
    categories.push(match group {
        "generic" => "@keyspace".to_owned(),
        "transactions" => "@transaction".to_owned(),
        "sorted-set" => "@sortedset".to_owned(),
        "server" => "@admin".to_owned(),
        other => format!("@{other}"),
    });
    if command.flags.has(Flags::BLOCKING) {
        categories.push("@blocking".to_owned());
    }
    let speed = if command.flags.has(Flags::FAST) { "@fast" } else { "@slow" };
    categories.push(speed.to_owned());
    categories
}

fn info(call: &mut Call<'_>) -> Outcome {
    let names = call.words.from(2);
    if names.is_empty() {
        return all(call);
    }
    let further = call.engine.further_commands();
    call.reply.array(names.len());
    for name in names.iter() {
        let named = |other: &&String| other.as_bytes().eq_ignore_ascii_case(name);
        match (find(name), further.iter().find(named)) {
            (Some(listed), _) => describe(call, listed),
            (None, Some(further)) => describe_further(call, further),
            (None, None) => call.reply.null_array(),
        }
    }
    Ok(())
}

fn docs(call: &mut Call<'_>) -> Outcome {
    let names = call.words.from(2);
    let chosen: Vec<Listed> =
        if names.is_empty() { INDEX.clone() } else { names.iter().filter_map(find).collect() };
    let mut further = call.engine.further_commands();
    let asked =
        |name: &String| names.iter().any(|other| other.eq_ignore_ascii_case(name.as_bytes()));
    further.retain(|name| names.is_empty() || asked(name));
    call.reply.map(chosen.len() + further.len());
    for listed in chosen {
        document(call, listed.command, listed.group);
    }
    for name in further {
        call.reply.bulk(name);
        call.reply.map(3);
        let told = [
            ("summary", "A command of this server's script."),
            ("since", "1.0.0"),
            ("group", "scripting"),
        ];
        for (what, text) in told {
            call.reply.bulk(what);
            call.reply.bulk(text);
        }
    }
    Ok(())
}

/// A command's name and what `COMMAND DOCS` says of it.
fn document(call: &mut Call<'_>, command: &Command, group: &str) {
    let subcommands = command.subcommands();
    call.reply.bulk(command.name);
    call.reply.map(if subcommands.is_empty() { 3 } else { 4 });
    call.reply.bulk("summary");
    call.reply.bulk(command.summary);
    call.reply.bulk("since");
    call.reply.bulk(command.since);
    call.reply.bulk("group");
    call.reply.bulk(group);
    if !subcommands.is_empty() {
        call.reply.bulk("subcommands");
        call.reply.map(subcommands.len());
        for subcommand in subcommands {
            document(call, subcommand, group);
        }
    }
}

fn list(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let pattern = match (words.get(2), words.get(3), words.len()) {
        (None, ..) => None,
        (Some(by), Some(kind), 5) if is(by, "FILTERBY") && is(kind, "PATTERN") => words.get(4),
        _ => return Err(Refusal::SYNTAX),
    };
    let further = call.engine.further_commands();
    let names = INDEX.iter().map(|listed| listed.command.name);
    let names = names.chain(further.iter().map(String::as_str));
    let names: Vec<&str> =
        names.filter(|name| pattern.is_none_or(|pattern| glob(pattern, name.as_bytes()))).collect();
    call.reply.array(names.len());
    names.iter().for_each(|name| call.reply.bulk(name));
    Ok(())
}

fn getkeys(call: &mut Call<'_>) -> Outcome {
    let inner = call.words.from(2);
    let Some(listed) = find(&inner[0]) else {
        return Err(Refusal::new("ERR Invalid command specified"));
    };
    let command = match inner.get(1) {
        Some(name) => listed.command.subcommand(name).unwrap_or(listed.command),
        None => listed.command,
    };
    if !command.takes(inner.len()) {
        return Err(Refusal::new("ERR Invalid number of arguments specified for command"));
    }
    let (first, last, step) = command.keys;
    let (Ok(first), Ok(step)) = (usize::try_from(first), usize::try_from(step)) else {
        return Ok(());
    };
    let last = match usize::try_from(last) {
        Ok(last) => last,
        Err(_) => inner.len().saturating_sub(usize::from(last.unsigned_abs())),
    };
    if first == 0 || step == 0 {
        return Err(Refusal::new("ERR The command has no key arguments"));
    }
    let keys: Vec<&[u8]> = (first..=last).step_by(step).filter_map(|at| inner.get(at)).collect();
    call.reply.array(keys.len());
    keys.iter().for_each(|key| call.reply.bulk(key));
    Ok(())
}

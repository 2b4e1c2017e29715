//! Several commands at once, or none.

use super::prelude::*;
use crate::server::redis::session::{Queued, Transaction};

const UNQUEUED: Flags = FAST.and(Flags::UNQUEUED);

pub(super) const COMMANDS: &[Command] = &[
    Command::new("multi", 1, UNQUEUED, NO_KEYS, "1.2.0", multi, "Begins a transaction."),
    Command::new("exec", 1, Flags::UNQUEUED, NO_KEYS, "1.2.0", exec, "Executes a transaction."),
    Command::new("discard", 1, UNQUEUED, NO_KEYS, "2.0.0", discard, "Gives a transaction up."),
    Command::new("watch", -2, UNQUEUED, ALL_KEYS, "2.2.0", watch, "Guards keys until EXEC."),
    Command::new("unwatch", 1, FAST, NO_KEYS, "2.2.0", unwatch, "Guards no key any longer."),
];

fn multi(call: &mut Call<'_>) -> Outcome {
    if call.session.transaction.is_some() {
        return Err(Refusal::new("ERR MULTI calls can not be nested"));
    }
    call.session.transaction = Some(Transaction::default());
    call.reply.ok();
    Ok(())
}

fn exec(call: &mut Call<'_>) -> Outcome {
    let Some(transaction) = call.session.transaction.take() else {
        return Err(Refusal::new("ERR EXEC without MULTI"));
    };
    let broken = call
        .session
        .watched
        .iter()
        .any(|((db, key), changes)| call.engine.dbs[*db].changes(key) != *changes);
    call.engine.unwatch(call.session);
    if transaction.failed {
        return Err(Refusal::ABORTED);
    }
    if broken {
        call.reply.null_array();
        return Ok(());
    }
    call.reply.array(transaction.queue.len());
    if transaction.queue.iter().any(|(queued, _)| matches!(queued, Queued::Script)) {
        call.session.executing = Some(transaction.queue);
        return Ok(());
    }
    call.session.in_exec = true;
    for (queued, words) in &transaction.queue {
        let Queued::BuiltIn(command) = queued else { continue };
        let reply = call.reply.reborrow();
        call.engine.run(call.session, call.now, command, words.as_words(), reply);
    }
    call.session.in_exec = false;
    Ok(())
}

fn discard(call: &mut Call<'_>) -> Outcome {
    if call.session.transaction.take().is_none() {
        return Err(Refusal::new("ERR DISCARD without MULTI"));
    }
    call.engine.unwatch(call.session);
    call.reply.ok();
    Ok(())
}

fn watch(call: &mut Call<'_>) -> Outcome {
    if call.session.transaction.is_some() {
        return Err(Refusal::new("ERR WATCH inside MULTI is not allowed"));
    }
    let db = call.session.db;
    call.session.has_room_for(call.words.from(1))?;
    for key in call.words.from(1).iter() {
        let place = (db, key.into());
        if call.session.watched.contains_key(&place) {
            continue;
        }
        call.session.names_bytes += key.len();
        let changes = call.engine.dbs[db].watch(key);
        call.session.watched.insert(place, changes);
    }
    call.reply.ok();
    Ok(())
}

fn unwatch(call: &mut Call<'_>) -> Outcome {
    call.engine.unwatch(call.session);
    call.reply.ok();
    Ok(())
}

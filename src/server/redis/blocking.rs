//! Gives elements to those who wait for them, the longest first.

use super::commands::{move_one, pop_many, pop_one, reply_many};
use super::data::List;
use super::engine::{DATABASES, Engine};
use super::session::Wish;

/// Serves all who wait for a key that has been touched; a moved element may serve others in turn.
pub(super) fn serve(engine: &mut Engine) {
    for db in 0..DATABASES {
        while let Some(key) = engine.dbs[db].next_ready() {
            while serve_one(engine, db, &key) {}
        }
    }
}

/// Serves the one who has waited longest for `key`; false if there is nobody or nothing.
fn serve_one(engine: &mut Engine, db: usize, key: &[u8]) -> bool {
    let Some(id) = engine.dbs[db].first_waiting(key) else { return false };
    if !matches!(engine.dbs[db].get::<List>(key), Ok(Some(_))) {
        return false;
    }
    let blocked = engine.session(id).and_then(|session| session.blocked.as_ref());
    let Some(wish) = blocked.map(|blocked| blocked.wish.clone()) else {
        // Nobody waits without a wish; should it happen, it must not be served for ever.
        engine.dbs[db].stop_waiting(key, id);
        return true;
    };
    let database = &mut engine.dbs[db];
    match wish {
        Wish::Pop(end) => {
            let Ok(Some(element)) = pop_one(database, key, end) else { return false };
            engine.release(id, |reply| {
                reply.array(2);
                reply.bulk(key);
                reply.bulk(element);
            });
        }
        Wish::PopMany { end, count } => {
            let Ok(Some(taken)) = pop_many(database, key, end, count) else { return false };
            engine.release(id, |reply| reply_many(reply, key, &taken));
        }
        Wish::Move { from, to, target } => {
            let moved = move_one(database, (key, from), (&target, to));
            engine.release(id, |reply| match moved {
                Ok(element) => reply.bulk_or_null(element),
                Err(refusal) => reply.error(&refusal.0),
            });
        }
    }
    true
}

//! What of an http server changes while it runs.

use std::borrow::Cow;

use super::collection::Store;
use super::reply::{Prepared, Resolve};
use super::request::{Request, Scope, Vars};
use super::route::{Action, PathFit, Route};
use super::scripted;
use super::service::Answer;
use crate::base::{Diagnostic, Rng, Value};
use crate::scenario::Lookup;
use crate::scenario::model::Durable;

/// The state of a server: variables, sequences, collections, and the draws of its delays.
pub(super) struct State {
    pub(super) vars: Vars,
    /// How many requests each sequence has answered.
    answered: Vec<u64>,
    collections: Vec<Store>,
    rng: Rng,
    /// How many of the collections are older than this server.
    kept: usize,
}

/// What of an http server a crash leaves: `durable:` variables and collections.
#[derive(Default)]
pub(in crate::server) struct Kept {
    vars: Vars,
    collections: Vec<Store>,
}

impl State {
    /// The state at the start, or after a crash that left `kept`.
    pub(super) fn new(vars: Vars, rng: Rng, kept: Option<Kept>) -> State {
        let Kept { vars: kept, collections } = kept.unwrap_or_default();
        let older = collections.len();
        let mut state = State { vars, answered: Vec::new(), collections, rng, kept: older };
        kept.into_iter().for_each(|(name, value)| state.set(&name, value));
        state
    }

    /// Takes out what a crash leaves.
    pub(super) fn keep(&mut self, durable: &Durable) -> Kept {
        let vars = self.vars.extract_if(.., |(name, _)| durable.keeps(name)).collect();
        let durable = self.collections.iter_mut().filter(|store| durable.keeps(store.name()));
        let collections = durable.map(Store::take).collect();
        Kept { vars, collections }
    }

    /// True if what `route` does with a request of that method would change what is durable.
    pub(super) fn stores(&self, route: &Route, method: &str, durable: &Durable) -> bool {
        let set = route.set.iter().map(|(name, _)| name);
        let mut changed = set.chain(route.add.iter().map(|(name, _)| name));
        changed.any(|name| durable.keeps(name))
            || match route.action {
                Action::Collection(index) => {
                    !matches!(method, "GET" | "HEAD" | "OPTIONS")
                        && durable.keeps(self.collections[index].name())
                }
                _ => false,
            }
    }

    /// The index of a new sequence.
    pub(super) fn new_sequence(&mut self) -> usize {
        self.answered.push(0);
        self.answered.len() - 1
    }

    /// The index of the collection of that name, which is made if there is none; and itself, if it is to
    /// be given what it holds at the start.
    pub(super) fn collection(&mut self, name: &str) -> (usize, Option<&mut Store>) {
        let found = self.collections.iter().position(|store| store.name() == name);
        let index = found.unwrap_or_else(|| {
            self.collections.push(Store::new(name));
            self.collections.len() - 1
        });
        let new = (index >= self.kept).then(|| &mut self.collections[index]);
        (index, new)
    }

    /// What `route` does with the request, in one go.
    pub(super) fn answer<'s>(
        &mut self,
        route: &'s Route,
        fit: &PathFit<'_>,
        request: &Request<'_>,
        scenario: &(dyn Lookup + Send + Sync),
    ) -> Result<Answer<'s>, Diagnostic> {
        for (name, value) in &route.set {
            let value = value.resolve(&Scope::new(request, &self.vars, scenario))?;
            self.set(name, value);
        }
        for (name, n) in &route.add {
            self.add(name, *n)?;
        }
        let delay = route.delay.map(|delay| delay.sample(&mut self.rng)).unwrap_or_default();
        let scope = Scope::new(request, &self.vars, scenario);
        Ok(match &route.action {
            Action::Respond(prepared) => Answer::Reply(prepared.make(&scope)?, delay),
            Action::Sequence(index, items) => {
                let turn = &mut self.answered[*index];
                *turn += 1;
                Answer::Reply(whose_turn(*turn, items).make(&scope)?, delay)
            }
            Action::Collection(index) => {
                let id = match fit {
                    PathFit::Whole => None,
                    PathFit::Item(id) => Some(id.as_ref()),
                };
                let reply = self.collections[*index].answer(id, request);
                Answer::Reply(Cow::Owned(reply), delay)
            }
            Action::Proxy(target) => {
                let path = target.path.as_ref().map(|path| scope.text(path)).transpose()?;
                Answer::Proxy { target, path, delay }
            }
            Action::Script(at) => Answer::Script { at: *at, request: scripted::request(request) },
            Action::Redis(call) => {
                let words = call.words.iter().map(|word| scope.text(word));
                let words = words.collect::<Result<_, _>>()?;
                Answer::Redis { route, call, words, delay }
            }
        })
    }

    fn set(&mut self, name: &str, value: Value) {
        match self.vars.iter_mut().find(|(given, _)| given == name) {
            Some((_, old)) => *old = value,
            None => self.vars.push((name.to_owned(), value)),
        }
    }

    fn add(&mut self, name: &str, n: i64) -> Result<(), Diagnostic> {
        let old = self.vars.iter().find(|(given, _)| given == name).map(|(_, value)| value);
        let sum = match old {
            None => Value::from(n),
            Some(Value::Number(old)) => match (old.as_i64(), old.as_f64()) {
                (Some(old), _) => Value::from(old.saturating_add(n)),
                #[expect(clippy::cast_precision_loss, reason = "it is added to a float")]
                (None, Some(old)) => Value::from(old + n as f64),
                (None, None) => Value::from(n),
            },
            Some(_) => {
                let why = format!("`{name}` is not a number, so nothing can be added to it");
                return Err(Diagnostic::whole(why));
            }
        };
        self.set(name, sum);
        Ok(())
    }
}

/// The item of a sequence that answers its request number `turn`, from 1; the last one stays.
fn whose_turn(turn: u64, items: &[(u64, Prepared)]) -> &Prepared {
    let mut answered: u64 = 0;
    let due = items.iter().find(|(times, _)| {
        answered = answered.saturating_add(*times);
        turn <= answered
    });
    let (_, prepared) = due.or(items.last()).expect("a sequence has at least one item");
    prepared
}

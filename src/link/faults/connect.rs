//! What stands before a connection: cuts, refusals, slow ones.

use std::sync::Arc;
use std::time::Duration;

use super::loose::Loose;
use super::trigger::Happening;
use super::{Faults, lock};
use crate::base::{ConnId, NodeId, Rng, Time};
use crate::plan::fault::Harm;

/// A connection that is asked for.
pub(in crate::link) struct Asking {
    pub(in crate::link) conn: ConnId,
    pub(in crate::link) from: NodeId,
    pub(in crate::link) to: NodeId,
    /// `link:a->b:connect:1`.
    pub(in crate::link) link: String,
    pub(in crate::link) rng: Rng,
}

/// A fault has refused a connection, or the node is down (`None`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::link) struct Refusal(pub(in crate::link) Option<Arc<str>>);

/// What a fault does to one attempt.
struct Hindrance {
    by: Arc<Loose>,
    kind: Kind,
}

enum Kind {
    Refuses,
    Slows(Duration),
    Cuts,
    /// It has not chosen this attempt.
    Nothing,
}

/// What is to be done now.
enum Now {
    Go,
    Refused(Arc<str>),
    Wait(Option<Time>),
}

impl Faults {
    /// Waits as long as faults let a connection wait that is asked for at this moment. Triggers see it
    /// before.
    ///
    /// # Errors
    /// The fault that refuses it; none if the node is down.
    pub(in crate::link) async fn admit(&self, asking: Asking) -> Result<(), Refusal> {
        let began = self.now();
        self.happens(&Happening::Connect { from: asking.from, to: asking.to });
        let mut hindrances: Vec<Hindrance> = Vec::new();
        loop {
            let changed = self.shared.changed.notified();
            let mut changed = std::pin::pin!(changed);
            changed.as_mut().enable();
            match self.hinder(&asking, &mut hindrances, began)? {
                Now::Go => return Ok(()),
                Now::Refused(by) => return Err(Refusal(Some(by))),
                Now::Wait(until) => {
                    let passed = async {
                        match until {
                            Some(until) => self.shared.clock.sleep_until(until).await,
                            None => std::future::pending().await,
                        }
                    };
                    tokio::select! {
                        biased;
                        () = changed => {}
                        () = passed => {}
                    }
                }
            }
        }
    }

    /// The cut that a connection cannot pass which is asked for at this moment.
    pub(in crate::link) fn cuts_off(
        &self,
        conn: ConnId,
        from: NodeId,
        to: NodeId,
    ) -> Option<String> {
        if !self.is_awake() {
            return None;
        }
        let met = self.lock().on_connect(conn, from, to);
        let now = self.now();
        let cuts = |loose: &&Arc<Loose>| {
            loose.cut().is_some() && loose.opens_at(now).is_none_or(|opens| opens > now)
        };
        met.iter().find(cuts).map(|loose| loose.name.to_string())
    }

    /// The fault that refuses a connection that the system has made already, from outside.
    pub(in crate::link) fn refuses(&self, asking: &Asking) -> Option<Arc<str>> {
        self.happens(&Happening::Connect { from: asking.from, to: asking.to });
        let met = self.lock().on_connect(asking.conn, asking.from, asking.to);
        let refuses = |loose: &&Arc<Loose>| {
            matches!(loose.harm(), Some(Harm::Refuse))
                && loose.counts_in(|| asking.draws_of(loose).unit())
        };
        let by = met.iter().find(refuses)?;
        by.touch();
        Some(by.name.clone())
    }

    fn hinder(
        &self,
        asking: &Asking,
        hindrances: &mut Vec<Hindrance>,
        began: Time,
    ) -> Result<Now, Refusal> {
        let state = lock(&self.shared.state);
        if state.state_of(asking.to) == super::NodeState::Crashed {
            return Err(Refusal(None));
        }
        for by in state.on_connect(asking.conn, asking.from, asking.to) {
            if hindrances.iter().all(|one| one.by.number() != by.number()) {
                let kind = asking.hindrance(&by);
                hindrances.push(Hindrance { by, kind });
            }
        }
        let (mut longer, mut cut_until) = (Duration::ZERO, Some(began));
        for Hindrance { by, kind } in hindrances.iter().filter(|one| state.acts(&one.by)) {
            match kind {
                Kind::Refuses => return Ok(Now::Refused(by.name.clone())),
                Kind::Slows(by) => longer += *by,
                Kind::Cuts => {
                    let opens = by.opens_at(self.now());
                    cut_until = cut_until.zip(opens).map(|(one, other)| one.max(other));
                }
                Kind::Nothing => {}
            }
        }
        let now = self.now();
        let Some(cut_until) = cut_until else { return Ok(Now::Wait(None)) };
        let until = (began + longer).max(cut_until);
        Ok(if until <= now { Now::Go } else { Now::Wait(Some(until)) })
    }
}

impl Asking {
    fn draws_of(&self, loose: &Loose) -> Rng {
        loose.draws_of(&self.rng, &self.link)
    }

    /// What a fault does to this attempt; it is counted.
    fn hindrance(&self, loose: &Loose) -> Kind {
        if loose.cut().is_some() {
            // Both ways are needed: what is asked, and what is answered. One that is open at the moment
            // may be cut when its turn comes.
            loose.touch();
            return Kind::Cuts;
        }
        let mut rng = self.draws_of(loose);
        if !loose.counts_in(|| rng.unit()) {
            return Kind::Nothing;
        }
        loose.touch();
        match loose.harm() {
            Some(Harm::Refuse) => Kind::Refuses,
            Some(Harm::SlowConnect(by)) => Kind::Slows(by.sample(&mut rng)),
            _ => Kind::Nothing,
        }
    }
}

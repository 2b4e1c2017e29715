//! Who of the servers is known to connect to whom.

use std::collections::BTreeSet;

use super::Plan;
use super::paths::Paths;
use crate::base::NodeId;

impl Plan {
    /// The pairs of servers of which the scenario says that the first connects to the second: an entry of
    /// `links:` that names both, a route with `proxy_to:` or `redis:`. In ascending order.
    #[must_use]
    pub fn declared_pairs(&self) -> Vec<(NodeId, NodeId)> {
        let mut pairs = BTreeSet::new();
        for link in self.links.iter() {
            pairs.extend(link.from.iter().flat_map(|from| link.to.iter().map(|to| (*from, *to))));
        }
        for (from, to) in Paths::new(&self.servers, &[], &[]).pairs() {
            pairs.extend(self.server_named(from).zip(self.server_named(to)));
        }
        let is_server = |node: &NodeId| self.server(*node).is_some();
        pairs.retain(|(from, to)| from != to && is_server(from) && is_server(to));
        pairs.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Overrides;

    #[test]
    fn pairs_are_those_that_the_scenario_names() {
        let text = "
looplab: 1
servers:
  db: { type: redis }
  other: { type: redis }
  app:
    type: http
    routes:
      - { on: GET /a, redis: { call: db GET a, respond: { text: x } } }
      - { on: GET /b, proxy_to: front }
  front: { type: http, routes: [] }
clients:
  alice: { steps: [] }
links:
  - { from: front, to: [app, other], latency: 1ms }
  - { from: alice, to: app, latency: 1ms }
  - { from: '*', to: db, latency: 1ms }
";
        let plan = Plan::parse("x.yaml", text.as_bytes(), None, Overrides::default()).unwrap();
        let pairs = plan.declared_pairs();
        let names: Vec<String> = pairs
            .into_iter()
            .map(|(from, to)| format!("{}->{}", plan.node_name(from), plan.node_name(to)))
            .collect();
        assert_eq!(names, ["app->db", "app->front", "front->other", "front->app"]);
    }
}

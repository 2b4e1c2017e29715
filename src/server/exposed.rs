//! What a server has exposed of its state since it was started.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::base::Value;

/// The most parts of a server's state whose values are kept; further ones are told each time.
const PARTS_MAX: usize = 10_000;

/// The last value of each part of its state that a server has exposed. Cheap to clone; all clones are
/// one. A server that comes back after a crash begins with a new one.
///
/// ```
/// use looplab::base::Value;
/// let exposed = looplab::server::Exposed::default();
/// assert!(exposed.set("role", &Value::from("follower")));
/// assert!(!exposed.set("role", &Value::from("follower")), "nothing new");
/// assert!(exposed.set("role", &Value::from("leader")));
/// ```
#[derive(Debug, Clone, Default)]
pub struct Exposed {
    parts: Arc<Mutex<BTreeMap<String, Value>>>,
}

impl Exposed {
    /// Keeps the value of a part. True if that is news: it had none, or another one.
    pub fn set(&self, name: &str, value: &Value) -> bool {
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = parts.get_mut(name) {
            let is_news = known != value;
            if is_news {
                known.clone_from(value);
            }
            return is_news;
        }
        if parts.len() < PARTS_MAX {
            parts.insert(name.to_owned(), value.clone());
        }
        true
    }
}

//! Telling whoever drives a conduit to look at it again.

use std::fmt;
use std::sync::Arc;

use super::kick::RealNudge;
use super::virt::VirtualNudge;

/// Has a conduit looked at again: something other than its sender has changed what is due in it.
///
/// Cheap to clone, and it may be called under any lock and from inside the conduit itself: the conduit
/// is looked at soon after, never within the call. A conduit that is gone is none the worse for it.
#[derive(Clone, Default)]
pub struct Nudge(Kind);

#[derive(Clone, Default)]
enum Kind {
    #[default]
    Nobody,
    Virtual(VirtualNudge),
    Real(RealNudge),
    Other(Arc<dyn Fn() + Send + Sync>),
}

impl Nudge {
    /// Calls `nudge`.
    #[must_use]
    pub fn calling(nudge: impl Fn() + Send + Sync + 'static) -> Nudge {
        Nudge(Kind::Other(Arc::new(nudge)))
    }

    pub(super) fn virt(nudge: VirtualNudge) -> Nudge {
        Nudge(Kind::Virtual(nudge))
    }

    pub(super) fn real(nudge: RealNudge) -> Nudge {
        Nudge(Kind::Real(nudge))
    }

    /// Look again.
    pub fn nudge(&self) {
        match &self.0 {
            Kind::Nobody => {}
            Kind::Virtual(nudge) => nudge.nudge(),
            Kind::Real(nudge) => nudge.nudge(),
            Kind::Other(nudge) => nudge(),
        }
    }
}

impl fmt::Debug for Nudge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nudge")
    }
}

//! Steps that let faults loose, or end them, in words.

use crate::scenario::model::{Doing, Named};

/// One line.
pub(super) fn summary(doing: &Doing) -> String {
    let names = |names: &[crate::base::Located<String>]| {
        names.iter().map(|name| name.value.as_str()).collect::<Vec<_>>().join(", ")
    };
    let named = |which: &Named| match which {
        Named::All => "all".to_owned(),
        Named::These(these) => names(these),
    };
    match doing {
        Doing::Fault(fault) => format!("fault {}", fault.text),
        Doing::Heal(which) => format!("heal {}", named(which)),
        Doing::Release(which) => format!("release {}", named(which)),
        Doing::Restart(nodes) => format!("restart {}", names(nodes)),
        Doing::Resume(nodes) => format!("resume {}", names(nodes)),
        Doing::Chaos(_) => "chaos".to_owned(),
    }
}

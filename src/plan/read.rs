//! From a file to a plan, with all that is wrong told at once.
//!
//! A file that is not a scenario is checked as far as it could be read: the names it uses against those
//! it declares, and its sound entries as those of any scenario.

use std::path::Path;

use super::{Overrides, Plan, check};
use crate::base::Diagnostics;
use crate::scenario::{self, Beside, ReadError};

impl Plan {
    /// Reads and binds a scenario from the bytes of a file called `name`. Bodies that it takes from
    /// files are looked for in `folder`.
    ///
    /// # Errors
    /// All that is wrong with it, each with its place: with its form, and with what it says.
    ///
    /// ```
    /// use looplab::plan::{Overrides, Plan};
    /// let text = b"
    /// looplab: 1
    /// servers: { app: { type: http, prot: 8080 } }
    /// clients: { alice: { steps: [{ get: apj/items }] } }
    /// ";
    /// let error = Plan::parse("x.yaml", text, None, Overrides::default()).unwrap_err().to_string();
    /// assert!(error.contains("did you mean `port`?"), "{error}");
    /// assert!(error.contains("did you mean `app`?"), "{error}");
    /// ```
    pub fn parse(
        name: &str,
        bytes: &[u8],
        folder: Option<&Path>,
        overrides: Overrides,
    ) -> Result<Plan, Diagnostics> {
        Plan::parse_beside(name, bytes, Beside { folder, ..Beside::default() }, overrides)
    }

    /// Reads and binds a scenario whose scripts are given, by name: one that a trace has kept.
    ///
    /// # Errors
    /// As [`Plan::parse`].
    pub fn parse_kept(
        name: &str,
        bytes: &[u8],
        scripts: &[(String, String)],
        overrides: Overrides,
    ) -> Result<Plan, Diagnostics> {
        Plan::parse_beside(name, bytes, Beside { scripts, ..Beside::default() }, overrides)
    }

    fn parse_beside(
        name: &str,
        bytes: &[u8],
        beside: Beside<'_>,
        overrides: Overrides,
    ) -> Result<Plan, Diagnostics> {
        match scenario::parse(name, bytes, beside) {
            Ok(scenario) => Plan::new(scenario, overrides),
            Err(unread) => {
                Err(unread.diagnostics(|scenario, outline| check(scenario, outline, overrides)))
            }
        }
    }

    /// Reads and binds the scenario in a file.
    ///
    /// # Errors
    /// [`ReadError`] if the file cannot be read, or with all that is wrong with it.
    pub fn read(path: &Path, overrides: Overrides) -> Result<Plan, ReadError> {
        let bytes = scenario::contents(path)?;
        let name = path.to_string_lossy();
        Plan::parse(&name, &bytes, path.parent(), overrides).map_err(ReadError::Wrong)
    }
}

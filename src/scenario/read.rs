//! From a file's bytes to a [`Scenario`], or to what could be read of one.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::flow;
use super::form::{Beside, Form, Reading, record};
use super::lower;
use super::model::{Doing, Fault, Moment, Scenario};
use super::outline::Outline;
use super::tree::Node;
use super::yaml::{self, FILE_MAX};
use crate::base::{Diagnostic, Diagnostics, Located, Source};

/// Why a scenario could not be read from a file.
#[derive(Debug)]
pub enum ReadError {
    /// The file itself could not be read.
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The file is not a scenario.
    Wrong(Diagnostics),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadError::Io { path, error } => write!(f, "cannot read {}: {error}", path.display()),
            ReadError::Wrong(diagnostics) => diagnostics.fmt(f),
        }
    }
}

impl std::error::Error for ReadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ReadError::Io { error, .. } => Some(error),
            ReadError::Wrong(diagnostics) => Some(diagnostics),
        }
    }
}

impl Scenario {
    /// Reads a scenario from the bytes of a file called `name`. Bodies that it takes from files are
    /// looked for in `folder`.
    ///
    /// # Errors
    /// All that is wrong with its form, each at its place. What is wrong beyond that, such as a name that
    /// nothing has, only a plan can say: `Plan::parse` tells both at once.
    ///
    /// ```
    /// use looplab::scenario::model::Scenario;
    /// let scenario = Scenario::parse("empty.yaml", b"looplab: 1", None).unwrap();
    /// assert_eq!(scenario.name, "empty");
    /// let error = Scenario::parse("x.yaml", b"looplab: 1\nsevers: {}", None).unwrap_err();
    /// assert!(error.to_string().contains("did you mean `servers`?"));
    /// ```
    pub fn parse(name: &str, bytes: &[u8], folder: Option<&Path>) -> Result<Scenario, Diagnostics> {
        let beside = Beside { folder, ..Beside::default() };
        parse(name, bytes, beside).map_err(|unread| unread.diagnostics(|_, _| Vec::new()))
    }

    /// Reads a scenario from a file, of which no more than [`FILE_MAX`] bytes are looked at.
    ///
    /// # Errors
    /// [`ReadError`] if the file cannot be read or is not a scenario.
    pub fn read(path: &Path) -> Result<Scenario, ReadError> {
        let bytes = contents(path)?;
        Scenario::parse(&path.to_string_lossy(), &bytes, path.parent()).map_err(ReadError::Wrong)
    }
}

/// A file that is not a scenario.
pub(crate) struct Unread {
    source: Source,
    found: Vec<Diagnostic>,
    /// What could be read of it, if the text is YAML.
    rest: Option<Box<(Scenario, Outline)>>,
}

impl Unread {
    /// All that is wrong with the file: what was found so far, and what `more` finds in the rest of
    /// it, given the entries in which nothing is wrong and the names of all.
    pub(crate) fn diagnostics(
        self,
        more: impl FnOnce(&Scenario, &Outline) -> Vec<Diagnostic>,
    ) -> Diagnostics {
        let mut found = self.found;
        if let Some((scenario, outline)) = self.rest.as_deref() {
            found.extend(more(scenario, outline));
        }
        Diagnostics::new(self.source, found)
    }
}

/// Reads a scenario; see [`Scenario::parse`].
pub(crate) fn parse(name: &str, bytes: &[u8], beside: Beside<'_>) -> Result<Scenario, Unread> {
    let document = yaml::read(name, bytes);
    let source = document.source.clone();
    let mut reading = Reading::new(&source, beside, document.found);
    let lowered = document.root.and_then(|root| lower::lower(&root, &mut reading));
    let (found, outline) = reading.finish();
    match lowered {
        Some(mut scenario) if found.is_empty() => {
            if scenario.name.is_empty() {
                scenario.name = lower::name_from(name);
            }
            scenario.source = source;
            Ok(scenario)
        }
        rest => {
            let rest = rest.map(|scenario| Box::new((scenario, outline)));
            Err(Unread { source, found, rest })
        }
    }
}

/// What was asked for in one line, and the names that it uses.
pub(crate) struct Asked<T> {
    pub(crate) source: Source,
    pub(crate) value: T,
    pub(crate) outline: Outline,
}

/// Reads one fault, such as `{ drop: request, to: app }`, from a text that is no file.
pub(crate) fn fault(text: &str) -> Result<Asked<Fault>, Diagnostics> {
    asked("fault", text, &lower::FAULT)
}

/// Reads what is done by a moment of the timeline, such as `{ heal: all }`, from a text that is no file.
pub(crate) fn doing(text: &str) -> Result<Asked<Doing>, Diagnostics> {
    asked("act", text, &lower::doing())
}

/// Reads one entry of a timeline, such as `{ at: 1s, fault: { crash: db } }`, from a text that is no file.
pub(crate) fn moment(text: &str) -> Result<Asked<Moment>, Diagnostics> {
    asked("moment", text, &record::<Moment>())
}

/// The entries of a mapping that a text is, each value written on one line.
pub(crate) fn entries(text: &str) -> Option<Vec<(String, String)>> {
    let root = yaml::read("entries", text.as_bytes()).root?;
    let entry = |(key, value): &(Located<String>, Node)| (key.value.clone(), flow::flow(value));
    Some(root.entries()?.iter().map(entry).collect())
}

/// A mapping on one line, of entries whose values are written already.
pub(crate) fn mapping(entries: impl Iterator<Item = (String, String)>) -> String {
    flow::mapping(entries.map(|(key, value)| flow::pair(&key, &value)))
}

/// A text as it stands in a file, in quotes if it needs them.
pub(crate) fn in_yaml(text: &str) -> String {
    flow::text(text)
}

fn asked<F: Form>(name: &str, text: &str, form: &F) -> Result<Asked<F::Value>, Diagnostics> {
    let document = yaml::read(name, text.as_bytes());
    let source = document.source.clone();
    let mut reading = Reading::new(&source, Beside::default(), document.found);
    let value = document.root.and_then(|root| form.read(&root, &mut reading));
    let (mut found, outline) = reading.finish();
    match value {
        Some(value) if found.is_empty() => Ok(Asked { source, value, outline }),
        _ => {
            if found.is_empty() {
                found.push(Diagnostic::whole(format!("there is no {name} here")));
            }
            Err(Diagnostics::new(source, found))
        }
    }
}

/// The contents of a file, of which no more than [`FILE_MAX`] bytes and one are looked at.
pub(crate) fn contents(path: &Path) -> Result<Vec<u8>, ReadError> {
    let failed = |error| ReadError::Io { path: path.to_owned(), error };
    let file = File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(FILE_MAX as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

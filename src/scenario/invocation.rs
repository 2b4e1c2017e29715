//! What a program is started with, once its variables are filled in.

use std::path::{Path, PathBuf};

use super::model::{Command, Invocation};
use super::template::Lookup;
use crate::base::Diagnostic;

impl Invocation {
    /// The program and its arguments; a text becomes one for the shell.
    ///
    /// # Errors
    /// A diagnostic if a variable has no value, or if the program's name is empty.
    pub fn words(&self, scope: &dyn Lookup) -> Result<Vec<String>, Diagnostic> {
        let words = match &self.command {
            Command::Words(words) => words
                .iter()
                .map(|word| word.resolve_string(scope))
                .collect::<Result<Vec<String>, Diagnostic>>()?,
            Command::Shell(line) => {
                vec!["/bin/sh".to_owned(), "-c".to_owned(), line.resolve_string(scope)?]
            }
        };
        match words.first() {
            Some(program) if !program.is_empty() => Ok(words),
            _ => Err(Diagnostic::new("with its variables the program has no name", self.span)),
        }
    }

    /// The variables of its environment.
    ///
    /// # Errors
    /// A diagnostic if a variable has no value.
    pub fn environment(&self, scope: &dyn Lookup) -> Result<Vec<(String, String)>, Diagnostic> {
        let pair = |(name, value): &(crate::base::Located<String>, super::model::Text)| {
            Ok((name.value.clone(), value.resolve_string(scope)?))
        };
        self.env.iter().map(pair).collect()
    }

    /// The folder that it is started in, as an absolute path if the system has one to give.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        let here = Path::new(".");
        let dir = if self.dir.as_os_str().is_empty() { here } else { &self.dir };
        std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned())
    }

    /// The names of all variables that it is given.
    pub fn vars(&self) -> impl Iterator<Item = &str> {
        self.texts().flat_map(|text| text.vars()).map(|name| name.value.as_str())
    }
}

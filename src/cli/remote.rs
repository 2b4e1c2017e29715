//! Finds the run that a command is about, among those of this user that are up, and asks it.

use super::args_remote::WhichArgs;
use super::exit::{Exit, Failure};
use super::registry::{self, Process};
use super::screen;
use crate::base::Value;
use crate::control::{Access, CallError, Method, call};

/// A run that is up.
pub(super) struct Remote {
    access: Access,
}

impl Remote {
    /// The one that is meant.
    ///
    /// # Errors
    /// If there is none, or more than one and the command line does not say which.
    pub(super) fn find(which: &WhichArgs) -> Result<Remote, Failure> {
        let all: Vec<Process> = registry::processes();
        let up: Vec<(Access, Process)> =
            all.into_iter().filter_map(|process| Some((process.access()?, process))).collect();
        choose(&up, which.run.as_deref()).map(|access| Remote { access })
    }

    /// Asks it. `fault` is the text of a fault in which there may be errors.
    ///
    /// # Errors
    /// What it says.
    pub(super) fn ask(
        &self,
        method: &Method,
        path: &[&str],
        body: Option<&Value>,
        fault: &str,
    ) -> Result<Value, Failure> {
        call(&self.access, method, path, body, fault).map_err(|error| match error {
            CallError::Fault(diagnostics) => {
                Failure::Told(Exit::Wrong, diagnostics.render(screen::stderr_color()))
            }
            CallError::Io(_) => Failure::Machine(error.to_string()),
            _ => Failure::wrong(error.to_string()),
        })
    }

    /// The same with POST.
    ///
    /// # Errors
    /// As [`Remote::ask`].
    pub(super) fn post(&self, path: &[&str], body: &Value) -> Result<Value, Failure> {
        self.ask(&Method::POST, path, Some(body), "")
    }

    /// Lets a fault loose, and returns its name.
    ///
    /// # Errors
    /// All that is wrong with the text, drawn in it.
    pub(super) fn add_fault(&self, text: &str) -> Result<String, Failure> {
        let body = serde_json::json!({ "fault": text });
        let answer = self.ask(&Method::POST, &["faults"], Some(&body), text)?;
        Ok(answer["name"].as_str().unwrap_or_default().to_owned())
    }
}

/// The one of those that are up which `wanted` names, by scenario or process.
fn choose(up: &[(Access, Process)], wanted: Option<&str>) -> Result<Access, Failure> {
    let fits = |process: &Process| {
        wanted.is_none_or(|wanted| process.scenario == wanted || process.pid.to_string() == wanted)
    };
    let listed = |processes: &[&Process]| {
        let lines: Vec<String> = processes
            .iter()
            .map(|process| {
                format!("{} (process {}, {})", process.scenario, process.pid, process.file)
            })
            .collect();
        lines.join("\n  ")
    };
    let all: Vec<&Process> = up.iter().map(|(_, process)| process).collect();
    let fitting: Vec<&(Access, Process)> = up.iter().filter(|(_, process)| fits(process)).collect();
    match fitting.as_slice() {
        [(access, _)] => Ok(access.clone()),
        [] if all.is_empty() => {
            let help = "start one with `looplab up FILE`, and leave it running in its terminal";
            Err(Failure::wrong("no scenario is up").help(help))
        }
        [] => {
            let wanted = wanted.unwrap_or_default();
            let failure = Failure::wrong(format!("no scenario that is up is called `{wanted}`"));
            Err(failure.help(format!("these are up:\n  {}", listed(&all))))
        }
        several => {
            let several: Vec<&Process> = several.iter().map(|(_, process)| process).collect();
            let help =
                format!("say which with `--run` and its name or process:\n  {}", listed(&several));
            Err(Failure::wrong("more than one scenario is up").help(help))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn up(pid: u32, scenario: &str) -> (Access, Process) {
        let address = ([127, 0, 0, 1], u16::try_from(pid).unwrap()).into();
        (Access { address, token: String::new() }, Process::sample(pid, scenario))
    }

    fn chosen(all: &[(u32, &str)], wanted: Option<&str>) -> Result<u16, String> {
        let all: Vec<_> = all.iter().map(|(pid, scenario)| up(*pid, scenario)).collect();
        choose(&all, wanted).map(|access| access.address.port()).map_err(|failure| match failure {
            Failure::Wrong { message, help } => format!("{message}; {}", help.unwrap_or_default()),
            other => format!("{other:?}"),
        })
    }

    #[test]
    fn the_only_one_is_meant_and_of_several_the_one_that_is_named() {
        let (one, two) = ([(7, "shop")], [(7, "shop"), (8, "bank"), (9, "bank")]);
        assert_eq!(chosen(&one, None), Ok(7));
        assert_eq!(chosen(&two, Some("shop")), Ok(7));
        assert_eq!(chosen(&two, Some("9")), Ok(9));
    }

    #[test]
    fn otherwise_it_is_said_what_to_do() {
        let two = [(8, "bank"), (9, "bank")];
        assert!(chosen(&[], None).unwrap_err().contains("looplab up FILE"));
        for wanted in [None, Some("bank")] {
            let error = chosen(&two, wanted).unwrap_err();
            assert!(error.contains("--run") && error.contains("process 9"), "{error}");
        }
        assert!(chosen(&two, Some("shop")).unwrap_err().contains("these are up"));
        assert!(chosen(&[], Some("shop")).unwrap_err().contains("no scenario is up"));
    }
}

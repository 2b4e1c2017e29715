//! `--pcap FILE`: what `run` and `up` do, as a capture that can be watched while it is written.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use super::exit::{Exit, Failure};
use super::run::{Trace, open};
use super::screen;
use crate::plan::Plan;
use crate::render::pcapng::{Writer, decode_as};
use crate::run::{self, Endpoint};
use crate::trace::Observer;

/// A capture that is being written.
pub(super) struct Pcap {
    path: PathBuf,
    writer: Option<Writer<File>>,
    failure: Arc<OnceLock<io::Error>>,
}

impl Pcap {
    /// Begins the capture of a plan's run beside its trace, if there is to be one.
    ///
    /// # Errors
    /// If the file cannot be made or written, or another run writes it just now. The trace is gone then,
    /// for there will be no run.
    pub(super) fn create(
        path: Option<&Path>,
        plan: &Plan,
        trace: &Trace,
    ) -> Result<Option<Pcap>, Failure> {
        let Some(path) = path else { return Ok(None) };
        let pcap = Pcap::begin(path, plan);
        if pcap.is_err() {
            let _ = fs::remove_file(&trace.path);
        }
        pcap.map(Some)
    }

    fn begin(path: &Path, plan: &Plan) -> Result<Pcap, Failure> {
        let file = open(path).map_err(|error| Failure::io("write", path, &error))?;
        let Some(file) = file else { return Err(taken(path)) };
        let mut writer = Writer::new(&run::header(plan), file);
        let failure = writer.failure();
        writer.flush();
        let pcap = Pcap { path: path.to_owned(), writer: Some(writer), failure };
        pcap.check()?;
        Ok(pcap)
    }

    /// Who writes it while the run goes on; once.
    pub(super) fn observer(&mut self) -> Option<Box<dyn Observer>> {
        self.writer.take().map(|writer| -> Box<dyn Observer> { Box::new(writer) })
    }

    /// Fails if the capture could not be written.
    ///
    /// # Errors
    /// The first thing that went wrong.
    pub(super) fn check(&self) -> Result<(), Failure> {
        match self.failure.get() {
            Some(error) => Err(Failure::io("write", &self.path, error)),
            None => Ok(()),
        }
    }

    /// Takes the file away again: the run could not begin.
    pub(super) fn remove(&self) {
        if fs::metadata(&self.path).is_ok_and(|about| about.is_file()) {
            let _ = fs::remove_file(&self.path);
        }
    }

    /// Where it is.
    pub(super) fn path(&self) -> String {
        self.path.display().to_string()
    }

    /// How to read what these servers say, where Wireshark does not find it out by itself.
    pub(super) fn advice(path: &Path, endpoints: &[Endpoint]) -> String {
        let options = endpoints.iter().filter_map(|at| decode_as(at.kind, at.address.port()));
        let options: Vec<String> = options.take(OPTIONS_MAX).collect();
        match options.is_empty() {
            true => String::new(),
            false => format!("  wireshark {} {}\n\n", options.join(" "), path.display()),
        }
    }
}

/// The most options that are told.
const OPTIONS_MAX: usize = 10;

fn taken(path: &Path) -> Failure {
    let message = format!("cannot write {}: another run is writing it", path.display());
    Failure::Told(
        Exit::Machine,
        screen::error_text(&message, Some("name another file with --pcap")),
    )
}

//! `looplab explore FILE`: a search for the failing schedule, its report, and a repro of what was found.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::args_explore::ExploreArgs;
use super::atomic;
use super::exit::{Exit, Failure};
use super::explore_futures;
use super::explore_progress::Progress;
use super::explore_report::{self, Written};
use super::explore_shard;
use super::folder;
use super::logging;
use super::screen;
use super::signals::Stop;
use crate::explore::{
    Findings, Options, Origin, Over, ReproError, Search, Shard, Shrunk, Sought, Strategy, repro,
};
use crate::plan::{Overrides, Plan};
use crate::run::RunError;
use crate::scenario::model::World;

/// How many runs are made if nobody says.
const RUNS: u64 = 1_000;

/// Runs the command.
pub(super) fn run(args: &ExploreArgs) -> Result<Exit, Failure> {
    logging::install(&args.log)?;
    if !args.merge.is_empty() {
        return merge(args);
    }
    let file = args.file.as_deref().unwrap_or(Path::new(""));
    let plan = read(file, args.seed)?;
    let stop = Stop::on_signals();
    stop.listens();
    if args.from.is_some() || args.point_of_no_return {
        return explore_futures::run(args, &plan, &stop, jobs(args));
    }
    let options = options(args, &plan)?;
    let failed = |error: RunError| super::run::machine_said_no(&error, &plan);
    let search = Search::new(&plan, &options.strategies, stop.token()).map_err(failed)?;
    let mut progress = Progress::searching(options.own_runs(), options.jobs);
    let ended = search.run(&options, |findings| progress.search(findings));
    progress.end();
    let (findings, over) = ended.map_err(failed)?;
    if let Some(shard) = args.shard {
        let at = args.out.clone().unwrap_or_else(|| PathBuf::from("."));
        let made = explore_shard::Made { file, plan: &plan, options: &options, shard };
        explore_shard::write(&at, &made, &findings)?;
    }
    let told = Told { args, file, plan: &plan, search: &search, options: &options, stop: &stop };
    told.tell(&findings, over)
}

/// Puts the results of shards together.
fn merge(args: &ExploreArgs) -> Result<Exit, Failure> {
    let merged = explore_shard::read(&args.merge)?;
    let file = args.file.clone().unwrap_or_else(|| PathBuf::from(&merged.file));
    let plan = read(&file, Some(merged.seed))?;
    explore_shard::is_of(&merged, &plan, &file)?;
    let stop = Stop::on_signals();
    stop.listens();
    let options = Options {
        strategies: merged.strategies.clone(),
        runs: merged.runs,
        jobs: jobs(args),
        ..options(args, &plan)?
    };
    let failed = |error: RunError| super::run::machine_said_no(&error, &plan);
    let search = Search::new(&plan, &options.strategies, stop.token()).map_err(failed)?;
    let told =
        Told { args, file: &file, plan: &plan, search: &search, options: &options, stop: &stop };
    told.tell(&merged.findings, merged.over)
}

/// The plan of a search.
pub(super) fn read(file: &Path, seed: Option<u64>) -> Result<Arc<Plan>, Failure> {
    let clock = Some(World::Virtual);
    let overrides = Overrides { clock, seed, searches: true, ..Overrides::default() };
    folder::read_plan(file, overrides)
}

fn jobs(args: &ExploreArgs) -> usize {
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    args.jobs.map_or_else(cores, usize::from)
}

fn options(args: &ExploreArgs, plan: &Plan) -> Result<Options, Failure> {
    let strategies = match args.strategy.is_empty() {
        true => Strategy::ALL.map(|(strategy, _)| strategy).to_vec(),
        false => args.strategy.clone(),
    };
    let wanted = |word: &String| {
        Sought::parse(word, plan).map_err(|why| Failure::wrong(format!("--check {word}: {why}")))
    };
    Ok(Options {
        runs: args.runs.or((args.time.is_none() && !args.until_found).then_some(RUNS)),
        time: args.time,
        jobs: jobs(args),
        until_found: args.until_found,
        strategies,
        only: args.check.iter().map(wanted).collect::<Result<_, _>>()?,
        shard: args.shard.unwrap_or(Shard::WHOLE),
    })
}

/// What is said of a search that is over.
struct Told<'a> {
    args: &'a ExploreArgs,
    file: &'a Path,
    plan: &'a Plan,
    search: &'a Search,
    options: &'a Options,
    stop: &'a Stop,
}

impl Told<'_> {
    fn tell(&self, findings: &Findings, over: Over) -> Result<Exit, Failure> {
        let style = screen::style(self.args.look);
        let report =
            explore_report::Report { plan: self.plan, options: self.options, findings, over };
        if !self.args.json {
            screen::print(&report.head(style))?;
        }
        let written = self.repros(findings)?;
        match self.args.json {
            true => screen::print(&report.json(&written))?,
            false => screen::print(&report.found(&written, style))?,
        }
        if over == Over::Stopped || self.stop.is_asked() {
            return Ok(self.stop.exit());
        }
        Ok(match findings.groups.is_empty() == self.args.expect_failure {
            true => Exit::Failed,
            false => Exit::Ok,
        })
    }

    /// Makes the first failures small and writes them.
    fn repros(&self, findings: &Findings) -> Result<Vec<Option<Written>>, Failure> {
        // A part of a search leaves that to whoever puts the parts together.
        if self.args.shard.is_some() {
            return Ok(Vec::new());
        }
        let groups = &findings.groups[..findings.groups.len().min(self.args.repros)];
        let folder = self.file.parent().map(Path::to_owned);
        let origin = Origin { name: self.file.to_string_lossy().into_owned(), folder };
        let mut progress = Progress::begin(None);
        if !groups.is_empty() {
            progress.shrink(0, groups.len());
        }
        let shrunk = self.search.shrink_all(groups, &origin, self.options.jobs, |done| {
            progress.shrink(done, groups.len());
        });
        progress.end();
        let mut written: Vec<Option<Written>> = Vec::new();
        for shrunk in shrunk {
            let file = match shrunk {
                None => None,
                Some(shrunk) => Some(self.write(shrunk, &origin, &written)?),
            };
            written.push(file);
        }
        Ok(written)
    }

    /// Writes a repro under the first number that is free, or under which the same was written before: no search
    /// writes over what another one found. `taken` is what this one has written.
    fn write(
        &self,
        shrunk: Shrunk,
        origin: &Origin,
        taken: &[Option<Written>],
    ) -> Result<Written, Failure> {
        let body = repro(&shrunk, origin).map_err(|error| self.no_repro(error))?;
        if let Some(folder) = &self.args.out {
            fs::create_dir_all(folder)
                .map_err(|error| Failure::io("make the folder", folder, &error))?;
        }
        let mut number = 0;
        loop {
            number += 1;
            let path = self.repro_path(number);
            if taken.iter().flatten().any(|other| other.path == path) {
                continue;
            }
            let text = format!("# looplab replay {}\n{body}", path.display());
            match fs::read(&path) {
                Ok(there) if there == text.as_bytes() => return Ok(Written { path, shrunk }),
                Ok(_) => continue,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(Failure::io("read", &path, &error)),
            }
            atomic::write(&path, text.as_bytes())
                .map_err(|error| Failure::io("write", &path, &error))?;
            return Ok(Written { path, shrunk });
        }
    }

    /// Where a repro goes: `FILE.repro-1.yaml`.
    fn repro_path(&self, number: usize) -> PathBuf {
        let stem = self.file.file_stem().unwrap_or_default().to_string_lossy();
        let name = format!("{stem}.repro-{number}.yaml");
        match &self.args.out {
            Some(out) => out.join(name),
            None => self.file.with_file_name(name),
        }
    }

    fn no_repro(&self, error: ReproError) -> Failure {
        match error {
            ReproError::Wrong(found) => {
                Failure::Told(Exit::Wrong, found.render(screen::stderr_color()))
            }
            ReproError::Run(error) => super::run::machine_said_no(&error, self.plan),
        }
    }
}

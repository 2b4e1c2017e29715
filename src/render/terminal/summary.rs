//! What a run came to, on one screen.

use std::collections::BTreeMap;

use anstyle::Style as Ink;

use super::describe::{load_words, mark};
use super::failure::{self, Indent};
use super::faults::Known;
use super::moment::took;
use super::style::{BAD, BOLD, DIM, FAULT, GOOD, PLAIN, Style, WARN};
use super::tally::{LinkTally, Outcomes, Tally, per_second};
use super::text::{self, escape, plural, thousands};
use crate::base::units::show_bytes;
use crate::base::{Source, Time};
use crate::render::harm;
use crate::trace::{Header, Outcome};

/// The summary at the end of a run.
pub struct Closing<'a> {
    /// With which characters and colours.
    pub style: Style,
    /// What was run.
    pub header: &'a Header,
    /// The scenario's text.
    pub source: &'a Source,
    /// What it came to.
    pub tally: &'a Tally,
    /// The run's verdict; `None` if it was cut short.
    pub outcome: Option<Outcome>,
    /// Further lines: where the trace is, how to run it again.
    pub pointers: Vec<(&'a str, String)>,
    /// Whether only what failed is told.
    pub brief: bool,
    /// Whether a fault that touched nothing is worth a warning.
    pub warns_unused: bool,
    /// What stands beneath verdicts, by their numbers: see [`Tally::contradictions`] and [`Tally::breaks`].
    pub beneath: BTreeMap<usize, String>,
}

/// How far what stands beneath a verdict is to the right, in columns.
pub const BENEATH: usize = 14;

/// The most links that are shown; the busiest.
const LINKS_SHOWN: usize = 12;

/// The most faults that are shown of those that touched something, and of those that did not.
const FAULTS_SHOWN: usize = 20;

/// The widest name of a fault that stands in its column.
const FAULT_NAME_MAX: usize = 24;

/// The columns of `12 messages touched`.
const TOUCHED: usize = 19;

/// The least of what a fault does that is worth showing, in columns.
const TEXT_MIN: usize = 12;

/// The most verdicts that are shown of those that hold.
const HELD_SHOWN: usize = 20;

impl Closing<'_> {
    /// Appends the summary.
    pub fn write(&self, out: &mut String) {
        if !self.brief {
            self.figures(out);
            self.links(out);
        }
        self.loads(out);
        self.faults(out);
        self.scripts(out);
        self.verdicts(out);
        self.verdict(out);
        for (name, value) in &self.pointers {
            let name = self.style.paint(&text::pad(name, NAME), DIM);
            out.push_str(&format!("  {name}{value}\n"));
        }
    }

    fn figures(&self, out: &mut String) {
        let tally = self.tally;
        let time = tally.last.since(Time::ZERO);
        // An attempt that was refused is told as one and made no connection.
        let made = tally.connections.saturating_sub(tally.refused);
        let mut parts = vec![
            plural(tally.messages, "message", "messages"),
            show_bytes(tally.bytes),
            plural(made, "connection", "connections"),
        ];
        for (count, what) in [
            (tally.refused, "refused"),
            (tally.resets, "reset"),
            (tally.astray, "not delivered"),
            (tally.changed, "changed"),
        ] {
            if count > 0 {
                parts.push(format!("{} {what}", thousands(count)));
            }
        }
        let clock = &self.header.clock;
        let mut line = format!("{} in {}", parts.join(", "), took(time));
        line.push_str(&format!(" ({clock} clock, seed {})", self.header.seed));
        if let Some(rate) = per_second(tally.messages, time).filter(|_| tally.messages >= RATED_MIN)
        {
            line.push_str(&format!(", {rate:.0}/s"));
        }
        failure::paragraph(&line, BOLD, self.indent(2), out);
        out.push('\n');
    }

    fn links(&self, out: &mut String) {
        let tally = self.tally;
        if tally.links.is_empty() {
            return;
        }
        let mut links: Vec<_> = tally.links.iter().collect();
        links.sort_by_key(|(_, link)| link.order);
        let hidden = links.len().saturating_sub(LINKS_SHOWN);
        if hidden > 0 {
            links.sort_by_key(|(_, link)| std::cmp::Reverse(link.requests + link.replies));
        }
        let to = self.style.glyphs().to;
        let name = |group: usize| escape(tally.groups.name(group), self.style.ascii).into_owned();
        let mut rows = vec![HEADS.map(str::to_owned)];
        for &(&(from, whom), link) in links.iter().take(LINKS_SHOWN) {
            rows.push(cells(format!("{} {to} {}", name(from), name(whom)), link));
        }
        table(&rows, self.style, out);
        if hidden > 0 {
            let words = format!("and {}", plural(hidden as u64, "more link", "more links"));
            out.push_str(&format!("  {}\n", self.style.paint(&words, DIM)));
        }
        if tally.others.requests > 0 {
            let words =
                format!("and {} requests on further ones", thousands(tally.others.requests));
            out.push_str(&format!("  {}\n", self.style.paint(&words, DIM)));
        }
        out.push('\n');
    }

    fn loads(&self, out: &mut String) {
        for (at, load) in &self.tally.loads {
            let client = self.header.nodes.get(load.client.index()).map_or("", |node| &node.name);
            let title = format!("{client}: {}", load_words(load, *at));
            let ink = if load.failed > 0 { WARN } else { PLAIN };
            failure::paragraph(&escape(&title, self.style.ascii), ink, self.indent(2), out);
            if let Some(latency) = &load.latency {
                let named: Vec<String> = latency
                    .named()
                    .iter()
                    .map(|(name, duration)| format!("{name} {}", took(*duration)))
                    .collect();
                failure::paragraph(&named.join("  "), PLAIN, self.indent(4), out);
            }
        }
        if !self.tally.loads.is_empty() {
            out.push('\n');
        }
    }

    /// What the faults touched; of those that touched nothing the place, if that is worth a warning.
    fn faults(&self, out: &mut String) {
        let faults = &self.tally.faults;
        let told = || faults.known.iter().filter(|fault| fault.told);
        let warned = |fault: &&Known| self.warns_unused && fault.is_unused();
        let unused = told().filter(warned).count();
        if (told().next().is_none() && faults.others == 0) || (self.brief && unused == 0) {
            return;
        }
        let used = told().count() - told().filter(|fault| fault.is_unused()).count();
        self.faults_counted(used, told().count() - used, out);
        let calm: Vec<&Known> =
            told().filter(|fault| !warned(fault)).filter(|_| !self.brief).collect();
        let names = calm.iter().take(FAULTS_SHOWN).map(|fault| text::width(&fault.name));
        let names = names.max().unwrap_or(0).min(FAULT_NAME_MAX);
        for fault in calm.iter().take(FAULTS_SHOWN) {
            self.fault(fault, names, out);
        }
        for fault in told().filter(warned).take(FAULTS_SHOWN) {
            self.unused(fault, out);
        }
        let hidden = [calm.len(), unused].map(|count| count.saturating_sub(FAULTS_SHOWN));
        let hidden = hidden.iter().sum::<usize>() as u64 + faults.others;
        if hidden > 0 {
            let words = format!("and {} more", thousands(hidden));
            out.push_str(&format!("{}{}\n", " ".repeat(2 + NAME), self.style.paint(&words, DIM)));
        }
    }

    fn faults_counted(&self, used: usize, unused: usize, out: &mut String) {
        let name = self.style.paint(&text::pad("faults", NAME), DIM);
        let ink = if self.warns_unused { WARN } else { PLAIN };
        let parts: Vec<String> = [(used, "used", PLAIN), (unused, "unused", ink)]
            .iter()
            .filter(|(count, ..)| *count > 0)
            .map(|(count, what, ink)| {
                self.style.paint(&format!("{} {what}", thousands(*count as u64)), *ink)
            })
            .collect();
        out.push_str(&format!("  {name}{}\n", parts.join(", ")));
    }

    /// A fault in one line, its name in so many columns.
    fn fault(&self, fault: &Known, names: usize, out: &mut String) {
        let style = self.style;
        let ellipsis = style.glyphs().ellipsis;
        let mark = style.paint(&style.glyphs().dot.to_string(), FAULT);
        let name = escape(&fault.name, style.ascii);
        let name = text::pad(&text::cut(&name, names, ellipsis), names);
        let touched = harm::touched(fault.touched, fault.unit);
        let words = format!("{name}  {}", text::pad(&touched, TOUCHED));
        let left = style.width.saturating_sub(4 + NAME + text::width(&words) + 2);
        let what = escape(&fault.text, style.ascii);
        let what = if left < TEXT_MIN { "".into() } else { text::cut(&what, left, ellipsis) };
        let line = format!("{mark} {words}  {}", style.paint(&what, DIM));
        out.push_str(&format!("{}{}\n", " ".repeat(2 + NAME), line.trim_end()));
    }

    /// A fault that touched nothing, with its place.
    fn unused(&self, fault: &Known, out: &mut String) {
        let why = match (fault.began, fault.unit.words()) {
            (true, (one, _)) => format!("no {one} fitted"),
            (false, _) => "it was never let loose".to_owned(),
        };
        let mut title = format!("{} touched nothing: {why}", fault.name);
        if fault.span.is_none() {
            title.push_str(&format!(" {}", fault.text));
        }
        let unknown = self.style.glyphs().unknown;
        failure::title(unknown, WARN, &title, self.indent(2 + NAME), out);
        if let Some(span) = fault.span {
            failure::place(self.source, span, "", self.indent(4 + NAME), out);
        }
    }

    /// The steps and the checks: what failed with its place.
    fn verdicts(&self, out: &mut String) {
        let tally = self.tally;
        if tally.steps.total() > 0 && (!self.brief || tally.steps.failed > 0) {
            self.counted("steps", tally.steps, out);
        }
        if tally.checks.total() > 0 && (!self.brief || tally.checks.failed > 0) {
            self.counted("checks", tally.checks, out);
        }
        let mut held = 0;
        for (number, verdict) in tally.verdicts.iter().enumerate() {
            if verdict.outcome == Outcome::Ok {
                held += 1;
                if self.brief || held > HELD_SHOWN {
                    continue;
                }
            }
            let (mark, ink) = mark(verdict.outcome, self.style);
            let title = format!("{}: {}", verdict.check, verdict.text);
            failure::title(mark, ink, &title, self.indent(2 + NAME), out);
            if verdict.outcome != Outcome::Ok {
                failure::place(self.source, verdict.span, "", self.indent(BENEATH), out);
            }
            if let Some(beneath) = self.beneath.get(&number) {
                out.push_str(&format!("\n{beneath}\n"));
            }
        }
    }

    fn counted(&self, name: &str, outcomes: Outcomes, out: &mut String) {
        let name = self.style.paint(&text::pad(name, NAME), DIM);
        let mut parts = Vec::new();
        for (count, what, ink) in [
            (outcomes.ok, "ok", GOOD),
            (outcomes.failed, "failed", BAD),
            (outcomes.forgiven, "failed and forgiven", WARN),
            (outcomes.unknown, "unknown", WARN),
        ] {
            if count > 0 {
                parts.push(self.style.paint(&format!("{} {what}", thousands(count)), ink));
            }
        }
        out.push_str(&format!("  {name}{}\n", parts.join(", ")));
    }

    fn verdict(&self, out: &mut String) {
        let (words, ink): (&str, Ink) = match self.outcome {
            Some(Outcome::Ok) => ("all holds", GOOD.bold()),
            Some(Outcome::Failed) => ("failed", BAD),
            Some(Outcome::Unknown) => ("undecided", WARN.bold()),
            None => ("cut short", WARN.bold()),
        };
        let name = self.style.paint(&text::pad("verdict", NAME), DIM);
        let why = self.tally.end.as_ref().map_or("", |(_, why)| why.as_str());
        let why = escape(why, self.style.ascii);
        let words = self.style.paint(words, ink);
        let why = if why.is_empty() { String::new() } else { format!(": {why}") };
        out.push_str(&format!("  {name}{words}{why}\n"));
    }

    pub(super) fn indent(&self, columns: usize) -> Indent {
        Indent { columns, style: self.style }
    }
}

/// The width of the names on the left.
pub(super) const NAME: usize = 10;

/// Rates of fewer messages than this say nothing.
const RATED_MIN: u64 = 1_000;

const HEADS: [&str; 9] = ["link", "requests", "replies", "p50", "p95", "p99", "max", "bytes", ""];

fn cells(name: String, link: &LinkTally) -> [String; 9] {
    let percentile = |percent| link.latencies.percentile(percent).map(took).unwrap_or_default();
    let remarks: Vec<String> = [(link.refused, "refused"), (link.astray, "not delivered")]
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{} {what}", thousands(*count)))
        .collect();
    [
        name,
        thousands(link.requests),
        thousands(link.replies),
        percentile(50.0),
        percentile(95.0),
        percentile(99.0),
        percentile(100.0),
        show_bytes(link.bytes),
        remarks.join(", "),
    ]
}

/// A table: names and remarks begin on the left, numbers end on the right.
fn table(rows: &[[String; 9]], style: Style, out: &mut String) {
    let mut widths = [0; 9];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = text::width(cell).max(*width);
        }
    }
    let others: usize = widths[1..8].iter().sum::<usize>() + 2 * 7 + 2;
    widths[0] = widths[0].min(style.width.saturating_sub(others).max(12));
    for (index, row) in rows.iter().enumerate() {
        let first = text::cut(&row[0], widths[0], style.glyphs().ellipsis);
        let mut line = format!("  {}", text::pad(&first, widths[0]));
        for (cell, width) in row.iter().zip(widths).take(8).skip(1) {
            line.push_str("  ");
            line.push_str(&text::pad_left(cell, width));
        }
        let ink = if index == 0 { DIM } else { PLAIN };
        out.push_str(&style.paint(line.trim_end(), ink));
        if !row[8].is_empty() {
            out.push_str(&style.paint(&format!("  {}", row[8]), BAD));
        }
        out.push('\n');
    }
}

//! The picture itself.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use crate::base::units::show_duration;
use crate::base::{NodeId, Seq, Time};
use crate::trace::Outcome;

use super::flight::Flight;
use super::labels::{self, Anchor, Room, Spot, note_room};
use super::layout::{
    CHAR, HEAD, LEFT, Layout, NOTE, Place, TITLE, Tick, columns_in, columns_px, half_box,
};
use super::lives;
use super::scene::{Arrow, ItemKind, Note, NoteKind, Scene, TITLE_WIDTH_MAX, cut, width};
use super::text::{STYLE, STYLE_OF_FAULTS, Unit, escape, wrap};

/// How many colours connections have; further ones begin again.
const COLORS: usize = 8;

/// The height of a line of the list of checks.
const LINE: f64 = 19.0;

/// The whole document.
pub(super) fn picture(scene: &Scene<'_>, layout: &Layout) -> String {
    let checks = check_lines(scene, layout);
    let lines: usize = checks.iter().map(|(_, lines)| lines.len()).sum();
    let below = if lines == 0 { 0.0 } else { 30.0 + columns_px(lines) / CHAR * LINE };
    let height = layout.bottom + HEAD + 22.0 + below + 14.0;
    let mut painter = Painter { scene, layout, out: String::new() };
    painter.begin(height);
    painter.lives();
    painter.axis();
    painter.lifelines();
    painter.bars();
    let items = || scene.items.iter().zip(&layout.places);
    for (item, place) in items() {
        match &item.kind {
            ItemKind::Arrow(arrow) => painter.arrow(arrow, item.at, *place),
            ItemKind::Band(_) => painter.band_line(*place),
            ItemKind::Note(_) => {}
        }
    }
    // Over all arrows, so that none runs through them.
    let spots = labels::spots(scene, layout);
    for ((item, place), spot) in items().zip(&spots) {
        match &item.kind {
            ItemKind::Arrow(arrow) => spot.iter().for_each(|spot| painter.label(arrow, spot)),
            ItemKind::Note(note) => painter.note(note, *place),
            ItemKind::Band(band) => painter.band_words(band, *place),
        }
    }
    painter.fold();
    painter.checks(&checks, layout.bottom + HEAD + 22.0 + 24.0);
    painter.out.push_str("</svg>\n");
    painter.out
}

pub(super) struct Painter<'a> {
    pub(super) scene: &'a Scene<'a>,
    pub(super) layout: &'a Layout,
    out: String,
}

impl Painter<'_> {
    pub(super) fn put(&mut self, text: &str) {
        self.out.push_str(text);
        self.out.push('\n');
    }

    fn begin(&mut self, height: f64) {
        let header = self.scene.header;
        let width = self.layout.width;
        let name = escape(&header.scenario);
        let faults = if self.scene.has_faults { STYLE_OF_FAULTS } else { "" };
        self.put(&format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
             viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\" aria-label=\"{name}\">"
        ));
        self.put(&format!("<title>{name}</title>\n<style>{STYLE}{faults}</style>"));
        self.put("<rect class=\"page\" width=\"100%\" height=\"100%\" rx=\"10\"/>");
        self.put(&format!(
            "<text class=\"ink title\" x=\"28\" y=\"40\">{}</text>",
            escape(&cut(&header.scenario, TITLE_WIDTH_MAX))
        ));
        let messages = match self.scene.messages {
            1 => "1 message".to_owned(),
            count => format!("{count} messages"),
        };
        let took = show_duration(self.scene.until.since(Time::ZERO));
        self.put(&format!(
            "<text class=\"dim\" x=\"28\" y=\"61\">{} clock · seed {} · {messages} · {took}</text>",
            escape(&header.clock),
            header.seed
        ));
        if let Some((outcome, _)) = &self.scene.end {
            let (class, word) = (outcome_class(*outcome), outcome.as_str());
            let pill = columns_px(word.len()) + 26.0;
            let x = width - 28.0 - pill;
            self.put(&format!(
                "<rect class=\"{class}\" x=\"{x:.1}\" y=\"25\" width=\"{pill:.1}\" height=\"24\" rx=\"12\"/>\
                 <text class=\"pill mid\" x=\"{:.1}\" y=\"41\">{word}</text>",
                x + pill / 2.0
            ));
        }
    }

    fn axis(&mut self) {
        let unit = Unit::of(self.scene.until);
        let (x, top, bottom) = (LEFT - 20.0, TITLE + HEAD, self.layout.bottom);
        self.put(&format!(
            "<text class=\"dim small end\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            x - 8.0,
            top - 18.0,
            unit.name()
        ));
        self.put(&format!("<path class=\"rule\" d=\"M{x:.1} {top:.1}V{bottom:.1}\"/>"));
        let layout = self.layout;
        for tick in &layout.ticks {
            match tick {
                Tick::At { y, time } => self.put(&format!(
                    "<path class=\"rule\" d=\"M{:.1} {y:.1}h4\"/>\
                     <text class=\"dim small end\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                    x - 4.0,
                    x - 8.0,
                    y + 3.5,
                    unit.show(*time)
                )),
                Tick::Pause { y, nanos } => {
                    let passed = show_duration(Duration::from_nanos(*nanos));
                    let right = layout.width - 28.0;
                    self.put(&format!(
                        "<path class=\"rule\" stroke-dasharray=\"1 5\" d=\"M{x:.1} {y:.1}H{right:.1}\"/>\
                         <text class=\"dim small end\" x=\"{:.1}\" y=\"{:.1}\">+{passed}</text>",
                        x - 8.0,
                        y + 3.5
                    ));
                }
            }
        }
    }

    fn lifelines(&mut self) {
        let layout = self.layout;
        let scene = self.scene;
        let standings = lives::of_nodes(scene, layout);
        for column in &layout.columns {
            let (x, bottom) = (column.x, layout.bottom);
            self.lifeline(column.node, &standings);
            for y in [TITLE, bottom] {
                let name = scene.header.node_name(column.node);
                let half = half_box(name);
                let (class, round) =
                    if scene.is_server(column.node) { ("head", 6.0) } else { ("who", HEAD / 2.0) };
                self.put(&format!(
                    "<rect class=\"{class}\" x=\"{:.1}\" y=\"{y:.1}\" width=\"{:.1}\" \
                     height=\"{HEAD}\" rx=\"{round}\"/>",
                    x - half,
                    2.0 * half
                ));
                self.put(&format!(
                    "<text class=\"ink name mid\" x=\"{x:.1}\" y=\"{:.1}\">{}</text>\
                     <text class=\"dim small mid\" x=\"{x:.1}\" y=\"{:.1}\">{}</text>",
                    y + 20.0,
                    escape(name),
                    y + 34.5,
                    escape(scene.kind(column.node))
                ));
            }
        }
    }

    /// Where a server has a request and has not answered it yet.
    fn bars(&mut self) {
        let (scene, layout) = (self.scene, self.layout);
        let mut came: BTreeMap<Seq, (NodeId, f64)> = BTreeMap::new();
        for (item, place) in scene.items.iter().zip(&layout.places) {
            let ItemKind::Arrow(arrow) = &item.kind else { continue };
            if let (Some(seq), true) = (arrow.seq, arrow.came) {
                came.insert(seq, (arrow.to, place.to));
            }
            let asked = arrow.cause.and_then(|cause| came.get(&cause));
            if let Some((node, y)) = asked
                && *node == arrow.from
                && arrow.is_reply
                && *y < place.from
            {
                let (x, height) = (layout.x(*node) - 4.0, place.from - y);
                let color = scene.color(arrow.conn) % COLORS;
                self.put(&format!(
                    "<rect class=\"f{color}\" opacity=\".28\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"8\" \
                     height=\"{height:.1}\" rx=\"2\"/>"
                ));
            }
        }
    }

    fn arrow(&mut self, arrow: &Arrow, at: Time, place: Place) {
        let color = self.scene.color(arrow.conn) % COLORS;
        let told = escape(&told(self.scene, arrow, at));
        let reply = if arrow.is_reply { " reply" } else { "" };
        let Flight { x1, y1, x2, y2, angle, bend, .. } = Flight::of(self.layout, arrow, place);
        let way = if bend == 0.0 {
            format!("L{x2:.1} {y2:.1}")
        } else {
            format!("h{bend}q8 0 8 8V{:.1}q0 8 -8 8H{x2:.1}", y2 - 8.0)
        };
        self.put(&format!(
            "<g><title>{told}</title><path class=\"line s{color}{reply}\" d=\"M{x1:.1} {y1:.1}{way}\"/>\
             <circle class=\"f{color}\" cx=\"{x1:.1}\" cy=\"{y1:.1}\" r=\"2.6\"/>"
        ));
        if arrow.arrived.is_some() && bend == 0.0 {
            // It came as another: before its head.
            let part = 22.0 / (x2 - x1).abs().max(44.0);
            let (x, y) = (x2 - part * (x2 - x1), y2 - part * (y2 - y1));
            self.put(&format!(
                "<path class=\"fault\" d=\"M{x:.1} {:.1}l5 5l-5 5l-5 -5z\"/>",
                y - 5.0
            ));
        }
        let head = if arrow.came {
            let twice = if arrow.twice { "M-9 0L-19 -4.2L-16.5 0L-19 4.2Z" } else { "" };
            format!("<path class=\"f{color}\" d=\"M0 0L-10 -4.2L-7.5 0L-10 4.2Z{twice}\"")
        } else {
            "<path class=\"badline\" d=\"M-5 -5L5 5M-5 5L5 -5\"".to_owned()
        };
        self.put(&format!(
            "{head} transform=\"translate({x2:.1} {y2:.1}) rotate({angle:.2})\"/></g>"
        ));
    }

    fn label(&mut self, arrow: &Arrow, spot: &Spot) {
        let Spot { words, anchor, x, y, turn } = spot;
        let came = arrow.came && words.arrived.is_none();
        let gone = if came { "" } else { " class=\"gone\"" };
        let mut text = format!("<tspan{gone}>{}</tspan>", escape(&words.label));
        if let Some(arrived) = &words.arrived {
            let _ = write!(text, "<tspan dx=\"7\">→ {}</tspan>", escape(arrived));
        }
        if let Some(tag) = &words.tag {
            let class = if arrow.harmed { "fault" } else { "bad" };
            let _ = write!(text, "<tspan class=\"{class} small\" dx=\"7\">{}</tspan>", escape(tag));
        }
        let anchor = match anchor {
            Anchor::Start => "",
            Anchor::Middle => " mid",
            Anchor::End => " end",
        };
        self.put(&format!(
            "<text class=\"ink label{anchor}\" transform=\"translate({x:.1} {y:.1}) \
             rotate({turn:.2})\" y=\"-5\">{text}</text>"
        ));
    }

    fn note(&mut self, note: &Note, place: Place) {
        let Room { left, top: y, right, .. } = note_room(self.layout, note, place);
        let sign = Painter::sign(note.kind, left + 10.0, y + 8.0);
        let class = match note.kind {
            NoteKind::Wrong | NoteKind::Crash { wanted: false } => "note",
            NoteKind::Said => "who",
            _ => "told",
        };
        self.put(&format!(
            "<rect class=\"{class}\" x=\"{left:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{NOTE}\" \
             rx=\"5\"/>{sign}<text class=\"ink\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            right - left,
            left + 27.0,
            y + 16.0,
            escape(&note.text)
        ));
    }

    fn fold(&mut self) {
        let Some((_, y)) = self.layout.fold else { return };
        let text = format!("{} more, not drawn", self.scene.folded);
        let half = columns_px(width(&text)) / 2.0 + 14.0;
        let (left, right) = (LEFT - 20.0, self.layout.width - 28.0);
        let middle = f64::midpoint(left, right);
        self.put(&format!(
            "<path class=\"rule\" stroke-dasharray=\"8 6\" d=\"M{left:.1} {:.1}H{right:.1}M{left:.1} \
             {:.1}H{right:.1}\"/><rect class=\"page\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" \
             height=\"20\"/><text class=\"dim mid\" x=\"{middle:.1}\" y=\"{:.1}\">{text}</text>",
            y - 4.0,
            y + 4.0,
            middle - half,
            y - 10.0,
            2.0 * half,
            y + 4.0
        ));
    }

    fn checks(&mut self, checks: &[(Outcome, Vec<String>)], top: f64) {
        let mut y = top;
        for (outcome, lines) in checks {
            let class = outcome_class(*outcome);
            let sign = match outcome {
                Outcome::Ok => "✓",
                Outcome::Failed => "✗",
                Outcome::Unknown => "?",
            };
            self.put(&format!("<text class=\"{class} name\" x=\"28\" y=\"{y:.1}\">{sign}</text>"));
            for line in lines {
                self.put(&format!(
                    "<text class=\"ink\" x=\"46\" y=\"{y:.1}\">{}</text>",
                    escape(line)
                ));
                y += LINE;
            }
        }
    }
}

/// What is told when the pointer rests on an arrow.
fn told(scene: &Scene<'_>, arrow: &Arrow, at: Time) -> String {
    let name = |node| scene.header.node_name(node);
    let mut out = match arrow.seq {
        Some(seq) => format!("#{} {}", seq.0, arrow.label),
        None => arrow.label.clone(),
    };
    if let Some(arrived) = &arrow.arrived {
        let _ = write!(out, " → {arrived}");
    }
    let _ = write!(
        out,
        "\n{} → {} on {}\nsent {} us, ",
        name(arrow.from),
        name(arrow.to),
        arrow.conn,
        arrow.sent.to_micros_string()
    );
    match &arrow.tag {
        Some(tag) => out.push_str(tag),
        None => out.push_str("delivered"),
    }
    let took = show_duration(at.since(arrow.sent));
    let _ = write!(out, " {} us ({took} later)", at.to_micros_string());
    out
}

fn outcome_class(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Ok => "good",
        Outcome::Failed => "bad",
        Outcome::Unknown => "open",
    }
}

/// The list of checks, and why the run failed, in lines that fit.
fn check_lines(scene: &Scene<'_>, layout: &Layout) -> Vec<(Outcome, Vec<String>)> {
    let columns = columns_in(layout.width - 46.0 - 28.0).max(20);
    let mut checks: Vec<(Outcome, Vec<String>)> = Vec::new();
    for (outcome, text) in &scene.checks {
        checks.push((*outcome, wrap(text, columns)));
    }
    if scene.checks_left_out > 0 {
        checks.push((Outcome::Unknown, vec![format!("and {} more checks", scene.checks_left_out)]));
    }
    match &scene.end {
        Some((outcome, text)) if !text.is_empty() => checks.push((*outcome, wrap(text, columns))),
        Some(_) => {}
        None => checks.push((Outcome::Unknown, vec!["the trace has no end".into()])),
    }
    checks
}

//! `looplab fault add|list|rm`, `partition`, `isolate`, `heal`: faults of a run that is up.

use super::args_remote::{
    FaultAddArgs, FaultArgs, FaultCommand, FaultListArgs, FaultRmArgs, HealArgs, IsolateArgs,
    PartitionArgs,
};
use super::exit::{Exit, Failure};
use super::remote::Remote;
use super::screen;
use super::table::Table;
use crate::base::Value;
use crate::base::units::show_duration;
use crate::control::Method;
use crate::scenario::Shorthand;
use std::time::Duration;

/// Runs `looplab fault`.
pub(super) fn run(args: &FaultArgs) -> Result<Exit, Failure> {
    match &args.command {
        FaultCommand::Add(args) => add(args),
        FaultCommand::List(args) => list(args),
        FaultCommand::Rm(args) => rm(args),
        FaultCommand::Release(args) => release(args),
    }
}

fn add(args: &FaultAddArgs) -> Result<Exit, Failure> {
    let text = text(args)?;
    let name = Remote::find(&args.which)?.add_fault(&text)?;
    screen::print(&format!("{name}\n"))?;
    Ok(Exit::Ok)
}

/// The fault as one text, with what the options say of it.
fn text(args: &FaultAddArgs) -> Result<String, Failure> {
    if let Some(link) = args.words.iter().find(|word| word.ends_with('-') && word.len() > 1) {
        let help = format!("quote the link, for the shell takes `>` for itself: '{link}>db'");
        return Err(Failure::wrong(format!("`{link}` is half of a link")).help(help));
    }
    let text = match args.words.as_slice() {
        [first, ..] if first.starts_with('{') => args.words.join(" "),
        words => Shorthand::line_of_words(words),
    };
    let options = [("for", &args.lasts), ("name", &args.name)];
    let said = options.iter().filter_map(|(key, value)| Some((key, value.as_ref()?)));
    let trimmed = text.trim_end();
    Ok(match trimmed.strip_suffix('}').filter(|_| trimmed.starts_with('{')) {
        Some(open) => {
            let said: String = said.map(|(key, value)| format!(", {key}: {value}")).collect();
            format!("{}{said} }}", open.trim_end())
        }
        None => said.fold(text, |text, (key, value)| format!("{text} {key}={value}")),
    })
}

fn list(args: &FaultListArgs) -> Result<Exit, Failure> {
    let answer = Remote::find(&args.which)?.ask(&Method::GET, &["faults"], None, "")?;
    let shown = |fault: &&Value| !args.in_force || fault["in_force"] == true;
    let faults: Vec<&Value> =
        answer["faults"].as_array().into_iter().flatten().filter(shown).collect();
    if args.json {
        screen::print(&format!("{:#}\n", serde_json::json!(faults)))?;
        return Ok(Exit::Ok);
    }
    let style = screen::style(args.look);
    let mut table = Table::new(&["NAME", "FAULT", "SINCE", "TOUCHED"]);
    for fault in faults {
        table.row(vec![
            fault["name"].as_str().unwrap_or_default().to_owned(),
            fault["fault"].as_str().unwrap_or_default().to_owned(),
            since(fault),
            fault["touched"].as_u64().unwrap_or_default().to_string(),
        ]);
    }
    screen::print(&table.text(style, "there is no fault"))?;
    Ok(Exit::Ok)
}

/// `12s ago`, or `-` for a fault that is not in force.
fn since(fault: &Value) -> String {
    match fault["for_us"].as_u64() {
        None => "-".to_owned(),
        // Nobody wants it to the microsecond.
        Some(us) if us < 1_000_000 => {
            format!("{} ago", show_duration(Duration::from_millis(us / 1_000)))
        }
        Some(us) => format!("{} ago", show_duration(Duration::from_secs(us / 1_000_000))),
    }
}

fn rm(args: &FaultRmArgs) -> Result<Exit, Failure> {
    let remote = Remote::find(&args.which)?;
    let answer = match args.name.as_str() {
        "all" => remote.ask(&Method::DELETE, &["faults"], None, "")?,
        name => remote.ask(&Method::DELETE, &["faults", name], None, "")?,
    };
    ended(&answer)
}

fn release(args: &FaultRmArgs) -> Result<Exit, Failure> {
    let body = match args.name.as_str() {
        "all" => serde_json::json!({}),
        name => serde_json::json!({ "faults": [name] }),
    };
    Remote::find(&args.which)?.post(&["release"], &body)?;
    Ok(Exit::Ok)
}

/// Runs `looplab heal`.
pub(super) fn heal(args: &HealArgs) -> Result<Exit, Failure> {
    let remote = Remote::find(&args.which)?;
    let body = match args.names.as_slice() {
        [] => serde_json::json!({}),
        names => serde_json::json!({ "faults": names }),
    };
    ended(&remote.post(&["heal"], &body)?)
}

/// Says which faults are over.
fn ended(answer: &Value) -> Result<Exit, Failure> {
    let names = answer["ended"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let names: Vec<&str> = names.collect();
    screen::print(&match names.as_slice() {
        [] => "nothing was in force\n".to_owned(),
        names => format!("over: {}\n", names.join(", ")),
    })?;
    Ok(Exit::Ok)
}

/// Runs `looplab partition`.
pub(super) fn partition(args: &PartitionArgs) -> Result<Exit, Failure> {
    let sides: Vec<String> = args.sides.iter().map(|side| listed(side)).collect();
    cut(&format!("partition: [{}]", sides.join(", ")), &args.cut)
}

/// Runs `looplab isolate`.
pub(super) fn isolate(args: &IsolateArgs) -> Result<Exit, Failure> {
    cut(&format!("isolate: {}", listed(&args.names.join(","))), &args.cut)
}

/// `a,b` as a list of the language.
fn listed(names: &str) -> String {
    let names: Vec<&str> = names.split(',').map(str::trim).collect();
    format!("[{}]", names.join(", "))
}

fn cut(what: &str, args: &super::args_remote::CutArgs) -> Result<Exit, Failure> {
    let mut text = format!("{{ {what}");
    for (key, value) in [("for", &args.lasts), ("name", &args.name)] {
        if let Some(value) = value {
            text.push_str(&format!(", {key}: {value}"));
        }
    }
    if args.lose {
        text.push_str(", traffic: lose");
    }
    text.push_str(" }");
    let name = Remote::find(&args.which)?.add_fault(&text)?;
    screen::print(&format!("{name}\n"))?;
    Ok(Exit::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args_remote::WhichArgs;

    fn joined(words: &[&str], lasts: Option<&str>, name: Option<&str>) -> Result<String, Failure> {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        let (lasts, name) = (lasts.map(str::to_owned), name.map(str::to_owned));
        text(&FaultAddArgs { words, lasts, name, which: WhichArgs { run: None } })
    }

    #[test]
    fn options_become_words_of_the_fault() {
        let short = joined(&["app->db", "latency=200ms"], Some("2s"), Some("slow"));
        assert_eq!(short.unwrap(), "app->db latency=200ms for=2s name=slow");
        let flow = joined(&["{ drop: request, from: app }"], Some("2s"), Some("slow"));
        assert_eq!(flow.unwrap(), "{ drop: request, from: app, for: 2s, name: slow }");
        let quoted = joined(&["app->db", "drop", "match=GET *"], Some("2s"), None);
        assert_eq!(quoted.unwrap(), "app->db drop match=\"GET *\" for=2s");
        let both = joined(&["app->db latency=1s", "jitter=1ms"], None, None);
        assert_eq!(both.unwrap(), "app->db latency=1s jitter=1ms");
    }

    #[test]
    fn a_link_whose_arrow_the_shell_took_is_told_so() {
        let Err(Failure::Wrong { help: Some(help), .. }) = joined(&["app-", "drop"], None, None)
        else {
            panic!("half a link is no fault")
        };
        assert!(help.contains("'app->db'"), "{help}");
    }
}

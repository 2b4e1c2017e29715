//! Faults that somebody asks for while a run goes on: read, judged and bound as those of the file.

use std::sync::Arc;

use super::check::Site;
use super::{Binder, Namer};
use crate::base::{Diagnostic, Diagnostics, Located, Span};
use crate::plan::Plan;
use crate::plan::fault::{Act, Fault};
use crate::plan::findings::Findings;
use crate::plan::names::{self, Names};
use crate::plan::paths::Paths;
use crate::plan::vars::Checker;
use crate::scenario::model::{self, Doing, Named};
use crate::scenario::{self, Outline, Section, Shorthand};

impl Plan {
    /// The fault that `text` says: `{ latency: 200ms, from: app, to: db }`. It stands nowhere in the file.
    /// Without a name it gets one that `taken` does not know, by its verb: `latency.2`.
    ///
    /// # Errors
    /// All that is wrong with it, with places in `text`.
    ///
    /// ```
    /// use looplab::plan::{Overrides, Plan};
    /// let text = b"looplab: 1\nservers: { db: { type: redis } }";
    /// let plan = Plan::parse("x.yaml", text, None, Overrides::default()).unwrap();
    /// let fault = plan.fault("{ drop: request, to: db, nth: 3 }", &|_| false).unwrap();
    /// assert_eq!(fault.name, "drop.1");
    /// let error = plan.fault("{ drop: request, to: bd }", &|_| false).unwrap_err();
    /// assert!(error.to_string().contains("did you mean `db`?"));
    /// ```
    pub fn fault(&self, text: &str, taken: &dyn Fn(&str) -> bool) -> Result<Fault, Diagnostics> {
        let asked = scenario::fault(text)?;
        let found = self.judge(&asked.outline, |site, findings| {
            site.fault(&asked.value, None, findings);
        });
        self.named(&asked.value, found, taken)
            .map_err(|found| Diagnostics::new(asked.source, found))
    }

    /// The fault that somebody typed, as [`Plan::fault`] reads it or in short: `app->db latency=200ms`; see
    /// [`Shorthand`].
    ///
    /// # Errors
    /// All that is wrong with it, with places in `line`.
    pub fn typed_fault(
        &self,
        line: &str,
        taken: &dyn Fn(&str) -> bool,
    ) -> Result<Fault, Diagnostics> {
        let typed = Shorthand::read(line)?;
        self.fault(typed.yaml(), taken).map_err(|wrong| typed.told(wrong))
    }

    /// What `text` says is done: `{ heal: all }`, `{ restart: db }`, `{ fault: { crash: db } }`. `taken`
    /// knows the names of all faults that there are.
    ///
    /// # Errors
    /// All that is wrong with it, with places in `text`.
    pub fn act_of(&self, text: &str, taken: &dyn Fn(&str) -> bool) -> Result<Act, Diagnostics> {
        let asked = scenario::doing(text)?;
        let wrong = |found| Diagnostics::new(asked.source.clone(), found);
        if let Doing::Fault(fault) = &asked.value {
            let found =
                self.judge(&asked.outline, |site, findings| site.fault(fault, None, findings));
            return self.named(fault, found, taken).map(Arc::new).map(Act::Start).map_err(wrong);
        }
        let mut found = self.judge(&asked.outline, |_, _| {});
        if let Doing::Heal(Named::These(names)) | Doing::Release(Named::These(names)) = &asked.value
        {
            let strangers = names.iter().filter(|name| !taken(name));
            found.extend(strangers.map(|name| {
                Diagnostic::new(format!("no fault is called `{}`", name.value), name.span)
            }));
        }
        match Binder::new(self).act(&asked.value, None) {
            Some(act) if found.is_empty() => Ok(act),
            _ => Err(wrong(found)),
        }
    }

    /// The bound fault with its name, unless something is wrong.
    fn named(
        &self,
        fault: &model::Fault,
        mut found: Vec<Diagnostic>,
        taken: &dyn Fn(&str) -> bool,
    ) -> Result<Fault, Vec<Diagnostic>> {
        if let Some(name) = fault.name.as_ref().filter(|name| taken(name)) {
            let what = format!("a fault is called `{}` already", name.value);
            found.push(Diagnostic::new(what, name.span));
        }
        if !found.is_empty() {
            return Err(found);
        }
        let known = self.faults.iter().map(|fault| fault.name.clone());
        let mut namer = Namer::new(known);
        let name = match &fault.name {
            Some(name) => name.value.clone(),
            None => loop {
                let name = namer.next(fault.kind.verb());
                if !taken(&name) {
                    break name;
                }
            },
        };
        let fault = Binder::new(self).fault(fault, name, None);
        Ok(Fault { span: None, ..fault })
    }

    /// What is wrong with the names that were used, and what `more` finds.
    fn judge(
        &self,
        used: &Outline,
        more: impl FnOnce(&Site<'_>, &mut Findings),
    ) -> Vec<Diagnostic> {
        let whole = |names: Vec<Located<String>>| Section { names, whole: true };
        let vars = self.vars.iter().map(|(name, _)| Located::new(name.clone(), Span::default()));
        let outline = Outline {
            servers: whole(self.servers.iter().map(|server| server.name.clone()).collect()),
            clients: whole(self.clients.iter().map(|client| client.name.clone()).collect()),
            flows: whole(self.flows.iter().map(|flow| flow.name.clone()).collect()),
            vars: whole(vars.collect()),
            mentions: used.mentions.clone(),
            whole: true,
            ..Outline::default()
        };
        let (servers, clients, flows) = (&self.servers, &self.clients, &self.flows);
        let mut findings = Findings::default();
        let names = Names::new(servers, clients, flows, &outline, &mut findings);
        names::check(&outline, &names, &mut findings);
        let checker = Checker::new(&names);
        let paths = Paths::new(servers, clients, flows);
        // What is not in the file may be done by hand.
        let site =
            Site { servers, clients, flows, names: &names, checker: &checker, paths, known: None };
        more(&site, &mut findings);
        // A second place lies in the scenario's file, not in this text.
        findings.into_vec().into_iter().map(|found| Diagnostic { related: None, ..found }).collect()
    }
}

//! What writes values as JSON, for what that takes.

use std::sync::Arc;

use mlua::{Lua, Table, Value};

use super::json::{Marks, Writer};
use super::meter::{Meter, rate};

/// What writes values as JSON, and charges it. Cheap to clone.
#[derive(Clone)]
pub(super) struct Scribe {
    marks: Marks,
    meter: Arc<Meter>,
    /// The most bytes that are written.
    bytes_max: usize,
}

/// The text, or why the value has no form in JSON.
pub(super) type Written = Result<Vec<u8>, String>;

impl Scribe {
    pub(super) fn new(marks: &Marks, meter: &Arc<Meter>, bytes_max: usize) -> Scribe {
        Scribe { marks: marks.clone(), meter: meter.clone(), bytes_max }
    }

    /// A value.
    ///
    /// # Errors
    /// The script has used up what it may.
    pub(super) fn value(&self, lua: &Lua, value: &Value) -> mlua::Result<Written> {
        self.write(lua, 0, |writer, out| writer.encode(value, out))
    }

    /// A value that is told to the world.
    ///
    /// # Errors
    /// As above.
    pub(super) fn act(&self, lua: &Lua, value: &Value) -> mlua::Result<Written> {
        self.write(lua, rate::ACT, |writer, out| writer.encode(value, out))
    }

    /// The fields of a message.
    ///
    /// # Errors
    /// As above.
    pub(super) fn message(&self, lua: &Lua, message: &Table) -> mlua::Result<Written> {
        self.write(lua, rate::ACT, |writer, out| writer.fields(message, out))
    }

    fn write(
        &self,
        lua: &Lua,
        least: usize,
        write: impl FnOnce(&Writer<'_>, &mut Vec<u8>) -> Result<(), String>,
    ) -> mlua::Result<Written> {
        let mut out = Vec::new();
        let writer = Writer::new(&self.marks, self.bytes_max);
        let written = write(&writer, &mut out);
        self.meter.charge(lua, least + writer.cost(out.len()))?;
        Ok(written.map(|()| out))
    }
}

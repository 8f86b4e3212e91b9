//! What a process wrote into its log, for people: they are told why it ended, not shown a file of JSON.

use serde_json::Value;
use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::Path,
};

/// Most lines of a log that are shown.
const SHOWN: usize = 8;

/// The last lines that a log holds beyond its first `from` bytes; nothing if it cannot be read.
pub(super) fn end(file: &Path, from: u64) -> String {
    let read = || {
        let mut log = File::open(file)?;
        log.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        log.read_to_end(&mut bytes).map(|_| bytes)
    };
    let text = String::from_utf8_lossy(&read().unwrap_or_default()).into_owned();
    let lines: Vec<String> = text.lines().map(line).collect();
    lines[lines.len().saturating_sub(SHOWN)..].join("\n")
}

/// `WARN message (field: value)` of an event in JSON; anything else as it is.
fn line(text: &str) -> String {
    let Ok(Value::Object(event)) = serde_json::from_str(text) else { return text.to_owned() };
    let (Some(level), Some(fields)) = (event.get("level").and_then(Value::as_str), event.get("fields"))
    else {
        return text.to_owned();
    };
    let message = fields.get("message").map(word).unwrap_or_default();
    let others = fields.as_object().into_iter().flatten().filter(|(name, _)| *name != "message");
    let others: Vec<String> = others.map(|(name, value)| format!("{name}: {}", word(value))).collect();
    let others = if others.is_empty() { String::new() } else { format!(" ({})", others.join(", ")) };
    format!("{level} {message}{others}")
}

fn word(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_log_is_of_this_start_and_reads_like_text() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("worker.log");
        let before = "{\"level\":\"INFO\",\"fields\":{\"message\":\"yesterday\"}}\n";
        let now = "{\"level\":\"WARN\",\"fields\":{\"message\":\"link.down: away\",\"why\":\"a\\nhint: b\",\"slot\":1}}\n\
                   tombola-worker: slot 0 cannot work\n{\"other\": 1}\n";
        std::fs::write(&file, format!("{before}{now}")).unwrap();
        assert_eq!(
            end(&file, before.len() as u64),
            "WARN link.down: away (slot: 1, why: a\nhint: b)\ntombola-worker: slot 0 cannot work\n{\"other\": 1}"
        );
        assert_eq!(end(&folder.path().join("none.log"), 0), "");
    }

    #[test]
    fn no_more_than_the_last_lines_are_shown() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("worker.log");
        let lines: Vec<String> = (1..=20).map(|n| n.to_string()).collect();
        std::fs::write(&file, lines.join("\n")).unwrap();
        assert_eq!(end(&file, 0), lines[12..].join("\n"));
    }
}

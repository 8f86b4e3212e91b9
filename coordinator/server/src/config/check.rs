//! What is wrong with settings that are right by themselves.

use super::{Bytes, Config, Limits, Listen, Workers};
use tombola_wire::{CHUNK, MAX_MESSAGE};

/// Every contradiction, each a paragraph.
pub(super) fn contradictions(config: &Config) -> Vec<String> {
    let mut mistakes = Vec::new();
    if !config.listen.is_local() && !config.insecure {
        mistakes.push(open_address(&config.listen));
    }
    mistakes.extend(workers(&config.workers));
    mistakes.extend(limits(&config.limits));
    mistakes
}

fn open_address(listen: &Listen) -> String {
    format!(
        "`listen` is {listen}, which other machines can reach, and this version has neither TLS nor tokens (a later \
         one will)\nhint: listen on 127.0.0.1 and reach it through an SSH tunnel, or set `insecure = true` \
         (`--insecure`) if everyone on that network may run anything here"
    )
}

fn workers(workers: &Workers) -> Vec<String> {
    let mut mistakes = Vec::new();
    let Workers { heartbeat, term, pause, longest_pause, .. } = workers;
    let least = super::Span(heartbeat.0.saturating_mul(3));
    if *term < least {
        mistakes.push(format!(
            "`workers.term` is {term}, less than three heartbeats of {heartbeat}: one lost packet would cost a \
             lease\nhint: raise `workers.term` to at least {least}"
        ));
    }
    if longest_pause < pause {
        mistakes.push(format!(
            "`workers.longest_pause` is {longest_pause}, less than the first pause, `workers.pause` ({pause})"
        ));
    }
    mistakes
}

fn limits(limits: &Limits) -> Vec<String> {
    let mut mistakes = Vec::new();
    let Limits { query_bytes, message, backlog, .. } = limits;
    if query_bytes > message {
        mistakes.push(format!(
            "`limits.query_bytes` ({query_bytes}) is more than a message may hold (`limits.message`, {message})"
        ));
    }
    if backlog < message {
        mistakes.push(format!(
            "`limits.backlog` ({backlog}) is less than one message may hold (`limits.message`, {message})"
        ));
    }
    // A chunk of an artifact has to fit, with some words around it.
    let (least, most) = (Bytes(2 * CHUNK as u64), Bytes(MAX_MESSAGE as u64));
    if *message < least {
        mistakes.push(format!("`limits.message` is {message}, but uploads need at least {least}"));
    }
    if *message > most {
        mistakes
            .push(format!("`limits.message` is {message}, but workers and clients accept at most {most}"));
    }
    mistakes
}

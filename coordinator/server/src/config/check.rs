//! What is wrong with settings that are right by themselves.

use super::{Bytes, Config, Limits, Tls, Uploads, Workers};
use crate::artifacts::LEAST;
use tombola_wire::{CHUNK, MAX_MESSAGE};

/// Every contradiction, each a paragraph.
pub(super) fn contradictions(config: &Config) -> Vec<String> {
    let mut mistakes = Vec::new();
    mistakes.extend(access(config));
    mistakes.extend(workers(&config.workers));
    mistakes.extend(limits(&config.limits));
    mistakes.extend(uploads(&config.uploads, config.limits.artifact));
    mistakes
}

fn access(config: &Config) -> Vec<String> {
    let mut mistakes = Vec::new();
    let Tls { cert, key, client_ca: _ } = &config.tls;
    if cert.is_some() != key.is_some() {
        mistakes.push(
            "`tls.cert` and `tls.key` belong together, and only one is given\nhint: give both, or neither: the \
             coordinator then makes its own"
                .to_owned(),
        );
    }
    if config.insecure && (config.tokens || config.tls != Tls::default()) {
        mistakes.push(
            "`insecure` lets everybody in, and `tls` or `tokens` do not\nhint: leave out `insecure` (`--insecure`)"
                .to_owned(),
        );
    }
    mistakes
}

fn workers(workers: &Workers) -> Vec<String> {
    let mut mistakes = Vec::new();
    let Workers { heartbeat, term, stuck_after, pause, longest_pause, .. } = workers;
    let least = super::Span(heartbeat.0.saturating_mul(3));
    if *term < least {
        mistakes.push(format!(
            "`workers.term` is {term}, less than three heartbeats of {heartbeat}: one lost packet would cost a \
             lease\nhint: raise `workers.term` to at least {least}"
        ));
    }
    let least = super::Span(term.0.saturating_mul(2));
    if *stuck_after < least {
        mistakes.push(format!(
            "`workers.stuck_after` is {stuck_after}, less than twice `workers.term` ({term}): heartbeats may be late by as \
             much as a term\nhint: it has to be longer than the longest step of any job, and at least {least}"
        ));
    }
    if longest_pause < pause {
        mistakes.push(format!(
            "`workers.longest_pause` is {longest_pause}, less than the first pause, `workers.pause` ({pause})"
        ));
    }
    mistakes
}

fn uploads(uploads: &Uploads, artifact: Bytes) -> Option<String> {
    let unnamed = uploads.unnamed;
    if unnamed < LEAST {
        return Some(format!(
            "`uploads.unnamed` is {unnamed}, and each upload counts as {LEAST} or more: all would be refused for ever\nhint: \
             raise `uploads.unnamed`"
        ));
    }
    (unnamed < artifact).then(|| {
        format!(
            "`uploads.unnamed` is {unnamed}, less than one artifact may have (`limits.artifact`, {artifact}): such a one would be \
             refused for ever\nhint: raise `uploads.unnamed`"
        )
    })
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

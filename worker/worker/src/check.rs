//! `tombola-worker check`: what a coordinator would be offered.

use crate::{args::Output, calibrate::dtype_name, config::Config, engine, failed_to_start};
use std::{
    fmt::Write as _,
    io::{Write, stdout},
    process::ExitCode,
};
use tombola_agent::{Inventory, inventory};

/// Starts every engine, shows what they say, and lets them go.
pub(crate) async fn run(config: &Config, output: Output) -> ExitCode {
    let executor = engine::executor(config);
    let found = match inventory(&executor, &config.slots, config.limits.stuck_after).await {
        Ok(found) => found,
        Err(error) => return failed_to_start(&error),
    };
    let text = match output {
        Output::Table => table(config, &found),
        Output::Json => json(&found),
    };
    match writeln!(stdout(), "{text}") {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read it has left.
        Err(_) => ExitCode::FAILURE,
    }
}

fn table(config: &Config, found: &Inventory) -> String {
    let mut text = format!("slots (libtorch {})\n", found.libtorch);
    for (number, slot) in found.slots.iter().enumerate() {
        let (device, index, name, lanes) = (slot.device.name(), slot.index, &slot.name, slot.lanes);
        let memory = slot.memory >> 30;
        let _ = writeln!(text, "  {number:>2}  {device}:{index}  {lanes:>3} lanes  {memory:>4} GiB  {name}");
        for width in &slot.widths {
            let ([channels, height, rows], network) = (width.image, &width.network);
            let (lanes, dtype) = (width.lanes, dtype_name(width.dtype));
            let _ =
                writeln!(text, "      {lanes:>9} lanes of {network} on {channels}x{height}x{rows}, {dtype}");
        }
        if let Some(told) = found.calibrations.get(number).filter(|told| !told.is_empty()) {
            let _ = writeln!(text, "      {told}");
        }
    }
    let _ = writeln!(text, "data sets in {}", config.data.display());
    for data in &found.data {
        let [channels, height, width] = data.shape.image;
        let (set, train, test, classes) = (&data.set, data.shape.train, data.shape.test, data.shape.classes);
        let digest = data.digest.short();
        let _ = writeln!(
            text,
            "  {set:<16} {train} + {test} images of {channels}x{height}x{width}, {classes} classes, digest {digest}"
        );
    }
    if found.data.is_empty() {
        text.push_str("  none\n");
    }
    for (set, reason) in &found.unusable {
        let _ = writeln!(text, "  {set:<16} unusable: {reason}");
    }
    text.trim_end().to_owned()
}

fn json(found: &Inventory) -> String {
    let unusable: Vec<_> = found
        .unusable
        .iter()
        .map(|(set, reason)| serde_json::json!({ "set": set, "reason": reason }))
        .collect();
    let shown = serde_json::json!({
        "libtorch": found.libtorch,
        "slots": found.slots,
        "calibrations": found.calibrations,
        "data": found.data,
        "unusable": unusable,
    });
    format!("{shown:#}")
}

//! What was measured, for people.

use std::fmt::Write as _;
use tombola_engine::calibration::{Entry, Rate};
use tombola_spec::{settings::Dtype, worker::Plan};

/// A line for each network, with what follows from it.
pub(super) fn table(entries: &[Entry]) -> String {
    let mut text = String::new();
    let mut device = "";
    for entry in entries {
        if entry.device != device {
            device = &entry.device;
            let _ = writeln!(text, "{device} (libtorch {}, {})", entry.libtorch, entry.date);
            let (network, dtype) = ("network, batch", "format");
            let _ =
                writeln!(text, "  {network:<28} {dtype:<6} {:>14}  {:<26} in turn", "steps a second", "best");
        }
        let network = format!("{}, {}", entry.network, entry.batch);
        let (dtype, best) = (name(entry.dtype), best(entry));
        let fastest =
            entry.rates.iter().filter(|rate| (rate.lanes, rate.threads) == (entry.lanes, entry.threads));
        let fastest = fastest.map(|rate| rate.steps_per_second).fold(0.0, f64::max);
        let turns: Vec<String> = entry.rates.iter().map(short).collect();
        let _ = writeln!(text, "  {network:<28} {dtype:<6} {fastest:>14.1}  {best:<26} {}", turns.join(" "));
    }
    text.trim_end().to_owned()
}

/// What to train with.
fn best(entry: &Entry) -> String {
    let Entry { plan, lanes, threads, ways, .. } = entry;
    match plan {
        Plan::CpuLanes => format!("cpu={lanes}, threads = {threads}"),
        Plan::Fused if ways.contains('a') => {
            let apart = ways.chars().filter(|way| *way == 'a').count();
            format!("{lanes} lanes, {apart} of {} apart", ways.len())
        }
        Plan::Fused => format!("{lanes} lanes"),
    }
}

/// `8:120` for 8 lanes that make 120 steps a second, `2x4:120` for 2 lanes of 4 threads.
fn short(rate: &Rate) -> String {
    let Rate { lanes, threads, steps_per_second } = rate;
    match threads {
        1 => format!("{lanes}:{steps_per_second:.1}"),
        _ => format!("{lanes}x{threads}:{steps_per_second:.1}"),
    }
}

/// A rate in words.
pub(super) fn rate(rate: &Rate) -> String {
    let Rate { lanes, threads, steps_per_second } = rate;
    let lanes = if *lanes == 1 { "1 lane".to_owned() } else { format!("{lanes} lanes") };
    let threads = if *threads == 1 { String::new() } else { format!(" of {threads} threads") };
    format!("{lanes}{threads}: {steps_per_second:.1} steps a second")
}

/// A number format's name in sweep files.
pub(crate) fn name(dtype: Dtype) -> &'static str {
    match dtype {
        Dtype::F32 => "f32",
        Dtype::F64 => "f64",
        Dtype::Bf16 => "bf16",
        Dtype::Tf32 => "tf32",
    }
}

//! What a training step costs as the network gets sparser: LeNet-300-100, or a convolutional network, along the rounds of
//! iterative pruning, computed with all weights and with the living ones alone.
//!
//! `cargo bench -p tombola-engine --bench density -- [--model NAME] [--rounds N] [--steps N] [--from ROUND] [--every N]` prints a table,
//! then one line of JSON. Both ways take turns at each density; medians are compared. Masks are random, 20 % fewer a round,
//! 10 % of convolutions and of the output layer, as in the paper. Results worth keeping: `LOG.md`.

mod rig;

use crate::rig::{BATCH, Cost, LENET, Outcome, Subject, job, median, recipe, train, write_data};
use serde_json::json;
use std::{
    io::{Write, stderr, stdout},
    path::{Path, PathBuf},
};
use tombola_engine::{
    device::Device,
    mask::Mask,
    random::{Purpose, Random},
    train::{CheckpointRule, Engine},
};
use tombola_spec::{
    Digest, Fingerprint, Steps,
    job::{Input, JobSpec, Output, Stream},
    slot::StageJob,
    worker::{DeviceKind, Plan},
};

/// Rounds of the paper's experiment.
const ROUNDS: i32 = 20;

/// Convolutional networks: what has to be evaluated is kept small, their steps take long enough.
const CONVS: [Subject; 3] = [conv("conv_2"), conv("conv_4"), conv("conv_6")];

const fn conv(model: &'static str) -> Subject {
    Subject { model, examples: [2_000, 300], validation: 300 }
}

struct Options {
    subject: Subject,
    rounds: usize,
    steps: u32,
    from: i32,
    every: usize,
}

fn main() -> Outcome<()> {
    let options = options()?;
    let folder = tempfile::tempdir()?;
    write_data(&folder.path().join("data/noise"), options.subject)?;
    let mut engines = [0.0, f64::INFINITY].map(|below| {
        let device = Device::open(DeviceKind::Cpu, 0)?;
        let data = folder.path().join("data");
        Ok::<_, Box<dyn std::error::Error>>(
            Engine::new(device, data, 1, CheckpointRule::default()).sparse_below(below),
        )
    });
    let machine = Device::open(DeviceKind::Cpu, 0)?.name;
    let mut rows = Vec::new();
    for round in (options.from..=ROUNDS).step_by(options.every) {
        let (mask, density) = mask(options.subject, folder.path(), round)?;
        writeln!(stderr(), "round {round} of {ROUNDS}, density {:.1} %", 100.0 * density)?;
        let mut costs: [Turns; 2] = Default::default();
        for turn in 0..=options.rounds {
            for (engine, costs) in engines.iter_mut().zip(&mut costs) {
                let engine = engine.as_mut().map_err(|error| error.to_string())?;
                let (step, evaluation) =
                    turn_of(options.subject, engine, folder.path(), &mask, options.steps)?;
                // The first warms up.
                if turn > 0 {
                    costs.steps.push(step);
                    costs.evaluations.push(evaluation);
                }
            }
        }
        rows.push(Row { round, density, costs });
    }
    report(options.subject, &machine, &rows)
}

fn options() -> Outcome<Options> {
    let mut options = Options { subject: LENET, rounds: 5, steps: 150, from: 0, every: 1 };
    // Cargo passes `--bench`.
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    while let Some(word) = words.next() {
        let value = words.next().ok_or_else(|| format!("`{word}` lacks its value"))?;
        match word.as_str() {
            "--model" => {
                let known = [LENET].into_iter().chain(CONVS).find(|subject| subject.model == value);
                options.subject = known.ok_or_else(|| format!("`{value}` is not measured here"))?;
            }
            "--rounds" => options.rounds = value.parse()?,
            "--steps" => options.steps = value.parse()?,
            "--from" => options.from = value.parse()?,
            "--every" => options.every = value.parse::<usize>()?.max(1),
            _ => {
                return Err(format!(
                    "`{word}` is not an option: --model, --rounds, --steps, --from, --every"
                )
                .into());
            }
        }
    }
    Ok(options)
}

/// What one way costs at one density, turn by turn.
#[derive(Default)]
struct Turns {
    steps: Vec<Cost>,
    evaluations: Vec<Cost>,
}

struct Row {
    round: i32,
    density: f64,
    /// With all weights, and with the living ones.
    costs: [Turns; 2],
}

/// A mask of this round as a file, and its density.
fn mask(subject: Subject, folder: &Path, round: i32) -> Outcome<(PathBuf, f64)> {
    let architecture = recipe(subject, Steps::ZERO).architecture()?;
    let mut mask = Mask::dense(&architecture);
    let stream = Stream { seed: 1, branch: String::new(), copy: 0, round: round as u32, repeat: 0 };
    let mut random = Random::new(Purpose::RandomMask, &stream, "bench", 0);
    for layer in &mut mask.layers {
        let kept: f64 = if layer.name == "fc.weight" || layer.name.starts_with("conv") { 0.9 } else { 0.8 };
        let share = kept.powi(round);
        layer.bits.iter_mut().for_each(|bit| *bit = u8::from(random.uniform() < share));
    }
    let path = folder.join(format!("mask-{round}.safetensors"));
    mask.save(&architecture, &path)?;
    let total: usize = mask.layers.iter().map(|layer| layer.bits.len()).sum();
    let living: u64 = mask.layers.iter().map(|layer| layer.living()).sum();
    Ok((path, living as f64 / total as f64))
}

/// What a step and an evaluation cost.
fn turn_of(
    subject: Subject,
    engine: &mut Engine,
    folder: &Path,
    mask: &Path,
    steps: u32,
) -> Outcome<(Cost, Cost)> {
    let mut lane =
        |steps, every| train(engine, folder, Plan::CpuLanes, vec![masked(subject, mask, steps, every)?]);
    // Evaluations at both ends and other costs of a segment cancel out.
    let (long, short) = (lane(2 * steps, Steps::ZERO)?, lane(steps, Steps::ZERO)?);
    let few = 6;
    let (often, never) = (lane(few, Steps::its(1))?, lane(few, Steps::ZERO)?);
    Ok(((long - short).per(steps), (often - never).per(few - 1)))
}

fn masked(subject: Subject, mask: &Path, steps: u32, every: Steps) -> Outcome<StageJob> {
    let mut job = job(subject, 1, steps, every);
    let fingerprint: Fingerprint = Digest::of(b"mask").to_string().parse()?;
    let input = Input { job: fingerprint, output: Output::Mask };
    if let JobSpec::Train(spec) = &mut job.spec {
        spec.mask = Some(input);
    }
    job.inputs.insert(input.to_string(), mask.to_owned());
    Ok(job)
}

fn report(subject: Subject, machine: &str, rows: &[Row]) -> Outcome<()> {
    let mut out = stdout().lock();
    writeln!(out, "{}, batch {BATCH}, Adam, one thread, on {machine}; processor time", subject.model)?;
    let [step, evaluation] = ["a step, microseconds", "an evaluation, milliseconds"];
    writeln!(out, "{:>5} {:>9} {step:>28} {evaluation:>35}", "", "")?;
    let heads = ["all", "living", "ratio"];
    let heads = heads.map(|head| format!("{head:>11}")).concat();
    writeln!(out, "{:>5} {:>9}{heads}{heads}", "round", "density")?;
    let mut told = Vec::new();
    let mut sums = [0.0; 3];
    for Row { round, density, costs } in rows {
        let [all, living] = [0, 1].map(|way| median(&costs[way].steps, |cost| cost.processor));
        let [all_eval, living_eval] =
            [0, 1].map(|way| median(&costs[way].evaluations, |cost| cost.processor));
        writeln!(
            out,
            "{round:>5} {:>7.2} %{:>11.1}{:>11.1}{:>11.2}{:>11.2}{:>11.2}{:>11.2}",
            100.0 * density,
            1e6 * all,
            1e6 * living,
            all / living,
            1e3 * all_eval,
            1e3 * living_eval,
            all_eval / living_eval,
        )?;
        sums = [sums[0] + all, sums[1] + living, sums[2] + all.min(living)];
        told.push(json!({
            "round": round, "density": density, "all_seconds": all, "living_seconds": living,
            "all_evaluation_seconds": all_eval, "living_evaluation_seconds": living_eval,
        }));
    }
    writeln!(
        out,
        "a step of each of these rounds together, each by its faster way: {:.2} times as fast as with all weights",
        sums[0] / sums[2]
    )?;
    writeln!(
        out,
        "{}",
        json!({ "bench": "engine_density", "model": subject.model, "machine": machine, "rows": told })
    )?;
    Ok(())
}

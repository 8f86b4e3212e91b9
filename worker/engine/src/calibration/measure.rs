//! What is measured for a worker: rates at each width, and both ways of each convolution.

use super::{Convolution, Entry, Load, Manner, Rate, date::today, speed};
use crate::{
    device::{Device, LIBTORCH},
    error::{EngineError, Result},
    nn::{Layout, Mode, Way, Ways, forward},
    numerics,
    plan::{kind_of, products_of},
};
use std::{
    thread::available_parallelism,
    time::{Duration, Instant},
};
use tch::{Kind, Tensor};
use tombola_spec::{
    arch::{Architecture, Layer},
    worker::{Plan, WIDTHS},
};

/// A width has to gain so much on the best so far, or it gained nothing.
const GAIN: f64 = 1.05;
/// The narrowest width within this of the best is taken: fewer lanes to wait for, and less memory.
const AS_GOOD: f64 = 0.97;
/// A convolution that goes another way than usual has to be so much faster.
const FASTER: f64 = 1.05;

/// What to measure.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// The network.
    pub load: Load,
    /// How lanes are executed.
    pub plan: Plan,
    /// Time for each width.
    pub time: Duration,
}

/// Measures one network; each rate is `told` as it comes.
///
/// # Errors
/// When there is no such network, not even one lane fits, or the device fails.
pub fn measure(device: &Device, task: &Task, told: &mut dyn FnMut(&Rate)) -> Result<Entry> {
    let Task { load, plan, time } = task;
    let rates = match plan {
        Plan::Fused => fused_rates(device, load, *time, told)?,
        Plan::CpuLanes => lane_rates(device, load, *time, told)?,
    };
    let best = best(&rates);
    let (ways, convolutions) = match plan {
        // What is timed for it may need more than the width alone did.
        Plan::Fused => match ways(device, load, best, *time) {
            Err(EngineError::OutOfMemory(_)) => (String::new(), Vec::new()),
            found => found?,
        },
        Plan::CpuLanes => (String::new(), Vec::new()),
    };
    Ok(Entry {
        device: device.model(),
        libtorch: LIBTORCH.to_owned(),
        date: today(),
        plan: *plan,
        network: load.network.clone(),
        image: load.image,
        batch: load.batch,
        dtype: load.dtype,
        lanes: best.lanes,
        threads: best.threads,
        ways,
        rates,
        convolutions,
    })
}

/// Fused lanes at each width, until memory or gain ends.
fn fused_rates(
    device: &Device,
    load: &Load,
    time: Duration,
    told: &mut dyn FnMut(&Rate),
) -> Result<Vec<Rate>> {
    let mut rates: Vec<Rate> = Vec::new();
    for lanes in WIDTHS {
        let manner = Manner { plan: Plan::Fused, lanes, threads: 1, ways: String::new() };
        match speed(device, load, &manner, time) {
            Ok(found) => rates.push(Rate { lanes, threads: 1, steps_per_second: found.steps_per_second }),
            Err(EngineError::OutOfMemory(_)) if !rates.is_empty() => break,
            Err(error) => return Err(error),
        }
        rates.last().into_iter().for_each(&mut *told);
        if gains_nothing_more(&rates) {
            break;
        }
    }
    Ok(rates)
}

/// Whether neither of the last two widths gained on what was there before.
fn gains_nothing_more(rates: &[Rate]) -> bool {
    let Some(before) = rates.len().checked_sub(2).filter(|before| *before > 0) else { return false };
    let fastest = |rates: &[Rate]| rates.iter().map(|rate| rate.steps_per_second).fold(0.0, f64::max);
    fastest(&rates[before..]) < GAIN * fastest(&rates[..before])
}

/// What is a choice on a CPU: a lane on each core, a lane on all of them, and what lies between.
fn lane_rates(
    device: &Device,
    load: &Load,
    time: Duration,
    told: &mut dyn FnMut(&Rate),
) -> Result<Vec<Rate>> {
    let cores = available_parallelism().map_or(1, |n| n.get() as u32);
    let threads = WIDTHS.into_iter().filter(|threads| *threads < cores).chain([cores]);
    let mut rates = Vec::new();
    for threads in threads {
        let lanes = cores / threads;
        let manner = Manner { plan: Plan::CpuLanes, lanes, threads, ways: String::new() };
        let steps_per_second = speed(device, load, &manner, time)?.steps_per_second;
        let rate = Rate { lanes, threads, steps_per_second };
        told(&rate);
        rates.push(rate);
    }
    Ok(rates)
}

/// The best of some rates: of what is as good as the fastest, what has the fewest threads, then the fewest lanes.
fn best(rates: &[Rate]) -> Rate {
    let fastest = rates.iter().map(|rate| rate.steps_per_second).fold(0.0, f64::max);
    let good = rates.iter().filter(|rate| rate.steps_per_second >= AS_GOOD * fastest);
    *good.min_by_key(|rate| (rate.threads, rate.lanes)).expect("at least one width was measured")
}

/// The way of each convolution at a width: what is faster by itself, if the whole network is faster with it.
fn ways(device: &Device, load: &Load, at: Rate, time: Duration) -> Result<(String, Vec<Convolution>)> {
    let architecture = Architecture::parse(&load.network, load.image, load.classes)?;
    let all = convolutions(&architecture.layers);
    let mut shapes: Vec<&Layer> = Vec::new();
    for layer in &all {
        if !shapes.iter().any(|known| shape(known) == shape(layer)) {
            shapes.push(layer);
        }
    }
    let probe = |layer: &&Layer| {
        let [grouped, apart] = probe(device, load, layer, at.lanes, time / 4)?;
        Ok(Convolution { shape: shape(layer), grouped_ms: 1e3 * grouped, apart_ms: 1e3 * apart })
    };
    let measured = shapes.iter().map(probe).collect::<Result<Vec<_>>>()?;
    let way = |layer: &&Layer| {
        let found = measured.iter().find(|found| found.shape == shape(layer));
        let faster = found.is_some_and(|found| found.apart_ms * FASTER < found.grouped_ms);
        if faster { Way::Apart } else { Way::Grouped }
    };
    let ways: Ways = all.iter().map(way).collect();
    if ways.are_usual() {
        return Ok((String::new(), measured));
    }
    let manner = |ways| Manner { plan: Plan::Fused, lanes: at.lanes, threads: at.threads, ways };
    let rate =
        |ways: String| Ok::<_, EngineError>(speed(device, load, &manner(ways), time)?.steps_per_second);
    let gains = rate(ways.to_string())? > rate(String::new())?;
    Ok((if gains { ways.to_string() } else { String::new() }, measured))
}

/// Convolutions in the order of the forward pass.
fn convolutions<'a>(layers: &'a [Layer]) -> Vec<&'a Layer> {
    let one = |layer: &'a Layer| match layer {
        Layer::Residual { body, shortcut } => [convolutions(body), convolutions(shortcut)].concat(),
        Layer::Conv { .. } => vec![layer],
        _ => Vec::new(),
    };
    layers.iter().flat_map(one).collect()
}

/// The shape of a convolution, for people and as a key.
fn shape(layer: &Layer) -> String {
    let Layer::Conv { inputs, outputs, kernel, stride, size: [height, width], .. } = layer else {
        return String::new();
    };
    format!("{inputs} to {outputs}, {kernel}x{kernel}, stride {stride}, out {height}x{width}")
}

/// Seconds that a convolution of fused lanes takes, forward and backward, either way: grouped, apart. Medians of turns.
fn probe(device: &Device, load: &Load, layer: &Layer, lanes: u32, time: Duration) -> Result<[f64; 2]> {
    const TURNS: usize = 3;
    let mut found = [Vec::new(), Vec::new()];
    for _ in 0..=TURNS {
        for (way, found) in [Way::Grouped, Way::Apart].into_iter().zip(&mut found) {
            found.push(numerics::within(device.torch, load.dtype, || {
                pass(device, load, layer, lanes, way, time / 8)
            })?);
        }
    }
    Ok(found.map(|mut turns| {
        // The first warms up.
        turns.remove(0);
        turns.sort_by(f64::total_cmp);
        turns[TURNS / 2]
    }))
}

/// Seconds of one pass there and back.
fn pass(device: &Device, load: &Load, layer: &Layer, lanes: u32, way: Way, time: Duration) -> Result<f64> {
    let Layer::Conv { inputs, kernel, stride, padding, size, .. } = layer else { return Ok(0.0) };
    let network = Architecture {
        name: "one convolution".to_owned(),
        input: [*inputs, 0, 0],
        outputs: 0,
        layers: vec![layer.clone()],
    };
    let layout = Layout::of(&network);
    let (options, lanes) = ((kind_of(load.dtype), device.torch), i64::from(lanes));
    let flat = Tensor::f_full([lanes, layout.len as i64], 0.01, options)?;
    let ways = [way].into_iter().collect();
    let tensors = layout.tensors(&flat)?.with_products(products_of(load.dtype)).with_ways(ways);
    let [height, width] = size.map(|out| i64::from((out - 1) * stride + kernel - 2 * padding));
    let images = [i64::from(load.batch), lanes * i64::from(*inputs), height, width];
    let images = Tensor::f_ones(images, options)?.f_set_requires_grad(true)?;
    let mut wanted: Vec<&Tensor> = tensors.trained.iter().collect();
    wanted.push(&images);
    let (begun, mut passes) = (Instant::now(), 0);
    while passes == 0 || begun.elapsed() < time {
        let total = forward(&network.layers, &tensors, &images, Mode::Train)?.f_sum(None::<Kind>)?;
        let grads = Tensor::f_run_backward(&[&total], &wanted, false, false)?;
        // Whoever looks at the clock waits for the device first.
        grads[0].f_sum(None::<Kind>)?.f_double_value(&[])?;
        passes += 1;
    }
    Ok(begun.elapsed().as_secs_f64() / f64::from(passes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tombola_spec::{settings::Dtype, worker::DeviceKind};

    fn rates(all: &[(u32, f64)]) -> Vec<Rate> {
        let rate = |&(lanes, steps_per_second)| Rate { lanes, threads: 1, steps_per_second };
        all.iter().map(rate).collect()
    }

    #[test]
    fn the_narrowest_width_that_is_as_good_as_any_is_taken() {
        assert_eq!(best(&rates(&[(1, 10.0), (2, 19.0), (4, 36.0), (8, 37.0)])).lanes, 4);
        assert_eq!(best(&rates(&[(1, 10.0), (2, 9.0)])).lanes, 1);
    }

    #[test]
    fn widths_are_tried_for_as_long_as_one_of_two_gains() {
        assert!(!gains_nothing_more(&rates(&[(1, 10.0), (2, 10.0)])));
        assert!(!gains_nothing_more(&rates(&[(1, 10.0), (2, 10.1), (4, 12.0)])));
        assert!(gains_nothing_more(&rates(&[(1, 10.0), (2, 10.1), (4, 10.2)])));
    }

    #[test]
    fn a_networks_convolutions_are_found_in_the_order_of_the_forward_pass() {
        let network = Architecture::parse("cifar_resnet_8_4", [3, 32, 32], 10).unwrap();
        let shapes: Vec<String> = convolutions(&network.layers).into_iter().map(shape).collect();
        let weights = network.weights().into_iter().filter(|weight| weight.shape.len() == 4);
        let wanted: Vec<_> =
            weights.map(|weight| format!("{} to {}, ", weight.shape[1], weight.shape[0])).collect();
        assert_eq!(shapes.len(), wanted.len());
        assert!(
            shapes.iter().zip(&wanted).all(|(shape, wanted)| shape.starts_with(wanted)),
            "{shapes:?} {wanted:?}"
        );
    }

    /// As on a GPU, but computed here: nothing about the figures.
    #[test]
    fn a_fused_network_is_measured_on_a_cpu_too() {
        let device = Device::open(DeviceKind::Cpu, 0).unwrap();
        let network = "cifar_resnet_8_2".to_owned();
        let load = Load { network, image: [3, 8, 8], classes: 4, batch: 2, dtype: Dtype::F32 };
        let task = Task { load, plan: Plan::Fused, time: Duration::from_millis(1) };
        let mut told = Vec::new();
        let entry = measure(&device, &task, &mut |rate| told.push(*rate)).unwrap();
        assert_eq!(entry.rates, told);
        assert!(entry.rates.iter().any(|rate| rate.lanes == entry.lanes) && entry.device == device.model());
        assert!(entry.rates.iter().all(|rate| rate.steps_per_second > 0.0));
        let times = entry.convolutions.iter().map(|one| one.grouped_ms.min(one.apart_ms));
        assert!(
            times.clone().count() >= 5 && times.into_iter().all(|ms| ms > 0.0),
            "{:?}",
            entry.convolutions
        );
        assert!(Ways::read(&entry.ways).is_some());
    }

    #[test]
    fn a_processor_is_asked_how_to_share_its_cores_out() {
        let device = Device::open(DeviceKind::Cpu, 0).unwrap();
        let network = "mnist_lenet_6_5".to_owned();
        let load = Load { network, image: [1, 8, 8], classes: 4, batch: 4, dtype: Dtype::F64 };
        let task = Task { load, plan: Plan::CpuLanes, time: Duration::from_millis(1) };
        let entry = measure(&device, &task, &mut |_| ()).unwrap();
        let cores = available_parallelism().map_or(1, |n| n.get() as u32);
        let ends: Vec<_> = entry.rates.iter().map(|rate| (rate.lanes, rate.threads)).collect();
        assert_eq!((ends[0], *ends.last().unwrap()), ((cores, 1), (1, cores)));
    }
}

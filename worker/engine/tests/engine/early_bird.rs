//! Early-bird tickets: found where masks no longer change, kept as they were there, trained on from there.

use crate::rig::{ADAM, Outcomes, PLANS, Recorder, Rig, SGD, edit, fingerprint, job, recipe, stream};
use std::{collections::BTreeMap, sync::Arc};
use tombola_engine::{
    checkpoint::{FileKind, TensorFile},
    mask::Mask,
    prune::{self, Subject},
};
use tombola_spec::{
    Attempt, JobId, Steps,
    job::{Compared, Input, JobSpec, Output, PruneJob, Scored, Search, Settled, Start, Ticket},
    outcome::{EpochPair, FailureClass, FoundTicket, Summary},
    settings::{Amount, Criterion, Prune, Scope, Unit},
    slot::{Event, StageJob},
    worker::Plan,
};

const PER_EPOCH: u32 = 25;
const EPOCHS: u32 = 12;

fn neurons() -> Prune {
    let rule = Prune::new(Criterion::L1Filter, Scope::Global, Amount::Rate(0.5));
    Prune { unit: Unit::Channel, ..rule }
}

fn weights() -> Prune {
    Prune::new(Criterion::Magnitude, Scope::Global, Amount::Rate(0.3))
}

fn search(settled: Settled, whole: bool) -> Search {
    Search { rules: vec![neurons(), weights()], settled, whole, ties: stream(1) }
}

fn settled(window: u32, distance: f64, compared: Compared) -> Settled {
    Settled { window, distance, compared }
}

fn searching(search: Search) -> StageJob {
    let mut job = job(1, recipe(SGD), EPOCHS * PER_EPOCH);
    edit(&mut job, |spec| {
        spec.keep_state = false;
        spec.search = Some(Arc::new(search));
    });
    job
}

/// The prune step that cuts one of the tickets of j1.
fn cutting(number: u64, rule: (u32, Prune), searched: &Outcomes) -> StageJob {
    let ticket = Ticket { search: fingerprint(1), rule: rule.0 };
    let spec = PruneJob {
        network: recipe(SGD).network(),
        rule: rule.1,
        weights: Scored::Found(ticket),
        initial: None,
        data: None,
        mask: None,
        scores: None,
        ties: stream(1),
    };
    let tickets = Input { job: fingerprint(1), output: Output::Tickets };
    let inputs = [(tickets.to_string(), searched.outputs(1)[&Output::Tickets].file.clone())].into();
    StageJob { job: JobId(number), attempt: Attempt(1), spec: JobSpec::Prune(spec), inputs, resume: None }
}

fn found(outcomes: &Outcomes, number: u64) -> FoundTicket {
    let summary = outcomes.0.iter().find_map(|event| match event {
        Event::Finished { job, summary: Summary::Mask(mask), .. } if job.0 == number => mask.found.clone(),
        _ => None,
    });
    summary.unwrap_or_else(|| panic!("{:?}", outcomes.failure(number)))
}

/// The masks of every epoch by a rule, each drawn from a training of its own that ends there.
fn masks(rig: &Rig, plan: Plan, rule: &Prune) -> BTreeMap<u32, Mask> {
    let architecture = recipe(SGD).architecture().unwrap();
    let one = |epoch: u32| {
        let trained = rig.run(plan, vec![job(1, recipe(SGD), epoch * PER_EPOCH)]);
        let tensors = trained.tensors(1, Output::Weights);
        let values: Vec<Vec<f64>> =
            architecture.tensors().iter().map(|tensor| tensors[&tensor.name].clone()).collect();
        let subject = Subject::of(&architecture, &values).unwrap();
        (epoch, prune::prune(&subject, rule, None, &stream(1), &|_| true).unwrap().unwrap())
    };
    (1..EPOCHS).map(one).collect()
}

/// The share of units in which two masks differ: of neurons by what lives of their rows.
fn distance(a: &Mask, b: &Mask, unit: Unit) -> f64 {
    let bits = |mask: &Mask| -> Vec<u8> {
        match unit {
            Unit::Weight => mask.layers.iter().flat_map(|layer| layer.bits.clone()).collect(),
            // 16 and 8 hidden neurons; a neuron is dead where its bias is.
            Unit::Channel => mask.rest.iter().flat_map(|layer| layer.bits.clone()).collect(),
        }
    };
    let (a, b) = (bits(a), bits(b));
    a.iter().zip(&b).filter(|(a, b)| a != b).count() as f64 / a.len() as f64
}

/// Where the paper's words find a ticket among these masks.
fn expected(masks: &BTreeMap<u32, Mask>, unit: Unit, settled: Settled) -> Option<u32> {
    let near = |a: u32, b: u32| distance(&masks[&a], &masks[&b], unit) <= settled.distance;
    let window = settled.window;
    masks.keys().copied().find(|&epoch| match settled.compared {
        Compared::Newest => epoch >= window && (epoch + 1 - window..epoch).all(|older| near(older, epoch)),
        Compared::Neighbours => epoch > window && (epoch - window..epoch).all(|older| near(older, older + 1)),
    })
}

#[test]
fn a_ticket_is_found_where_its_masks_have_settled_and_has_the_weights_of_that_epoch() {
    let rig = Rig::new();
    for plan in PLANS {
        let drawn = [neurons(), weights()].map(|rule| masks(&rig, plan, &rule));
        let mut epochs = Vec::new();
        for settled in [
            settled(3, 0.1, Compared::Newest),
            settled(2, 0.09, Compared::Neighbours),
            settled(4, 0.13, Compared::Newest),
        ] {
            let searched = rig.run(plan, vec![searching(search(settled, false))]);
            let expected = [neurons(), weights()].map(|rule| {
                let number = usize::from(rule.unit == Unit::Weight);
                expected(&drawn[number], rule.unit, settled).expect("masks of so short a training settle")
            });
            // It ends when the last one is found, and no later.
            let last = expected.iter().max().unwrap() * PER_EPOCH;
            assert_eq!(searched.summary(1).iterations, u64::from(last), "{settled:?}");
            let flops = recipe(SGD).architecture().unwrap().training_flops(20) * u64::from(last);
            assert_eq!(searched.summary(1).flops, flops);
            for (number, rule) in [(0, neurons()), (1, weights())] {
                let cut = rig.run(plan, vec![cutting(2, (number, rule.clone()), &searched)]);
                let (ticket, epoch) = (found(&cut, 2), expected[number as usize]);
                assert_eq!((ticket.epoch, ticket.iteration), (epoch, u64::from(epoch * PER_EPOCH)));
                let mask =
                    Mask::load(&recipe(SGD).architecture().unwrap(), &cut.outputs(2)[&Output::Mask].file);
                assert_eq!(mask.unwrap(), drawn[number as usize][&epoch]);
                let trained = rig.run(plan, vec![job(1, recipe(SGD), epoch * PER_EPOCH)]);
                assert_eq!(cut.tensors(2, Output::Weights), trained.tensors(1, Output::Weights));
                for EpochPair { epochs: [a, b], distance: told } in ticket.pairs {
                    let masks = &drawn[number as usize];
                    assert_eq!(told, distance(&masks[&a], &masks[&b], rule.unit), "{a} {b}");
                }
            }
            epochs.push(expected);
        }
        epochs.dedup();
        assert!(epochs.len() > 1, "settings that find the same show nothing: {epochs:?}");
    }
}

#[test]
fn a_search_to_the_end_compares_every_pair_of_epochs_and_finds_the_same() {
    let rig = Rig::new();
    let settled = settled(3, 0.1, Compared::Newest);
    let stopped = rig.run(Plan::CpuLanes, vec![searching(search(settled, false))]);
    let whole = rig.run(Plan::CpuLanes, vec![searching(search(settled, true))]);
    assert_eq!(whole.summary(1).iterations, u64::from(EPOCHS * PER_EPOCH));
    for rule in [(0, neurons()), (1, weights())] {
        let cut = |searched| rig.run(Plan::CpuLanes, vec![cutting(2, rule.clone(), searched)]);
        let (first, second) = (cut(&stopped), cut(&whole));
        assert_eq!(first.digests(2), second.digests(2));
        let (first, second) = (found(&first, 2), found(&second, 2));
        assert_eq!(first.epoch, second.epoch);
        assert_eq!(second.pairs.len() as u32, (EPOCHS - 1) * (EPOCHS - 2) / 2);
    }
}

#[test]
fn a_search_that_is_interrupted_between_epochs_finds_what_an_uninterrupted_one_does() {
    let rig = Rig::new();
    for plan in PLANS {
        let mut job = searching(search(settled(3, 0.05, Compared::Newest), false));
        let whole = rig.run(plan, vec![job.clone()]);
        let epoch = |rule| u64::from(found(&rig.run(plan, vec![cutting(2, rule, &whole)]), 2).epoch);
        let (first, last) = (epoch((0, neurons())), epoch((1, weights())));
        assert!(first < last, "one is found and the other is not: {first} {last}");
        // At the very start of an epoch, whose masks may have been drawn or not, and inside one.
        let found = first * u64::from(PER_EPOCH);
        for at in [found, found + 12] {
            let first = rig.run_with(&rig.stage(plan, vec![job.clone()]), &Recorder::yield_at(at), 1, None);
            job.resume = Some(first.checkpoint(1).1);
            let second = rig.run(plan, vec![job.clone()]);
            assert_eq!(second.started(1), first.checkpoint(1).0);
            assert_eq!(whole.digests(1), second.digests(1), "{plan:?} at {at}");
            job.resume = None;
        }
    }
}

#[test]
fn a_ticket_trains_on_from_the_iteration_it_was_found_at() {
    let rig = Rig::new();
    for plan in PLANS {
        let searched = rig.run(plan, vec![searching(search(settled(3, 0.1, Compared::Newest), false))]);
        let cut = rig.run(plan, vec![cutting(2, (0, neurons()), &searched)]);
        let at = found(&cut, 2).iteration;
        let on = |start: Start, from: Steps| {
            let mut job = job(3, recipe(ADAM), EPOCHS * PER_EPOCH);
            let mask = Input { job: fingerprint(2), output: Output::Mask };
            edit(&mut job, |spec| {
                (spec.start, spec.from, spec.keep_state, spec.mask) = (start, from, false, Some(mask));
            });
            for output in [Output::Weights, Output::Mask] {
                let file = cut.outputs(2)[&output].file.clone();
                job.inputs.insert(Input { job: fingerprint(2), output }.to_string(), file);
            }
            rig.run(plan, vec![job])
        };
        let late = on(Start::Found(fingerprint(2)), Steps::ZERO);
        assert_eq!((late.started(3), late.summary(3).iterations), (at, 300 - at));
        // As if it had been known before.
        let known = on(Start::Rewind(fingerprint(2)), Steps::its(at as u32));
        assert_eq!(late.digests(3), known.digests(3));
        assert_eq!(late.summary(3).last, known.summary(3).last);
        assert_eq!(late.summary(3).flops, known.summary(3).flops);
    }
}

#[test]
fn a_ticket_that_was_not_found_says_how_near_it_came() {
    let rig = Rig::new();
    let searched = rig.run(Plan::CpuLanes, vec![searching(search(settled(5, 0.0, Compared::Newest), false))]);
    assert_eq!(searched.summary(1).iterations, u64::from(EPOCHS * PER_EPOCH));
    let cut = rig.run(Plan::CpuLanes, vec![cutting(2, (1, weights()), &searched)]);
    let failure = cut.failure(2).expect("there is nothing to cut");
    assert_eq!(failure.class, FailureClass::User);
    // The least of the largest distances between the newest mask and the four before it.
    let drawn = masks(&rig, Plan::CpuLanes, &weights());
    let spread = |newest: u32| {
        let apart = |older: u32| distance(&drawn[&older], &drawn[&newest], Unit::Weight);
        (newest - 4..newest).map(apart).fold(0.0, f64::max)
    };
    let nearest = (5..EPOCHS).map(spread).fold(1.0, f64::min);
    let words = format!("found in 11 epochs: it would have been at a distance of {nearest:.3}");
    assert!(failure.message.contains(&words) && nearest > 0.0, "{words}: {}", failure.message);
    let file = TensorFile::load(&searched.outputs(1)[&Output::Tickets].file, FileKind::Tickets).unwrap();
    let kept = file.tensors().filter(|(name, ..)| name.ends_with(".found1")).count();
    assert_eq!(kept, 0, "nothing is kept of what was not found");
}

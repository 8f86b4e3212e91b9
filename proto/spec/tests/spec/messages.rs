//! Words and messages: whatever is written is read back the same, and whatever is read never panics.

use crate::examples;
use proptest::{collection::vec, prelude::*, sample::select};
use serde::{Serialize, de::DeserializeOwned};
use std::collections::BTreeMap;
use tombola_spec::{
    Attempt, Digest, Fingerprint, JobId, LeaseId, Steps, WorkerId,
    data::DataShape,
    job::{BatchStatistics, Input, JobSpec, Output, Redraw, Scored, Start, Stream, Values},
    outcome::{
        Artifact, CollapsePoint, CollapseSummary, ConnectivitySummary, CurvePoint, EarlyStop, EpochPair,
        Failure, FailureClass, FoundTicket, LayerCount, LayerPair, MaskDistanceSummary, MaskPair,
        MaskSummary, Measure, Outcome, Provenance, Series, Size, SlimSummary, Split, Summary, TrainSummary,
    },
    settings::{Amount, Augment, Data, Dtype, Frozen, Half, Noise, Optimizer, Partial, Schedule, Subset},
    slot::{Event, OutputFile, Request, Stage, StageJob},
    worker::{BestWidth, DataInfo, DeviceKind, Plan},
};

/// Any float, the odd ones often.
fn float() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<u64>().prop_map(f64::from_bits),
        select(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 0.1, f64::MIN_POSITIVE, 5e-324, 1e300]),
    ]
}

fn finite() -> impl Strategy<Value = f64> {
    float().prop_map(|number| if number.is_finite() { number } else { 0.5 })
}

fn digest() -> impl Strategy<Value = Digest> {
    any::<[u8; 32]>().prop_map(Digest)
}

fn input() -> impl Strategy<Value = Input> {
    (digest(), select(&Output::ALL[..])).prop_map(|(job, output)| Input { job: Fingerprint(job), output })
}

fn stream() -> impl Strategy<Value = Stream> {
    (any::<u64>(), ".{0,12}", any::<u32>(), any::<u32>(), any::<u32>())
        .prop_map(|(seed, branch, copy, round, repeat)| Stream { seed, branch, copy, round, repeat })
}

fn steps() -> impl Strategy<Value = Steps> {
    (any::<u32>(), any::<u32>()).prop_map(|(ep, it)| Steps { ep, it })
}

fn start() -> impl Strategy<Value = Start> {
    prop_oneof![
        stream().prop_map(Start::Init),
        digest().prop_map(|job| Start::Continue(Fingerprint(job))),
        digest().prop_map(|job| Start::Rewind(Fingerprint(job))),
        digest().prop_map(|job| Start::Found(Fingerprint(job))),
        (stream(), values(), any::<bool>()).prop_map(|(stream, values, keep_signs)| {
            let after = Scored::Trained(examples::parent(1));
            Start::Redraw(Box::new(Redraw { after, values, keep_signs, stream }))
        }),
    ]
}

fn values() -> impl Strategy<Value = Values> {
    let plain = vec![Values::Fresh, Values::Constant, Values::Resampled, Values::Shuffled];
    prop_oneof![select(plain), finite().prop_map(Values::Noise)]
}

fn optimizer() -> impl Strategy<Value = Optimizer> {
    prop_oneof![
        (finite(), any::<bool>()).prop_map(|(momentum, nesterov)| Optimizer::Sgd { momentum, nesterov }),
        (finite(), finite(), finite()).prop_map(|(beta1, beta2, eps)| Optimizer::Adam { beta1, beta2, eps }),
        (finite(), finite(), finite()).prop_map(|(beta1, beta2, eps)| Optimizer::AdamW { beta1, beta2, eps }),
        (finite(), finite(), finite()).prop_map(|(alpha, eps, momentum)| Optimizer::RmsProp {
            alpha,
            eps,
            momentum
        }),
    ]
}

fn data() -> impl Strategy<Value = Data> {
    let subset = prop_oneof![
        finite().prop_map(Subset::Fraction),
        (vec(any::<u32>(), 0..3), any::<u32>())
            .prop_map(|(classes, examples)| Subset::Classes { classes, examples }),
        select(vec![Half::A, Half::B]).prop_map(Subset::Half),
    ];
    let noise = (finite(), any::<u64>()).prop_map(|(share, seed)| Noise { share, seed });
    let augment = select(vec![Augment::None, Augment::Flip, Augment::Crop4, Augment::FlipCrop4]);
    (".{0,12}", finite(), any::<u64>(), prop::option::of(subset), prop::option::of(noise), augment).prop_map(
        |(set, mean, split_seed, subset, noise, augment)| {
            let mut shape = examples::recipe().data.shape;
            shape.mean = mean.into();
            Data { split_seed, subset, noise, augment, ..Data::whole(&set, shape, 5000) }
        },
    )
}

fn schedule() -> impl Strategy<Value = Schedule> {
    prop_oneof![
        Just(Schedule::Step),
        (finite(), steps()).prop_map(|(to, end)| Schedule::Cosine { to, end }),
        (finite(), steps()).prop_map(|(to, end)| Schedule::Linear { to, end }),
    ]
}

fn train() -> impl Strategy<Value = JobSpec> {
    let settings =
        (optimizer(), finite(), vec(steps(), 0..4), schedule(), prop::option::of(finite()), data());
    (start(), prop::option::of(input()), stream(), steps(), any::<bool>(), settings).prop_map(
        |(start, mask, order, to, keep_state, (optimizer, lr, milestones, schedule, clip, data))| {
            let mut recipe = examples::recipe();
            (recipe.train.optimizer, recipe.train.lr, recipe.train.milestones) = (optimizer, lr, milestones);
            (recipe.train.schedule, recipe.train.clip, recipe.data) = (schedule, clip, data);
            (recipe.train.bn_l1, recipe.model.dropout) = (lr, -lr);
            if keep_state {
                recipe.train.partial = Partial::Keep;
                recipe.train.freeze = vec![Frozen::Bn, Frozen::Parameter(order.branch.clone())];
            }
            let (recipe, job) = (recipe.into(), examples::dense());
            JobSpec::Train(tombola_spec::job::TrainJob { recipe, start, mask, order, to, keep_state, ..job })
        },
    )
}

fn job() -> impl Strategy<Value = JobSpec> {
    let rates = prop::collection::btree_map(".{0,12}", finite(), 0..3);
    let examples = select(vec![examples::prune(), examples::synflow(), examples::snip()]);
    let prune = (examples, rates, prop::option::of(input()), stream(), finite(), any::<bool>()).prop_map(
        |(mut job, rates, mask, ties, rate, invert)| {
            let amount = if invert { Amount::Density(rate) } else { Amount::Rate(rate) };
            (job.rule.rates, job.rule.amount, job.rule.invert) = (rates, amount, invert);
            (job.mask, job.ties) = (mask, ties);
            JobSpec::Prune(job)
        },
    );
    let random_mask = (input(), stream()).prop_map(|(mask, stream)| {
        JobSpec::RandomMask(tombola_spec::job::RandomMaskJob { mask, stream, ..examples::random_mask() })
    });
    let connectivity = (digest(), digest(), any::<u32>()).prop_map(|(a, b, alphas)| {
        let (ends, job) = ([Fingerprint(a), Fingerprint(b)], examples::connectivity());
        JobSpec::Connectivity(tombola_spec::job::ConnectivityJob { ends, alphas, ..job })
    });
    let collapse = (finite(), finite(), stream()).prop_map(|(to, step, ties)| {
        JobSpec::Collapse(tombola_spec::job::CollapseJob { to, step, ties, ..examples::collapse() })
    });
    let distance = vec(input(), 0..4).prop_map(|masks| {
        JobSpec::MaskDistance(tombola_spec::job::MaskDistanceJob { masks, ..examples::mask_distance() })
    });
    let others = select(examples::jobs().into_iter().map(|(_, job)| job).collect::<Vec<_>>());
    prop_oneof![train(), prune, random_mask, connectivity, collapse, distance, others]
}

fn measure() -> impl Strategy<Value = Measure> {
    let split = select(vec![Split::Train, Split::Validation, Split::Test]);
    (".{0,12}", split, float()).prop_map(|(name, split, value)| Measure { name, split, value })
}

fn summary() -> impl Strategy<Value = Summary> {
    let early_stop = prop::option::of((any::<u64>(), vec(measure(), 0..3)))
        .prop_map(|stop| stop.map(|(iteration, measures)| EarlyStop { iteration, measures }));
    let train = (vec(measure(), 0..4), early_stop, any::<u64>(), any::<u64>(), finite()).prop_map(
        |(last, early_stop, iterations, flops, device_seconds)| {
            let theoretical_flops = flops / 2;
            Summary::Train(TrainSummary {
                last,
                early_stop,
                iterations,
                flops,
                theoretical_flops,
                device_seconds,
            })
        },
    );
    let layer = (".{0,12}", any::<u64>(), any::<u64>(), any::<bool>())
        .prop_map(|(name, living, total, prunable)| LayerCount { name, living, total, prunable });
    let pair = (any::<[u32; 2]>(), finite()).prop_map(|(epochs, distance)| EpochPair { epochs, distance });
    let found = (any::<u32>(), any::<u64>(), vec(pair, 0..3))
        .prop_map(|(epoch, iteration, pairs)| FoundTicket { epoch, iteration, pairs });
    let mask = (vec(layer, 0..4), prop::option::of(found)).prop_map(|(layers, found)| {
        Summary::Mask(MaskSummary { layers, flops: 7, device_seconds: 0.5, found })
    });
    let point = (float(), float(), select(vec![Split::Train, Split::Validation, Split::Test])).prop_map(
        |(loss, part, split)| {
            let alpha = if part.is_finite() { part } else { 0.0 };
            CurvePoint { bn: BatchStatistics::Interpolate, split, alpha, loss, error: alpha }
        },
    );
    let connectivity = (vec(point, 0..4), finite()).prop_map(|(curve, device_seconds)| {
        Summary::Connectivity(ConnectivitySummary { curve, flops: 7, device_seconds })
    });
    let point = (finite(), any::<u64>(), vec(".{0,9}", 0..3))
        .prop_map(|(exponent, living, emptied)| CollapsePoint { exponent, living, emptied });
    let collapse = (vec(point, 0..3), finite(), finite()).prop_map(|(points, greatest, device_seconds)| {
        let criterion = "synflow".to_owned();
        Summary::Collapse(CollapseSummary { criterion, points, greatest, flops: 7, device_seconds })
    });
    let layer = (".{0,9}", any::<[u64; 2]>(), any::<u64>(), any::<u64>())
        .prop_map(|(name, living, both, total)| LayerPair { name, living, both, total });
    let pair = (any::<[u32; 2]>(), vec(layer, 0..3)).prop_map(|(masks, layers)| MaskPair { masks, layers });
    let distance = (vec(pair, 0..3), finite()).prop_map(|(pairs, device_seconds)| {
        Summary::MaskDistance(MaskDistanceSummary { pairs, device_seconds })
    });
    let slim = (".{0,12}", any::<u64>(), float(), finite()).prop_map(|(name, count, difference, seconds)| {
        let size = |latency| Size { parameters: count, weights: count, flops: count, bytes: count, latency };
        let (masked, slim) = (size(seconds), size(seconds / 2.0));
        Summary::Slim(Box::new(SlimSummary {
            name,
            masked,
            slim,
            difference,
            batch: 100,
            device_seconds: seconds,
        }))
    });
    prop_oneof![train, mask, connectivity, collapse, distance, slim]
}

fn provenance() -> impl Strategy<Value = Provenance> {
    (".{0,9}", ".{0,9}", any::<u32>(), any::<u32>(), prop::option::of(digest())).prop_map(
        |(plan, device, threads, width, data)| Provenance {
            plan,
            device,
            threads,
            width,
            libtorch: "2.11.0".to_owned(),
            capability: "AVX512".to_owned(),
            worker: "0.1.0".to_owned(),
            data,
        },
    )
}

fn outcome() -> impl Strategy<Value = Outcome> {
    let artifact = (digest(), any::<u64>()).prop_map(|(digest, bytes)| Artifact { digest, bytes });
    let outputs = prop::collection::btree_map(select(&Output::ALL[..]), artifact, 0..4);
    (outputs, summary(), provenance()).prop_map(|(outputs, summary, provenance)| Outcome {
        outputs,
        summary,
        provenance,
    })
}

fn stage() -> impl Strategy<Value = Stage> {
    let inputs = prop::collection::btree_map(input().prop_map(|i| i.to_string()), path(), 0..3);
    let job = (any::<u64>(), any::<u32>(), job(), inputs, prop::option::of(path())).prop_map(
        |(number, attempt, spec, inputs, resume)| StageJob {
            job: JobId(number),
            attempt: Attempt(attempt),
            spec,
            inputs,
            resume,
        },
    );
    let plan = select(vec![Plan::CpuLanes, Plan::Fused]);
    (vec(job, 0..3), any::<u32>(), plan, path()).prop_map(|(jobs, width, plan, folder)| Stage {
        jobs,
        width,
        plan,
        folder,
    })
}

fn path() -> impl Strategy<Value = std::path::PathBuf> {
    "(/[^\u{0}]{1,9}){1,3}".prop_map(Into::into)
}

fn request() -> impl Strategy<Value = Request> {
    prop_oneof![
        stage().prop_map(Request::Run),
        any::<u64>().prop_map(|job| Request::Cancel { job: JobId(job) }),
        Just(Request::Yield),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    let ready = (".{0,12}", any::<u64>(), digest(), finite(), vec((".{0,9}", ".{0,9}"), 0..3)).prop_map(
        |(name, memory, digest, mean, unusable)| {
            let shape = DataShape { mean: mean.into(), ..examples::recipe().data.shape };
            let data = vec![DataInfo { set: name.clone(), digest, shape }];
            let (device, libtorch) = (DeviceKind::Cuda, "2.11.0".to_owned());
            let (image, dtype, lanes) = ([3, 32, 32], Dtype::Tf32, memory as u32);
            let widths = vec![BestWidth { network: name.clone(), image, dtype, batch: lanes, lanes }];
            let calibration = name.clone();
            Event::Ready { device, name, memory, libtorch, data, unusable, widths, calibration }
        },
    );
    let series = vec((measure(), any::<u64>()), 0..5).prop_map(|points| Series {
        name: "loss".to_owned(),
        split: Split::Test,
        iterations: points.iter().map(|(_, iteration)| *iteration).collect(),
        values: points.iter().map(|(measure, _)| measure.value).collect(),
    });
    let metrics = (any::<u64>(), vec(series, 0..3))
        .prop_map(|(job, series)| Event::Metrics { job: JobId(job), series });
    let file =
        (path(), digest(), any::<u64>()).prop_map(|(file, digest, bytes)| OutputFile { file, digest, bytes });
    let outputs = prop::collection::btree_map(select(&Output::ALL[..]), file, 0..4);
    let finished =
        (any::<u64>(), outputs, summary(), provenance()).prop_map(|(job, outputs, summary, provenance)| {
            Event::Finished { job: JobId(job), outputs, summary, provenance }
        });
    let failed =
        (any::<u64>(), select(&FailureClass::ALL[..]), ".{0,20}").prop_map(|(job, class, message)| {
            Event::Failed { job: JobId(job), failure: Failure { class, message } }
        });
    prop_oneof![
        ready,
        ".{0,20}".prop_map(|message| Event::Unable { message }),
        (any::<u64>(), any::<u64>())
            .prop_map(|(job, iteration)| Event::Started { job: JobId(job), iteration }),
        (any::<u64>(), any::<u64>())
            .prop_map(|(job, iteration)| Event::Progress { job: JobId(job), iteration }),
        metrics,
        (any::<u64>(), any::<u64>(), path())
            .prop_map(|(job, iteration, file)| { Event::Checkpoint { job: JobId(job), iteration, file } }),
        finished,
        failed,
        Just(Event::StageDone),
    ]
}

/// One line, which is read back as what writes the same line again.
fn line_of<T: Serialize + DeserializeOwned>(value: &T) -> (String, T) {
    let line = serde_json::to_string(value).expect("a message has a JSON form");
    assert!(!line.contains('\n'), "a message is one line: {line}");
    let read: T = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
    assert_eq!(serde_json::to_string(&read).expect("as before"), line);
    (line, read)
}

fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn steps_are_read_as_they_are_printed(steps in steps()) {
        prop_assert_eq!(steps.to_string().parse::<Steps>().unwrap(), steps);
    }

    #[test]
    fn any_text_is_steps_or_a_hint(text in "[0-9eptit .+-]{0,14}") {
        match text.parse::<Steps>() {
            Ok(steps) => prop_assert_eq!(steps.to_string().parse::<Steps>().unwrap(), steps),
            Err(error) => prop_assert!(error.what.contains(&text) && !error.hint.is_empty()),
        }
    }

    #[test]
    fn words_are_read_as_they_are_printed(input in input(), number in any::<u64>()) {
        prop_assert_eq!(input.to_string().parse::<Input>().unwrap(), input);
        prop_assert_eq!(input.job.to_string().parse::<Fingerprint>().unwrap(), input.job);
        prop_assert_eq!(LeaseId(number).to_string().parse::<LeaseId>().unwrap(), LeaseId(number));
        prop_assert_eq!(number.to_string().parse::<WorkerId>().unwrap(), WorkerId(number));
    }

    #[test]
    fn any_text_is_a_word_or_an_error(text in ".{0,80}") {
        let _ = (text.parse::<Input>(), text.parse::<Digest>(), text.parse::<JobId>(), text.parse::<Output>());
        let _ = tombola_spec::arch::Architecture::parse(&text, [1, 28, 28], 10);
    }

    #[test]
    fn a_job_keeps_its_fingerprint_on_its_way(job in job()) {
        let (_, read) = line_of(&job);
        prop_assert_eq!(Fingerprint::of(&read), Fingerprint::of(&job));
        prop_assert_eq!(read, job);
    }

    #[test]
    fn outcomes_arrive_as_they_were_sent(outcome in outcome()) {
        let _ = line_of(&outcome);
    }

    #[test]
    fn requests_arrive_as_they_were_sent(request in request()) {
        let _ = line_of(&request);
    }

    #[test]
    fn events_arrive_as_they_were_sent(event in event()) {
        let _ = line_of(&event);
    }

    #[test]
    fn no_text_makes_a_reader_panic(text in ".{0,80}") {
        let _ = (serde_json::from_str::<Request>(&text), serde_json::from_str::<Event>(&text));
    }
}

/// JSON has no word for it, and `null` could not be read back.
#[test]
fn a_loss_that_diverged_is_written_as_a_word() {
    let measure = Measure { name: "loss".to_owned(), split: Split::Train, value: f64::NAN };
    let (line, read) = line_of(&measure);
    assert_eq!(line, r#"{"name":"loss","split":"train","value":"NaN"}"#);
    assert!(read.value.is_nan());
    let (iterations, values) = (vec![1, 2, 3], vec![f64::INFINITY, 0.25, f64::NEG_INFINITY]);
    let series = Series { name: "loss".to_owned(), split: Split::Test, iterations, values };
    let (line, read) = line_of(&series);
    assert!(line.ends_with(r#""values":["inf",0.25,"-inf"]}"#), "{line}");
    assert_eq!(read, series);
    let error = serde_json::from_str::<Measure>(&line.replace("inf", "many")).unwrap_err();
    assert!(!error.to_string().is_empty());
}

#[test]
fn a_number_in_a_word_that_is_none_is_named() {
    let text = r#"{"name":"loss","split":"train","value":"lots"}"#;
    let error = serde_json::from_str::<Measure>(text).unwrap_err().to_string();
    assert!(error.contains("`lots` is no number"), "{error}");
}

/// A plain JSON reader gives some decimal numbers back one bit off; a learning rate must not move on its way.
#[test]
fn floats_arrive_to_the_bit() {
    for bits in
        [0x3fb9_9999_9999_999b_u64, 0x3f53_a92a_3055_3261, 0x0000_0000_0000_0001, 0x7fef_ffff_ffff_ffff]
    {
        let measures = vec![Measure { name: String::new(), split: Split::Test, value: f64::from_bits(bits) }];
        assert_eq!(line_of(&measures).1[0].value.to_bits(), bits);
    }
    let map: BTreeMap<String, f64> = [("a".to_owned(), 0.1 + 0.2)].into();
    assert_eq!(line_of(&map).1, map);
}

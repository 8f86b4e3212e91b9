//! Tickets from training to `tombola fetch` to Python: the weights are those the network had, the mask is what was small.

use crate::rig::{Lab, sweep};
use std::{
    collections::BTreeMap,
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Mutex,
};
use tombola_engine::{
    device::Device,
    train::{CheckpointRule, Engine, Halt, Link},
};
use tombola_spec::{
    Attempt, JobId,
    job::{JobSpec, Output},
    slot::{Event, OutputFile, Stage, StageJob},
    worker::{DeviceKind, Plan},
};

/// Walks the rounds of a ticket: starting weights, then for each round its fetched folder and what the round before was
/// trained to. Every round cuts half of each layer.
const SCRIPT: &str = r#"
import json, runpy, sys
import numpy as np
import safetensors.numpy
from safetensors.numpy import load_file
sys.modules["safetensors.torch"] = safetensors.numpy

theta, *rounds = json.loads(sys.argv[1])
theta = load_file(theta)
before = {name: np.ones_like(tensor) for name, tensor in theta.items() if tensor.ndim > 1}
for folder, trained in rounds:
    ticket, trained = runpy.run_path(folder + "/load.py"), load_file(trained)
    mask = ticket["mask"]
    assert mask.keys() == before.keys(), mask.keys()
    assert ticket["weights"].keys() == theta.keys(), ticket["weights"].keys()
    for name, tensor in ticket["weights"].items():
        assert np.array_equal(tensor, theta[name] * mask.get(name, 1)), (folder, name)
    for name, living in mask.items():
        assert (living <= before[name]).all() and 2 * living.sum() == before[name].sum(), (folder, name)
        size = np.abs(trained[name])
        cut = size[(before[name] == 1) & (living == 0)]
        assert cut.max() <= size[living == 1].min(), (folder, name)
    before = mask
print("true")
"#;

/// An interpreter with safetensors and numpy.
#[expect(clippy::print_stderr, reason = "says why a test did not run")]
fn python() -> Option<OsString> {
    let Some(program) = env::var_os("TOMBOLA_TEST_PYTHON") else {
        let why = "not run: TOMBOLA_TEST_PYTHON names no Python with safetensors (`cargo xtask test` does)";
        assert!(env::var("TOMBOLA_TEST_REQUIRE").as_deref() != Ok("1"), "{why}");
        eprintln!("{why}");
        return None;
    };
    Some(program)
}

/// Keeps what a job left behind.
#[derive(Default)]
struct Kept(Mutex<BTreeMap<Output, OutputFile>>);

impl Link for Kept {
    fn emit(&self, event: Event) {
        if let Event::Finished { outputs, .. } = event {
            *self.0.lock().unwrap() = outputs;
        }
    }

    fn progress(&self, _job: JobId, _iteration: u64) {}

    fn cancelled(&self, _job: JobId) -> bool {
        false
    }

    fn halt(&self) -> Halt {
        Halt::No
    }
}

/// The first segment of a lab's dense training, trained here: it begins at initialization and ends at the rewind point.
async fn trained_here(lab: &Lab) -> BTreeMap<Output, OutputFile> {
    let spec = lab.sql("select spec from job_specs where job = 1").await.remove(0).remove(0);
    let spec: JobSpec = serde_json::from_str(&spec).unwrap();
    let job = StageJob { job: JobId(1), attempt: Attempt(1), spec, inputs: BTreeMap::new(), resume: None };
    let folder = lab.path("here");
    fs::create_dir(&folder).unwrap();
    let stage = Stage { jobs: vec![job], width: 1, plan: Plan::CpuLanes, folder };
    let device = Device::open(DeviceKind::Cpu, 0).unwrap();
    let kept = Kept::default();
    Engine::new(device, lab.path("data"), 1, CheckpointRule::default()).run(&stage, &kept);
    kept.0.into_inner().unwrap()
}

/// Fetched folder of a round, and the weights that the round before ended with.
async fn round(lab: &Lab, trial: u32, round: u32) -> (PathBuf, PathBuf) {
    let name = format!("{trial}-{round}");
    let fetched = lab.tombola(&["fetch", &format!("s/{trial}/{round}"), "--dir", &name]);
    assert!(fetched.status.success(), "{}", String::from_utf8_lossy(&fetched.stderr));
    let last = round - 1;
    let sql = format!(
        "select o.digest from rounds r join trials t on t.id = r.trial
         join outputs o on o.job = r.result and o.output = 'weights'
         where t.number = {trial} and r.branch = '' and r.round = {last}"
    );
    let digest = lab.sql(&sql).await.remove(0).remove(0);
    (lab.path(&name), lab.download(&digest, &format!("{name}.trained")).await)
}

#[tokio::test]
async fn a_fetched_ticket_is_the_weights_at_the_rewind_point_under_the_largest_of_each_layer() {
    let Some(python) = python() else { return };
    let lab = Lab::open().await;
    let _ada = lab.worker("ada", "cpu=1");
    let rewinds = "[axes]\n\"prune.rewind\" = [\"0it\", \"40it\"]\n";
    lab.submit(&(sweep("s", "1", 120, 2) + rewinds)).await;
    lab.finished("s").await;
    let here = trained_here(&lab).await;
    for (trial, start) in [(1, Output::Initial), (2, Output::Weights)] {
        let theta: &Path = &here[&start].file;
        let rounds = [round(&lab, trial, 1).await, round(&lab, trial, 2).await];
        let told = serde_json::json!([theta, rounds[0], rounds[1]]).to_string();
        let output = Command::new(&python).args(["-c", SCRIPT, &told]).output().unwrap();
        assert!(output.status.success(), "trial {trial}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[tokio::test]
async fn masks_cut_before_training_keep_what_they_were_told_to_and_share_one_dense_network() {
    let lab = Lab::open().await;
    let _ada = lab.worker("ada", "cpu=1");
    let pruned = "prune = { when = \"init\", scope = \"global\", score_data = { per_class = 5 } }\n\
                  [axes]\n\"prune.compression\" = [1, 4]\n\
                  \"prune.criterion\" = [\"synflow\", \"snip\", \"grasp\", \"magnitude\", \"random\"]\n";
    let file =
        sweep("s", "1", 60, 1).replace("prune = { scope = \"per_layer\", rate = 0.5, rounds = 1 }\n", pruned);
    lab.submit(&file).await;
    lab.finished("s").await;
    let kinds = lab.sql("select kind, count(*) from job_result group by kind order by kind").await;
    assert_eq!(kinds, [["prune", "5"], ["train", "6"]], "one dense training for ten trials");
    let living = "select distinct living, total from job_result where kind = 'prune'";
    let [one] = &lab.sql(living).await[..] else { panic!("every criterion leaves as many") };
    let (living, total): (u64, u64) = (one[0].parse().unwrap(), one[1].parse().unwrap());
    assert_eq!(living, (total + 2) / 4);
    let looked = "select count(*) from job_result where kind = 'prune' and data is not null";
    assert_eq!(lab.sql(looked).await, [["2"]], "snip and grasp say what data they looked at");
    let plans = "select plan, count(*) from job_result where kind = 'prune' group by plan order by plan";
    assert_eq!(lab.sql(plans).await, [["alone", "3"], ["rust", "2"]], "derivatives are the device's");
    let masks = "select count(distinct digest) from outputs where output = 'mask'";
    assert_eq!(lab.sql(masks).await, [["5"]]);
}

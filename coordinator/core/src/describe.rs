//! What a job does, in a few words.

use tombola_spec::job::JobSpec;

/// What a job does, for people.
pub fn describe(spec: &JobSpec) -> String {
    match spec {
        JobSpec::Train(job) => {
            let (model, data) = (&job.recipe.model.name, &job.recipe.data.set);
            let density = if job.mask.is_some() { "masked" } else { "dense" };
            format!("train {model} ({density}) on {data} from {} to {}", job.from, job.to)
        }
        JobSpec::Prune(job) => format!("prune {}", job.network.name),
        JobSpec::RandomMask(job) => format!("draw a random mask of {}", job.network.name),
        JobSpec::Join(job) => format!("make one mask of {} of {}", job.masks.len(), job.network.name),
        JobSpec::Slim(job) => format!("measure {} without its dead units", job.network.name),
        JobSpec::Connectivity(job) => {
            let (model, data) = (&job.recipe.model.name, &job.recipe.data.set);
            format!("compare two solutions of {model} on {data}: {} networks on the line between", job.alphas)
        }
        JobSpec::Collapse(job) => {
            format!("find where {} loses a layer by {}", job.network.name, job.criterion.name())
        }
        JobSpec::Import(job) => format!("take in a file with a {} of {}", job.holds, job.network.name),
        JobSpec::MaskDistance(job) => format!("compare {} masks of {}", job.masks.len(), job.network.name),
    }
}

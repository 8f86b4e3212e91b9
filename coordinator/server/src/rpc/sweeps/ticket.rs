//! A ticket: the digests of its mask and of its rewound weights, and its card.

use super::Sweeps;
use crate::{
    Error,
    access::Caller,
    store::{
        Outputs,
        views::{self, Place, SlimNetwork},
    },
};
use serde_json::{Value, json};
use tombola_core::record::{RoundRow, TrialRow, Write};
use tombola_spec::{
    Digest, JobId,
    job::{JobSpec, Output},
    outcome::LayerCount,
    version,
};
use tombola_wire::v1;

/// A round as stored, with where it belongs.
pub(super) struct Found {
    sweep: String,
    trial: TrialRow,
    pub(super) round: RoundRow,
}

impl Found {
    pub(super) fn sweep(&self) -> &str {
        &self.sweep
    }

    /// Key of its trial.
    pub(super) fn key(&self) -> &str {
        &self.trial.key
    }

    /// Its address, as `tombola fetch` takes it.
    pub(super) fn path(&self) -> String {
        let own = format!("{}/{}/{}", self.sweep, self.trial.number, self.round.round);
        match (self.round.branch.as_str(), self.round.copy) {
            ("", _) => own,
            (branch, copy) => format!("{own}/{branch}/{copy}"),
        }
    }

    fn place(&self) -> Place {
        Place {
            trial: self.trial.number,
            branch: self.round.branch.clone(),
            copy: self.round.copy,
            round: self.round.round,
            analysis: String::new(),
        }
    }
}

impl Sweeps {
    /// Who takes a ticket away is on record before it is handed out.
    pub(super) async fn hand_out(
        &self,
        request: v1::TicketRequest,
        caller: &Caller,
    ) -> Result<v1::TicketResponse, Error> {
        let v1::TicketRequest { sweep, trial, round, branch, .. } = &request;
        let place = [sweep, &trial.to_string(), &round.to_string(), branch].map(String::as_str).join("/");
        let ticket = self.ticket_at(request).await?;
        let audit = caller.did("fetch", place.trim_end_matches('/'));
        self.driver.record(vec![Write::Audit(audit)], None).await?;
        Ok(ticket)
    }

    async fn ticket_at(&self, request: v1::TicketRequest) -> Result<v1::TicketResponse, Error> {
        let (slim, alone) = (request.slim, request.mask);
        let found = self.find_round(request).await?;
        match (slim, alone) {
            (true, true) => {
                Err(Error::Invalid("a smaller network has no mask: ask for one of them".to_owned()))
            }
            (true, false) => self.slim_of(&found).await,
            (false, true) => self.mask_of(&found).await,
            (false, false) => self.whole(&found).await,
        }
    }

    /// Mask and weights of a round.
    async fn whole(&self, found: &Found) -> Result<v1::TicketResponse, Error> {
        let round = &found.round;
        let jobs: Vec<JobId> = round.mask.into_iter().chain([round.origin]).collect();
        let outputs = self.store.outputs(&jobs).await?;
        let mask = match round.mask {
            Some(job) => Some(self.output(&outputs, (job, Output::Mask), found, "").await?),
            None => None,
        };
        let drawn = self.drawn_or_trained(round).await?;
        let weights = self.output(&outputs, (round.origin, drawn), found, "").await?;
        let card = self.card(found, mask, Some(weights), &[]).await?;
        Ok(answer(mask, Some(weights), &card))
    }

    /// The mask of a round, which is kept whatever its sweep keeps.
    async fn mask_of(&self, found: &Found) -> Result<v1::TicketResponse, Error> {
        let Some(job) = found.round.mask else {
            let path = found.path();
            let why = format!(
                "`{path}` is dense: it has no mask\nhint: `tombola fetch {path}` fetches its weights"
            );
            return Err(Error::Precondition(why));
        };
        let outputs = self.store.outputs(&[job]).await?;
        let mask = self.output(&outputs, (job, Output::Mask), found, " --mask").await?;
        let card = self.card(found, Some(mask), None, &[]).await?;
        Ok(answer(Some(mask), None, &card))
    }

    /// Which job made the smaller network of a round.
    pub(super) async fn made_smaller(&self, found: &Found) -> Result<SlimNetwork, Error> {
        let place = found.place();
        views::slim_at(self.store.as_ref(), &found.sweep, &place).await?.ok_or_else(|| {
            Error::Precondition(format!(
                "no smaller network was made of {place}\nhint: write `[analysis] slim = {{ rounds = [{}] }}` into the sweep \
                 file, and give it to `tombola extend {}`; if it is there already, its job is not done",
                place.round, found.sweep
            ))
        })
    }

    /// The smaller network of a round, and a card that names it.
    async fn slim_of(&self, found: &Found) -> Result<v1::TicketResponse, Error> {
        let store = self.store.as_ref();
        let made = self.made_smaller(found).await?;
        let outputs = store.outputs(&[made.job]).await?;
        let weights = self.output(&outputs, (made.job, Output::Weights), found, " --slim").await?;
        let card = self.card(found, None, Some(weights), &[made.job]).await?;
        let Value::Object(mut card) = card else {
            return Err(Error::Internal("a card is a table".to_owned()));
        };
        card.insert("network".to_owned(), json!(made.network));
        Ok(answer(None, Some(weights), &Value::Object(card)))
    }

    pub(super) async fn find_round(&self, request: v1::TicketRequest) -> Result<Found, Error> {
        let v1::TicketRequest { sweep, trial: number, round, branch, copy, slim: _, mask: _ } = request;
        let sweep = self.find(&sweep).await?;
        let trials = self.store.trials(sweep.id).await?;
        let most = trials.len();
        let Some(trial) = trials.into_iter().find(|trial| trial.number == number) else {
            let name = sweep.name;
            return Err(Error::NotFound(format!(
                "sweep `{name}` has no trial {number}\nhint: it has 1 to {most}"
            )));
        };
        let rounds = self.store.rounds(&[trial.id]).await?;
        let place = Place { trial: number, branch, copy, round, analysis: String::new() };
        let same = |row: &RoundRow| (&row.branch, row.copy, row.round) == (&place.branch, copy, round);
        let Some(at) = rounds.iter().position(same) else {
            let there = format!("hint: {}", told(&rounds));
            return Err(Error::NotFound(format!("sweep `{}` has no {place}\n{there}", sweep.name)));
        };
        let round =
            rounds.into_iter().nth(at).ok_or_else(|| Error::Internal("a round went away".to_owned()))?;
        Ok(Found { sweep: sweep.name, trial, round })
    }

    /// Which output of its origin a round starts from.
    async fn drawn_or_trained(&self, round: &RoundRow) -> Result<Output, Error> {
        let specs = self.store.job_specs(&round.train).await?;
        let spec = round.train.first().and_then(|job| specs.get(job));
        Ok(match spec.map(|spec| &**spec) {
            Some(JobSpec::Train(train)) if !train.draws() => Output::Weights,
            _ => Output::Initial,
        })
    }

    /// An output of a job, or why it cannot be had; `how` is what `tombola fetch` was told beside the address.
    async fn output(
        &self,
        outputs: &Outputs,
        (job, output): (JobId, Output),
        found: &Found,
        how: &str,
    ) -> Result<Digest, Error> {
        let artifact = outputs.get(&job).and_then(|outputs| outputs.get(&output));
        if let Some(artifact) = artifact {
            return Ok(artifact.digest);
        }
        let path = found.path();
        let why = if views::is_dropped(self.store.as_ref(), job).await? {
            let or = if how.is_empty() && found.round.mask.is_some() {
                format!("; `tombola fetch {path} --mask` fetches the mask alone, which is there")
            } else {
                String::new()
            };
            format!(
                "its weights were dropped: no sweep that they were made for keeps them (`keep` in its file)\n\
                 hint: `tombola fetch {path}{how} --again` has them made again first{or}"
            )
        } else {
            format!(
                "the ticket is not there yet: its {output} comes from {job}, which is not done\n\
                 hint: `tombola explain {job}` says where it stands"
            )
        };
        Err(Error::Precondition(why))
    }

    /// What there is to know of it; `more` are jobs that made it beside those of the round.
    async fn card(
        &self,
        found: &Found,
        mask: Option<Digest>,
        weights: Option<Digest>,
        more: &[JobId],
    ) -> Result<Value, Error> {
        let Found { sweep, trial, round } = found;
        let store = self.store.as_ref();
        let place = found.place();
        let layers = views::layers(store, sweep, &place).await?;
        let measures = views::measures(store, sweep, &place).await?;
        let jobs: Vec<JobId> =
            round.mask.iter().chain(&round.train).chain([&round.origin]).chain(more).copied().collect();
        let made_by = views::provenance(store, &jobs).await?;
        Ok(json!({
            "sweep": sweep, "trial": trial.number, "key": trial.key, "seed": trial.seed, "repeat": trial.repeat,
            "axes": trial.axes, "branch": round.branch, "kind": round.kind, "course": round.course,
            "copy": round.copy, "round": round.round,
            "start": round.start, "mask": mask, "weights": weights, "counts": counts(&layers), "layers": layers,
            "measures": measures, "settings": trial.settings, "made_by": made_by, "versions": versions(),
        }))
    }
}

fn answer(mask: Option<Digest>, weights: Option<Digest>, card: &Value) -> v1::TicketResponse {
    let [mask, weights] = [mask, weights].map(|digest| digest.map_or_else(String::new, |it| it.to_string()));
    v1::TicketResponse { mask, weights, card: format!("{card:#}") }
}

/// Which rounds and branches there are.
fn told(rounds: &[RoundRow]) -> String {
    let own = rounds.iter().filter(|row| row.branch.is_empty()).map(|row| row.round).max().unwrap_or(0);
    let mut branches: Vec<&str> =
        rounds.iter().map(|row| row.branch.as_str()).filter(|b| !b.is_empty()).collect();
    branches.dedup();
    let branches = if branches.is_empty() { "none".to_owned() } else { branches.join(", ") };
    format!("its rounds are 0 to {own}, its branches: {branches}")
}

/// The three counts; none for a dense round.
fn counts(layers: &[LayerCount]) -> Value {
    if layers.is_empty() {
        return Value::Null;
    }
    let sum = |count: fn(&LayerCount) -> u64| layers.iter().map(count).sum::<u64>();
    let (living, total) = (sum(|layer| layer.living), sum(|layer| layer.total));
    let prunable = sum(|layer| if layer.prunable { layer.total } else { 0 });
    json!({ "living": living, "total": total, "prunable": prunable, "density": living as f64 / total as f64 })
}

fn versions() -> Value {
    let components = version::components().map(|(name, number)| (name.to_owned(), json!(number)));
    let build = [("tombola".to_owned(), json!(env!("CARGO_PKG_VERSION")))];
    Value::Object(build.into_iter().chain(components).collect())
}

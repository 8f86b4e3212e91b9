//! What a coordinator may say to a worker, with engines, uploads and a link that do as they like. Whatever was said, in the end
//! the worker leaves when it is asked to.

use super::{
    Target,
    bytes::{Bytes, piece},
    messages::{SAID, TOLD},
};
use prost::Message as _;
use std::collections::BTreeSet;
use tombola_agent::fuzz::{Wish, Worker};
use tombola_wire::v1::{self, from_worker, report, to_worker};

pub(crate) const TARGET: Target = Target {
    name: "agent_session",
    run,
    seeds,
    words: &["cpu-lanes", "fused", "w1@state", "l1"],
    longest: 4096,
};

/// Slots of the worker.
const SLOTS: usize = 2;

#[derive(Default)]
struct Session {
    worker: Worker,
    /// Between a Hello and the end of the link.
    open: bool,
    /// Greatest number of a report that was sent.
    sent: u64,
    now: u64,
    left: bool,
}

fn run(bytes: &[u8]) {
    let (mut session, mut bytes) = (Session::default(), Bytes::new(bytes));
    session.link(true);
    while !bytes.is_empty() && !session.left {
        session.happens(&mut bytes);
    }
    session.ends();
}

impl Session {
    fn happens(&mut self, bytes: &mut Bytes<'_>) {
        match bytes.byte() % 12 {
            0 => self.hears(v1::ToWorker::decode(bytes.piece()).unwrap_or_default()),
            1 | 2 => self.hears_something(bytes),
            3..=5 => self.slot_says(bytes),
            6 => self.link(false),
            7 => self.link(true),
            8 => {
                let wishes = self.worker.engine(bytes.below(SLOTS), bytes.flag());
                self.want(wishes);
            }
            9 => {
                let reports = self.worker.reports();
                let Some(report) = reports.get(bytes.below(reports.len())) else { return };
                let wishes = self.worker.uploaded(*report, bytes.flag());
                self.want(wishes);
            }
            10 => {
                self.now += u64::from(bytes.byte());
                let wishes = self.worker.tick(self.now, bytes.flag());
                self.want(wishes);
            }
            _ if bytes.byte() == 0 => {
                let wishes = self.worker.drain();
                self.want(wishes);
            }
            _ => {}
        }
    }

    fn link(&mut self, open: bool) {
        if self.open == open {
            return;
        }
        self.open = open;
        let wishes = self.worker.link(open);
        if open {
            let hello = wishes.iter().any(|wish| matches!(wish, Wish::Say(said) if is_hello(said)));
            assert!(hello, "a link begins with a Hello: {wishes:?}");
        }
        self.want(wishes);
    }

    fn hears(&mut self, message: v1::ToWorker) {
        if self.open
            && let Ok(wishes) = self.worker.hear(message)
        {
            self.want(wishes);
        }
    }

    /// What coordinators say, about something else.
    fn hears_something(&mut self, bytes: &mut Bytes<'_>) {
        let kinds = &*TOLD;
        let Some(mut message) = kinds.get(bytes.below(kinds.len())).cloned() else { return };
        match &mut message {
            to_worker::Message::Lease(lease) => {
                (lease.lease, lease.slot) = (format!("l{}", bytes.byte() % 8), u32::from(bytes.byte() % 3));
                for job in lease.stages.iter_mut().flat_map(|stage| &mut stage.jobs) {
                    (job.job, job.attempt) = (u64::from(bytes.byte() % 8), u32::from(bytes.byte() % 4));
                }
            }
            to_worker::Message::Recall(recall) => recall.lease = format!("l{}", bytes.byte() % 8),
            to_worker::Message::Ack(ack) => ack.sequence = bytes.number(),
            to_worker::Message::Fenced(fenced) => {
                let attempt = |job| v1::FencedAttempt { job, attempt: u32::from(bytes.byte() % 4) };
                fenced.attempts = (0..8).map(attempt).collect();
            }
            to_worker::Message::Cancel(cancel) => {
                (cancel.job, cancel.attempt) = (u64::from(bytes.byte() % 8), u32::from(bytes.byte() % 4));
            }
            to_worker::Message::Welcome(welcome) => welcome.worker = format!("w{}@state", bytes.byte() % 2),
            _ => {}
        }
        self.hears(v1::ToWorker { message: Some(message) });
    }

    fn slot_says(&mut self, bytes: &mut Bytes<'_>) {
        let kinds = &*SAID;
        let Some(from_worker::Message::Report(mut report)) = kinds.get(bytes.below(6)).cloned() else {
            return;
        };
        let slot = bytes.below(SLOTS);
        report.job = u64::from(bytes.byte() % 8);
        let wishes = self.worker.slot(slot, report).expect("a good report");
        self.want(wishes);
    }

    /// What it wants done makes sense.
    fn want(&mut self, wishes: Vec<Wish>) {
        for wish in wishes {
            match wish {
                Wish::Say(said) => self.says(&said),
                Wish::Order(slot) => assert!(slot < SLOTS, "an order to slot {slot}"),
                Wish::Upload(report) => {
                    assert!(self.worker.reports().contains(&report), "for no report: {report}");
                }
                Wish::Exit(_) => self.left = true,
                Wish::Disk => {}
            }
        }
    }

    /// Nothing is said twice over, nothing of an attempt twice in a Hello, and nothing over a link that is not there.
    fn says(&mut self, said: &v1::FromWorker) {
        assert!(self.open, "said over no link: {said:?}");
        match &said.message {
            Some(from_worker::Message::Hello(hello)) => {
                let held: BTreeSet<_> = hello.held.iter().map(|held| (held.job, held.attempt)).collect();
                assert_eq!(held.len(), hello.held.len(), "held twice: {hello:?}");
                self.sent = 0;
            }
            Some(from_worker::Message::Report(report)) => {
                assert!(report.sequence > self.sent, "report {} after {}", report.sequence, self.sent);
                self.sent = report.sequence;
            }
            _ => {}
        }
    }

    /// Everything it does ends, everything it says is heard, and somebody asks it to leave.
    fn ends(&mut self) {
        if self.left {
            return;
        }
        self.link(false);
        self.link(true);
        let welcome = v1::Welcome { worker: "w1@state".into(), ..v1::Welcome::default() };
        self.hears(v1::ToWorker { message: Some(to_worker::Message::Welcome(welcome)) });
        let wishes = self.worker.drain();
        self.want(wishes);
        for _ in 0..20 {
            for slot in 0..SLOTS {
                let over = v1::Report {
                    what: Some(report::What::GivenBack(v1::GivenBack {})),
                    ..v1::Report::default()
                };
                let wishes = self.worker.slot(slot, over).expect("a good report");
                self.want(wishes);
            }
            for report in self.worker.reports() {
                let wishes = self.worker.uploaded(report, true);
                self.want(wishes);
            }
            self.hears(v1::ToWorker {
                message: Some(to_worker::Message::Ack(v1::Ack { sequence: u64::MAX })),
            });
            self.now += 1;
            let wishes = self.worker.tick(self.now, false);
            self.want(wishes);
        }
        assert!(self.left, "it was asked to leave and stays");
    }
}

fn is_hello(said: &v1::FromWorker) -> bool {
    matches!(said.message, Some(from_worker::Message::Hello(_)))
}

fn seeds() -> Vec<Vec<u8>> {
    let wire = |message| v1::ToWorker { message: Some(message) }.encode_to_vec();
    let welcome = TOLD.len() as u8 - 7;
    let raw = TOLD.iter().cloned().map(|one| [&[1, welcome, 1, 0], piece(&wire(one)).as_slice()].concat());
    let works =
        [1, welcome, 1, 1, 0, 1, 0, 1, 1, 3, 0, 0, 1, 4, 3, 0, 1, 9, 0, 1, 3, 5, 0, 0, 1, welcome + 3, 2]
            .to_vec();
    raw.chain([works]).collect()
}

//! A commit that is cut off anywhere is applied whole or not at all.

use crate::rig::{Place, SWEEP, World, outcome, scenarios};
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tombola_core::record::{JobRow, Write};
use tombola_server::store::Store;

scenarios!(
    a_commit_given_up_anywhere_is_whole_or_nothing,
    a_leader_killed_in_a_commit_leaves_all_of_it_or_nothing,
);

/// Gives a future so many chances to get on, then drops it.
struct Patience<F> {
    future: Pin<Box<F>>,
    left: u32,
}

impl<F: Future> Future for Patience<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        self.left -= 1;
        self.future.as_mut().poll(context).map(Some)
    }
}

/// Leases, starts and finishes these jobs.
fn life(world: &mut World, jobs: &[JobRow]) -> Vec<Write> {
    let ids: Vec<_> = jobs.iter().map(|job| job.id).collect();
    let mut writes = vec![world.lease(&ids)];
    writes.extend(jobs.iter().map(|job| world.start(job.id)));
    writes.extend(jobs.iter().map(|job| world.finish(job, outcome(job))));
    writes
}

async fn a_commit_given_up_anywhere_is_whole_or_nothing(place: &Place) {
    let mut world = World::new(place).await;
    let jobs = world.submit(SWEEP).await.jobs;
    let writes = life(&mut world, &jobs);
    let before = world.everything().await;
    for left in 0.. {
        let future = Box::pin(world.commit(&writes));
        let committed = Patience { future, left }.await;
        // The leader's way out of not knowing.
        world.epoch = world.store.lead(Duration::ZERO).await.unwrap();
        let mut now = world.everything().await;
        now.insert("leader", before["leader"].clone());
        if let Some(committed) = committed {
            committed.unwrap();
            assert_ne!(now, before);
            // How many chances a commit takes depends on how fast the database answers.
            assert!(left > 1, "the commit was never cut off");
            return;
        }
        if now != before {
            // It was given up while the answer was on its way: then all of it is there.
            assert_eq!(now["results"].len(), jobs.len());
            assert!(world.store.snapshot().await.unwrap().jobs.is_empty());
            return;
        }
    }
}

/// The server's side of a leader that was killed: its connection ends in the middle of a transaction.
async fn a_leader_killed_in_a_commit_leaves_all_of_it_or_nothing(place: &Place) {
    let mut world = World::new(place).await;
    let jobs = world.submit(SWEEP).await.jobs;
    let writes = life(&mut world, &jobs);
    let before = world.everything().await;
    // A busy machine gives answers in fewer pieces, but never all of them before the first was waited for.
    for left in [1, 3, 6, 9, 12] {
        let future = Box::pin(world.commit(&writes));
        if let Some(committed) = (Patience { future, left }).await {
            assert!(left > 1, "the commit was never cut off");
            return committed.unwrap();
        }
        world = world.succeed(place).await;
        let mut now = world.everything().await;
        now.insert("leader", before["leader"].clone());
        if now != before {
            // It ended while the answer was on its way: then all of it is there.
            assert!(left > 1 && now["results"].len() == jobs.len(), "half a commit: {now:?}");
            return;
        }
    }
    world.commit(&writes).await.unwrap();
}

//! `tombola pause | resume | stop | cancel`: the same request with four verbs.

use super::{Context, show};
use std::process::ExitCode;
use tombola_wire::v1::SweepRef;

macro_rules! verb {
    ($(#[$doc:meta])* $name:ident, $method:ident) => {
        $(#[$doc])*
        #[derive(Debug, clap::Args)]
        pub(crate) struct $name {
            /// The sweep's name or id.
            sweep: String,
        }

        impl $name {
            pub(crate) async fn run(self, context: &Context<'_>) -> anyhow::Result<ExitCode> {
                let client = context.connect().await?;
                let sweep = client.answer(client.sweeps().$method(SweepRef { sweep: self.sweep }).await)?;
                context.printer.show(&sweep, || show::words(&sweep))?;
                Ok(ExitCode::SUCCESS)
            }
        }
    };
}

verb!(
    /// Start nothing new of a sweep for a while; running jobs go on.
    ///
    /// Whoever watches it waits until `tombola resume` lets it go on. To end it in good order, `tombola stop` it.
    Pause, pause
);
verb!(
    /// Go on with a paused or stopped sweep.
    Resume, resume
);
verb!(
    /// Let running jobs finish, then the sweep is over.
    ///
    /// `tombola watch` and `tombola up --run` end with it. Gentler than `cancel`; `tombola resume` or `tombola extend`
    /// takes it up again.
    Stop, stop
);
verb!(
    /// End a sweep's running jobs now and give up what is not done.
    ///
    /// Results so far stay; jobs that other sweeps want go on. `tombola extend` starts it again. A finished sweep has
    /// nothing to cancel and is refused.
    Cancel, cancel
);

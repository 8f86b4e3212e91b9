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
    /// Start nothing new of a sweep; running jobs go on.
    ///
    /// `tombola resume` undoes it.
    Pause, pause
);
verb!(
    /// Go on with a paused or stopped sweep.
    Resume, resume
);
verb!(
    /// Let running jobs finish, then nothing more.
    ///
    /// Gentler than `cancel`; `tombola resume` undoes it.
    Stop, stop
);
verb!(
    /// End running jobs now.
    ///
    /// Results so far stay; jobs that other sweeps want go on.
    Cancel, cancel
);

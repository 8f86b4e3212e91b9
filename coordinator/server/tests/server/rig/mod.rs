//! The rig of the coordinator's scenarios: a home for its state on either database, a coordinator that lives there, its
//! clients, and a worker that follows a script.

mod home;
#[path = "../../store/rig/place.rs"]
#[expect(dead_code, reason = "the store's scenarios use more of it")]
mod place;
mod sweep;
mod worker;

pub(crate) use home::{Home, Served, channel, eventually};
pub(crate) use place::{Place, admin, untested};
pub(crate) use sweep::{SWEEP, with};
pub(crate) use worker::{Worker, finished, info};

/// Runs each scenario on each database: `sqlite::NAME` and `postgres::NAME`.
macro_rules! scenarios {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(&$crate::rig::Home::sqlite()).await;
            })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                if let Some(home) = $crate::rig::Home::postgres(concat!(module_path!(), stringify!($name))).await {
                    super::$name(&home).await;
                    home.place.remove().await;
                }
            })*
        }
    };
}
pub(crate) use scenarios;

//! What can go wrong with the store, by the reaction it needs.

use tombola_spec::Epoch;

/// Result of a store call.
pub type Result<T> = std::result::Result<T, StoreError>;

/// An error of the store. Nothing was applied, except that the outcome of a commit that ends `Unavailable` is unknown:
/// lead again and fold the snapshot.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another leader came later. Nothing more may be written under this epoch.
    #[error(
        "epoch `{epoch}` is over: another coordinator took the lead on this state\nhint: this one tries to lead again; \
         if two were started on purpose, stop one or give it another state; workers go on and come back"
    )]
    Fenced {
        /// The epoch of the refused commit.
        epoch: Epoch,
    },
    /// A conditional write did not find what it needs, such as a late attempt or a taken name.
    #[error("{what}")]
    Conflict {
        /// Which condition failed, and for what.
        what: String,
    },
    /// Another coordinator leads.
    #[error(
        "another coordinator leads `{place}`{holder}\nhint: ask that one; or stop it first, or give this one another state"
    )]
    Held {
        /// State folder or database.
        place: String,
        /// Who, where that is known: ` (process 1234)`.
        holder: String,
    },
    /// No space is left.
    #[error("no space is left for `{place}`\nhint: free some; nothing that was acknowledged is lost")]
    Full {
        /// State folder or database.
        place: String,
    },
    /// There is a state already, where there should be none.
    #[error(
        "`{place}` holds a state already, and a backup is restored beside no other\nhint: name a new state folder with --state, \
         or an empty database or schema with --database"
    )]
    Occupied {
        /// State folder or database.
        place: String,
    },
    /// A backup cannot be written or read.
    #[error("{why}")]
    Archive {
        /// What is wrong.
        why: String,
    },
    /// The place cannot be written.
    #[error("`{place}` is read-only\nhint: give the coordinator a place its user may write")]
    ReadOnly {
        /// State folder or database.
        place: String,
    },
    /// A network file system, on which SQLite's write-ahead log is not safe.
    #[error(
        "`{place}` is on a network file system ({kind}), where SQLite can lose data\n\
         hint: use a local disk, or Postgres"
    )]
    Network {
        /// State folder.
        place: String,
        /// Kind of file system.
        kind: String,
    },
    /// A newer Tombola wrote this state.
    #[error(
        "the state has schema version {found}, this build knows up to {known}\nhint: use the newer build, or restore a backup"
    )]
    Newer {
        /// Version found.
        found: i64,
        /// Newest version this build knows.
        known: i64,
    },
    /// The database does not answer, or leadership was lost with its connection.
    #[error(
        "the database does not answer: {why}\nhint: check that `{place}` is reachable; the coordinator tries again"
    )]
    Unavailable {
        /// State folder or database.
        place: String,
        /// The driver's words.
        why: String,
    },
    /// A user's query is wrong or went over a limit that has no partial answer.
    #[error("{why}")]
    Query {
        /// What is wrong with it.
        why: String,
    },
    /// What is stored is not what this build writes.
    #[error("the stored state cannot be read: {why}\nhint: restore a backup; do not write on")]
    Corrupt {
        /// What was found.
        why: String,
    },
}

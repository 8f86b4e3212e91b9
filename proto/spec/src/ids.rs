//! Identities: small integers given out by the store, each a type of its own.

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $inner:ty, $prefix:literal) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, serde::Serialize, serde::Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = crate::SpecError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let digits = text.strip_prefix($prefix).unwrap_or(text);
                digits.parse().map(Self).map_err(|_| {
                    crate::SpecError::new(
                        format!("`{text}` is not {}", stringify!($name)),
                        concat!("write it like `", $prefix, "12`"),
                    )
                })
            }
        }
    };
}

id!(
    /// One submitted sweep: `s3`.
    SweepId, u64, "s"
);
id!(
    /// One assignment of all settings, one seed: `t17`.
    TrialId, u64, "t"
);
id!(
    /// The unit of dispatch and of commit: `j204`.
    JobId, u64, "j"
);
id!(
    /// One connected worker process: `w2`. A worker that reconnects keeps its id.
    WorkerId, u64, "w"
);
id!(
    /// One grant of a pack (and its chain) to a slot: `l9`.
    LeaseId, u64, "l"
);
id!(
    /// The number of tries of a job so far; the fencing token. 0 = never started.
    Attempt, u32, "a"
);
id!(
    /// The leader's term; every write is conditional on it.
    Epoch, u64, "e"
);

//! Conversions between wire types and the vocabulary: `From` towards the wire, `TryFrom` back.

use crate::{ConversionError, v1};
use tombola_spec::outcome::{Artifact, Failure, Series};

impl From<Artifact> for v1::ArtifactName {
    fn from(artifact: Artifact) -> Self {
        Self { digest: artifact.digest.to_string(), bytes: artifact.bytes }
    }
}

impl TryFrom<v1::ArtifactName> for Artifact {
    type Error = ConversionError;

    fn try_from(name: v1::ArtifactName) -> Result<Self, Self::Error> {
        let digest = name.digest.parse().map_err(|e| ConversionError::new("artifact.digest", e))?;
        Ok(Self { digest, bytes: name.bytes })
    }
}

impl From<Series> for v1::Series {
    fn from(series: Series) -> Self {
        let split = series.split.name().to_owned();
        Self { name: series.name, split, iterations: series.iterations, values: series.values }
    }
}

impl TryFrom<v1::Series> for Series {
    type Error = ConversionError;

    fn try_from(series: v1::Series) -> Result<Self, Self::Error> {
        let split = series.split.parse().map_err(|e| ConversionError::new("series.split", e))?;
        if series.iterations.len() != series.values.len() {
            let (points, values) = (series.iterations.len(), series.values.len());
            return Err(ConversionError::new(
                "series.values",
                format!("{points} iterations but {values} values"),
            ));
        }
        Ok(Self { name: series.name, split, iterations: series.iterations, values: series.values })
    }
}

impl From<Failure> for v1::Failed {
    fn from(failure: Failure) -> Self {
        Self { class: failure.class.name().to_owned(), message: failure.message }
    }
}

impl TryFrom<v1::Failed> for Failure {
    type Error = ConversionError;

    fn try_from(failed: v1::Failed) -> Result<Self, Self::Error> {
        let class = failed.class.parse().map_err(|e| ConversionError::new("failed.class", e))?;
        Ok(Self { class, message: failed.message })
    }
}

/// Reads a JSON field of the vocabulary (`info_json`, `spec_json`, `outcome_json`).
///
/// # Errors
/// When the text is not that type; names the field.
pub fn from_json<T: serde::de::DeserializeOwned>(
    field: &'static str,
    text: &str,
) -> Result<T, ConversionError> {
    serde_json::from_str(text).map_err(|e| ConversionError::new(field, e))
}

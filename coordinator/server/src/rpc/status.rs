//! The one table from errors to gRPC statuses.

use crate::Error;
use tonic::{Code, Status};

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let code = match &error {
            Error::Invalid(_) => Code::InvalidArgument,
            Error::NotFound(_) => Code::NotFound,
            Error::Exists(_) => Code::AlreadyExists,
            Error::Precondition(_) => Code::FailedPrecondition,
            Error::Exhausted(_) => Code::ResourceExhausted,
            Error::Unavailable(_) => Code::Unavailable,
            Error::Corrupt(_) => Code::DataLoss,
            Error::Internal(_) => Code::Internal,
        };
        Self::new(code, error.to_string())
    }
}

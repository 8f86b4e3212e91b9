//! How clients and workers get in to a coordinator: the text of tokens, pins of certificates, TLS, dialing.
//!
//! Both sides use it, so that what one prints the other reads. Secrets are shown only where somebody asks for them by
//! name ([`Token::reveal`]): no `Debug`, error or log repeats one.

#![forbid(unsafe_code)]

mod dial;
mod pin;
mod road;
mod secret;
mod tls;
mod token;

pub use dial::{Access, AccessError, Bearer, Channel, DialError, Settings};
pub use pin::Pin;
pub use road::{Road, Wire};
pub use secret::write_secret;
pub use tls::{Identity, NoFile, certificates, private_key, provider};
pub use token::{BadToken, Hash, Token};

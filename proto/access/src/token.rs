//! Tokens: a random secret, and perhaps the pin of the coordinator that it is for.

use crate::Pin;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use std::{fmt, str::FromStr};

/// Begins every token, so that people and scanners for secrets know one when they see it.
const MARK: &str = "tombola_";

/// What a coordinator keeps of a secret. Secrets are 256 random bits, so nobody can try them all: a fast hash is as good as
/// a slow one, which is for passwords. Equality looks at every byte whatever the others are.
pub type Hash = blake3::Hash;

/// A token: `tombola_SECRET`, or `tombola_SECRET.PIN` where it also says by which key the coordinator is known.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    secret: [u8; 32],
    pin: Option<Pin>,
}

/// What is no token. It may be half of one, so it is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "this is not a token\nhint: a token begins with `tombola_` and is one word; `tombola token create` prints one"
)]
pub struct BadToken;

impl Token {
    /// A new one.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn random(pin: Option<Pin>) -> std::io::Result<Self> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(std::io::Error::from)?;
        Ok(Self { secret, pin })
    }

    /// All of it, secret included: for the one who is given it, and for nobody else.
    pub fn reveal(&self) -> String {
        let pin = self.pin.map_or_else(String::new, |pin| format!(".{pin}"));
        format!("{}{pin}", self.bearer())
    }

    /// What is sent with each request: the pin is nobody's business but the sender's.
    pub(crate) fn bearer(&self) -> String {
        format!("{MARK}{}", BASE64.encode(self.secret))
    }

    /// By which key the coordinator is known.
    pub fn pin(&self) -> Option<Pin> {
        self.pin
    }

    /// What a coordinator keeps of it.
    pub fn hash(&self) -> Hash {
        blake3::hash(&self.secret)
    }
}

impl FromStr for Token {
    type Err = BadToken;

    fn from_str(text: &str) -> Result<Self, BadToken> {
        let rest = text.strip_prefix(MARK).ok_or(BadToken)?;
        let (secret, pin) = match rest.split_once('.') {
            Some((secret, pin)) => (secret, Some(pin.parse().map_err(|_| BadToken)?)),
            None => (rest, None),
        };
        Ok(Self { secret: decode(secret).ok_or(BadToken)?, pin })
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// 32 bytes in base64.
pub(crate) fn decode(text: &str) -> Option<[u8; 32]> {
    BASE64.decode(text).ok()?.try_into().ok()
}

/// The same as text.
pub(crate) fn encode(bytes: &[u8; 32]) -> String {
    BASE64.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_as_it_is_printed() {
        for pin in [None, Some(Pin::of_key(b"a key"))] {
            let token = Token::random(pin).unwrap();
            let read: Token = token.reveal().parse().unwrap();
            assert!(read == token && read.pin() == pin && read.hash() == token.hash());
            let sent: Token = token.bearer().parse().unwrap();
            assert_eq!((sent.pin(), sent.hash()), (None, token.hash()));
        }
    }

    #[test]
    fn no_two_are_the_same() {
        assert_ne!(Token::random(None).unwrap().hash(), Token::random(None).unwrap().hash());
    }

    #[test]
    fn what_is_no_token_is_refused_and_never_repeated() {
        let whole = Token::random(None).unwrap().reveal();
        for text in ["", "secret", "tombola_", &whole[..whole.len() - 1], &format!("{whole}."), &whole[8..]] {
            let error = text.parse::<Token>().unwrap_err().to_string();
            assert!(error.contains("hint:") && (text.len() < 9 || !error.contains(text)), "{error}");
        }
        assert_eq!(format!("{:?}", whole.parse::<Token>().unwrap()), "Token(…)");
    }
}

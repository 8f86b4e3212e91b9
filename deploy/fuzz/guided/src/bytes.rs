//! Bytes read as decisions: what is not there is 0, so that every input means something.

/// The rest of an input.
pub(crate) struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or(0)
    }

    pub(crate) fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    /// One of so many.
    pub(crate) fn below(&mut self, many: usize) -> usize {
        usize::from(self.byte()) % many.max(1)
    }

    /// Small ones that may mean something, ends of types, and what eight bytes say.
    pub(crate) fn number(&mut self) -> u64 {
        match self.byte() {
            250 => u64::MAX,
            251 => i64::MAX as u64,
            252 => 1 << 63,
            253 => u64::from(u32::MAX),
            254 => 1 << 40,
            255 => self.take(8).iter().fold(0, |number, byte| number << 8 | u64::from(*byte)),
            small => u64::from(small),
        }
    }

    /// As many as the first byte says, or the first two from 128 on.
    pub(crate) fn piece(&mut self) -> &'a [u8] {
        let length = match self.byte() {
            short @ 0..128 => usize::from(short),
            long => usize::from(long & 0x7f) << 8 | usize::from(self.byte()),
        };
        self.take(length)
    }

    pub(crate) fn text(&mut self) -> String {
        String::from_utf8_lossy(self.piece()).into_owned()
    }

    fn take(&mut self, many: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(many.min(self.0.len()));
        self.0 = rest;
        taken
    }
}

/// A piece as [`Bytes::piece`] reads it.
pub(crate) fn piece(bytes: &[u8]) -> Vec<u8> {
    let length = bytes.len().min(0x7fff);
    let mut all =
        if length < 128 { vec![length as u8] } else { vec![0x80 | (length >> 8) as u8, length as u8] };
    all.extend(&bytes[..length]);
    all
}

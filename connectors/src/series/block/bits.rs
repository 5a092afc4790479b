//! Numbers in few bytes: variable length, zigzag, and bits at one width.

/// Signed to unsigned, so that small numbers of either sign are small.
pub(super) fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

/// The way back from [`zigzag`].
pub(super) fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

/// Seven bits a byte, the lowest first.
pub(super) fn put_varint(output: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        output.push(number as u8 | 0x80);
        number >>= 7;
    }
    output.push(number as u8);
}

/// A signed number as a variable-length one.
pub(super) fn put_zigzag(output: &mut Vec<u8>, number: i64) {
    put_varint(output, zigzag(number));
}

/// The lowest `width` bits of every number, the lowest bit first.
pub(super) fn put_bits(output: &mut Vec<u8>, numbers: &[u64], width: u32) {
    let mask = mask(width);
    let (mut waiting, mut bits) = (0_u128, 0);
    for number in numbers {
        waiting |= u128::from(*number & mask) << bits;
        bits += width;
        while bits >= 8 {
            output.push(waiting as u8);
            waiting >>= 8;
            bits -= 8;
        }
    }
    if bits > 0 {
        output.push(waiting as u8);
    }
}

/// The lowest `width` bits; all of them at 64 and more.
fn mask(width: u32) -> u64 {
    1_u64.checked_shl(width).map_or(u64::MAX, |above| above - 1)
}

/// Bytes that are read from the front; every read says when there are too few.
pub(super) struct Input<'a> {
    rest: &'a [u8],
}

impl<'a> Input<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Input<'a> {
        Input { rest: bytes }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn bytes(&mut self, count: usize) -> Result<&'a [u8], String> {
        let (bytes, rest) = self.rest.split_at_checked(count).ok_or("cut off")?;
        self.rest = rest;
        Ok(bytes)
    }

    pub(super) fn byte(&mut self) -> Result<u8, String> {
        Ok(self.bytes(1)?[0])
    }

    pub(super) fn varint(&mut self) -> Result<u64, String> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err("a number without end".to_owned())
    }

    pub(super) fn zigzag(&mut self) -> Result<i64, String> {
        self.varint().map(unzigzag)
    }

    /// A number of things, at most `most`.
    pub(super) fn count(&mut self, most: usize) -> Result<usize, String> {
        let count = self.varint()?;
        usize::try_from(count).ok().filter(|count| *count <= most).ok_or_else(|| format!("{count} of at most {most}"))
    }

    /// What [`put_bits`] wrote at `width`, `count` numbers.
    pub(super) fn bits(&mut self, count: usize, width: u32) -> Result<Vec<u64>, String> {
        if width > 64 {
            return Err(format!("numbers of {width} bits"));
        }
        let packed = self.bytes((count * width as usize).div_ceil(8))?;
        let mask = mask(width);
        let (mut waiting, mut bits) = (0_u128, 0);
        let mut bytes = packed.iter();
        let mut numbers = Vec::with_capacity(count);
        for _ in 0..count {
            while bits < width {
                // The length was computed from count and width, so the bytes do not run out.
                waiting |= u128::from(*bytes.next().unwrap_or(&0)) << bits;
                bits += 8;
            }
            numbers.push(waiting as u64 & mask);
            waiting >>= width;
            bits -= width;
        }
        Ok(numbers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_at_every_width() {
        for width in 0..=64_u32 {
            let top = if width == 0 { 0 } else { u64::MAX >> (64 - width) };
            let numbers: Vec<u64> = [0, top, top / 3, 1.min(top), top].repeat(5);
            let mut output = Vec::new();
            put_bits(&mut output, &numbers, width);
            for number in &numbers {
                put_varint(&mut output, *number);
            }
            let mut input = Input::new(&output);
            assert_eq!(input.bits(numbers.len(), width).unwrap(), numbers, "{width}");
            for number in &numbers {
                assert_eq!(input.varint(), Ok(*number));
            }
            assert!(input.byte().is_err());
        }
        for number in [0, -1, 1, i64::MIN, i64::MAX] {
            assert_eq!(unzigzag(zigzag(number)), number);
        }
        assert!(Input::new(&[0xff; 20]).varint().is_err());
    }
}

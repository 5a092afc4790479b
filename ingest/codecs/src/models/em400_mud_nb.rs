//! Milesight EM400-MUD over NB-IoT: a big-endian header around the items of the LoRaWAN frame.
//!
//! Header: start 02, id 2, length 2 (of what follows it), flag 1, frame count 2, protocol 1, firmware 4,
//! hardware 4, serial number 16, IMEI 15, IMSI 15, ICCID 20, CSQ 1, length of the items 2. The identity
//! numbers are not used: who the device is, its credential says.

use gengfu_model::{Decoded, FieldId, Kind, Quality, Reading, Sample, Value};

use super::{CodecSample, ModelCodec, em400_mud};

/// The first byte of a frame.
const START: u8 = 0x02;
/// Where the length of what follows it stands, and where that begins.
const LENGTH_AT: usize = 3;
const AFTER_LENGTH: usize = 5;
/// Where the signal quality stands.
const CSQ_AT: usize = 83;
/// Where the length of the items stands, and where they begin.
const ITEMS_LENGTH_AT: usize = 84;
const ITEMS_AT: usize = 86;

pub(super) const CODEC: ModelCodec = ModelCodec {
    model: "EM400-MUD-NB",
    maker: "Milesight",
    kinds: &[Kind::Bin],
    samples: &[
        CodecSample {
            kind: Kind::Bin,
            hex: "020001005f00000001303130313031313036373439443139303534363930303331383638353038303634383037\
                  333530343630303433323234323133313130383938363034313231303232373030363238353709000e0175640367\
                  0b0104823b01050001",
            readings: "battery_pct=100 temperature_c=26.7 distance_mm=315 tipped=true rssi_dbm=-95",
        },
        // Signal quality 99 is "not known".
        CodecSample {
            kind: Kind::Bin,
            hex: "020001005400000001303130313031313036373439443139303534363930303331383638353038303634383037\
                  33353034363030343332323432313331313038393836303431323130323237303036323835376300030175\
                  64",
            readings: "battery_pct=100",
        },
    ],
    decode,
};

fn decode(kind: Kind, bytes: &[u8]) -> Result<Decoded, String> {
    let length = |at: usize| bytes.get(at..at + 2).map(|pair| usize::from(u16::from_be_bytes([pair[0], pair[1]])));
    let (Some(START), Some(length_after), Some(items_length)) =
        (bytes.first().copied(), length(LENGTH_AT), length(ITEMS_LENGTH_AT))
    else {
        return Err(format!("{} bytes are no NB-IoT frame", bytes.len()));
    };
    if bytes.len() != AFTER_LENGTH + length_after || bytes.len() != ITEMS_AT + items_length {
        return Err(format!("frame of {} bytes says {length_after} and {items_length}", bytes.len()));
    }
    let mut decoded = em400_mud::decode(kind, &bytes[ITEMS_AT..])?;
    if let (Some(reading), Some(sample)) = (decoded.readings.first_mut(), signal(kind, bytes[CSQ_AT])) {
        put_if_absent(reading, sample);
    }
    Ok(decoded)
}

/// The signal strength of a CSQ (3GPP TS 27.007): -113 dBm and two more for each step; 99 is "not known".
fn signal(kind: Kind, csq: u8) -> Option<Sample> {
    if csq > 31 {
        return None;
    }
    let field: FieldId = kind.field("rssi_dbm")?;
    Some(Sample { field, value: Value::Number(-113.0 + 2.0 * f64::from(csq)), quality: Quality::Ok })
}

fn put_if_absent(reading: &mut Reading, sample: Sample) {
    if reading.samples.iter().all(|other| other.field != sample.field) {
        reading.samples.push(sample);
    }
}

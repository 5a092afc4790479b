//! The decode stage: codecs run in parallel, batches come out in journal order.
//!
//! Decoding needs the envelope alone, so any number of threads gives the same result.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use gengfu_model::{Action, Body, Control, Envelope, Record, StaffRequest};
use gengfu_rules::engine::{DecodedMessage, payload_hash};

use super::{DecodedBatch, EngineInput};
use crate::supervise::Supervisor;

/// Decodes one batch.
#[must_use]
pub fn decode_batch(records: Arc<Vec<Record>>) -> DecodedBatch {
    let decoded = records.iter().map(decode_record).collect();
    DecodedBatch { records, decoded }
}

/// Decodes one record's payload; `None` for a control record without one.
#[must_use]
pub fn decode_record(record: &Record) -> Option<DecodedMessage> {
    match &record.body {
        Body::Message(envelope) => Some(decode(envelope)),
        Body::Control(Control::Request(StaffRequest { action: Action::Redecode { message }, .. })) => {
            Some(decode(&message.envelope()))
        }
        Body::Control(_) => None,
    }
}

fn decode(envelope: &Envelope) -> DecodedMessage {
    DecodedMessage { result: gengfu_codecs::decode(envelope), payload_hash: payload_hash(&envelope.payload) }
}

/// Starts the stage with `threads` decoders.
///
/// With one decoder a single thread does it all. With more, batches are dealt out in turn and taken
/// back in the same turn, which keeps their order without looking at them.
///
/// # Errors
/// When the machine has no thread left.
pub fn start(
    supervisor: &mut Supervisor,
    threads: usize,
    input: Receiver<Arc<Vec<Record>>>,
    output: SyncSender<EngineInput>,
) -> std::io::Result<()> {
    if threads <= 1 {
        return supervisor.spawn("decode", move || {
            // The engine ends before its input only when it failed, and that is told already.
            while let Ok(records) = input.recv() {
                if output.send(EngineInput::Batch(decode_batch(records))).is_err() {
                    break;
                }
            }
            Ok(())
        });
    }
    let mut dealers = Vec::with_capacity(threads);
    let mut collectors = Vec::with_capacity(threads);
    for _ in 0..threads {
        let (deal, dealt) = sync_channel::<Arc<Vec<Record>>>(2);
        let (give, given) = sync_channel(2);
        supervisor.spawn("decoder", move || {
            while let Ok(records) = dealt.recv() {
                if give.send(decode_batch(records)).is_err() {
                    break;
                }
            }
            Ok(())
        })?;
        dealers.push(deal);
        collectors.push(given);
    }
    supervisor.spawn("deal", move || {
        for (turn, records) in input.into_iter().enumerate() {
            if dealers[turn % dealers.len()].send(records).is_err() {
                break;
            }
        }
        Ok(())
    })?;
    supervisor.spawn("collect", move || {
        for turn in 0.. {
            let Ok(batch) = collectors[turn % collectors.len()].recv() else { break };
            if output.send(EngineInput::Batch(batch)).is_err() {
                break;
            }
        }
        Ok(())
    })
}

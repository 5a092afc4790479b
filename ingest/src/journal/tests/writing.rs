//! The writer's promises: acknowledged after durable, in order; the disk may fill up, a sync may not fail.

use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use gengfu_model::{Body, Control, Envelope, Record, Seq, Timestamp, Transport};

use super::super::{
    Archive, ArchiveOptions, ClockFault, ControlError, JournalHandle, JournalWriter, Log, LogOptions, ModelDisk,
    WriterOptions, WriterState,
};
use super::{envelope, filler};
use crate::clock::{Clock, ManualClock};
use crate::door::TurnedAway;
use crate::intake::{AckSink, Arrival, Intake, Settled, Submission};

const DEADLINE: Duration = Duration::from_secs(20);
const START: Timestamp = Timestamp(1_000_000);

fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < DEADLINE, "waited in vain until {what}");
        thread::park_timeout(Duration::from_millis(1));
    }
}

/// A journal whose segments take refusals and requests of a usual size.
fn options() -> LogOptions {
    LogOptions { segment_bytes: 64 << 10, ..LogOptions::default() }
}

/// A running journal on a model disk, with clock and consumer in the test's hands.
struct Journal {
    disk: ModelDisk,
    clock: Arc<ManualClock>,
    intake: Intake,
    handle: JournalHandle,
    batches: Receiver<Arc<Vec<Record>>>,
}

impl Journal {
    fn start() -> Journal {
        Journal::start_on(ModelDisk::new())
    }

    fn start_on(disk: ModelDisk) -> Journal {
        let clock = Arc::new(ManualClock::new(START));
        let (intake, messages) = Intake::new(1_000);
        let (sender, batches) = sync_channel(1_000);
        let (log, _) = Log::open(disk.disk(), options()).unwrap();
        let archive = Archive::open(disk.disk(), ArchiveOptions::default()).unwrap();
        let writer_options = WriterOptions {
            monotonic: Arc::clone(&clock) as Arc<_>,
            max_sleep: Duration::from_millis(5),
            room_wait: Duration::from_millis(1),
            max_room_wait: Duration::from_millis(5),
            ..WriterOptions::default()
        };
        let refusals = intake.refusals();
        let handle = JournalWriter::start(
            log,
            Arc::clone(&clock) as Arc<dyn Clock>,
            messages,
            refusals,
            sender,
            Some(archive),
            writer_options,
        )
        .unwrap();
        Journal { disk, clock, intake, handle, batches }
    }

    fn submit(&self, sink: &Arc<Sink>, messages: Vec<(Envelope, u64)>) {
        let messages = messages.into_iter().map(|(envelope, ticket)| (Arrival::Message(envelope), ticket)).collect();
        let submission = Submission { messages, sink: Arc::clone(sink) as Arc<dyn AckSink> };
        assert!(self.intake.try_submit(submission).is_ok(), "the queue is full or closed");
    }

    /// The next record that is handed on.
    fn next(&self) -> Vec<Record> {
        self.batches.recv_timeout(DEADLINE).unwrap().to_vec()
    }

    /// Waits until the upkeep has made its spare, so that the next syncs are those of commits.
    fn await_spares(&self) {
        let disk = self.disk.disk();
        wait_for("the spare is made", || {
            let names = disk.list().unwrap();
            names.iter().filter(|name| name.starts_with("spare") && name.ends_with(".log")).count() == 2
        });
        // Its last step is the sync of the folder, after its name is to be seen.
        let survives = |seed: u64| {
            let names = self.disk.crash(seed).disk().list().unwrap();
            names.iter().filter(|name| name.ends_with(".log")).count() == 3
        };
        wait_for("the spare is durable", || (0..20).all(survives));
    }

    fn advance(&self, ms: i64) {
        self.clock.advance(ms);
        self.handle.poke();
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        let _state = self.handle.stop();
    }
}

/// Notes what is settled; with a disk, checks at that very moment that the record survives a crash.
#[derive(Default)]
struct Sink {
    disk: Option<ModelDisk>,
    settled: Mutex<Vec<(u64, Settled)>>,
    wakes: Mutex<usize>,
}

impl AckSink for Sink {
    fn settle(&self, ticket: u64, outcome: Settled) {
        if let (Some(disk), Settled::Durable(seq)) = (&self.disk, outcome) {
            let (_, opened) = Log::open(disk.crash(ticket).disk(), options()).unwrap();
            assert!(opened.last_seq >= seq, "{seq} was acknowledged before it was durable");
        }
        self.settled.lock().unwrap().push((ticket, outcome));
    }

    fn wake(&self) {
        *self.wakes.lock().unwrap() += 1;
    }
}

impl Sink {
    fn settled(&self) -> Vec<(u64, Settled)> {
        self.settled.lock().unwrap().clone()
    }

    fn wait(&self, count: usize) -> Vec<(u64, Settled)> {
        wait_for("the tickets are settled", || self.settled().len() >= count);
        self.settled()
    }
}

fn controls(records: &[Record]) -> Vec<Control> {
    let control = |record: &Record| match &record.body {
        Body::Control(control) => Some(control.clone()),
        Body::Message(_) => None,
    };
    records.iter().filter_map(control).collect()
}

#[test]
fn tickets_are_settled_in_order_and_only_when_the_message_is_durable() {
    let journal = Journal::start();
    let sink = Arc::new(Sink { disk: Some(journal.disk.clone()), ..Sink::default() });
    for ticket in 0..60_u64 {
        journal.submit(&sink, vec![(envelope(ticket.to_be_bytes()), ticket)]);
    }
    let settled = sink.wait(60);
    let tickets: Vec<u64> = settled.iter().map(|(ticket, _)| *ticket).collect();
    assert_eq!(tickets, (0..60).collect::<Vec<_>>());
    let records: Vec<Record> = std::iter::repeat_with(|| journal.next()).take_while_inclusive(60).collect();
    for ((ticket, outcome), record) in settled.into_iter().zip(records) {
        assert_eq!(outcome, Settled::Durable(record.seq));
        assert_eq!(record.body, Body::Message(envelope(ticket.to_be_bytes())));
    }
}

/// Flattens batches until so many records are there.
trait TakeWhileInclusive: Iterator<Item = Vec<Record>> + Sized {
    fn take_while_inclusive(mut self, count: usize) -> impl Iterator<Item = Record> {
        let mut records = Vec::new();
        while records.len() < count {
            records.extend(self.next().unwrap_or_default());
        }
        records.into_iter()
    }
}

impl<I: Iterator<Item = Vec<Record>>> TakeWhileInclusive for I {}

#[test]
fn a_submission_is_one_commit_and_wakes_its_sink_once() {
    let journal = Journal::start();
    let sink = Arc::new(Sink::default());
    journal.submit(&sink, (0..500).map(|ticket| (envelope("x"), ticket)).collect());
    sink.wait(500);
    wait_for("the sink is woken", || *sink.wakes.lock().unwrap() == 1);
    assert_eq!(journal.next().len(), 500);
}

#[test]
fn a_control_record_gives_its_sequence_once_it_is_durable() {
    let journal = Journal::start();
    assert_eq!(journal.handle.control_blocking(Control::Tick), Ok(Seq(1)));
    let survivor = journal.disk.crash(1);
    assert_eq!(Log::open(survivor.disk(), options()).unwrap().1.last_seq, Seq(1));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert_eq!(runtime.block_on(journal.handle.control(Control::Tick)), Ok(Seq(2)));
    let version = "x".repeat(100_000);
    let huge = Control::Started { version, config: Default::default() };
    assert!(matches!(journal.handle.control_blocking(huge), Err(ControlError::TooLarge { .. })));
}

#[test]
fn a_due_timer_gets_a_tick_and_ticks_are_a_second_apart() {
    let journal = Journal::start();
    journal.handle.control_blocking(Control::Tick).unwrap();
    journal.next();
    journal.handle.set_next_due(Some(START.plus_ms(1_500)));
    journal.advance(1_499);
    journal.advance(1);
    let records = journal.next();
    assert_eq!(controls(&records), vec![Control::Tick]);
    assert_eq!(records[0].time, START.plus_ms(1_500));
    // The next timer is due 200 ms later: its tick waits until a second has gone by.
    journal.handle.set_next_due(Some(START.plus_ms(1_700)));
    journal.advance(900);
    journal.advance(100);
    assert_eq!(journal.next()[0].time, START.plus_ms(2_500));
    // A due time that a record has passed gets no further tick.
    journal.advance(5_000);
    assert_eq!(journal.handle.control_blocking(Control::Tick), Ok(Seq(4)));
}

#[test]
fn an_idle_journal_ticks_every_ten_seconds() {
    let journal = Journal::start();
    journal.handle.control_blocking(Control::Tick).unwrap();
    journal.next();
    for tick in 1..4 {
        journal.advance(10_000);
        let records = journal.next();
        assert_eq!(controls(&records), vec![Control::Tick]);
        assert_eq!(records[0].time, START.plus_ms(tick * 10_000));
    }
}

#[test]
fn refusals_become_a_record_once_a_second() {
    let journal = Journal::start();
    journal.handle.control_blocking(Control::Tick).unwrap();
    journal.next();
    for _ in 0..3 {
        journal.intake.refuse(&TurnedAway::new(Transport::Coap, "rate", Timestamp(0)));
    }
    journal.advance(1_000);
    match controls(&journal.next()).as_slice() {
        [Control::Refusals { counts }] => {
            assert_eq!((counts.len(), counts[0].count, counts[0].reason.as_str()), (1, 3, "rate"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_failed_sync_acknowledges_nothing_and_ends_the_journal() {
    let journal = Journal::start();
    let sink = Arc::new(Sink::default());
    journal.submit(&sink, vec![(envelope("good"), 0)]);
    sink.wait(1);
    journal.await_spares();
    journal.disk.fail_syncs(10);
    journal.submit(&sink, vec![(envelope("lost"), 1)]);
    assert_eq!(sink.wait(2)[1], (1, Settled::Stopped));
    wait_for("the state is told", || matches!(*journal.handle.state().borrow(), WriterState::Failed(_)));
    wait_for("the queue is closed", || {
        let submission = Submission {
            messages: vec![(Arrival::Message(envelope("late")), 2)],
            sink: Arc::clone(&sink) as Arc<dyn AckSink>,
        };
        journal.intake.try_submit(submission).is_err()
    });
    assert!(sink.settled()[1..].iter().all(|(_, outcome)| *outcome == Settled::Stopped));
    assert_eq!(journal.handle.control_blocking(Control::Tick), Err(ControlError::Stopped));
    assert!(matches!(journal.handle.stop(), WriterState::Failed(_)));
}

#[test]
fn a_control_record_whose_sync_failed_is_not_said_to_be_journaled() {
    let journal = Journal::start();
    journal.handle.control_blocking(Control::Tick).unwrap();
    journal.await_spares();
    journal.disk.fail_syncs(10);
    assert_eq!(journal.handle.control_blocking(Control::Tick), Err(ControlError::Stopped));
    assert!(matches!(journal.handle.stop(), WriterState::Failed(_)));
}

#[test]
fn on_a_full_disk_messages_wait_controls_go_on_and_room_is_found_again() {
    let journal = Journal::start();
    let sink = Arc::new(Sink::default());
    journal.disk.set_capacity(Some(0));
    let mut ticket = 0;
    wait_for("the disk is full", || {
        if !journal.handle.is_full() {
            journal.submit(&sink, vec![(envelope(filler(Seq(ticket))), ticket)]);
            ticket += 1;
            wait_for("it is settled or full", || sink.settled().len() as u64 == ticket || journal.handle.is_full());
        }
        journal.handle.is_full()
    });
    let settled = sink.settled().len();
    assert!(ticket > settled as u64, "a message must wait");
    for _ in 0..20 {
        assert!(journal.handle.control_blocking(Control::Tick).is_ok());
    }
    assert_eq!(sink.settled().len(), settled, "nothing is acknowledged while the disk is full");
    journal.disk.set_capacity(None);
    let all = sink.wait(ticket as usize);
    assert!(all.iter().all(|(_, outcome)| matches!(outcome, Settled::Durable(_))));
    wait_for("the flag falls", || !journal.handle.is_full());
    assert_eq!(journal.handle.metrics().full_times, 1);
}

#[test]
fn stopping_makes_durable_what_was_taken_and_joins() {
    let journal = Journal::start();
    let sink = Arc::new(Sink::default());
    for ticket in 0..300 {
        journal.submit(&sink, vec![(envelope(filler(Seq(ticket))), ticket)]);
    }
    journal.intake.refuse(&TurnedAway::new(Transport::Mqtt, "late", Timestamp(0)));
    assert_eq!(journal.handle.stop(), WriterState::Stopped);
    assert_eq!(journal.handle.stop(), WriterState::Stopped);
    let settled = sink.settled();
    assert_eq!(settled.len(), 300);
    assert!(settled.iter().all(|(_, outcome)| matches!(outcome, Settled::Durable(_))));
    let handed_on: usize = journal.batches.try_iter().map(|batch| batch.len()).sum();
    assert_eq!(handed_on, 301, "the last refusals are journaled as well");
    let (_, opened) = Log::open(journal.disk.crash(3).disk(), options()).unwrap();
    assert_eq!(opened.last_seq, Seq(301));
}

#[test]
fn stopping_on_a_full_disk_does_not_acknowledge_what_waits() {
    let disk = ModelDisk::new();
    Log::open(disk.disk(), options()).unwrap();
    let reserve = disk.disk().list().unwrap().into_iter().find(|name| name.starts_with("spare")).unwrap();
    disk.disk().remove(&reserve).unwrap();
    disk.set_capacity(Some(disk.used()));
    let journal = Journal::start_on(disk);
    let sink = Arc::new(Sink::default());
    journal.submit(&sink, vec![(envelope("waits"), 0)]);
    wait_for("the disk is full", || journal.handle.is_full());
    assert_eq!(journal.handle.stop(), WriterState::Stopped);
    assert_eq!(sink.settled(), vec![(0, Settled::Stopped)]);
}

#[test]
fn when_the_reserve_is_full_as_well_requests_are_told_and_refusals_are_not_lost() {
    let disk = ModelDisk::new();
    Log::open(disk.disk(), options()).unwrap();
    let reserve = disk.disk().list().unwrap().into_iter().find(|name| name.starts_with("spare")).unwrap();
    disk.disk().remove(&reserve).unwrap();
    disk.set_capacity(Some(disk.used()));
    let journal = Journal::start_on(disk);
    let version = "x".repeat(10_000);
    let large = || Control::Started { version: version.clone(), config: Default::default() };
    let refused = (0..20).map(|_| journal.handle.control_blocking(large())).find_map(Result::err);
    assert_eq!(refused, Some(ControlError::Full));
    while journal.handle.control_blocking(Control::Tick).is_ok() {}
    for _ in 0..3 {
        journal.intake.refuse(&TurnedAway::new(Transport::Http, "full", Timestamp(0)));
        journal.advance(1_000);
        assert_eq!(journal.handle.control_blocking(Control::Tick), Err(ControlError::Full));
    }
    journal.disk.set_capacity(None);
    let mut count = 0;
    wait_for("all refusals are journaled", || {
        journal.advance(1_000);
        for record in journal.batches.try_iter().flat_map(|batch| controls(&batch)) {
            if let Control::Refusals { counts } = record {
                count += counts.iter().map(|row| row.count).sum::<u64>();
            }
        }
        count == 3
    });
}

#[test]
fn a_clock_set_back_is_not_followed_and_raises_a_fault() {
    let journal = Journal::start();
    journal.advance(60_000);
    journal.next();
    journal.clock.set(START.plus_ms(-60_000));
    assert!(journal.handle.control_blocking(Control::Tick).is_ok());
    assert_eq!(journal.next()[0].time, START.plus_ms(60_000));
    assert_eq!(journal.handle.metrics().clock_fault, Some(ClockFault::Behind));
    journal.clock.set(START.plus_ms(61_000));
    assert!(journal.handle.control_blocking(Control::Tick).is_ok());
    wait_for("the fault is over", || journal.handle.metrics().clock_fault.is_none());
}

#[test]
fn without_a_consumer_the_journal_ends_instead_of_going_on_alone() {
    let mut journal = Journal::start();
    let (_, nobody) = sync_channel(1);
    journal.batches = nobody;
    let _unheard = journal.handle.control_blocking(Control::Tick);
    wait_for("the state is told", || matches!(*journal.handle.state().borrow(), WriterState::Failed(_)));
}

#[test]
fn a_message_that_no_frame_holds_is_not_acknowledged_and_its_neighbours_are() {
    let journal = Journal::start();
    let sink = Arc::new(Sink::default());
    let messages = vec![(envelope("a"), 0), (envelope(vec![0; 100_000]), 1), (envelope("b"), 2)];
    journal.submit(&sink, messages);
    let settled = sink.wait(3);
    assert_eq!(settled[0], (0, Settled::Durable(Seq(1))));
    assert_eq!(settled[1], (1, Settled::Stopped));
    assert_eq!(settled[2], (2, Settled::Durable(Seq(2))));
    journal.submit(&sink, vec![(envelope(vec![0; 100_000]), 3)]);
    assert_eq!(sink.wait(4)[3], (3, Settled::Stopped));
    assert_eq!(journal.handle.metrics().too_large, 2);
}

#[test]
fn what_consumers_have_passed_is_archived_in_the_background() {
    let journal = Journal::start();
    let sink = Arc::new(Sink::default());
    for ticket in 0..200 {
        journal.submit(&sink, vec![(envelope(filler(Seq(ticket + 1))), ticket)]);
    }
    sink.wait(200);
    journal.handle.release(Seq(200));
    wait_for("segments are archived", || journal.handle.metrics().archived >= 2);
    super::assert_filled(journal.disk.disk(), 1, 200);
    assert_eq!(journal.handle.metrics().archive_failures, 0);
}

#[test]
fn a_journal_goes_on_from_its_last_time_after_a_restart() {
    let journal = Journal::start();
    journal.advance(30_000);
    journal.next();
    let disk = journal.disk.clone();
    drop(journal);
    // The clock starts half a minute behind the journal.
    let journal = Journal::start_on(disk);
    let seq = journal.handle.control_blocking(Control::Tick).unwrap();
    let record = journal.next().into_iter().find(|record| record.seq == seq).unwrap();
    assert_eq!(record.time, START.plus_ms(30_000));
    assert_eq!(journal.handle.metrics().clock_fault, Some(ClockFault::Behind));
}

//! Attachments: a line of the history each, once each, and no more than a case may have.

use gengfu_model::attachment::{MAX_ATTACHMENT_NAME_BYTES, MAX_ATTACHMENTS};
use gengfu_model::staff::CaseStep;
use gengfu_model::{Attachment, Role, Severity};

use crate::support::{World, device, photo, yuncheng};

fn attach(attachment: Attachment) -> CaseStep {
    CaseStep::Attach { attachment: Box::new(attachment) }
}

fn with_a_case() -> (World, gengfu_model::EffectId) {
    let mut world = World::new(yuncheng(), "2026-11-20 10:00");
    world.raise(&device("c1", "01-03"), "open", Severity::Critical, "cover_displaced");
    let case = world.case().id;
    (world, case)
}

#[test]
fn a_photo_is_a_line_of_the_history_and_the_same_photo_is_no_second_one() {
    let (mut world, case) = with_a_case();
    world.ask(Role::Handler, case, attach(photo(1)), "复位前").expect("taken");
    world.ask(Role::Verifier, case, attach(photo(1)), "again").expect("whoever did not hear the answer asks again");
    world.ask(Role::Handler, case, attach(Attachment { name: "".into(), ..photo(2) }), "").expect("taken");
    let lines: Vec<_> = world.ledger.events.iter().filter(|event| &*event.action == "attach").collect();
    assert_eq!(lines.len(), 2);
    assert_eq!((lines[0].note.as_str(), &*lines[0].actor), ("1.jpg: 复位前", "zhang"));
    assert_eq!(lines[0].attachment.as_deref(), Some(&photo(1)));
    assert_eq!((lines[0].from, lines[0].to), (Some(world.case().state), world.case().state), "the state stays");
    assert_eq!(lines[1].note, "");
    let others = world.ledger.events.iter().filter(|event| &*event.action != "attach");
    assert!(others.into_iter().all(|event| event.attachment.is_none()));
    assert_eq!(world.told("case.updated")["event"]["attachment"]["sha256"], *photo(2).sha256);
}

#[test]
fn a_case_takes_so_many_and_none_that_is_no_file() {
    let (mut world, case) = with_a_case();
    for bad in ["", "../../../etc/passwd", &"A".repeat(64), &"0".repeat(63)] {
        let strange = Attachment { sha256: bad.into(), ..photo(1) };
        world.refused(Role::Handler, case, attach(strange), "", "invalid");
    }
    for bad in ["a\nb".to_owned(), "x".repeat(MAX_ATTACHMENT_NAME_BYTES + 1)] {
        let strange = Attachment { name: bad.into(), ..photo(1) };
        world.refused(Role::Handler, case, attach(strange), "", "invalid");
    }
    world.refused(Role::Evaluator, case, attach(photo(1)), "", "forbidden");
    for number in 0..MAX_ATTACHMENTS {
        let number = u32::try_from(number).expect("few");
        world.ask(Role::Handler, case, attach(photo(number)), "").expect("there is room");
    }
    world.refused(Role::Handler, case, attach(photo(1_000)), "", "too_many");
    world.ask(Role::Handler, case, attach(photo(0)), "").expect("one that it has is no new one");
    world.done(Role::ShiftLeader, case, CaseStep::ForceClose);
    world.refused(Role::Handler, case, attach(photo(1)), "", "not_found");
}

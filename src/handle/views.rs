//! What the engine knows as the API gives it.

use gengfu_dashboards::gateway::{Balance, DeviceNow, LatestField, RuleNow, TurnedAwayRow};
use gengfu_ingest::{Directory, DoorRow};
use gengfu_rules::engine::{DeviceView, Sheet};
use gengfu_rules::{Level, RuleCounts, RuleInfo};

/// How a rule runs, and what keeps it from being lowered, as editors and the API read it.
pub fn tier_json(info: &RuleInfo) -> serde_json::Value {
    serde_json::json!({ "rule": info.id, "kind": info.kind, "file": info.file, "tier": info.tier, "reason": info.tier_reason })
}

/// A diagnostic as editors read it.
pub fn diagnostic_json(diagnostic: &gengfu_rules::Diagnostic) -> serde_json::Value {
    serde_json::json!({
        "severity": match diagnostic.level { Level::Error => "error", Level::Warning => "warning" },
        "file": diagnostic.file,
        "line": diagnostic.line,
        "column": diagnostic.column,
        "end_column": diagnostic.end_column,
        "source": diagnostic.source_line,
        "message": diagnostic.message,
        "hint": diagnostic.hint,
    })
}

pub(super) fn device_now(view: &DeviceView) -> DeviceNow {
    let fields = view.latest.iter().filter_map(|(field, latest)| {
        let name = view.device.kind.field_def(field)?.name;
        Some((name, LatestField { value: latest.value.clone(), time: latest.event_time, quality: latest.quality }))
    });
    DeviceNow {
        device: view.device.id.clone(),
        kind: view.device.kind,
        life: view.device.life,
        heard: view.heard,
        fields: fields.collect(),
    }
}

/// The engine's sheets as the API gives them.
pub(crate) fn balance_of(sheet: &Sheet, refused: u64) -> Balance {
    Balance {
        journaled: sheet.journaled,
        decoded: sheet.decoded,
        duplicate: sheet.duplicate,
        quarantined: sheet.quarantined,
        redecoded: sheet.redecoded,
        values_decoded: sheet.values_decoded,
        values_stored: sheet.values_stored,
        values_late: sheet.values_late,
        values_duplicate: sheet.values_duplicate,
        values_replaced: sheet.values_replaced,
        values_out_of_range: sheet.values_out_of_range,
        values_too_far_ahead: sheet.values_too_far_ahead,
        refused,
    }
}

/// Who was refused, with whether the register has the device by now.
pub(super) fn turned_away(row: DoorRow, directory: &Directory) -> TurnedAwayRow {
    TurnedAwayRow {
        registered: row.name.as_ref().is_some_and(|name| directory.get(name.as_str()).is_some()),
        turn: row.turn,
        device: row.name,
        listener: row.transport,
        reason: row.reason,
        count: row.count,
        first: row.first,
        last: row.last,
        from: row.from,
    }
}

/// A rule with what it did since the process started.
pub(super) fn rule_now(info: &RuleInfo, counts: RuleCounts) -> RuleNow {
    RuleNow {
        cpu_ms: counts.cpu_ms(),
        cpu_samples: counts.timed,
        state_bytes: None,
        id: info.id.to_string(),
        kind: info.kind,
        tier: tier_json(info),
        evaluations: counts.evaluations,
        operations: counts.operations,
        faults: counts.faults,
        skipped: counts.skipped,
        paused: counts.paused,
        signals: counts.signals,
        last_fault: counts.last_fault.and_then(|fault| serde_json::to_value(fault).ok()),
    }
}

//! The HTTP API: one file per resource, and here the one visible list of its routes.
//!
//! Router, access control and the OpenAPI document are all made from this list, so they cannot go
//! apart. What the engine cannot do is not in it.

mod accounts;
mod attachments;
mod audit;
mod auth;
mod case_report;
mod case_steps;
mod cases;
mod catalogue;
mod commands;
mod day_sheets;
mod decisions;
mod device_import;
mod devices;
mod duty;
mod evaluate;
mod evaluation;
mod extract;
mod findings;
mod incidents;
mod messages;
mod notifications;
mod openapi;
mod packs;
mod parameters;
mod people;
mod places;
mod platforms;
mod profile;
mod range;
mod redecode;
mod route;
mod rules;
mod series;
mod silence_preview;
mod silences;
mod status;
mod stream;
mod trials;
mod turned_away;
mod users;

pub(crate) use extract::{Body, Params};

use crate::auth::Access;
use crate::auth::roles;
use crate::views;
use route::{Param, Route, delete, get, patch, post, put};

const LIMIT: Param = Param { name: "limit", doc: "items of a page, 1 to 1000, 100 if left out", example: "10" };
const CURSOR: Param = Param { name: "cursor", doc: "`cursor` of the page before", example: "" };
const FROM: Param = Param { name: "from", doc: "first moment, RFC 3339 or epoch ms", example: "2026-11-23T00:00:00Z" };
const TO: Param = Param { name: "to", doc: "first moment after, RFC 3339 or epoch ms", example: "1795478400000" };
const DISTRICT: Param = Param { name: "district", doc: "the district", example: "east" };
const DEVICE: Param = Param { name: "device", doc: "the device's id", example: "cover-1" };
const KIND: Param = Param { name: "kind", doc: "the device's kind", example: "manhole" };

/// Every route of the API.
pub(crate) fn routes() -> Vec<Route> {
    use Access::{Login, Metrics, Open, Platform, Roles};
    vec![
        get("/healthz", Open, "The process is alive", status::healthz).text(),
        get("/readyz", Open, "The gateway takes messages: 200, else 503", status::readyz).text(),
        get("/metrics", Metrics, "Metrics in Prometheus' text format", status::metrics).text(),
        get("/api/v1/openapi.json", Open, "This document", openapi::document),
        // Sessions
        post("/api/v1/login", Open, "Log in: a session cookie and a token", auth::login)
            .takes::<auth::Login>()
            .answers::<views::LoginView>(),
        post("/api/v1/logout", Login, "End this session", auth::logout).no_content(),
        get("/api/v1/me", Login, "Who is logged in", auth::me).answers::<views::MeView>(),
        // The register
        get("/api/v1/devices", Login, "Devices by id", devices::list)
            .query(&[
                KIND,
                DISTRICT,
                Param { name: "life", doc: "registered, in_service, maintenance, retired", example: "in_service" },
                Param { name: "text", doc: "part of the id, name or asset code", example: "cov" },
                Param { name: "heard", doc: "`true`: say when each was last heard", example: "true" },
                LIMIT,
                CURSOR,
            ])
            .answers_page::<views::DeviceView>(),
        post("/api/v1/devices", Roles(roles::WRITE_REGISTER), "Add a device", devices::create)
            .takes::<crate::register::Entry>()
            .answers::<views::DeviceView>(),
        post(
            "/api/v1/devices/import",
            Roles(roles::WRITE_REGISTER),
            "Import devices as CSV, row by row",
            device_import::import,
        )
        .query(&[
            Param { name: "replace", doc: "`false`: refuse devices that are there already", example: "false" },
            Param { name: "dry_run", doc: "`true`: only check", example: "true" },
        ])
        .takes_csv()
        .slow()
        .answers::<device_import::ImportView>(),
        get("/api/v1/devices/export", Roles(roles::WRITE_REGISTER), "The register as CSV", device_import::export)
            .query(&[KIND, DISTRICT])
            .csv(),
        get("/api/v1/devices/{id}", Login, "A device and its newest values", devices::one)
            .answers::<views::DeviceDetail>(),
        patch(
            "/api/v1/devices/{id}",
            Roles(roles::SET_DEVICE_LIFE),
            "Set its life, give it another token, change its register entry",
            devices::change,
        )
        .takes::<devices::Change>()
        .answers::<devices::Changed>(),
        delete("/api/v1/devices/{id}", Roles(roles::WRITE_REGISTER), "Retire a device", devices::retire)
            .answers::<views::DoneView>(),
        get("/api/v1/devices/{id}/latest", Login, "Its newest values", devices::latest).answers::<views::LatestView>(),
        get("/api/v1/devices/{id}/series", Login, "The series of one of its fields", series::series)
            .query(&[
                Param { name: "field", doc: "the field's name", example: "tilt_deg" },
                FROM,
                TO,
                Param { name: "every", doc: "window such as 60s, 5m, 1h", example: "60s" },
            ])
            .answers::<views::SeriesView>(),
        get(
            "/api/v1/devices/{id}/evaluate",
            Login,
            "Why a rule says what it says of it now (or said at a moment that is over), or does not",
            evaluate::evaluate,
        )
        .query(&[
            Param { name: "rule", doc: "the rule's id", example: "manhole-tilt" },
            Param { name: "at", doc: "a moment that is over; now if left out", example: "2026-11-23T00:00:00Z" },
        ])
        .slow()
        .answers::<views::RuleEvaluationView>(),
        post("/api/v1/devices/{id}/commands", Roles(roles::SEND_COMMANDS), "Send a command", commands::send)
            .takes::<commands::NewCommand>()
            .answers::<views::CommandView>(),
        get("/api/v1/devices/{id}/commands", Login, "Its commands, the newest first", commands::list)
            .query(&[LIMIT, CURSOR])
            .answers_page::<views::CommandView>(),
        get("/api/v1/devices/{id}/commands/{command}", Login, "A command with its life", commands::one)
            .answers::<views::CommandView>(),
        // Incidents
        get("/api/v1/incidents", Login, "Incidents, the newest first", incidents::list)
            .query(&[
                Param { name: "state", doc: "open or cleared", example: "open" },
                KIND,
                Param { name: "rule", doc: "the rule's id", example: "tilt" },
                DEVICE,
                Param { name: "key", doc: "the rule's key", example: "tilt" },
                Param { name: "condition", doc: "what is wrong", example: "cover_displaced" },
                Param { name: "parent", doc: "members of that incident", example: "1-0" },
                DISTRICT,
                FROM,
                TO,
                LIMIT,
                CURSOR,
            ])
            .answers_page::<views::IncidentView>(),
        get("/api/v1/incidents/{id}", Login, "An incident", incidents::one).answers::<views::IncidentView>(),
        get("/api/v1/incidents/{id}/explanation", Login, "What decided it", incidents::explanation)
            .answers::<views::ExplanationView>(),
        get(
            "/api/v1/decisions",
            Login,
            "What was decided and why: the answer to \"why was I not told\"",
            decisions::list,
        )
        .query(&[
            Param { name: "incident", doc: "about that incident", example: "1-0" },
            Param { name: "case", doc: "about that case", example: "1-0" },
            Param { name: "asset", doc: "about that asset", example: "3205080101000001" },
            DEVICE,
            Param { name: "user", doc: "concerning that account or channel", example: "wang" },
            Param { name: "what", doc: "raised, grouped, silenced, not_notified, ...", example: "grouped" },
            DISTRICT,
            FROM,
            TO,
            LIMIT,
            CURSOR,
        ])
        .answers_page::<views::DecisionView>(),
        get("/api/v1/silences", Login, "Silences and maintenance windows, the newest first", silences::list)
            .query(&[
                Param { name: "state", doc: "planned, active, resting, ended", example: "active" },
                Param { name: "work_order", doc: "of that work order", example: "WO-7" },
                LIMIT,
                CURSOR,
            ])
            .answers_page::<views::SilenceView>(),
        post("/api/v1/silences", Roles(roles::SILENCE), "Silence what comes from somewhere", silences::put)
            .takes::<silences::NewSilenceBody>()
            .answers::<views::SilenceView>(),
        post(
            "/api/v1/silences/preview",
            Roles(roles::SILENCE),
            "What a silence would hide, and would have hidden in the past seven days",
            silences::look_ahead,
        )
        .takes::<silences::NewSilenceBody>()
        .answers::<views::PreviewView>(),
        get("/api/v1/silences/{id}", Login, "A silence", silences::one).answers::<views::SilenceView>(),
        delete("/api/v1/silences/{id}", Roles(roles::SILENCE), "End a silence before its time", silences::end)
            .answers::<views::DoneView>(),
        post(
            "/api/v1/work_orders/{id}/close",
            Roles(roles::SILENCE),
            "A work order is closed: its silences end",
            silences::close_work_order,
        )
        .answers::<views::DoneView>(),
        // Cases
        get("/api/v1/cases", Login, "Cases, the newest first", cases::list)
            .query(&[
                Param { name: "open", doc: "`true`: in no final state; `false`: in one", example: "true" },
                Param { name: "state", doc: "such as reported, dispatched, handling, closed", example: "reported" },
                Param { name: "class", doc: "class of the city's table", example: "01-02" },
                Param { name: "asset", doc: "the asset's code", example: "3205080101000001" },
                Param { name: "assignee", doc: "the account that works on it", example: "wang" },
                Param { name: "overdue", doc: "`true` or `false`", example: "true" },
                DISTRICT,
                FROM,
                TO,
                LIMIT,
                CURSOR,
            ])
            .answers_page::<views::CaseView>(),
        post("/api/v1/cases", Roles(roles::REPORT_CASES), "Report a case that no sensor found", case_report::report)
            .takes::<case_report::NewReport>()
            .answers::<views::DoneView>(),
        get("/api/v1/cases/{id}", Login, "A case, its history and what may be done with it", cases::one)
            .answers::<views::CaseWithHistory>(),
        get("/api/v1/cases/{id}/attachments", Login, "The files of a case, the oldest first", attachments::list)
            .answers::<views::AttachmentsView>(),
        post(
            "/api/v1/cases/{id}/attachments",
            Login,
            "Add a photo, voice note or document to a case",
            attachments::add,
        )
        .query(&[
            Param { name: "name", doc: "what the file is called", example: "photo.jpg" },
            Param { name: "purpose", doc: "report, handling, check; by the case's state", example: "handling" },
            Param { name: "note", doc: "said with it", example: "" },
        ])
        .takes_file()
        .answers::<views::AttachmentView>(),
        get("/api/v1/cases/{id}/attachments/{sha256}", Login, "The bytes of a file of a case", attachments::one).file(),
        post("/api/v1/cases/{id}/{step}", Login, "Take a step of a case", case_steps::take)
            .takes::<case_steps::StepBody>()
            .answers::<views::DoneView>(),
        get("/api/v1/people", Login, "Whom work, a shift or a call can be given to", people::list)
            .answers::<people::PeopleView>(),
        // Duty and notifications
        get("/api/v1/duty", Login, "Who is on duty now and next", duty::now)
            .query(&[DISTRICT])
            .answers::<views::DutyView>(),
        get("/api/v1/duty/watches", Login, "Who is on duty now and next, of every roster", duty::watches)
            .answers::<duty::WatchesView>(),
        get("/api/v1/duty/rosters", Login, "The rosters", duty::rosters).answers::<duty::RostersView>(),
        post("/api/v1/duty/rosters", Roles(roles::MANAGE_DUTY), "Set a district's roster", duty::put_roster)
            .takes::<duty::NewRoster>()
            .answers::<views::DoneView>(),
        get("/api/v1/duty/escalation", Login, "The escalation chains", duty::chains).answers::<duty::ChainsView>(),
        post("/api/v1/duty/escalation", Roles(roles::MANAGE_DUTY), "Set the escalation chains", duty::put_chains)
            .takes::<duty::NewChains>()
            .answers::<views::DoneView>(),
        get("/api/v1/duty/hand-overs", Login, "Hand-overs, the newest first", duty::hand_overs)
            .query(&[DISTRICT])
            .answers::<duty::HandOversView>(),
        post("/api/v1/duty/hand-overs", Roles(roles::HAND_OVER), "Hand a shift over", duty::hand_over)
            .takes::<duty::NewHandOver>()
            .answers::<views::DoneView>(),
        get("/api/v1/users/{name}/contact", Login, "How an account is reached", duty::contact)
            .answers::<duty::ContactView>(),
        post("/api/v1/users/{name}/contact", Login, "Set how an account is reached", duty::put_contact)
            .takes::<duty::NewContact>()
            .answers::<views::DoneView>(),
        post("/api/v1/users/{name}/contact/test", Login, "Test an account's channels", duty::test_contact)
            .answers::<views::DoneView>(),
        get("/api/v1/notifications", Login, "Notifications to an account, the newest first", notifications::list)
            .query(&[
                Param { name: "user", doc: "the account, for leaders; yourself if left out", example: "wang" },
                LIMIT,
                CURSOR,
            ])
            .answers::<views::NotificationsView>(),
        post("/api/v1/notifications/read", Login, "Mark your notifications as read", notifications::read)
            .takes::<notifications::ReadMark>()
            .answers::<views::DoneView>(),
        get(
            "/api/v1/notifications/{id}/deliveries",
            Login,
            "What became of a notification in each channel",
            notifications::deliveries,
        )
        .answers::<notifications::DeliveriesView>(),
        post("/api/v1/platforms/{name}/status", Platform, "A city platform tells how far a case is", platforms::status)
            .answers::<views::DoneView>(),
        get("/api/v1/evaluation", Roles(roles::READ_EVALUATION), "How cases and alarms went", evaluation::evaluate)
            .query(&[
                Param { name: "by", doc: "department, district, class, rule", example: "class" },
                Param { name: "from", doc: "first moment; 30 days before `to`", example: "2026-11-01T00:00:00Z" },
                Param { name: "to", doc: "first moment after; now", example: "2026-12-01T00:00:00Z" },
                Param { name: "format", doc: "json, csv, xlsx", example: "json" },
                Param { name: "lang", doc: "heads of the file's columns: zh, en", example: "en" },
            ])
            .answers::<views::EvaluationView>(),
        // What became of messages
        get("/api/v1/dispositions", Roles(roles::READ_MESSAGES), "What was not simply stored", messages::dispositions)
            .query(&[
                Param { name: "day", doc: "YYYY-MM-DD in the city's time zone", example: "2026-11-23" },
                DEVICE,
                Param { name: "disposition", doc: "duplicate, quarantined, ...", example: "duplicate" },
                LIMIT,
                CURSOR,
            ])
            .answers_page::<views::DispositionView>(),
        get(
            "/api/v1/quarantine",
            Roles(roles::READ_MESSAGES),
            "What cannot be decoded, with bytes",
            messages::quarantine,
        )
        .query(&[
            Param { name: "day", doc: "YYYY-MM-DD in the city's time zone", example: "2026-11-23" },
            DEVICE,
            Param { name: "waits", doc: "`true`: only what was not decoded since", example: "true" },
            LIMIT,
            CURSOR,
        ])
        .answers_page::<views::QuarantineView>(),
        post(
            "/api/v1/quarantine/redecode",
            Roles(roles::REDECODE),
            "Decode what waits in quarantine again",
            redecode::redecode,
        )
        .takes::<redecode::Redecode>()
        .slow()
        .answers::<redecode::RedecodedView>(),
        get(
            "/api/v1/refusals",
            Roles(roles::READ_MESSAGES),
            "Who was refused by a listener since the start, by device, listener and reason; the last first",
            turned_away::list,
        )
        .query(&[
            Param { name: "device", doc: "the device's id, or what it calls itself", example: "cover-1" },
            Param { name: "listener", doc: "mqtt, coap, http", example: "mqtt" },
            Param { name: "reason", doc: "the listener's word", example: "bad_credentials" },
            LIMIT,
            CURSOR,
        ])
        .answers_page::<views::TurnedAwayView>(),
        // Rules
        get("/api/v1/rules", Login, "The live rule pack and earlier ones", rules::list).answers::<views::RulesView>(),
        get("/api/v1/rules/{id}", Login, "A rule of the live pack with its source", rules::one)
            .answers::<views::RuleDetail>(),
        post("/api/v1/rules/check", Login, "Check rule files; every mistake", rules::check)
            .takes::<rules::Pack>()
            .answers::<views::CheckView>(),
        post("/api/v1/rules/test", Roles(roles::PUBLISH_RULES), "Run the tests in and beside rule files", rules::test)
            .takes::<rules::Tests>()
            .slow()
            .answers::<views::TestView>(),
        post("/api/v1/rules/publish", Roles(roles::PUBLISH_RULES), "Put a rule pack to work", rules::publish)
            .takes::<rules::Pack>()
            .slow()
            .answers::<views::DoneView>(),
        post(
            "/api/v1/rules/rollback",
            Roles(roles::PUBLISH_RULES),
            "Put an earlier pack back to work",
            rules::rollback,
        )
        .takes::<rules::Rollback>()
        .slow()
        .answers::<views::DoneView>(),
        post("/api/v1/rules/{id}/pause", Roles(roles::PAUSE_RULES), "Let a rule judge nobody", rules::pause)
            .takes::<rules::Pause>()
            .answers::<views::DoneView>(),
        post("/api/v1/rules/{id}/resume", Roles(roles::PAUSE_RULES), "Let a paused rule judge again", rules::resume)
            .answers::<views::DoneView>(),
        get("/api/v1/rules/accounts", Roles(roles::READ_EVALUATION), "What each rule costs and brings", accounts::list)
            .query(&[FROM, TO])
            .answers::<views::RuleAccountsView>(),
        get("/api/v1/rules/{id}/parameters", Login, "A rule's parameters and their settings", parameters::list)
            .query(&[DEVICE])
            .answers::<views::ParametersView>(),
        put(
            "/api/v1/rules/{id}/parameters/{name}",
            Roles(roles::SET_PARAMETERS),
            "Set a parameter for a kind, a district, a group or a device",
            parameters::set,
        )
        .takes::<parameters::NewSetting>()
        .answers::<views::DoneView>(),
        delete(
            "/api/v1/rules/{id}/parameters/{name}",
            Roles(roles::SET_PARAMETERS),
            "Take a setting away",
            parameters::unset,
        )
        .query(&[Param { name: "scope", doc: "kind, district:NAME, group:NAME, device:ID", example: "kind" }])
        .answers::<views::DoneView>(),
        // The city's places
        get("/api/v1/places", Login, "The city's places as a GeoJSON FeatureCollection", places::all)
            .query(&[places::CRS, places::NAME_OR_KIND])
            .answers::<places::PlacesView>(),
        put("/api/v1/places", Roles(roles::PUT_PLACES), "Replace the city's places by a GeoJSON file", places::put_all)
            .query(&[places::CRS])
            .takes::<places::FeatureCollection>()
            .slow()
            .answers::<views::DoneView>(),
        post("/api/v1/places/check", Login, "Check a GeoJSON file of places; every mistake", places::check)
            .query(&[places::CRS])
            .takes::<places::FeatureCollection>()
            .slow()
            .answers::<places::PlacesCheckView>(),
        // The city profile
        get("/api/v1/profile", Login, "The city profile at work", profile::one).answers::<views::ProfileView>(),
        post("/api/v1/profile", Roles(roles::SET_PROFILE), "Put a city profile to work", profile::set)
            .takes::<profile::ProfileText>()
            .answers::<views::DoneView>(),
        post("/api/v1/profile/check", Login, "Check a city profile; every mistake", profile::check)
            .takes::<profile::ProfileText>()
            .answers::<views::ProfileCheckView>(),
        get("/api/v1/findings", Login, "What late readings would have raised", findings::list)
            .query(&[
                DEVICE,
                Param { name: "rule", doc: "the rule's id", example: "tilt" },
                DISTRICT,
                FROM,
                TO,
                LIMIT,
                CURSOR,
            ])
            .answers_page::<views::FindingView>(),
        // Versions of the rules, and trials
        get("/api/v1/rules/diff", Login, "What differs between two versions", rules::diff)
            .query(&[
                Param { name: "from", doc: "the version before; the one before `to` if left out", example: "" },
                Param { name: "to", doc: "the version after; the live one if left out", example: "" },
            ])
            .answers::<views::DiffView>(),
        post("/api/v1/rules/diff", Login, "What a draft changes", packs::diff)
            .takes::<packs::Draft>()
            .answers::<views::DiffView>(),
        get("/api/v1/rules/packs/{id}", Login, "The files of a pack that was live, by version or `live`", packs::files)
            .answers::<packs::PackFilesView>(),
        post("/api/v1/rules/backtest", Roles(roles::TRY_RULES), "Run a draft over the archive", trials::begin)
            .takes::<trials::Backtest>()
            .answers::<views::TrialView>(),
        get("/api/v1/rules/trials", Login, "Backtests and reports, the newest first", trials::list)
            .answers::<views::TrialsView>(),
        get("/api/v1/rules/trials/{id}", Login, "A backtest's progress, or its report", trials::one)
            .answers::<views::TrialView>(),
        delete("/api/v1/rules/trials/{id}", Roles(roles::TRY_RULES), "Cancel a backtest", trials::cancel)
            .answers::<views::DoneView>(),
        get("/api/v1/rules/shadow", Login, "What the shadow has found by now", trials::shadow)
            .answers::<views::TrialView>(),
        post("/api/v1/rules/shadow", Roles(roles::PUBLISH_RULES), "Put a draft into the shadow", trials::start_shadow)
            .takes::<trials::Shadow>()
            .answers::<views::DoneView>(),
        delete("/api/v1/rules/shadow", Roles(roles::PUBLISH_RULES), "End the shadow", trials::stop_shadow)
            .answers::<views::DoneView>(),
        // The gateway itself
        get("/api/v1/status", Login, "How the gateway is doing", status::status).answers::<views::StatusView>(),
        get("/api/v1/balance", Login, "The two sheets", status::balance)
            .query(&[DEVICE])
            .answers::<views::BalanceView>(),
        get("/api/v1/sheets", Login, "The two sheets of a day, and the devices that stand out", day_sheets::one)
            .query(&[
                Param { name: "day", doc: "in the city's time zone; today if left out", example: "2026-11-20" },
                KIND,
                DISTRICT,
            ])
            .slow()
            .answers::<views::DaySheetsView>(),
        get("/api/v1/overview", Login, "How much is open", status::overview).answers::<status::OverviewView>(),
        get("/api/v1/catalogue", Login, "Kinds, fields, attributes", catalogue::catalogue)
            .answers::<views::CatalogueView>(),
        get("/api/v1/audit", Roles(roles::READ_AUDIT), "Who did what, the newest first", audit::list)
            .query(&[LIMIT, CURSOR])
            .answers_page::<views::AuditView>(),
        get("/api/v1/users", Roles(roles::MANAGE_USERS), "Staff accounts by name", users::list)
            .answers::<users::UsersView>(),
        post("/api/v1/users", Roles(roles::MANAGE_USERS), "Add a staff account", users::add)
            .takes::<users::NewUser>()
            .answers::<views::UserView>(),
        patch("/api/v1/users/{name}", Roles(roles::MANAGE_USERS), "Change roles, districts, disabled", users::change)
            .takes::<users::UserChange>()
            .answers::<views::UserView>(),
        post("/api/v1/users/{name}/password", Roles(roles::MANAGE_USERS), "Set a password", users::set_password)
            .takes::<users::NewPassword>()
            .no_content(),
        get("/api/v1/stream", Login, "Server-sent events, resumable by Last-Event-ID", stream::stream).event_stream(),
    ]
}

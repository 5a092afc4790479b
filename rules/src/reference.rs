//! The reference page of the rule language, made from the lists that the compiler itself uses.

use gengfu_model::FieldType;
use gengfu_model::catalogue::{FieldDef, KINDS, KindDef};
use gengfu_model::command::{MAX_COMMANDS_A_MINUTE, MAX_OPEN_COMMANDS};
use gengfu_model::places::{MAX_PLACES, MAX_POINTS, MAX_POINTS_IN_ALL};

use crate::functions::{FUNCTIONS, FunctionDef};
use crate::judge::{COMMAND_GAP_MS, FAULTS_TO_QUARANTINE, MAX_WINDOW_SAMPLES};
use crate::lower::{MAX_SPAN_MS, METADATA, UNITS, device_names};
use crate::program::{MAX_KEYS, MAX_NODES, MAX_SLOTS};
use crate::testing::TEST_WORDS;

/// The groups of functions, with their headings.
const GROUPS: [(&str, &str); 8] = [
    ("verdict", "Verdicts · 判定"),
    ("memory", "Memory · 记忆"),
    ("window", "Windows · 时间窗"),
    ("time", "Time · 时间"),
    ("place", "Places · 地点"),
    ("unknown", "Unknown · 未知值"),
    ("number", "Numbers · 数值"),
    ("list", "Lists and maps · 列表与映射"),
];

/// What stands above the words over lists: they and loops change the tier.
const LISTS: &str = "\
Lists `[1.0, 2.0]`, maps `#{ low: 1.0 }`, items `list[0]`, `map.low`, loops (`for x in list`, `for n in 0..10`, \
`while`, `loop`, `do .. while`, `break`, `continue`) and functions that call themselves run in the interpreter, some ten times \
slower than the rest; `gengfu rules check` says which rules do, and why. A word with memory (`held`, `band`, `avg`, ..) \
and `incident` stand outside of loops. A loop whose condition is unknown ends; an item that a map does not have is unknown; \
an item that a list does not have ends the evaluation with an error.\n\n\
列表、映射、循环和递归函数在解释器中运行，比其余部分约慢十倍；`gengfu rules check` 会说明哪些规则如此及其原因。\
带记忆的函数和 `incident` 不能放在循环里。循环条件未知时循环结束；映射中没有的键为未知；列表越界则本次计算出错。\n";

/// The reference as Markdown, in English and Chinese.
#[must_use]
pub fn reference() -> String {
    let mut page = String::from(
        "# Rule language reference · 规则语言参考\n\n\
         Made from the lists that the compiler uses. A value that was never seen, is faulty, or is older than 2.5 \
         reporting intervals is unknown; unknown neither raises nor clears, and an `if` on it runs neither branch.\n\n\
         由编译器所用的清单生成。从未收到、传感器故障或超过 2.5 个上报周期的值为未知；未知既不报警也不解除，`if` 遇未知两支都不执行。\n\n",
    );
    metadata(&mut page);
    groups(&mut page);
    for (group, heading) in GROUPS {
        line(&mut page, &format!("## {heading}\n"));
        if group == "list" {
            line(&mut page, LISTS);
        }
        line(&mut page, "| form | English | 中文 |\n|---|---|---|");
        for function in FUNCTIONS.iter().filter(|function| function.group == group) {
            row(&mut page, function);
        }
        line(&mut page, "");
    }
    for kind in &KINDS {
        line(&mut page, &format!("## Fields and commands of `{}` · {}\n", kind.name, kind.zh));
        line(&mut page, "| name | values | unit | English | 中文 |\n|---|---|---|---|---|");
        for field in kind.fields {
            definition(&mut page, "msg", field);
        }
        for attribute in kind.attributes {
            definition(&mut page, "dev", attribute);
        }
        line(&mut page, "");
        commands(&mut page, kind);
    }
    tests(&mut page);
    limits(&mut page);
    page
}

/// The commands of a kind, as a rule writes them.
fn commands(page: &mut String, kind: &KindDef) {
    line(page, "| command | arguments | English | 中文 |\n|---|---|---|---|");
    for command in kind.commands {
        let args: Vec<String> =
            command.args.iter().map(|arg| format!("`{}`: {} {}", arg.name, values(arg), arg.unit)).collect();
        let args = args.join(", ");
        line(page, &format!("| `\"{}\"` | {} | {} | {} |", command.name, args.trim_end(), command.en, command.zh));
    }
    line(page, "");
}

fn tests(page: &mut String) {
    line(page, "## Tests · 测试\n");
    line(
        page,
        "A `fn test_*` without arguments is a test; with arguments it is a helper of tests. It is ordinary rhai (loops, \
         lists), fenced, and runs through the live engine with its reducer and the city's profile, on a clock that only \
         the test moves. `gengfu rules test FOLDER` runs them; `--coverage` shows the lines and the sides of conditions \
         that they evaluated, `--mutate` the numbers that could change with no test failing. A comment \
         `// untested: why` excuses a line from both.\n\n\
         `fn test_*` 无参为测试，有参为辅助函数；在围栏内运行，时钟只由测试推动。行尾 `// untested: 原因` 免除该行。\n",
    );
    line(page, "| form | English | 中文 |\n|---|---|---|");
    for word in &TEST_WORDS {
        line(page, &format!("| `{}` | {} | {} |", word.form, word.en, word.zh));
    }
    line(
        page,
        "\nTables stand beside the rule in `RULE.test.toml` or `RULE.WHAT.test.toml` (which is what \
         `gengfu rules pin` writes). A row with a value is a message, an empty cell is a field that it does not carry; \
         `open` names exactly what is open after the row, `-` nothing, an empty cell asks nothing. `at` is a time since \
         `clock` or a moment; `faulty` and `warming_up` are what a sensor says of itself; a column `ago` says how long \
         ago it was measured, a column `device` whose row it is.\n\n\
         ```toml\n[[test]]\nname = \"a truck passing is ignored\"\ndevice = { baseline_tilt_deg = 1.5 }\n\
         set = { hold = \"20s\" }\nrows = \"\"\"\nat  | tilt_deg | open\n0s  | 14       | -\n20s |          | \
         tilt:major\n30s | 0.5      | -\n\"\"\"\n```\n",
    );
}

fn metadata(page: &mut String) {
    line(page, "## `RULE`\n");
    line(page, "| name | English | 中文 |\n|---|---|---|");
    for (name, en, zh) in METADATA {
        line(page, &format!("| `{name}` | {en} | {zh} |"));
    }
    let units: Vec<_> = UNITS.iter().map(|(unit, _)| format!("`10.{unit}`")).collect();
    let names: Vec<_> = device_names().map(|name| format!("`dev.{name}`")).collect();
    line(page, &format!("\nTimes · 时间: {}, `2.5.intervals`.\n", units.join(", ")));
    line(page, &format!("Every device · 所有设备: {}.\n", names.join(", ")));
}

fn groups(page: &mut String) {
    line(page, "## Groups · 成组\n");
    line(
        page,
        "`fn member(msg, dev)` says which devices count in the rule's group; enough of them are one incident of the group, \
         whose case takes in what its members have. A rule may be about its group alone.\n\n\
         - It is judged when a reading carries a field that it reads, when a `held` in it is due, when the device falls \
         silent (if it asks `dev.silent`: after RULE's `silent`, or 2.5 intervals), and when it is heard again.\n\
         - Unknown keeps the last verdict, and so does a path without a value: `if msg.on { return msg.power_w < 5.0; }` \
         says nothing of a lamp that is off.\n\
         - Assets are counted, not devices: those that became members within `within` and still are. What the rule has \
         held against an asset for longer counts from then: a lamp that has been dark for a week is no news this evening. \
         What is in maintenance or retired does not count.\n\
         - It is over when no more than half of the number that was needed are left of those that made it. What its \
         members still hold then stands for itself again.\n\
         - Silences of the group's place, and causes of the profile's table, hold it back like any other incident.\n\n\
         ```rhai\nconst RULE = #{\n    kind: \"streetlight\", severity: \"major\", condition: \"feeder_outage\",\n    \
         group: [\"cabinet\", \"feeder\"], distinct: 3, share: 0.3, within: 5.min,\n};\n\
         fn member(msg, dev) { msg.voltage_v < 80.0 }\n```\n\n\
         `member` 判定设备是否计入本组；未知或无返回值的路径保持上次结论；按部件计数，只计 `within` 内新成为成员者；\
         剩余不足所需一半即结束，成员自身的报警此后各自独立。\n",
    );
}

fn row(page: &mut String, function: &FunctionDef) {
    line(page, &format!("| `{}` | {} | {} |", function.form.replace('|', "\\|"), function.en, function.zh));
}

fn values(def: &FieldDef) -> String {
    match def.ty {
        FieldType::Number { min, max } => format!("{min} to {max}"),
        FieldType::Integer { min, max } => format!("{min} to {max}, whole"),
        FieldType::Bool => "true, false".to_owned(),
        FieldType::Text { max_bytes } => format!("text, {max_bytes} bytes"),
    }
}

fn definition(page: &mut String, of: &str, def: &FieldDef) {
    let values = values(def);
    line(page, &format!("| `{of}.{}` | {values} | {} | {} | {} |", def.name, def.unit, def.en, def.zh));
}

fn limits(page: &mut String) {
    let days = MAX_SPAN_MS / gengfu_model::time::DAY_MS;
    line(page, "## Limits · 上限\n");
    line(page, &format!("- A rule: {MAX_NODES} operations, {MAX_SLOTS} pieces of memory, {MAX_KEYS} keys."));
    line(page, &format!("- A window: the newest {MAX_WINDOW_SAMPLES} samples. A time: {days} days."));
    line(
        page,
        &format!(
            "- A rule's commands of one name to one device: one every {} s. A device: {MAX_COMMANDS_A_MINUTE} commands a \
             minute, {MAX_OPEN_COMMANDS} that it has not answered.",
            COMMAND_GAP_MS / 1_000
        ),
    );
    line(page, &format!("- A city: {MAX_PLACES} places, {MAX_POINTS} points each, {MAX_POINTS_IN_ALL} in all."));
    line(
        page,
        &format!("- A device that fails {FAULTS_TO_QUARANTINE} times in a row is kept from the rule for an hour."),
    );
}

fn line(page: &mut String, text: &str) {
    page.push_str(text);
    page.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_field_and_group_is_on_the_page() {
        let page = reference();
        for function in &FUNCTIONS {
            assert!(page.contains(&format!("`{}", function.form.split('|').next().unwrap())), "{}", function.name);
            assert!(GROUPS.iter().any(|(group, _)| *group == function.group), "{}", function.name);
        }
        for kind in &KINDS {
            for field in kind.fields {
                assert!(page.contains(&format!("`msg.{}`", field.name)));
            }
        }
    }
}

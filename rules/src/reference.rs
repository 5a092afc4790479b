//! The reference pages of the rule language, in English and Chinese, made from the lists that the compiler itself uses.

mod prose;

use gengfu_model::FieldType;
use gengfu_model::catalogue::{FieldDef, KINDS, KindDef};
use gengfu_model::command::{MAX_COMMANDS_A_MINUTE, MAX_OPEN_COMMANDS};
use gengfu_model::places::{MAX_PLACES, MAX_POINTS, MAX_POINTS_IN_ALL};

use crate::functions::{FUNCTIONS, FunctionDef};
use crate::judge::{COMMAND_GAP_MS, FAULTS_TO_QUARANTINE, MAX_WINDOW_SAMPLES};
use crate::language::Language;
use crate::lower::{MAX_SPAN_MS, METADATA, UNITS, device_names};
use crate::program::{MAX_KEYS, MAX_NODES, MAX_SLOTS};
use crate::testing::TEST_WORDS;

/// A paragraph in both languages.
struct Text {
    en: &'static str,
    zh: &'static str,
}

/// The groups of functions, with their headings.
const GROUPS: [(&str, &str, &str); 8] = [
    ("verdict", "Verdicts", "判定"),
    ("memory", "Memory", "记忆"),
    ("window", "Windows", "时间窗"),
    ("time", "Time", "时间"),
    ("place", "Places", "地点"),
    ("unknown", "Unknown", "未知值"),
    ("number", "Numbers", "数值"),
    ("list", "Lists and maps", "列表与映射"),
];

/// A group, as RULE declares it.
const GROUP_EXAMPLE: &str = "
```rhai
const RULE = #{
    kind: \"streetlight\", severity: \"major\", condition: \"feeder_outage\",
    group: [\"cabinet\", \"feeder\"], distinct: 3, share: 0.3, within: 5.min,
};
fn member(msg, dev) { msg.voltage_v < 80.0 }
```
";

/// A table of tests.
const TABLE_EXAMPLE: &str = "
```toml
[[test]]
name = \"a truck passing is ignored\"
device = { baseline_tilt_deg = 1.5 }
set = { hold = \"20s\" }
rows = \"\"\"
at  | tilt_deg | open
0s  | 14       | -
20s |          | tilt:major
30s | 0.5      | -
\"\"\"
```
";

/// The reference as Markdown.
#[must_use]
pub fn reference(language: Language) -> String {
    let mut page = Page { text: String::new(), language };
    page.line(page.language.of(
        "# Rule language reference\n\n[中文](REFERENCE.zh.md). Made from the lists that the compiler uses.\n",
        "# 规则语言参考\n\n[English](REFERENCE.md)。本页由编译器所用的清单生成。\n",
    ));
    page.prose(&prose::HEAD);
    page.metadata();
    page.groups();
    for (group, en, zh) in GROUPS {
        page.heading(en, zh);
        if group == "list" {
            page.prose(&prose::LISTS);
        }
        page.line(page.language.of("| form | what it does |\n|---|---|", "| 写法 | 含义 |\n|---|---|"));
        for function in FUNCTIONS.iter().filter(|function| function.group == group) {
            page.function(function);
        }
        page.line("");
    }
    for kind in &KINDS {
        page.kind(kind);
    }
    page.tests();
    page.limits();
    page.text
}

/// A page that is being written.
struct Page {
    text: String,
    language: Language,
}

impl Page {
    fn line(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push('\n');
    }

    /// A line in the page's language.
    fn say(&mut self, en: &str, zh: &str) {
        self.line(self.language.of(en, zh));
    }

    fn prose(&mut self, text: &Text) {
        self.say(text.en, text.zh);
    }

    fn heading(&mut self, en: &str, zh: &str) {
        self.line(&format!("## {}\n", self.language.of(en, zh)));
    }

    fn metadata(&mut self) {
        self.line("## `RULE`\n");
        self.say("| name | what it says |\n|---|---|", "| 名称 | 含义 |\n|---|---|");
        for (name, en, zh) in METADATA {
            self.line(&format!("| `{name}` | {} |", self.language.of(en, zh)));
        }
        let units = UNITS.iter().map(|(unit, _)| format!("`10.{unit}`")).collect::<Vec<_>>().join(", ");
        let names = device_names().map(|name| format!("`dev.{name}`")).collect::<Vec<_>>().join(", ");
        self.say(&format!("\nTimes: {units}, `2.5.intervals`.\n"), &format!("\n时间：{units}, `2.5.intervals`。\n"));
        self.say(&format!("Every device has {names}.\n"), &format!("所有设备都有：{names}。\n"));
    }

    fn groups(&mut self) {
        self.heading("Groups", "成组");
        self.prose(&prose::GROUPS);
        self.line(GROUP_EXAMPLE.trim_start());
    }

    fn function(&mut self, function: &FunctionDef) {
        let form = function.form.replace('|', "\\|").replace(" or ", self.language.of(" or ", " 或 "));
        self.line(&format!("| `{form}` | {} |", self.language.of(function.en, function.zh)));
    }

    /// Fields, register entry and commands of a kind.
    fn kind(&mut self, kind: &KindDef) {
        self.heading(
            &format!("Fields and commands of `{}`: {}", kind.name, kind.en),
            &format!("`{}`（{}）的字段与命令", kind.name, kind.zh),
        );
        self.say(
            "| name | values | unit | what it is |\n|---|---|---|---|",
            "| 名称 | 取值 | 单位 | 含义 |\n|---|---|---|---|",
        );
        let fields = kind.fields.iter().map(|field| ("msg", field));
        for (of, def) in fields.chain(kind.attributes.iter().map(|attribute| ("dev", attribute))) {
            let (name, unit, means) = (def.name, def.unit, self.language.of(def.en, def.zh));
            self.line(&format!("| `{of}.{name}` | {} | {unit} | {means} |", self.values(def)));
        }
        self.line("");
        self.say("| command | arguments | what it does |\n|---|---|---|", "| 命令 | 参数 | 含义 |\n|---|---|---|");
        for command in kind.commands {
            let args = command.args.iter().map(|arg| format!("`{}`: {} {}", arg.name, self.values(arg), arg.unit));
            let args = args.collect::<Vec<_>>().join(", ");
            let means = self.language.of(command.en, command.zh);
            self.line(&format!("| `\"{}\"` | {} | {means} |", command.name, args.trim_end()));
        }
        self.line("");
    }

    fn values(&self, def: &FieldDef) -> String {
        let (to, whole, text, bytes) = match self.language {
            Language::English => ("to", ", whole", "text", "bytes"),
            Language::Chinese => ("至", "，整数", "文本", "字节以内"),
        };
        match def.ty {
            FieldType::Number { min, max } => format!("{min} {to} {max}"),
            FieldType::Integer { min, max } => format!("{min} {to} {max}{whole}"),
            FieldType::Bool => "true, false".to_owned(),
            FieldType::Text { max_bytes } => format!("{text}, {max_bytes} {bytes}"),
        }
    }

    fn tests(&mut self) {
        self.heading("Tests", "测试");
        self.prose(&prose::TESTS);
        self.say("| form | what it does |\n|---|---|", "| 写法 | 含义 |\n|---|---|");
        for word in &TEST_WORDS {
            let form = word.form.replace(" or ", self.language.of(" or ", " 或 "));
            self.line(&format!("| `{form}` | {} |", self.language.of(word.en, word.zh)));
        }
        self.prose(&prose::TABLES);
        self.line(TABLE_EXAMPLE.trim_start());
    }

    fn limits(&mut self) {
        self.heading("Limits", "上限");
        let days = MAX_SPAN_MS / gengfu_model::time::DAY_MS;
        let gap_s = COMMAND_GAP_MS / 1_000;
        self.say(
            &format!("- A rule: {MAX_NODES} operations, {MAX_SLOTS} pieces of memory, {MAX_KEYS} keys."),
            &format!("- 一条规则：{MAX_NODES} 个运算、{MAX_SLOTS} 处记忆、{MAX_KEYS} 个键。"),
        );
        self.say(
            &format!("- A window: the newest {MAX_WINDOW_SAMPLES} samples. A time: {days} days."),
            &format!("- 一个时间窗：最新 {MAX_WINDOW_SAMPLES} 个样本。一段时间：至多 {days} 天。"),
        );
        self.say(
            &format!(
                "- A rule's commands of one name to one device: one every {gap_s} s. A device: {MAX_COMMANDS_A_MINUTE} \
                 commands a minute, {MAX_OPEN_COMMANDS} that it has not answered."
            ),
            &format!(
                "- 一条规则对一台设备的同名命令：每 {gap_s} 秒至多一次。一台设备：每分钟 {MAX_COMMANDS_A_MINUTE} 条命令，\
                 未应答的至多 {MAX_OPEN_COMMANDS} 条。"
            ),
        );
        self.say(
            &format!("- A city: {MAX_PLACES} places, {MAX_POINTS} points each, {MAX_POINTS_IN_ALL} in all."),
            &format!("- 一座城市：{MAX_PLACES} 个地点，每个至多 {MAX_POINTS} 个点，合计 {MAX_POINTS_IN_ALL} 个点。"),
        );
        self.say(
            &format!("- A device that fails {FAULTS_TO_QUARANTINE} times in a row is kept from the rule for an hour."),
            &format!("- 一台设备连续出错 {FAULTS_TO_QUARANTINE} 次，该规则一小时内不再判定它。"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_field_and_group_is_on_both_pages() {
        for language in [Language::English, Language::Chinese] {
            let page = reference(language);
            for function in &FUNCTIONS {
                let name = function.form.split(['(', '|']).next().unwrap();
                assert!(page.contains(&format!("| `{name}(")), "{language:?}: {}", function.name);
                assert!(GROUPS.iter().any(|(group, _, _)| *group == function.group), "{}", function.name);
            }
            for kind in &KINDS {
                for field in kind.fields {
                    assert!(page.contains(&format!("`msg.{}`", field.name)));
                }
            }
        }
    }

    #[test]
    fn whoever_reads_chinese_reads_no_english_and_the_other_way_round() {
        let is_chinese = |c: char| ('\u{4e00}'..='\u{9fff}').contains(&c);
        let (english, chinese) = (reference(Language::English), reference(Language::Chinese));
        let foreign: Vec<&str> = english.lines().filter(|line| line.chars().any(is_chinese)).collect();
        assert_eq!(foreign, ["[中文](REFERENCE.zh.md). Made from the lists that the compiler uses."]);
        // A row of a table has its text in the last cell.
        let rows = chinese.lines().filter(|line| line.starts_with("| `"));
        let unsaid: Vec<&str> = rows.filter(|row| !row.chars().any(is_chinese)).collect();
        assert_eq!(unsaid, [""; 0]);
        assert_eq!(
            english.lines().filter(|line| line.starts_with("| `")).count(),
            chinese.lines().filter(|line| line.starts_with("| `")).count()
        );
    }
}

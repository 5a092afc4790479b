//! The words that a `fn test_*` may call: the one visible list, for the checker and the reference page.

/// One word of the tests' language.
#[derive(Clone, Copy, Debug)]
pub struct TestWord {
    /// The name.
    pub name: &'static str,
    /// How it is written.
    pub form: &'static str,
    /// How many arguments it takes; a method's device counts.
    pub(crate) arguments: &'static [usize],
    /// What it does, in English.
    pub en: &'static str,
    /// What it does, in Chinese.
    pub zh: &'static str,
}

const fn word(
    name: &'static str,
    form: &'static str,
    arguments: &'static [usize],
    en: &'static str,
    zh: &'static str,
) -> TestWord {
    TestWord { name, form, arguments, en, zh }
}

/// Every word, in the order of the reference page.
pub static TEST_WORDS: [TestWord; 30] = [
    word(
        "sim",
        "sim(kind [, #{ attribute: value }])",
        &[1, 2],
        "A device of that kind in service; the map sets its register entry and attributes (`feeder`, `interval_s`, `rated_power_w`).",
        "一台在用设备；映射给出登记项和属性。",
    ),
    word(
        "feed",
        "d.feed(#{ field: value [, ago: 20.min] [, ts: \"2026-06-21 23:10\"] })",
        &[2],
        "A message with these values, received now; `ago` or `ts` say when it was measured (late, or ahead of time).",
        "现在收到一条消息；`ago` 或 `ts` 给出测量时间（迟到或超前）。",
    ),
    word("faulty", "faulty()", &[0], "A value whose sensor says that it is broken.", "传感器报告故障的值。"),
    word("warming_up", "warming_up()", &[0], "A value whose sensor still warms up.", "传感器仍在预热的值。"),
    word(
        "advance",
        "d.advance(time) or advance(time)",
        &[1, 2],
        "Time passes for all; timers fire when they are due.",
        "时间前进，定时器到点触发。",
    ),
    word(
        "silent",
        "d.silent(time)",
        &[2],
        "Nothing is heard from the device for so long: the same as `advance`.",
        "设备静默这么久，同 advance。",
    ),
    word(
        "away",
        "away(time)",
        &[1],
        "The gateway was down for so long; silence and held conditions wait that much longer.",
        "网关停机这么久，静默与持续条件顺延。",
    ),
    word(
        "clock",
        "clock(\"2026-06-21 23:10\")",
        &[1],
        "Sets the city's time: any before the first `sim`, forward after it. Tests begin on 2026-06-24 10:00, a working day.",
        "设定城市时间：首个 sim 之前任意，之后只能向前。默认 2026-06-24 10:00（工作日）。",
    ),
    word(
        "set",
        "set(name, value) or d.set(name, value)",
        &[2, 3],
        "Sets a parameter of the rule, for all devices or for one.",
        "设置规则参数，对全部或单台设备。",
    ),
    word(
        "life",
        "d.life(\"maintenance\")",
        &[2],
        "Changes where the device stands: `in_service`, `maintenance`, `retired`.",
        "改变设备状态。",
    ),
    word("open", "d.open(key)", &[2], "Whether the incident of that key is open.", "该键的报警是否打开。"),
    word(
        "opened",
        "d.opened()",
        &[1],
        "The keys that are open on the device, in their order, as one text: `\"open tilt\"`.",
        "设备上打开的键，按顺序以空格连接。",
    ),
    word("severity", "d.severity(key)", &[2], "Its severity; `()` if it is not open.", "级别；未打开为 ()。"),
    word("condition", "d.condition(key)", &[2], "Its condition; `()` if it is not open.", "情况名称；未打开为 ()。"),
    word(
        "value",
        "d.value(key)",
        &[2],
        "The number that it was raised with; `()` if it is not open or has none.",
        "报警时的数值；没有则为 ()。",
    ),
    word("late", "d.late(key)", &[2], "Whether it was raised by a reading that came late.", "是否由迟到数据触发。"),
    word(
        "count",
        "d.count(key)",
        &[2],
        "How many incidents of that key the device has had; one that opened again within its cooldown is the same.",
        "该键至今的报警次数；冷却期内复发算同一次。",
    ),
    word("reopened", "d.reopened(key)", &[2], "How often the newest one opened again.", "最近一次报警的复发次数。"),
    word("text_zh", "d.text_zh(key)", &[2], "The text for duty staff in Chinese.", "中文提示。"),
    word("text_en", "d.text_en(key)", &[2], "The text for duty staff in English.", "英文提示。"),
    word(
        "standard",
        "d.standard(key)",
        &[2],
        "The row of the city's table that its case was filed by; `\"\"` for a case without one, `()` without a case.",
        "所立案件对应的立案标准行；无对应为空文本，无案件为 ()。",
    ),
    word(
        "commands",
        "d.commands(name)",
        &[2],
        "How many commands of that name the rule has sent to the device.",
        "规则向该设备下发该命令的次数。",
    ),
    word(
        "commanded",
        "d.commanded(name, argument)",
        &[3],
        "That argument of the newest one; `()` if none was sent.",
        "最近一次该命令的参数值；未下发过为 ()。",
    ),
    word(
        "places",
        "places(geojson)",
        &[1],
        "The city's places, as the text of a GeoJSON FeatureCollection.",
        "城市地点，GeoJSON FeatureCollection 文本。",
    ),
    word(
        "open_with",
        "open_with(condition)",
        &[1],
        "How many incidents with that condition are open, those of groups included.",
        "该情况打开的报警数，含成组报警。",
    ),
    word(
        "grouped",
        "d.grouped(key)",
        &[2],
        "Whether the open incident with that key stands under an open one of its group.",
        "该键打开的报警是否归入打开的成组报警。",
    ),
    word(
        "standard_with",
        "standard_with(condition)",
        &[1],
        "The standard's row of the newest case with an incident of that condition; `()` if there is none.",
        "含该情况报警的最新案件的立案标准行。",
    ),
    word("open_cases", "open_cases()", &[0], "How many cases are not ended.", "未结案件数。"),
    word("expect", "expect(condition)", &[1], "Fails the test unless the condition is true.", "条件不成立则测试失败。"),
    word(
        "expect_eq",
        "expect_eq(a, b)",
        &[2],
        "Fails the test unless both are equal; numbers may differ by a billionth.",
        "两值不等则测试失败。",
    ),
];

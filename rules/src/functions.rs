//! The words that a rule may call: the one visible list, from which the reference page is made.
//!
//! Lowering (`lower/call.rs`) says what each does; a test compiles every example below.

/// One function of the rule language.
#[derive(Clone, Copy, Debug)]
pub struct FunctionDef {
    /// The name.
    pub name: &'static str,
    /// What it is for: `verdict`, `memory`, `window`, `time`, `unknown`, `number`, `list`.
    pub group: &'static str,
    /// How it is written; `[..]` may be left out.
    pub form: &'static str,
    /// What it does, in Chinese.
    pub zh: &'static str,
    /// What it does, in English.
    pub en: &'static str,
    /// A statement for a septic tank's `on_message`.
    pub example: &'static str,
}

const fn def(
    name: &'static str,
    group: &'static str,
    form: &'static str,
    zh: &'static str,
    en: &'static str,
    example: &'static str,
) -> FunctionDef {
    FunctionDef { name, group, form, zh, en, example }
}

/// Every function, in the order of the reference page.
pub static FUNCTIONS: [FunctionDef; 34] = [
    def(
        "incident",
        "verdict",
        "incident(condition [, value | #{ key, severity, condition, value, text_zh, text_en }])",
        "条件成立时报警，不成立时解除；未知时两者都不做。",
        "Raises while the condition holds and clears when it does not; unknown does neither.",
        "incident(msg.level_pct > 80.0, msg.level_pct);",
    ),
    def(
        "raise",
        "verdict",
        "raise(#{ key, severity, condition, value, text_zh, text_en, text })",
        "报警；每项可省略，默认取自 RULE。须有对应的 clear。",
        "Raises a key; what is left out is taken from RULE. Some other path must `clear` it.",
        "if msg.level_pct > 80.0 { raise(#{ key: \"full\", value: msg.level_pct }); } else { clear(\"full\"); }",
    ),
    def(
        "clear",
        "verdict",
        "clear([key])",
        "解除报警。",
        "Clears a key, by default the one of RULE.",
        "if msg.overflow { raise(#{}); } else { clear(); }",
    ),
    def(
        "band",
        "memory",
        "band(x, trip, reset [, name])",
        "回差：到达 trip 为真，回到 reset 为假，之间保持；trip 小于 reset 时方向相反。初值在两者之间时未知。",
        "Hysteresis: true from `trip` on, false from `reset` on, as before in between (unknown if there was no before). With trip below reset it watches for low values.",
        "incident(band(msg.level_pct, 90.0, 80.0));",
    ),
    def(
        "held",
        "memory",
        "held(condition, time [, name])",
        "条件持续成立达到指定时间。到点由定时器再次判断，无需新消息；未知既不触发也不清零。",
        "True once the condition has been true for that long. A timer judges it again when the time is up, so it needs no further message; unknown neither fires nor disarms it.",
        "incident(held(msg.level_pct > 80.0, 10.min));",
    ),
    def(
        "changed",
        "memory",
        "changed(x [, name])",
        "本条消息带来了不同于上一次的值。",
        "Whether this reading brought another value than the one before; false for a reading without it, unknown for the first.",
        "incident(changed(msg.overflow));",
    ),
    def(
        "prev",
        "memory",
        "prev(x [, name])",
        "上一次的值。",
        "The value before the newest.",
        "incident(msg.level_pct - prev(msg.level_pct) > 20.0);",
    ),
    def(
        "avg",
        "window",
        "avg(x, time [, name])",
        "时间窗内的平均值。",
        "Mean of the samples within the time before the reading.",
        "incident(avg(msg.h2s_ppm, 15.min) > 7.2);",
    ),
    def(
        "min",
        "window",
        "min(x, time [, name]) or min(a, b)",
        "时间窗内的最小值；或两数中较小者。",
        "Smallest sample within the time; or the smaller of two numbers.",
        "incident(min(msg.level_pct, 1.h) > 80.0);",
    ),
    def(
        "max",
        "window",
        "max(x, time [, name]) or max(a, b)",
        "时间窗内的最大值；或两数中较大者。",
        "Largest sample within the time; or the larger of two numbers.",
        "incident(max(msg.level_pct, 1.h) > 80.0);",
    ),
    def(
        "sum",
        "window",
        "sum(x, time [, name])",
        "时间窗内的总和。",
        "Sum of the samples within the time.",
        "incident(sum(msg.level_pct, 1.h) > 800.0);",
    ),
    def(
        "count",
        "window",
        "count(x, time [, name])",
        "时间窗内的样本数；x 为条件时，为成立的次数。",
        "How many samples there are within the time; for a condition, how many times it was true.",
        "incident(count(msg.overflow, 1.h) >= 3);",
    ),
    def(
        "rate",
        "window",
        "rate(x, time [, name])",
        "变化率：每 time 的变化量。样本跨度不足一半时未知。",
        "Change of x per `time`, from the first to the last sample; unknown while the samples span less than half of it.",
        "incident(rate(msg.level_pct, 1.h) > 20.0);",
    ),
    def(
        "slope",
        "window",
        "slope(x, time [, name])",
        "最小二乘斜率：每 time 的变化量，用于缓慢漂移。",
        "Slope of the least-squares line per `time`, for slow drift; unknown while the samples span less than half of it.",
        "incident(slope(msg.level_pct, 1.d) > 5.0);",
    ),
    def(
        "at",
        "time",
        "at(from, to)",
        "本地时间是否在两个时刻之间（可跨午夜）。",
        "Whether the city's time of day is from `from` (included) to `to` (not included); over midnight if `to` is the earlier.",
        "incident(msg.overflow && at(\"22:00\", \"06:00\"));",
    ),
    def(
        "scheduled_on",
        "time",
        "scheduled_on(dev)",
        "路灯按 on_at、off_at 应当亮灯；未登记时未知。",
        "Whether a street light should burn by its `on_at` and `off_at`; unknown without them. Street lights only.",
        "",
    ),
    def(
        "after",
        "time",
        "after(name, time)",
        "到时调用 on_timer(dev, name)；已在计时的不重置。",
        "Calls `on_timer(dev, name)` when the time is up; a timer that runs already is left alone.",
        "after(\"recheck\", 5.min); incident(msg.overflow);",
    ),
    def(
        "cancel",
        "time",
        "cancel(name)",
        "取消 after 的定时器。",
        "Stops a timer of `after`.",
        "after(\"recheck\", 5.min); if msg.overflow { cancel(\"recheck\"); } incident(msg.overflow);",
    ),
    def(
        "known",
        "unknown",
        "known(x)",
        "值是否已知。",
        "Whether the value is known; itself never unknown.",
        "incident(known(msg.overflow) && msg.overflow);",
    ),
    def(
        "or_else",
        "unknown",
        "or_else(x, y)",
        "未知时取 y。",
        "x, or y while x is unknown.",
        "incident(or_else(msg.level_pct, 0.0) > 80.0);",
    ),
    def("abs", "number", "abs(x)", "绝对值。", "Absolute value.", "incident(abs(msg.level_pct - 50.0) > 40.0);"),
    def(
        "floor",
        "number",
        "floor(x)",
        "向下取整。",
        "The whole number below.",
        "incident(floor(msg.level_pct) > 80.0);",
    ),
    def("ceil", "number", "ceil(x)", "向上取整。", "The whole number above.", "incident(ceil(msg.level_pct) > 80.0);"),
    def(
        "round",
        "number",
        "round(x)",
        "四舍五入。",
        "The nearest whole number.",
        "incident(round(msg.level_pct) > 80.0);",
    ),
    def("sqrt", "number", "sqrt(x)", "平方根。", "Square root.", "incident(sqrt(msg.level_cm) > 20.0);"),
    def(
        "to_float",
        "number",
        "to_float(x)",
        "转为小数。",
        "The number as a float.",
        "incident(to_float(1) < msg.level_pct);",
    ),
    def(
        "to_int",
        "number",
        "to_int(x)",
        "截为整数。",
        "The number as an integer, without its fraction; unknown if it is none.",
        "incident(to_int(msg.level_pct) >= 80);",
    ),
    def(
        "clamp",
        "number",
        "clamp(x, low, high)",
        "限制在范围内。",
        "x, but at least `low` and at most `high`.",
        "incident(clamp(msg.level_pct, 0.0, 100.0) > 80.0);",
    ),
    def(
        "between",
        "number",
        "between(x, low, high)",
        "是否在范围内（含两端）。",
        "Whether x is from `low` to `high`, both included.",
        "incident(between(msg.level_pct, 80.0, 90.0));",
    ),
    def(
        "len",
        "list",
        "len(x)",
        "列表、映射或文本的长度。",
        "How many items a list, entries a map, or characters a text has.",
        "let list = [msg.ch4_pct_lel, msg.h2s_ppm]; incident(len(list) > 1 && msg.overflow);",
    ),
    def(
        "contains",
        "list",
        "contains(x, y)",
        "列表是否含某项，映射是否含某键，文本是否含某段。",
        "Whether a list has the item, a map the key, or a text the piece.",
        "incident(contains([1, 2], 2) && msg.overflow);",
    ),
    def(
        "keys",
        "list",
        "keys(map)",
        "映射的键，按字母顺序。",
        "The keys of a map, in alphabetical order.",
        "let n = 0; for key in keys(#{ a: 1 }) { n += 1; } incident(n > 0 && msg.overflow);",
    ),
    def(
        "push",
        "list",
        "push(list, x)",
        "在变量中的列表末尾加一项。",
        "Adds an item at the end of a list that is in a variable.",
        "let list = []; push(list, msg.level_pct); incident(list[0] > 80.0);",
    ),
    def(
        "pop",
        "list",
        "pop(list)",
        "取出列表的最后一项；空列表为未知。",
        "Takes the last item off a list that is in a variable; unknown if there is none.",
        "let list = [msg.level_pct]; incident(pop(list) > 80.0);",
    ),
];

/// The function of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static FunctionDef> {
    FUNCTIONS.iter().find(|function| function.name == name)
}

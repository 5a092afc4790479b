//! The paragraphs of the reference page, in both languages, beside each other.

use super::Text;

/// What stands at the head of the page.
pub(super) const HEAD: Text = Text {
    en: "A rule is one `.rhai` file: a constant map `RULE`, `fn on_message(msg, dev)` and what it calls. A rule states \
         conditions; the engine owns edges: one open incident per rule, asset and key, opened, updated and cleared on \
         transitions only. `on_message` runs once per reading, and only when the reading carries a field that the rule reads. \
         `msg.x` is the newest value of the field.\n\n\
         A value that was never seen, is faulty, or is older than 2.5 reporting intervals is unknown. Unknown is a third \
         value: `unknown || true` is true, `unknown && false` is false, everything else with it is unknown; it neither \
         raises nor clears, and an `if` on it runs neither branch. `known(x)` and `or_else(x, y)` ask for it.\n\n\
         Late readings never pass through what the rule remembers; what they would have raised is recorded as found late.\n",
    zh: "一条规则是一个 `.rhai` 文件：常量映射 `RULE`、`fn on_message(msg, dev)` 及其调用的函数。规则只陈述条件，边沿由引擎负责：\
         每个（规则、部件、键）至多一个未解除的事件，只在状态变化时开启、更新、解除。`on_message` 对每条读数运行一次，\
         且仅当读数带有规则所读的字段。`msg.x` 是该字段的最新值。\n\n\
         从未收到、传感器故障或超过 2.5 个上报周期的值为未知。未知是第三种值：`未知 || true` 为真，`未知 && false` 为假，\
         其余含未知的运算结果均为未知；未知既不报警也不解除，`if` 遇未知两支都不执行。用 `known(x)` 和 `or_else(x, y)` 显式处理。\n\n\
         迟到的读数不进入规则的记忆；它们本会引发的报警另记为“迟到发现”。\n",
};

/// What stands above the words over lists: they and loops change the tier.
pub(super) const LISTS: Text = Text {
    en: "Lists `[1.0, 2.0]`, maps `#{ low: 1.0 }`, items `list[0]`, `map.low`, loops (`for x in list`, `for n in 0..10`, \
         `while`, `loop`, `do .. while`, `break`, `continue`) and functions that call themselves run in the interpreter, some \
         ten times slower than the rest; `gengfu rules check` says which rules do, and why. A word with memory (`held`, \
         `band`, `avg`, ..) and `incident` stand outside of loops. A loop whose condition is unknown ends; an item that a map \
         does not have is unknown; an item that a list does not have ends the evaluation with an error.\n",
    zh: "列表 `[1.0, 2.0]`、映射 `#{ low: 1.0 }`、取项 `list[0]`、`map.low`、循环（`for x in list`、`for n in 0..10`、`while`、`loop`、\
         `do .. while`、`break`、`continue`）和递归函数在解释器中运行，比其余部分约慢十倍；`gengfu rules check` 会说明哪些规则如此及其原因。\
         带记忆的词（`held`、`band`、`avg` 等）和 `incident` 不能放在循环里。循环条件未知时循环结束；映射中没有的键为未知；\
         列表越界则本次计算出错。\n",
};

/// What groups are.
pub(super) const GROUPS: Text = Text {
    en: "`fn member(msg, dev)` says which devices count in the rule's group; enough of them are one incident of the group, \
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
         - Silences of the group's place, and causes of the profile's table, hold it back like any other incident.\n",
    zh: "`fn member(msg, dev)` 判定设备是否计入规则的组；数量足够即成为一个成组事件，其案件收纳成员的案件。规则可以只针对组。\n\n\
         - 判定时机：读数带有它所读的字段时；其中的 `held` 到点时；设备静默时（若用到 `dev.silent`：按 RULE 的 `silent`，默认 2.5 个周期）；\
         以及设备恢复上报时。\n\
         - 未知保持上次结论，没有返回值的路径也是：`if msg.on { return msg.power_w < 5.0; }` 对关着的灯不作结论。\n\
         - 按部件计数，不按设备：在 `within` 内成为成员且仍是成员的。规则此前已对该部件报警的，从那时算起：黑了一周的灯不算今晚的新情况。\
         维护中或已停用的不计。\n\
         - 构成该组的成员剩余不超过所需数量的一半时结束；成员仍成立的报警此后各自独立。\n\
         - 对组所在地点的静默、城市配置中的因果表，与对其他事件一样起抑制作用。\n",
};

/// What tests are, above their words.
pub(super) const TESTS: Text = Text {
    en: "A `fn test_*` without arguments is a test; with arguments it is a helper of tests. It is ordinary rhai (loops, \
         lists), fenced, and runs through the live engine with its reducer and the city's profile, on a clock that only \
         the test moves. `gengfu rules test FOLDER` runs them; `--coverage` shows the lines and the sides of conditions \
         that they evaluated, `--mutate` the numbers that could change with no test failing. A comment \
         `// untested: why` excuses a line from both.\n",
    zh: "无参的 `fn test_*` 是测试，有参的是测试的辅助函数。它是普通的 rhai（可用循环和列表），在围栏内运行，使用线上同一个引擎、归并器和城市配置，\
         时钟只由测试推动。`gengfu rules test FOLDER` 运行测试；`--coverage` 显示未被执行的行和条件分支，`--mutate` 显示改动后没有测试失败的数字。\
         行尾注释 `// untested: 原因` 使该行免于这两项检查。\n",
};

/// What tables are, below the words of tests.
pub(super) const TABLES: Text = Text {
    en: "\nTables stand beside the rule in `RULE.test.toml` or `RULE.WHAT.test.toml` (which is what \
         `gengfu rules pin` writes). A row with a value is a message, an empty cell is a field that it does not carry; \
         `open` names exactly what is open after the row, `-` nothing, an empty cell asks nothing. `at` is a time since \
         `clock` or a moment; `faulty` and `warming_up` are what a sensor says of itself; a column `ago` says how long \
         ago it was measured, a column `device` whose row it is.\n",
    zh: "\n表格测试放在规则旁的 `RULE.test.toml` 或 `RULE.WHAT.test.toml`（`gengfu rules pin` 生成的即是后者）。有值的行是一条消息，\
         空单元格表示消息不带该字段；`open` 列出该行之后应当未解除的全部报警，`-` 表示没有，空表示不检查。`at` 是距 `clock` 的时间或具体时刻；\
         `faulty`、`warming_up` 是传感器的自述；`ago` 列为多久以前测得，`device` 列为哪台设备。\n",
};

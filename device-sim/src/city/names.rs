//! Names of the simulated city: districts around 运城, streets, departments, kinds of cover.

/// A district: its administrative code, its name, a short form for codes, its centre, and its share
/// of the devices in hundredths.
pub(super) struct District {
    pub(super) code: &'static str,
    pub(super) name: &'static str,
    pub(super) short: &'static str,
    pub(super) latitude: f64,
    pub(super) longitude: f64,
    pub(super) share: usize,
}

/// Codes are those of the national table of administrative divisions.
pub(super) const DISTRICTS: [District; 5] = [
    District { code: "140802", name: "盐湖区", short: "YH", latitude: 35.03, longitude: 111.00, share: 56 },
    District { code: "140881", name: "永济市", short: "YJ", latitude: 34.87, longitude: 110.45, share: 14 },
    District { code: "140882", name: "河津市", short: "HJ", latitude: 35.60, longitude: 110.71, share: 12 },
    District { code: "140821", name: "临猗县", short: "LY", latitude: 35.15, longitude: 110.77, share: 10 },
    District { code: "140828", name: "夏县", short: "XX", latitude: 35.14, longitude: 111.22, share: 8 },
];

/// Streets that run east and west, then those that run north and south.
pub(super) const STREETS: [[&str; 20]; 2] = [
    [
        "红旗街",
        "河东街",
        "涑水街",
        "工农街",
        "人民街",
        "铺安街",
        "府西街",
        "货场街",
        "文化街",
        "魏风街",
        "盐池街",
        "条山街",
        "安邑街",
        "振兴街",
        "建设街",
        "康杰街",
        "关帝街",
        "池神街",
        "舜帝街",
        "禹都街",
    ],
    [
        "解放路",
        "中银路",
        "学苑路",
        "圣惠路",
        "机场路",
        "凤凰路",
        "周西路",
        "库东路",
        "大渠路",
        "鑫源路",
        "港务路",
        "青年路",
        "体育路",
        "迎宾路",
        "黄河路",
        "槐东路",
        "银湖路",
        "后稷路",
        "南风路",
        "司马路",
    ],
];

/// What is put after a street's name when all names are used once.
pub(super) const SECTIONS: [&str; 5] = ["", "北段", "南段", "新段", "辅道"];

/// Kinds of manhole cover: class code, what it is called, department, share in hundredths.
pub(super) const COVERS: [(&str, &str, &str, usize); 6] = [
    ("01-02", "污水井盖", "排水管理处", 42),
    ("01-03", "雨水井盖", "排水管理处", 34),
    ("01-01", "上水井盖", "供水公司", 9),
    ("01-06", "路灯井盖", "路灯管理所", 6),
    ("01-11", "燃气井盖", "燃气公司", 5),
    ("01-10", "热力井盖", "热力公司", 4),
];

/// What sanitation trucks are called, by the work they do.
pub(super) const TRUCKS: [&str; 3] = ["清扫车", "洒水车", COLLECTS];
/// The one of them that halts at the stops of its route.
pub(super) const COLLECTS: &str = "清运车";

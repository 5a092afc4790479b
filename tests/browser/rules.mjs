// The life of a rule version in a real browser: pause and resume, why it does not fire, a draft with a mistake, its tests,
// its difference, a backtest with progress, the shadow, a publication that red tests stand against, versions side by side,
// and a roll-back. lib.mjs says how a script asks and answers.
import { enter, go, play, texts } from "./lib.mjs";

const RULE = "manhole-tilt";
const FILE = `${RULE}.rhai`;

async function pausing(page) {
  await go(page, `#/rules/${RULE}`);
  await page.getByRole("button", { name: "暂停规则" }).click();
  await page.locator("[name=reason]").fill("夜间误报太多");
  await page.locator(".step-form").getByRole("button", { name: "暂停规则" }).click();
  const row = page.locator(".cases .case.here");
  await row.locator(".badge", { hasText: "已暂停" }).waitFor();
  await page.locator("input[name=device]").fill("cover-1");
  await page.getByRole("button", { name: "判一次" }).click();
  await page.locator(".evaluation .notice").waitFor();
  const kept = await page.locator(".evaluation .notice").innerText();
  await page.getByRole("button", { name: "恢复规则" }).click();
  await row.locator(".badge", { hasText: "已暂停" }).waitFor({ state: "detached" });
  await page.getByRole("button", { name: "判一次" }).click();
  await page.locator(".evaluation .notice").waitFor({ state: "detached" });
  return { kept, steps: await page.locator(".evaluation .steps").innerText() };
}

/** A leader tunes a parameter for a district; a device tells which setting it got. */
async function tuning(page) {
  const row = page.locator(".parameter", { hasText: "open_deg" });
  await row.getByRole("button", { name: "设置", exact: true }).click();
  await row.locator("[name=name]").fill("盐湖区");
  await row.locator("[name=value]").fill("60");
  await row.locator(".step-form").getByRole("button", { name: "设置", exact: true }).click();
  await row.locator("li", { hasText: "盐湖区" }).waitFor();
  await page.getByRole("searchbox", { name: "查看某设备的取值" }).fill("cover-1");
  await page.getByRole("button", { name: "查看", exact: true }).click();
  await row.locator(".effective").waitFor();
  const shown = await row.innerText();
  await row.locator("li").getByRole("button", { name: "删除" }).click();
  await row.locator("li").waitFor({ state: "detached" });
  return { shown, after: await row.innerText() };
}

/** Writes a rule's text anew. */
async function write(page, change) {
  const editor = page.locator(".editor textarea");
  await editor.fill(change(await editor.inputValue()));
}

async function drafting(page) {
  await page.getByRole("link", { name: "改一份草稿" }).click();
  await page.locator(".tools .hint", { hasText: "检查通过" }).waitFor();
  await write(page, (text) => text.replace("msg.tilt_deg - ", "msg.tilt_dge - "));
  // Warnings of other rules may stand there already.
  await page.locator(".tools .hint.bad").waitFor();
  const mistake = await page.locator(".mistake").first().innerText();
  const marked = await texts(page, ".gutter .marked");
  await write(page, (text) => text.replace("msg.tilt_dge - ", "msg.tilt_deg - ").replace("open_deg: #{ default: 30.0", "open_deg: #{ default: 50.0"));
  await page.locator(".tools .hint", { hasText: "检查通过" }).waitFor();
  const tools = page.locator(".tools");
  await tools.getByRole("tab", { name: "测试" }).click();
  await tools.getByRole("button", { name: "仅此文件" }).click();
  await tools.locator(".red-tests li").first().waitFor();
  const red = await tools.locator(".tests").innerText();
  await tools.getByRole("tab", { name: "差异" }).click();
  await tools.locator(".diff .new").first().waitFor();
  const diff = await texts(page, ".tools .diff .gone, .tools .diff .new");
  // A draft outlasts the page.
  await page.reload();
  await page.locator(".sub-tabs .badge").waitFor();
  return { mistake, marked, red, diff, kept: await page.locator(".sub-tabs .badge").innerText() };
}

async function trying(page) {
  const tools = page.locator(".tools");
  await tools.getByRole("tab", { name: "回测" }).click();
  await tools.locator("select[name=stretch]").selectOption("1d");
  await tools.locator("input[name=sweep]").fill(`${RULE}.open_deg=20:60:20`);
  await tools.getByRole("button", { name: "开始回测" }).click();
  await page.locator(".trial-report").waitFor({ timeout: 60_000 });
  await page.locator(".cases .case .under", { hasText: "告警" }).waitFor();
  return { report: await page.locator(".trial-report").innerText(), listed: await texts(page, ".cases .case .under") };
}

async function shadowing(page) {
  await go(page, `#/draft/${FILE}?tab=shadow`);
  await page.locator(".tools [name=reason]").fill("先看一晚");
  await page.locator(".tools").getByRole("button", { name: "开始影子运行" }).click();
  await page.locator(".sheet .facts", { hasText: "运行中" }).waitFor({ timeout: 60_000 });
  const shown = await page.locator(".sheet").innerText();
  await page.getByRole("button", { name: "停止影子运行" }).click();
  await page.locator(".sheet", { hasText: "没有影子运行中的规则" }).waitFor();
  return { shown };
}

async function publishing(page) {
  await go(page, `#/draft/${FILE}?tab=publish`);
  const tools = page.locator(".tools");
  await tools.locator("[name=reason]").fill("开启角度放宽到 50 度");
  await tools.getByRole("button", { name: "发布", exact: true }).click();
  await tools.locator(".notice.over").waitFor();
  const refused = await tools.locator(".notice.over").innerText();
  const after = await tools.locator("select[name=after]").inputValue();
  await tools.locator("[name=force]").check();
  await tools.getByRole("button", { name: "强制发布" }).click();
  await page.locator(".toast", { hasText: "已发布" }).waitFor();
  await page.locator(".pack", { hasText: "没有改动" }).waitFor();
  return { refused, after };
}

async function going_back(page) {
  await go(page, "#/versions");
  await page.locator(".cases .case a").first().click();
  await page.locator(".card .diff").waitFor();
  const shown = await page.locator(".card").innerText();
  await page.locator(".cases .case a").nth(1).click();
  await page.getByRole("button", { name: "恢复此版本" }).click();
  await page.locator("[name=reason]").fill("漏报");
  await page.locator(".step-form").getByRole("button", { name: "恢复此版本" }).click();
  await page.locator(".toast", { hasText: "已恢复版本" }).waitFor();
  await page.locator(".cases .case", { hasText: "漏报" }).waitFor();
  return { shown, rows: await texts(page, ".cases .case") };
}

await play(async (browser, seen) => {
  const page = await enter(browser, seen, "engineer");
  const saw = {};
  saw.pausing = await pausing(page);
  saw.tuning = await tuning(page);
  saw.drafting = await drafting(page);
  saw.trying = await trying(page);
  saw.shadowing = await shadowing(page);
  saw.publishing = await publishing(page);
  saw.going_back = await going_back(page);
  await go(page, "#/costs");
  await page.locator(".figures-table tbody tr", { hasText: RULE }).waitFor();
  saw.costs = await page.locator(".figures-table tbody tr", { hasText: RULE }).innerText();
  // A duty officer reads rules, and has no button that changes them.
  const officer = await enter(browser, seen, "duty");
  await go(officer, `#/rules/${RULE}`);
  await officer.locator(".source.whole").waitFor();
  saw.officer = await texts(officer, ".card-side button, .card-side a.button");
  return saw;
});

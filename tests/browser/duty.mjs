// Duty in a real browser: a shift leader makes the roster, sees and edits the chains, an officer keeps contact and quiet
// hours and hands over, and whoever comes reads it. lib.mjs says how a script asks and answers.
import { enter, go, play, texts } from "./lib.mjs";

/** Somebody picked from a list of accounts: options say the roles as well. */
async function pick(select, name) {
  const value = await select.locator("option", { hasText: new RegExp(`^${name} `) }).getAttribute("value");
  await select.selectOption(value);
}

/** Today on the bureau's clocks: the turn of who is on duty must not depend on the day of the test. */
const TODAY = new Date(Date.now() + 8 * 3_600_000).toISOString().slice(0, 10);

async function rostering(leader) {
  await go(leader, "#/duty");
  await leader.locator(".list-side", { hasText: "还没有值班表" }).waitFor();
  await leader.getByRole("link", { name: "新建值班表" }).click();
  const form = leader.locator(".roster-form");
  await form.locator("input[list]").fill("盐湖区");
  await form.locator("fieldset.shift").first().locator("input:not([type])").fill("全天");
  await form.locator("input[type=time]").nth(0).fill("00:00");
  await form.locator("input[type=time]").nth(1).fill("00:00");
  const fault = await form.locator(".hint.holds").innerText();
  await pick(form.locator(".turns").nth(0).locator("select"), "officer");
  await pick(form.locator(".turns").nth(1).locator("select"), "leader");
  await form.getByRole("button", { name: "保存" }).click();
  await leader.locator(".watch-box", { hasText: "officer" }).first().waitFor();
  const made = await leader.locator(".card").innerText();
  // A second person takes turns of a week.
  await leader.getByRole("button", { name: "编辑值班表" }).click();
  const edit = leader.locator(".roster-form");
  await pick(edit.locator(".turns").nth(0).locator("select"), "relief");
  await edit.locator(".turn-line").first().locator("input[type=number]").fill("7");
  await edit.locator(".turn-line").first().locator("input[type=date]").fill(TODAY);
  await edit.getByRole("button", { name: "保存" }).click();
  await leader.locator(".roster-form").waitFor({ state: "detached" });
  return { fault, made, today: TODAY };
}

async function chaining(leader) {
  await go(leader, "#/duty/chains");
  await leader.locator(".chain").first().waitFor();
  const usual = await texts(leader, ".chain");
  await leader.getByRole("button", { name: "编辑升级链" }).click();
  const first = leader.locator("fieldset.shift").first();
  await first.getByRole("button", { name: "添加一步" }).click();
  await first.locator(".row-fields").last().locator("input[type=number]").first().fill("3");
  await leader.getByRole("button", { name: "保存升级链" }).click();
  await leader.locator(".chain", { hasText: "+3 分 值班长" }).waitFor();
  return { usual, set: await texts(leader, ".chain") };
}

async function reached(officer) {
  await go(officer, "#/duty/contact");
  await officer.locator("select[name=language]").selectOption("en");
  await officer.getByRole("button", { name: "添加时段" }).click();
  await officer.locator(".row-fields input[type=time]").first().fill("21:30");
  await officer.getByRole("button", { name: "保存" }).click();
  await officer.locator(".toast", { hasText: "联系方式已保存" }).waitFor();
  await officer.getByRole("button", { name: "发送测试" }).click();
  await officer.locator("nav .badge[title^='未读']").waitFor();
  await officer.reload();
  await officer.locator(".row-fields input[type=time]").first().waitFor();
  return { from: await officer.locator(".row-fields input[type=time]").first().inputValue(), unread: await officer.locator("nav .badge[title^='未读']").innerText() };
}

async function handing(officer) {
  await go(officer, "#/duty");
  await officer.getByRole("button", { name: "交接班" }).click();
  await officer.locator("textarea[name=note]").fill("人民路井盖已派市政处，等到货；夜里注意来电。");
  const remark = officer.locator(".remarks input").first();
  await remark.fill("盯住，21 点前要到现场");
  await officer.locator(".hand-over").getByRole("button", { name: "交出" }).click();
  await officer.locator(".hand-over-note").first().waitFor();
  return { note: await officer.locator(".hand-over-note").first().innerText() };
}

await play(async (browser, seen) => {
  const saw = {};
  const leader = await enter(browser, seen, "leader");
  saw.rostering = await rostering(leader);
  saw.chaining = await chaining(leader);
  const officer = await enter(browser, seen, "officer");
  await officer.locator(".duty-strip", { hasText: "盐湖区" }).waitFor();
  saw.strip = await officer.locator(".duty-strip").innerText();
  saw.reached = await reached(officer);
  saw.handing = await handing(officer);
  // The leader is on duty as well: the note is shown above the work, until it was seen.
  await go(leader, "#/work");
  const news = leader.locator("section.notice");
  await leader.reload();
  await news.waitFor();
  saw.news = await news.innerText();
  await news.getByRole("button", { name: "已阅" }).click();
  await news.waitFor({ state: "detached" });
  await leader.reload();
  await leader.locator(".duty-strip a").nth(1).waitFor();
  saw.news_again = await leader.locator("section.notice").count();
  // Whoever may not keep rosters has no button for it.
  await go(officer, "#/duty");
  await officer.locator(".watch-box").first().waitFor();
  saw.officer_buttons = await texts(officer, ".card-side .buttons button, .list-head a");
  // The leader sees what the officer was sent.
  await go(leader, "#/notices?user=officer");
  await leader.locator(".notice-row", { hasText: "测试" }).waitFor();
  saw.of_officer = await texts(leader, ".notice-row .kind");
  return saw;
});

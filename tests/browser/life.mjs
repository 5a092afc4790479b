// One whole life of a case, each step by whoever may take it, in a browser window of its own; lib.mjs says how a
// script asks and answers. `{"do":"calm"}` asks for the cover to be reported as closed again.
import { ask, base, enter, go, play, texts } from "./lib.mjs";

const PLACE = "人民路3号雨水井盖";
/** A picture of one pixel. */
const PICTURE = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==", "base64");

/** Opens the case from the list, as somebody does who sees it there. */
async function choose(page, tab) {
  if (tab !== undefined) await page.getByRole("tab", { name: tab }).click();
  await page.locator(".cases .case", { hasText: PLACE }).click();
  await page.locator(".card .actions").waitFor();
}

/** Takes a step by its button; what its form asks for is filled in. */
async function step(page, name, fill) {
  const actions = page.locator(".card .actions");
  const button = actions.locator("> .buttons").getByRole("button", { name, exact: true });
  if ((await button.count()) === 0) await actions.getByRole("button", { name: "其他操作" }).click();
  await button.click();
  if (fill !== undefined) {
    const form = page.locator(".card .step-form");
    for (const [field, value] of Object.entries(fill)) await form.locator(`[name=${field}]`).fill(value);
    await form.getByRole("button", { name, exact: true }).click();
  }
  // Taking over with a limit is taking over.
  await page.locator(".toast.good", { hasText: `已办理：${name === "接手并限时" ? "接手" : name}` }).first().waitFor();
}

/** Waits until the card says that the case stands there. */
const stands = (page, state) => page.locator(".stages .now", { hasText: state }).waitFor();

async function life(browser, seen) {
  const saw = {};
  const officer = await enter(browser, seen, "officer");
  await officer.locator(".alarm-line.active", { hasText: PLACE }).waitFor();
  saw.title = await officer.title();
  await choose(officer);
  saw.calls_before = await officer.locator(".escalation").innerText();
  await step(officer, "接手并限时", { within_min: "20" });
  await officer.locator(".escalation", { hasText: "officer 须在" }).waitFor();
  saw.calls_after = await officer.locator(".escalation").innerText();
  await officer.locator(".alarm-line:not(.active)").waitFor();
  saw.officer_buttons = await texts(officer, ".card .actions > .buttons button");
  await step(officer, "送核实");
  await stands(officer, "待核实");

  const verifier = await enter(browser, seen, "verifier");
  saw.verifier_tab = await verifier.locator(".tabs [aria-selected=true]").innerText();
  await choose(verifier);
  await step(verifier, "立案");

  const dispatcher = await enter(browser, seen, "dispatcher");
  await choose(dispatcher);
  await step(dispatcher, "派遣", { department: "市政处" });

  const handler = await enter(browser, seen, "handler");
  await choose(handler);
  await step(handler, "回退", { note: "不属我处" });
  await dispatcher.locator(".card .stages .now", { hasText: "已回退" }).waitFor();
  await step(dispatcher, "派遣", { department: "排水管理处" });
  await stands(handler, "已派遣");
  await step(handler, "接收");
  await stands(handler, "处置中");

  const leader = await enter(browser, seen, "leader");
  await choose(leader, "处理中");
  await step(leader, "挂账", { note: "等井盖到货" });
  await stands(leader, "挂账");
  saw.suspended = await leader.locator(".card .timeline").innerText();
  await step(leader, "恢复计时");
  await step(leader, "督办");
  await leader.locator(".card .supervised").waitFor();

  await stands(handler, "处置中");
  // A photo of what was done, from the phone.
  await handler.locator(".card input[type=file]").setInputFiles({ name: "复位后.png", mimeType: "image/png", buffer: PICTURE });
  await handler.locator(".files-of img").waitFor();
  await step(handler, "处置完成");
  await stands(handler, "待核查");
  await verifier.locator(".files-of img").waitFor();
  saw.files = await verifier.locator(".files-of").innerText();
  saw.picture = await verifier.locator(".files-of img").evaluate((image) => image.decode().then(() => image.naturalWidth));
  await stands(verifier, "待核查");
  saw.verifying = await verifier.locator(".card").innerText();
  await step(verifier, "返工", { note: "仍有缝隙" });
  await stands(handler, "处置中");
  await step(handler, "处置完成");
  await stands(verifier, "待核查");
  await step(verifier, "核查通过");

  const acceptor = await enter(browser, seen, "acceptor");
  await choose(acceptor, "待我办");
  await ask("calm");
  await acceptor.locator(".card-title", { hasText: "现象已消除" }).waitFor();
  // One tap closes it with the verdict.
  await acceptor.locator(".card .actions").getByRole("button", { name: "结案", exact: true }).click();
  await acceptor.locator(".verdicts").getByRole("button", { name: "属实" }).click();
  await stands(acceptor, "已结案");
  saw.timeline = await acceptor.locator(".card .timeline").last().innerText();
  saw.facts = await acceptor.locator(".card .facts").first().innerText();

  // Why the officer was told, and by what.
  await go(officer, "#/notices");
  await officer.locator(".notice-row").first().waitFor();
  saw.notice = await officer.locator(".notice-row").last().innerText();
  await officer.locator(".notice-row").last().getByRole("button", { name: "送达情况" }).click();
  saw.deliveries = await officer.locator(".deliveries").innerText();
  await officer.getByRole("button", { name: "全部已阅" }).click();
  await officer.locator(".bar", { hasText: "未读 0" }).waitFor();
  await officer.locator(".notice-row").last().getByRole("link", { name: "为什么通知" }).click();
  await officer.locator(".decided li", { hasText: "已通知" }).first().waitFor();
  saw.decisions = await officer.locator(".decided").innerText();
  saw.where = officer.url().replace(base, "");
  return saw;
}

await play(life);

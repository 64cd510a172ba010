// Faults: switches for four common ones, a form for all kinds, and the list of pending faults.

import { find, make, notify, updateRows } from "./dom.js";
import { request } from "./sandbox.js";

const COMMON = [
  { kind: "lose-reply", call: "run", label: "Lost response to run", hint: "request succeeds, response lost" },
  { kind: "503-html", call: "*", label: "Service unavailable", hint: "HTTP 503 for every call" },
  { kind: "429", call: "*", label: "Too many requests", hint: "HTTP 429, Retry-After: 1" },
  { kind: "slow", call: "*", label: "Slow responses", hint: "2 s for each response" },
];
const form = find("fault-form");
let kinds = [];
let calls = [];
let faults = [];

// Shows the pending faults.
export function showFaults(now) {
  faults = now;
  updateRows(find("switches"), COMMON.map((common) => ({ ...common, on: matching(common).length > 0 })), (one) => one.label, drawSwitch);
  updateRows(find("faults-list"), faults, (fault) => fault.id, drawFault);
  find("faults-clear").hidden = faults.length < 2;
}

// Loads the kinds of faults and the calls of this version.
export async function loadKinds() {
  ({ kinds, calls } = await request("GET", "faults/kinds"));
  form.elements.kind.replaceChildren(...kinds.map(({ kind }) => make("option", { value: kind }, kind)));
  showKind();
}

const matching = ({ kind, call }) => faults.filter((fault) => fault.kind === kind && fault.call === call && fault.times === "*");

async function change(action, message) {
  try {
    await action();
    find("fault-error").textContent = "";
    notify(message);
    showFaults(await request("GET", "faults"));
  } catch (error) {
    find("fault-error").textContent = error.message;
    notify(error.message);
  }
}

function drawSwitch(common) {
  const turn = () =>
    change(async () => {
      const pending = matching(common);
      for (const fault of pending) await request("DELETE", `faults/${fault.id}`);
      if (!pending.length) await request("POST", "faults", { kind: common.kind, call: common.call, times: "*" });
    }, `${common.label}: ${common.on ? "off" : "on"}.`);
  return make("div", {}, make("button", { type: "button", role: "switch", "aria-checked": String(common.on), onclick: turn },
    make("span", {}, common.label, make("small", {}, common.hint)), make("i", { "aria-hidden": "true" })));
}

function drawFault(fault) {
  const affected = fault.times === "*" ? "every request" : fault.times === 1 ? "1 request" : `${fault.times} requests`;
  const name = `${fault.kind}${fault.value ? `=${fault.value}` : ""} at ${fault.call}`;
  const remove = () => change(() => request("DELETE", `faults/${fault.id}`), `Fault removed: ${name}.`);
  return make("li", {},
    make("span", {}, make("code", {}, name), make("small", { class: "quiet" },
      ` ${affected}${fault.skip ? `, after ${fault.skip}` : ""}${fault.applied ? `, applied ${fault.applied} ×` : ""}`)),
    make("button", { type: "button", class: "plain", "aria-label": `Remove ${name}`, onclick: remove }, "Remove"));
}

function showKind() {
  const kind = kinds.find((one) => one.kind === form.elements.kind.value);
  find("fault-meaning").textContent = `${kind.meaning}.`;
  find("fault-value").hidden = kind.value === null;
  form.elements.value.value = "";
  form.elements.value.placeholder = kind.value || "";
  const groups = kind.calls.length === calls.length
    ? [["*", "every call"], ["read", "every reading call"], ["write", "every writing call"]] : [["*", "every call that it can affect"]];
  const single = calls.filter((call) => kind.calls.includes(call.name)).map((call) => [call.alias, `${call.alias}: ${call.summary}`]);
  const before = form.elements.call.value;
  form.elements.call.replaceChildren(...[...groups, ...single].map(([value, label]) => make("option", { value }, label)));
  if ([...form.elements.call.options].some((option) => option.value === before)) form.elements.call.value = before;
}

form.elements.kind.addEventListener("change", showKind);
form.addEventListener("submit", (event) => {
  event.preventDefault();
  const { kind, call, times, value, skip } = Object.fromEntries(new FormData(form));
  const content = { kind, call, times, skip: Number(skip), ...(value.trim() ? { value: value.trim() } : {}) };
  change(() => request("POST", "faults", content), `Fault added: ${kind} at ${call}.`);
});
find("faults-clear").addEventListener("click", () => change(() => request("DELETE", "faults"), "All faults removed."));

// Faults: four switches for the usual ones, a form for all of them, and the list of those to come.

import { find, make, renew, say } from "./dom.js";
import { ask } from "./sandbox.js";

const USUAL = [
  { kind: "lose-reply", call: "run", label: "The answer to a run is lost", hint: "done, but nobody says so" },
  { kind: "503-html", call: "*", label: "Out of service", hint: "HTTP 503 to everything" },
  { kind: "429", call: "*", label: "Too many requests", hint: "HTTP 429, try again in a second" },
  { kind: "slow", call: "*", label: "Slow", hint: "two seconds for each answer" },
];
const form = find("fault-form");
let kinds = [];
let calls = [];
let faults = [];

// Shows the faults to come, as the sandbox has just told them.
export function showFaults(now) {
  faults = now;
  renew(find("switches"), USUAL.map((usual) => ({ ...usual, on: matching(usual).length > 0 })), (one) => one.label, drawSwitch);
  renew(find("faults-list"), faults, (fault) => fault.id, drawFault);
  find("faults-clear").hidden = faults.length < 2;
}

// Reads which faults and calls there are; they differ from version to version.
export async function loadKinds() {
  ({ kinds, calls } = await ask("GET", "faults/kinds"));
  form.elements.kind.replaceChildren(...kinds.map(({ kind }) => make("option", { value: kind }, kind)));
  showKind();
}

const matching = ({ kind, call }) => faults.filter((fault) => fault.kind === kind && fault.call === call && fault.times === "*");

async function change(what, sentence) {
  try {
    await what();
    find("fault-wrong").textContent = "";
    say(sentence);
    showFaults(await ask("GET", "faults"));
  } catch (error) {
    find("fault-wrong").textContent = error.message;
    say(error.message);
  }
}

function drawSwitch(usual) {
  const turn = () =>
    change(async () => {
      const there = matching(usual);
      for (const fault of there) await ask("DELETE", `faults/${fault.id}`);
      if (!there.length) await ask("POST", "faults", { kind: usual.kind, call: usual.call, times: "*" });
    }, `${usual.label}: ${usual.on ? "off" : "on"}.`);
  return make("div", {}, make("button", { type: "button", role: "switch", "aria-checked": String(usual.on), onclick: turn },
    make("span", {}, usual.label, make("small", {}, usual.hint)), make("i", { "aria-hidden": "true" })));
}

function drawFault(fault) {
  const often = fault.times === "*" ? "always" : fault.times === 1 ? "once" : `${fault.times} times`;
  const name = `${fault.kind}${fault.value ? `=${fault.value}` : ""} at ${fault.call}`;
  const off = () => change(() => ask("DELETE", `faults/${fault.id}`), `${name}: off.`);
  return make("li", {},
    make("span", {}, make("code", {}, name), make("small", { class: "quiet" },
      ` ${often}${fault.skip ? `, ${fault.skip} pass first` : ""}${fault.struck ? `, struck ${fault.struck}` : ""}`)),
    make("button", { type: "button", class: "plain", "aria-label": `Switch ${name} off`, onclick: off }, "Off"));
}

function showKind() {
  const kind = kinds.find((one) => one.kind === form.elements.kind.value);
  find("fault-meaning").textContent = `${kind.meaning}.`;
  find("fault-value").hidden = kind.value === null;
  form.elements.value.value = "";
  form.elements.value.placeholder = kind.value || "";
  const groups = kind.calls.length === calls.length
    ? [["*", "every call"], ["read", "every call that reads"], ["write", "every call that writes"]] : [["*", "each that it can strike"]];
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
  change(() => ask("POST", "faults", content), `${kind} at ${call}: on.`);
});
find("faults-clear").addEventListener("click", () => change(() => ask("DELETE", "faults"), "All faults are off."));

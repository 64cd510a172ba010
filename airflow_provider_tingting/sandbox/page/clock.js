// The clock of the sandbox's world, ticking here between two words of the sandbox, and its controls.

import { clockTime, day, find, say, whole } from "./dom.js";
import { ask } from "./sandbox.js";

let told = null;
let toldAt = 0;

export function setClock(tick) {
  told = tick;
  toldAt = performance.now();
  const speed = find("speed");
  if (document.activeElement !== speed) {
    if (![...speed.options].some((option) => Number(option.value) === tick.speed)) {
      speed.add(new Option(`${whole(tick.speed)} ×`, tick.speed));
    }
    speed.value = String(tick.speed);
  }
  find("play-out").disabled = tick.next_event === null;
  show();
}

function show() {
  if (!told || document.body.classList.contains("lost")) return;
  const now = told.now + ((performance.now() - toldAt) / 1000) * told.speed;
  const moment = new Date(now * 1000);
  find("time").textContent = clockTime(moment);
  find("time").dateTime = moment.toISOString();
  find("day").textContent = `${day(moment)}, Nepal`;
  find("next").textContent = told.next_event === null ? "Nothing is under way." : soon(told.next_event - now);
}

function soon(seconds) {
  if (seconds < 120) return "Calls are under way.";
  if (seconds < 7200) return `The next campaign begins in ${Math.round(seconds / 60)} minutes.`;
  if (seconds < 172800) return `The next campaign begins in ${Math.round(seconds / 3600)} hours.`;
  return `The next campaign begins in ${whole(Math.round(seconds / 86400))} days.`;
}

async function change(content, sentence) {
  try {
    const { now } = await ask("POST", "clock", content);
    say(`${sentence} It is ${now.slice(11, 19)} on ${now.slice(0, 10)}.`);
  } catch (error) {
    say(error.message);
  }
}

for (const button of document.querySelectorAll("[data-push]")) {
  button.addEventListener("click", () =>
    change({ push: Number(button.dataset.push) }, `${button.getAttribute("aria-label")}.`));
}
find("play-out").addEventListener("click", () => change({ play_out: true }, "Every campaign has ended."));
find("speed").addEventListener("change", (event) =>
  change({ speed: Number(event.target.value) }, event.target.value === "0" ? "The clock is stopped." : `The clock's speed is ${event.target.value}.`));
setInterval(show, 250);

// The sandbox's clock, interpolated between two events, and its controls.

import { clockTime, day, find, notify, whole } from "./dom.js";
import { request } from "./sandbox.js";

let last = null;
let lastAt = 0;

export function setClock(tick) {
  last = tick;
  lastAt = performance.now();
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
  if (!last || document.body.classList.contains("lost")) return;
  const now = last.now + ((performance.now() - lastAt) / 1000) * last.speed;
  const moment = new Date(now * 1000);
  find("time").textContent = clockTime(moment);
  find("time").dateTime = moment.toISOString();
  find("day").textContent = `${day(moment)}, Nepal`;
  find("next").textContent = last.next_event === null ? "No campaign is running or scheduled." : untilNext(last.next_event - now);
}

function untilNext(seconds) {
  if (seconds < 120) return "Calls are in progress.";
  if (seconds < 7200) return `The next campaign starts in ${Math.round(seconds / 60)} minutes.`;
  if (seconds < 172800) return `The next campaign starts in ${Math.round(seconds / 3600)} hours.`;
  return `The next campaign starts in ${whole(Math.round(seconds / 86400))} days.`;
}

async function change(content, message) {
  try {
    const { now } = await request("POST", "clock", content);
    notify(`${message} The time is ${now.slice(11, 19)} on ${now.slice(0, 10)}.`);
  } catch (error) {
    notify(error.message);
  }
}

for (const button of document.querySelectorAll("[data-push]")) {
  button.addEventListener("click", () =>
    change({ push: Number(button.dataset.push) }, `${button.getAttribute("aria-label")}.`));
}
find("play-out").addEventListener("click", () => change({ play_out: true }, "All campaigns have ended."));
find("speed").addEventListener("change", (event) =>
  change({ speed: Number(event.target.value) }, event.target.value === "0" ? "Clock paused." : `Clock speed: ${event.target.value} ×.`));
setInterval(show, 250);

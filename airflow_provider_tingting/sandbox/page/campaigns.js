// The list of campaigns, newest first.

import { find, make, pager, renew, say, status, whole } from "./dom.js";

const LIMIT = 20;
// In the order in which a contact goes through them.
export const STATUSES = [
  "completed", "hungup", "unanswered", "failed", "terminated", "answered", "ringing", "dialing", "not started",
];

const rows = new Map();
let offset = 0;
let chosen = null;

export const campaign = (id) => rows.get(id);

// Takes in what changed; returns the ids.
export function changeCampaigns({ changed, gone }) {
  for (const row of changed) {
    const before = rows.get(row.id);
    if (before && before.status !== row.status) say(`Campaign ${row.id} is ${row.status}.`);
    rows.set(row.id, row);
  }
  for (const id of gone) rows.delete(id);
  show();
  return [...changed.map((row) => row.id), ...gone];
}

export function forgetCampaigns() {
  rows.clear();
  offset = 0;
}

export function chooseCampaign(id) {
  chosen = id;
  show();
}

export const people = (row) => Object.values(row.contacts).reduce((sum, count) => sum + count, 0);

function show() {
  const wanted = find("campaigns-search").value.trim().toLowerCase();
  const found = [...rows.values()]
    .filter((row) => !wanted || row.name.toLowerCase().includes(wanted) || String(row.id) === wanted)
    .sort((one, other) => other.id - one.id);
  if (offset >= found.length) offset = 0;
  const shown = found.slice(offset, offset + LIMIT).map((row) => ({ ...row, chosen: row.id === chosen }));
  renew(find("campaigns-rows"), shown, (row) => row.id, draw);
  find("campaigns-count").textContent = rows.size ? whole(rows.size) : "";
  find("campaigns-empty").hidden = rows.size > 0;
  find("campaigns").querySelector("table").hidden = rows.size === 0;
  pager(find("campaigns-pager"), "campaigns", offset, LIMIT, found.length, (place) => {
    offset = place;
    show();
  });
}

function draw(row) {
  const all = people(row);
  const shares = make("div", { class: "shares", "aria-hidden": "true" });
  const parts = STATUSES.filter((name) => row.contacts[name]);
  for (const name of parts) {
    const share = make("i", { class: `s-${name.replaceAll(" ", "-")}` });
    share.style.width = `${(100 * row.contacts[name]) / all}%`;
    shares.append(share);
  }
  const said = parts.map((name) => `${whole(row.contacts[name])} ${name}`).join(", ");
  return make(
    "tr",
    { role: "row", "aria-current": row.chosen && "true" },
    make("td", { role: "cell" },
      make("a", { href: `#campaign-${row.id}`, dir: "auto" }, row.name),
      make("small", {}, `${row.id} · ${row.services}`)),
    make("td", { role: "cell" }, status(row.status),
      row.status === "Running" ? make("small", {}, `${row.progress_percent} %`) : null),
    make("td", { role: "cell" }, all ? shares : null, make("small", {}, said || "none yet")),
    make("td", { role: "cell", class: "number wide" }, whole(row.runs)),
    make("td", { role: "cell", class: "number wide" }, whole(row.credits_spent)),
  );
}

find("campaigns-search").addEventListener("input", () => {
  offset = 0;
  show();
});

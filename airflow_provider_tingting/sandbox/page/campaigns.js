// The list of campaigns, newest first.

import { find, make, notify, pager, status, updateRows, whole } from "./dom.js";

const LIMIT = 20;
// Final statuses first.
export const STATUSES = [
  "completed", "hungup", "unanswered", "failed", "terminated", "answered", "ringing", "dialing", "not started",
];

const rows = new Map();
let offset = 0;
let selected = null;

export const campaign = (id) => rows.get(id);

// Applies a change event; returns the ids of the campaigns that changed.
export function changeCampaigns({ changed, removed }) {
  for (const row of changed) {
    const before = rows.get(row.id);
    if (before && before.status !== row.status) notify(`Campaign ${row.id} is now ${row.status}.`);
    rows.set(row.id, row);
  }
  for (const id of removed) rows.delete(id);
  show();
  return [...changed.map((row) => row.id), ...removed];
}

export function clearCampaigns() {
  rows.clear();
  offset = 0;
}

export function selectCampaign(id) {
  selected = id;
  show();
}

export const countContacts = (row) => Object.values(row.contacts).reduce((sum, count) => sum + count, 0);

function show() {
  const search = find("campaigns-search").value.trim().toLowerCase();
  const found = [...rows.values()]
    .filter((row) => !search || row.name.toLowerCase().includes(search) || String(row.id) === search)
    .sort((one, other) => other.id - one.id);
  if (offset >= found.length) offset = 0;
  const shown = found.slice(offset, offset + LIMIT).map((row) => ({ ...row, selected: row.id === selected }));
  updateRows(find("campaigns-rows"), shown, (row) => row.id, draw);
  find("campaigns-count").textContent = rows.size ? whole(rows.size) : "";
  find("campaigns-empty").hidden = rows.size > 0;
  find("campaigns").querySelector("table").hidden = rows.size === 0;
  pager(find("campaigns-pager"), "campaigns", offset, LIMIT, found.length, (start) => {
    offset = start;
    show();
  });
}

function draw(row) {
  const all = countContacts(row);
  const shares = make("div", { class: "shares", "aria-hidden": "true" });
  const parts = STATUSES.filter((name) => row.contacts[name]);
  for (const name of parts) {
    const share = make("i", { class: `s-${name.replaceAll(" ", "-")}` });
    share.style.width = `${(100 * row.contacts[name]) / all}%`;
    shares.append(share);
  }
  const summary = parts.map((name) => `${whole(row.contacts[name])} ${name}`).join(", ");
  return make(
    "tr",
    { role: "row", "aria-current": row.selected && "true" },
    make("td", { role: "cell" },
      make("a", { href: `#campaign-${row.id}`, dir: "auto" }, row.name),
      make("small", {}, `${row.id} · ${row.services}`)),
    make("td", { role: "cell" }, status(row.status),
      row.status === "Running" ? make("small", {}, `${row.progress_percent} %`) : null),
    make("td", { role: "cell" }, all ? shares : null, make("small", {}, summary || "none")),
    make("td", { role: "cell", class: "number wide" }, whole(row.runs)),
    make("td", { role: "cell", class: "number wide" }, whole(row.credits_spent)),
  );
}

find("campaigns-search").addEventListener("input", () => {
  offset = 0;
  show();
});

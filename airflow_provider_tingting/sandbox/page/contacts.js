// The contacts of the selected campaign (#campaign-7 in the address), a page at a time.

import { STATUSES, campaign, countContacts, selectCampaign } from "./campaigns.js";
import { find, make, pager, status, updateRows, whole } from "./dom.js";
import { request, throttled } from "./sandbox.js";

const LIMIT = 25;
let selected = null;
let offset = 0;
let statusFilter = "";

export const loadContacts = throttled(async () => {
  if (selected === null) return;
  const id = selected;
  if (!campaign(id)) return showMissing();
  const query = new URLSearchParams({ offset, limit: LIMIT, status: statusFilter, search: find("contacts-search").value.trim() });
  const page = await request("GET", `campaigns/${id}/contacts?${query}`);
  if (id !== selected) return;
  if (page.count && offset >= page.count) {
    offset = 0;
    return loadContacts();
  }
  show(page);
});

// Opens the campaign that the address names.
export function openFromAddress(navigated) {
  const found = /^#campaign-(\d+)$/.exec(location.hash);
  if (!found) return;
  selected = Number(found[1]);
  offset = 0;
  statusFilter = "";
  find("contacts-search").value = "";
  find("contacts").hidden = false;
  find("contacts-title").textContent = `Contacts of campaign ${selected}`;
  selectCampaign(selected);
  // Scroll after a click only; a page that is loaded with this address starts at its top.
  if (navigated) {
    find("contacts").focus({ preventScroll: true });
    find("contacts").scrollIntoView({ block: "start" });
  }
  loadContacts();
}

export const isOpen = (ids) => selected !== null && ids.includes(selected);

function show(page) {
  const row = campaign(selected);
  find("contacts-title").replaceChildren(`Contacts of `, make("bdi", {}, page.campaign.name), " ",
    make("span", { class: "count" }, `campaign ${selected}`));
  find("message").replaceChildren(...[
    ["Message", page.campaign.message],
    ["SMS message", page.campaign.sms_message],
    ["Scheduled for", page.campaign.schedule?.slice(0, 16).replace("T", " ")],
  ].filter(([, text]) => text).map(([label, text]) => make("p", { dir: "auto" }, make("small", {}, label), text)));
  const counts = row ? row.contacts : {};
  const chips = [["", "All", row ? countContacts(row) : 0], ...STATUSES.map((name) => [name, name, counts[name] ?? 0])]
    .filter(([name, , count]) => count || name === "" || name === statusFilter)
    .map(([name, label, count]) => ({ name, label, count, pressed: name === statusFilter }));
  updateRows(find("chips"), chips, (chip) => chip.name, drawChip);
  updateRows(find("contacts-rows"), page.results, (contact) => contact.id, draw);
  find("contacts-empty").textContent = "No matching contacts.";
  find("contacts-empty").hidden = page.count > 0;
  pager(find("contacts-pager"), "contacts", offset, LIMIT, page.count, (start) => {
    offset = start;
    loadContacts();
  });
}

function showMissing() {
  for (const part of ["message", "chips", "contacts-rows", "contacts-pager"]) find(part).replaceChildren();
  find("contacts-title").textContent = `Campaign ${selected}`;
  find("contacts-empty").textContent = `The sandbox has no campaign ${selected}.`;
  find("contacts-empty").hidden = false;
}

function drawChip(chip) {
  const select = () => {
    statusFilter = chip.name;
    offset = 0;
    loadContacts();
  };
  const content = chip.name ? status(chip.label) : chip.label;
  return make("button", { type: "button", "aria-pressed": String(chip.pressed), onclick: select },
    content, " ", make("span", { class: "count" }, whole(chip.count)));
}

function draw(contact) {
  const { name, ...others } = contact.variables;
  const more = Object.entries(others).map(([tag, value]) => `${tag}: ${value}`).join(" · ");
  const playback = contact.playback === null ? "" : `${contact.playback} %`;
  const duration = !contact.call_duration ? "" : `${contact.call_duration} s`;
  return make(
    "tr",
    {},
    make("td", { class: "nowrap" }, contact.number, contact.run > 1 ? make("small", {}, `run ${contact.run}`) : null),
    make("td", { dir: "auto" }, name === undefined ? "" : String(name), more ? make("small", {}, more) : null),
    make("td", {}, status(contact.status)),
    make("td", { class: "number wide" }, duration),
    make("td", { class: "number wide" }, playback),
    make("td", { class: "number wide" }, contact.credits ? whole(contact.credits) : ""),
  );
}

find("contacts-search").addEventListener("input", () => {
  offset = 0;
  loadContacts();
});
find("contacts-close").addEventListener("click", () => {
  find("campaigns-rows").querySelector(`a[href="#campaign-${selected}"]`)?.focus();
  selected = null;
  find("contacts").hidden = true;
  history.replaceState(null, "", location.pathname);
  selectCampaign(null);
});
addEventListener("hashchange", () => openFromAddress(true));

// The contacts of the campaign whose link was followed (#campaign-7), a page at a time.

import { STATUSES, campaign, chooseCampaign, people } from "./campaigns.js";
import { find, make, pager, renew, status, whole } from "./dom.js";
import { ask, calmly } from "./sandbox.js";

const LIMIT = 25;
let chosen = null;
let offset = 0;
let only = "";

export const loadContacts = calmly(async () => {
  if (chosen === null) return;
  const id = chosen;
  if (!campaign(id)) return showMissing();
  const query = new URLSearchParams({ offset, limit: LIMIT, status: only, search: find("contacts-search").value.trim() });
  const page = await ask("GET", `campaigns/${id}/contacts?${query}`);
  if (id !== chosen) return;
  if (page.count && offset >= page.count) {
    offset = 0;
    return loadContacts();
  }
  show(page);
});

// Follows the address: a link of a campaign opens its contacts.
export function followAddress(moved) {
  const found = /^#campaign-(\d+)$/.exec(location.hash);
  if (!found) return;
  chosen = Number(found[1]);
  offset = 0;
  only = "";
  find("contacts-search").value = "";
  find("contacts").hidden = false;
  find("contacts-title").textContent = `Contacts of campaign ${chosen}`;
  chooseCampaign(chosen);
  // Somebody who has followed a link is taken there; a page that is opened with one begins at its top.
  if (moved) {
    find("contacts").focus({ preventScroll: true });
    find("contacts").scrollIntoView({ block: "start" });
  }
  loadContacts();
}

export const isOpen = (ids) => chosen !== null && ids.includes(chosen);

function show(page) {
  const row = campaign(chosen);
  find("contacts-title").replaceChildren(`Contacts of `, make("bdi", {}, page.campaign.name), " ",
    make("span", { class: "count" }, `campaign ${chosen}`));
  find("message").replaceChildren(...[
    ["Is said", page.campaign.message],
    ["Is texted", page.campaign.sms_message],
    ["Begins", page.campaign.schedule?.slice(0, 16).replace("T", " ")],
  ].filter(([, text]) => text).map(([label, text]) => make("p", { dir: "auto" }, make("small", {}, label), text)));
  const counts = row ? row.contacts : {};
  const chips = [["", "All", row ? people(row) : 0], ...STATUSES.map((name) => [name, name, counts[name] ?? 0])]
    .filter(([name, , count]) => count || name === "" || name === only)
    .map(([name, label, count]) => ({ name, label, count, pressed: name === only }));
  renew(find("chips"), chips, (chip) => chip.name, drawChip);
  renew(find("contacts-rows"), page.results, (contact) => contact.id, draw);
  find("contacts-empty").textContent = "No such contacts.";
  find("contacts-empty").hidden = page.count > 0;
  pager(find("contacts-pager"), "contacts", offset, LIMIT, page.count, (place) => {
    offset = place;
    loadContacts();
  });
}

function showMissing() {
  for (const part of ["message", "chips", "contacts-rows", "contacts-pager"]) find(part).replaceChildren();
  find("contacts-title").textContent = `Campaign ${chosen}`;
  find("contacts-empty").textContent = `This sandbox has no campaign ${chosen}.`;
  find("contacts-empty").hidden = false;
}

function drawChip(chip) {
  const choose = () => {
    only = chip.name;
    offset = 0;
    loadContacts();
  };
  const content = chip.name ? status(chip.label) : chip.label;
  return make("button", { type: "button", "aria-pressed": String(chip.pressed), onclick: choose },
    content, " ", make("span", { class: "count" }, whole(chip.count)));
}

function draw(contact) {
  const { name, ...others } = contact.variables;
  const more = Object.entries(others).map(([tag, value]) => `${tag}: ${value}`).join(" · ");
  const heard = contact.playback === null ? "" : `${contact.playback} %`;
  const talked = !contact.call_duration ? "" : `${contact.call_duration} s`;
  return make(
    "tr",
    {},
    make("td", { class: "nowrap" }, contact.number, contact.run > 1 ? make("small", {}, `run ${contact.run}`) : null),
    make("td", { dir: "auto" }, name === undefined ? "" : String(name), more ? make("small", {}, more) : null),
    make("td", {}, status(contact.status)),
    make("td", { class: "number wide" }, talked),
    make("td", { class: "number wide" }, heard),
    make("td", { class: "number wide" }, contact.credits ? whole(contact.credits) : ""),
  );
}

find("contacts-search").addEventListener("input", () => {
  offset = 0;
  loadContacts();
});
find("contacts-close").addEventListener("click", () => {
  find("campaigns-rows").querySelector(`a[href="#campaign-${chosen}"]`)?.focus();
  chosen = null;
  find("contacts").hidden = true;
  history.replaceState(null, "", location.pathname);
  chooseCampaign(null);
});
addEventListener("hashchange", () => followAddress(true));

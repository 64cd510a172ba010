// The ledger: calls and SMS, and requests; newest first, a page at a time.

import { campaign } from "./campaigns.js";
import { find, make, pager, status, updateRows, whole } from "./dom.js";
import { request, throttled } from "./sandbox.js";

const LIMIT = 25;
const TABS = ["dialled", "requests"];
const HEADS = {
  dialled: [["Time"], ["Number"], ["Message", "wide"], ["Status"], ["Credits", "number wide"]],
  requests: [["Time"], ["Call"], ["Response"], ["Client", "wide"]],
};
const EMPTY = { dialled: "No calls or SMS yet.", requests: "No requests to the API yet." };
let tab = "dialled";
let offset = 0;

export const loadLedger = throttled(async () => {
  const shown = tab;
  const query = new URLSearchParams({ offset, limit: LIMIT, search: find("ledger-search").value.trim() });
  const page = await request("GET", `${shown}?${query}`);
  if (shown !== tab) return;
  if (page.count && offset >= page.count) {
    offset = 0;
    return loadLedger();
  }
  const rows = shown === "dialled" ? page.results.map((row) => ({ ...row, campaign: campaign(row.campaign_id)?.name })) : page.results;
  updateRows(find("ledger-rows"), number(rows, page), (row) => row.key, shown === "dialled" ? drawDialled : drawRequest);
  find("ledger-empty").textContent = find("ledger-search").value ? "No matching entries." : EMPTY[shown];
  find("ledger-empty").hidden = page.count > 0;
  find("ledger-head").parentElement.hidden = page.count === 0;
  if (shown === "dialled") showRepeated(page);
  pager(find("ledger-pager"), "entries", offset, LIMIT, page.count, (start) => {
    offset = start;
    loadLedger();
  });
});

export function countLedger(tick) {
  find("dialled-count").textContent = whole(tick.dialled);
  find("requests-count").textContent = whole(tick.requests);
}

// Rows have no id. Their position from the oldest entry does not change when newer ones arrive.
const number = (rows, page) => rows.map((row, position) => ({ ...row, key: page.count - offset - position }));

function showRepeated(page) {
  find("repeated").classList.toggle("alarm", page.repeated > 0);
  find("repeated").textContent = page.repeated
    ? `${whole(page.repeated)} repeated calls or SMS (same campaign and number)`
    : "no number called or texted twice by one campaign; demo calls not counted";
}

function showHead() {
  find("ledger-head").replaceChildren(
    make("tr", {}, ...HEADS[tab].map(([label, kind]) => make("th", { scope: "col", class: kind }, label))),
  );
}

function selectTab(name) {
  tab = name;
  offset = 0;
  for (const one of TABS) {
    find(`tab-${one}`).setAttribute("aria-selected", String(one === tab));
    find(`tab-${one}`).tabIndex = one === tab ? 0 : -1;
  }
  find("ledger-panel").setAttribute("aria-labelledby", `tab-${tab}`);
  find("ledger-rows").replaceChildren();
  find("repeated").hidden = tab !== "dialled";
  showHead();
  loadLedger();
}

const time = (text) => make("time", { datetime: text, title: text }, text.slice(11, 19), make("small", {}, text.slice(0, 10)));

function drawDialled(row) {
  const where = `campaign ${row.campaign_id}${row.run > 1 ? `, run ${row.run}` : ""}`;
  return make(
    "tr",
    {},
    make("td", { class: "nowrap" }, time(row.at)),
    make("td", { class: "nowrap" }, row.number, make("small", {}, `${row.channel} · `,
      make("a", { href: `#campaign-${row.campaign_id}`, title: row.campaign }, where)),
      make("small", { class: "narrow", dir: "auto" }, row.text)),
    make("td", { class: "wide", dir: "auto" }, row.text),
    make("td", {}, status(row.status), row.repeated ? make("small", { class: "repeated" }, "repeated") : null),
    make("td", { class: "number wide" }, row.credits ? whole(row.credits) : ""),
  );
}

function drawRequest(row) {
  const response = row.status === null ? "none" : String(row.status);
  return make(
    "tr",
    {},
    make("td", { class: "nowrap" }, time(row.world_time)),
    make("td", {}, row.call, make("small", {}, `${row.method} ${row.path}${row.query ? `?${row.query}` : ""}`)),
    make("td", {}, make("span", { class: row.status === null || row.status >= 400 ? "repeated" : "" }, response),
      row.fault ? make("small", {}, row.fault) : null),
    make("td", { class: "wide" }, make("small", {}, row.user_agent)),
  );
}

for (const name of TABS) {
  find(`tab-${name}`).addEventListener("click", () => selectTab(name));
  find(`tab-${name}`).addEventListener("keydown", (event) => {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    const other = TABS[1 - TABS.indexOf(name)];
    selectTab(other);
    find(`tab-${other}`).focus();
  });
}
find("ledger-search").addEventListener("input", () => {
  offset = 0;
  loadLedger();
});
showHead();

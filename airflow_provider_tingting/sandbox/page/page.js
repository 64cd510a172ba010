// Passes each event of the sandbox to the sections of the page.

import { showCredits, showToken } from "./account.js";
import { changeCampaigns, clearCampaigns } from "./campaigns.js";
import { setClock } from "./clock.js";
import { isOpen, loadContacts, openFromAddress } from "./contacts.js";
import { find, notify } from "./dom.js";
import { loadKinds, showFaults } from "./faults.js";
import { countLedger, loadLedger } from "./ledger.js";
import { listen } from "./sandbox.js";

const RESTARTED = "The sandbox was restarted. The page shows its current data.";
const LOST = "The sandbox does not respond. The page shows the last known data and reconnects automatically.";
// The longest call, in seconds of the sandbox's time.
const LONGEST_CALL = 120;
let start = null;
let seen = { dialled: -1, requests: -1 };
let first = false;
let lost = false;

function showConnection(state, text) {
  document.body.className = state;
  if (find("connection-state").textContent !== text) find("connection-state").textContent = text;
}

listen({
  hello(hello) {
    showConnection("live", "Live");
    if (start !== null && start !== hello.start) {
      find("notice").textContent = RESTARTED;
      setTimeout(() => find("notice").textContent === RESTARTED && find("notice").replaceChildren(), 10_000);
    } else {
      if (lost) notify("Connected to the sandbox again.");
      find("notice").replaceChildren();
    }
    lost = false;
    start = hello.start;
    find("version").textContent = `Sandbox of airflow-provider-tingting ${hello.version}`;
    // The next events hold all data, not only changes.
    clearCampaigns();
    seen = { dialled: -1, requests: -1 };
    first = true;
    loadKinds().catch((error) => notify(error.message));
  },
  tick(tick) {
    setClock(tick);
    showCredits(tick);
    countLedger(tick);
    // While a campaign runs, the status of earlier calls still changes.
    const busy = tick.next_event !== null && tick.next_event - tick.now < LONGEST_CALL;
    if (busy || tick.dialled !== seen.dialled || tick.requests !== seen.requests || seen.busy) loadLedger();
    seen = { ...tick, busy };
  },
  campaigns(change) {
    const ids = changeCampaigns(change);
    if (first) openFromAddress(false);
    if (first || isOpen(ids)) loadContacts();
    first = false;
  },
  faults: showFaults,
  token: showToken,
  lost() {
    if (lost) return;
    showConnection("lost", "Not connected");
    find("notice").textContent = LOST;
    lost = true;
  },
});
showFaults([]);

// The page: hands each word of the sandbox to the part that shows it.

import { showCredits, showToken } from "./account.js";
import { changeCampaigns, forgetCampaigns } from "./campaigns.js";
import { setClock } from "./clock.js";
import { followAddress, isOpen, loadContacts } from "./contacts.js";
import { find, say } from "./dom.js";
import { loadKinds, showFaults } from "./faults.js";
import { countLedger, loadLedger } from "./ledger.js";
import { listen } from "./sandbox.js";

const STARTED_AGAIN = "The sandbox was started again. This is its world now.";
const GONE = "The sandbox does not answer. This page shows what it knew, and goes on when the sandbox is back.";
// A call is over within so many seconds of the sandbox's time.
const LONGEST_CALL = 120;
let start = null;
let seen = { dialled: -1, requests: -1 };
let fresh = false;
let missing = false;

function showLink(state, text) {
  document.body.className = state;
  if (find("link").textContent !== text) find("link").textContent = text;
}

listen({
  hello(hello) {
    showLink("live", "Live");
    if (start !== null && start !== hello.start) {
      find("notice").textContent = STARTED_AGAIN;
      setTimeout(() => find("notice").textContent === STARTED_AGAIN && find("notice").replaceChildren(), 10_000);
    } else {
      if (missing) say("The sandbox answers again.");
      find("notice").replaceChildren();
    }
    missing = false;
    start = hello.start;
    find("version").textContent = `Sandbox of airflow-provider-tingting ${hello.version}`;
    // What follows is everything, not what has changed.
    forgetCampaigns();
    seen = { dialled: -1, requests: -1 };
    fresh = true;
    loadKinds().catch((error) => say(error.message));
  },
  tick(tick) {
    setClock(tick);
    showCredits(tick);
    countLedger(tick);
    // While a run is on, calls that were dialled before still change.
    const busy = tick.next_event !== null && tick.next_event - tick.now < LONGEST_CALL;
    if (busy || tick.dialled !== seen.dialled || tick.requests !== seen.requests || seen.busy) loadLedger();
    seen = { ...tick, busy };
  },
  campaigns(news) {
    const ids = changeCampaigns(news);
    if (fresh) followAddress(false);
    if (fresh || isOpen(ids)) loadContacts();
    if (fresh) fresh = false;
  },
  faults: showFaults,
  token: showToken,
  lost() {
    if (missing) return;
    showLink("lost", "No answer");
    find("notice").textContent = GONE;
    missing = true;
  },
});
showFaults([]);

// The account: credits, token, and the connection for Airflow.

import { find, notify } from "./dom.js";
import { request } from "./sandbox.js";

const credits = find("credits-form").elements.credits;

export function showCredits(tick) {
  if (document.activeElement !== credits) credits.value = tick.credits;
}

// Shows the connection with the current token.
export function showToken(token) {
  const base = `${location.origin}/api/v1/`;
  const connection = {
    conn_type: "tingting", host: base, password: token,
    extra: { campaign_url: `${location.origin}/#campaign-{campaign_id}` },
  };
  find("connection").textContent = `export AIRFLOW_CONN_TINGTING_DEFAULT=${quoted(JSON.stringify(connection))}`;
  const campaign = { name: "Namaste", services: "PHONE", user_phone: [3], message: "नमस्कार {name} जी।" };
  find("first-steps").textContent = `curl -H ${quoted(`Authorization: Bearer ${token}`)} -H 'Content-Type: application/json' \\
  -d ${quoted(JSON.stringify(campaign))} ${base}campaign/create/`;
}

const quoted = (text) => `'${text.replaceAll("'", `'"'"'`)}'`;

async function act(action, message) {
  try {
    await action();
    notify(message);
  } catch (error) {
    notify(error.message);
  }
}

find("credits-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const balance = Number(credits.value);
  act(() => request("POST", "credits", { credits: balance }), `The balance is ${balance} credits.`);
});
find("rotate").addEventListener("click", () =>
  act(() => request("POST", "token", {}), "Token rotated. The old token is no longer valid."));
find("copy").addEventListener("click", () =>
  act(async () => {
    try {
      await navigator.clipboard.writeText(find("connection").textContent);
    } catch {
      getSelection().selectAllChildren(find("connection"));
      throw new Error("The browser does not allow copying. The text is selected.");
    }
  }, "Copied."));
find("reset").addEventListener("click", () => find("confirm").showModal());
find("confirm").addEventListener("close", () => {
  if (find("confirm").returnValue === "yes") act(() => request("POST", "reset"), "Sandbox reset.");
  find("confirm").returnValue = "";
});

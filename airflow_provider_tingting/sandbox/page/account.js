// The account: its credits, its token, and how to connect with it.

import { find, say } from "./dom.js";
import { ask } from "./sandbox.js";

const credits = find("credits-form").elements.credits;

export function showCredits(tick) {
  if (document.activeElement !== credits) credits.value = tick.credits;
}

// Shows how to connect with the token of now.
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

async function act(what, sentence) {
  try {
    await what();
    say(sentence);
  } catch (error) {
    say(error.message);
  }
}

find("credits-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const wanted = Number(credits.value);
  act(() => ask("POST", "credits", { credits: wanted }), `The account has ${wanted} credits.`);
});
find("rotate").addEventListener("click", () =>
  act(() => ask("POST", "token", {}), "The token is another one: the old one is refused from now on."));
find("copy").addEventListener("click", () =>
  act(async () => {
    try {
      await navigator.clipboard.writeText(find("connection").textContent);
    } catch {
      getSelection().selectAllChildren(find("connection"));
      throw new Error("The browser does not let this page copy; the text is selected.");
    }
  }, "Copied."));
find("reset").addEventListener("click", () => find("sure").showModal());
find("sure").addEventListener("close", () => {
  if (find("sure").returnValue === "yes") act(() => ask("POST", "reset"), "The sandbox is empty.");
  find("sure").returnValue = "";
});

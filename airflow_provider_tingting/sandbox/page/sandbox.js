// The sandbox as this page talks to it: its controls, its lists, and its stream of events.

export async function ask(method, path, content) {
  let response, said;
  try {
    response = await fetch(`/sandbox/${path}`, {
      method,
      headers: content === undefined ? {} : { "Content-Type": "application/json" },
      body: content === undefined ? undefined : JSON.stringify(content),
    });
    said = await response.json();
  } catch {
    throw new Error("The sandbox does not answer.");
  }
  if (!response.ok || said?.success === false) throw new Error(sentence(said));
  return said;
}

// A refusal has a text for each field, in whatever shape the sandbox's dialect gives it.
function sentence(said) {
  if (typeof said === "string") return said;
  if (said && typeof said === "object") return Object.values(said.errors ?? said).map(sentence).filter(Boolean).join(" ");
  return "";
}

// Calls `on.hello`, `on.tick` and so on with what each event of the sandbox says, `on.lost()` when it is gone.
export function listen(on) {
  let source, again;
  function open() {
    clearTimeout(again);
    source?.close();
    source = new EventSource("/sandbox/events");
    for (const name of ["hello", "tick", "campaigns", "faults", "token"]) {
      source.addEventListener(name, (event) => on[name](JSON.parse(event.data)));
    }
    source.onerror = () => {
      on.lost();
      // The browser tries again by itself, but not after an answer that is no stream.
      if (source.readyState === EventSource.CLOSED) again = setTimeout(open, 1000);
    };
  }
  // A browser opens few connections to one address: a page that nobody sees gives its own back.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      clearTimeout(again);
      source.close();
    } else if (source.readyState === EventSource.CLOSED) open();
  });
  open();
}

// Makes a reload that never runs twice at once and leaves the sandbox nine times as long in peace as it has worked.
export function calmly(load) {
  let wanted = false, busy = false;
  return async function reload() {
    wanted = true;
    if (busy) return;
    busy = true;
    while (wanted) {
      wanted = false;
      const began = performance.now();
      try {
        await load();
      } catch {
        // The stream tells that the sandbox is gone; whatever is missing is asked for again at its next word.
      }
      await new Promise((done) => setTimeout(done, Math.max(150, 9 * (performance.now() - began))));
    }
    busy = false;
  };
}

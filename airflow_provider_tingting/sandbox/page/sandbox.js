// Requests to the sandbox's control endpoints, and its stream of events.

export async function request(method, path, content) {
  let response, body;
  try {
    response = await fetch(`/sandbox/${path}`, {
      method,
      headers: content === undefined ? {} : { "Content-Type": "application/json" },
      body: content === undefined ? undefined : JSON.stringify(content),
    });
    body = await response.json();
  } catch {
    throw new Error("The sandbox does not respond.");
  }
  if (!response.ok || body?.success === false) throw new Error(errorText(body));
  return body;
}

// An error has a text for each field, in the shape of the sandbox's dialect.
function errorText(body) {
  if (typeof body === "string") return body;
  if (body && typeof body === "object") return Object.values(body.errors ?? body).map(errorText).filter(Boolean).join(" ");
  return "";
}

// Calls `on.hello`, `on.tick` and so on with the content of each event, and `on.lost()` when the connection is lost.
export function listen(on) {
  let source, retry;
  function open() {
    clearTimeout(retry);
    source?.close();
    source = new EventSource("/sandbox/events");
    for (const name of ["hello", "tick", "campaigns", "faults", "token"]) {
      source.addEventListener(name, (event) => on[name](JSON.parse(event.data)));
    }
    source.onerror = () => {
      on.lost();
      // The browser reconnects by itself, except after a response that is not an event stream.
      if (source.readyState === EventSource.CLOSED) retry = setTimeout(open, 1000);
    };
  }
  // A browser opens few connections to one host: a hidden page closes its own.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      clearTimeout(retry);
      source.close();
    } else if (source.readyState === EventSource.CLOSED) open();
  });
  open();
}

// Returns a reload function that never runs twice at once, and that waits nine times as long as each load took.
export function throttled(load) {
  let requested = false, busy = false;
  return async function reload() {
    requested = true;
    if (busy) return;
    busy = true;
    while (requested) {
      requested = false;
      const began = performance.now();
      try {
        await load();
      } catch {
        // The event stream reports a lost connection, and its next event loads the data again.
      }
      await new Promise((done) => setTimeout(done, Math.max(150, 9 * (performance.now() - began))));
    }
    busy = false;
  };
}

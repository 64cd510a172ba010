// Creates and updates elements. Data of the sandbox is inserted as text, never as HTML.

export const find = (id) => document.getElementById(id);

// make("td", {class: "number"}, "12", element, …)
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child != null));
  return element;
}

// Updates the rows of a list. Unchanged rows are kept, so that focus and selection are kept too.
export function updateRows(parent, rows, key, draw) {
  const before = new Map([...parent.children].map((element) => [element.dataset.key, element]));
  let place = parent.firstElementChild;
  for (const row of rows) {
    const name = String(key(row));
    const content = JSON.stringify(row);
    let element = before.get(name);
    before.delete(name);
    if (element && element.dataset.content !== content) {
      const fresh = draw(row);
      const focused = element.contains(document.activeElement);
      if (place === element) place = fresh;
      element.replaceWith(fresh);
      if (focused) fresh.querySelector("a, button")?.focus({ preventScroll: true });
      element = fresh;
    }
    element ??= draw(row);
    element.dataset.key = name;
    element.dataset.content = content;
    if (element === place) place = place.nextElementSibling;
    else parent.insertBefore(element, place);
  }
  for (const element of before.values()) element.remove();
}

// The paging buttons below a list.
export function pager(parent, what, offset, limit, count, go) {
  if (count <= limit && offset === 0) return parent.replaceChildren();
  if (!parent.firstChild) {
    parent.append(
      make("span"),
      make("button", { type: "button", "aria-label": `Previous ${what}` }, "‹ Previous"),
      make("button", { type: "button", "aria-label": `Next ${what}` }, "Next ›"),
    );
  }
  const [text, previous, next] = parent.children;
  const last = Math.min(offset + limit, count);
  text.textContent = `${whole(Math.min(offset + 1, count))}–${whole(last)} of ${whole(count)}`;
  previous.disabled = offset === 0;
  next.disabled = last >= count;
  previous.onclick = () => go(Math.max(0, offset - limit));
  next.onclick = () => go(offset + limit);
}

export const status = (name) => make("span", { class: `status s-${name.replaceAll(" ", "-")}` }, name);
export const whole = (number) => number.toLocaleString("en-GB");

const clocks = new Intl.DateTimeFormat("en-GB", { timeZone: "Asia/Kathmandu", timeStyle: "medium" });
const days = new Intl.DateTimeFormat("en-GB", {
  timeZone: "Asia/Kathmandu", weekday: "short", day: "numeric", month: "short", year: "numeric",
});
export const clockTime = (moment) => clocks.format(moment);
export const day = (moment) => days.format(moment);

let clearing;
// Shows a message at the bottom of the page for five seconds; a screen reader announces it.
export function notify(message) {
  find("toast").textContent = message;
  clearTimeout(clearing);
  clearing = setTimeout(() => find("toast").replaceChildren(), 5000);
}

// Makes and renews elements. Whatever comes from the sandbox enters the page as text, never as HTML.

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

// Shows a list: a row that is as before stays as it is, so that focus and selection stay where they are.
export function renew(parent, rows, key, draw) {
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

// The buttons below a list that has more rows than it shows.
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

let silence;
// Says a sentence to everybody: as a note at the foot of the page, and to a screen reader.
export function say(sentence) {
  find("said").textContent = sentence;
  clearTimeout(silence);
  silence = setTimeout(() => find("said").replaceChildren(), 5000);
}

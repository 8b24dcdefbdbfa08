"use strict";
/* The gallery: a grid of any number of images of which only those near what is seen are there.

   Each tile's place follows from its number. The page is as high as all rows, at most LONGEST pixels, since browsers go
   no higher; beyond that `top`, the row at the upper edge in pixels of the whole grid, moves with small scrolls pixel by
   pixel and with large ones in proportion. Rows come from /api/gallery in pages, ahead of where somebody scrolls to. */
(() => {
const form = document.getElementById("filter"), box = document.getElementById("filter-box");
if (box && innerWidth < 1000) box.open = false;

/* An address says only what is wanted; a new text to be similar to sorts by it. */
form?.addEventListener("formdata", event => {
  const like = form.querySelector("[data-sorts]");
  for (const name of [...new Set(event.formData.keys())]) {
    const values = [...new Set(event.formData.getAll(name).map(value => value.trim()).filter(Boolean))];
    event.formData.delete(name);
    values.forEach(value => event.formData.append(name, value));
  }
  if (event.formData.get("sort") === "newest" || (like && like.value.trim() !== like.defaultValue)) event.formData.delete("sort");
});
document.addEventListener("change", event => {
  if (event.target.form === form && form && event.target.matches("select")) form.requestSubmit();
});
form?.addEventListener("input", event => {
  if (event.target.matches("[data-adds]") && event.inputType === "insertReplacementText") form.requestSubmit();
});

const root = document.getElementById("gallery");
if (!root) return;
const grid = document.getElementById("grid"), panel = document.getElementById("panel"), panelBody = document.getElementById("panel-body");
const listField = document.getElementById("list"), sizeField = document.getElementById("size");
const texts = JSON.parse(root.dataset.texts), sort = root.dataset.sort;
const say = (name, values = {}) => texts[name].replace(/\{(\w+)\}/g, (_, key) => values[key]);
const shown = number => number.toLocaleString(document.documentElement.lang);

const PAGE = 100, LONGEST = 12_000_000, GAP = 6, MOST_PAGES = 300, MOST_SELECTED = 5_000, AT_ONCE = 500, FLIGHT = 250, LANDING = 40;
const state = {
  total: null, columns: 1, side: 168, top: 0, scrolled: 0, focus: 0, anchor: 0, open: null,
  pages: new Map(), asked: new Map(), tiles: new Map(), selected: new Map(), decided: new Map(), undo: [], next: [], speed: 0, at: 0, isFlying: false,
};
const memory = `gallery:${location.search}`;

/* Rows, by pages of the API. */
function row(number) {
  return state.pages.get(pageOf(number))?.[number % PAGE];
}

function address(offset, limit) {
  const query = new URLSearchParams(root.dataset.query);
  if (listName()) query.set("list_name", listName());
  query.set("offset", offset);
  query.set("limit", limit);
  return `/api/gallery?${query}`;
}

async function load(page) {
  if (page < 0 || state.pages.has(page) || state.asked.has(page) || (state.total !== null && page * PAGE >= state.total)) return state.asked.get(page)?.done;
  const stop = new AbortController();
  const done = (async () => {
    try {
      const answer = await fetch(address(page * PAGE, PAGE), { signal: stop.signal, headers: { Accept: "application/json", "X-CSRF-Token": token() } });
      const said = await answer.json();
      if (said.error === "not_ready") {
        problem(said.detail, "busy");
        setTimeout(() => load(page), 1_000);
        return;
      }
      if (!answer.ok) throw new Error(said.detail || answer.statusText);
      notice("gallery-unread", said.reads ? "" : say("unread"), "warning");
      state.pages.set(page, said.images);
      if (state.pages.size > MOST_PAGES) state.pages.delete(state.pages.keys().next().value);
      if (said.total !== state.total) { state.total = said.total; measure(); }
      problem("");
      render();
    } catch (error) {
      if (error.name !== "AbortError") problem(say("failed", { reason: error.message }));
    } finally {
      if (state.asked.get(page)?.stop === stop) state.asked.delete(page);
    }
  })();
  state.asked.set(page, { stop, done });
  return done;
}

/* The pages of what is seen, and once these are there those of what is near; the `next` ones, first in the direction of
   scrolling, when every picture is there that is seen. What is no longer near is not waited for, and while one flies over
   the grid nothing is asked for that is gone when it comes. */
function wantPages(first, last) {
  const from = pageOf(first), to = pageOf(last);
  for (const [page, asked] of state.asked) if (page < from - 2 || page > to + 2) { asked.stop.abort(); state.asked.delete(page); }
  if (state.isFlying) return;
  const seen = [];
  for (let page = pageOf(firstSeen()); page <= pageOf(lastSeen()); page++) if (!state.pages.has(page)) seen.push(page);
  seen.forEach(load);
  if (seen.length) return;
  for (let page = from; page <= to; page++) load(page);
  state.next = state.speed < 0 ? [from - 1, to + 1] : [to + 1, from - 1];
}
const pageOf = number => Math.floor(number / PAGE);

function notice(id, text, kind) {
  const place = document.getElementById(id);
  place.className = `notice ${kind}`;
  place.hidden = !text;
  place.firstElementChild.textContent = text;
}
const problem = (text, kind = "bad") => notice("gallery-problem", text, kind);

/* Places. */
const step = () => state.side + GAP;
const rows = () => Math.ceil((state.total ?? 0) / state.columns);
const whole = () => Math.max(0, rows() * step() - GAP);
const height = () => Math.min(whole(), LONGEST);
const offsetTop = () => grid.getBoundingClientRect().top + scrollY;
const view = () => innerHeight;
const isScaled = () => whole() > LONGEST;

/* How far the grid's upper edge is above that of the window: what of the grid is scrolled away. */
const away = () => scrollY - offsetTop();

function measure() {
  const first = state.total === null ? 0 : firstSeen();
  const wide = grid.clientWidth || grid.parentElement.clientWidth;
  const least = Number(sizeField.value);
  state.columns = Math.max(innerWidth < 640 ? 2 : 1, Math.round((wide + GAP) / (least + GAP)));
  state.side = Math.floor((wide - GAP * (state.columns - 1)) / state.columns);
  grid.hidden = state.total === 0;
  document.getElementById("gallery-empty").hidden = state.total !== 0;
  document.getElementById("gallery-count").textContent = state.total === null ? "" : say("count", { count: shown(state.total) });
  grid.style.height = `${height()}px`;
  const hadFocus = grid.contains(document.activeElement);
  for (const tile of state.tiles.values()) tile.remove();
  state.tiles.clear();
  state.scrolled = away();
  if (!isScaled() || state.scrolled <= 0) state.top = state.scrolled;
  if (first > 0) goTo(first, "start");
  render();
  if (hadFocus) state.tiles.get(state.focus)?.focus({ preventScroll: true });
}

function firstSeen() {
  return Math.max(0, Math.floor(Math.max(0, state.top) / step()) * state.columns);
}

function lastSeen() {
  return Math.max(0, Math.min(state.total, (Math.floor((state.top + view()) / step()) + 1) * state.columns) - 1);
}

function isSeen(number) {
  const y = Math.floor(number / state.columns) * step();
  return y + state.side > state.top && y < state.top + view();
}

/* Where `top` is when the grid is scrolled so far. */
function follow() {
  const now = away(), moved = now - state.scrolled;
  state.speed = moved;
  if (!isScaled()) state.top = now;
  else if (now <= 0) state.top = now;
  else if (now >= height() - view() - 1) state.top = whole() - view();
  else if (Math.abs(moved) < 3 * view() && state.scrolled > 0) state.top = Math.min(whole() - view(), Math.max(0, state.top + moved));
  else state.top = now / (height() - view()) * (whole() - view());
  state.scrolled = now;
}

/* After small scrolls the bar is put back to where it belongs, while nothing moves that is seen. */
function settle() {
  if (!isScaled() || state.top <= 0) return;
  const right = state.top / (whole() - view()) * (height() - view());
  if (Math.abs(right - state.scrolled) > 1) {
    state.scrolled = right;
    scrollTo({ top: right + offsetTop(), behavior: "instant" });
    state.scrolled = away();
  }
}

function goTo(number, where = "nearest") {
  const y = Math.floor(number / state.columns) * step(), bar = barHeight();
  let top = state.top;
  if (where === "start") top = y - bar;
  else if (y < state.top + bar) top = y - bar;
  else if (y + state.side > state.top + view()) top = y + state.side - view() + GAP;
  else return;
  const least = -offsetTop();
  if (isScaled()) {
    top = Math.min(top, whole() - view());
    state.top = top;
    state.scrolled = top <= 0 ? top : top / (whole() - view()) * (height() - view());
    scrollTo({ top: state.scrolled + offsetTop(), behavior: "instant" });
    state.scrolled = away();
  } else {
    scrollTo({ top: Math.max(least, top) + offsetTop(), behavior: "instant" });
    state.top = state.scrolled = away();
  }
}

const barHeight = () => document.querySelector(".gallery-bar").offsetHeight + GAP;

/* Tiles. */
let isWaiting = false, isFilling = false, settling = 0, landing = 0;
function onScroll() {
  const before = state.at;
  state.at = performance.now();
  follow();
  /* What is gone from the window before its picture could come is not asked for, so that what one stops at comes first. */
  state.isFlying = Math.abs(state.speed) / Math.max(1, state.at - before) > view() / FLIGHT;
  clearTimeout(landing);
  landing = setTimeout(() => { if (state.isFlying) { state.isFlying = false; render(); } }, LANDING);
  if (!isWaiting) { isWaiting = true; requestAnimationFrame(() => { isWaiting = false; render(); }); }
  clearTimeout(settling);
  settling = setTimeout(() => { settle(); state.speed = 0; render(); keepPlace(); }, 120);
}

function render() {
  if (state.total === null) { load(0); return; }
  const ahead = view() * (Math.abs(state.speed) > 40 ? 1.6 : 1), behind = view() * 0.6;
  const above = state.speed < 0 ? ahead : behind, below = state.speed < 0 ? behind : ahead;
  const first = Math.max(0, Math.floor((state.top - above) / step())) * state.columns;
  const last = Math.min(state.total, (Math.floor((state.top + view() + below) / step()) + 1) * state.columns);
  for (const [number, tile] of state.tiles) {
    if (number >= first && number < last) continue;
    if (tile === document.activeElement) grid.focus({ preventScroll: true });
    const image = tile.querySelector("img");
    if (image && !image.complete) image.removeAttribute("src");  // it is no longer waited for
    tile.remove();
    state.tiles.delete(number);
  }
  const shift = isScaled() ? state.scrolled - state.top : 0;
  const parts = document.createDocumentFragment();
  for (let number = first; number < last; number++) {
    let tile = state.tiles.get(number);
    if (!tile) { tile = made(number); state.tiles.set(number, tile); parts.append(tile); }
    const x = (number % state.columns) * step(), y = Math.floor(number / state.columns) * step() + shift;
    const place = `translate(${x}px, ${y}px)`;
    if (tile.place !== place) { tile.style.transform = place; tile.place = place; }
  }
  grid.append(parts);
  if (last > first) wantPages(first, last - 1);
  fill();
}

function made(number) {
  const tile = document.createElement("div");
  tile.className = "grid-tile";
  tile.setAttribute("role", "option");
  tile.id = `tile-${number}`;
  tile.dataset.number = number;
  tile.tabIndex = number === state.focus ? 0 : -1;
  tile.style.width = tile.style.height = `${state.side}px`;
  tile.setAttribute("aria-setsize", state.total);
  tile.setAttribute("aria-posinset", number + 1);
  tile.setAttribute("aria-selected", "false");
  tile.setAttribute("aria-label", say("label", { number: shown(number + 1), total: shown(state.total) }));
  return tile;
}

/* Put what is known into tiles that have nothing yet: into those that are seen, and into those that are near once no
   picture is waited for that is seen. */
function fill() {
  if (state.isFlying) return;
  let isAwaited = false;
  const near = [];
  for (const [number, tile] of state.tiles) {
    if (!isSeen(number)) { near.push(number); continue; }
    put(number, "high");
    isAwaited ||= !tile.isDone;
  }
  if (isAwaited) return;
  near.forEach(number => put(number, "low"));
  state.next.splice(0).forEach(load);
}

function put(number, priority) {
  const image = row(number), tile = state.tiles.get(number);
  if (!image || tile.isFilled) return;
  tile.isFilled = true;
  if (image.image_id) {
    const picture = new Image();
    picture.decoding = "async";
    picture.draggable = false;
    picture.alt = "";
    picture.fetchPriority = priority;
    picture.onload = picture.onerror = () => {
      tile.isDone = true;
      if (priority === "high" && !isFilling) { isFilling = true; requestAnimationFrame(() => { isFilling = false; fill(); }); }
    };
    picture.src = `/api/thumbnails/${image.image_id}`;
    tile.append(picture);
  } else {
    tile.isDone = true;
    tile.append(part("tile-missing", image.reason || say("missing")));
  }
  tile.append(part("tile-check", ""), part("tile-mark", ""), part("tile-value", valueOf(image)), part("tile-text", image.caption ?? ""));
  dress(tile, image, number);
}

function part(name, text) {
  const made = document.createElement("span");
  made.className = name;
  made.textContent = text;
  return made;
}

function valueOf(image) {
  if (["sharpest", "blurriest"].includes(sort)) return image.sharpness === null ? "" : Math.round(image.sharpness).toLocaleString();
  if (sort === "likes") return image.likes === null ? "" : `♥ ${shown(image.likes)}`;
  if (sort === "impression") return image.impression === null ? "" : `${(image.impression * 100).toFixed(1)} %`;
  if (sort === "similar") return image.similarity === null ? "" : image.similarity.toFixed(2);
  return "";
}

const decisionOf = image => (state.decided.has(image.image_id) ? state.decided.get(image.image_id) : image.decision);

function dress(tile, image, number) {
  const decision = decisionOf(image), isSelected = state.selected.has(image.image_id);
  if (decision) tile.dataset.decision = decision; else delete tile.dataset.decision;
  const mark = tile.querySelector(".tile-mark");
  if (mark) mark.textContent = { keep: "✓", drop: "×" }[decision] ?? "";
  tile.setAttribute("aria-selected", String(isSelected));
  tile.classList.toggle("is-shown", number === state.open);
  const words = [say("label", { number: shown(number + 1), total: shown(state.total) }), image.caption, image.account ?? image.search, image.day, valueOf(image)];
  if (decision) words.push(say(decision === "keep" ? "is_kept" : "is_dropped"));
  tile.setAttribute("aria-label", words.filter(Boolean).join(", "));
}

function dressAll() {
  for (const [number, tile] of state.tiles) if (tile.isFilled && row(number)) dress(tile, row(number), number);
}

/* Focus and selection. */
function focusOn(number, { grow = false, quiet = false } = {}) {
  number = Math.max(0, Math.min(state.total - 1, number));
  state.tiles.get(state.focus)?.setAttribute("tabindex", "-1");
  state.focus = number;
  goTo(number);
  render();
  const tile = state.tiles.get(number);
  tile?.setAttribute("tabindex", "0");
  if (!quiet) tile?.focus({ preventScroll: true });
  if (grow) selectRange(state.anchor, number); else state.anchor = number;
  if (state.open !== null && state.open !== number && !grow) open(number, { keepFocus: true });
}

async function selectRange(from, to) {
  const [first, last] = from < to ? [from, to] : [to, from];
  if (last - first >= MOST_SELECTED) { tell(say("too_many", { count: shown(MOST_SELECTED) })); return; }
  const waited = [];
  for (let page = pageOf(first); page <= pageOf(last); page++) waited.push(load(page));
  await Promise.all(waited);
  state.selected.clear();
  for (let number = first; number <= last; number++) if (row(number)?.image_id) state.selected.set(row(number).image_id, number);
  told_selected();
}

function toggle(number) {
  const image = row(number);
  if (!image?.image_id) return;
  if (!state.selected.delete(image.image_id)) state.selected.set(image.image_id, number);
  state.anchor = number;
  told_selected();
}

function told_selected() {
  dressAll();
  if (state.selected.size) tell(say("selected", { count: shown(state.selected.size) }), "busy"); else tell("");
}

/* The list: its name is remembered, what it says of images is shown at once and taken back where that fails. */
function listName() { return root.dataset.list || listField.value.trim().normalize("NFC"); }
const listAddress = () => `/api/lists/${encodeURIComponent(listName())}`;

function chosen() {
  if (state.selected.size) return [...state.selected.keys()];
  const image = row(state.open ?? state.focus);
  return image?.image_id ? [image.image_id] : [];
}

function apply(decisions) {
  for (const [image_id, decision] of Object.entries(decisions)) state.decided.set(image_id, decision);
  dressAll();
}

function beforeOf(ids) {
  const known = new Map();
  for (const images of state.pages.values()) for (const image of images) if (image.image_id) known.set(image.image_id, decisionOf(image) ?? null);
  return Object.fromEntries(ids.map(id => [id, known.get(id) ?? null]));
}

async function decide(decision) {
  const ids = chosen();
  if (!ids.length) { tell(say("nothing")); return; }
  const before = beforeOf(ids), isMany = state.selected.size > 0;
  apply(Object.fromEntries(ids.map(id => [id, decision])));
  state.selected.clear();
  tell(say(decision === "keep" ? "kept" : "dropped", { count: shown(ids.length) }), "good");
  dressAll();
  const really = {}, whole = {};
  try {
    for (let start = 0; start < ids.length; start += AT_ONCE) {
      const said = await ask("POST", `${listAddress()}/decisions`, { image_ids: ids.slice(start, start + AT_ONCE), decision, why: "" });
      Object.assign(really, said.before);
      Object.assign(whole, said.undo);
      counts(said);
    }
    state.undo.push({ list: listName(), before: really, whole });
    undoable();
  } catch (error) {
    apply(before);
    tell(error.message);
  }
  return isMany;
}

async function undo() {
  const last = state.undo.pop();
  if (!last) { tell(say("no_undo")); return; }
  const now = beforeOf(Object.keys(last.before));
  apply(last.before);
  tell(say("undone", { count: shown(Object.keys(last.before).length) }), "good");
  try {
    const all = Object.entries(last.whole);
    for (let start = 0; start < all.length; start += AT_ONCE) {
      counts(await ask("POST", `/api/lists/${encodeURIComponent(last.list)}/decisions`, { decisions: Object.fromEntries(all.slice(start, start + AT_ONCE)) }));
    }
  } catch (error) {
    apply(now);
    state.undo.push(last);
    tell(error.message);
  }
  undoable();
}

async function keepFound() {
  try {
    const said = await ask("POST", `${listAddress()}/found`, { ...JSON.parse(root.dataset.filter), decision: "keep" });
    counts(said);
    if (said.before) { state.undo.push({ list: listName(), before: said.before, whole: said.undo }); undoable(); }
    state.pages.clear();
    state.decided.clear();
    for (const tile of state.tiles.values()) tile.remove();
    state.tiles.clear();
    render();
    tell(say("found", { count: shown(said.kept) }), "good");
  } catch (error) { tell(error.message); }
}

const undoable = () => { root.querySelector("[data-act=undo]").disabled = !state.undo.length; };

function counts(said) {
  document.getElementById("kept").textContent = shown(said?.kept ?? 0);
  document.getElementById("dropped").textContent = shown(said?.dropped ?? 0);
  for (const link of root.querySelectorAll("[data-form]")) link.href = `${listAddress()}/export?form=${link.dataset.form}`;
}

async function readLists() {
  counts(null);
  const headers = { Accept: "application/json", "X-CSRF-Token": token() };
  const answer = await fetch("/api/lists", { headers }).catch(() => null);
  if (!answer?.ok) return;
  const said = await answer.json();
  const lists = Array.isArray(said) ? said : said.lists ?? [];
  document.getElementById("lists").replaceChildren(...lists.map(each => new Option(each.name, each.name)));
  counts(lists.find(each => each.name === listName()));
}

const isListName = name => /^[\p{L}\p{N}_ -]{1,64}$/u.test(name);
const remembered = localStorage.getItem("gallery-list") || "";
listField.value = root.dataset.list || (isListName(remembered) ? remembered : say("default_list"));
let lastList = listField.value;
listField.addEventListener("focus", () => listField.select());
listField.disabled = Boolean(root.dataset.list);
listField.addEventListener("change", () => {
  if (!listField.value.trim()) listField.value = say("default_list");
  if (!isListName(listField.value.trim())) {
    listField.value = lastList;
    tell(say("bad_list"));
    return;
  }
  lastList = listField.value;
  localStorage.setItem("gallery-list", listField.value.trim());
  state.pages.clear();
  state.decided.clear();
  state.undo = [];
  undoable();
  for (const tile of state.tiles.values()) tile.remove();
  state.tiles.clear();
  readLists();
  render();
});

/* The panel: the image and its post; the browser's back button closes it. */
let fetching = null;
async function open(number, { keepFocus = false, isBack = false } = {}) {
  await load(pageOf(number));
  const image = row(number);
  if (!image) return;
  const wasOpen = state.open !== null;
  state.open = number;
  if (!isBack) history[wasOpen ? "replaceState" : "pushState"]({ number }, "", `#${image.image_id ?? number}`);
  panel.hidden = false;
  document.documentElement.classList.add("is-panel-open");
  if (!wasOpen) { root.classList.add("has-panel"); if (innerWidth >= 1000) { measure(); goTo(number); render(); if (keepFocus) state.tiles.get(number)?.focus({ preventScroll: true }); } }
  dressAll();
  fetching?.abort();
  fetching = new AbortController();
  const place = image.post_id
    ? `/posts/${encodeURIComponent(image.account)}/${encodeURIComponent(image.post_id)}?part=true&image=${image.position}`
    : `/gallery/images/${image.image_id}?search=${encodeURIComponent(image.search ?? "")}`;
  try {
    const answer = await fetch(place, { signal: fetching.signal, headers: { "X-CSRF-Token": token() } });
    const text = await answer.text();
    const page = new DOMParser().parseFromString(text, "text/html");
    const source = answer.ok ? page.body : page.querySelector("main") ?? page.body;
    panelBody.replaceChildren(...source.childNodes);
    panel.scrollTop = 0;
    if (!keepFocus || innerWidth < 1000) panelBody.focus({ preventScroll: true });
  } catch (error) {
    if (error.name !== "AbortError") panelBody.textContent = told.dataset.offline;
  }
}

function close({ isBack = false } = {}) {
  if (state.open === null) return;
  const number = state.open;
  state.open = null;
  panel.hidden = true;
  panelBody.replaceChildren();
  root.classList.remove("has-panel");
  document.documentElement.classList.remove("is-panel-open");
  if (!isBack) history.back();
  if (innerWidth >= 1000) measure();
  focusOn(number);
  dressAll();
}

addEventListener("popstate", event => {
  const number = event.state?.number;
  if (number === undefined) close({ isBack: true }); else open(number, { isBack: true });
});

/* What people do. */
const acts = {
  keep: () => decide("keep"), drop: () => decide("drop"), undo, found: keepFound, close,
  select: () => { const isOn = grid.classList.toggle("is-selecting"); root.querySelector("[data-act=select]").setAttribute("aria-pressed", String(isOn)); },
  help: () => document.getElementById("help").showModal(),
  previous: () => focusOn((state.open ?? state.focus) - 1, { quiet: true }),
  next: () => focusOn((state.open ?? state.focus) + 1, { quiet: true }),
};
root.addEventListener("click", event => {
  const button = event.target.closest("[data-act]");
  if (button) { acts[button.dataset.act](); return; }
  const tile = event.target.closest(".grid-tile");
  if (!tile) return;
  const number = Number(tile.dataset.number);
  if (event.shiftKey) { focusOn(number, { grow: true }); return; }
  if (event.ctrlKey || event.metaKey || event.target.closest(".tile-check") || grid.classList.contains("is-selecting")) {
    focusOn(number, { quiet: state.open === null ? false : true });
    toggle(number);
    return;
  }
  focusOn(number);
  if (state.open !== number) open(number, { keepFocus: true });
});

/* Screen readers and fingers put the focus where no key did. */
grid.addEventListener("focusin", event => {
  const number = Number(event.target.dataset.number);
  if (Number.isNaN(number) || number === state.focus) return;
  state.tiles.get(state.focus)?.setAttribute("tabindex", "-1");
  event.target.tabIndex = 0;
  state.focus = number;
});

const moves = () => ({
  ArrowLeft: -1, ArrowRight: 1, ArrowUp: -state.columns, ArrowDown: state.columns,
  PageUp: -state.columns * Math.max(1, Math.floor(view() / step()) - 1), PageDown: state.columns * Math.max(1, Math.floor(view() / step()) - 1),
  Home: -Infinity, End: Infinity,
});
document.addEventListener("keydown", event => {
  if (event.altKey || event.ctrlKey || event.metaKey || event.target.closest("input, select, textarea, dialog")) return;
  const inPanel = panel.contains(event.target), inGrid = grid.contains(event.target), isLoose = event.target === document.body;
  const by = moves()[event.key];
  if (by !== undefined && state.total && (inGrid || (inPanel && Math.abs(by) === 1))) {
    event.preventDefault();
    const from = inPanel ? state.open : state.focus;
    focusOn(from + by, { grow: event.shiftKey && inGrid, quiet: inPanel });
    return;
  }
  const key = event.key.toLowerCase();
  if (event.key === "Enter" && inGrid) { event.preventDefault(); open(state.focus, { keepFocus: true }); }
  else if (event.key === "Escape") { if (state.open !== null) close(); else if (state.selected.size) { state.selected.clear(); told_selected(); } }
  else if (key === "?" ) acts.help();
  else if (!(inGrid || inPanel || isLoose)) return;
  else if (key === "k") acts.keep();
  else if (key === "d") acts.drop();
  else if (key === "u") acts.undo();
  else if ((key === "x" || key === " ") && inGrid) { event.preventDefault(); toggle(state.focus); }
});

/* Where one was is kept for who comes back. */
function keepPlace() {
  sessionStorage.setItem(memory, JSON.stringify({ number: firstSeen(), focus: state.focus, side: sizeField.value }));
}
sizeField.value = localStorage.getItem("gallery-size") || sizeField.value;
sizeField.addEventListener("input", () => { localStorage.setItem("gallery-size", sizeField.value); measure(); });
addEventListener("scroll", onScroll, { passive: true });
addEventListener("pagehide", keepPlace);
let width = 0;
new ResizeObserver(() => { if (grid.parentElement.clientWidth !== width) { width = grid.parentElement.clientWidth; if (state.total !== null) measure(); } }).observe(grid.parentElement);

history.scrollRestoration = "manual";
grid.tabIndex = -1;
readLists();
load(0).then(() => {
  if (!state.total) return;
  const before = JSON.parse(sessionStorage.getItem(memory) ?? "null");
  if (before) { state.focus = Math.min(before.focus, state.total - 1); if (before.number > 0) goTo(Math.min(before.number, state.total - 1), "start"); }
  render();
  state.tiles.get(state.focus)?.setAttribute("tabindex", "0");
  if (history.state?.number !== undefined) open(history.state.number, { isBack: true });
});
})();

"use strict";
/* Forms and buttons ask the REST API with JSON, as a script would; htmx fetches the parts of a page that change.

   <form data-api="/api/run" data-then="jobs-changed">    every named field becomes a field of the body; type=number a number
   <button data-api="/api/jobs/1/cancel" data-confirm="…" data-then="jobs-changed">
   data-method    instead of POST
   data-body      JSON of the body of a button
   data-include   a field, such as #why, that goes with the body of a button
   data-then      event that parts of the page wait for: hx-trigger="jobs-changed from:body"
   data-busy      what is said until it is done, and data-done what then; data-done-files and -left add {files}, {left}
   data-go        address to open when it is done; {job_id} in it is a field of the answer
   <details data-opens-on="images_would_go">    in a form: opens where that is why it was refused
   data-method="DELETE"    sends the fields in the address
   <input data-optional>   is left out while it is empty; data-list: names, parted by commas, spaces or lines

   <button data-dialog="remove" data-address="/api/jobs/1" data-about="cats">    opens <dialog id="remove"> and says to
   its form what to ask and to its [data-about] what it is about; <button data-close> closes it, as success does.
   <button data-copy="/data/cats" data-done="Copied">    puts a text into the clipboard
*/
const token = () => document.querySelector("meta[name=csrf-token]").content;
const told = document.getElementById("told");

function tell(text, kind = "bad") {
  told.textContent = text;
  told.className = text ? `told ${kind}` : "told";
}

async function ask(method, address, body) {
  const headers = { "X-CSRF-Token": token(), Accept: "application/json" };
  if (method !== "DELETE") headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(address, { method, headers, body: method === "DELETE" ? undefined : JSON.stringify(body ?? {}) });
  } catch {
    throw new Error(told.dataset.offline);
  }
  const text = await answer.text();
  const said = text ? JSON.parse(text) : {};
  if (answer.ok) return said;
  if (said.error === "login_required") location.href = `/login?next=${encodeURIComponent(location.pathname + location.search)}`;
  if (said.error === "stale_page") throw new Error(told.dataset.reload);
  throw Object.assign(new Error(said.detail || `${answer.status} ${answer.statusText}`), { kind: said.error });
}

function fieldsOf(form) {
  const body = {};
  for (const field of form.elements) {
    if (!field.name || field.disabled) continue;
    if (field.dataset.optional !== undefined && field.value.trim() === "") continue;
    if (field.type === "checkbox") body[field.name] = field.checked;
    else if (field.type === "radio") { if (field.checked) body[field.name] = field.value; }
    else if (field.type === "number") { if (field.value !== "") body[field.name] = Number(field.value); }
    else if (field.dataset.list !== undefined) body[field.name] = field.value.split(/[\s,]+/).filter(Boolean);
    else body[field.name] = field.value;
  }
  return body;
}

function bodyOf(button) {
  const body = button.dataset.body ? JSON.parse(button.dataset.body) : {};
  const field = button.dataset.include && document.querySelector(button.dataset.include);
  return field ? { ...body, [field.name]: field.value } : body;
}

/* Some proxies and servers drop the body of a DELETE. */
function withFields(address, body) {
  const fields = new URLSearchParams(body).toString();
  return fields ? `${address}${address.includes("?") ? "&" : "?"}${fields}` : address;
}

async function act(element, body) {
  if (element.dataset.confirm && !window.confirm(element.dataset.confirm)) return;
  const alert = element.querySelector?.("[role=alert]");
  const buttons = element.matches("form") ? element.querySelectorAll("button") : [element];
  const focused = document.activeElement;
  buttons.forEach(button => { button.disabled = true; });
  if (element.dataset.busy) tell(element.dataset.busy, "busy");
  try {
    const method = element.dataset.method || "POST";
    const said = await ask(method, method === "DELETE" ? withFields(element.dataset.api, body) : element.dataset.api, body);
    if (alert) alert.textContent = "";
    element.closest("dialog")?.close();
    const done = doneWords(element, said);
    tell(done, "good");
    if (element.dataset.go && done) sessionStorage.setItem("told", done);
    if (element.dataset.then) document.body.dispatchEvent(new CustomEvent(element.dataset.then, { detail: said }));
    if (element.dataset.go) location.href = element.dataset.go.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(said[name]));
  } catch (error) {
    if (alert) { alert.textContent = error.message; tell(""); } else tell(error.message);
    for (const remedy of element.querySelectorAll("details[data-opens-on]")) if (remedy.dataset.opensOn === error.kind) remedy.open = true;
  } finally {
    buttons.forEach(button => { button.disabled = false; });
    if (document.activeElement === document.body) focused?.focus({ preventScroll: true });  // a disabled button loses it
  }
}

/* What is said when it is done, with the files that went and those that stayed where the answer has some. */
function doneWords(element, said) {
  const { done, doneFiles, doneLeft } = element.dataset;
  const words = [done];
  if (doneFiles && said.files) words.push(doneFiles.replace("{files}", said.files));
  if (doneLeft && said.left?.length) words.push(doneLeft.replace("{left}", said.left.slice(0, 10).join(", ") + (said.left.length > 10 ? " …" : "")));
  return words.filter(Boolean).join(" ");
}

/* A page that was opened since something is done says so. */
const before = sessionStorage.getItem("told");
if (before) { sessionStorage.removeItem("told"); tell(before, "good"); }

document.addEventListener("submit", event => {
  const form = event.target.closest("form[data-api]");
  if (!form) return;
  event.preventDefault();
  act(form, fieldsOf(form));
});

document.addEventListener("click", event => {
  const button = event.target.closest("button[data-api]");
  if (button) { act(button, bodyOf(button)); return; }
  const cookie = event.target.closest("[data-cookie]");
  if (cookie) { remember(cookie.dataset.cookie); location.reload(); return; }
  if (event.target.closest("[data-theme-toggle]")) { toggleTheme(); return; }
  const opener = event.target.closest("[data-dialog]");
  if (opener) { openDialog(opener); return; }
  if (event.target.closest("[data-close]")) { event.target.closest("dialog").close(); return; }
  const copied = event.target.closest("[data-copy]");
  if (copied) copy(copied);
});

function openDialog(opener) {
  const dialog = document.getElementById(opener.dataset.dialog);
  const form = dialog.querySelector("form");
  form.reset();
  if (opener.dataset.address) form.dataset.api = opener.dataset.address;
  for (const place of dialog.querySelectorAll("[data-about]")) place.textContent = opener.dataset.about ?? "";
  for (const alert of dialog.querySelectorAll("[role=alert]")) alert.textContent = "";
  dialog.showModal();
}

async function copy(button) {
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    tell(button.dataset.done || "", "good");
  } catch {  /* there is none without https, except on this machine */
    tell(button.dataset.copy, "good");
  }
}

function remember(cookie) {
  document.cookie = `${cookie}; path=/; max-age=31536000; samesite=strict`;
}

function toggleTheme() {
  const root = document.documentElement;
  const isDark = root.dataset.theme === "dark"
    || (root.dataset.theme === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);
  root.dataset.theme = isDark ? "light" : "dark";
  remember(`theme=${root.dataset.theme}`);
}

/* A server that does not answer is told, and no longer told when it answers again. */
document.addEventListener("htmx:sendError", () => tell(told.dataset.offline));
document.addEventListener("htmx:responseError", event => {
  if (event.detail.xhr.status === 503) tell(told.dataset.down);
});
/* A part that cannot be loaded says so in its own place, and stays as it was where there was something before. */
document.addEventListener("htmx:responseError", event => {
  for (const place of event.detail.target.querySelectorAll(".loading")) place.textContent = told.dataset.failed;
});
document.addEventListener("htmx:afterRequest", event => {
  if (event.detail.successful && [told.dataset.offline, told.dataset.down].includes(told.textContent)) tell("");
});

/* A page that waited for Dagster shows whatever there is then, if only that there is no such thing. */
document.addEventListener("htmx:beforeSwap", event => {
  if (event.detail.target.id === "main" && event.detail.xhr.status !== 503) event.detail.shouldSwap = true;
});

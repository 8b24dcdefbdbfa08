"use strict";
/* Files that are dropped on, or chosen in, an element with data-upload go to that address one after the other. */
{
  const queue = [];
  let isSending = false;

  const placeOf = (drop, name) => drop.closest("section").querySelector(name);

  function lineOf(drop, name) {
    const line = document.createElement("li");
    const head = document.createElement("div");
    head.className = "row";
    const title = document.createElement("strong");
    title.textContent = name;
    const said = document.createElement("small");
    said.textContent = drop.dataset.waits;
    const stop = document.createElement("button");
    stop.type = "button";
    stop.className = "quiet push";
    stop.textContent = drop.dataset.stop;
    stop.setAttribute("aria-label", `${drop.dataset.stop}: ${name}`);
    head.append(title, said, stop);
    const progress = document.createElement("progress");
    progress.max = 100;
    progress.value = 0;
    progress.setAttribute("aria-label", name);
    line.append(head, progress);
    placeOf(drop, "[data-uploads]").prepend(line);
    return { line, said, stop, progress };
  }

  function finish(drop, shown, name, kind, text) {
    shown.progress.remove();
    shown.stop.remove();
    shown.line.className = kind;
    shown.said.textContent = text;
    placeOf(drop, "[data-upload-told]").textContent = `${name}: ${text}`;
    if (kind === "good") setTimeout(() => shown.line.remove(), 8000);
  }

  function failureOf(drop, request, name) {
    let said = {};
    try { said = JSON.parse(request.responseText); } catch { /* not from the app itself */ }
    if (said.error === "stale_page") return document.getElementById("told").dataset.reload;
    const kind = drop.getAttribute(`data-error-${said.error}`);
    const detail = said.detail?.replace(`${name}: `, "");
    return [kind, detail].filter(Boolean).join(" ") || (request.status ? `${request.status} ${request.statusText}` : drop.dataset.broken);
  }

  function send({ drop, file, shown }) {
    return new Promise(done => {
      const request = new XMLHttpRequest();
      const modified = new Date(file.lastModified).toISOString();
      request.open("PUT", `${drop.dataset.upload}/${encodeURIComponent(file.name)}?modified_at=${modified}`);
      request.setRequestHeader("Content-Type", "application/octet-stream");
      request.setRequestHeader("Accept", "application/json");
      request.setRequestHeader("X-CSRF-Token", document.querySelector("meta[name=csrf-token]").content);
      request.upload.onprogress = event => {
        const share = event.lengthComputable ? Math.floor(100 * event.loaded / event.total) : 0;
        shown.progress.value = share;
        shown.said.textContent = `${share} %`;
      };
      request.onload = () => {
        if (request.status === 201) finish(drop, shown, file.name, "good", drop.dataset.stored);
        else if (request.status === 200) finish(drop, shown, file.name, "good", drop.dataset.same);
        else finish(drop, shown, file.name, "bad", failureOf(drop, request, file.name));
        document.body.dispatchEvent(new CustomEvent("files-changed"));
      };
      request.onerror = () => finish(drop, shown, file.name, "bad", drop.dataset.broken);
      request.onabort = () => finish(drop, shown, file.name, "", drop.dataset.stopped);
      request.onloadend = done;
      shown.stop.onclick = () => request.abort();
      request.send(file);
    });
  }

  async function sendAll() {
    if (isSending) return;
    isSending = true;
    while (queue.length) {
      const next = queue.shift();
      if (!next.isStopped) await send(next);
    }
    isSending = false;
  }

  function add(drop, files) {
    for (const file of files) {
      const shown = lineOf(drop, file.name);
      if (file.size > Number(drop.dataset.most) * 1048576) {
        finish(drop, shown, file.name, "bad", drop.dataset.large);
        continue;
      }
      const entry = { drop, file, shown, isStopped: false };
      shown.stop.onclick = () => { entry.isStopped = true; finish(drop, shown, file.name, "", drop.dataset.stopped); };
      queue.push(entry);
    }
    sendAll();
  }

  function addChosen(input) {
    const drop = input.closest("[data-upload]");
    if (!drop || input.type !== "file" || !input.files.length) return;
    add(drop, [...input.files]);
    input.value = "";
  }

  document.addEventListener("change", event => addChosen(event.target));
  /* Chosen before this was loaded. */
  document.querySelectorAll("[data-upload] input[type=file]").forEach(addChosen);

  /* A file that misses its place would be opened in the page's stead. */
  for (const name of ["dragover", "drop"]) {
    document.addEventListener(name, event => {
      if (![...event.dataTransfer.types].includes("Files")) return;
      event.preventDefault();
      const drop = event.target.closest("[data-upload]");
      for (const place of document.querySelectorAll("[data-upload]")) {
        place.classList.toggle("over", name === "dragover" && place === drop);
      }
      if (name === "dragover") { event.dataTransfer.dropEffect = drop ? "copy" : "none"; return; }
      if (!drop) return;
      const files = [];
      for (const item of event.dataTransfer.items) {
        const file = item.getAsFile();
        if (!file) continue;
        if (item.webkitGetAsEntry?.()?.isDirectory) finish(drop, lineOf(drop, file.name), file.name, "bad", drop.dataset.folder);
        else files.push(file);
      }
      add(drop, files);
    });
  }
  document.addEventListener("dragleave", event => {
    if (!event.relatedTarget) document.querySelectorAll("[data-upload].over").forEach(place => place.classList.remove("over"));
  });
}

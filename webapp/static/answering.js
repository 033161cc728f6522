// Saves without leaving the page, so that nothing is lost while there is no connection, and keeps answers on the device only where
// the person allowed it. Everything works without this script. No clock of the device is asked for any order.
(() => {
  "use strict";
  const words = document.getElementById("answering");
  if (!words) {
    return;
  }
  const { link, pages } = words.dataset;
  const form = document.querySelector("form[data-saves]");
  const own = form && new URL(form.action).pathname;
  const review = `${link}/review`;
  const FLAG = `viceversa ${link}`;
  const RETRY_FIRST = 1000;
  const RETRY_LONGEST = 15000;
  const PATIENCE = 20000;
  const isKeptCopy = document.documentElement.hasAttribute("data-kept");
  // Shows, if the answer to the very first save gets lost, that it was ours.
  const claim = [...crypto.getRandomValues(new Uint8Array(16))].map((n) => n.toString(16).padStart(2, "0")).join("");
  const canKeep = "serviceWorker" in navigator && "indexedDB" in window && "caches" in window;

  // ---- what is kept on the device, and the permission for it ----

  function permission() {
    try {
      return canKeep && localStorage.getItem(FLAG);
    } catch {
      return null;
    }
  }

  async function inStore(mode, act) {
    const base = await new Promise((done, fail) => {
      const asked = indexedDB.open("viceversa", 1);
      asked.onupgradeneeded = () => asked.result.createObjectStore("kept");
      asked.onsuccess = () => done(asked.result);
      asked.onerror = () => fail(asked.error);
    });
    try {
      const transaction = base.transaction("kept", mode);
      const asked = act(transaction.objectStore("kept"));
      await new Promise((done, fail) => {
        transaction.oncomplete = done;
        transaction.onabort = () => fail(transaction.error);
      });
      return asked && asked.result;
    } finally {
      base.close();
    }
  }

  const ofLink = () => IDBKeyRange.bound([link], [link, []]);
  const putRecord = (record) => inStore("readwrite", (kept) => kept.put(record, [link, record.address]));
  const getRecord = (address) => inStore("readonly", (kept) => kept.get([link, address]));
  const dropRecord = (address) => inStore("readwrite", (kept) => kept.delete([link, address]));
  const allRecords = () => inStore("readonly", (kept) => kept.getAll(ofLink()));

  // Pages in the order of the person's own acts, the sending after them all.
  async function waitingRecords() {
    const records = (await allRecords()).filter((record) => record.waiting);
    return records.sort((a, b) => (a.address === review) - (b.address === review) || a.order - b.order);
  }

  async function keepPages() {
    await navigator.serviceWorker.register("/s/worker.js", { scope: link });
    const cache = await caches.open(FLAG);
    const assets = [...document.querySelectorAll("link[href], script[src]")].map((one) => one.href || one.src);
    await cache.addAll(assets);
    const addresses = [link, review, ...Array.from({ length: Number(pages) }, (_, n) => `${link}/${n + 1}`)];
    for (const address of addresses) {
      const response = await fetch(address);
      if (response.ok && !response.redirected) {
        const text = (await response.text()).replace("<html ", "<html data-kept ");
        const headers = new Headers(response.headers);
        headers.delete("Content-Encoding");
        await cache.put(address, new Response(text, { headers }));
      }
    }
    if (permission()) {
      localStorage.setItem(FLAG, document.documentElement.lang);
    } else {
      await forget();
    }
  }

  async function allow() {
    localStorage.setItem(FLAG, "allowed");
    await keepPages().catch(() => {});
  }

  async function forget() {
    if (!canKeep || !permission()) {
      return;
    }
    await inStore("readwrite", (kept) => kept.delete(ofLink()));
    localStorage.removeItem(FLAG);
    await caches.delete(FLAG);
    const worker = await navigator.serviceWorker.getRegistration(link);
    if (worker) {
      await worker.unregister();
    }
  }

  // ---- what the page says ----

  const place = document.querySelector("[data-says]");

  function say(what) {
    if (!place || place.dataset.said === what) {
      return;
    }
    place.dataset.said = what;
    document.querySelectorAll(".saved").forEach((one) => {
      one.hidden = Boolean(what);
    });
    const found = what && words.content.querySelector(`[data-say="${what}"]`);
    place.replaceChildren(...(found ? [found.cloneNode(true)] : []));
    place.querySelectorAll("[data-switch]").forEach(offerSwitch);
  }

  function offerSwitch(where) {
    if (!canKeep) {
      return;
    }
    where.replaceChildren(words.content.querySelector('[data-say="switch"]').cloneNode(true));
    const box = where.querySelector("input");
    box.checked = Boolean(permission());
    box.addEventListener("change", async () => {
      box.disabled = true;
      await (box.checked ? allow() : forget());
      if (box.checked && held) {
        await keepForm();
        say("kept");
      }
      box.disabled = false;
    });
  }

  // ---- sending ----

  // Only the answer that says so counts as saved: a portal or a proxy may answer anything.
  async function send(address, fields) {
    const control = new AbortController();
    const timer = setTimeout(() => control.abort(), PATIENCE);
    try {
      const answer = await fetch(address, {
        method: "POST",
        body: new URLSearchParams(fields),
        headers: { "Viceversa-Save": "1" },
        redirect: "manual",
        signal: control.signal,
      });
      const next = answer.headers.get("Viceversa-Next");
      if (answer.status === 204 && next) {
        return { saved: true, next, seen: answer.headers.get("Viceversa-Seen") };
      }
      return { refused: answer.headers.has("Viceversa-Refused") };
    } catch {
      return {};
    } finally {
      clearTimeout(timer);
    }
  }

  // Send all that waits, in one tab at a time; returns the last answer.
  async function sendWaiting() {
    const work = async () => {
      let answer = { saved: true };
      for (const record of await waitingRecords()) {
        answer = { ...(await send(record.address, record.fields)), record };
        if (!answer.saved) {
          break;
        }
        const now = await getRecord(record.address);
        if (now && now.order === record.order) {
          const fields = record.fields.map(([name, value]) => [name, name === "seen" ? answer.seen : value]);
          await putRecord({ ...record, fields, waiting: false, typed: false });
        }
        if (record.address === own) {
          see(answer.seen);
        }
        if (record.address === review) {
          await forget();
        }
      }
      return answer;
    };
    return navigator.locks ? navigator.locks.request(FLAG, work) : work();
  }

  // Send a form as browsers do, to be shown what the server says.
  function sendPlainly(address, fields) {
    const plain = document.createElement("form");
    plain.method = "post";
    plain.action = address;
    for (const [name, value] of fields) {
      const input = document.createElement("textarea");
      input.name = name;
      input.value = value;
      plain.append(input);
    }
    plain.hidden = true;
    document.body.append(plain);
    guard(false);
    plain.submit();
  }

  // ---- the form of the page ----

  let pressed = null;
  let busy = false;
  let changed = false;
  // Whether a save waits for a connection.
  let held = false;
  let delay = RETRY_FIRST;
  let timer = 0;
  let visibleSince = document.hidden ? null : performance.now();
  let visible = 0;

  const warn = (event) => event.preventDefault();

  // Only while there is something to lose: a page that warns is not kept for the way back.
  function guard(on) {
    (on ? window.addEventListener : window.removeEventListener)("beforeunload", warn);
  }

  function see(seen) {
    if (form && form.elements.seen && seen !== null) {
      form.elements.seen.value = seen;
    }
  }

  function readForm() {
    const fields = [...new FormData(form)];
    if (pressed && pressed.name) {
      fields.push([pressed.name, pressed.value]);
    }
    if (form.elements.seen) {
      const now = visibleSince === null ? 0 : performance.now() - visibleSince;
      fields.push(["claim", claim], ["seconds", String(Math.round((visible + now) / 1000))]);
    }
    return fields;
  }

  function fillForm(fields) {
    const values = new Map(fields);
    for (const input of form.elements) {
      if (input.type === "radio" || input.type === "checkbox") {
        input.checked = values.get(input.name) === input.value;
      } else if (input.type === "textarea" || input.name === "seen") {
        input.value = values.get(input.name) || "";
      }
    }
  }

  // What waits is sent by itself; what was only typed is shown again.
  async function keepForm(waiting = true) {
    const orders = (await allRecords()).map((record) => record.order);
    const order = Math.max(0, ...orders) + 1;
    await putRecord({ address: own, fields: readForm(), waiting, typed: !waiting, order });
    guard(false);
    changed = false;
  }

  async function saveForm() {
    if (busy) {
      return;
    }
    busy = true;
    clearTimeout(timer);
    try {
      const keeping = Boolean(permission());
      if (keeping) {
        await keepForm();
      }
      const answer = keeping ? await sendWaiting() : await send(own, readForm());
      if (answer.saved) {
        held = false;
        see(answer.seen);
        guard(false);
        say("");
        location.assign(answer.next || whereTo());
      } else if (answer.refused && (!keeping || answer.record.address === own)) {
        sendPlainly(own, readForm());
      } else if (answer.refused) {
        sayRefused(answer.record);
      } else {
        await waitForConnection(keeping);
      }
    } finally {
      busy = false;
    }
  }

  // Where a pressed button leads, for pages that are shown without the server.
  function whereTo() {
    const number = Number(own.slice(link.length + 1));
    const go = pressed && pressed.name === "go" ? pressed.value : pressed && pressed.name ? "stay" : "next";
    const next = number < Number(pages) ? `${link}/${number + 1}` : review;
    const targets = { next, back: `${link}/${number - 1}`, stop: link, stay: own };
    return own === review ? review : targets[go];
  }

  async function waitForConnection(keeping) {
    held = true;
    say(keeping ? "kept" : "offline");
    const target = keeping && whereTo();
    if (target && target !== own && (await caches.match(target, { cacheName: FLAG }))) {
      location.assign(target);
      return;
    }
    guard(!keeping);
    timer = setTimeout(tryAgain, delay);
    delay = Math.min(2 * delay, RETRY_LONGEST);
  }

  function tryAgain() {
    if (held) {
      saveForm();
    } else {
      sendKept();
    }
  }

  function sayRefused(record) {
    say("refused");
    place.querySelectorAll("a").forEach((one) => {
      one.href = record.address;
    });
  }

  // Send what waits from earlier pages, or from an earlier visit.
  async function sendKept() {
    if (!permission() || "settle" in words.dataset || busy) {
      return;
    }
    clearTimeout(timer);
    if (!(await waitingRecords()).length) {
      return;
    }
    const { saved, refused, record, next } = await sendWaiting();
    if (saved) {
      say("");
      if (record && record.address === review) {
        location.assign(next);
      }
    } else if (refused && record.address === own) {
      sendPlainly(own, record.fields);
    } else if (refused) {
      sayRefused(record);
    } else {
      say("kept");
      timer = setTimeout(tryAgain, delay);
      delay = Math.min(2 * delay, RETRY_LONGEST);
    }
  }

  async function takeUpKept() {
    if ("clear" in words.dataset) {
      await forget();
      return;
    }
    if (form && form.elements.seen && !("settle" in words.dataset)) {
      const record = await getRecord(own);
      if (record && (record.waiting || record.typed || isKeptCopy)) {
        fillForm(record.fields);
        guard(!record.waiting && record.typed);
        changed = record.typed;
      } else if (record) {
        await dropRecord(own);
      }
    }
    if (isKeptCopy && (await waitingRecords()).length) {
      document.querySelectorAll("[data-counted]").forEach((one) => one.remove());
    }
    await sendKept();
    if (!isKeptCopy && permission() && permission() !== document.documentElement.lang) {
      await keepPages().catch(() => {});
    }
  }

  if (form) {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      pressed = event.submitter;
      saveForm();
    });
    for (const kind of ["change", "input"]) {
      form.addEventListener(kind, () => {
        changed = true;
        guard(!held || !permission());
      });
    }
    document.addEventListener("visibilitychange", () => {
      if (document.hidden && visibleSince !== null) {
        visible += performance.now() - visibleSince;
      }
      visibleSince = document.hidden ? null : performance.now();
      // A phone may throw a page away as soon as it is out of sight.
      if (document.hidden && changed && form.elements.seen && permission()) {
        keepForm(held);
      }
    });
  }
  document.querySelectorAll("[data-switch]").forEach(offerSwitch);
  window.addEventListener("online", () => {
    delay = RETRY_FIRST;
    tryAgain();
  });
  if (permission()) {
    takeUpKept();
  }
})();

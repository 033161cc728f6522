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
  const TAB = "viceversa";
  const secret = () => [...crypto.getRandomValues(new Uint8Array(16))].map((n) => n.toString(16).padStart(2, "0")).join("");
  // Shows, if the answer to the very first save gets lost, that it was ours.
  const claim = secret();
  const settles = "settle" in words.dataset;
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
  // Each tab keeps a page for itself; the sending belongs to no tab, nor does a record of an earlier version.
  const keyOf = ({ address, tab }) => (tab && address !== review ? [link, address, tab] : [link, address]);
  const isOpen = (record) => record.waiting || record.typed;
  const isSame = (one, other) => one.order === other.order && one.id === other.id;
  const allRecords = () => inStore("readonly", (kept) => kept.getAll(ofLink()));

  // Looks and writes in one transaction, so that no other tab comes between.
  const change = (act) =>
    inStore("readwrite", (kept) => {
      const asked = kept.getAll(ofLink());
      asked.onsuccess = () => act(asked.result, kept);
    });

  // What a tab is known by as long as it is open, also after the page was loaded again.
  function tabId(another) {
    if (another || !sessionStorage.getItem(TAB)) {
      sessionStorage.setItem(TAB, secret());
    }
    return sessionStorage.getItem(TAB);
  }

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
    sessionStorage.removeItem(TAB);
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

  // Send all that waits, in one tab at a time; returns what became of this page, what was refused, and what found no connection.
  async function sendWaiting() {
    const work = async () => {
      const found = {};
      for (const record of await waitingRecords()) {
        if (record.address === review && found.refused) {
          break;
        }
        const answer = { ...(await send(record.address, record.fields)), record };
        if (!answer.saved && !answer.refused) {
          return { ...found, failed: answer };
        }
        if (isSame(record, mine)) {
          found.own = answer;
        }
        if (answer.refused) {
          found.refused = found.refused || answer;
          continue;
        }
        await noteSaved(record, answer.seen);
        if (record.address === review) {
          found.sent = answer;
          await forget();
        }
      }
      return found;
    };
    return navigator.locks ? navigator.locks.request(FLAG, work) : work();
  }

  async function noteSaved(record, seen) {
    await change((records, kept) => {
      // Only what was not changed meanwhile.
      const now = records.find((one) => isSame(one, record));
      if (now) {
        const fields = now.fields.map(([name, value]) => [name, name === "seen" ? seen : value]);
        kept.put({ ...now, fields, waiting: false, typed: false }, keyOf(now));
      }
    });
    // A page that shows something else must not pass for having shown this.
    if (isSame(record, mine)) {
      see(seen);
    }
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
  // The record that this page was filled from, or was kept as.
  let mine = {};
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

  // Puts what this page shows in place of what it was filled from, and of nothing else: a copy of this tab may have kept its own.
  const putOwn = (make) =>
    change((records, kept) => {
      const known = records.find((one) => isSame(one, mine));
      const record = make(known, records);
      if (!record) {
        return;
      }
      const there = records.find((one) => one.address === own && one.tab === tabId());
      const tab = tabId(there && there !== known && isOpen(there));
      if (known) {
        kept.delete(keyOf(known));
      }
      mine = { ...record, tab };
      kept.put(mine, keyOf(mine));
    });

  // What waits is sent by itself, and goes on waiting unless it was refused; what was only typed is shown again.
  async function keepForm(pressedOn = true) {
    await putOwn((known, records) => {
      if (known && !isOpen(known)) {
        see(new Map(known.fields).get("seen") || "");
      }
      const waiting = pressedOn || Boolean(known && known.waiting && !settles);
      const order = Math.max(0, ...records.map((record) => record.order)) + 1;
      return { id: secret(), address: own, fields: readForm(), waiting, typed: !waiting, order };
    });
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
      const found = keeping ? await sendWaiting() : {};
      // Nothing of this page waits any more where another tab has sent it, or all of it, and forgotten the rest.
      const answer = found.own || found.failed || found.refused || (await send(own, readForm()));
      if (answer.saved) {
        held = false;
        see(answer.seen);
        guard(false);
        say("");
        location.assign(answer.next);
      } else if (answer.refused && (!answer.record || isSame(answer.record, mine))) {
        sendPlainly(own, readForm());
      } else if (answer.refused) {
        sayRefused(answer.record);
      } else {
        await waitForConnection(keeping && Boolean(permission()));
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
    if (!permission() || settles || busy) {
      return;
    }
    clearTimeout(timer);
    if (!(await waitingRecords()).length) {
      return;
    }
    const { own: answer, refused, failed, sent } = await sendWaiting();
    if (answer && answer.refused) {
      // From here on it is this tab's to settle.
      await putOwn((known) => known);
      sendPlainly(own, changed ? readForm() : answer.record.fields);
    } else if (failed) {
      say("kept");
      timer = setTimeout(tryAgain, delay);
      delay = Math.min(2 * delay, RETRY_LONGEST);
    } else if (refused) {
      sayRefused(refused.record);
    } else {
      say("");
      if (sent) {
        location.assign(sent.next);
      }
    }
  }

  // A page shows what this tab has kept of it, or else what any tab kept last.
  async function takeUpPage() {
    const ofPage = (record) => record.address === own;
    const records = (await allRecords()).filter(ofPage).sort((a, b) => a.order - b.order);
    const ours = records.find((record) => isOpen(record) && (record.tab === tabId() || own === review));
    if (settles || own === review) {
      mine = ours || mine;
      return;
    }
    const record = ours || records.filter(isOpen).pop() || (isKeptCopy && records.pop());
    if (record) {
      mine = record;
      fillForm(record.fields);
      guard(record.typed);
      changed = record.typed;
    } else {
      await change((all, kept) => {
        all.filter((one) => ofPage(one) && !isOpen(one)).forEach((one) => kept.delete(keyOf(one)));
      });
    }
  }

  async function takeUpKept() {
    if ("clear" in words.dataset) {
      await forget();
      return;
    }
    if (form) {
      await takeUpPage();
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

// Server-sent events with a watchdog, and the freshness light that follows from them.

import { byId, setFlag, setText } from "./dom.js";
import { age, time, words } from "./format.js";

const SILENCE_MS = 12000; // the server sends at least every four seconds
const LABELS = { none: "no statements", fresh: "live", ageing: "ageing", stale: "stale", lost: "connection lost" };

export class Stream {
  constructor(address, handlers) {
    this.address = address;
    this.handlers = handlers;
    this.offsetMs = 0; // server clock minus ours
    this.heardMs = performance.now();
    this.state = null;
    this.open();
    setInterval(() => this.tick(), 500);
  }

  open() {
    this.source?.close();
    this.heardMs = performance.now();
    this.source = new EventSource(this.address);
    for (const [name, handle] of Object.entries(this.handlers)) {
      this.source.addEventListener(name, (event) => {
        const data = JSON.parse(event.data);
        if (data.now_ms) this.hear(data);
        handle(data);
      });
    }
  }

  follow(address) {
    this.address = address;
    this.open();
  }

  hear(data) {
    this.heardMs = performance.now();
    this.offsetMs = data.now_ms - Date.now();
    this.state = { freshness: data.freshness, feed: data.feed };
    showRules(data);
    this.tick();
  }

  now() {
    return Date.now() + this.offsetMs;
  }

  tick() {
    setText(byId("clock"), time(this.now()));
    const silent = performance.now() - this.heardMs;
    if (silent > SILENCE_MS) {
      showLevel("lost", LABELS.lost, "", `No word from the server for ${age(silent)}; figures are from before. Trying again.`);
      if (this.source.readyState === EventSource.CLOSED) this.open();
    } else if (this.state) this.show(this.state);
  }

  show({ freshness, feed }) {
    const old = age(this.now() - freshness.newest_statement_ms);
    const said = LABELS[freshness.level] + (freshness.level === "none" ? "" : ` · ${old}`);
    const detail = freshness.level === "none" ? "" : ` since the newest statement · oldest price ${age(freshness.oldest_price_age_ms)}`;
    let notice = "";
    if (feed.phase === "broken") notice = feed.message;
    else if (freshness.level === "stale") notice = `Figures are ${old} old: no worker has published a statement since ${time(freshness.newest_statement_ms)}. Is a worker running?`;
    else if (feed.phase === "loading") notice = "Still reading statements; totals are not complete yet.";
    showLevel(freshness.level, said, detail, notice, feed.phase === "loading");
  }
}

function showLevel(level, said, detail, notice, mild = false) {
  setFlag(document.body, "data-level", true, level);
  setFlag(byId("freshness"), "data-level", true, level);
  setText(byId("freshness-text"), said);
  setText(byId("freshness-detail"), detail);
  setFlag(byId("notice"), "data-level", mild, "ageing");
  setText(byId("notice"), notice);
  byId("notice").hidden = !notice;
}

function showRules(data) {
  setText(byId("shadow-rules"), data.candidate ? ` (${data.candidate})` : "");
  const silos = data.silos ?? data.statement?.silos?.map((silo) => ({ silo: silo.silo, rulebook: `${silo.rulebook_id} ${silo.rulebook_version}` })) ?? [];
  setText(byId("binding-rules"), silos.length ? ` (${silos.map((silo) => `${words(silo.silo)}: ${silo.rulebook}`).join("; ")})` : "");
  byId("synthetic").hidden = !data.synthetic;
}

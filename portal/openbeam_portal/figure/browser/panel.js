// What stands around a figure: choice of histogram, linear or log, what the pointer reads, progress and account.
import { labelText } from "./label.js";
import { accountSentence, fill, shareDone } from "./text.js";
import { draw, make, set } from "./svg.js";

// A screen reader is told of progress this often, not at every batch of events.
const SPEAK_EVERY = 4000;
const FINAL = new Set(["complete", "incomplete", "failed", "cancelled"]);

export const isFinal = (state) => FINAL.has(state);

const button = (text, attributes = {}) => make("button", { type: "button", ...attributes }, text);

/** Builds the elements once; the figure fills them. */
export class Panel {
  constructor(words) {
    this.words = words;
    this.tabs = make("div", { class: "tabs", role: "group", "aria-label": words.histograms });
    this.linear = button(words.linear);
    this.log = button(words.log);
    this.scale = make("div", { class: "scale", role: "group", "aria-label": words.scale }, this.linear, this.log);
    this.svg = draw("svg", { role: "img", "data-testid": "live-histogram", "data-events": 0, "data-state": "empty" });
    this.reader = make("div", { class: "reader", role: "slider", tabindex: 0, "aria-label": words.reader });
    this.canvas = make("div", { class: "canvas" }, this.svg, this.reader);
    this.readout = make("p", { class: "readout", "data-testid": "readout" });
    this.bar = make("span");
    this.progress = make("div", { class: "progress", role: "progressbar", "aria-label": words.progress }, this.bar);
    this.state = make("span", { class: "state", "data-testid": "state" });
    this.account = make("span", { class: "account", "data-testid": "account" });
    this.activity = make("span", { class: "activity", "data-testid": "activity" });
    this.spoken = make("p", { class: "spoken", "aria-live": "polite" });
    this.standing = make("p", { class: "standing" }, this.state, this.account, this.activity);
    this.foot = make("div", { class: "foot" }, this.progress, this.standing, this.spoken);
    this.controls = make("div", { class: "controls" }, this.tabs, this.scale);
    this.root = make("section", { class: "figure" }, this.controls, this.canvas, this.readout, this.foot);
    this.spokenAt = 0;
  }

  /** One button a histogram; none when there is only one. */
  offer(histograms, chosen, choose) {
    const many = histograms.length > 1;
    const key = JSON.stringify(histograms.map((h) => [h.name, h.title]));
    if (key !== this.offered) {
      this.offered = key;
      this.tabs.replaceChildren(
        ...(many ? histograms : []).map((histogram) => {
          const tab = button(labelText(histogram.title), { "data-name": histogram.name });
          tab.addEventListener("click", () => choose(histogram.name));
          return tab;
        }),
      );
    }
    for (const tab of this.tabs.children) tab.setAttribute("aria-pressed", String(tab.dataset.name === chosen));
  }

  pressScale(log, shown) {
    this.scale.hidden = !shown;
    this.linear.setAttribute("aria-pressed", String(!log));
    this.log.setAttribute("aria-pressed", String(log));
  }

  /** Where the run stands. `lineOpen` is whether updates come in. */
  report(run, lineOpen) {
    this.foot.hidden = !run;
    if (!run) return;
    const share = shareDone(run.account);
    const final = isFinal(run.state);
    const sentence = accountSentence(run.account, this.words);
    const planned = run.account.events_expected > 0;
    this.foot.dataset.state = run.state;
    this.progress.classList.toggle("waiting", !final && !planned);
    set(this.progress, { "aria-valuemin": 0, "aria-valuemax": 100, "aria-valuenow": Math.round(share * 100) });
    this.bar.style.width = `${((final && planned ? share : planned ? Math.max(share, 0.01) : 0) * 100).toFixed(1)}%`;
    this.state.textContent = this.words.states[run.state] ?? run.state;
    this.account.textContent = planned ? sentence : "";
    this.activity.textContent = final ? "" : lineOpen ? run.activity : this.words.reconnecting;
    this.speak(`${this.state.textContent}. ${this.account.textContent}`, final);
  }

  speak(text, now) {
    const moment = Date.now();
    if (text === this.said || (!now && moment - this.spokenAt < SPEAK_EVERY)) return;
    this.said = text;
    this.spokenAt = moment;
    this.spoken.textContent = text;
  }

  /** How many events miss from a finished figure, over the figure itself; or nothing. */
  warn(run) {
    const missing = ["incomplete", "cancelled"].includes(run?.state) ? run.account.events_expected - run.account.events_processed : 0;
    this.notice?.remove();
    if (!missing) return;
    const values = { missing: missing.toLocaleString("en"), expected: run.account.events_expected.toLocaleString("en") };
    this.notice = make("p", { class: "notice", "data-testid": "missing" }, fill(this.words.missing, values));
    this.canvas.append(this.notice);
  }
}

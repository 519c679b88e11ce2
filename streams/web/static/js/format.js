// Numbers, names and times as people read them. Money comes as decimal strings in USD.

const WHOLE = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const CENTS = new Intl.NumberFormat("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const PLAIN = new Intl.NumberFormat("en-US", { maximumFractionDigits: 6 });
const COMPACT = new Intl.NumberFormat("en-US", { notation: "compact", maximumSignificantDigits: 4 });
const MINUS = "\u2212";

const proper = (text) => text.replace("-", MINUS).replace(/^\u22120$/, "0");

export const dollars = (text) => proper(WHOLE.format(Number(text)));
export const cents = (text) => proper(CENTS.format(text));
export const compact = (number) => proper(COMPACT.format(number));
export const count = (number) => WHOLE.format(number);
export const plain = (number) => proper(PLAIN.format(number));

export function headline(text) {
  const shown = dollars(text);
  return shown.startsWith(MINUS) ? `${MINUS}$${shown.slice(1)}` : `$${shown}`;
}

export function signed(text) {
  const shown = dollars(text);
  return Number(text) > 0 && shown !== "0" ? `+${shown}` : shown;
}

export function percent(share) {
  return share === null ? "no equity" : `${proper((share * 100).toFixed(share >= 10 ? 0 : 1))} %`;
}

export function time(milliseconds) {
  return new Date(milliseconds).toISOString().slice(11, 19);
}

export function moment(milliseconds) {
  return milliseconds ? new Date(milliseconds).toISOString().slice(0, 23).replace("T", " ") : "never";
}

export function minute(milliseconds) {
  return new Date(milliseconds).toISOString().slice(0, 16).replace("T", " ");
}

export function age(milliseconds) {
  const seconds = Math.max(milliseconds, 0) / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} days`;
}

const NAMES = {
  security_based_swaps: "Security-based swaps",
  treasury_clearing: "Treasury clearing",
  rulebook_effect: "Rulebook effect",
  zero_floor: "Floor at zero",
  add_on: "Liquidity add-on",
  cap_top_up: "Offset cap",
  floor_top_up: "Silo floor",
  stress_top_up: "Stress top-up",
  rest: "Other and rounding",
};

export function words(name) {
  if (name in NAMES) return NAMES[name];
  const text = String(name).replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export function scopeName(scope) {
  const [kind, name] = scope.split(/:(.*)/s);
  return kind === "silo" ? words(name) : `Unified ${name}`;
}

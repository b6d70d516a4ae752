// JSON as text in which places have lines: {value, lines: Map of JSON pointer to line, fault: {path, line, column, reason} or null}.

const SPACE = /[ \t\r\n]*/y;
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const WORD = /true|false|null/y;
const INFINITE = /NaN|-?Infinity/y;
const DEPTH = 32;

class Fault extends Error {
  constructor(reason, at) {
    super(reason);
    this.at = at;
  }
}

class Reader {
  constructor(text) {
    this.text = text;
    this.at = 0;
    this.path = "";                                  // of the value that was begun last
    this.lines = new Map();
  }

  take(pattern) {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0] ?? null;
    if (found !== null) this.at += found.length;
    return found;
  }

  space() {
    this.take(SPACE);
  }

  expect(sign) {
    this.space();
    if (this.text[this.at] !== sign) throw new Fault(`${sign} is missing here`, this.at);
    this.at += 1;
  }

  // The next sign if it is this one.
  next(sign) {
    this.space();
    if (this.text[this.at] !== sign) return false;
    this.at += 1;
    return true;
  }

  value(path, depth) {
    this.space();
    this.path = path;
    if (!this.lines.has(path)) this.lines.set(path, this.at);
    if (depth > DEPTH) throw new Fault(`is nested deeper than ${DEPTH} levels`, this.at);
    const sign = this.text[this.at];
    if (sign === "{") return this.object(path, depth);
    if (sign === "[") return this.array(path, depth);
    const from = this.at;
    const found = this.take(sign === '"' ? STRING : /[a-z]/.test(sign ?? "") ? WORD : NUMBER);
    if (!found) throw new Fault(this.missing(sign), from);
    const read = JSON.parse(found);
    if (typeof read === "number" && !Number.isFinite(read)) throw new Fault(`is ${found.slice(0, 20)}, which is not finite`, from);
    return read;
  }

  missing(sign) {
    if (sign === undefined) return "the document ends too early";
    const name = this.take(INFINITE);
    return name ? `is ${name}; allowed: finite numbers` : "a value is missing here";
  }

  object(path, depth) {
    const built = {};
    const begun = (this.at += 1);
    if (this.next("}")) return built;
    do {
      this.space();
      const from = this.at;
      const key = this.take(STRING);
      if (key === null) throw new Fault("a key in quotes is missing here", begun > this.text.length ? begun : this.at);
      const name = JSON.parse(key);
      const place = `${path}/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
      this.path = place;
      if (Object.hasOwn(built, name)) throw new Fault(`repeats the key ${key}`, from);
      this.lines.set(place, from);
      this.expect(":");
      Object.defineProperty(built, name, { value: this.value(place, depth + 1), enumerable: true, writable: true, configurable: true });
    } while (this.next(","));
    this.expect("}");
    return built;
  }

  array(path, depth) {
    const built = [];
    this.at += 1;
    if (this.next("]")) return built;
    do built.push(this.value(`${path}/${built.length}`, depth + 1));
    while (this.next(","));
    this.expect("]");
    return built;
  }
}

const lineOf = (text, at) => text.slice(0, at).split("\n").length;

export function read(text) {
  const reader = new Reader(text);
  let value;
  let fault = null;
  try {
    value = reader.value("", 0);
    reader.space();
    reader.path = "";
    if (reader.at < text.length) throw new Fault("nothing may follow the document", reader.at);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    const column = error.at - text.lastIndexOf("\n", error.at - 1);
    fault = { path: reader.path, line: lineOf(text, error.at), column, reason: error.message };
  }
  const lines = new Map([...reader.lines].map(([path, at]) => [path, lineOf(text, at)]));
  return { value, lines, fault };
}

// The line of the place that a pointer means, or of what holds it.
export function lineAt(lines, pointer) {
  for (let path = pointer; ; path = path.slice(0, path.lastIndexOf("/"))) {
    if (lines.has(path)) return lines.get(path);
    if (!path) return 1;
  }
}

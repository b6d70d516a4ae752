// One socket per page. The cursor is in its URL; what is known is dropped, a gap makes it start again from the cursor.
// When sockets fail, the HTTP twin is polled with the same cursor, while a socket is tried again.

const FIRST_WAIT = 500;
const LONGEST_WAIT = 10000;
const POLL_EVERY = 3000;
const SOCKET_TRIES = 2;
const PAGE = 200;
const DENIED = [4401, 4403];

export class Live {
  // urls: {socket, events}; seq: what the page already shows; take(event) and show(state) in order; reload() when nothing else helps.
  constructor(urls, seq, { take, show, reload }) {
    Object.assign(this, { urls, seq, take, show, reload });
    this.failures = 0;
    this.polling = 0;
    this.ended = false;
  }

  start() {
    this.connect();
    window.addEventListener("online", () => this.hurry());
    window.addEventListener("offline", () => this.say("Offline"));
    window.addEventListener("pagehide", () => this.stop());
    window.addEventListener("pageshow", (event) => event.persisted && this.revive());
    return this;
  }

  connect() {
    clearTimeout(this.timer);
    const url = new URL(this.urls.socket, location.href);
    url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    url.searchParams.set("from", this.seq);
    if (this.failures === 0) this.say("Catching up");
    this.fresh = true;
    const socket = (this.socket = new WebSocket(url));
    socket.onopen = () => this.opened(socket);
    socket.onmessage = (message) => socket === this.socket && this.receive(JSON.parse(message.data));
    socket.onclose = (event) => socket === this.socket && this.closed(event.code);
  }

  opened(socket) {
    // A replay of a page or less has arrived by then; a longer one says "Live" when its last frame comes.
    setTimeout(() => socket === this.socket && socket.readyState === WebSocket.OPEN && this.settle(), 400);
  }

  settle() {
    this.failures = 0;
    this.polling = 0;
    this.say("Live");
  }

  receive(frame) {
    if (frame.error) {
      if (frame.error.code === "ahead") this.end("Offline", true);
      return;
    }
    if (this.accept(frame.events, this.fresh)) {
      this.fresh = frame.events.length === PAGE;
      if (this.fresh) this.say("Catching up");
      else this.settle();
    } else {
      this.socket.close();
      this.retry();
    }
  }

  // False at a gap within a running stream. The first frames after joining come straight from the log: what they lack
  // was thinned there, so a gap in them is not a loss.
  accept(events, trusted) {
    for (const event of events) {
      if (event.seq <= this.seq) continue;
      if (event.seq > this.seq + 1 && !trusted) return false;
      this.seq = event.seq;
      this.take(event);
    }
    return true;
  }

  closed(code) {
    if (this.ended) return;
    if (DENIED.includes(code)) this.end("Offline", code === 4401);
    else this.retry();
  }

  retry() {
    this.socket = null;
    this.failures += 1;
    const longest = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** (this.failures - 1));
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.connect(), longest * (0.5 + Math.random() / 2));
    if (this.failures < SOCKET_TRIES) this.say("Catching up");
    else if (!this.polling) this.poll();
  }

  async poll() {
    const mine = (this.polling = Math.random() + 1);
    while (this.polling === mine && !this.ended) {
      const more = await this.page();
      if (!more) await new Promise((resume) => setTimeout(resume, POLL_EVERY));
    }
  }

  // One page of the twin; true if another is waiting.
  async page() {
    try {
      const url = new URL(this.urls.events, location.href);
      url.searchParams.set("after", this.seq);
      const answer = await fetch(url, { headers: { Accept: "application/json" }, redirect: "manual" });
      if (answer.type === "opaqueredirect" || answer.status === 404) return this.end("Offline", true);
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      const { events } = await answer.json();
      if (!this.polling) return false;
      this.accept(events, true);
      this.say("Polling");
      return events.length === PAGE;
    } catch (error) {
      if (this.polling) this.say("Offline");
      return false;
    }
  }

  hurry() {
    if (this.ended || this.socket?.readyState === WebSocket.OPEN) return;
    this.failures = 0;
    this.connect();
  }

  stop() {
    this.ended = true;
    this.polling = 0;
    clearTimeout(this.timer);
    this.socket?.close();
  }

  revive() {
    this.ended = false;
    this.hurry();
  }

  end(state, reload) {
    this.stop();
    this.say(state);
    if (reload) this.reload();
  }

  say(state) {
    if (state !== this.state) this.show((this.state = state));
  }
}

// The stream of reports. Read with fetch, not with EventSource: that one cannot send an Authorization field.

/** After how many ms without a word a connection counts as dead: a report is due each second. */
const SILENCE = 10_000;
const FIRST_WAIT = 500;
const LONGEST_WAIT = 15_000;

/**
 * @typedef {object} Listening
 * @property {() => string} url asked at each attempt
 * @property {() => Record<string, string>} headers asked at each attempt
 * @property {(report: any) => void} onReport
 * @property {(state: 'connecting' | 'live' | 'lost', text: string) => void} onState
 */

/**
 * Listens while the page is seen, and connects again whenever it has lost the connection.
 * @param {Listening} listening
 * @returns {{ restart(): void }} `restart` gives the connection up for a new one, at once
 */
export function listen(listening) {
  let controller = new AbortController();
  let attempts = 0;

  async function run(/** @type {AbortSignal} */ signal) {
    while (!signal.aborted) {
      const problem = await readStream(listening, signal, () => {
        attempts = 0;
      });
      if (signal.aborted) return;
      const wait = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** attempts++) * (0.8 + Math.random() * 0.4);
      listening.onState('lost', `${problem}; trying again in ${Math.max(1, Math.round(wait / 1000))} s`);
      await pause(wait, signal);
    }
  }

  function restart() {
    controller.abort();
    // Over HTTP/1 a browser has six connections to an origin: with a stream in six tabs it would open nothing else there.
    if (document.hidden) return;
    controller = new AbortController();
    attempts = 0;
    listening.onState('connecting', 'Connecting…');
    run(controller.signal);
  }

  // A tab that comes back, and a network that does, need not wait for the next attempt.
  const soon = () => {
    if (document.hidden) controller.abort();
    else if (attempts > 0 || controller.signal.aborted) restart();
  };
  addEventListener('online', soon);
  document.addEventListener('visibilitychange', soon);
  restart();
  return { restart };
}

/**
 * One connection, to its end.
 * @param {Listening} listening
 * @param {AbortSignal} signal
 * @param {() => void} onAlive
 * @returns {Promise<string>} why it ended
 */
async function readStream(listening, signal, onAlive) {
  const own = new AbortController();
  const stop = () => own.abort();
  signal.addEventListener('abort', stop);
  let timer = setTimeout(stop, SILENCE);
  try {
    const response = await fetch(listening.url(), {
      headers: { accept: 'text/event-stream', ...listening.headers() },
      credentials: 'same-origin',
      cache: 'no-store',
      signal: own.signal,
    });
    if (!response.ok || response.body === null) {
      await response.body?.cancel();
      return `The server answered ${response.status}`;
    }
    for await (const { event, data } of serverSentEvents(response.body)) {
      clearTimeout(timer);
      timer = setTimeout(stop, SILENCE);
      if (event !== 'stats' || signal.aborted) continue;
      onAlive();
      listening.onState('live', 'Live');
      showSafely(listening, data);
    }
    return 'Connection closed';
  } catch {
    if (own.signal.aborted && !signal.aborted) return 'No news from the server';
    return 'Connection lost';
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
    own.abort();
  }
}

/** A report that cannot be read or shown ends neither the page nor the stream, and does not go unseen. */
function showSafely(/** @type {Listening} */ listening, /** @type {string} */ data) {
  try {
    listening.onReport(JSON.parse(data));
  } catch (error) {
    console.warn('respcache: a report could not be shown:', error);
  }
}

/**
 * The events of a stream (WHATWG HTML, 9.2.6), as far as they are used here: `event` and `data`.
 * @param {ReadableStream<Uint8Array>} body
 * @returns {AsyncGenerator<{ event: string, data: string }>}
 */
async function* serverSentEvents(body) {
  const reader = body.pipeThrough(/** @type {any} */ (new TextDecoderStream())).getReader();
  let pending = '';
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    pending += read.value;
    const blocks = pending.split(/\r?\n\r?\n/);
    pending = blocks.pop() ?? '';
    for (const block of blocks) yield parseEvent(block);
  }
}

/** @param {string} block */
export function parseEvent(block) {
  let event = 'message';
  /** @type {string[]} */
  const data = [];
  for (const line of block.split(/\r?\n/)) {
    const [, field, value = ''] = /^([^:]*):? ?(.*)$/s.exec(line) ?? [];
    if (field === 'event') event = value;
    else if (field === 'data') data.push(value);
  }
  return { event, data: data.join('\n') };
}

/** @param {number} ms @param {AbortSignal} signal @returns {Promise<void>} */
function pause(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

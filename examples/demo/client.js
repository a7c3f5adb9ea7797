import { Agent, request as open } from 'node:http';
import { text } from 'node:stream/consumers';

/** Sends requests to an application over connections that stay open, as a browser would. */
export class Client {
  #agent = new Agent({ keepAlive: true });
  #port;

  constructor(port) {
    this.#port = port;
  }

  /**
   * @param {string} line 'GET /zones'
   * @param {Record<string, string>} headers
   * @param {unknown} [json] a body
   */
  async send(line, headers, json) {
    const [method, path] = line.split(' ');
    const body = json === undefined ? undefined : JSON.stringify(json);
    const type = body === undefined ? {} : { 'content-type': 'application/json' };
    const started = performance.now();
    const response = await new Promise((resolve, reject) => {
      open({ method, path, port: this.#port, host: '127.0.0.1', agent: this.#agent, headers: { ...type, ...headers } })
        .on('response', resolve)
        .on('error', reject)
        .end(body);
    });
    const received = await text(response);
    const ms = performance.now() - started;
    return { status: response.statusCode, headers: response.headers, text: received, ms };
  }

  close() {
    this.#agent.destroy();
  }
}

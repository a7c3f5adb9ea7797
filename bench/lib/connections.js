// Plain sockets, each of which reads into one buffer of its own: no stream, no allocation for what is received.

import { once } from 'node:events';
import { connect } from 'node:net';
import { AnswerReader } from './answers.js';

const BUFFER = 65_536;

/** How long after the end of a turn the last answers may take, ms. */
export const PATIENCE = 10_000;

export class Connection {
  #socket;
  #reader;
  /** Called with whether the answer had its mark, and with an error instead when it was wrong. */
  #onAnswer = () => {};

  /** @param {object} expected as an AnswerReader takes it */
  static async open(port, expected) {
    const connection = new Connection();
    connection.#reader = new AnswerReader(expected);
    const buffer = Buffer.alloc(BUFFER);
    const onread = { buffer, callback: (length) => connection.#receive(buffer.subarray(0, length)) };
    connection.#socket = connect({ port, host: '127.0.0.1', noDelay: true, onread });
    await once(connection.#socket, 'connect');
    connection.#socket.on('error', (error) => connection.#onAnswer(false, error));
    connection.#socket.on('close', () => connection.#onAnswer(false, new Error('the connection was closed')));
    return connection;
  }

  /** What is told of each answer from now on. */
  listen(onAnswer) {
    this.#onAnswer = onAnswer;
  }

  send(request) {
    this.#socket.write(request, 'latin1');
  }

  close(error) {
    this.#socket.destroy(error);
  }

  #receive(bytes) {
    let whole;
    try {
      whole = this.#reader.push(bytes);
    } catch (error) {
      this.#onAnswer(false, error);
      return false;
    }
    if (whole) this.#onAnswer(this.#reader.marked);
    return true;
  }
}

/** Opens so many, gives them to `work`, and closes them; whoever has no answer long after `leadIn` and `seconds` fails. */
export async function withConnections(port, { connections, seconds, leadIn = 0, expected, awake }, work) {
  const open = await Promise.all(Array.from({ length: connections }, () => Connection.open(port, expected)));
  const giveUp = () => {
    for (const connection of open) connection.close(new Error('no answer'));
  };
  const stuck = setTimeout(giveUp, (leadIn + seconds) * 1000 + PATIENCE);
  let working = true;
  // Waking this process would be the contender's work, in its system call, and the more so the slower the contender is.
  const stayAwake = () => {
    if (working) setImmediate(stayAwake);
  };
  if (awake) stayAwake();
  try {
    return await work(open);
  } finally {
    working = false;
    clearTimeout(stuck);
    for (const connection of open) {
      connection.listen(() => {});
      connection.close();
    }
  }
}

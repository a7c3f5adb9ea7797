// Requests to the paths beside the page, with the token if there is one.

/** The tab's own storage: the token goes when the tab does, and no other tab has it. */
const TOKEN = 'respcache-token';

/** A request that was not answered as it should have been; its message is for people. */
export class Refused extends Error {}

/** What this page was given, where storage is forbidden: it goes when the page does. */
let unkept = '';

/** @returns {string} */
export function token() {
  try {
    return sessionStorage.getItem(TOKEN) ?? '';
  } catch {
    return unkept;
  }
}

/** @param {string} value an empty one forgets */
export function setToken(value) {
  try {
    if (value === '') sessionStorage.removeItem(TOKEN);
    else sessionStorage.setItem(TOKEN, value);
  } catch {
    unkept = value;
  }
}

/** @returns {Record<string, string>} */
export function authorization() {
  const value = token();
  return value === '' ? {} : { authorization: `Bearer ${value}` };
}

/**
 * The address of a path beside the page, whether or not the page's own ends with a slash.
 * @param {string} path
 * @param {Record<string, string>} [query]
 * @returns {string}
 */
export function addressOf(path, query = {}) {
  const address = new URL(location.href);
  address.pathname = address.pathname.replace(/\/+$/, '').replace(/[^/]*$/, path);
  address.search = new URLSearchParams(query).toString();
  address.hash = '';
  return address.href;
}

/** @param {string} path @param {Record<string, string>} query @returns {Promise<any>} */
export function get(path, query) {
  return send(addressOf(path, query), { method: 'GET', headers: authorization() });
}

/** @param {string} path @param {object} body @returns {Promise<any>} */
export function post(path, body) {
  const headers = { 'content-type': 'application/json', ...authorization() };
  return send(addressOf(path), { method: 'POST', headers, body: JSON.stringify(body) });
}

/** @param {string} address @param {RequestInit} request */
async function send(address, request) {
  const response = await fetch(address, { ...request, credentials: 'same-origin', cache: 'no-store' }).catch(() => {
    throw new Refused('The server could not be reached.');
  });
  const body = await response.json().catch(() => undefined);
  if (response.ok && body !== undefined) return body;
  if (response.status === 404) throw new Refused('Not found: the server does not let you do this (any more).');
  throw new Refused(typeof body?.error === 'string' ? body.error : `The server answered ${response.status}.`);
}

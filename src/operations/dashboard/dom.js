// What comes from the server goes into the page as text, and only through here: nothing is ever parsed as HTML.

/** @typedef {Node | string | false | undefined} Child */

/**
 * The element of that id; the page's own markup has them all.
 * @param {string} id
 * @returns {any}
 */
export function byId(id) {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no #${id}`);
  return found;
}

/**
 * A new element. Only class names and texts are given to it.
 * @param {string} name
 * @param {string} [className]
 * @param {...Child} children
 * @returns {HTMLElement}
 */
export function element(name, className = '', ...children) {
  const made = document.createElement(name);
  if (className !== '') made.className = className;
  made.append(...present(children));
  return made;
}

/** Sets a text where it is another one: what stays is not touched, so that a selection in it stays too. */
export function setText(/** @type {Node} */ node, /** @type {string} */ text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Sets a number with a small unit behind it. */
export function setQuantity(
  /** @type {HTMLElement} */ node,
  /** @type {import('./format.js').Quantity} */ [number, unit],
) {
  if (node.dataset.text === `${number} ${unit}`) return;
  node.dataset.text = `${number} ${unit}`;
  node.replaceChildren(number, ...(unit === '' ? [] : [element('small', '', ` ${unit}`)]));
}

/**
 * Makes the children of a list as many as there are items, and lets each be filled: what is there is used again.
 * @template T
 * @param {Element} parent
 * @param {readonly T[]} items
 * @param {() => HTMLElement} make
 * @param {(child: any, item: T) => void} fill
 */
export function fillList(parent, items, make, fill) {
  while (parent.children.length > items.length) parent.lastElementChild?.remove();
  while (parent.children.length < items.length) parent.append(make());
  items.forEach((item, index) => {
    fill(parent.children[index], item);
  });
}

/**
 * A list of terms, as pairs; a value is a text or an element.
 * @param {Element} list
 * @param {readonly (readonly [term: string, value: Child, className?: string])[]} pairs
 */
export function fillPairs(list, pairs) {
  const kept = pairs.filter(([, value]) => value !== undefined);
  // As long as the terms are the same only the values change.
  const terms = kept.map(([term]) => term).join('\n');
  if (/** @type {HTMLElement} */ (list).dataset.terms !== terms) {
    /** @type {HTMLElement} */ (list).dataset.terms = terms;
    list.replaceChildren(...kept.flatMap(([term]) => [element('dt', '', term), element('dd')]));
  }
  kept.forEach(([, value, className = ''], index) => {
    const cell = /** @type {HTMLElement} */ (list.children[index * 2 + 1]);
    cell.className = className;
    if (typeof value === 'string') setText(cell, value);
    else cell.replaceChildren(...present([value]));
  });
}

/** @param {readonly Child[]} children @returns {(Node | string)[]} */
function present(children) {
  return /** @type {(Node | string)[]} */ (children.filter((child) => child !== undefined && child !== false));
}

import type { ResponseEntry } from '../entry/entry.js';
import { type Reply, type ReplyOptions, replyFrom } from '../lookup/reply.js';
import { type Choice, isPacked } from './choice.js';
import { inForm } from './forms.js';
import { varyOfForms } from './rule.js';

/** Makes the answer from an entry in the form that was chosen for a request. */
export function replyInForm(entry: ResponseEntry, choice: Choice, options: Omit<ReplyOptions, 'part'>): Reply {
  // The plain body is not at hand, though it was seen to: a form under its own name is better than bytes under a wrong one.
  const given = isPacked(entry, choice)
    ? { coding: entry.forms!.list[0]!.coding, part: undefined, held: false }
    : choice;
  const names = varyOfForms(entry);
  const vary = names.length === 0 ? options.vary : [...options.vary, ...names];
  return replyFrom(inForm(entry, given), { ...options, vary, part: given.part });
}

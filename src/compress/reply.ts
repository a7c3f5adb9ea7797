import type { ResponseEntry } from '../entry/entry.js';
import { type Reply, type ReplyOptions, replyFrom } from '../lookup/reply.js';
import { type Choice, isPacked, preferred, weightsOf } from './choice.js';
import { inForm } from './forms.js';
import { varyOfForms } from './rule.js';

/** Makes the answer from an entry in the form that was chosen for a request. `accepted`: the request's `Accept-Encoding`. */
export function replyInForm(
  entry: ResponseEntry,
  choice: Choice,
  options: Omit<ReplyOptions, 'part'>,
  accepted?: string,
): Reply {
  // The plain body is not at hand, as where a 304 has just said `no-transform`: a form that the client reads does as well.
  const given = isPacked(entry, choice)
    ? { coding: preferred(entry, weightsOf(accepted)) ?? entry.forms!.list[0]!.coding, part: undefined, held: false }
    : choice;
  const names = varyOfForms(entry);
  const vary = names.length === 0 ? options.vary : [...options.vary, ...names];
  return replyFrom(inForm(entry, given), { ...options, vary, part: given.part });
}

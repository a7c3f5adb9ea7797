// The reference model of a shared HTTP cache. It is written from the text of RFC 9111 alone, as plainly as possible, and
// shares no code with `src`: where the two disagree, one of them has misread the text.

/** A field line as it stands in a message. */
export type Line = readonly [name: string, value: string];

export interface Request {
  readonly method: string;
  readonly fields: readonly Line[];
}

export interface Response {
  readonly status: number;
  readonly fields: readonly Line[];
  readonly body: string;
}

/** A request that went to the origin, and what came back. Times in seconds since 1970. */
export interface Exchange {
  readonly request: Request;
  readonly response: Response;
  /** §4.2.3 request_time. */
  readonly requestTime: number;
  /** §4.2.3 response_time. */
  readonly responseTime: number;
}

interface Message {
  readonly fields: readonly Line[];
}

/** The values of all lines of a field, in their order. Names are case-insensitive (RFC 9110 §5.1). */
export function valuesOf({ fields }: Message, name: string): string[] {
  return fields.filter(([each]) => each.toLowerCase() === name.toLowerCase()).map(([, value]) => value);
}

/** RFC 9110 §5.3: several lines of one field are one value, joined by a comma. `undefined`: the field is absent. */
export function textOf(message: Message, name: string): string | undefined {
  const values = valuesOf(message, name);
  return values.length === 0 ? undefined : values.join(', ');
}

export function has(message: Message, name: string): boolean {
  return valuesOf(message, name).length > 0;
}

/** The lines without those of some names. */
export function without(fields: readonly Line[], names: readonly string[]): Line[] {
  const lower = names.map((name) => name.toLowerCase());
  return fields.filter(([name]) => !lower.includes(name.toLowerCase()));
}

/** The members of a comma-separated list (RFC 9110 §5.6.1), in lower case. */
export function listOf(text: string | undefined): string[] {
  if (text === undefined) return [];
  return text
    .split(',')
    .map((member) => member.trim().toLowerCase())
    .filter((member) => member !== '');
}

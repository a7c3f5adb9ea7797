/** What most responses say: frames hold its place here, which must never change. */
export const TEXTS: readonly string[] = [
  'Content-Type',
  'ETag',
  'application/json; charset=utf-8',
  'Cache-Control',
  'Vary',
  'Last-Modified',
  'Date',
  'Content-Encoding',
  'text/html; charset=utf-8',
  'text/plain; charset=utf-8',
  'content-type',
  'etag',
];
export const PLACES: ReadonlyMap<string, number> = new Map(TEXTS.map((text, place) => [text, place]));

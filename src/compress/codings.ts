import { promisify } from 'node:util';
import zlib from 'node:zlib';
import type { Coding } from '../entry/entry.js';

/** How a body is brought into a form and back, on zlib's own threads. */
export interface Codec {
  readonly coding: Coding;
  /** @throws what zlib does */
  compress(body: Buffer): Promise<Buffer>;
  /** `plainBytes`: how long the body is; more is not made of a form. @throws what zlib does */
  decompress(form: Buffer, plainBytes: number): Promise<Buffer>;
}

/**
 * How hard brotli and zstd try (of 11, and of 22). Beyond these a per cent less takes several times as long, measured on JSON
 * of 2 KB to 1 MB.
 */
const BROTLI_QUALITY = 5;
const ZSTD_LEVEL = 9;

type Work = (bytes: Buffer, options?: object) => Promise<Buffer>;

const gzip: Work = promisify(zlib.gzip);
const gunzip: Work = promisify(zlib.gunzip);
const brotli: Work = promisify(zlib.brotliCompress);
const unbrotli: Work = promisify(zlib.brotliDecompress);

/** Options that bound what comes out. */
function bounded(plainBytes: number): object {
  // A bound of 0 would be none of zlib's.
  return { maxOutputLength: Math.max(1, plainBytes) };
}

const GZIP: Codec = {
  coding: 'gzip',
  compress: (body) => gzip(body),
  decompress: (form, plainBytes) => gunzip(form, bounded(plainBytes)),
};

const BROTLI: Codec = {
  coding: 'br',
  compress: (body) =>
    brotli(body, {
      params: {
        [zlib.constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY,
        [zlib.constants.BROTLI_PARAM_SIZE_HINT]: body.length,
      },
    }),
  decompress: (form, plainBytes) => unbrotli(form, bounded(plainBytes)),
};

/** What Node's zlib has since 22.15 and 23.8; types of older versions do not know it. */
interface Zstd {
  readonly zstdCompress?: (body: Buffer, options: object, done: Done) => void;
  readonly zstdDecompress?: (form: Buffer, options: object, done: Done) => void;
  readonly constants: { readonly ZSTD_c_compressionLevel?: number };
}
type Done = (error: Error | null, result: Buffer) => void;

function zstd({ zstdCompress, zstdDecompress, constants }: Zstd): Codec[] {
  if (zstdCompress === undefined || zstdDecompress === undefined) return [];
  const compress = promisify<Buffer, object, Buffer>(zstdCompress);
  const decompress = promisify<Buffer, object, Buffer>(zstdDecompress);
  return [
    {
      coding: 'zstd',
      compress: (body) =>
        compress(body, {
          params: { [constants.ZSTD_c_compressionLevel!]: ZSTD_LEVEL },
          pledgedSrcSize: body.length,
        }),
      decompress: (form, plainBytes) => decompress(form, bounded(plainBytes)),
    },
  ];
}

/** What this Node can do, the most widely understood first. */
export const CODECS: readonly Codec[] = [GZIP, BROTLI, ...zstd(zlib as unknown as Zstd)];

/** The codec of a coding; `undefined`: this Node has none. */
export function codecOf(coding: Coding): Codec | undefined {
  return CODECS.find((codec) => codec.coding === coding);
}

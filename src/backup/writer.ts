import { randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { deflateRaw } from 'node:zlib';
import { BLOCK_LENGTH, encodeHeader, encodeSection, type FileEnd, type FileHeader, MARK_LENGTH } from './format.js';

const deflate = promisify(deflateRaw);
/** Of zlib's levels one that takes half the time of the usual, for files some percent longer. */
const LEVEL = 4;

/** The pieces of a backup's file, in their order. `end` is asked once the last records have come. */
export async function* fileOf(
  header: FileHeader,
  records: AsyncIterable<readonly Buffer[]>,
  end: () => FileEnd,
): AsyncGenerator<Buffer> {
  const mark = randomBytes(MARK_LENGTH);
  let [blocks, all] = [0, 0];
  yield encodeHeader(mark, header);
  for await (const block of blocksOf(records)) {
    const payload = await deflate(Buffer.concat(block), { level: LEVEL });
    const inflated = block.reduce((sum, { length }) => sum + length, 0);
    yield encodeSection(mark, { kind: 'block', number: blocks++, records: block.length, inflated }, payload);
    yield payload;
    all += block.length;
  }
  const payload = Buffer.from(JSON.stringify(end()));
  yield encodeSection(mark, { kind: 'end', number: blocks, records: all, inflated: payload.length }, payload);
  yield payload;
}

/** Records by the block: of about BLOCK_LENGTH, or one that is longer. */
async function* blocksOf(records: AsyncIterable<readonly Buffer[]>): AsyncGenerator<readonly Buffer[]> {
  let block: Buffer[] = [];
  let length = 0;
  for await (const step of records) {
    for (const record of step) {
      if (length > 0 && length + record.length > BLOCK_LENGTH) {
        yield block;
        block = [];
        length = 0;
      }
      block.push(record);
      length += record.length;
    }
  }
  if (block.length > 0) yield block;
}

/** A frame that is not an entry of this key: damaged, of an unknown version, or another key's. */
export class FrameError extends Error {
  override name = 'FrameError';
}

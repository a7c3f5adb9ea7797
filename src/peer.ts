// All of it, and not `createRequire` alone: webpack takes that for its own, and writes `undefined` in its place.
import module from 'node:module';

/** In a bundle in CommonJS modules have no URL, but there is the file's name. */
declare const __filename: string | undefined;

/**
 * Loads a package that is optional, when it is needed. `needed`: what for. @throws {Error} where it is not installed
 */
export function loadPeer(name: string, needed: string, install: string = name): unknown {
  const here: string | undefined = import.meta.url;
  // A bundle of webpack has this module's place where the bundle was made: the program is where it runs.
  const places = [here ?? __filename!, process.argv[1]];
  let cause: unknown;
  for (const place of places) {
    if (place === undefined) continue;
    try {
      return module.createRequire(place)(name);
    } catch (error) {
      cause ??= error;
    }
  }
  throw new Error(`${needed} needs the package ${install}: npm install ${name}`, { cause });
}

import { createRequire } from 'node:module';

/** In a bundle in CommonJS modules have no URL, but there is the file's name. */
declare const __filename: string | undefined;

/**
 * Loads a package that is optional, when it is needed. `needed`: what for. @throws {Error} where it is not installed
 */
export function loadPeer(name: string, needed: string, install: string = name): unknown {
  try {
    const here: string | undefined = import.meta.url;
    return createRequire(here ?? __filename!)(name);
  } catch (cause) {
    throw new Error(`${needed} needs the package ${install}: npm install ${name}`, { cause });
  }
}

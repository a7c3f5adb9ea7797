// Where a contender's modules come from: frameworks and clients from the project, other caches from this folder.

import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const ofTheProject = createRequire(new URL('../../package.json', import.meta.url));

/** A package of the project's own, whatever this folder has under the same name for its peers. */
export async function projectModule(name) {
  const module = await import(pathToFileURL(ofTheProject.resolve(name)).href);
  return module.default ?? module;
}

/** The version of an installed package, from the folder at `root` (an URL); undefined if it is not there. */
export function versionOf(name, root) {
  try {
    return createRequire(root)(`${createRequire(root).resolve.paths(name)[0]}/${name}/package.json`).version;
  } catch {
    return undefined;
  }
}

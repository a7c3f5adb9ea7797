// Who is measured, and what each one is compared with.

const FRAMEWORKS = [
  { title: 'Express 5', framework: 'express', file: 'express.js', current: true },
  { title: 'Express 4', framework: 'express4', file: 'express.js', current: false },
  { title: 'Koa 3', framework: 'koa', file: 'koa.js', current: true },
  { title: 'Koa 2', framework: 'koa2', file: 'koa.js', current: false },
];

/**
 * `limit`: whose speed is 1.00; nothing behind the same framework can be faster for the same bytes. `mark`: what stands
 * in the head of every answer, or it was not the answer to be measured. `fresh`: every request has a URL of its own.
 */
const SCENES = [
  { does: 'bare' },
  { does: 'bare', store: 'redis' },
  { does: 'hit', store: 'memory', limit: 'bare', mark: 'respcache; hit' },
  { does: 'hit', store: 'redis', limit: 'bare redis', mark: 'respcache; hit' },
  { does: 'bypass', store: 'memory', limit: 'bare', mark: 'fwd=bypass; detail=when', currentOnly: true },
  { does: 'miss', store: 'memory', limit: 'bare', mark: 'fwd=uri-miss; stored', fresh: true, currentOnly: true },
  { does: 'miss', store: 'redis', limit: 'bare', mark: 'fwd=uri-miss; stored', fresh: true, currentOnly: true },
];

/** All contenders. Of several builds of the package each is a contender of its own, `#1`, `#2`, …. */
export function catalogue(dists) {
  return FRAMEWORKS.flatMap((framework) =>
    SCENES.filter((scene) => framework.current || !scene.currentOnly).flatMap((scene) =>
      (scene.does === 'bare' ? dists.slice(0, 1) : dists).map((dist, index) =>
        entry(framework, scene, dist, scene.does === 'bare' || dists.length === 1 ? '' : ` #${index + 1}`),
      ),
    ),
  );
}

function entry({ title, framework, file }, { does, store, limit, mark = '', fresh = false }, dist, build) {
  const scene = store === undefined ? does : `${does} ${store}`;
  const name = `${framework} ${scene}${build}`;
  return {
    name,
    /** The name as a part of files' and keys'. */
    slug: name.replace('#', '').replaceAll(' ', '-'),
    group: title,
    scene: scene + build,
    limit: limit && `${framework} ${limit}`,
    file,
    mark,
    fresh,
    config: { framework, does, store, dist },
  };
}

/** Those whose names match, and the limits that they are compared with. */
export function choose(entries, only) {
  const chosen = entries.filter(({ name }) => only.test(name));
  const limits = new Set(chosen.map(({ limit }) => limit));
  return entries.filter((each) => chosen.includes(each) || limits.has(each.name));
}

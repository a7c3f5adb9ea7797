import { startAll, stopAll } from './applications.js';
import { describe, silence } from './redis.js';
import { painter } from './table.js';

/** Keeps both applications running until SIGINT or SIGTERM. */
export async function serve({ url, prefix, store }) {
  const applications = await startAll({ url, prefix, ports: [3000, 3001] });
  const stopped = signal();
  try {
    console.log(`Store: ${store}`);
    const reason = url === undefined ? undefined : await silence(url);
    if (reason !== undefined) {
      console.error(`Redis at ${describe(url)} does not answer (${reason}): nothing is cached until it does.`);
    }
    for (const application of applications) console.log(`\n${advice(application)}`);
    console.log('\nCtrl-C ends it.');
    await stopped;
  } finally {
    await stopAll(applications, { url, prefix });
  }
}

/** The first signal ends the applications in order, the second one ends the process at once. */
function signal() {
  return new Promise((resolve) => {
    for (const name of ['SIGINT', 'SIGTERM']) process.once(name, resolve);
  });
}

function advice({ name, port }, token = process.env.ADMIN_TOKEN) {
  const paint = painter();
  const at = `http://127.0.0.1:${port}`;
  const acme = "-H 'x-client-id: acme'";
  const json = "-H 'content-type: application/json'";
  const bearer = '-H "authorization: Bearer $ADMIN_TOKEN"';
  const tries = [
    ['Twice: look at Cache-Status and Age', `curl -i ${acme} '${at}/zones?region=europe&limit=2'`],
    ['The other tenant has a cache of its own', `curl -i -H 'x-client-id: globex' '${at}/zones?region=europe&limit=2'`],
    [
      'A write invalidates what it changes',
      `curl -i ${acme} ${json} -X PATCH -d '{"label":"My Time"}' ${at}/zones/europe-berlin`,
    ],
    ['With a cookie the cache stands aside', `curl -i ${acme} -H 'cookie: a=b' ${at}/stats`],
    ['Statistics, and how it is', `curl ${at}/cache ${at}/cache/health`],
    token
      ? ['For the token: all is cleared', `curl ${bearer} ${json} -X POST ${at}/cache/clear`]
      : ['Closed: nobody has set ADMIN_TOKEN', `curl -i ${json} -X POST ${at}/cache/clear`],
  ];
  const lines = tries.map(([words, command]) => `  ${paint('dim', `# ${words}`)}\n  ${command}`);
  return [`${paint('bold', name)}, ${at}`, ...lines].join('\n');
}

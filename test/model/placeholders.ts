// Dates in scripts are placeholders: a script is played at any time.

/** The value of a field, with its dates filled in. Times in seconds since 1970. */
export function filledIn(value: string, now: number, start: number): string {
  return value.replace(/\{(now|start)([+-]\d+)(?: (\w+))?\}/g, (_all, base: string, by: string, form?: string) =>
    dateText((base === 'now' ? now : start) + Number(by), form),
  );
}

function dateText(at: number, form: string | undefined): string {
  const date = new Date(at * 1000);
  const imf = date.toUTCString();
  if (form === 'lower') return imf.toLowerCase();
  if (form === 'zone') return imf.replace('GMT', 'EST');
  const [, day, month, year, time] = /^\w+, (\d+) (\w+) (\d+) (\S+) GMT$/.exec(imf)!;
  if (form === 'asctime') return `${imf.slice(0, 3)} ${month} ${day!.replace(/^0/, ' ')} ${time} ${year}`;
  if (form !== 'rfc850') return imf;
  const weekday = date.toLocaleDateString('en', { weekday: 'long', timeZone: 'UTC' });
  return `${weekday}, ${day}-${month}-${year!.slice(2)} ${time} GMT`;
}

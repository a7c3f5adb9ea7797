// The command lines of the bench's programs: what is wrong in one is told, with the option's name and what it takes.

import { accessSync, constants, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseArgs } from 'node:util';

export const TEXT = { type: 'string' };
export const FLAG = { type: 'boolean', default: false };

/**
 * What `read` makes of a command line. Prints the usage where that is asked for, or nothing can be made of it, and ends the
 * process.
 * @param {string[]} args
 * @param {{ usage: string, options: import('node:util').ParseArgsConfig['options'] }} program
 * @param {(values: object) => object} read throws for what an option does not take
 */
export function readArguments(args, { usage, options }, read) {
  try {
    const { values } = parseArgs({ args, options: { ...options, help: FLAG } });
    if (!values.help) return read(values);
  } catch (error) {
    process.stderr.write(`${error.message}\n\n${usage}`);
    process.exit(2);
  }
  process.stdout.write(usage);
  process.exit(0);
}

export function number(name, value, least, most, whole = false) {
  const found = Number(value);
  if (value.trim() !== '' && found >= least && found <= most && (!whole || Number.isInteger(found))) return found;
  throw new Error(`--${name} takes a ${whole ? 'whole ' : ''}number from ${least} to ${most}, not ${value}`);
}

export function regexp(name, value) {
  try {
    return new RegExp(value);
  } catch {
    throw new Error(`--${name} takes a regular expression, not ${value}`);
  }
}

export function folder(name, value) {
  if (value !== '') return resolve(value);
  throw new Error(`--${name} takes a folder, and was given nothing`);
}

/** A file to be written: that it cannot be is told before half an hour was spent on what goes into it. */
export function newFile(name, value) {
  const file = resolve(value);
  const there = statSync(file, { throwIfNoEntry: false });
  try {
    if (value === '' || there?.isDirectory()) throw new Error('no file');
    accessSync(there === undefined ? dirname(file) : file, constants.W_OK);
    return file;
  } catch {
    throw new Error(`--${name} takes a file that can be written, not ${value}`);
  }
}

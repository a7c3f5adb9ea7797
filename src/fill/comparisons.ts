import { remember } from '../remember.js';

/** Of how many keys is remembered how their comparisons went. */
const REMEMBERED = 1000;

/** How comparisons with one stored response have gone so far. */
interface Course {
  readonly storedAt: number;
  same: boolean;
  different: boolean;
}

/** What shadow mode remembers of the responses that it has compared, in bounded memory. */
export class Comparisons {
  readonly #courses = new Map<string, Course>();

  /**
   * Takes the outcome of a comparison, and says what a difference speaks for: data that has changed does not change
   * back, so where the handler has answered both ways since, the key does not tell apart what the handler does.
   */
  judge(key: string, storedAt: number, same: boolean): 'stale' | 'varies' {
    const before = this.#courses.get(key);
    const course = before?.storedAt === storedAt ? before : { storedAt, same: false, different: false };
    const both = course.different && (course.same || same);
    course[same ? 'same' : 'different'] = true;
    remember(this.#courses, key, course, REMEMBERED);
    return both ? 'varies' : 'stale';
  }
}

/**
 * What the hot paths ask before they do anything for debug mode or an instrument.
 * Bare variables of a module, which whoever imports them reads as they are: a field
 * of an object, or a question to the loop, costs a task some of its speed.
 */

/** Whether any loop has been in debug mode: only then is it worth asking one. */
export let traced: boolean = false;

/** Whether there is an instrument. */
export let hooked: boolean = false;

/** Whether there is an instrument, or the running loop is in debug mode. */
export let watched: boolean = false;

/** A loop is in debug mode. */
export function noteTraced(): void {
  traced = true;
}

/** There is an instrument or none, and the running loop is in debug mode or not. */
export function setWatched(hook: boolean, debug: boolean): void {
  hooked = hook;
  watched = hook || debug;
}

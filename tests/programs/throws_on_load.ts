/** A module that cannot be loaded. */

export function f(): void {}

throw new RangeError("thrown on load");

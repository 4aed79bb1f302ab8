// Loads only where the real packages can be had: tools/runtimes.ts asks for it
// before it falls back on the stand-ins beside this file.
import "@std/assert";
import "@std/async";
import "@std/testing/mock";
import "@std/testing/time";

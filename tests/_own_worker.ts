/** A worker as an application that was bundled has them. */

import { serveModules } from "../worker.ts";
import * as jobs from "./_jobs.ts";

serveModules({ "app:jobs": jobs });

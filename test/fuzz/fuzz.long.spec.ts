import { describeFuzz } from './describe-fuzz.js';

/** Measured: 100 s on two slow cores. */
describeFuzz(500, { limitMs: 900_000, eventsMin: 1_500 });

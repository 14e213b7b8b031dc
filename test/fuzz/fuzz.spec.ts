import { describeFuzz } from './describe-fuzz.js';

/** Measured: 20 s on two slow cores. */
describeFuzz(100, { limitMs: 180_000, eventsMin: 300 });

import NodeEnvironment from 'jest-environment-node';

const LOOK_MS = 500;

// This module is loaded once in each worker of Jest, outside of the specs. A worker whose parent was killed would work on, and
// wait for what nobody ends, for hours; what it started is tied to it and ends with it. A listener of `disconnect` would keep
// the worker from its orderly end, so it looks.
if (process.connected) setInterval(() => process.connected || process.exit(1), LOOK_MS).unref();

export default NodeEnvironment;

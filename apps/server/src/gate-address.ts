/**
 * The port in the `docker login` lines of answers: of this process's gate, known once it listens (`GATE_PORT=0`), else the
 * one that GATE_PORT names. Set by start-server.ts alone.
 */
export class GateAddress {
  constructor(public port: number) {}
}

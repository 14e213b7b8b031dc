/** Where this process's gate listens; known once it does (`GATE_PORT=0`). Set by start-server.ts alone. */
export class GateAddress {
  port = 0;
}

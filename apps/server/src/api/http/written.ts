import type { FastifyReply } from 'fastify';

/** Header of every write's answer: the commit position that a later read can wait for. */
const POSITION_HEADER = 'Dockreg-Position';
/** A write answers after this at the latest, whether this node's read model has caught up with it or not. */
export const READ_MODEL_WAIT_MS = 2_000;

/** Tells the caller where in the log the write stands, and with which status it ended. */
export function answerWritten(reply: FastifyReply, status: 200 | 201 | 204, position: bigint): void {
  void reply.status(status).header(POSITION_HEADER, position.toString());
}

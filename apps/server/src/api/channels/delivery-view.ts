import type { PipeTransform } from '@nestjs/common';
import { ApiProperty } from '@nestjs/swagger';
import { Refusal } from '#libs/kernel';
import type { DeliveryRow } from '#libs/read-models';

/** A UUID in lower case: what the log has streams for. */
export const DELIVERY_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export class DeliveryView {
  @ApiProperty({ description: 'The same in every attempt: a webhook gets it as `webhook-id`.' }) id: string;
  @ApiProperty({ example: 'key.revoked' }) event: string;
  @ApiProperty({ format: 'date-time', description: 'When that happened of which it tells.' }) at: string;

  @ApiProperty({
    enum: ['pending', 'failed', 'delivered', 'dead'],
    description: '`failed` is tried again at `nextAttemptAt`; `dead` is given up.',
  })
  status: DeliveryRow['status'];

  @ApiProperty({ description: 'Since it was due, or was asked for again.' }) attempts: number;

  @ApiProperty({
    type: 'integer',
    nullable: true,
    description: 'Of the last attempt; of mail, the reply code.',
  })
  httpStatus: number | null;

  @ApiProperty({ type: 'integer', nullable: true, description: 'Of the last attempt.' })
  durationMs: number | null;

  @ApiProperty({ type: 'string', nullable: true, description: 'Why the last attempt failed.' })
  error: string | null;

  @ApiProperty({ type: 'string', format: 'date-time', nullable: true }) attemptedAt: string | null;
  @ApiProperty({ type: 'string', format: 'date-time', nullable: true }) nextAttemptAt: string | null;
}

export function deliveryView(row: DeliveryRow): DeliveryView {
  const { id, event, at, status, attempts, httpStatus, durationMs, error, attemptedAt, nextAttemptAt } = row;
  return { id, event, at, status, attempts, httpStatus, durationMs, error, attemptedAt, nextAttemptAt };
}

/** `:delivery` has the form of a delivery's id; anything else is none, and never becomes part of a stream's name. */
export class DeliveryParameter implements PipeTransform<string, string> {
  transform(id: string): string {
    if (!DELIVERY_ID.test(id)) throw missingDelivery();
    return id;
  }
}

export function missingDelivery(): Refusal {
  return new Refusal('not-found', 'there is no such delivery in this registry');
}

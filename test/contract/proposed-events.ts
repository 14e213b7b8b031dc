import type { ClientPackage } from './client.js';
import type { Json, Names } from './scenario.js';

/** An event of a scenario; `gen` makes several, their ids counting up in hexadecimal from `id`. */
export interface EventSpec {
  readonly id: string;
  readonly type: string;
  readonly data?: Json;
  readonly meta?: Json;
  readonly bin?: string;
  readonly text?: string;
  readonly size?: number;
  readonly metaBin?: string;
  readonly metaSize?: number;
  readonly gen?: number;
  readonly idStep?: number;
}

const FILL_BYTE = 0x7a;

/** `shift` = the number of the repetition; ids move on by as many as one repetition has, or by `idStep`. */
export function makeEvents(
  library: ClientPackage,
  names: Names,
  specs: readonly EventSpec[],
  shift: number,
): unknown[] {
  return specs.flatMap((spec) => {
    const offset = shift * (spec.idStep ?? spec.gen ?? 1);
    return Array.from({ length: spec.gen ?? 1 }, (_, index) => {
      const id = (BigInt(`0x${spec.id}`) + BigInt(offset + index)).toString(16);
      const metadata = metadataOf(spec);
      const event = {
        id: names.eventId(id),
        type: spec.type,
        ...(metadata === undefined ? {} : { metadata }),
      };
      const bytes = bytesOf(spec);
      return bytes
        ? library.binaryEvent({ ...event, data: bytes })
        : library.jsonEvent({ ...event, data: spec.data === undefined ? { n: index } : spec.data });
    });
  });
}

function bytesOf({ bin, text, size }: EventSpec): Uint8Array | undefined {
  if (bin !== undefined) return Uint8Array.from(Buffer.from(bin, 'base64'));
  if (text !== undefined) return Uint8Array.from(Buffer.from(text, 'latin1'));
  return size === undefined ? undefined : new Uint8Array(size).fill(FILL_BYTE);
}

function metadataOf({ meta, metaBin, metaSize }: EventSpec): unknown {
  if (metaBin !== undefined) return Uint8Array.from(Buffer.from(metaBin, 'base64'));
  return metaSize === undefined ? meta : new Uint8Array(metaSize).fill(FILL_BYTE);
}

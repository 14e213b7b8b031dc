import { createHmac } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Refusal } from '#libs/kernel';
import { Settings } from '#libs/platform';
import { isAddress } from '#libs/registries';
import { Installation } from '../../installation.js';
import { Problem } from '../http/problems.js';
import { dnsTexts } from './dns-texts.js';

/** 128 bits: nobody has the token of another registry by chance. */
const TOKEN_HEX_DIGITS = 32;

/** The DNS record by which the owner of a host says that a registry may answer on it. */
export interface ProofRecord {
  readonly name: string;
  readonly type: 'TXT';
  readonly value: string;
}

/**
 * Proves that a caller rules over a host, by DNS: whoever can set `_dockreg.<host>` there does. Nothing is stored: the token
 * follows from this installation, the registry and the host. It is no secret, since it stands in public DNS; what counts is
 * that it names the registry, so that a record set for one proves nothing for another.
 */
@Injectable()
export class HostProof {
  constructor(
    private readonly settings: Settings,
    private readonly installation: Installation,
  ) {}

  recordOf(registry: string, host: string): ProofRecord {
    const key = `dockreg-verify ${this.installation.logId}`;
    const digest = createHmac('sha256', key).update(`${registry}\n${host}`).digest('hex');
    return {
      name: `_dockreg.${host}`,
      type: 'TXT',
      value: `dockreg-verify=${digest.slice(0, TOKEN_HEX_DIGITS)}`,
    };
  }

  /** Throws a Problem that says which record to set, or a Refusal `unavailable` when DNS does not answer. */
  async require(registry: string, host: string): Promise<void> {
    if (isAddress(host)) {
      throw new Refusal('not-permitted', 'DNS proves no IP address: only administrators add one');
    }
    const record = this.recordOf(registry, host);
    const texts = await dnsTexts(record.name, this.settings.dnsServers);
    if (texts.some((text) => text.trim() === record.value)) return;
    const detail = `Set the DNS record ${record.name} of type TXT to ${record.value} and repeat the request.`;
    throw new Problem('host-not-proven', detail, { members: { record } });
  }
}

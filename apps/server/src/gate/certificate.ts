import { X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import type { GateLog } from './gate.js';

/** A renewed certificate is in use within this. Looking costs two system calls. */
const LOOK_EVERY_MS = 1_000;

/** Where the gate's certificate is. */
export interface TlsFiles {
  /** PEM: the certificate, then those between it and the root. */
  readonly certFile: string;
  /** PEM, without a pass phrase. */
  readonly keyFile: string;
}

/** The certificate cannot be used. The text is for the operator; nothing of the key stands in it. */
export class UnusableCertificate extends Error {
  override readonly name = 'UnusableCertificate';
}

/** What the gate speaks TLS with. */
export type TlsIdentity = Pick<SecureContextOptions, 'cert' | 'key' | 'minVersion'>;

/**
 * The gate's certificate and key, which may change at any time. Programs that renew certificates replace a file, write into
 * it, or turn a symbolic link somewhere on its path; what the path leads to at last differs then in device, inode, size or
 * time. So that is looked at again and again, instead of watching a folder in which nothing may happen.
 */
export class Certificate {
  #looking: NodeJS.Timeout | undefined;
  #complaint: string | undefined;

  private constructor(
    private readonly files: TlsFiles,
    private readonly log: GateLog,
    private seen: string,
    private current: TlsIdentity,
  ) {}

  /** Throws `UnusableCertificate` when a file cannot be read, or when they are no pair. */
  static async open(files: TlsFiles, log: GateLog): Promise<Certificate> {
    // In this order: a change in between is seen at the next look.
    const seen = await look(files);
    return new Certificate(files, log, seen, await read(files));
  }

  /** What new connections get. */
  get identity(): TlsIdentity {
    return this.current;
  }

  /** Calls `use` with every new pair from now on. What cannot be used is logged once, and the pair in use stays. */
  follow(use: (identity: TlsIdentity) => void): void {
    const lookAgain = (): void => {
      void this.#lookAgain(use).then(() => {
        if (this.#looking !== undefined) schedule();
      });
    };
    const schedule = (): void => {
      this.#looking = setTimeout(lookAgain, LOOK_EVERY_MS).unref();
    };
    schedule();
  }

  close(): void {
    clearTimeout(this.#looking);
    this.#looking = undefined;
  }

  /** One file is often there before the other: a pair that cannot be used is read again at every look until it can. */
  async #lookAgain(use: (identity: TlsIdentity) => void): Promise<void> {
    try {
      const seen = await look(this.files);
      if (seen === this.seen && this.#complaint === undefined) return;
      const identity = await read(this.files);
      use(identity);
      this.seen = seen;
      this.current = identity;
      this.#complaint = undefined;
      this.log.info(about(identity), 'the gate uses a new certificate');
    } catch (error) {
      const { message } = error as Error;
      if (message === this.#complaint) return;
      this.#complaint = message;
      this.log.error(
        { error: message },
        'the new certificate cannot be used; the gate stays with the old one',
      );
    }
  }
}

/** A text that differs when one of the files does. */
async function look({ certFile, keyFile }: TlsFiles): Promise<string> {
  const states = [certFile, keyFile].map(async (file) => {
    const state = await orUnusable(`cannot read ${file}`, stat(file, { bigint: true }));
    return `${state.dev}:${state.ino}:${state.size}:${state.mtimeNs}`;
  });
  return (await Promise.all(states)).join(' ');
}

async function read({ certFile, keyFile }: TlsFiles): Promise<TlsIdentity> {
  const [cert, key] = await Promise.all(
    [certFile, keyFile].map((file) => orUnusable(`cannot read ${file}`, readFile(file))),
  );
  const identity: TlsIdentity = { cert: cert!, key: key!, minVersion: 'TLSv1.2' };
  try {
    createSecureContext(identity);
  } catch (error) {
    throw unusable(`${certFile} and ${keyFile} are no certificate with its key`, error);
  }
  return identity;
}

async function orUnusable<T>(problem: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw unusable(problem, error);
  }
}

function unusable(problem: string, error: unknown): UnusableCertificate {
  return new UnusableCertificate(`${problem}: ${(error as Error).message}`);
}

function about({ cert }: TlsIdentity): object {
  const { subjectAltName, validTo, serialNumber } = new X509Certificate(cert as Buffer);
  return { names: subjectAltName, validTo, serialNumber };
}

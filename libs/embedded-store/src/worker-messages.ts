/** What the two threads of an embedded store tell each other. */

export interface WorkerOptions {
  readonly directory: string;
  /** 0 = a free one. */
  readonly port: number;
  readonly token: string;
}

export type FromWorker =
  | { readonly kind: 'listening'; readonly port: number }
  | {
      readonly kind: 'refused';
      readonly name: string;
      readonly code: string | undefined;
      readonly message: string;
    }
  | { readonly kind: 'write-failed'; readonly message: string; readonly full: boolean };

export type ToWorker = { readonly kind: 'close' };

import type { RotationTargetKind } from '#libs/keys';

/** Where new secrets of a key go, and what opens it. As JSON it stands sealed in the log. */
export type RotationTarget = { readonly kind: RotationTargetKind } & (
  | {
      readonly kind: 'webhook';
      readonly url: string;
      /** `whsec_…`, which signs the requests. */
      readonly signingSecret: string;
    }
  | {
      readonly kind: 'vault';
      /** Of the server, such as `https://vault.example.com:8200`. */
      readonly url: string;
      readonly mount: string;
      readonly path: string;
      readonly token: string;
    }
  | {
      readonly kind: 'aws-secrets-manager';
      readonly region: string;
      /** Name or ARN. */
      readonly secretId: string;
      /** Of what speaks like it; null: that of AWS in the region. */
      readonly url: string | null;
      readonly accessKeyId: string;
      readonly secretAccessKey: string;
    }
  | {
      readonly kind: 'github-actions';
      /** Of the API. */
      readonly url: string;
      /** `<owner>/<name>` */
      readonly repository: string;
      readonly secretName: string;
      readonly token: string;
    }
  | {
      readonly kind: 'file';
      /** Below the folder of the registry in ROTATION_FILES_DIR. */
      readonly path: string;
    }
);

export type RotationTargetOf<Kind extends RotationTargetKind> = Extract<RotationTarget, { kind: Kind }>;

/** Fields that open something: no answer ever carries them. */
const OPENING: ReadonlySet<string> = new Set(['signingSecret', 'token', 'accessKeyId', 'secretAccessKey']);

/** Where it leads, as people are shown it. */
export function shownTarget(target: RotationTarget): Record<string, string | null> {
  return Object.fromEntries(Object.entries(target).filter(([name]) => !OPENING.has(name)));
}

export function parseTarget(json: string): RotationTarget {
  return JSON.parse(json) as RotationTarget;
}

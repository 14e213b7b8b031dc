/** The specification leaves the length to the host name's; the reference implementation allows 255 characters of name. */
export const REPOSITORY_LENGTH_MAX = 255;
/** `<name>` of the OCI distribution specification 1.1, "Pulling manifests". */
const REPOSITORY = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
/** A slug as libs/registries gives them, narrower than a path component of `<name>`. */
const SLUG = /^[a-z0-9](?:-?[a-z0-9])*$/;
/** `<reference>` as a tag, ibidem. */
const TAG = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;
/** `digest` of the OCI image specification 1.1, "Digests". */
const DIGEST = /^[a-z0-9]+(?:[+._-][a-z0-9]+)*:[a-zA-Z0-9=_-]+$/;
const DIGEST_LENGTH_MAX = 255;
const SHA256 = /^sha256:[0-9a-f]{64}$/;
const SHA512 = /^sha512:[0-9a-f]{128}$/;
/** The specification leaves session ids to the registry; those known are UUIDs and URL-safe tokens. */
const UPLOAD_SESSION = /^[A-Za-z0-9_][A-Za-z0-9._=~-]{0,254}$/;

/** Whether the text is the name of a repository, such as `team/api`. */
export function isRepository(text: string): boolean {
  return text.length <= REPOSITORY_LENGTH_MAX && REPOSITORY.test(text);
}

/** Whether the text can stand alone as the first part of a repository name: lower-case letters, digits, single hyphens. */
export function isSlug(text: string): boolean {
  return SLUG.test(text);
}

/** Whether the text is a digest, such as `sha256:<64 hex digits>`; of the two registered algorithms also the length is checked. */
export function isDigest(text: string): boolean {
  if (text.startsWith('sha256:')) return SHA256.test(text);
  if (text.startsWith('sha512:')) return SHA512.test(text);
  return text.length <= DIGEST_LENGTH_MAX && DIGEST.test(text);
}

/** Whether the text names a manifest: a tag or a digest. */
export function isReference(text: string): boolean {
  return TAG.test(text) || isDigest(text);
}

/** Whether the text can be the id of an upload session. */
export function isUploadSession(text: string): boolean {
  return UPLOAD_SESSION.test(text);
}

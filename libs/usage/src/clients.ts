/** Programs that speak to registries, by the first word of their User-Agent in lower case. */
const PRODUCTS: Readonly<Record<string, string>> = {
  docker: 'docker',
  'docker-client': 'docker',
  buildkit: 'buildkit',
  buildx: 'buildkit',
  containerd: 'containerd',
  nerdctl: 'containerd',
  'cri-o': 'cri-o',
  skopeo: 'skopeo',
  buildah: 'buildah',
  podman: 'podman',
  libpod: 'podman',
  containers: 'podman',
  'go-containerregistry': 'crane',
  crane: 'crane',
  ko: 'ko',
  helm: 'helm',
  kaniko: 'kaniko',
  trivy: 'trivy',
  grype: 'grype',
  syft: 'syft',
  cosign: 'cosign',
  oras: 'oras',
  'oras-go': 'oras',
  regclient: 'regclient',
  regctl: 'regclient',
  jib: 'jib',
  renovate: 'renovate',
  dependabot: 'dependabot',
  flux: 'flux',
  'source-controller': 'flux',
  argocd: 'argo-cd',
  'argo-cd': 'argo-cd',
  curl: 'curl',
  wget: 'wget',
  'python-requests': 'python',
  python: 'python',
  'python-urllib': 'python',
  'go-http-client': 'go',
  mozilla: 'browser',
};
/** A longer User-Agent says no more that is wanted here. */
const USER_AGENT_LENGTH_MAX = 256;
/** `docker/27.1.1 go/go1.21 …`: the product comes first. */
const FIRST_WORD = /^[A-Za-z][A-Za-z0-9-]{0,31}(?=[/ ]|$)/;

/** The name of a client by its User-Agent, of a short list, so that no caller makes up names: else `other`, without one `none`. */
export function clientName(userAgent: string | undefined): string {
  if (!userAgent) return 'none';
  const word = FIRST_WORD.exec(userAgent.slice(0, USER_AGENT_LENGTH_MAX))?.[0];
  const name = word === undefined ? undefined : PRODUCTS[word.toLowerCase()];
  return typeof name === 'string' ? name : 'other';
}

import { describeFacts, type Decision, type Fact, type StreamKind } from '#libs/kernel';

/** `wrapped`: the subject's key as wrap gives it, under the generation of the master key that `generation` names. */
export type SubjectKeyWrapped = Fact<
  'SubjectKeyWrapped',
  { readonly at: string; readonly generation: string; readonly wrapped: string }
>;

export interface SubjectState {
  readonly key: { readonly generation: string; readonly wrapped: string } | undefined;
}

/** Stream `subject-<id>`. The whole stream is destroyed when the subject is erased: nothing else ever stands in it. */
export const subjects: StreamKind<SubjectState, SubjectKeyWrapped> = {
  category: 'subject',
  initial: { key: undefined },
  evolve: (state, fact) =>
    fact.type === 'SubjectKeyWrapped'
      ? { key: { generation: fact.data.generation, wrapped: fact.data.wrapped } }
      : state,
};

/** A new subject's key; the first one wins. */
export function giveKey(data: SubjectKeyWrapped['data']): Decision<SubjectState, SubjectKeyWrapped> {
  return ({ key }) => (key === undefined ? [{ type: 'SubjectKeyWrapped', data }] : []);
}

/** The same key under another generation. A subject without a key was erased, and stays so. */
export function rewrapKey(data: SubjectKeyWrapped['data']): Decision<SubjectState, SubjectKeyWrapped> {
  return ({ key }) =>
    key === undefined || key.generation === data.generation ? [] : [{ type: 'SubjectKeyWrapped', data }];
}

export const subjectFacts = describeFacts([subjects], {
  SubjectKeyWrapped: {
    description:
      'The key of one subject, under which all personal data about it is encrypted. The stream is destroyed when the subject is erased.',
    fields: {
      at: ['time', 'When it was wrapped.'],
      generation: ['text', 'Id of the generation of the master key that wraps it.'],
      wrapped: ['text', 'AES-256-GCM of the key, base64.'],
    },
    example: {
      at: '2026-01-05T09:00:00.000Z',
      generation: '5f1d7a0c',
      wrapped: 'qk1h0b5wZ3o5c2RmZ2hqa2w7bW5idmN4enF3ZXJ0eXVpb3AxMjM0NTY3ODkwYWJjZGVmZ2hpamtsbW5vcHFy',
    },
  },
});

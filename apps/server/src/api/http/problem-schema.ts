import { PROBLEMS } from './problems.js';

/** RFC 9457 with the members that this API adds. */
export const PROBLEM = {
  type: 'object',
  required: ['type', 'title', 'status', 'detail', 'code', 'requestId'],
  properties: {
    type: { type: 'string', format: 'uri-reference', description: 'The page that explains the code.' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    code: { type: 'string', enum: Object.keys(PROBLEMS) },
    requestId: { type: 'string' },
    // The members of single kinds.
    record: {
      type: 'object',
      description: 'With `host-not-proven`: the DNS record that proves the host.',
      required: ['name', 'type', 'value'],
      properties: {
        name: { type: 'string' },
        type: { type: 'string', enum: ['TXT'] },
        value: { type: 'string' },
      },
    },
    errors: {
      type: 'array',
      items: {
        type: 'object',
        required: ['code', 'detail'],
        properties: {
          pointer: { type: 'string', description: 'JSON pointer into the body.' },
          parameter: { type: 'string', description: 'Name in the query.' },
          code: { type: 'string' },
          detail: { type: 'string' },
        },
      },
    },
  },
};

export { isPublicAddress } from './addresses.js';
export {
  Outgoing,
  OutgoingError,
  targetProblem,
  type OutgoingAnswer,
  type OutgoingRequest,
} from './outgoing.js';

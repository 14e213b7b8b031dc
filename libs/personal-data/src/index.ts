export { ErasedUsers, erasedUsersFile, ErasedUsersUnusable, readErasedUsers } from './erased-users.js';
export * from './master-key.js';
export {
  createMasterKeyFile,
  masterKeyFile,
  MasterKeyUnusable,
  readMasterKeyFile,
  replaceMasterKeyFile,
} from './master-key-file.js';
export { isSealed, SealBroken, unwrap, wrap, type Sealed } from './sealed.js';
export { subjectFacts, subjects } from './subject.js';
export { MasterKeyMissing, SubjectKeys } from './subject-keys.js';

import { alertFacts, digestFacts } from '#libs/alerts';
import { Catalogue } from '#libs/event-store';
import { administratorFacts, userFacts } from '#libs/identity';
import { keyFacts } from '#libs/keys';
import { leaseFacts } from '#libs/lease';
import { deliveryFacts } from '#libs/notifications';
import { subjectFacts } from '#libs/personal-data';
import { registryFacts, reservationFacts } from '#libs/registries';
import { usageFacts } from '#libs/usage';

/** Every event type of this release. A new domain library adds its facts here, for the server and the command line alike. */
export const catalogue = new Catalogue([
  ...keyFacts,
  ...registryFacts,
  ...reservationFacts,
  ...leaseFacts,
  ...userFacts,
  ...administratorFacts,
  ...subjectFacts,
  ...deliveryFacts,
  ...usageFacts,
  ...alertFacts,
  ...digestFacts,
]);

import { Catalogue } from '#libs/event-store';
import { keyFacts } from '#libs/keys';
import { registryFacts, reservationFacts } from '#libs/registries';

/** Every event type of this release. A new domain library adds its facts here, for the server and the command line alike. */
export const catalogue = new Catalogue([...keyFacts, ...registryFacts, ...reservationFacts]);

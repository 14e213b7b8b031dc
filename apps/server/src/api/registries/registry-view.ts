import { ApiProperty } from '@nestjs/swagger';
import { Refusal } from '#libs/kernel';
import type { RegistryRow } from '#libs/read-models';
import type { RegistryState } from '#libs/registries';

/** A registry as the API shows it. */
export class RegistryView {
  @ApiProperty({ description: '`reg_` and 16 characters.' }) id: string;
  @ApiProperty() slug: string;
  @ApiProperty() name: string;
  @ApiProperty({ type: [String], description: 'Every host on which the registry answers.' }) hosts: string[];
  @ApiProperty({
    type: 'string',
    nullable: true,
    description: 'The registry behind the gate that it has to itself; null: the one that all share.',
  })
  upstream: string | null;
  @ApiProperty({ enum: ['free', 'team', 'enterprise'] }) plan: string;
  @ApiProperty({ format: 'date-time' }) createdAt: string;
}

type Shown = Pick<RegistryRow, 'id' | 'slug' | 'name' | 'hosts' | 'upstream' | 'plan' | 'createdAt'>;

export function registryView(registry: Shown, registryDomain: string): RegistryView {
  const { id, slug, name, upstream, plan, createdAt, hosts } = registry;
  return { id, slug, name, hosts: [hostOfSlug(slug, registryDomain), ...hosts], upstream, plan, createdAt };
}

/** The same of the state of a registry's stream. */
export function stateView(id: string, state: RegistryState, registryDomain: string): RegistryView {
  if (state.status === 'none') throw new Refusal('not-found', 'there is no such registry');
  return registryView({ id, ...state }, registryDomain);
}

/** The host that every registry has. */
export function hostOfSlug(slug: string, registryDomain: string): string {
  return `${slug}.${registryDomain}`;
}

import { ApiProperty } from '@nestjs/swagger';
import type { RegistryRow } from '#libs/read-models';

/** A registry as the API shows it. */
export class RegistryView {
  @ApiProperty({ description: '`reg_` and 16 characters.' }) id: string;
  @ApiProperty() slug: string;
  @ApiProperty() name: string;
  @ApiProperty({ type: [String], description: 'Every host on which the registry answers.' }) hosts: string[];
  @ApiProperty({ enum: ['free', 'team', 'enterprise'] }) plan: string;
  @ApiProperty({ format: 'date-time' }) createdAt: string;
}

export function registryView(
  registry: Omit<RegistryRow, 'revision' | 'createdBy'>,
  registryDomain: string,
): RegistryView {
  const { id, slug, name, plan, createdAt, hosts } = registry;
  return { id, slug, name, hosts: [`${slug}.${registryDomain}`, ...hosts], plan, createdAt };
}

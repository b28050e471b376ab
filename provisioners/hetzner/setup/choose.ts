import { LABEL } from '../labels.ts';
import type { HetznerSettings } from '../schema.ts';
import type { Survey } from './survey.ts';

/** What the operator chose, by word or by flag. */
export interface Choice {
  readonly locations: readonly string[];
  readonly types: readonly string[];
  readonly image: string;
  readonly offerings: readonly string[];
  readonly ipv4: HetznerSettings['ipv4'];
  readonly firewall?: string;
  readonly maxServers?: number;
  readonly suspend?: HetznerSettings['suspend'];
  /** Where the token is kept; never the token itself. */
  readonly token: { readonly file: string } | { readonly credential: string };
}

/** As the configuration has them. */
type ChosenSettings = Readonly<Record<string, string | number | string[] | { [key: string]: string }>>;

export type Chosen =
  | { readonly ok: true; readonly settings: ChosenSettings }
  /** Everything that is wrong with it, each with what there is. */
  | { readonly ok: false; readonly problems: readonly string[] };

/** The target's settings for a choice, if the catalogue has all of it. Pure. */
export function chooseSettings(survey: Survey, choice: Choice): Chosen {
  const problems = [
    ...unknown('location', choice.locations, names(survey.locations)),
    ...unknown('server type', choice.types, names(survey.types)),
    ...imageProblems(survey, choice),
    ...(choice.offerings.length === 0 ? ['name at least one offering that this target serves'] : []),
  ];
  if (problems.length > 0) return { ok: false, problems };
  return {
    ok: true,
    settings: {
      token: { ...choice.token },
      offerings: [...choice.offerings],
      server_types: [...choice.types],
      locations: [...choice.locations],
      image: choice.image,
      ipv4: choice.ipv4,
      ...(choice.firewall === undefined ? {} : { firewall: choice.firewall }),
      ...(choice.maxServers === undefined ? {} : { max_servers: choice.maxServers }),
      ...(choice.suspend === undefined ? {} : { suspend: choice.suspend }),
    },
  };
}

const SNAPSHOT = 'snapshot:';

function imageProblems({ images, types }: Survey, { image, types: chosen }: Choice): string[] {
  const found = images.filter(({ name, labels }) =>
    image.startsWith(SNAPSHOT) ? labels?.[LABEL.template] === image.slice(SNAPSHOT.length) : name === image,
  );
  if (found.length === 0) return unknown('image', [image], names(images));
  const missing = types
    .filter(
      ({ name, architecture }) => chosen.includes(name) && !found.some((each) => each.architecture === architecture),
    )
    .map(({ name, architecture }) => `image ${image} does not exist for ${architecture}, which ${name} is`);
  return missing;
}

function unknown(what: string, wanted: readonly string[], there: readonly string[]): string[] {
  if (wanted.length === 0) return [`choose a ${what} from ${there.join(', ')}`];
  return wanted
    .filter((name) => !there.includes(name))
    .map((name) => `there is no ${what} ${name}${there.length === 0 ? '' : `: choose from ${there.join(', ')}`}`);
}

function names(things: readonly { readonly name?: string | null | undefined }[]): string[] {
  return [...new Set(things.flatMap(({ name }) => name ?? []))];
}

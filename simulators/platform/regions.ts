/**
 * The region a country's offerings are routed to, or undefined: about forty countries (ZA, NG, GH, ...) are in no region,
 * and their offerings need an explicit pool. Case does not matter.
 */
export function regionOf(country: string): string | undefined {
  return REGION_BY_COUNTRY.get(country.toUpperCase());
}

export const LOCATIONS: readonly string[] = ['europe', 'na', 'latam', 'apac', 'mena', 'ssa', 'cis'];

const COUNTRIES: Readonly<Record<string, string>> = {
  europe:
    'AD AL AT BA BE BG CH CY CZ DE DK EE ES FI FR GB GR HR HU IE IS IT LI LT LU LV MC ME MK MT NL NO PL PT RO RS SE SI SK SM UK VA XK',
  cis: 'AM AZ BY GE KG KZ MD RU TJ TM UA UZ',
  na: 'AG AI AW BB BL BM BS BZ CA CR CU CW DM DO GD GL GP GT HN HT JM KN KY LC MF MQ MS MX NI PA PM PR SV SX TC TT US VC VG VI',
  latam: 'AR BO BR CL CO EC FK GF GY PE PY SR UY VE',
  apac: 'AF AS AU BD BN BT CK CN FJ FM GU HK ID IN JP KH KI KP KR LA LK MH MM MN MO MP MV MY NC NP NR NU NZ PF PG PH PK PW SB SG TH TK TL TO TV TW VN VU WF WS',
  mena: 'AE AO BH BI CD CF CG CM DJ DZ EG EH ER ET GA IL IQ IR JO KE KW LB LY MA ML MR NE OM PS QA RW SA SD SO SY TN TR TZ UG YE',
  ssa: 'BW LS MW MZ NA SS SZ TD ZM ZW',
};

const REGION_BY_COUNTRY = new Map(
  Object.entries(COUNTRIES).flatMap(([region, list]) => list.split(' ').map((country) => [country, region] as const)),
);

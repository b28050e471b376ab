import type { Curve } from './figure.ts';

const WIDTH = 760;
const HEIGHT = 420;
const PLOT = { left: 74, right: 24, top: 48, bottom: 92 } as const;
/** Told apart by shape too, for eyes and printers that see no colours. */
const DASHES = ['', '7 5', '2 4', '10 4 2 4'] as const;

/** One picture as SVG text, readable on light and on dark ground. */
export function chart(curve: Curve): string {
  const points = curve.series.flatMap(({ points: own }) => own);
  const x = axis(
    curve.scale,
    points.map(([value]) => value),
    PLOT.left,
    WIDTH - PLOT.right,
  );
  // Heights begin at nothing where the scale can show nothing.
  const floor = curve.scale === 'linear' ? [0] : [];
  const y = axis(curve.scale, [...floor, ...points.map(([, value]) => value)], HEIGHT - PLOT.bottom, PLOT.top);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escape(curve.title)}">
<style>${STYLE}</style>
<rect class="ground" width="${WIDTH}" height="${HEIGHT}" rx="8"/>
<text class="title" x="${PLOT.left}" y="28">${escape(curve.title)}</text>
${x.ticks.map((tick) => verticalTick(x.place(tick), tick)).join('\n')}
${y.ticks.map((tick) => horizontalTick(y.place(tick), tick)).join('\n')}
<text x="${(PLOT.left + WIDTH - PLOT.right) / 2}" y="${HEIGHT - PLOT.bottom + 38}" text-anchor="middle">${escape(curve.x)}</text>
<text transform="translate(18 ${(PLOT.top + HEIGHT - PLOT.bottom) / 2}) rotate(-90)" text-anchor="middle">${escape(curve.y)}</text>
${curve.series.map((series, index) => line(series, index, x.place, y.place)).join('\n')}
</svg>
`;
}

const STYLE = `
text { font: 13px system-ui, sans-serif; fill: #333 }
.title { font-size: 16px; font-weight: 600 }
.ground { fill: #fff }
.grid { stroke: #ddd }
.line { fill: none; stroke-width: 2 }
.s0 { stroke: #0b6bcb } .s1 { stroke: #2f8f2f } .s2 { stroke: #b8500c } .s3 { stroke: #8a3ffc }
.dot.s0 { fill: #0b6bcb } .dot.s1 { fill: #2f8f2f } .dot.s2 { fill: #b8500c } .dot.s3 { fill: #8a3ffc }
@media (prefers-color-scheme: dark) {
  text { fill: #ddd } .ground { fill: #16181c } .grid { stroke: #363a40 }
  .s0 { stroke: #6cb2ff } .s1 { stroke: #74d674 } .s2 { stroke: #ffa35c } .s3 { stroke: #c6a0ff }
  .dot.s0 { fill: #6cb2ff } .dot.s1 { fill: #74d674 } .dot.s2 { fill: #ffa35c } .dot.s3 { fill: #c6a0ff }
}`;

interface Axis {
  readonly ticks: readonly number[];
  readonly place: (value: number) => number;
}

function axis(scale: Curve['scale'], values: readonly number[], from: number, to: number): Axis {
  const usable = scale === 'log' ? values.filter((value) => value > 0) : values;
  const [low, high] = [Math.min(...usable), Math.max(...usable)];
  if (scale === 'linear') {
    const step = niceStep((high - low) / 6);
    const first = Math.floor(low / step) * step;
    const last = Math.ceil(high / step) * step;
    const ticks = Array.from({ length: Math.round((last - first) / step) + 1 }, (_, index) => first + index * step);
    return { ticks, place: (value) => from + ((value - first) / (last - first)) * (to - from) };
  }
  const first = Math.floor(Math.log10(low));
  const last = Math.max(first + 1, Math.ceil(Math.log10(high)));
  const ticks = Array.from({ length: last - first + 1 }, (_, index) => 10 ** (first + index));
  return {
    ticks,
    place: (value) => from + ((Math.log10(Math.max(value, 10 ** first)) - first) / (last - first)) * (to - from),
  };
}

/** The next larger of 1, 2 and 5 times a power of ten. */
function niceStep(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(rough || 1));
  return power * ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10);
}

function verticalTick(at: number, value: number): string {
  const bottom = HEIGHT - PLOT.bottom;
  return `<path class="grid" d="M${round(at)} ${PLOT.top}V${bottom}"/><text x="${round(at)}" y="${bottom + 18}" text-anchor="middle">${label(value)}</text>`;
}

function horizontalTick(at: number, value: number): string {
  return `<path class="grid" d="M${PLOT.left} ${round(at)}H${WIDTH - PLOT.right}"/><text x="${PLOT.left - 8}" y="${round(at) + 4}" text-anchor="end">${label(value)}</text>`;
}

function line(
  { name, points }: Curve['series'][number],
  index: number,
  x: (value: number) => number,
  y: (value: number) => number,
): string {
  const path = points.map(([px, py], at) => `${at === 0 ? 'M' : 'L'}${round(x(px))} ${round(y(py))}`).join('');
  const few = points.length <= 12;
  const dots = few
    ? points.map(([px, py]) => `<circle class="dot s${index}" cx="${round(x(px))}" cy="${round(y(py))}" r="3.5"/>`)
    : [];
  const column = PLOT.left + (index % 2) * 340;
  const row = HEIGHT - 30 + Math.floor(index / 2) * 20;
  const dash = `stroke-dasharray="${DASHES[index % DASHES.length]}"`;
  return [
    `<path class="line s${index}" ${dash} d="${path}"/>`,
    ...dots,
    `<path class="line s${index}" ${dash} d="M${column} ${row - 4}h28"/><text x="${column + 36}" y="${row}">${escape(name)}</text>`,
  ].join('\n');
}

function label(value: number): string {
  return Math.abs(value) >= 1 || value === 0
    ? Math.round(value).toLocaleString('en-US')
    : String(Number(value.toPrecision(2)));
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}

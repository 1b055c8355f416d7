// A plot of lines as SVG. Pure functions.

/** One line of the plot, with its name in the legend. */
export interface Series {
  name: string;
  points: readonly (readonly [x: number, y: number])[];
}

/** The texts of the plot: its title, and a label for each axis. */
export interface Axes {
  title: string;
  x: string;
  y: string;
}

const width = 760;
const height = 420;
const frame = { left: 64, right: 560, top: 44, bottom: 360 };
const colours = ['#0072b2', '#e69f00', '#009e73', '#cc79a7', '#d55e00', '#56b4e9', '#888888'];

const escapeXml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

/** The least number of the form 1, 2 or 5 times a power of ten that is at least `value`. */
export function niceCeiling(value: number): number {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 5, 10].find((step) => step * power >= value) ?? 10) * power;
}

/** A plot of lines with a logarithmic x axis and a y axis from 0. Points that are not finite are omitted. */
export function linePlot({ title, x, y }: Axes, series: readonly Series[]): string {
  const shown = series.map((each) => ({
    ...each,
    points: each.points.filter(([px, py]) => px > 0 && Number.isFinite(px) && Number.isFinite(py)),
  }));
  const all = shown.flatMap(({ points }) => points);
  const xs = [...new Set(all.map(([px]) => px))].sort((a, b) => a - b);
  const top = niceCeiling(Math.max(0, ...all.map(([, py]) => py)));
  const [low = 1, high = 1] = [xs[0], xs.at(-1)].map((each) => Math.log(each ?? 1));
  const toX = (value: number): number =>
    frame.left + (high === low ? 0.5 : (Math.log(value) - low) / (high - low)) * (frame.right - frame.left);
  const toY = (value: number): number => frame.bottom - (value / top) * (frame.bottom - frame.top);
  const text = (px: number, py: number, content: string, anchor = 'middle'): string =>
    `<text x="${px.toFixed(1)}" y="${py.toFixed(1)}" text-anchor="${anchor}">${escapeXml(content)}</text>`;
  const grid = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const py = toY(share * top).toFixed(1);
    return `<path class="grid" d="M${frame.left} ${py}H${frame.right}"/>${text(frame.left - 8, Number(py) + 4, String(+(share * top).toPrecision(3)), 'end')}`;
  });
  const ticks = xs.map((value) => text(toX(value), frame.bottom + 20, value.toLocaleString('en-US')));
  const lines = shown.map(({ name, points }, index) => {
    const colour = colours[index % colours.length];
    const path = points
      .map(([px, py], n) => `${n === 0 ? 'M' : 'L'}${toX(px).toFixed(1)} ${toY(py).toFixed(1)}`)
      .join('');
    const dots = points.map(
      ([px, py]) => `<circle cx="${toX(px).toFixed(1)}" cy="${toY(py).toFixed(1)}" r="3" fill="${colour}"/>`,
    );
    const row = frame.top + 14 + index * 22;
    const key = `<path d="M${frame.right + 16} ${row - 4}h18" stroke="${colour}" stroke-width="2"/>${text(frame.right + 40, row, name, 'start')}`;
    return `<path d="${path}" fill="none" stroke="${colour}" stroke-width="2"/>${dots.join('')}${key}`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeXml(title)}">
<style>text{font:13px sans-serif;fill:#222}.grid{stroke:#bbb;stroke-width:1}</style>
<rect width="${width}" height="${height}" fill="#fff"/>
${text(width / 2, 24, title)}
${grid.join('\n')}
${ticks.join('\n')}
${text((frame.left + frame.right) / 2, frame.bottom + 44, x)}
<text transform="translate(18 ${(frame.top + frame.bottom) / 2}) rotate(-90)" text-anchor="middle">${escapeXml(y)}</text>
${lines.join('\n')}
</svg>
`;
}
